//! Deliberate defects, also called mutations. Each violates an invariant, and a test fails unless random histories find
//! it.

/// One defect in the model of the database, in the engine, in the objects of scraping, or in what the workflow is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// Failing a run posts its refund twice.
    RefundTwice,
    /// Failing a run forgets the refund.
    FailKeepsCharge,
    /// `complete_run` does not check whether the run was cancelled, failed or swept.
    CompleteAfterTheEnd,
    /// `complete_run` stores a second analysis when it is repeated.
    CompleteTwice,
    /// `fail_run` does not check whether the run has ended.
    FailAfterTheEnd,
    /// A heartbeat makes an ended run active again.
    HeartbeatRevives,
    /// A repeated request with the same idempotency key is charged again.
    ReplayCharges,
    /// A replay answers with today's balance instead of the first answer's.
    ReplayForgetsItsAnswer,
    /// Cancelling refunds although AI work had begun.
    CancelRefundsAfterAi,
    /// Cancelling keeps the credits although no AI work had begun.
    CancelKeepsBeforeAi,
    /// A repeated cancel refunds again.
    CancelTwice,
    /// A start without an answer is undone although its workflow has taken the run up.
    UndoIgnoresWorkflow,
    /// The start of AI work is not recorded.
    AiStartForgotten,
    /// The sweep looks at the run's age and not at its last heartbeat.
    SweepIgnoresHeartbeat,
    /// The balance is not checked before a charge.
    BalanceNotChecked,
    /// The balance moves without an entry in the ledger.
    EntryForgotten,
    /// The same analysis may run twice at once.
    DuplicateAllowed,
    /// The hourly limit is not checked.
    HourlyLimitIgnored,
    /// A heartbeat moves the phase backwards.
    PhaseMovesBack,
    /// The engine forgets a finished step.
    StepForgotten,
    /// The sweep does not see runs that no workflow ever took up.
    SweepMissesPending,
    /// Failing a run gives one credit back, whatever it cost.
    RefundsOneCredit,
    /// A bill that is recorded again counts again.
    BillTwice,
    /// Marking ignores the username, so analyses of other profiles become stale too.
    StaleMarksOtherProfiles,
    /// An analysis of an older scrape that is stored after a change was seen does not count as stale.
    LateConclusionIsFresh,
    /// The new snapshot is saved before the comparison, and so is compared with itself.
    ComparedWithItself,
    /// Calls that run at the same time share one durable step.
    CallsShareAStep,
    /// When one call fails, the answers of the others are forgotten with it.
    FailureForgetsSiblings,
    /// A bill that the database did not take is not recorded later.
    LateBillDropped,
    /// What one model refused is asked of the next.
    RefusalFallsOver,
    /// A model that was shut down ends the call, although another one could answer.
    GoneIsFinal,
    /// The second model is never asked.
    FallbackNeverAsked,
    /// A result is stored although one of its calls has no answer in it.
    JudgementMissing,
    /// A call without an answer counts as one that failed at once, and is repeated as often.
    TimeoutIsAnError,
    /// A scrape that goes on from an earlier snapshot loses one of its posts.
    EarlierPostLost,
    /// After a death of its process the gate knows no lease.
    GateForgetsLeases,
    /// After a death of its process the gate does not know who shares a lease.
    GateForgetsRequests,
    /// The gate does not look after leases that are held: those that expire, and orders that did not arrive.
    GateNeverLooks,
    /// The gate keeps one of several leases to itself.
    LeaseNeverGiven,
    /// A scrape returns its lease as soon as it has told everybody of a fault, although its actor run may go on.
    LeaseReturnedEarly,
    /// The intent to start an actor run is not stored before the start.
    LostStartMadeAgain,
    /// Whoever waits for a scrape is not told that it has failed.
    FaultKeptFromWaiters,
    /// The version before did not write a field that the present one cannot do without.
    VersionsDisagree,
    /// Cancelling a bulk forgets the lines that nobody has started.
    BulkCancelSparesUnstarted,
    /// A bulk ends although lines of it are active.
    BulkEndsEarly,
    /// Nobody writes down that a bulk is over.
    BulkNeverEnds,
    /// A charge draws on the oldest grant first, whatever its priority and its end.
    DrawsTheOldest,
    /// Of grants of one priority, a charge draws on the one first that ends last.
    DrawsTheLastToEnd,
    /// A charge draws on grants whose time is over.
    EndedGrantIsSpent,
    /// A refund goes to the newest grant, and not to those that the charge drew on.
    RefundToAnotherGrant,
    /// A refund does not end first what is left of a grant whose time is over, and lengthens its life with its own.
    RefundRevivesAnEndedGrant,
    /// A refund changes the balance and the ledger, and no grant.
    GrantForgotten,
    /// A member's limit is not checked.
    MemberLimitIgnored,
    /// A member's limit is not checked when they buy a bulk.
    BulkIgnoresLimit,
    /// Of the limit for a week or a month, only what was spent today is used.
    LimitCountsTheDayOnly,
    /// What was refunded stays spent.
    RefundLeavesTheLimitUsed,
    /// A refund counts for the day on which it is paid, and not for that of its charge.
    RefundCountsToday,
    /// What a member spends is booked to the account's owner.
    ChargeOfAnother,
    /// Whoever belongs to the account may do everything there.
    ViewerSpends,
    /// A key that was revoked, or whose maker has left, goes on.
    RevokedKeySpends,
    /// An account's last owner may leave, and may become something else.
    LastOwnerLeaves,
    /// A start that failed is not undone when whoever asked for it has lost the permission meanwhile.
    UndoNeedsPermission,
}

impl Mutation {
    pub const ALL: [Self; 62] = [
        Self::RefundTwice,
        Self::FailKeepsCharge,
        Self::CompleteAfterTheEnd,
        Self::CompleteTwice,
        Self::FailAfterTheEnd,
        Self::HeartbeatRevives,
        Self::ReplayCharges,
        Self::ReplayForgetsItsAnswer,
        Self::CancelRefundsAfterAi,
        Self::CancelKeepsBeforeAi,
        Self::CancelTwice,
        Self::UndoIgnoresWorkflow,
        Self::AiStartForgotten,
        Self::SweepIgnoresHeartbeat,
        Self::BalanceNotChecked,
        Self::EntryForgotten,
        Self::DuplicateAllowed,
        Self::HourlyLimitIgnored,
        Self::PhaseMovesBack,
        Self::StepForgotten,
        Self::SweepMissesPending,
        Self::RefundsOneCredit,
        Self::BillTwice,
        Self::StaleMarksOtherProfiles,
        Self::LateConclusionIsFresh,
        Self::ComparedWithItself,
        Self::CallsShareAStep,
        Self::FailureForgetsSiblings,
        Self::LateBillDropped,
        Self::RefusalFallsOver,
        Self::GoneIsFinal,
        Self::FallbackNeverAsked,
        Self::JudgementMissing,
        Self::TimeoutIsAnError,
        Self::EarlierPostLost,
        Self::GateForgetsLeases,
        Self::GateForgetsRequests,
        Self::GateNeverLooks,
        Self::LeaseNeverGiven,
        Self::LeaseReturnedEarly,
        Self::LostStartMadeAgain,
        Self::FaultKeptFromWaiters,
        Self::VersionsDisagree,
        Self::BulkCancelSparesUnstarted,
        Self::BulkEndsEarly,
        Self::BulkNeverEnds,
        Self::DrawsTheOldest,
        Self::DrawsTheLastToEnd,
        Self::EndedGrantIsSpent,
        Self::RefundToAnotherGrant,
        Self::RefundRevivesAnEndedGrant,
        Self::GrantForgotten,
        Self::MemberLimitIgnored,
        Self::BulkIgnoresLimit,
        Self::LimitCountsTheDayOnly,
        Self::RefundLeavesTheLimitUsed,
        Self::RefundCountsToday,
        Self::ChargeOfAnother,
        Self::ViewerSpends,
        Self::RevokedKeySpends,
        Self::LastOwnerLeaves,
        Self::UndoNeedsPermission,
    ];
}
