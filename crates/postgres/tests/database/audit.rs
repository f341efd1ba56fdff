//! The audit itself: each of its rules finds what it is there for. The rows are spoilt as only a superuser without triggers and
//! constraints can.

use std::collections::BTreeSet;

use oslira_testkit::{TestResult, audit, audit_rules};

use crate::support::{Stage, complete, fail};

/// What spoils a whole database, and the rule that must find it.
const SPOILT: [(&str, &str); 17] = [
    ("update credit_balances set balance = balance + 1", "the sum of the transactions is the balance"),
    ("update credit_transactions set balance_after = balance_after + 1", "balance_after is the running sum"),
    ("update credit_grants set remaining = remaining - 1", "a balance is what is left of its grants"),
    ("update credit_grants set remaining = remaining - 1", "what is left of a grant is the sum of its movements"),
    ("update credit_grants set amount = amount + 1", "what is left of a grant is the sum of its movements"),
    (
        "update credit_transactions set grants = jsonb_build_object('1', 2) where kind = 'charge'",
        "an entry moves what it says of its grants",
    ),
    ("delete from credit_transactions where kind = 'charge'", "every run was charged its price, once"),
    ("delete from credit_transactions where kind = 'refund'", "a run is refunded in full exactly when it says so"),
    (
        "update credit_transactions set amount = 2 where kind = 'refund'",
        "a run is refunded in full exactly when it says so",
    ),
    ("delete from analyses", "a run has a result exactly when it is complete"),
    (
        "alter table runs drop constraint charge_ends_with_run;
         update runs set charge_outcome = null where status = 'complete'",
        "every charge ends with its run, in exactly one way",
    ),
    ("drop index runs_one_active; update runs set username = 'esa'", "one active run per profile, username and type"),
    ("delete from analyses", "every lead was found by an analysis of its account"),
    ("update leads set score = score + 1", "a lead shows one analysis, its latest, and the types of all"),
    ("update leads set outcome = 'won'", "a lead turned out as its newest mark says"),
    ("update spending_days set credits = credits + 1", "what is kept of a day's spending is what its runs cost"),
    (
        "update member_spending_days set credits = credits + 1",
        "what is kept of a member's spending is what their runs cost",
    ),
];

#[test]
fn every_rule_is_spoilt() {
    let spoilt: BTreeSet<&str> = SPOILT.iter().map(|(_, rule)| *rule).collect();
    let rules: BTreeSet<&str> = audit_rules().collect();
    assert_eq!(spoilt, rules, "a new rule needs something that it finds");
}

#[tokio::test]
async fn every_rule_of_the_audit_finds_what_it_is_there_for() -> TestResult {
    for (spoil, rule) in SPOILT {
        let stage = Stage::with_credits(10).await?;
        complete(&stage.backend, stage.begun_and("nasa", "analyzing").await?).await?;
        fail(&stage.backend, stage.begun("isro").await?).await?;
        stage.begun("jaxa").await?;
        stage.begun("csa").await?;
        assert_eq!(audit(&stage.superuser).await?, [""; 0]);
        stage.superuser.batch_execute(&format!("set session_replication_role = replica; {spoil}")).await?;
        let found = audit(&stage.superuser).await?;
        assert!(found.iter().any(|finding| finding.starts_with(rule)), "{spoil}: {found:#?}");
    }
    Ok(())
}
