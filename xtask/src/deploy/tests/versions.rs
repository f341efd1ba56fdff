//! Which version serves: after a deployment, after one that failed, and after going back.

use super::*;

#[test]
fn a_version_that_does_not_become_ready_says_why_and_how_to_go_back() {
    let world = World::new();
    *world.answering.borrow_mut() = Answer {
        status: 503,
        body: json!({ "code": "not_ready", "details": { "faults": ["APIFY_TOKEN is not set"] } }),
        retry_after_s: None,
    };
    let expected = Expected::Release("oslira@1a2b3c4".to_owned());
    let error = smoke::test(&world, "staging", &expected, PATIENCE, "Go back").unwrap_err().to_string();
    assert!(error.contains("503 APIFY_TOKEN is not set") && error.ends_with("Go back"), "{error}");
    *world.answering.borrow_mut() = ready("oslira@old");
    let error = smoke::test(&world, "staging", &expected, PATIENCE, "Go back").unwrap_err().to_string();
    assert!(error.contains("oslira@old answers"), "{error}");
    *world.answering.borrow_mut() = ready_as("production", "oslira@1a2b3c4");
    let error = smoke::test(&world, "staging", &expected, PATIENCE, "Go back").unwrap_err().to_string();
    assert!(error.contains("it says that it is production, not staging"), "{error}");
}

#[test]
fn going_back_names_the_version_of_the_release_before() {
    let world = World::new();
    // Another secret made another version of the broken release.
    world.deployed.borrow_mut().extend([("v3", "broken"), ("v4", "broken")]);
    rollback::roll_back(Name::Staging, None, &world).unwrap();
    assert_eq!(world.changes(), ["rollback v2 --env staging --message cargo xtask deploy --rollback --yes"]);
}

#[test]
fn going_back_once_more_does_not_go_on_to_what_was_left_unless_a_person_names_it() {
    let world = World::new();
    world.deployed.borrow_mut().extend([("v3", "broken"), ("v2", "old")]);
    let error = rollback::roll_back(Name::Staging, None, &world).unwrap_err().to_string();
    assert!(error.contains("release broken") && error.contains("--rollback --to v3"), "{error}");
    assert_eq!(world.changes(), [""; 0]);
    rollback::roll_back(Name::Staging, Some("v3"), &world).unwrap();
    assert!(world.changes().concat().starts_with("rollback v3 "));
}

#[test]
fn a_release_that_failed_halfway_says_which_one_serves() {
    let (mut world, settings) = (World::new(), settings("f00d"));
    world.fails_after_upload = true;
    let deployment = deployment(&settings, "halfway");
    let error = format!("{:#}", deployment.run(&world).unwrap_err());
    assert!(
        error.contains("release 1a2b3c4 serves already and is ready") && error.contains("run this again"),
        "{error}"
    );
    let other = Deployment { release: "another".to_owned(), ..deployment };
    let error = format!("{:#}", other.run(&world).unwrap_err());
    assert!(error.contains("release 1a2b3c4 goes on"), "{error}");
    std::fs::remove_dir_all(other.secrets_dir).unwrap();
}
