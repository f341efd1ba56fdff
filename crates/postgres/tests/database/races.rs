//! What holds when 32 connections act at once.

use futures_util::future::{join, try_join_all};
use oslira_testkit::TestResult;
use serde_json::Value;

use crate::support::{
    CROWD, Request, Stage, advance, begin, cancel, complete, counts, fail, outcomes, sweep, sweep_all, undo,
};

#[tokio::test]
async fn of_32_identical_requests_one_wins() -> TestResult {
    let stage = Stage::with_credits(100).await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.crowd().await?;
    for round in 0..10 {
        let requests: Vec<_> = (0..CROWD).map(|_| stage.request(&format!("round_{round}"))).collect();
        let answers =
            try_join_all(crowd.iter().zip(&requests).map(|(session, request)| begin(session, request))).await?;
        assert_eq!(outcomes(&answers), counts([("ok", 1), ("duplicate", CROWD - 1)]));
    }
    assert_eq!((stage.balance().await?, stage.count("runs").await?), (90, 10));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_balance_of_17_pays_for_exactly_17_of_32_runs() -> TestResult {
    let stage = Stage::with_credits(17).await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.crowd().await?;
    let requests: Vec<_> = (0..CROWD).map(|number| stage.request(&format!("profile_{number}"))).collect();

    let answers = try_join_all(crowd.iter().zip(&requests).map(|(session, request)| begin(session, request))).await?;

    assert_eq!(outcomes(&answers), counts([("ok", 17), ("insufficient_credits", CROWD - 17)]));
    assert_eq!((stage.balance().await?, stage.count("runs").await?), (0, 17));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn of_32_requests_with_one_key_one_is_charged_and_all_hear_of_it() -> TestResult {
    let stage = Stage::with_credits(100).await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.crowd().await?;
    let requests: Vec<_> = (0..CROWD).map(|_| stage.request("nasa").keyed("key")).collect();

    let answers = try_join_all(crowd.iter().zip(&requests).map(|(session, request)| begin(session, request))).await?;

    assert_eq!(outcomes(&answers), counts([("ok", 1), ("replay", CROWD - 1)]));
    let first = answers.first().unwrap();
    assert!(answers.iter().all(|answer| answer["run_id"] == first["run_id"] && answer["balance"] == 99), "{answers:?}");
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn of_32_deductions_from_a_balance_of_17_exactly_17_go_through() -> TestResult {
    let stage = Stage::with_credits(17).await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.backend_crowd().await?;
    let deduct = "select system.deduct_credits_atomic($1, 1, null, $2, 'A charge')";
    let keys: Vec<_> = (0..CROWD).map(|number| format!("use:{number}")).collect();

    let answers = try_join_all(
        crowd
            .iter()
            .zip(&keys)
            .map(|(backend, key)| async move { backend.call(deduct, &[&stage.member.account_id, key]).await }),
    )
    .await?;

    let expected = counts([("ok", 17), ("insufficient_credits", CROWD - 17)]);
    assert_eq!(outcomes(&answers), expected);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn of_32_grants_with_one_key_one_goes_through() -> TestResult {
    let stage = Stage::with_credits(17).await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.backend_crowd().await?;
    let grant = "select system.grant_credits($1, 5, 'promotion', null, null, 'promotion:1', 'A gift')";

    let answers =
        try_join_all(crowd.iter().map(|backend| async { backend.call(grant, &[&stage.member.account_id]).await }))
            .await?;

    assert_eq!(outcomes(&answers), counts([("ok", 1), ("replay", CROWD - 1)]));
    assert_eq!(stage.balance().await?, 22);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn of_32_ways_to_end_a_run_one_refunds_it() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let _turn = stage.database.crowd_turn().await?;
    let (customers, backends) = (stage.crowd().await?, stage.backend_crowd().await?);
    for round in 0..5 {
        let run = stage.begun_and(&format!("round_{round}"), "scraping").await?;
        stage.let_beat_age(run, 600.0).await?;
        let endings = customers.iter().zip(&backends).enumerate().map(|(number, (customer, backend))| async move {
            match number % 3 {
                0 => cancel(customer, run).await.map(|answer| answer["outcome"] == "cancelled"),
                1 => fail(backend, run).await.map(|answer| answer["outcome"] == "failed"),
                _ => sweep(backend, 1).await.map(|answer| answer != Value::Array(Vec::new())),
            }
        });
        let ended = try_join_all(endings).await?.into_iter().filter(|ended| *ended).count();
        // A cancel repeats its first answer, so only then may several say that they ended it.
        let cancelled = stage.run_field(run, "status").await?.as_deref() == Some("cancelled");
        assert!(if cancelled { ended >= 1 } else { ended == 1 }, "round {round}: {ended} ended it");
        let refunds = stage.count(&format!("credit_transactions where kind = 'refund' and run_id = '{run}'")).await?;
        assert_eq!((refunds, stage.balance().await?), (1, 50), "round {round}");
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_run_that_is_completed_cancelled_failed_and_swept_at_once_ends_in_one_way() -> TestResult {
    let stage = Stage::with_credits(100).await?;
    let _turn = stage.database.crowd_turn().await?;
    let backends = stage.backend_crowd().await?;
    let mut endings = std::collections::BTreeMap::new();
    for round in 0..30 {
        let phase = if round % 2 == 0 { "storing" } else { "analyzing" };
        let run = stage.begun_and(&format!("round_{round}"), phase).await?;
        let (head, tail) = backends.split_at(CROWD / 2);
        let completing = try_join_all(head.iter().map(|backend| complete(backend, run)));
        let ending = async {
            match round % 3 {
                0 => cancel(&stage.customer, run).await,
                1 => try_join_all(tail.iter().map(|backend| fail(backend, run))).await.map(Value::Array),
                _ => advance(&stage.backend, run, "saving").await,
            }
        };
        let (completed, ended) = join(completing, ending).await;
        let (completed, _) = (completed?, ended?);
        let outcome = stage.run_field(run, "charge_outcome").await?.unwrap();
        let winners = completed.iter().filter(|answer| answer["outcome"] == "completed").count();
        assert_eq!(winners, if outcome == "result" { CROWD / 2 } else { 0 }, "round {round}: {completed:?}");
        *endings.entry(outcome).or_insert(0) += 1;
    }
    assert_eq!(endings.values().sum::<i32>(), 30);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_run_is_either_undone_or_worked_on() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let _turn = stage.database.crowd_turn().await?;
    let (customers, backends) = (stage.crowd().await?, stage.backend_crowd().await?);
    for round in 0..10 {
        let run = stage.begun(&format!("round_{round}")).await?;
        let (undone, active) = join(
            try_join_all(customers.iter().map(|customer| undo(customer, run))),
            try_join_all(backends.iter().map(|backend| advance(backend, run, "analyzing"))),
        )
        .await;
        let is_undone = stage.run_field(run, "status").await?.as_deref() == Some("cancelled");
        let answer = if is_undone { "undone" } else { "unchanged" };
        assert_eq!(outcomes(&undone?), counts([(answer, CROWD)]), "round {round}");
        assert!(active?.iter().all(|answer| answer["active"] != is_undone), "round {round}");
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_storm_of_everything_over_three_accounts_never_deadlocks() -> TestResult {
    let stage = Stage::with_credits(60).await?;
    let members = [stage.member, stage.database.member("bob", 60).await?, stage.database.member("cleo", 60).await?];
    let _turn = stage.database.crowd_turn().await?;
    let storms = (0..CROWD).map(|number| {
        let (stage, member) = (&stage, members[number % members.len()]);
        async move {
            let customer = stage.database.customer(member.user_id).await?;
            let backend = stage.database.backend().await?;
            for step in 0..12 {
                // Few usernames, so that requests meet each other's runs.
                let request = Request::new(&member, &format!("profile_{}", (number + step) % 4));
                let answer = begin(&customer, &request).await?;
                let run = answer["run_id"].as_str().and_then(|id| id.parse().ok()).unwrap_or(request.run);
                match (number + step) % 5 {
                    0 => drop(cancel(&customer, run).await?),
                    1 => drop(fail(&backend, run).await?),
                    2 => {
                        advance(&backend, run, "analyzing").await?;
                        complete(&backend, run).await?;
                    }
                    3 => drop(sweep_all(&backend).await?),
                    _ => {
                        advance(&backend, run, "analyzing").await?;
                        cancel(&customer, run).await?;
                    }
                }
            }
            Ok::<_, oslira_testkit::Error>(())
        }
    });
    try_join_all(storms).await?;
    stage.assert_ledger_is_whole().await
}
