//! Whoever reads what was spent also reads by whom, as far as they may know it.

use oslira_app::{
    features::{
        analysis::{BulkRepository, RunRepository},
        auth::{self, Spender, SpenderKind},
        credits::{CreditLedger, TransactionKind},
    },
    shared::{
        ids::{AccountId, BulkId, RunId, UserId},
        pagination::PageQuery,
    },
};
use oslira_testkit::{Error, TestResult};
use uuid::Uuid;

use crate::bulk::{Purchase, buy, carry_on};
use crate::members::colleague;
use crate::support::{Stage, begun, fail};

/// A key of the owner's, called `Import`, that may do this.
async fn key(stage: &Stage, scopes: &str) -> Result<Uuid, Error> {
    let id = Uuid::now_v7();
    let sql = format!("select api.create_key($1, $2, 'Import', '{scopes}', null, null, null, 'oslira_0', $3)");
    let hash = format!("{:064x}", id.as_u128());
    let made = stage.customer.call(&sql, &[&stage.member.account_id, &id, &hash]).await?;
    assert_eq!(made["outcome"], "ok", "{made}");
    Ok(id)
}

fn acting(stage: &Stage, user: Uuid) -> auth::Member {
    auth::Member::new(UserId::new(user), AccountId::new(stage.member.account_id))
}

fn spender(id: Uuid, kind: SpenderKind, name: Option<&str>) -> Option<Spender> {
    Some(Spender { id: UserId::new(id), kind, name: name.map(str::to_owned) })
}

fn page<C>() -> PageQuery<C> {
    PageQuery { limit: 50, after: None }
}

#[tokio::test]
async fn entries_and_runs_name_people_who_belong_to_the_account_and_keys_to_those_who_manage_them() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let (bob, session) = colleague(&stage, "bob", "member").await?;
    let program = key(&stage, "{read,analyse}").await?;
    let by_bob = begun(&session, &stage.request("nasa")).await?;
    let by_program = begun(&stage.database.customer(program).await?, &stage.request("esa")).await?;
    fail(&stage.backend, by_program).await?;
    let tenant = stage.tenant();
    let address = "bob@local.oslira.test";

    for (reader, name) in [(stage.member.user_id, Some("Import")), (program, Some("Import")), (bob, None)] {
        let (person, program) =
            (spender(bob, SpenderKind::Person, Some(address)), spender(program, SpenderKind::Key, name));
        let runs = tenant.list(acting(&stage, reader), page()).await.unwrap().items;
        let by: Vec<_> = runs.iter().map(|run| (run.id, run.spent_by.clone())).collect();
        assert_eq!(by, [(RunId::new(by_program), program.clone()), (RunId::new(by_bob), person.clone())]);
        let run = RunRepository::get(&tenant, acting(&stage, reader), RunId::new(by_bob)).await.unwrap().unwrap();
        assert_eq!(run.spent_by, person);
        let entries = tenant.transactions(acting(&stage, reader), page()).await.unwrap().items;
        let by: Vec<_> = entries.iter().take(3).map(|entry| (entry.kind, entry.spent_by.clone())).collect();
        let expected = [
            (TransactionKind::Refund, program.clone()),
            (TransactionKind::Charge, program),
            (TransactionKind::Charge, person),
        ];
        assert_eq!(by, expected);
        assert!(entries.iter().filter(|entry| entry.run_id.is_none()).all(|entry| entry.spent_by.is_none()));
    }

    // Whoever has left is still who spent, without an address; a key that was revoked keeps its name.
    let account = stage.member.account_id;
    stage.customer.call("select api.remove_member($1, $2)", &[&account, &bob]).await?;
    stage.customer.call("select api.revoke_key($1, $2)", &[&account, &program]).await?;
    let runs = tenant.list(acting(&stage, stage.member.user_id), page()).await.unwrap().items;
    assert_eq!(runs[1].spent_by, spender(bob, SpenderKind::Person, None));
    assert_eq!(runs[0].spent_by, spender(program, SpenderKind::Key, Some("Import")));
    Ok(())
}

#[tokio::test]
async fn a_bulk_names_who_asked_for_it_and_each_line_who_bought_it() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let (bob, session) = colleague(&stage, "bob", "member").await?;
    let pilot = Purchase::of(&["nasa", "esa"]).with(serde_json::json!({ "pilot": 1 }));
    buy(&stage, &pilot).await?;
    carry_on(&session, pilot.bulk).await?;
    let bulk =
        BulkRepository::get(&stage.tenant(), acting(&stage, bob), BulkId::new(pilot.bulk)).await.unwrap().unwrap();
    let owner = spender(stage.member.user_id, SpenderKind::Person, Some("ann@local.oslira.test"));
    assert_eq!(bulk.spent_by.as_ref().map(|spender| spender.id), owner.as_ref().map(|spender| spender.id));
    let by: Vec<_> = bulk.items.iter().map(|item| item.spent_by.as_ref().map(|spender| spender.id)).collect();
    assert_eq!(by, [Some(UserId::new(stage.member.user_id)), Some(UserId::new(bob))]);
    Ok(())
}

#[tokio::test]
async fn a_stranger_hears_of_nobody() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let stranger = stage.database.customer(stage.database.member("eve", 0).await?.user_id).await?;
    let sql = "select count(*)::text::jsonb from api.spenders($1, array[$2::uuid])";
    let told = stranger.call(sql, &[&stage.member.account_id, &stage.member.user_id]).await?;
    assert_eq!(told, 0);
    Ok(())
}
