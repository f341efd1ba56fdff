//! A simulation that finds nothing proves something only if it finds the defects that are there: each deliberate one
//! must be noticed, as the violation that it is.

use oslira_simulation::{Mutation, Plan, history};

const HISTORIES_MAX: u64 = 10_000;

/// Words that the violation found for each defect must contain; `|` separates alternatives.
const fn noticed_as(mutation: Mutation) -> &'static str {
    match mutation {
        Mutation::RefundTwice => "has 2 refunds",
        Mutation::CancelTwice => "has 2 refunds|a repeated cancel of",
        Mutation::UndoIgnoresWorkflow => "was undone although a workflow had taken it up",
        Mutation::FailKeepsCharge => "has 0 refunds",
        Mutation::CompleteAfterTheEnd | Mutation::HeartbeatRevives => "had ended and changed",
        Mutation::FailAfterTheEnd => "had ended and changed|has 2 refunds",
        Mutation::CompleteTwice => "with 2 analyses",
        Mutation::ReplayCharges | Mutation::ReplayForgetsItsAnswer => "a repeated request answered",
        Mutation::CancelRefundsAfterAi => "and its charge Some(\"refunded\")",
        Mutation::CancelKeepsBeforeAi => "and its charge Some(\"kept\")",
        Mutation::AiStartForgotten => "although its AI call had started",
        Mutation::SweepIgnoresHeartbeat => "after its last sign of life",
        Mutation::BalanceNotChecked => "the balance is negative",
        Mutation::EntryForgotten => "the sum is",
        Mutation::DuplicateAllowed => "two active runs",
        Mutation::HourlyLimitIgnored => "runs within an hour",
        Mutation::PhaseMovesBack => "went back from",
        // A replay that forgot a step may pay the provider again, or get another outcome and so take other steps.
        Mutation::StepForgotten => "paid its provider|a replay asks for step|without asking for step",
        Mutation::SweepMissesPending => "never ends",
        Mutation::RefundsOneCredit => "has 1 refunds",
        Mutation::BillTwice => "in the database more than once",
        Mutation::StaleMarksOtherProfiles => "is stale and older than no change",
        Mutation::LateConclusionIsFresh => "is not stale and older than a change",
        Mutation::ComparedWithItself => "has changed, and the analyses before",
        Mutation::CallsShareAStep => "is asked for twice in one life",
        // A model that is asked again may answer otherwise, after which other steps follow.
        Mutation::FailureForgetsSiblings => "is asked again after|without asking for step",
        Mutation::LateBillDropped => "is not in the database",
        Mutation::RefusalFallsOver => "is asked again after|not every model was asked",
        Mutation::GoneIsFinal => "fails as ai_refused and not every model was asked",
        Mutation::FallbackNeverAsked => "not every model was asked",
        Mutation::JudgementMissing => "is complete without personality",
        // Of a model the third attempt shows it, of the scraper the time.
        Mutation::TimeoutIsAnError => "still asks after|is asked of",
        Mutation::EarlierPostLost => "lacks the post",
        Mutation::GateForgetsLeases | Mutation::LeaseReturnedEarly => "actor runs are under way",
        Mutation::GateForgetsRequests => "is read by scrape",
        Mutation::GateNeverLooks => "a lease never ends",
        Mutation::LeaseNeverGiven => "a lease is free, and",
        Mutation::LostStartMadeAgain => "has 2 actor runs",
        Mutation::FaultKeptFromWaiters => "ended without an answer",
        Mutation::VersionsDisagree => "cannot be read",
        Mutation::BulkCancelSparesUnstarted => "was cancelled, and its line",
        Mutation::BulkEndsEarly => "has ended before its line",
        Mutation::BulkNeverEnds => "never ends: BulkRow",
        Mutation::DrawsTheOldest | Mutation::DrawsTheLastToEnd | Mutation::EndedGrantIsSpent => "draws on",
        Mutation::RefundToAnotherGrant => "goes to",
        Mutation::RefundRevivesAnEndedGrant => "comes to life again",
        Mutation::GrantForgotten => "is left of grant",
        Mutation::MemberLimitIgnored | Mutation::BulkIgnoresLimit => "beyond the limit",
        Mutation::LimitCountsTheDayOnly => "beyond the limit|is refused with",
        // A request may end a silent run and then be refused because of what that run still counts.
        Mutation::RefundLeavesTheLimitUsed | Mutation::RefundCountsToday => "kept of days is|is refused with",
        Mutation::ChargeOfAnother => "kept of days is",
        Mutation::ViewerSpends => "who may not|changes members, and may not",
        Mutation::RevokedKeySpends => "who may not",
        Mutation::LastOwnerLeaves => "has no owner",
        Mutation::UndoNeedsPermission => "asked for the undoing of",
    }
}

#[test]
fn every_deliberate_defect_is_caught_for_what_it_is() {
    for mutation in Mutation::ALL {
        let caught = (0..HISTORIES_MAX).find_map(|seed| {
            let report = history(Plan { mutation: Some(mutation), ..Plan::of(seed) });
            report.violation.map(|violation| (seed, violation))
        });
        let (seed, violation) = caught.unwrap_or_else(|| panic!("{mutation:?} went unnoticed"));
        println!("{mutation:?}: seed {seed}: {violation}");
        let is_noticed = noticed_as(mutation).split('|').any(|words| violation.contains(words));
        assert!(is_noticed, "{mutation:?} at seed {seed}: {violation}");
    }
}

#[test]
fn every_deliberate_defect_is_in_the_documentation() {
    let document = include_str!("../../../../docs/reliability.md");
    for mutation in Mutation::ALL {
        assert!(document.contains(&format!("| `{mutation:?}`: ")), "docs/reliability.md does not list {mutation:?}");
    }
}
