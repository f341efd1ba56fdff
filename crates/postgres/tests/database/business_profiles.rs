//! Business profiles: the context's version rises with what reaches a prompt, and with nothing else.

use oslira_testkit::{Error, TestResult};

use crate::support::{Stage, sqlstate};

async fn version(stage: &Stage) -> Result<i32, Error> {
    Ok(stage.superuser.query_one("select context_version from business_profiles", &[]).await?.get(0))
}

#[tokio::test]
async fn every_change_that_reaches_a_prompt_raises_the_version() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let changes = [
        "name = 'Another'",
        "offering = 'Something else'",
        "target_audience = 'Others'",
        "voice = 'Loud.'",
        "voice = null",
        "do_not_say = array['synergy']",
        "competitors = array['Another']",
        "proof_points = array['Ships in a day.']",
        "proof_points = '{}'",
        "follower_min = 1",
        "follower_max = null",
        "engagement_rate_min_percent = null",
        "content_themes = array['space']",
        "geographies = '{}'",
    ];
    for (number, change) in changes.into_iter().enumerate() {
        stage.execute(&format!("update business_profiles set {change}"), &[]).await?;
        assert_eq!(version(&stage).await?, 2 + i32::try_from(number).unwrap(), "{change}");
    }
    Ok(())
}

#[tokio::test]
async fn nothing_else_moves_the_version() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    for change in [
        "name = name",
        "voice = voice, do_not_say = do_not_say || '{}', competitors = competitors, proof_points = proof_points",
        "deleted_at = now()",
        "context_version = 40",
        "context_version = 0",
        "updated_at = now()",
    ] {
        stage.execute(&format!("update business_profiles set {change}"), &[]).await?;
        assert_eq!(version(&stage).await?, 1, "{change}");
    }
    Ok(())
}

#[tokio::test]
async fn an_impossible_customer_profile_is_refused() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    for change in [
        "follower_min = 10, follower_max = 9",
        "follower_min = -1",
        "engagement_rate_min_percent = 100.01",
        "engagement_rate_min_percent = -1",
        "name = ''",
        "offering = repeat('x', 4001)",
        "voice = ''",
        "voice = repeat('x', 1001)",
        "do_not_say = array_fill('x'::text, array[31])",
        "do_not_say = array['']",
        "do_not_say = array['x', null]",
        "competitors = array['x', repeat('x', 81)]",
        "proof_points = array_fill('x'::text, array[11])",
        "proof_points = array[repeat('x', 201)]",
        "content_themes = array_fill('x'::text, array[31])",
        "content_themes = array[null]::text[]",
        "geographies = array[repeat('x', 2001)]",
    ] {
        let outcome = stage.execute(&format!("update business_profiles set {change}"), &[]).await;
        assert_eq!(sqlstate(outcome), "23514", "{change}");
    }
    Ok(())
}
