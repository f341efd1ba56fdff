//! People and programs of an account: invited by mail, limited, listed, ended.

use oslira_e2e::{Answer, Stack, User};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

async fn address(stack: &Stack, user: &User) -> String {
    let sql = "select email::text from auth.users where id = $1";
    stack.sql().await.query_one(sql, &[&user.user_id]).await.unwrap().get(0)
}

/// The mails to an address, newest first.
async fn mails(stack: &Stack, to: &str) -> Vec<Value> {
    let path = format!("mail?to={}", to.replace('+', "%2B").replace('@', "%40"));
    let answer: Value = stack.control(Method::GET, &path).send().await.unwrap().json().await.unwrap();
    answer["mails"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_colleague_joins_by_the_link_of_a_mail_spends_up_to_a_limit_and_leaves() {
    let stack = Stack::load();
    let (owner, ann) = (User::new(&stack, 20).await, User::new(&stack, 0).await);
    let address = address(&stack, &ann).await;
    let body = json!({ "email": address, "role": "member", "limit": { "credits": 1, "period": "month" } });
    let invited = owner.ask(owner.account_id, Method::POST, "/invitations", &body).await;
    assert_eq!(invited.data(201)["is_mailed"], true);
    let mails = mails(&stack, &address).await;
    assert_eq!(mails.len(), 1);
    let link = invited.data(201)["link"].as_str().unwrap();
    assert!(mails[0]["text"].as_str().unwrap().contains(link));
    let token = link.split_once("#token=").unwrap().1;

    // Before she joins she is a stranger.
    ann.ask(owner.account_id, Method::GET, "/members", &Value::Null).await.refused(403, "account_forbidden");
    let accept =
        ann.request(Method::POST, "/invitations/accept").json(&json!({ "token": token })).send().await.unwrap();
    assert_eq!(Answer::read(accept).await.data(200)["account_id"], json!(owner.account_id));

    let analysis = json!({
        "username": "nasa", "analysis_type": "LIGHT", "business_profile_id": owner.business_profile_id,
    });
    let run = ann.ask(owner.account_id, Method::POST, "/v1/analyze", &analysis).await;
    let run = run.data(202)["run_id"].as_str().unwrap().to_owned();
    owner.end_of(&run).await;
    // Whoever looks sees who spent.
    let by_ann = json!({ "id": ann.user_id, "kind": "person", "name": address });
    for path in ["/credits/transactions", "/runs"] {
        let listed = owner.get(path).await;
        assert_eq!(listed.data(200)["items"][0]["spent_by"], by_ann, "{path}");
    }
    let more = json!({ "username": "esa", "analysis_type": "LIGHT", "business_profile_id": owner.business_profile_id });
    let refused = ann.ask(owner.account_id, Method::POST, "/v1/analyze", &more).await;
    assert_eq!(refused.refused(402, "member_limit_reached")["limit"], 1);

    let members = owner.ask(owner.account_id, Method::GET, "/members", &Value::Null).await;
    let members = members.data(200)["items"].as_array().unwrap().clone();
    assert_eq!((members.len(), &members[1]["email"], &members[1]["spent"]), (2, &json!(address), &json!(1)));

    // She may not give herself more, and nobody but her may leave for her but who manages members.
    let me = format!("/members/{}", ann.user_id);
    let raise = json!({ "role": "owner", "limit": null });
    ann.ask(owner.account_id, Method::PUT, &me, &raise).await.refused(403, "permission_missing");
    let them = format!("/members/{}", owner.user_id);
    ann.ask(owner.account_id, Method::DELETE, &them, &Value::Null).await.refused(403, "permission_missing");
    owner.ask(owner.account_id, Method::DELETE, &them, &Value::Null).await.refused(409, "last_owner");
    ann.ask(owner.account_id, Method::DELETE, &me, &Value::Null).await.data(200);
    // Her memberships may be remembered for a minute: then there is nothing to see, or the door is shut.
    let seen = ann.ask(owner.account_id, Method::GET, &format!("/runs/{run}"), &Value::Null).await;
    assert!([403, 404].contains(&seen.status), "{}", seen.body);

    let activity = owner.ask(owner.account_id, Method::GET, "/activity", &Value::Null).await;
    let actions: Vec<&str> =
        activity.data(200)["items"].as_array().unwrap().iter().map(|item| item["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["member_left", "member_joined", "member_invited"]);
    owner.settles_at(19).await;
}

#[tokio::test]
async fn an_invitation_that_cannot_be_mailed_is_made_and_its_link_is_told() {
    let stack = Stack::load();
    let owner = User::new(&stack, 0).await;
    let to = format!("{}@nowhere.test", Uuid::new_v4().simple());
    let fault = stack.plant("resend.emails", "status", &to, json!({ "status": 500 })).await;
    let invited = owner.request(Method::POST, "/invitations").json(&json!({ "email": to, "role": "viewer" })).send();
    let invited = Answer::read(invited.await.unwrap()).await;
    assert_eq!((&invited.data(201)["is_mailed"], invited.data(201)["link"].is_string()), (&json!(false), true));
    stack.release(fault).await;
    for wrong in ["", "nobody", "a@b.c, d@e.f", "Ann <a@b.c>"] {
        let body = json!({ "email": wrong, "role": "viewer" });
        owner.ask(owner.account_id, Method::POST, "/invitations", &body).await.refused(422, "invalid_email");
    }
}

#[tokio::test]
async fn a_program_acts_by_its_key_until_it_is_rotated_or_revoked() {
    let stack = Stack::load();
    let owner = User::new(&stack, 20).await;
    let body = json!({ "name": "Import", "scopes": ["analyse"], "limit": { "credits": 1, "period": "day" } });
    let made = Answer::read(owner.request(Method::POST, "/api-keys").json(&body).send().await.unwrap()).await;
    let (id, secret) = (
        made.data(201)["key"]["id"].as_str().unwrap().to_owned(),
        made.data(201)["secret"].as_str().unwrap().to_owned(),
    );
    let with = async |secret: &str, method: Method, path: &str, body: Value| {
        let request = stack.http().request(method, format!("{}{path}", stack.api_url)).bearer_auth(secret);
        let request = if body.is_null() { request } else { request.json(&body) };
        Answer::read(request.send().await.unwrap()).await
    };
    let verified = with(&secret, Method::GET, "/auth/verify", json!(null)).await;
    assert_eq!(verified.data(200)["account_id"], json!(owner.account_id));
    assert_eq!(verified.data(200)["accounts"][0]["permissions"], json!(["analyse", "read"]));

    let analysis = owner.analysis_of("nasa");
    let run =
        with(&secret, Method::POST, "/v1/analyze", analysis).await.data(202)["run_id"].as_str().unwrap().to_owned();
    let run = owner.end_of(&run).await;
    assert_eq!(run["status"], "complete");
    with(&secret, Method::POST, "/v1/analyze", owner.analysis_of("esa")).await.refused(402, "member_limit_reached");
    assert_eq!(run["spent_by"], json!({ "id": id, "kind": "key", "name": "Import" }));
    let lead = run["lead_id"].as_str().map(ToOwned::to_owned).unwrap_or_default();
    with(&secret, Method::DELETE, &format!("/leads/{lead}"), json!(null)).await.refused(403, "permission_missing");
    with(&secret, Method::POST, "/invitations/accept", json!({ "token": "x" })).await.refused(403, "person_required");

    let rotate = owner.request(Method::POST, &format!("/api-keys/{id}/rotate")).json(&json!({ "overlap_s": 600 }));
    let rotated = Answer::read(rotate.send().await.unwrap()).await.data(200)["secret"].as_str().unwrap().to_owned();
    for good in [&secret, &rotated] {
        with(good, Method::GET, "/credits/balance", json!(null)).await.data(200);
    }
    let listed = owner.get("/api-keys").await;
    assert_eq!(
        (&listed.data(200)["items"][0]["spent"], &listed.data(200)["items"][0]["state"]),
        (&json!(1), &json!("live"))
    );
    assert!(!listed.data(200).to_string().contains(&rotated));
    Answer::read(owner.request(Method::DELETE, &format!("/api-keys/{id}")).send().await.unwrap()).await.data(200);
    for over in [&secret, &rotated, &format!("{}0", &rotated[..rotated.len() - 1])] {
        with(over, Method::GET, "/credits/balance", json!(null)).await.refused(401, "key_invalid");
    }
    owner.settles_at(19).await;
}

/// Invites an address; the token of the link.
async fn invited(owner: &User, email: &str, role: &str) -> String {
    let body = json!({ "email": email, "role": role });
    let made = owner.ask(owner.account_id, Method::POST, "/invitations", &body).await;
    made.data(201)["token"].as_str().unwrap().to_owned()
}

async fn accept(user: &User, token: &str) -> Answer {
    let accepting = user.request(Method::POST, "/invitations/accept").json(&json!({ "token": token }));
    Answer::read(accepting.send().await.unwrap()).await
}

#[tokio::test]
async fn an_invitation_that_does_not_let_in_says_why() {
    let stack = Stack::load();
    let [owner, ann, bob] = [User::new(&stack, 0).await, User::new(&stack, 0).await, User::new(&stack, 0).await];
    let invite = async |email: &str, role: &str| {
        let body = json!({ "email": email, "role": role });
        owner.ask(owner.account_id, Method::POST, "/invitations", &body).await
    };
    let hers = address(&stack, &ann).await;
    invite(&hers, "key").await.refused(422, "invalid_role");

    let token = invited(&owner, &hers, "admin").await;
    accept(&bob, &token).await.refused(403, "invitation_for_another_address");
    accept(&ann, &token).await.data(200);
    // The answer to the first may have been lost on its way.
    accept(&ann, &token).await.data(200);
    accept(&ann, "no token").await.refused(404, "invitation_not_found");
    invite(&hers, "viewer").await.refused(409, "already_member");
    let invitations = owner.get("/invitations").await;
    let path = format!("/invitations/{}", invitations.data(200)["items"][0]["id"].as_str().unwrap());
    owner.ask(owner.account_id, Method::DELETE, &path, &Value::Null).await.refused(409, "invitation_accepted");
    let them = format!("/members/{}", ann.user_id);
    let promotion = json!({ "role": "owner", "limit": null });
    ann.ask(owner.account_id, Method::PUT, &them, &promotion).await.refused(403, "owner_required");

    let his = address(&stack, &bob).await;
    let late = invited(&owner, &his, "member").await;
    let age = "update public.invitations
                  set created_at = created_at - interval '8 days', expires_at = expires_at - interval '8 days'
                where account_id = $1 and accepted_at is null";
    stack.sql().await.execute(age, &[&owner.account_id]).await.unwrap();
    accept(&bob, &late).await.refused(410, "invitation_expired");
    // Five a day to one address are the most.
    for _ in 0..5 {
        invited(&owner, &his, "member").await;
    }
    invite(&his, "member").await.refused(409, "invitation_limit");
}

#[tokio::test]
async fn a_key_that_cannot_be_made_says_why() {
    let stack = Stack::load();
    let owner = User::new(&stack, 0).await;
    let make = async |body: Value| {
        Answer::read(owner.request(Method::POST, "/api-keys").json(&body).send().await.unwrap()).await
    };
    for wrong in [
        json!({ "name": " ", "scopes": [] }),
        json!({ "name": "x".repeat(81), "scopes": [] }),
        json!({ "name": "Import", "scopes": ["manage_members"] }),
        json!({ "name": "Import", "scopes": [], "expires_at": "2020-01-01T00:00:00Z" }),
    ] {
        make(wrong.clone()).await.refused_for(&wrong.to_string(), 422, "invalid_key");
    }
    let limit = json!({ "credits": -1, "period": "day" });
    make(json!({ "name": "Import", "scopes": [], "limit": limit })).await.refused(422, "invalid_spending_limit");
    for _ in 0..50 {
        make(json!({ "name": "Import", "scopes": [] })).await.data(201);
    }
    make(json!({ "name": "Import", "scopes": [] })).await.refused(409, "key_limit");
}
