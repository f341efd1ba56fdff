//! Every function that a tenant may call, called as everybody who may belong to an account: each refuses exactly those whose role or
//! scopes lack its permission.

use std::collections::BTreeSet;

use oslira_testkit::{Error, Session, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bulk::{Purchase, buy};
use crate::members::colleague;
use crate::support::{Stage, complete};

const REFUSED: &str = "OS001";

/// What a call needs, and the call. `{account}` and the like are filled in. All that a call does is rolled back.
const CALLS: [(&str, &str, &str); 58] = [
    (
        "begin_analysis",
        "analyse",
        "select api.begin_analysis('{account}', gen_random_uuid(), 'esa', '{profile}', 'LIGHT', null, 'hash', '[]')",
    ),
    (
        "begin_bulk",
        "analyse",
        "select api.begin_bulk('{account}', gen_random_uuid(), '[]', '{profile}', 'LIGHT', '{}', null, null, '[]')",
    ),
    ("continue_bulk", "analyse", "select api.continue_bulk('{bulk}', '[]')"),
    ("cancel_bulk", "analyse", "select api.cancel_bulk('{bulk}', false)"),
    ("cancel_run", "analyse", "select api.cancel_run('{run}')"),
    ("delete_lead", "edit_leads", "select api.delete_lead('{account}', '{lead}')"),
    ("mark_lead_outcome", "edit_leads", "select api.mark_lead_outcome('{account}', '{lead}', 'won')"),
    ("set_lead_work", "edit_leads", "select api.set_lead_work('{account}', '{lead}', '{\"tags\": []}')"),
    ("add_lead_note", "edit_leads", "select api.add_lead_note('{account}', '{lead}', 'A note')"),
    ("change_lead_note", "edit_leads", "select api.change_lead_note('{account}', '{lead}', gen_random_uuid(), 'A', 1)"),
    ("delete_lead_note", "edit_leads", "select api.delete_lead_note('{account}', '{lead}', gen_random_uuid())"),
    ("save_lead_filter", "edit_leads", "select api.save_lead_filter('{account}', 'Open', '{}')"),
    ("change_lead_filter", "edit_leads", "select api.change_lead_filter('{account}', gen_random_uuid(), 'A', '{}', 1)"),
    ("delete_lead_filter", "edit_leads", "select api.delete_lead_filter('{account}', gen_random_uuid())"),
    ("create_business_profile", "edit_business", "select api.create_business_profile('{account}', '{}', null, null)"),
    (
        "update_business_profile",
        "edit_business",
        "select api.update_business_profile('{account}', '{profile}', '{}', 1)",
    ),
    ("delete_business_profile", "edit_business", "select api.delete_business_profile('{account}', '{profile}')"),
    ("require_permission", "export", "select api.require_permission('{account}', 'export')"),
    ("exported_tables", "export", "select api.exported_tables('{account}')"),
    ("export_rows", "export", "select api.export_rows('{account}', 'leads', null)"),
    ("close_account", "close_account", "select api.close_account('{account}', 'No such name')"),
    ("restore_account", "close_account", "select api.restore_account('{account}')"),
    (
        "change_member",
        "manage_members",
        "select api.change_member('{account}', gen_random_uuid(), 'viewer', null, null)",
    ),
    ("remove_member", "manage_members", "select api.remove_member('{account}', gen_random_uuid())"),
    (
        "invite_member",
        "manage_members",
        "select api.invite_member('{account}', gen_random_uuid(), 'zoe@example.com', 'viewer', null, null, '{hash}')",
    ),
    ("list_invitations", "manage_members", "select api.list_invitations('{account}')"),
    ("revoke_invitation", "manage_members", "select api.revoke_invitation('{account}', gen_random_uuid())"),
    ("list_member_actions", "manage_members", "select api.list_member_actions('{account}', null, 10)"),
    (
        "create_key",
        "manage_keys",
        "select api.create_key('{account}', gen_random_uuid(), 'K', '{read}', null, null, null, 'oslira_0', '{hash}')",
    ),
    ("list_keys", "manage_keys", "select api.list_keys('{account}')"),
    ("rotate_key", "manage_keys", "select api.rotate_key('{account}', gen_random_uuid(), 0, 'oslira_0', '{hash}')"),
    ("revoke_key", "manage_keys", "select api.revoke_key('{account}', gen_random_uuid())"),
    ("set_daily_cap", "manage_billing", "select api.set_daily_cap('{account}', 5)"),
    ("set_credit_alerts", "manage_billing", "select api.set_credit_alerts('{account}', 7, null)"),
    ("billing_customer", "manage_billing", "select api.billing_customer('{account}')"),
    ("link_customer", "manage_billing", "select api.link_customer('{account}', 'cus_1')"),
    ("begin_purchase", "manage_billing", "select api.begin_purchase('{account}', gen_random_uuid(), 'pack_20', null)"),
    // What everybody who belongs to the account may read, and strangers find empty.
    ("list_members", "read", "select api.list_members('{account}')"),
    ("spenders", "read", "select api.spenders('{account}', array[gen_random_uuid()])"),
    ("account", "read", "select api.account('{account}')"),
    ("daily_budget", "read", "select api.daily_budget('{account}')"),
    ("credit_alerts", "read", "select api.credit_alerts('{account}')"),
    ("insight_latency", "read", "select api.insight_latency('{account}', null, null)"),
    ("insight_costs", "read", "select api.insight_costs('{account}', null, null)"),
    ("insight_cache", "read", "select api.insight_cache('{account}', null, null)"),
    ("insight_errors", "read", "select api.insight_errors('{account}', null, null)"),
    ("insight_drivers", "read", "select api.insight_drivers('{account}', null, null)"),
    ("refund_if_cancelled", "read", "select api.refund_if_cancelled('{run}')"),
    (
        "search_leads",
        "read",
        "select api.search_leads('newest', '{account}', null, null, null, null, null, 'nasa', null, null, 10, null, null, null)",
    ),
    // About whoever asks, and nobody's account.
    ("my_closed_accounts", "read", "select api.my_closed_accounts()"),
    ("my_memberships", "read", "select api.my_memberships()"),
    ("model_lifecycles", "read", "select api.model_lifecycles()"),
    ("accept_invitation", "read", "select api.accept_invitation('{hash}')"),
    ("resolve_key", "read", "select api.resolve_key('{hash}')"),
    // Leaves out what the caller may not touch.
    ("note_scrapes", "read", "select api.note_scrapes(array['{run}']::uuid[])"),
    // Only of what the caller has bought, and always of that.
    ("undo_run", "read", "select api.undo_run('{run}')"),
    ("cancel_bulk", "read", "select api.cancel_bulk('{bulk}', true)"),
    // Anybody may leave; whoever does not belong to it finds nothing to leave.
    ("remove_member", "read", "select api.remove_member('{account}', auth.uid())"),
];

struct Caller {
    name: &'static str,
    session: Session,
    permissions: Vec<String>,
}

/// One of each role, a key for reading alone and one with every scope, and a stranger.
async fn callers(stage: &Stage) -> Result<Vec<Caller>, Error> {
    let mut callers = Vec::new();
    for role in ["viewer", "member", "admin", "owner"] {
        let (_, session) = colleague(stage, &format!("the {role}"), role).await?;
        callers.push(Caller { name: role, session, permissions: permissions(stage, role).await? });
    }
    let of_keys = permissions(stage, "key").await?;
    for (name, scopes) in [("a key for reading", vec!["read".to_owned()]), ("a key with every scope", of_keys)] {
        let id = Uuid::now_v7();
        let join = "insert into account_members (user_id, account_id, role, scopes) values ($1, $2, 'key', $3)";
        stage.execute(join, &[&id, &stage.member.account_id, &scopes]).await?;
        callers.push(Caller { name, session: stage.database.customer(id).await?, permissions: scopes });
    }
    Ok(callers)
}

async fn permissions(stage: &Stage, role: &str) -> Result<Vec<String>, Error> {
    let sql = "select permission from role_permissions where role = $1";
    Ok(stage.superuser.query(sql, &[&role]).await?.iter().map(|row| row.get(0)).collect())
}

/// The calls, about what the stage's account has.
async fn calls(stage: &Stage) -> Result<Vec<(&'static str, String)>, Error> {
    let run = stage.begun_and("nasa", "saving").await?;
    let lead = complete(&stage.backend, run).await?["lead_id"].as_str().unwrap().to_owned();
    let pilot = Purchase::of(&["jaxa", "isro"]).with(json!({ "pilot": 1 }));
    buy(stage, &pilot).await?;
    let running = stage.begun("csa").await?;
    let filled = |sql: &str| {
        sql.replace("{account}", &stage.member.account_id.to_string())
            .replace("{profile}", &stage.member.business_profile_id.to_string())
            .replace("{run}", &running.to_string())
            .replace("{bulk}", &pilot.bulk.to_string())
            .replace("{lead}", &lead)
            .replace("{hash}", &"a".repeat(64))
    };
    Ok(CALLS.iter().map(|(_, needed, sql)| (*needed, filled(sql))).collect())
}

#[tokio::test]
async fn every_function_refuses_exactly_those_who_lack_its_permission() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let (callers, calls) = (callers(&stage).await?, calls(&stage).await?);
    for Caller { name, session, permissions } in &callers {
        for (needed, sql) in &calls {
            let may = permissions.iter().any(|permission| permission == needed);
            let refusal = session.refusal(sql).await?;
            match refusal.as_deref() {
                None => assert!(may, "{name} is allowed: {sql}"),
                Some(REFUSED) => assert!(!may, "{name} is refused: {sql}"),
                // An argument of the call is wrong, but it was their right to make it.
                Some(other) => assert!(may, "{name}, {other}: {sql}"),
            }
        }
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn to_a_stranger_every_function_answers_as_if_nothing_were_there() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let calls = calls(&stage).await?;
    let stranger = stage.database.customer(stage.database.member("eve", 0).await?.user_id).await?;
    let (balance, runs) = (stage.balance().await?, stage.count("runs where status = 'pending'").await?);
    for (_, sql) in &calls {
        if sql.contains("api.export_rows") {
            // No rows would look like the end of a table.
            assert_eq!(stranger.refusal(sql).await?.as_deref(), Some(REFUSED));
            continue;
        }
        // As text, because a few answer no document; of their own account everybody may ask.
        let sql = sql.replace("select api.", "select to_jsonb(x) from api.") + " x";
        let answers = stranger.rows(&sql, &[]).await.map_err(|error| Error::Unexpected(format!("{sql}: {error}")))?;
        let answer: Option<Value> = answers.first().and_then(|row| row.get(0));
        let answer = answer.unwrap_or_default();
        let says = |word: &str| answer["outcome"] == word;
        let is_nothing = answer.is_null()
            || answer == 0
            || answer == true
            || answer == json!([])
            || says("forbidden")
            || says("not_found");
        let is_own = sql.contains("my_memberships") || sql.contains("model_lifecycles");
        assert!(is_nothing || is_own, "{sql}: {answer}");
    }
    assert_eq!((stage.balance().await?, stage.count("runs where status = 'pending'").await?), (balance, runs));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn no_function_is_forgotten_here() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let sql =
        "select p.proname::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = 'api'";
    let there: BTreeSet<String> = stage.superuser.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect();
    let called: BTreeSet<String> = CALLS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(there, called, "a new function needs a line in `CALLS`");
    assert!(CALLS.iter().all(|(name, _, sql)| sql.contains(&format!("api.{name}("))));
    Ok(())
}
