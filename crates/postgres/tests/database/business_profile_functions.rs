//! Business profiles through the product's own statements: limits, merge patches, versions, deletion, tenancy, races.

use futures_util::future::try_join_all;
use oslira_app::{
    features::business::{
        BusinessProfile, BusinessProfileChanges, BusinessProfileRepository, CreateOutcome, NewBusinessProfile,
        UpdateOutcome,
    },
    shared::{
        ids::BusinessProfileId,
        pagination::{Cursor, PageQuery},
    },
};
use oslira_postgres::TenantDb;
use oslira_testkit::{Error, Member, Session, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{CROWD, Request, Stage, acting, advance, begin, complete, counts, outcomes, sqlstate};

const CREATE: &str = "select api.create_business_profile($1, $2, $3, $4)";

fn fields(name: &str) -> Value {
    json!({
        "name": name, "offering": "Meals.", "target_audience": "Runners.", "voice": "Short.",
        "do_not_say": ["synergy", "game-changer"], "competitors": ["Fast Food Club"],
        "proof_points": ["Delivers in 48 hours."], "ideal_customer": {
            "follower_min": 1000, "follower_max": 5000, "engagement_rate_min_percent": 1.25,
            "content_themes": ["running", "food"], "geographies": ["Norway"]
        }
    })
}

fn parsed(body: &Value) -> Option<NewBusinessProfile> {
    NewBusinessProfile::parse(body.as_object().unwrap().clone()).ok()
}

fn patch(body: &Value) -> BusinessProfileChanges {
    BusinessProfileChanges::parse(body.as_object().unwrap().clone()).unwrap()
}

async fn made(tenant: &TenantDb, member: &Member, name: &str) -> BusinessProfile {
    match tenant.create(acting(member), &parsed(&fields(name)).unwrap(), None, "hash").await {
        Ok(CreateOutcome::Created { profile }) => *profile,
        other => panic!("{other:?}"),
    }
}

/// Creates through SQL, with a key.
async fn create(session: &Session, account: Uuid, name: &str, key: &str, hash: &str) -> Result<Value, Error> {
    let fields = serde_json::to_value(parsed(&fields(name)).unwrap()).unwrap();
    session.call(CREATE, &[&account, &fields, &Some(key), &hash]).await
}

async fn listed(tenant: &TenantDb, member: &Member, limit: u32) -> Vec<String> {
    let mut names = Vec::new();
    let mut after = None;
    loop {
        let page = tenant.list(acting(member), PageQuery { limit, after }).await.unwrap();
        names.extend(page.items.into_iter().map(|profile| profile.name));
        match page.next_cursor {
            Some(next) => after = Some(Cursor::decode(&next).unwrap()),
            None => return names,
        }
    }
}

#[tokio::test]
async fn a_profile_is_kept_as_it_was_sent_and_listed_newest_first() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let tenant = stage.tenant();
    let profile = made(&tenant, &stage.member, "A").await;
    let kept = tenant.get(acting(&stage.member), profile.id).await.unwrap().unwrap();
    assert_eq!(kept, profile);
    let shown = serde_json::to_value(&kept).unwrap();
    for (field, sent) in fields("A").as_object().unwrap() {
        assert_eq!(&shown[field], sent, "{field}");
    }
    assert_eq!((kept.context_version, kept.account_id.uuid()), (1, stage.member.account_id));

    for name in ["B", "C", "D"] {
        made(&tenant, &stage.member, name).await;
    }
    // With equal timestamps the order is still total.
    for same_moment in [false, true] {
        let expected: &[&str] = &["D", "C", "B", "A", "Kernel Kitchen"];
        let (mut paged, mut whole) = (listed(&tenant, &stage.member, 2).await, listed(&tenant, &stage.member, 5).await);
        assert_eq!(paged, whole);
        if same_moment {
            paged.sort_unstable();
            whole = ["A", "B", "C", "D", "Kernel Kitchen"].map(str::to_owned).to_vec();
            assert_eq!(paged, whole);
        } else {
            assert_eq!(whole, expected);
        }
        stage.execute("update business_profiles set created_at = '2026-01-01'", &[]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_limits_of_the_types_are_those_of_the_table() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let words = |count: usize| json!((0..count).map(|n| format!("w{n}")).collect::<Vec<_>>());
    // For each field: its place, the last value that is taken, the first that is not.
    let letters = |count: usize| json!("🦀".repeat(count));
    let cases = [
        ("name", letters(120), letters(121)),
        ("offering", letters(4_000), letters(4_001)),
        ("target_audience", letters(4_000), letters(4_001)),
        ("voice", letters(1_000), letters(1_001)),
        ("do_not_say", words(30), words(31)),
        ("do_not_say", json!(["é".repeat(80)]), json!(["é".repeat(81)])),
        ("competitors", words(30), words(31)),
        ("competitors", json!(["é".repeat(80)]), json!(["x", "é".repeat(81)])),
        ("proof_points", words(10), words(11)),
        ("proof_points", json!(["é".repeat(200)]), json!(["é".repeat(201)])),
        ("proof_points", json!([]), json!([""])),
        ("follower_min", json!(0), json!(-1)),
        ("engagement_rate_min_percent", json!(100), json!(100.01)),
        ("engagement_rate_min_percent", json!(0), json!(-0.01)),
        ("content_themes", words(30), words(31)),
        ("content_themes", json!(["é".repeat(2_000)]), json!(["é".repeat(2_001)])),
        ("geographies", words(30), words(31)),
        ("geographies", json!(["é".repeat(2_000)]), json!(["é".repeat(2_001)])),
    ];
    for (number, (field, taken, refused)) in cases.into_iter().enumerate() {
        for (value, is_taken) in [(taken, true), (refused, false)] {
            let case = format!("case {number}: {field}, taken: {is_taken}");
            let mut body = fields("X");
            let outer = body.get(field).is_some();
            *(if outer { &mut body[field] } else { &mut body["ideal_customer"][field] }) = value.clone();
            assert_eq!(parsed(&body).is_some(), is_taken, "the type, {case}");

            let mut flat = serde_json::to_value(parsed(&fields("X")).unwrap()).unwrap();
            flat[field] = value;
            let stored = stage.customer.call(CREATE, &[&stage.member.account_id, &flat, &None::<&str>, &"hash"]).await;
            let state = sqlstate(stored);
            assert_eq!(state, if is_taken { "allowed" } else { "23514" }, "the table, {case}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_the_version_tells() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (tenant, who) = (stage.tenant(), acting(&stage.member));
    let profile = made(&tenant, &stage.member, "A").await;
    let change = async |body: Value, expected| tenant.update(who, profile.id, &patch(&body), expected).await.unwrap();

    let UpdateOutcome::Updated { profile: renamed } = change(json!({ "name": "B" }), Some(1)).await else {
        panic!("not changed")
    };
    let ours =
        BusinessProfile { name: "B".to_owned(), context_version: 2, updated_at: renamed.updated_at, ..profile.clone() };
    assert_eq!(*renamed, ours, "all else stays");
    let UpdateOutcome::Updated { profile: cleared } =
        change(json!({ "ideal_customer": { "follower_max": null } }), None).await
    else {
        panic!("not changed")
    };
    assert_eq!((cleared.ideal_customer.follower_max, cleared.context_version), (None, 3));
    assert_eq!(cleared.ideal_customer.follower_min, Some(1000));
    let UpdateOutcome::Updated { profile: emptied } = change(json!({ "ideal_customer": null }), None).await else {
        panic!("not changed")
    };
    assert_eq!((emptied.ideal_customer.clone(), emptied.context_version), (Default::default(), 4));

    for nothing in [json!({}), json!({ "name": "B" }), json!({ "ideal_customer": { "geographies": [] } })] {
        assert_eq!(
            change(nothing.clone(), None).await,
            UpdateOutcome::Updated { profile: emptied.clone() },
            "{nothing} leaves no trace"
        );
    }
    assert_eq!(change(json!({ "name": "C" }), Some(3)).await, UpdateOutcome::OtherVersion { context_version: 4 });
    assert_eq!(tenant.get(who, profile.id).await.unwrap(), Some(*emptied));
    Ok(())
}

#[tokio::test]
async fn voice_and_lists_change_clear_and_stay_like_the_other_fields() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (tenant, who) = (stage.tenant(), acting(&stage.member));
    let profile = made(&tenant, &stage.member, "A").await;
    let mut expected = serde_json::to_value(&profile).unwrap();
    // For each field: another value, and the empty one that null stands for.
    let cases = [
        ("voice", json!("Long."), json!(null)),
        ("do_not_say", json!(["game-changer", "synergy"]), json!([])),
        ("competitors", json!(["Fast Food Club", "Slow Food Club"]), json!([])),
        ("proof_points", json!(["Delivers in 24 hours."]), json!([])),
    ];
    for (field, other, empty) in cases {
        for (sent, kept) in [(other.clone(), other), (json!(null), empty)] {
            let changes = patch(&json!({ field: sent }));
            let changed = tenant.update(who, profile.id, &changes, None).await.unwrap();
            let UpdateOutcome::Updated { profile: now } = &changed else { panic!("not changed") };
            let now = serde_json::to_value(now).unwrap();
            expected[field] = kept;
            expected["context_version"] = json!(expected["context_version"].as_i64().unwrap() + 1);
            expected["updated_at"] = now["updated_at"].clone();
            assert_eq!(now, expected, "{field}: all else stays");
            let again = tenant.update(who, profile.id, &changes, None).await.unwrap();
            assert_eq!(again, changed, "{field}: a repeat leaves no trace");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_profile_without_voice_and_lists_has_none() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let tenant = stage.tenant();
    let bare = parsed(&json!({ "name": "A", "offering": "Meals.", "target_audience": "Runners." })).unwrap();
    let Ok(CreateOutcome::Created { profile }) = tenant.create(acting(&stage.member), &bare, None, "hash").await else {
        panic!("not made")
    };
    assert_eq!(profile.voice, None);
    assert_eq!((profile.do_not_say, profile.competitors, profile.proof_points), Default::default());
    Ok(())
}

#[tokio::test]
async fn half_a_range_is_held_against_the_other_half() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let (tenant, who) = (stage.tenant(), acting(&stage.member));
    let profile = made(&tenant, &stage.member, "A").await;
    for half in [json!({ "follower_min": 5001 }), json!({ "follower_max": 999 })] {
        let changes = patch(&json!({ "ideal_customer": half }));
        assert_eq!(tenant.update(who, profile.id, &changes, None).await.unwrap(), UpdateOutcome::FollowerRange);
    }
    let both = patch(&json!({ "ideal_customer": { "follower_min": 6000, "follower_max": 7000 } }));
    assert!(matches!(tenant.update(who, profile.id, &both, None).await.unwrap(), UpdateOutcome::Updated { .. }));
    Ok(())
}

#[tokio::test]
async fn a_deleted_profile_takes_no_new_analysis_but_lets_the_running_one_end() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let (tenant, who) = (stage.tenant(), acting(&stage.member));
    let profile = made(&tenant, &stage.member, "A").await;
    let request = Request { business_profile: profile.id.uuid(), ..stage.request("nasa") };
    assert_eq!(begin(&stage.customer, &request).await?["outcome"], "ok");

    let deleted = tenant.delete(who, profile.id).await.unwrap();
    assert!(deleted.is_some());
    assert_eq!(tenant.delete(who, profile.id).await.unwrap(), deleted, "a repeat gives the first answer");
    assert_eq!(tenant.get(who, profile.id).await.unwrap(), None);
    assert_eq!(
        tenant.update(who, profile.id, &patch(&json!({ "name": "B" })), None).await.unwrap(),
        UpdateOutcome::NotFound
    );
    assert_eq!(listed(&tenant, &stage.member, 9).await, ["Kernel Kitchen"]);

    let refused = begin(&stage.customer, &Request { username: "esa".to_owned(), ..request.again() }).await?;
    assert_eq!(refused, json!({ "outcome": "business_profile_not_found" }));
    advance(&stage.backend, request.run, "saving").await?;
    assert_eq!(complete(&stage.backend, request.run).await?["outcome"], "completed");
    assert_eq!(stage.count("leads").await?, 1);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn another_accounts_profile_does_not_exist() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let tenant = stage.tenant();
    let profile = made(&tenant, &stage.member, "A").await;
    let eve = stage.database.member("eve", 0).await?;
    let eves_session = stage.database.customer(eve.user_id).await?;
    // As herself, and naming the other's account, as if the application had failed to check that.
    let disguised = Member { user_id: eve.user_id, ..stage.member };
    for who in [acting(&eve), acting(&disguised)] {
        assert_eq!(tenant.get(who, profile.id).await.unwrap(), None);
        let changes = patch(&json!({ "name": "Eve's" }));
        assert_eq!(tenant.update(who, profile.id, &changes, None).await.unwrap(), UpdateOutcome::NotFound);
        assert_eq!(tenant.delete(who, profile.id).await.unwrap(), None);
    }
    assert_eq!(listed(&tenant, &disguised, 9).await, [""; 0]);
    let answer = create(&eves_session, stage.member.account_id, "Eve's", "key", "hash").await?;
    assert_eq!(answer, json!({ "outcome": "forbidden" }));
    let unknown = BusinessProfileId::new(Uuid::new_v4());
    assert_eq!(tenant.delete(acting(&stage.member), unknown).await.unwrap(), None);

    stage.execute("update accounts set deleted_at = now() where id = $1", &[&stage.member.account_id]).await?;
    let who = acting(&stage.member);
    let created = tenant.create(who, &parsed(&fields("B")).unwrap(), None, "hash").await.unwrap();
    assert_eq!(created, CreateOutcome::Forbidden, "a closed account");
    assert_eq!(tenant.delete(who, profile.id).await.unwrap(), None);
    assert_eq!(stage.count("business_profiles where deleted_at is not null or name in ('B', 'Eve''s')").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_repeated_key_makes_one_profile() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let account = stage.member.account_id;
    let first = create(&stage.customer, account, "A", "key", "hash").await?;
    let again = create(&stage.customer, account, "A", "key", "hash").await?;
    assert_eq!((&first["outcome"], &again["outcome"]), (&json!("ok"), &json!("replay")));
    assert_eq!(first["profile"], again["profile"]);
    assert!(first["profile"].get("idempotency_key").is_none(), "{first}");
    let other = create(&stage.customer, account, "B", "key", "other").await?;
    assert_eq!(other, json!({ "outcome": "idempotency_key_reused" }));

    let bob = stage.database.member("bob", 0).await?;
    let bobs = create(&stage.database.customer(bob.user_id).await?, bob.account_id, "A", "key", "hash").await?;
    assert_eq!(bobs["outcome"], "ok", "a key belongs to its account");
    stage.execute("update business_profiles set created_at = created_at - interval '24 hours'", &[]).await?;
    let next_day = create(&stage.customer, account, "B", "key", "other").await?;
    assert_eq!(next_day["outcome"], "ok", "a key is remembered for a day");
    Ok(())
}

#[tokio::test]
async fn a_race_adds_no_profile_beyond_the_limit_and_none_twice() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let account = stage.member.account_id;
    let fill = "insert into business_profiles (account_id, name, offering, target_audience)
        select $1, 'filler', 'x', 'x' from generate_series(1, 89)";
    // With the one that the sign-up made, ninety.
    stage.execute(fill, &[&account]).await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.crowd().await?;

    let same = try_join_all(crowd.iter().map(|session| create(session, account, "Same", "same", "hash"))).await?;
    assert_eq!(outcomes(&same), counts([("ok", 1), ("replay", CROWD - 1)]));
    let keys: Vec<String> = (0..CROWD).map(|n| n.to_string()).collect();
    let many = crowd.iter().zip(&keys).map(|(session, key)| create(session, account, "Other", key, "hash"));
    assert_eq!(outcomes(&try_join_all(many).await?), counts([("ok", 9), ("limit", CROWD - 9)]));
    assert_eq!(stage.count("business_profiles").await?, 100);

    stage.execute("update business_profiles set deleted_at = now() where name = 'Same'", &[]).await?;
    let room = create(&stage.customer, account, "Room", "room", "hash").await?;
    assert_eq!(room["outcome"], "ok", "a deleted one does not count");
    Ok(())
}

#[tokio::test]
async fn a_stranger_does_not_even_wait_for_the_accounts_lock() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let eve = stage.database.member("eve", 0).await?;
    let eves_session = stage.database.customer(eve.user_id).await?;
    eves_session.client().batch_execute("set lock_timeout = '3s'").await?;
    stage.superuser.batch_execute("begin; select from credit_balances for update").await?;
    let answer = create(&eves_session, stage.member.account_id, "Eve's", "key", "hash").await?;
    assert_eq!(answer, json!({ "outcome": "forbidden" }));
    Ok(())
}
