//! Invitations go 30 days after they were accepted, taken back or expired.

use oslira_app::features::retention::Remains;
use oslira_testkit::TestResult;

use super::{ALL, removed};
use crate::support::Stage;

/// What has ended an invitation, as its columns so many days ago; one that is open ends in the future.
const ENDS: [&str; 4] = [
    "accepted_at = now() - $1::text::interval, expires_at = now() + interval '1 day'",
    "revoked_at = now() - $1::text::interval, expires_at = now() + interval '1 day'",
    "expires_at = now() - $1::text::interval",
    "expires_at = now() + $1::text::interval",
];

#[tokio::test]
async fn an_invitation_goes_thirty_days_after_its_end() -> TestResult {
    for (end, goes) in ENDS.into_iter().zip([true, true, true, false]) {
        let stage = Stage::with_credits(0).await?;
        let invite = "select api.invite_member($1, gen_random_uuid(), 'zoe@example.com', 'viewer', null, null, repeat('ab', 32))";
        let invited = stage.customer.call(invite, &[&stage.member.account_id]).await?;
        assert_eq!(invited["outcome"], "ok", "{invited}");
        let age = format!("update invitations set {end}");
        stage.execute(&age, &[&"29 days 23 hours"]).await?;
        assert_eq!(removed(&stage, Remains::Invitations, ALL).await, 0, "{end}");
        stage.execute(&age, &[&"30 days 1 minute"]).await?;
        assert_eq!(removed(&stage, Remains::Invitations, ALL).await, u32::from(goes), "{end}");
        assert_eq!(stage.count("invitations").await?, i64::from(!goes), "{end}");
    }
    Ok(())
}
