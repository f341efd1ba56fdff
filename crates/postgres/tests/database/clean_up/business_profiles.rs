//! A business profile that was deleted 30 days ago is removed; while leads need it, its row stays without its texts.

use oslira_app::features::{
    business::{BusinessProfileCursor, BusinessProfileRepository},
    retention::Remains,
};
use oslira_app::shared::pagination::PageQuery;
use oslira_testkit::{Error, TestResult};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ALL, analysed, batches, delete_leads, removed};
use crate::bulk::{Purchase, buy};
use crate::support::{Stage, acting, advance, begin, cancel, complete, fail, outcome};

/// Deletes the stage's business profile as its customer would have done so many days ago.
async fn delete_profile(stage: &Stage, days: f64) -> TestResult {
    let (account, profile) = (stage.member.account_id, stage.member.business_profile_id);
    let answer = stage.customer.call("select api.delete_business_profile($1, $2)", &[&account, &profile]).await?;
    assert_eq!(outcome(&answer), "deleted");
    let age = "update business_profiles set deleted_at = now() - make_interval(secs => $1::float8 * 86400)";
    stage.execute(age, &[&days]).await?;
    Ok(())
}

async fn profile(stage: &Stage) -> Result<Value, Error> {
    let sql =
        "select to_jsonb(bp) - '{id,account_id,created_at,updated_at,deleted_at}'::text[] from business_profiles bp";
    Ok(stage.superuser.query_one(sql, &[]).await?.get(0))
}

#[tokio::test]
async fn one_that_nothing_needs_is_removed_after_thirty_days() -> TestResult {
    for (days, is_removed) in [(29.999, false), (30.001, true)] {
        let stage = Stage::with_credits(5).await?;
        delete_profile(&stage, days).await?;
        assert_eq!(removed(&stage, Remains::BusinessProfiles, ALL).await, u32::from(is_removed), "{days}");
        assert_eq!(removed(&stage, Remains::BusinessProfileTexts, ALL).await, 0, "{days}");
        assert_eq!(stage.count("business_profiles").await?, i64::from(!is_removed));
    }
    Ok(())
}

#[tokio::test]
async fn one_with_living_leads_is_emptied_and_goes_with_the_last_of_them() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let (run, lead) = analysed(&stage, "nasa").await?;
    fail(&stage.backend, stage.begun("esa").await?).await?;
    stage.execute("update business_profiles set idempotency_key = 'key', body_hash = 'hash'", &[]).await?;
    let version = profile(&stage).await?["context_version"].as_i64().unwrap();
    delete_profile(&stage, 29.999).await?;
    assert_eq!(removed(&stage, Remains::BusinessProfileTexts, ALL).await, 0, "not yet");
    delete_profile(&stage, 31.0).await?;
    assert_eq!(removed(&stage, Remains::BusinessProfiles, ALL).await, 0);
    assert_eq!(batches(&stage, Remains::BusinessProfileTexts, 1).await, [1, 0], "once");

    let mut emptied = profile(&stage).await?;
    assert!(emptied["emptied_at"].take().is_string());
    let expected = json!({
        "name": "Deleted", "offering": "Deleted", "target_audience": "Deleted", "voice": null, "do_not_say": [],
        "competitors": [], "proof_points": [], "follower_min": null, "follower_max": null,
        "engagement_rate_min_percent": null, "content_themes": [], "geographies": [], "context_version": version + 1,
        "idempotency_key": null, "body_hash": null, "emptied_at": null,
    });
    assert_eq!(emptied, expected);
    assert_is_hidden(&stage).await?;
    assert_eq!(stage.count("leads where deleted_at is null").await?, 1, "its leads live on");

    delete_leads(&stage, &[lead], 31.0).await?;
    for what in [Remains::Analyses, Remains::Leads] {
        assert_eq!(removed(&stage, what, ALL).await, 1);
    }
    // Two runs forget it first.
    assert_eq!(removed(&stage, Remains::BusinessProfiles, ALL).await, 3);
    assert_eq!(stage.count("business_profiles").await?, 0);
    assert_eq!(stage.run_field(run, "business_profile_id").await?, None);
    stage.assert_ledger_is_whole().await
}

/// No way of the product's shows it, or takes it.
async fn assert_is_hidden(stage: &Stage) -> TestResult {
    let (member, id) = (acting(&stage.member), stage.member.business_profile_id);
    let page = PageQuery::<BusinessProfileCursor> { limit: 10, after: None };
    assert!(BusinessProfileRepository::list(&stage.tenant(), member, page).await.unwrap().items.is_empty());
    let found = BusinessProfileRepository::get(&stage.tenant(), member, id.to_string().parse().unwrap()).await.unwrap();
    assert!(found.is_none());
    assert_eq!(outcome(&begin(&stage.customer, &stage.request("nasa")).await?), "business_profile_not_found");
    let update = "select api.update_business_profile($1, $2, '{\"name\": \"x\"}', null)";
    let updated = stage.customer.call(update, &[&stage.member.account_id, &id]).await?;
    assert_eq!(outcome(&updated), "not_found");
    Ok(())
}

#[tokio::test]
async fn what_a_customer_is_shown_of_a_profile_does_not_tell_of_its_end() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let update = "select api.update_business_profile($1, $2, '{\"name\": \"x\"}', null)";
    let ids: [&Uuid; 2] = [&stage.member.account_id, &stage.member.business_profile_id];
    let shown = stage.customer.call(update, &[ids[0], ids[1]]).await?;
    assert!(shown["profile"].get("deleted_at").is_none() && shown["profile"].get("emptied_at").is_none(), "{shown}");
    Ok(())
}

#[tokio::test]
async fn one_that_an_analysis_is_made_for_keeps_its_texts_until_it_has_ended() -> TestResult {
    let stage = Stage::with_credits(5).await?;
    let run = stage.begun("nasa").await?;
    delete_profile(&stage, 31.0).await?;
    let texts = profile(&stage).await?;
    for what in [Remains::BusinessProfiles, Remains::BusinessProfileTexts] {
        assert_eq!(removed(&stage, what, ALL).await, 0, "{what:?}");
    }
    assert_eq!(profile(&stage).await?, texts);
    advance(&stage.backend, run, "saving").await?;
    assert_eq!(outcome(&complete(&stage.backend, run).await?), "completed");
    assert_eq!(removed(&stage, Remains::BusinessProfiles, ALL).await, 0, "now it has a lead");
    assert_eq!(removed(&stage, Remains::BusinessProfileTexts, ALL).await, 1);
    stage.assert_ledger_is_whole().await
}

#[tokio::test]
async fn one_with_many_bulks_and_runs_goes_in_slices() -> TestResult {
    let stage = Stage::with_credits(20).await?;
    let purchase = Purchase::of(&["a", "b", "c"]);
    buy(&stage, &purchase).await?;
    for run in purchase.runs() {
        cancel(&stage.customer, run).await?;
    }
    delete_profile(&stage, 31.0).await?;
    assert_eq!(removed(&stage, Remains::BusinessProfiles, ALL).await, 0, "the bulk is open");
    stage.backend.rows("select system.end_finished_bulks(10)", &[]).await?;
    // A bulk and three runs forget it, then it goes.
    assert_eq!(batches(&stage, Remains::BusinessProfiles, 2).await, [2, 2, 1]);
    assert_eq!(stage.count("business_profiles").await?, 0);
    assert_eq!(stage.count("runs where business_profile_id is null").await?, 3);
    assert_eq!(stage.count("bulk_runs where business_profile_id is null").await?, 1);
    stage.assert_ledger_is_whole().await
}
