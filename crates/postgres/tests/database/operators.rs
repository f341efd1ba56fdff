//! Operators: who is one, that each act is written down, and that nothing else makes or lets anybody be one.

use oslira_app::{
    features::{
        auth::{Operator, Reason},
        operators::{AccountState, OperatorStore as _},
    },
    shared::{
        ids::{AccountId, UserId},
        pagination::PageQuery,
        store::StoreError,
    },
};
use oslira_testkit::{Error, TestResult};
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::Stage;

pub fn acting(user: Uuid) -> Operator {
    Operator { user: UserId::new(user), reason: Reason::parse("Ticket 123: they asked").unwrap() }
}

/// A call of every function of operators, with arguments that find nothing.
async fn calls(client: &Client, reason: &str) -> Result<Vec<(String, String)>, Error> {
    let sql = "select p.proname::text, format('select operator.%I(%s)', p.proname, (
                 select string_agg(
                   case when name = 'p_reason' then quote_literal($1) when name = 'p_limit' then '20'
                        when name = 'p_username' then quote_literal('nobody')
                        when name in ('p_erasure', 'p_account', 'p_run') then quote_literal(gen_random_uuid())
                        when name in ('p_event', 'p_key') then quote_literal('nothing')
                        when name in ('p_credits', 'p_count') then '5' when name = 'p_service' then quote_literal('openai')
                        else 'null' end
                     || '::' || format_type(type, null), ', ' order by place)
                   from unnest(p.proargnames, p.proargtypes::oid[]) with ordinality a (name, type, place)))
               from pg_proc p where p.pronamespace = 'operator'::regnamespace order by 1";
    Ok(client.query(sql, &[&reason]).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
}

#[tokio::test]
async fn every_function_of_operators_asks_who_calls_and_why_and_writes_it_down() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let session = stage.database.operator(stage.member.user_id).await?;
    let good = calls(&stage.superuser, "Ticket 123: they asked").await?;
    assert!(good.len() >= 16, "{good:?}");
    for (name, call) in &good {
        assert_eq!(session.refusal(call).await?.as_deref(), Some("OS002"), "{name}: a stranger");
    }
    stage.appoint(stage.member.user_id).await?;
    for reason in ["", "too short", &"x".repeat(501)] {
        for (name, call) in calls(&stage.superuser, reason).await? {
            assert_eq!(session.refusal(&call).await?.as_deref(), Some("22023"), "{name}: {reason:?}");
        }
    }
    for (name, call) in &good {
        session.call(call, &[]).await?;
        let newest = "select operator_id, action, reason, outcome from operator_actions order by id desc limit 1";
        let row = stage.superuser.query_one(newest, &[]).await?;
        assert_eq!((row.get::<_, Uuid>(0), row.get::<_, String>(1)), (stage.member.user_id, name.clone()));
        assert_eq!(row.get::<_, String>(2), "Ticket 123: they asked", "{name}");
        assert!(!row.get::<_, String>(3).is_empty(), "{name}");
    }
    assert_eq!(stage.count("operator_actions").await?, good.len() as i64);
    Ok(())
}

#[tokio::test]
async fn who_is_ended_deleted_or_only_says_so_in_their_token_is_no_operator() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let (db, ann) = (stage.operators(), stage.member);
    let account = AccountId::new(ann.account_id);
    let is_refused =
        async || matches!(db.account(&acting(ann.user_id), account).await, Err(StoreError::OperatorRequired));
    let claims = "update auth.users set raw_app_meta_data = $2, raw_user_meta_data = $2 where id = $1";
    stage.execute(claims, &[&ann.user_id, &json!({ "role": "operator", "operator": true })]).await?;
    assert!(is_refused().await);

    stage.appoint(ann.user_id).await?;
    assert!(!is_refused().await);
    assert!(stage.appoint(ann.user_id).await.is_err(), "nobody is one twice");
    stage.execute("update operators set ended_at = clock_timestamp()", &[]).await?;
    assert!(is_refused().await);
    // Again, until the user is deleted, softly or for good.
    stage.appoint(ann.user_id).await?;
    stage.execute("update auth.users set deleted_at = now()", &[]).await?;
    assert!(is_refused().await);
    stage.execute("update auth.users set deleted_at = null, is_anonymous = true", &[]).await?;
    assert!(is_refused().await);
    stage.execute("delete from auth.users", &[]).await?;
    assert!(is_refused().await);
    Ok(())
}

#[tokio::test]
async fn nobody_changes_what_was_done_or_who_was_an_operator() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    stage.appoint(stage.member.user_id).await?;
    stage.operators().account(&acting(stage.member.user_id), AccountId::new(stage.member.account_id)).await.unwrap();
    for change in [
        "update operator_actions set reason = 'Another reason'",
        "delete from operator_actions",
        "truncate operator_actions",
        "delete from operators",
        "truncate operators",
    ] {
        assert_eq!(crate::support::sqlstate(stage.execute(change, &[]).await), "23001", "{change}");
    }
    // Operators themselves see and write no table.
    let session = stage.database.operator(stage.member.user_id).await?;
    for table in crate::catalog::tables(&stage.superuser).await? {
        let refused = session.refusal(&format!("select from public.{table}")).await?;
        assert_eq!(refused.as_deref(), Some("42501"), "{table}");
    }
    Ok(())
}

#[tokio::test]
async fn an_operator_finds_accounts_by_id_and_by_address_and_reads_who_did_what() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let other = stage.database.member("bob", 9).await?;
    stage.appoint(stage.member.user_id).await?;
    let (db, ann) = (stage.operators(), acting(stage.member.user_id));
    stage.begun("nasa").await?;

    let found = db.account(&ann, AccountId::new(stage.member.account_id)).await.unwrap().unwrap();
    assert_eq!((found.state, found.balance, found.people, found.active_runs), (AccountState::Open, 4, 1, 1));
    assert_eq!(found.subscription, None);
    assert_eq!(db.account(&ann, AccountId::new(Uuid::now_v7())).await.unwrap(), None);

    stage.execute("update accounts set deleted_at = now() where id = $1", &[&other.account_id]).await?;
    let found = db.accounts_of(&ann, " BOB@local.oslira.test ").await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id, found[0].state), (AccountId::new(other.account_id), AccountState::Closed));
    assert_eq!(db.accounts_of(&ann, "nobody@local.oslira.test").await.unwrap(), []);

    let page = db.actions(&ann, PageQuery { limit: 3, after: None }).await.unwrap();
    let told: Vec<Value> = page.items.iter().map(|item| json!([item.action, item.subject_id, item.outcome])).collect();
    let expected = json!([
        ["find_accounts_of", null, "not_found"],
        ["find_accounts_of", other.user_id, "ok"],
        ["find_account", page.items[2].subject_id, "not_found"],
    ]);
    assert_eq!(json!(told), expected);
    assert!(page.next_cursor.is_some());
    // The address that was asked for is kept nowhere.
    let kept = "select count(*) from operator_actions a where a::text ilike '%bob@%' or a::text ilike '%nobody@%'";
    assert_eq!(stage.superuser.query_one(kept, &[]).await?.get::<_, i64>(0), 0);
    Ok(())
}
