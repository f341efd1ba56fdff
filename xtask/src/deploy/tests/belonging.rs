//! That a deployment changes nothing of another environment's.

use super::*;

#[test]
fn what_is_another_environments_stops_before_anything_is_changed() {
    let stopped = |world: &World, settings: &WranglerEnvironment, shared: &[&str]| {
        let shared = shared.iter().map(ToString::to_string).collect();
        let deployment = Deployment { shared, ..deployment(settings, "guards") };
        let error = deployment.run(world).unwrap_err().to_string();
        assert!(error.contains("1 steps wait for you"), "{error}");
        assert_eq!(world.changes(), [""; 0]);
    };
    let staging = settings("f00d");
    stopped(&World::new(), &staging, &["id f00d"]);

    let mut world = World::new();
    world.shell.retain(|(name, _)| *name != "OSLIRA_STAGING_STRIPE_SECRET_KEY");
    world.shell.push(("OSLIRA_STAGING_STRIPE_SECRET_KEY", "rk_live_x"));
    stopped(&world, &staging, &[]);

    // No Worker of this account, and yet one runs on the database.
    let mut world = World::new();
    world.is_in_use = true;
    stopped(&world, &staging, &[]);

    let mut nowhere = settings("f00d");
    nowhere.vars.insert("SUPABASE_URL".to_owned(), String::new());
    stopped(&World::new(), &nowhere, &[]);
}

#[test]
fn a_database_that_is_not_supabases_is_for_a_person_to_look_at() {
    let (world, mut settings) = (World::new(), settings("f00d"));
    settings.vars.insert("SUPABASE_URL".to_owned(), "https://auth.oslira.test".to_owned());
    let found = standing(&look(&world, &settings), "the database is staging's");
    assert!(matches!(&found, Standing::Person(advice) if advice.contains("OSLIRA_DATABASE_URL")), "{found:?}");
    deployment(&settings, "self-hosted").run(&world).unwrap();
    std::fs::remove_dir_all(deployment(&settings, "self-hosted").secrets_dir).unwrap();
}

#[test]
fn a_database_with_its_logins_is_migrated_just_before_the_version_even_if_no_worker_is_known() {
    let (world, settings) = (World::new(), settings("f00d"));
    *world.has_logins.borrow_mut() = true;
    *world.queues.borrow_mut() = settings.queue_names().into_iter().map(str::to_owned).collect();
    *world.buckets.borrow_mut() = settings.r2_buckets.iter().map(|bucket| bucket.bucket_name.clone()).collect();
    *world.has_rules.borrow_mut() = true;
    let deployment = deployment(&settings, "logins");
    deployment.run(&world).unwrap();
    assert_eq!(world.changes()[..2], ["build", "migrate"]);
    std::fs::remove_dir_all(deployment.secrets_dir).unwrap();
}

#[test]
fn a_host_name_is_not_taken_from_whoever_has_it() {
    let settings = settings("f00d");
    let host = "api.staging.oslira.test";
    let domain = |service: &str| json!([{ "hostname": host, "service": service }]);
    let found = |world: &World| standing(&look(world, &settings), host);
    assert_eq!(found(&World::with_zone(json!([]), json!([]))), Standing::Done);
    assert_eq!(found(&World::with_zone(json!([{ "type": "TXT", "content": "x" }]), json!([]))), Standing::Done);
    let own = World::with_zone(json!([{ "type": "AAAA", "content": "100::" }]), domain("oslira-staging"));
    assert_eq!(found(&own), Standing::Done);

    let others = World::with_zone(json!([]), domain("shop"));
    assert!(matches!(found(&others), Standing::Blocked(why) if why.contains("the Worker shop")));
    let record = World::with_zone(json!([{ "type": "CNAME", "content": "elsewhere.test" }]), json!([]));
    assert!(matches!(found(&record), Standing::Blocked(why) if why.contains("CNAME elsewhere.test")));

    let mut unread = World::with_zone(json!([]), json!([]));
    unread.cloudflare.remove("/zones/z/dns_records");
    assert!(matches!(found(&unread), Standing::Person(why) if why.contains("403") && why.contains(host)));
    assert!(matches!(found(&World::new()), Standing::Person(why) if why.contains("CLOUDFLARE_API_TOKEN")));
}

#[test]
fn a_hyperdrive_that_would_do_harm_stops_the_deployment() {
    let (world, settings) = (World::new(), settings("f00d"));
    for (config, expected) in [
        (config("LOGIN", "db.p.supabase.co", false, 20), "caching-disabled"),
        (config("postgres", "db.p.supabase.co", true, 20), "logs in as postgres"),
        (config("LOGIN", "aws-0-eu-central-1.pooler.supabase.com", true, 20), "direct host"),
        (config("LOGIN", "db.production.supabase.co", true, 20), "SUPABASE_URL says db.p.supabase.co"),
    ] {
        *world.hyperdrive.borrow_mut() = config;
        let found = standing(&look(&world, &settings), "Hyperdrive configuration of DB");
        assert!(matches!(&found, Standing::Blocked(why) if why.contains(expected)), "{found:?}");
    }
    *world.hyperdrive.borrow_mut() = config("LOGIN", "db.p.supabase.co", true, 60);
    let found = standing(&look(&world, &settings), "Hyperdrive's connections");
    assert!(matches!(&found, Standing::Blocked(why) if why.contains("180") && why.contains("80")), "{found:?}");
    assert!(deployment(&settings, "harm").run(&world).is_err());
    assert!(!world.changes().contains(&"build".to_owned()));
}
