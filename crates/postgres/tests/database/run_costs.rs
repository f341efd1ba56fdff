//! What runs cost us: the bills of each, and that an analysis says the same as they do.

use oslira_app::shared::analysis_type::AnalysisType;
use oslira_testkit::{Error, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    support::{Request, Stage, ai_usage, begun, cancel, fail, record_usage, scrape_usage},
    workflow_double::{Scenario, work},
};

/// The row of one run, as JSON.
async fn costs(stage: &Stage, run: Uuid) -> Result<Value, Error> {
    let sql = "select to_jsonb(c) - 'created_at' from system.run_costs('-infinity') c where run_id = $1";
    stage.backend.call(sql, &[&run]).await
}

#[tokio::test]
async fn a_runs_bills_are_added_up_whatever_became_of_it() -> TestResult {
    let stage = Stage::with_credits(20).await?;
    let run = stage.begun_and("nasa", "analyzing").await?;
    let bill = |cost: i64, input: i64, cached: i64, hit: Value| {
        let mut usage = ai_usage();
        usage["cost_microusd"] = json!(cost);
        (usage["input_tokens"], usage["cached_tokens"], usage["gateway_hit"]) = (json!(input), json!(cached), hit);
        usage
    };
    for (key, usage) in [
        ("a", bill(412, 1500, 1000, json!(false))),
        ("b", bill(88, 500, 0, Value::Null)),
        ("c", bill(0, 1500, 500, json!(true))),
        ("d", bill(0, 500, 0, json!(null))),
    ] {
        assert!(record_usage(&stage.backend, run, "ai", key, &usage).await?);
    }
    for key in ["details", "posts"] {
        record_usage(&stage.backend, run, "scrape", key, &scrape_usage()).await?;
    }
    fail(&stage.backend, run).await?;

    let expected = json!({
        "run_id": run, "account_id": stage.member.account_id, "analysis_type": "LIGHT", "status": "failed",
        "ai_microusd": 500, "scrape_microusd": 5200, "total_microusd": 5700,
        "ai_calls": 4, "unpriced_calls": 1, "gateway_hits": 1, "scrapes": 2,
        "input_tokens": 4000, "cached_tokens": 1500, "cache_write_tokens": 28, "output_tokens": 1200, "reasoning_tokens": 0,
        "cached_share": 0.3750
    });
    assert_eq!(costs(&stage, run).await?, expected);
    Ok(())
}

#[tokio::test]
async fn a_run_without_bills_cost_nothing() -> TestResult {
    let stage = Stage::with_credits(20).await?;
    let run = stage.begun("nasa").await?;
    cancel(&stage.customer, run).await?;
    let costs = costs(&stage, run).await?;
    assert_eq!(
        (&costs["total_microusd"], &costs["ai_calls"], &costs["cached_share"]),
        (&json!(0), &json!(0), &Value::Null)
    );
    Ok(())
}

#[tokio::test]
async fn a_span_has_its_first_moment_and_not_its_last() -> TestResult {
    let stage = Stage::with_credits(20).await?;
    for (username, at) in [("a", "2026-01-01T00:00:00Z"), ("b", "2026-01-02T00:00:00Z"), ("c", "2026-01-03T00:00:00Z")]
    {
        let run = stage.begun(username).await?;
        stage.execute("update runs set created_at = $2::text::timestamptz where id = $1", &[&run, &at]).await?;
    }
    let named = async |arguments: &str| -> Result<Value, Error> {
        let sql = format!(
            "select to_jsonb(array_agg(r.username order by r.username)) from system.run_costs({arguments}) c join runs r on r.id = c.run_id"
        );
        stage.backend.call(&sql, &[]).await
    };
    assert_eq!(named("'2026-01-01T00:00:00Z', '2026-01-03T00:00:00Z'").await?, json!(["a", "b"]));
    assert_eq!(named("'2026-01-02T00:00:00Z'").await?, json!(["b", "c"]));
    Ok(())
}

#[tokio::test]
async fn the_question_in_the_handbook_can_be_asked_as_it_is_written() -> TestResult {
    let stage = Stage::with_credits(20).await?;
    let run = stage.begun("nasa").await?;
    record_usage(&stage.backend, run, "ai", "a", &ai_usage()).await?;
    let handbook = include_str!("../../../../docs/costs.md");
    let questions: Vec<&str> = handbook.split("```sql").skip(1).filter_map(|part| part.split("```").next()).collect();
    assert!(questions.len() >= 3, "{handbook}");
    for question in questions {
        let rows = stage.backend.rows(question.trim().trim_end_matches(';'), &[]).await?;
        assert_eq!(rows.len(), 1, "{question}");
    }
    Ok(())
}

#[tokio::test]
async fn an_analysis_says_what_its_runs_bills_say_to_the_last_microdollar() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    for (username, analysis_type, scenario) in [
        ("calm", AnalysisType::Light, Scenario::default()),
        ("calm", AnalysisType::Deep, Scenario::default()),
        ("calm", AnalysisType::Xray, Scenario { is_cached: true, ..Scenario::default() }),
        ("stormy", AnalysisType::Light, Scenario { truncated_first: true, ..Scenario::default() }),
        ("stormy", AnalysisType::Deep, Scenario { truncated_first: true, unpriced: true, ..Scenario::default() }),
        ("hit", AnalysisType::Light, Scenario { gateway_hit: true, ..Scenario::default() }),
    ] {
        let request = stage.request(username).of_type(analysis_type.as_str());
        let run = begun(&stage.customer, &Request { ..request }).await?;
        work(&stage, run, scenario).await;

        let row = stage
            .superuser
            .query_one("select cost_microusd, cost ->> 'total_microusd' from analyses where run_id = $1", &[&run])
            .await?;
        let (stored, told): (i64, Option<String>) = (row.get(0), row.get(1));
        let costs = costs(&stage, run).await?;
        // Of a call without a known price it says no cost, and so none of the whole.
        let all = (!scenario.unpriced).then(|| stored.to_string());
        assert_eq!((json!(stored), told), (costs["total_microusd"].clone(), all), "{username} {costs}");
        let calls = analysis_type.config().calls.len();
        let asked = if scenario.truncated_first { calls * 2 } else { calls };
        assert_eq!(costs["ai_calls"], json!(asked), "{username} {costs}");
        assert_eq!(costs["gateway_hits"], json!(if scenario.gateway_hit { calls } else { 0 }), "{username} {costs}");
        assert_eq!(stored > 0, !(scenario.gateway_hit && scenario.is_cached), "{username} {costs}");
    }
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn a_bill_that_two_runs_share_is_counted_once() -> TestResult {
    let stage = Stage::with_credits(50).await?;
    let scenario = Scenario { bills_key: Some("shared"), ..Scenario::default() };
    let mut counted = vec![];
    for username in ["ann", "bea"] {
        let run = stage.begun(username).await?;
        // Dollars are the second number, results or input tokens the third.
        let points = work(&stage, run, scenario).await.into_iter().filter(|point| point.blobs[0] != "run");
        counted.extend(points.map(|point| (point.blobs[0].clone(), point.doubles[1], point.doubles[2])));
    }
    let point = |kind: &str, cost_microusd: f64, amount: f64| (kind.to_owned(), cost_microusd, amount);
    let whole = [point("scrape", 2_303.0, 1.0), point("ai_call", 1_238.0, 2_000.0)];
    let nothing = [point("scrape", 0.0, 0.0), point("ai_call", 0.0, 0.0)];
    assert_eq!(counted, [whole, nothing].concat());
    Ok(())
}
