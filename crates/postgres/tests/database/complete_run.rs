//! `complete_run`: lead, analysis and status in one transaction, or nothing.

use oslira_testkit::TestResult;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Stage, advance, cancel, complete, complete_with, fail, lead, result, sqlstate};

#[tokio::test]
async fn a_completed_run_leaves_a_lead_with_an_analysis() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun_and("nasa", "saving").await?;

    let answer = complete_with(&stage.backend, run, &lead("2026-01-01T00:00:00Z", 1000), &result(81)).await?;

    assert_eq!((&answer["outcome"], &answer["is_new"]), (&json!("completed"), &json!(true)));
    assert_eq!(stage.run_field(run, "status || ' ' || charge_outcome").await?.as_deref(), Some("complete result"));
    assert_eq!(stage.run_field(run, "lead_id").await?.as_deref(), answer["lead_id"].as_str());
    let row = stage
        .superuser
        .query_one(
            "select to_jsonb(l) - '{created_at,updated_at}'::text[], to_jsonb(a) - 'created_at'
               from leads l join analyses a on a.lead_id = l.id",
            &[],
        )
        .await?;
    let expected_lead = json!({
        "id": answer["lead_id"], "account_id": stage.member.account_id,
        "business_profile_id": stage.member.business_profile_id, "username": "nasa", "display_name": "NASA",
        "biography": "Exploring", "followers": 1000, "following": 80, "posts": 4000, "category": "Science",
        "external_url": "https://nasa.gov", "profile_pic_url": "https://cdn.test/n.jpg", "is_verified": true,
        "is_business": false, "score": 81, "scraped_at": "2026-01-01T00:00:00+00:00", "deleted_at": null,
        "latest_analysis_id": answer["analysis_id"], "is_stale": false, "analysis_types": ["LIGHT"],
        "renamed_to": null, "stage": "new", "outcome": null, "status": "new", "owner_id": null, "tags": [], "instagram_id": null,
        "search_text": "nasa\n\nnasa\nexploring"
    });
    let expected_analysis = json!({
        "id": answer["analysis_id"], "account_id": stage.member.account_id, "lead_id": answer["lead_id"], "run_id": run,
        "analysis_type": "LIGHT", "score": 81, "provider": "sandbox", "model": "openai/gpt-4o-mini",
        "snapshot_key": "instagram/nasa/1", "scraped_at": "2026-01-01T00:00:00+00:00", "cost_microusd": 412, "cost": null,
        "result": { "judgement": {}, "facts": {}, "evidence": [] }, "is_new_lead": true, "is_stale": false,
        "summary": null, "cache_hit": null, "deleted_at": null
    });
    assert_eq!((row.get::<_, Value>(0), row.get::<_, Value>(1)), (expected_lead, expected_analysis));
    assert_eq!(stage.balance().await?, 4);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_repeat_gives_the_same_answer_and_writes_nothing() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun_and("nasa", "saving").await?;
    let first = complete(&stage.backend, run).await?;
    let versions = "select jsonb_agg(v) from (select xmin::text v from leads union all select xmin::text from analyses
                    union all select xmin::text from runs) t";
    let before: Value = stage.superuser.query_one(versions, &[]).await?.get(0);

    let later = complete_with(&stage.backend, run, &lead("2026-06-01T00:00:00Z", 9), &result(1)).await?;

    assert_eq!(later, first);
    assert_eq!(stage.superuser.query_one(versions, &[]).await?.get::<_, Value>(0), before);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn the_second_analysis_of_a_profile_updates_its_lead() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let first = stage.begun_and("nasa", "saving").await?;
    let first = complete_with(&stage.backend, first, &lead("2026-01-01T00:00:00Z", 1000), &result(50)).await?;
    let second = stage.begun_and("nasa", "saving").await?;
    let second = complete_with(&stage.backend, second, &lead("2026-01-02T00:00:00Z", 1200), &result(60)).await?;

    assert_eq!((&second["lead_id"], &second["is_new"]), (&first["lead_id"], &json!(false)));
    assert_eq!(stage.count("leads where followers = 1200 and score = 60").await?, 1);
    assert_eq!((stage.count("leads").await?, stage.count("analyses").await?), (1, 2));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn the_facts_of_a_lead_only_move_forward() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let fast = stage.begun_and("nasa", "saving").await?;
    let fast = complete_with(&stage.backend, fast, &lead("2026-01-02T00:00:00Z", 1200), &result(60)).await?;
    let slow = stage.begun_and("nasa", "saving").await?;
    let slow = complete_with(&stage.backend, slow, &lead("2026-01-01T00:00:00Z", 1000), &result(50)).await?;

    assert_eq!((&slow["outcome"], &slow["lead_id"]), (&json!("completed"), &fast["lead_id"]));
    assert_eq!(slow["is_new"], false);
    assert_eq!(stage.count("leads where followers = 1200 and score = 60").await?, 1);
    assert_eq!(stage.count("analyses").await?, 2);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_clock_that_runs_ahead_does_not_pin_the_facts() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let first = stage.begun_and("nasa", "saving").await?;
    complete_with(&stage.backend, first, &lead("2999-01-01T00:00:00Z", 1000), &result(50)).await?;
    assert_eq!(stage.count("leads where scraped_at <= clock_timestamp()").await?, 1);
    Ok(())
}

#[tokio::test]
async fn nothing_is_saved_for_a_run_that_is_not_processing() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let pending = stage.begun("pending").await?;
    let cancelled = stage.begun_and("cancelled", "analyzing").await?;
    cancel(&stage.customer, cancelled).await?;
    let failed = stage.begun_and("failed", "analyzing").await?;
    fail(&stage.backend, failed).await?;

    for (run, status) in
        [(pending, "pending"), (cancelled, "cancelled"), (failed, "failed"), (Uuid::now_v7(), "not_found")]
    {
        let answer = complete(&stage.backend, run).await?;
        assert_eq!(answer, json!({ "outcome": "inactive", "status": status }));
    }
    assert_eq!((stage.count("leads").await?, stage.count("analyses").await?), (0, 0));
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_result_the_tables_refuse_saves_nothing_and_the_run_goes_on() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let run = stage.begun_and("nasa", "saving").await?;
    let whole = lead("2026-01-01T00:00:00Z", 1000);
    for (lead, result) in [
        (&whole, result(101)),
        (&whole, result(-1)),
        (&whole, json!({ "score": 50 })),
        (&json!({ "followers": 5 }), result(50)),
        (&lead("2026-01-01T00:00:00Z", -5), result(50)),
    ] {
        let refused = sqlstate(complete_with(&stage.backend, run, lead, &result).await);
        assert!(["23514", "23502"].contains(&refused.as_str()), "{refused} for {lead} {result}");
    }
    assert_eq!((stage.count("leads").await?, stage.count("analyses").await?), (0, 0));
    assert_eq!(advance(&stage.backend, run, "saving").await?["active"], true);
    complete(&stage.backend, run).await?;
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn long_text_from_a_provider_is_cut_rather_than_refused() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let run = stage.begun_and("nasa", "saving").await?;
    let mut long = lead("2026-01-01T00:00:00Z", 1000);
    for field in ["display_name", "biography", "category", "external_url", "profile_pic_url"] {
        long[field] = json!("é".repeat(5000));
    }
    assert_eq!(complete_with(&stage.backend, run, &long, &result(50)).await?["outcome"], "completed");
    Ok(())
}

#[tokio::test]
async fn a_deleted_lead_stays_deleted_and_a_new_one_is_found() -> TestResult {
    let stage = Stage::with_credits(9).await?;
    let first = stage.begun_and("nasa", "saving").await?;
    let first = complete(&stage.backend, first).await?;
    stage.execute("update leads set deleted_at = now()", &[]).await?;
    let second = stage.begun_and("nasa", "saving").await?;
    let second = complete(&stage.backend, second).await?;
    assert_eq!(second["is_new"], true);
    assert_ne!(second["lead_id"], first["lead_id"]);
    stage.assert_ledger_is_whole().await
}
