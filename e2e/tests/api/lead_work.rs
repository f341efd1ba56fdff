//! What people do with leads over HTTP: status, owner, tags, notes, who did what, and the lists that filter by it.

use oslira_e2e::{Answer, Stack, User, handle};
use reqwest::Method;
use serde_json::{Value, json};

/// A colleague in an owner's account.
async fn colleague(stack: &Stack, owner: &User, role: &str) -> User {
    let colleague = User::new(stack, 0).await;
    colleague.join(owner, role).await;
    colleague
}

/// A lead straight from the table: its id.
async fn lead(stack: &Stack, user: &User, username: &str) -> String {
    let sql = "insert into leads (account_id, business_profile_id, username, score, scraped_at)
        values ($1, $2, $3, 70, now()) returning id::text";
    let row = stack.sql().await.query_one(sql, &[&user.account_id, &user.business_profile_id, &username]).await;
    row.unwrap().get(0)
}

/// Deletes them again: the audit of later tests reports leads that no analysis found.
async fn clear(stack: &Stack, user: &User) {
    stack.sql().await.execute("delete from leads where account_id = $1", &[&user.account_id]).await.unwrap();
}

async fn set(user: &User, id: &str, body: Value) -> Answer {
    user.ask(user.account_id, Method::PATCH, &format!("/leads/{id}/work"), &body).await
}

fn names(list: &Answer) -> Vec<&str> {
    let mut names: Vec<&str> =
        list.data(200)["items"].as_array().unwrap().iter().map(|lead| lead["username"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_lead_is_worked_on_closed_and_opened_again() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let run = user.analysed(&handle("fitness")).await;
    let id = run["lead_id"].as_str().unwrap();
    let fresh = user.get(&format!("/leads/{id}")).await.data(200).clone();
    assert_eq!((&fresh["status"], &fresh["owner_id"], &fresh["tags"]), (&json!("new"), &Value::Null, &json!([])));

    let body = json!({ "status": "contacted", "owner_id": user.user_id, "tags": ["VIP", "Berlin  Mitte", "vip"] });
    let work = set(&user, id, body.clone()).await.data(200).clone();
    let expected = json!({
        "lead_id": id, "status": "contacted", "owner_id": user.user_id, "tags": ["berlin mitte", "vip"],
    });
    assert_eq!(work, expected);
    assert_eq!(set(&user, id, body).await.data(200), &work, "a repeat changes nothing");
    assert_eq!(set(&user, id, json!({ "status": "won" })).await.data(200)["tags"], work["tags"]);
    let one = user.get(&format!("/leads/{id}")).await.data(200).clone();
    assert_eq!((&one["status"], &one["outcome"]["outcome"]), (&json!("won"), &json!("won")));
    let listed = user.get("/leads?status=won,lost&tag=vip&owner=me").await.data(200)["items"][0].clone();
    assert_eq!((&listed["outcome"], &listed["owner_id"]), (&json!("won"), &json!(user.user_id)));

    set(&user, id, json!({ "status": "qualified", "owner_id": null })).await.data(200);
    let one = user.get(&format!("/leads/{id}")).await.data(200).clone();
    assert_eq!((&one["status"], &one["outcome"], &one["owner_id"]), (&json!("qualified"), &Value::Null, &Value::Null));
    let activity = user.get(&format!("/leads/{id}/activity?limit=3")).await;
    let items = activity.data(200)["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    assert!(items.iter().all(|item| item["actor_id"] == json!(user.user_id)));
    let next = activity.data(200)["next_cursor"].as_str().unwrap();
    let rest = user.get(&format!("/leads/{id}/activity?cursor={next}")).await;
    let all: Vec<&str> = items
        .iter()
        .chain(rest.data(200)["items"].as_array().unwrap())
        .map(|item| item["action"].as_str().unwrap())
        .collect();
    assert_eq!(all.len(), 8, "{all:?}");
    assert_eq!(all.iter().filter(|action| **action == "status_changed").count(), 3, "{all:?}");
    user.settles_at(4).await;
}

#[tokio::test]
async fn lists_and_the_file_filter_by_work_and_show_it() {
    let stack = Stack::load();
    let owner = User::new(&stack, 0).await;
    let bob = colleague(&stack, &owner, "member").await;
    for (name, body) in [
        ("anna", json!({ "status": "contacted", "owner_id": owner.user_id, "tags": ["vip", "=1+1"] })),
        ("bert", json!({ "status": "replied", "owner_id": bob.user_id, "tags": ["vip"] })),
        ("cleo", json!({ "status": "replied" })),
    ] {
        let id = lead(&stack, &owner, name).await;
        set(&owner, &id, body).await.data(200);
    }
    for (query, expected) in [
        ("status=replied", &["bert", "cleo"][..]),
        ("status=contacted,new", &["anna"]),
        ("tag=VIP", &["anna", "bert"]),
        ("tag=vip,%3D1%2B1", &["anna"]),
        ("owner=me", &["anna"]),
        ("owner=none", &["cleo"]),
        (&format!("owner={}&status=replied", bob.user_id), &["bert"]),
        ("owner=none&q=cle", &["cleo"]),
        ("status=&tag=&owner=", &["anna", "bert", "cleo"]),
    ] {
        assert_eq!(names(&owner.get(&format!("/leads?{query}")).await), expected, "{query}");
    }
    let file = owner.request(Method::GET, "/leads/export.csv?owner=me").send().await.unwrap().text().await.unwrap();
    let rows: Vec<&str> = file.trim_start_matches('\u{feff}').trim_end().split("\r\n").collect();
    assert!(rows[0].ends_with(",id,status,owner_id,tags"), "{}", rows[0]);
    let end = format!(",contacted,{},\"'=1+1, vip\"", owner.user_id);
    assert!(rows.len() == 2 && rows[1].starts_with("anna,") && rows[1].ends_with(&end), "{rows:?}");

    // Whoever leaves owns nothing any more.
    let them = format!("/members/{}", bob.user_id);
    owner.ask(owner.account_id, Method::DELETE, &them, &Value::Null).await.data(200);
    assert_eq!(names(&owner.get("/leads?owner=none").await), ["bert", "cleo"]);
    let berts = owner.get("/leads?q=bert").await.data(200)["items"][0]["id"].as_str().unwrap().to_owned();
    let activity = owner.get(&format!("/leads/{berts}/activity")).await;
    assert_eq!(activity.data(200)["items"][0]["action"], "owner_left");
    clear(&stack, &owner).await;
}

#[tokio::test]
async fn a_note_is_written_changed_and_deleted_by_those_who_may() {
    let stack = Stack::load();
    let owner = User::new(&stack, 0).await;
    let (bob, vic) = (colleague(&stack, &owner, "member").await, colleague(&stack, &owner, "viewer").await);
    let id = lead(&stack, &owner, "anna").await;
    let notes = format!("/leads/{id}/notes");
    let added = bob.ask(owner.account_id, Method::POST, &notes, &json!({ "text": " Likes cake.\r\n" })).await;
    let note = added.data(201).clone();
    assert_eq!((added.header("etag"), &note["text"]), (Some("\"1\""), &json!("Likes cake.")));
    let path = format!("{notes}/{}", note["id"].as_str().unwrap());
    let change = async |user: &User, text: &str, version: &str| {
        let request = user.request(Method::PUT, &path).header("x-account-id", owner.account_id.to_string());
        let request = request.header("if-match", version).json(&json!({ "text": text }));
        Answer::read(request.send().await.unwrap()).await
    };
    assert_eq!(change(&bob, "Likes tea.", "\"1\"").await.header("etag"), Some("\"2\""));
    assert_eq!(change(&owner, "Likes coffee.", "\"1\"").await.refused(412, "note_changed")["version"], 2);
    assert_eq!(change(&owner, "Likes coffee.", "\"1\", W/\"2\"").await.data(200)["version"], 3);
    // A program writes too, and what it wrote is not everybody's.
    let key = json!({ "name": "Import", "scopes": ["edit_leads"] });
    let key = Answer::read(owner.request(Method::POST, "/api-keys").json(&key).send().await.unwrap()).await;
    let secret = key.data(201)["secret"].as_str().unwrap();
    let imported = stack.http().post(format!("{}{notes}", stack.api_url)).bearer_auth(secret);
    let imported = Answer::read(imported.json(&json!({ "text": "From the CRM." })).send().await.unwrap()).await;
    assert_eq!(imported.data(201)["author_id"], key.data(201)["key"]["id"]);
    let programs = format!("{notes}/{}", imported.data(201)["id"].as_str().unwrap());
    let (account, nothing) = (owner.account_id, &Value::Null);
    bob.ask(account, Method::DELETE, &programs, nothing).await.refused(403, "not_the_author");
    bob.ask(account, Method::PUT, &programs, &json!({ "text": "x" })).await.refused(403, "not_the_author");

    let read = vic.ask(account, Method::GET, &notes, nothing).await;
    let texts: Vec<&Value> = read.data(200)["items"].as_array().unwrap().iter().map(|note| &note["text"]).collect();
    assert_eq!(texts, ["From the CRM.", "Likes coffee."]);
    vic.ask(account, Method::POST, &notes, &json!({ "text": "x" })).await.refused(403, "permission_missing");

    let deleted = bob.ask(account, Method::DELETE, &path, nothing).await.data(200).clone();
    assert_eq!(bob.ask(account, Method::DELETE, &path, nothing).await.data(200), &deleted);
    change(&bob, "again", "*").await.refused(404, "note_not_found");
    let activity = owner.get(&format!("/leads/{id}/activity")).await.data(200).clone();
    assert_eq!(activity["items"].as_array().unwrap().len(), 5);
    assert!(!activity.to_string().contains("Likes"));

    owner.ask(account, Method::DELETE, &format!("/leads/{id}"), nothing).await.data(200);
    for path in [notes.clone(), format!("/leads/{id}/activity")] {
        owner.get(&path).await.refused(404, "lead_not_found");
    }
    clear(&stack, &owner).await;
}

#[tokio::test]
async fn what_makes_no_sense_or_is_too_much_is_refused() {
    let stack = Stack::load();
    let (user, stranger) = (User::new(&stack, 0).await, User::new(&stack, 0).await);
    let id = lead(&stack, &user, "anna").await;
    for body in [
        json!({ "status": "open" }),
        json!({ "status": null }),
        json!({ "tags": null }),
        json!({ "owner_id": "me" }),
        json!({ "stage": "new" }),
    ] {
        set(&user, &id, body.clone()).await.refused_for(&body.to_string(), 422, "invalid_request");
    }
    let eleven: Vec<String> = (0..11).map(|number| format!("tag {number}")).collect();
    for tags in [json!([""]), json!(["a,b"]), json!(["x".repeat(31)]), json!(eleven)] {
        let refused = set(&user, &id, json!({ "tags": tags })).await;
        assert_eq!(refused.refused(422, "invalid_lead_work")["field"], "tags");
    }
    set(&user, &id, json!({ "owner_id": stranger.user_id })).await.refused(422, "owner_not_member");
    set(&stranger, &id, json!({ "status": "lost" })).await.refused(404, "lead_not_found");

    let notes = format!("/leads/{id}/notes");
    let add = async |text: &str| user.ask(user.account_id, Method::POST, &notes, &json!({ "text": text })).await;
    for text in ["", " \n", "a\u{0}b", &"x".repeat(4_001)] {
        add(text).await.refused(422, "invalid_note");
    }
    user.get("/leads/7/notes").await.refused(400, "invalid_id");
    let body = json!({ "text": "x" });
    user.ask(user.account_id, Method::PUT, &format!("{notes}/7"), &body).await.refused(400, "invalid_id");
    let fill = "insert into lead_notes (account_id, lead_id, text, author_id)
        select l.account_id, l.id, 'x', $2 from leads l, generate_series(1, 100) where l.id = ($1::text)::uuid";
    stack.sql().await.execute(fill, &[&id, &user.user_id]).await.unwrap();
    assert_eq!(add("one more").await.refused(409, "note_limit")["limit"], 100);

    // Dated a day ahead, so that midnight does not end the limit in mid test.
    let before = "insert into lead_actions (account_id, lead_id, action, details, at)
        select l.account_id, l.id, 'note_changed', '{}', now() + interval '1 day'
        from leads l, generate_series(1, 10000) where l.id = ($1::text)::uuid";
    stack.sql().await.execute(before, &[&id]).await.unwrap();
    let refused = set(&user, &id, json!({ "status": "contacted" })).await;
    assert_eq!(refused.refused(429, "too_many_lead_changes")["limit"], 10_000);
    let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=86_400).contains(&wait), "{wait}");
    clear(&stack, &user).await;
}
