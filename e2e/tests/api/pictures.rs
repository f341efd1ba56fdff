//! Profile pictures: copied when a profile is scraped, and served by us to the lead's account only.

use oslira_e2e::{Answer, Stack, User, handle};
use reqwest::Method;

const PNG: &[u8] = &[0x89, b'P', b'N', b'G'];

#[tokio::test]
async fn a_leads_picture_is_served_by_us_as_what_it_is() {
    let stack = Stack::load();
    let user = User::new(&stack, 5).await;
    let run = user.analysed(&handle("photography")).await;
    let lead = user.get(&format!("/leads/{}", run["lead_id"].as_str().unwrap())).await.data(200).clone();
    let path = lead["profile_picture"].as_str().unwrap_or_else(|| panic!("{lead}"));
    assert_eq!(path, format!("/leads/{}/picture", lead["id"].as_str().unwrap()));

    let response = user.request(Method::GET, path).send().await.unwrap();
    assert_eq!(response.status(), 200);
    for (name, wanted) in [
        ("content-type", "image/png"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "private, max-age=3600"),
        ("content-security-policy", "default-src 'none'"),
    ] {
        let value = response.headers().get(name).map(|value| value.to_str().unwrap());
        assert!(value.is_some_and(|value| value.contains(wanted)), "{name}: {value:?}");
    }
    let picture = response.bytes().await.unwrap();
    assert!(picture.starts_with(PNG) && picture.len() > 100, "{} bytes", picture.len());

    // A second analysis, from the cache, copies nothing and leaves the picture in place.
    user.analysed(run["username"].as_str().unwrap()).await;
    let again = user.request(Method::GET, path).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(again, picture);
}

#[tokio::test]
async fn a_picture_belongs_to_its_lead() {
    let stack = Stack::load();
    let (owner, stranger) = (User::new(&stack, 5).await, User::new(&stack, 5).await);
    let username = handle("art");
    let run = owner.analysed(&username).await;
    let path = format!("/leads/{}/picture", run["lead_id"].as_str().unwrap());
    stranger.get(&path).await.refused(404, "lead_not_found");
    let bare = stack.http().get(format!("{}{path}", stack.api_url)).send().await.unwrap();
    Answer::read(bare).await.refused(401, "token_missing");
    let foreign = stranger.request(Method::GET, &path).header("x-account-id", owner.account_id.to_string());
    Answer::read(foreign.send().await.unwrap()).await.refused(403, "account_forbidden");
    owner.get("/leads/7/picture").await.refused(400, "invalid_id");

    let delete = owner.request(Method::DELETE, path.strip_suffix("/picture").unwrap()).send().await.unwrap();
    Answer::read(delete).await.data(200);
    owner.get(&path).await.refused(404, "lead_not_found");
}

#[tokio::test]
async fn a_lead_whose_picture_was_never_copied_has_none() {
    let stack = Stack::load();
    let user = User::new(&stack, 0).await;
    let insert = "insert into leads (account_id, business_profile_id, username, score, scraped_at)
        values ($1, $2, $3, 1, now()) returning id::text";
    let of: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
        [&user.account_id, &user.business_profile_id, &handle("nobody")];
    let id: String = stack.sql().await.query_one(insert, &of).await.unwrap().get(0);
    user.get(&format!("/leads/{id}/picture")).await.refused(404, "picture_not_found");
    // The audit of later tests would report a lead that no analysis found.
    stack.sql().await.execute("delete from leads where account_id = $1", &[&user.account_id]).await.unwrap();
}

#[tokio::test]
async fn a_picture_ends_when_nobody_has_its_lead_any_more() {
    let stack = Stack::load();
    let (one, other) = (User::new(&stack, 5).await, User::new(&stack, 5).await);
    let username = handle("art");
    let mut leads = Vec::new();
    for user in [&one, &other] {
        let run = user.analysed(&username).await;
        leads.push(format!("/leads/{}", run["lead_id"].as_str().unwrap()));
    }
    let sql = stack.sql().await;
    let yesterday = "with deleted as (
          update leads set deleted_at = now() - interval '26 hours' where username = $1 and deleted_at is not null
        )
        update runs set created_at = now() - interval '27 hours' where username = $1";
    let has_picture = async |user: &User, lead: &str| {
        let picture = user.request(Method::GET, &format!("{lead}/picture")).send().await.unwrap();
        picture.status() == 200
    };
    let delete = async |user: &User, lead: &str| {
        Answer::read(user.request(Method::DELETE, lead).send().await.unwrap()).await.data(200);
    };

    delete(&one, &leads[0]).await;
    sql.execute(yesterday, &[&username]).await.unwrap();
    stack.clean_up().await;
    assert!(has_picture(&other, &leads[1]).await, "the other account has the lead still");

    delete(&other, &leads[1]).await;
    sql.execute(yesterday, &[&username]).await.unwrap();
    stack.clean_up().await;
    // To see it, a lead is needed again.
    let restore = "update leads set deleted_at = null where username = $1 and account_id = $2";
    sql.execute(restore, &[&username, &other.account_id]).await.unwrap();
    let restore = "update analyses set deleted_at = null where account_id = $1";
    sql.execute(restore, &[&other.account_id]).await.unwrap();
    other.get(&format!("{}/picture", leads[1])).await.refused(404, "picture_not_found");
}
