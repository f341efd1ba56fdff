//! What holds when 32 connections buy, cancel, continue and work at once.

use futures_util::future::{join, try_join_all};
use oslira_testkit::TestResult;
use serde_json::json;

use super::{Purchase, buy, cancel_bulk, carry_on, tend, try_buying};
use crate::support::{CROWD, Request, Stage, advance, begin, cancel, complete, counts, outcomes, sweep_all};

#[tokio::test]
async fn a_balance_of_17_pays_for_three_whole_lists_of_five() -> TestResult {
    let stage = Stage::with_credits(17).await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.crowd().await?;
    // Lists of five: three fit, and a fourth does not, not even in part.
    let lists: Vec<_> = (0..CROWD).map(|number| Purchase::many(5, &format!("list{number}"))).collect();
    let answers =
        try_join_all(crowd.iter().zip(&lists).map(|(session, list)| try_buying(session, &stage.member, list))).await?;
    assert_eq!(outcomes(&answers), counts([("ok", 3), ("insufficient_credits", CROWD - 3)]));
    assert_eq!((stage.balance().await?, stage.count("runs").await?), (2, 15));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn of_32_purchases_with_one_key_one_is_charged_and_all_hear_of_it() -> TestResult {
    let stage = Stage::with_credits(100).await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.crowd().await?;
    let first = Purchase::of(&["a", "b", "c"]).keyed("key");
    let lists: Vec<_> = (0..CROWD).map(|_| first.again()).collect();
    let answers =
        try_join_all(crowd.iter().zip(&lists).map(|(session, list)| try_buying(session, &stage.member, list))).await?;
    assert_eq!(outcomes(&answers), counts([("ok", 1), ("replay", CROWD - 1)]));
    assert!(answers.iter().all(|answer| answer["bulk_id"] == answers[0]["bulk_id"] && answer["balance"] == 97));
    assert_eq!(stage.count("runs").await?, 3);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_name_in_32_lists_and_single_requests_is_bought_once() -> TestResult {
    let stage = Stage::with_credits(100).await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.crowd().await?;
    let buying = crowd.iter().enumerate().map(|(number, session)| {
        let stage = &stage;
        async move {
            if number % 2 == 0 {
                let request = Request::new(&stage.member, "wanted");
                return begin(session, &request).await;
            }
            try_buying(session, &stage.member, &Purchase::of(&["wanted", "other"])).await
        }
    });
    try_join_all(buying).await?;
    assert_eq!((stage.count("runs").await?, stage.balance().await?), (2, 98));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_pilot_is_continued_once_or_cancelled() -> TestResult {
    let stage = Stage::with_credits(500).await?;
    let _turn = stage.database.crowd_turn().await?;
    let crowd = stage.crowd().await?;
    for round in 0..5 {
        let purchase = Purchase::many(4, &format!("round{round}")).with(json!({ "pilot": 1 }));
        buy(&stage, &purchase).await?;
        let acting = crowd.iter().enumerate().map(|(number, session)| async move {
            if number % 4 == 3 {
                cancel_bulk(session, purchase.bulk).await
            } else {
                carry_on(session, purchase.bulk).await
            }
        });
        // Nothing had begun, so every line that was bought comes back.
        let answers = try_join_all(acting).await?;
        let continued = answers.iter().filter(|answer| answer["outcome"] == "ok").count();
        assert!(continued <= 1, "round {round}: {continued} continued it");
        assert_eq!(stage.balance().await?, 500, "round {round}");
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn lines_that_are_taken_up_while_the_bulk_is_cancelled_end_in_one_way() -> TestResult {
    let stage = Stage::with_credits(1_000).await?;
    let _turn = stage.database.crowd_turn().await?;
    let backends = stage.backend_crowd().await?;
    for round in 0..5 {
        let purchase = Purchase::many(CROWD, &format!("round{round}"));
        buy(&stage, &purchase).await?;
        let runs = purchase.runs();
        let working = try_join_all(backends.iter().zip(&runs).enumerate().map(|(number, (backend, run))| async move {
            advance(backend, *run, if number % 2 == 0 { "scraping" } else { "analyzing" }).await?;
            complete(backend, *run).await
        }));
        let stopping = async {
            if round % 2 == 0 {
                return cancel_bulk(&stage.customer, purchase.bulk).await;
            }
            join(cancel_bulk(&stage.customer, purchase.bulk), cancel(&stage.customer, runs[0])).await.0
        };
        let (_, cancelled) = join(working, stopping).await;
        let cancelled = cancelled?;
        let tended = tend(&stage.backend, purchase.bulk).await?;
        assert_eq!(
            (&tended["status"], &tended["active"]),
            (&json!("cancelled"), &json!(0)),
            "round {round}: {cancelled}"
        );
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn two_accounts_that_buy_the_same_names_never_wait_in_a_circle() -> TestResult {
    let stage = Stage::with_credits(900).await?;
    let bob = stage.database.member("bob", 900).await?;
    let members = [stage.member, bob];
    let _turn = stage.database.crowd_turn().await?;
    let storms = (0..CROWD).map(|number| {
        let (stage, member) = (&stage, members[number % 2]);
        async move {
            let customer = stage.database.customer(member.user_id).await?;
            let backend = stage.database.backend().await?;
            for step in 0..6 {
                let purchase = Purchase::many(6, &format!("name{}", (number + step) % 3)).with(json!({ "pilot": 4 }));
                let answer = try_buying(&customer, &member, &purchase).await?;
                let run = answer["items"][0]["run_id"].as_str().and_then(|id| id.parse().ok());
                match (number + step) % 4 {
                    0 => drop(cancel_bulk(&customer, purchase.bulk).await?),
                    1 => drop(carry_on(&customer, purchase.bulk).await?),
                    2 => {
                        sweep_all(&backend).await?;
                        tend(&backend, purchase.bulk).await?;
                    }
                    _ => {
                        if let Some(run) = run {
                            advance(&backend, run, "analyzing").await?;
                            complete(&backend, run).await?;
                        }
                        backend.rows("select system.end_finished_bulks(5)", &[]).await?;
                    }
                }
            }
            Ok::<_, oslira_testkit::Error>(())
        }
    });
    try_join_all(storms).await?;
    stage.assert_ledger_is_whole().await
}
