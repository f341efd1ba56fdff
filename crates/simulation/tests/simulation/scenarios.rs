//! The scenarios that are crashed at every point, and how each must end: every analysis type with an empty and a filled
//! cache, each of its AI calls failing in each way, its scrapes failing, its stores failing.

use std::ops::Range;

use oslira_app::{
    features::judging::CallKind,
    shared::analysis_type::AnalysisType::{self, Deep, Light, Xray},
};
use oslira_simulation::{ApifyBehaviour, ProviderBehaviour, Version};

/// What the profile cache has when the run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheState {
    Nothing,
    /// A snapshot young enough for every type.
    Cached,
    /// One that is too old, of a profile that has changed since.
    Changed,
    /// One that is too old for DEEP and XRAY, and younger than a day: the profile shows what is new.
    Recent,
    /// One of ten days ago: since then there are more new posts than the profile itself shows.
    LongAgo,
}

impl CacheState {
    /// How long before the run the snapshot was made, in milliseconds.
    pub fn age_ms(self) -> Option<i64> {
        const HOUR: i64 = 3_600_000;
        match self {
            Self::Nothing => None,
            // Young enough for XRAY (6 h).
            Self::Cached => Some(HOUR),
            // Too old for LIGHT (24 h). A profile that changes has other followers every two minutes, and the same again
            // after eight: two minutes more, since 30 hours are a multiple of eight minutes.
            Self::Changed => Some(30 * HOUR + 120_000),
            Self::Recent => Some(20 * HOUR),
            Self::LongAgo => Some(240 * HOUR),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Scenario {
    pub name: String,
    pub kind: AnalysisType,
    pub username: &'static str,
    pub before: CacheState,
    pub script: Vec<(String, ProviderBehaviour)>,
    /// By call, how Apify behaves.
    pub apify_script: Vec<(String, ApifyBehaviour)>,
    /// By step, how often the database refuses to record a bill.
    pub refused_bills: Vec<(String, u32)>,
    pub snapshots_unreadable: bool,
    /// How long no store answers, from the start of the run.
    pub outage_ms: i64,
    /// The version of the product that runs at first.
    pub version: Version,
    /// The error code that the run must end with; `None` when it must end with a result.
    pub fails_as: Option<&'static str>,
}

impl Scenario {
    /// A run that goes well.
    pub fn of(kind: AnalysisType, before: CacheState) -> Self {
        Self {
            name: format!("{} {before:?}", kind.as_str()),
            kind,
            // Of the two only the dancer's followers change.
            username: if before == CacheState::Changed { "dancer" } else { "runner" },
            before,
            script: vec![],
            apify_script: vec![],
            refused_bills: vec![],
            snapshots_unreadable: false,
            outage_ms: 0,
            version: Version::Present,
            fails_as: None,
        }
    }

    fn named(mut self, name: &str) -> Self {
        self.name = format!("{}, {name}", self.name);
        self
    }

    fn with(mut self, step: impl Into<String>, behaviour: ProviderBehaviour) -> Self {
        self.script.push((step.into(), behaviour));
        self
    }

    fn with_apify(mut self, call: impl Into<String>, behaviour: ApifyBehaviour) -> Self {
        self.apify_script.push((call.into(), behaviour));
        self
    }

    fn refusing_bills(mut self, step: impl Into<String>, times: u32) -> Self {
        self.refused_bills.push((step.into(), times));
        self
    }

    fn failing(mut self, code: &'static str) -> Self {
        self.fails_as = Some(code);
        self
    }
}

pub fn scenarios() -> Vec<Scenario> {
    let mut all = vec![];
    for kind in [Light, Deep, Xray] {
        for before in [CacheState::Nothing, CacheState::Cached] {
            let base = Scenario::of(kind, before);
            all.push(base.clone());
            // A call knows nothing of the scrape: one of each type, the first, shows how they go together.
            let calls = kind.config().calls;
            let calls = if before == CacheState::Cached { calls } else { &calls[..1] };
            all.extend(calls.iter().flat_map(|call| one_call_fails(&base, *call)));
            all.extend(all_calls_fail(&base));
            all.extend(bills_are_late(&base, calls));
            all.push(
                Scenario { snapshots_unreadable: true, ..base.clone() }
                    .named("unreadable snapshot")
                    .failing("internal_error"),
            );
            // Shorter than the engine's retries, which last two minutes; the last scenario's outage is longer.
            all.push(Scenario { outage_ms: 20_000, ..base.clone() }.named("database restarts"));
        }
        let base = Scenario::of(kind, CacheState::Nothing);
        all.push(Scenario::of(kind, CacheState::Changed));
        for (username, code) in [
            ("nobody", "profile_not_found"),
            ("private.person", "profile_private"),
            ("restricted.page", "profile_restricted"),
        ] {
            all.push(Scenario { username, ..base.clone() }.named(username).failing(code));
        }
        all.extend(scrapes_fail(&base, "details"));
        if kind != Light {
            all.push(Scenario { username: "mute.page", ..base.clone() }.named("mute.page").failing("posts_unreadable"));
            all.extend(scrapes_fail(&base, "posts"));
            all.extend(repeats(kind));
        }
    }
    all.push(
        Scenario { outage_ms: 200_000, ..Scenario::of(Light, CacheState::Cached) }
            .named("no database")
            .failing("internal_error"),
    );
    all
}

/// Each way in which one call can fail while the others beside it work.
fn one_call_fails(base: &Scenario, call: CallKind) -> Vec<Scenario> {
    use ProviderBehaviour::{
        Busy, Doubtful, Malformed, ModelGone, OutOfQuota, Refused, Rejected, ReplyLost, Silent, Truncated, Unavailable,
    };
    let step = |attempt: u32| format!("judge-{}-{attempt}", call.as_str());
    let failing = |behaviour: ProviderBehaviour, what: &str| {
        let name = format!("{} {what} {behaviour:?}", call.as_str());
        base.clone().named(&name)
    };
    let mut all: Vec<Scenario> = [Unavailable, ReplyLost, Silent, Malformed, Doubtful, Truncated, Busy(7_000)]
        .into_iter()
        .map(|behaviour| failing(behaviour, "once").with(step(0), behaviour))
        .collect();
    // After one such answer the second model is asked at once, as with any pause above `config::AI_PAUSE_MAX`.
    for behaviour in [OutOfQuota, Rejected, ModelGone, Busy(3_600_000)] {
        all.push(failing(behaviour, "falls over by").with(step(0), behaviour));
    }
    // After three attempts the second model is asked.
    for behaviour in [Unavailable, Malformed] {
        all.push(
            (0..3).fold(failing(behaviour, "falls over after three times"), |it, at| it.with(step(at), behaviour)),
        );
    }
    // A doubted answer counts, whatever comes of asking once more.
    for again in [Doubtful, Unavailable, Refused, OutOfQuota, Silent] {
        let name = format!("{} doubtful, then {again:?}", call.as_str());
        all.push(base.clone().named(&name).with(step(0), Doubtful).with(step(1), again));
    }
    // A call that gets no answer is repeated once.
    let silent = |scenario: Scenario, attempts: u32| (0..attempts).fold(scenario, |it, at| it.with(step(at), Silent));
    all.push(silent(failing(Silent, "falls over after two times"), 2));
    all.push(silent(failing(Silent, "fails with both models"), 4).failing("ai_unavailable"));
    all.push(failing(Refused, "fails by").with(step(0), Refused).failing("ai_refused"));
    let both = failing(Refused, "falls over to").with(step(0), OutOfQuota).with(step(1), Refused);
    all.push(both.failing("ai_refused"));
    let provider_down = failing(OutOfQuota, "fails with both models").with(step(0), Rejected).with(step(1), OutOfQuota);
    all.push(provider_down.failing("ai_quota_exhausted"));
    let gone = failing(ModelGone, "fails with both models").with(step(0), ModelGone).with(step(1), ModelGone);
    all.push(gone.failing("ai_unavailable"));
    let useless = failing(Truncated, "fails in all six attempts, at last");
    let useless = (0..6).fold(useless, |it, at| it.with(step(at), if at % 2 == 0 { ReplyLost } else { Truncated }));
    all.push(useless.failing("ai_truncated"));
    all
}

fn all_calls_fail(base: &Scenario) -> Vec<Scenario> {
    let calls = base.kind.config().calls;
    let each = |scenario: Scenario, attempts: u32, behaviour: ProviderBehaviour| {
        let steps = calls.iter().flat_map(|call| (0..attempts).map(|at| format!("judge-{}-{at}", call.as_str())));
        steps.fold(scenario, |scenario, step| scenario.with(step, behaviour))
    };
    vec![
        each(base.clone().named("every call falls over"), 1, ProviderBehaviour::OutOfQuota),
        each(base.clone().named("every call fails once"), 1, ProviderBehaviour::Unavailable),
        each(base.clone().named("every model is shut down"), 1, ProviderBehaviour::ModelGone),
        each(base.clone().named("every call fails"), 6, ProviderBehaviour::Unavailable).failing("ai_unavailable"),
        each(base.clone().named("no call has money"), 2, ProviderBehaviour::OutOfQuota).failing("ai_quota_exhausted"),
        each(base.clone().named("every call is refused"), 1, ProviderBehaviour::Refused).failing("ai_refused"),
    ]
}

/// The database refuses to record a bill at first, and records it later, or not for minutes.
fn bills_are_late(base: &Scenario, calls: &[CallKind]) -> Vec<Scenario> {
    let mut all = vec![];
    for call in calls {
        let step = format!("judge-{}-0", call.as_str());
        let late = base.clone().named(&format!("bill of {} is late", call.as_str()));
        // `u32::MAX` is "always": the bill can only be recorded by the step `-bill`.
        all.push(late.clone().refusing_bills(step.clone(), u32::MAX));
        all.push(late.named("twice").refusing_bills(step.clone(), u32::MAX).refusing_bills(format!("{step}-bill"), 2));
    }
    let each = calls.iter().fold(base.clone().named("every bill is late"), |it, call| {
        it.refusing_bills(format!("judge-{}-0", call.as_str()), u32::MAX)
    });
    all.push(each);
    let step = format!("judge-{}-0", calls[0].as_str());
    let never = base.clone().named("a bill is never taken").refusing_bills(step.clone(), u32::MAX);
    all.push(never.refusing_bills(format!("{step}-bill"), u32::MAX).failing("internal_error"));
    if base.before == CacheState::Nothing {
        let late = base.clone().named("bill of a scrape is late");
        // Which of the two waits sees the scrape end depends on chance, so both refuse.
        let waits = [0, 1].map(|wait| format!("scrape-details-0-collect-{wait}"));
        all.push(
            waits
                .into_iter()
                .fold(late, |it, step| it.refusing_bills(format!("{step}-bill"), 2).refusing_bills(step, u32::MAX)),
        );
    }
    all
}

/// A deep analysis of a profile that was read before.
fn repeats(kind: AnalysisType) -> Vec<Scenario> {
    let of = |before, username| {
        let name = format!("{} {before:?}, {username}", kind.as_str());
        Scenario { username, name, ..Scenario::of(kind, before) }
    };
    let mut all = vec![];
    for before in [CacheState::Recent, CacheState::Changed, CacheState::LongAgo] {
        // The runner has an id; that the cook is the same profile can only be told by posts.
        for username in ["runner", "cook", "beginner"] {
            all.push(of(before, username));
        }
        let down = starts(of(before, "runner").named("details down"), "details", 0..4, ApifyBehaviour::Unavailable);
        all.push(down.failing("scrape_failed"));
    }
    for (before, username) in
        [(CacheState::Changed, "runner"), (CacheState::LongAgo, "runner"), (CacheState::LongAgo, "cook")]
    {
        let base = of(before, username);
        // Where the profile shows all that is new, the posts run may fail.
        let ends =
            |scenario: Scenario, code| if before == CacheState::Changed { scenario } else { scenario.failing(code) };
        let down = starts(base.clone().named("posts down"), "posts", 0..4, ApifyBehaviour::Unavailable);
        all.push(ends(down, "scrape_failed"));
        all.push(ends(unheard(base.clone().named("posts silent"), "posts", 0..2), "scrape_failed"));
        let useless = starts(base.named("posts unusable"), "posts", 0..4, ApifyBehaviour::Malformed);
        all.push(ends(useless, "posts_unreadable"));
    }
    // The first posts run reads the newer ones, the others read all.
    let down = of(CacheState::LongAgo, "cook").named("all posts down");
    all.push(starts(down, "posts", 1..5, ApifyBehaviour::Unavailable).failing("scrape_failed"));
    all
}

/// The starts of some actor runs.
fn starts(scenario: Scenario, part: &str, numbers: Range<u32>, behaviour: ApifyBehaviour) -> Scenario {
    numbers.fold(scenario, |it, number| it.with_apify(format!("{part}-{number}-start"), behaviour))
}

/// Nothing is heard of the start of some actor runs, nor of the searches for them.
fn unheard(scenario: Scenario, part: &str, numbers: Range<u32>) -> Scenario {
    let unheard = starts(scenario, part, numbers.clone(), ApifyBehaviour::Silent);
    numbers.fold(unheard, |it, number| it.with_apify(format!("{part}-{number}-find"), ApifyBehaviour::Silent))
}

/// One part of a scrape fails while the other, if there is one, works.
fn scrapes_fail(base: &Scenario, part: &str) -> Vec<Scenario> {
    use ApifyBehaviour::{
        Fails, Full, Hangs, ItemsLate, Malformed, OutOfQuota, Rejected, ReplyLost, RequestLost, Silent, Unavailable,
    };
    let of = |what: &str| base.clone().named(&format!("{part} {what}"));
    let start = |what: &str, behaviour| starts(of(what), part, 0..1, behaviour);
    let look = |scenario: Scenario, behaviour, times: u32| {
        (0..times).fold(scenario, |it, number| it.with_apify(format!("{part}-0-look-{number}"), behaviour))
    };
    let nothing = if part == "posts" { "posts_unreadable" } else { "scrape_failed" };
    vec![
        start("refused", OutOfQuota).failing("scraper_unavailable"),
        look(of("refused when asked about"), Rejected, 1).failing("scraper_unavailable"),
        starts(of("has no room at first"), part, 0..3, Full),
        start("start's reply lost", ReplyLost),
        start("start lost", RequestLost),
        start("silent once", Silent),
        unheard(of("silent"), part, 0..2).failing("scrape_failed"),
        look(of("unanswered"), ReplyLost, 1),
        look(of("silent once when asked about"), Silent, 1),
        look(of("silent when asked about"), Silent, 2).failing("scrape_failed"),
        start("failed actor", Fails),
        start("stopped actor", Hangs),
        start("items late", ItemsLate),
        start("unusable once", Malformed),
        starts(of("down"), part, 0..4, Unavailable).failing("scrape_failed"),
        starts(of("unusable"), part, 0..4, Malformed).failing(nothing),
    ]
}
