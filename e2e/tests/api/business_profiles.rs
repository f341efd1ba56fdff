//! Business profiles: create, read, change, delete; each mistake has its own answer.

use oslira_e2e::{Answer, Stack, User, handle};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

const PROFILES: &str = "/business-profiles";

fn kitchen() -> Value {
    json!({
        "name": "  Öl & Brød  ", "offering": "Bread.\r\nAnd oil.", "target_audience": "Bakers 🥖",
        "voice": " Short.\r\nWarm. ", "do_not_say": ["Artisanal", "artisanal "], "competitors": ["Smør & Co"],
        "proof_points": ["Delivers in 48 hours."], "ideal_customer": {
            "follower_min": 500, "follower_max": 50_000, "engagement_rate_min_percent": 0.29,
            "content_themes": ["Bread", "bread ", "sourdough"], "geographies": ["Norway"]
        }
    })
}

async fn answer(request: RequestBuilder) -> Answer {
    Answer::read(request.send().await.unwrap()).await
}

async fn create(user: &User, body: &Value) -> Answer {
    answer(user.request(Method::POST, PROFILES).json(body)).await
}

async fn change(user: &User, id: &str, body: &Value) -> Answer {
    answer(user.request(Method::PATCH, &format!("{PROFILES}/{id}")).json(body)).await
}

async fn delete(user: &User, id: &str) -> Answer {
    answer(user.request(Method::DELETE, &format!("{PROFILES}/{id}"))).await
}

async fn created(user: &User, body: &Value) -> String {
    create(user, body).await.data(201)["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_profile_lives_from_its_making_to_its_end() {
    let stack = Stack::load();
    let user = User::new(&stack, 3).await;
    let made = create(&user, &kitchen()).await;
    let profile = made.data(201).clone();
    let id = profile["id"].as_str().unwrap();
    assert_eq!(made.header("location"), Some(format!("{PROFILES}/{id}").as_str()));
    assert_eq!(made.header("etag"), Some("\"1\""));
    assert_eq!((&profile["name"], &profile["offering"]), (&json!("Öl & Brød"), &json!("Bread.\nAnd oil.")));
    assert_eq!((&profile["voice"], &profile["do_not_say"]), (&json!("Short.\nWarm."), &json!(["Artisanal"])));
    assert_eq!(profile["competitors"], json!(["Smør & Co"]));
    assert_eq!(profile["proof_points"], json!(["Delivers in 48 hours."]));
    assert_eq!(profile["ideal_customer"]["content_themes"], json!(["Bread", "sourdough"]));
    assert_eq!(profile["ideal_customer"]["engagement_rate_min_percent"], json!(0.29));
    assert_eq!(user.get(&format!("{PROFILES}/{id}")).await.data(200), &profile);
    let listed = user.get(PROFILES).await;
    assert_eq!(listed.data(200)["items"][0], profile, "newest first");
    assert_eq!(listed.data(200)["items"].as_array().unwrap().len(), 2);

    let changed = change(&user, id, &json!({ "ideal_customer": { "follower_min": null } })).await;
    assert_eq!(changed.data(200)["ideal_customer"]["follower_min"], json!(null));
    assert_eq!((&changed.data(200)["context_version"], changed.header("etag")), (&json!(2), Some("\"2\"")));
    assert_eq!(changed.data(200)["name"], profile["name"]);
    assert_eq!(change(&user, id, &json!({})).await.data(200), changed.data(200), "nothing asked, nothing changed");

    let mut body = user.analysis_of(&handle("food"));
    body["business_profile_id"] = json!(id);
    let run = answer(user.analyze_request(&body)).await.data(202)["run_id"].as_str().unwrap().to_owned();
    let first = delete(&user, id).await.data(200).clone();
    assert_eq!(first["id"], profile["id"]);
    assert_eq!(delete(&user, id).await.data(200), &first, "a repeat gives the first answer");
    assert_eq!(user.end_of(&run).await["status"], "complete", "a run under way goes on");
    user.get(&format!("{PROFILES}/{id}")).await.refused(404, "business_profile_not_found");
    change(&user, id, &json!({ "name": "Back" })).await.refused(404, "business_profile_not_found");
    body["username"] = json!(handle("food"));
    answer(user.analyze_request(&body)).await.refused(404, "business_profile_not_found");
    assert_eq!(user.get(PROFILES).await.data(200)["items"].as_array().unwrap().len(), 1);
    user.settles_at(2).await;
}

#[tokio::test]
async fn a_field_that_makes_no_sense_is_named() {
    let stack = Stack::load();
    let user = User::new(&stack, 0).await;
    let id = user.business_profile_id.to_string();
    let cases = [
        ("/name", json!("a\u{0}b"), "name"),
        ("/name", json!(" "), "name"),
        ("/name", json!("é".repeat(121)), "name"),
        ("/offering", json!(null), "offering"),
        ("/target_audience", json!("x".repeat(4_001)), "target_audience"),
        ("/voice", json!("é".repeat(1_001)), "voice"),
        ("/do_not_say", json!(["x", "é".repeat(81)]), "do_not_say"),
        ("/competitors", json!((0..31).map(|n| n.to_string()).collect::<Vec<_>>()), "competitors"),
        ("/proof_points", json!("Delivers."), "proof_points"),
        ("/ideal_customer", json!([]), "ideal_customer"),
        ("/ideal_customer/follower_min", json!("many"), "ideal_customer.follower_min"),
        ("/ideal_customer/follower_min", json!(50_001), "ideal_customer.follower_max"),
        ("/ideal_customer/engagement_rate_min_percent", json!(101), "ideal_customer.engagement_rate_min_percent"),
        ("/ideal_customer/content_themes", json!([1]), "ideal_customer.content_themes"),
        ("/ideal_customer/geographies", json!(["", "Norway"]), "ideal_customer.geographies"),
    ];
    for (place, value, field) in cases {
        let mut body = kitchen();
        *body.pointer_mut(place).unwrap() = value;
        for sent in [create(&user, &body).await, change(&user, &id, &body).await] {
            let details = sent.refused_for(place, 422, "invalid_business_profile");
            assert_eq!(details["field"], field, "{place}");
            assert!(sent.body["error"].as_str().unwrap().contains(field), "{}", sent.body);
        }
    }
    for (body, field) in [(json!({ "offering": "x" }), "name"), (json!({ "naem": "x" }), "naem")] {
        assert_eq!(create(&user, &body).await.refused(422, "invalid_business_profile")["field"], field);
    }
    let half = json!({ "ideal_customer": { "follower_max": 4_999 } });
    let details = change(&user, &id, &half).await;
    assert_eq!(
        details.refused(422, "invalid_business_profile")["field"],
        "ideal_customer.follower_max",
        "5000 is kept"
    );
    create(&user, &json!([])).await.refused(422, "invalid_request");
    user.get("/business-profiles/7").await.refused(400, "invalid_id");
    user.get("/business-profiles?cursor=Zm9v").await.refused(400, "invalid_cursor");
    user.get("/business-profiles?limit=0").await.refused(400, "invalid_limit");
    let unknown = Uuid::new_v4().to_string();
    delete(&user, &unknown).await.refused(404, "business_profile_not_found");
}

#[tokio::test]
async fn how_a_business_speaks_is_optional_and_every_change_of_it_is_a_version() {
    let stack = Stack::load();
    let user = User::new(&stack, 0).await;
    let bare = json!({ "name": "Öl", "offering": "Oil.", "target_audience": "Cooks." });
    let made = create(&user, &bare).await.data(201).clone();
    let id = made["id"].as_str().unwrap();
    let empty = [json!(null), json!([]), json!([]), json!([])];
    let fields = ["voice", "do_not_say", "competitors", "proof_points"];
    assert_eq!(fields.map(|field| made[field].clone()), empty);

    let values = [json!("Dry."), json!(["organic"]), json!(["Smør & Co"]), json!(["Pressed on the day."])];
    for (version, (field, value)) in (2..).zip(fields.iter().zip(&values)) {
        for _ in ["a change", "a repeat, which changes nothing"] {
            let changed = change(&user, id, &json!({ *field: value })).await;
            assert_eq!((&changed.data(200)[field], &changed.data(200)["context_version"]), (value, &json!(version)));
        }
    }
    let said = user.get(&format!("{PROFILES}/{id}")).await.data(200).clone();
    assert_eq!(fields.map(|field| said[field].clone()), values, "what a change leaves out stays");
    let nothing = json!({ "voice": null, "do_not_say": null, "competitors": null, "proof_points": null });
    let cleared = change(&user, id, &nothing).await.data(200).clone();
    assert_eq!(fields.map(|field| cleared[field].clone()), empty);
    assert_eq!(cleared["context_version"], 6);
}

#[tokio::test]
async fn a_change_for_another_version_is_refused() {
    let stack = Stack::load();
    let user = User::new(&stack, 0).await;
    let id = created(&user, &kitchen()).await;
    let change_at = async |version: &str, name: &str| {
        let request = user.request(Method::PATCH, &format!("{PROFILES}/{id}")).header("if-match", version);
        answer(request.json(&json!({ "name": name }))).await
    };
    assert_eq!(change_at("\"1\"", "Second").await.data(200)["context_version"], 2);
    let late = change_at("\"1\"", "Late").await;
    assert_eq!(late.refused(412, "business_profile_changed"), &json!({ "context_version": 2 }));
    assert_eq!(change_at("*", "Third").await.data(200)["context_version"], 3);
    assert_eq!(change_at("W/\"3\"", "Fourth").await.data(200)["context_version"], 4, "Cloudflare weakens it");
    assert_eq!(change_at("\"1\", W/\"4\"", "Fifth").await.data(200)["context_version"], 5, "one of several");
    let late = change_at("\"1\", \"4\"", "Late").await;
    assert_eq!(late.refused(412, "business_profile_changed"), &json!({ "context_version": 5 }));
    change_at("W/x", "Never").await.refused(400, "invalid_if_match");
}

#[tokio::test]
async fn a_repeated_post_makes_one_profile() {
    let stack = Stack::load();
    let user = User::new(&stack, 0).await;
    let keyed = async |body: &Value| {
        answer(user.request(Method::POST, PROFILES).header("idempotency-key", "one").json(body)).await
    };
    let (first, again) = (keyed(&kitchen()).await, keyed(&kitchen()).await);
    assert_eq!(first.data(201), again.data(201));
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), (None, Some("true")));
    let mut other = kitchen();
    other["name"] = json!("Another");
    keyed(&other).await.refused(422, "idempotency_key_reused");
    let mut other = kitchen();
    other["voice"] = json!(null);
    keyed(&other).await.refused(422, "idempotency_key_reused");
    assert_eq!(user.get(PROFILES).await.data(200)["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_account_has_at_most_a_hundred() {
    let stack = Stack::load();
    let user = User::new(&stack, 0).await;
    let fill = "insert into business_profiles (account_id, name, offering, target_audience)
        select $1, 'filler', 'x', 'x' from generate_series(1, 98)";
    stack.sql().await.execute(fill, &[&user.account_id]).await.unwrap();
    let last = created(&user, &kitchen()).await;
    let refused = create(&user, &kitchen()).await;
    assert_eq!(refused.refused(409, "business_profile_limit"), &json!({ "limit": 100 }));
    delete(&user, &last).await.data(200);
    created(&user, &kitchen()).await;
}

#[tokio::test]
async fn another_accounts_profile_does_not_exist() {
    let stack = Stack::load();
    let (owner, stranger) = (User::new(&stack, 0).await, User::new(&stack, 0).await);
    let id = created(&owner, &kitchen()).await;
    stranger.get(&format!("{PROFILES}/{id}")).await.refused(404, "business_profile_not_found");
    change(&stranger, &id, &json!({ "name": "Mine" })).await.refused(404, "business_profile_not_found");
    delete(&stranger, &id).await.refused(404, "business_profile_not_found");
    assert!(!stranger.get(PROFILES).await.data(200).to_string().contains(&id));
    assert_eq!(owner.get(&format!("{PROFILES}/{id}")).await.data(200)["name"], "Öl & Brød");
    let bare = stack.http().post(format!("{}{PROFILES}", stack.api_url)).json(&kitchen());
    answer(bare).await.refused(401, "token_missing");
}
