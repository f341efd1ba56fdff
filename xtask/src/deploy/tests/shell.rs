//! Secrets from the shell: whose they are, and what stays of them.

use super::*;

#[test]
fn secrets_go_by_a_private_file_that_is_gone_and_are_in_no_argument() {
    let (world, settings) = (World::new(), settings("f00d"));
    let deployment = deployment(&settings, "secrets");
    deployment.run(&world).unwrap();
    let uploaded = world.uploaded.take().unwrap();
    assert_eq!(uploaded.as_object().unwrap().len(), 5);
    assert_eq!(uploaded["RESEND_API_KEY"], SECRET, "an optional one that the shell has comes too");
    assert!(!world.done.borrow().iter().any(|command| command.contains(SECRET)));
    assert_eq!(std::fs::read_dir(&deployment.secrets_dir).unwrap().count(), 0);
    std::fs::remove_dir_all(deployment.secrets_dir).unwrap();
}

#[test]
fn a_required_secret_that_nobody_gives_stops_before_the_version_is_begun() {
    let (mut world, settings) = (World::new(), settings("f00d"));
    world.shell.retain(|(name, _)| *name != "OSLIRA_STAGING_STRIPE_SECRET_KEY");
    // Neither says that it is staging's.
    world.shell.extend([("STRIPE_SECRET_KEY", SECRET), ("OSLIRA_PRODUCTION_STRIPE_SECRET_KEY", SECRET)]);
    let error = format!("{:#}", deployment(&settings, "missing").run(&world).unwrap_err());
    assert!(error.contains("OSLIRA_STAGING_STRIPE_SECRET_KEY") && !error.contains(SECRET), "{error}");
    assert!(!world.changes().contains(&"build".to_owned()));
}

#[test]
fn files_of_secrets_that_nobody_uses_any_more_are_removed() {
    let dir = std::env::temp_dir().join(format!("oslira-deploy-sweep-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    // No process has this id: it is above Linux's largest. The first one runs always.
    let [gone, own] = [i32::MAX.to_string(), std::process::id().to_string()];
    for file in
        [format!("secrets-{gone}.json"), format!("secrets-{own}.new"), "secrets-1.json".to_owned(), "x".to_owned()]
    {
        std::fs::write(dir.join(file), "{}").unwrap();
    }
    secrets::sweep(&dir);
    let mut left: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["secrets-1.json", "x"]);
    std::fs::remove_dir_all(dir).unwrap();
}
