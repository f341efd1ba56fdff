//! The price list that is charged and the one in the code are the same.

use oslira_app::shared::analysis_type::AnalysisType;
use oslira_testkit::TestResult;

use crate::support::Stage;

#[tokio::test]
async fn what_is_charged_is_what_the_code_says() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    for kind in AnalysisType::ALL {
        let sql = "select credits from analysis_prices where analysis_type = $1";
        let row = stage.superuser.query_one(sql, &[&kind.as_str()]).await?;
        assert_eq!(i64::from(row.get::<_, i32>(0)), i64::from(kind.config().credits), "{kind:?}");
    }
    Ok(())
}

#[tokio::test]
async fn what_an_analysis_is_worth_is_what_the_specification_says() -> TestResult {
    let stage = Stage::with_credits(0).await?;
    let sql = "select string_agg(analysis_type || ' ' || price_usd, ', ' order by credits) from analysis_prices";
    let prices: String = stage.superuser.query_one(sql, &[]).await?.get(0);
    assert_eq!(prices, "LIGHT 0.97, DEEP 4.85, XRAY 5.82");
    Ok(())
}
