//! The scenarios that are crashed at every point, and how each must end: every analysis type with an empty and a filled
//! cache, each of its AI calls failing in each way, its scrapes failing, its stores failing.

use oslira_app::{
    features::judging::CallKind,
    shared::analysis_type::AnalysisType::{self, Deep, Light, Xray},
};
use oslira_simulation::ProviderBehaviour;

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
    /// By step, how often the database refuses to record a bill.
    pub refused_bills: Vec<(String, u32)>,
    pub snapshots_unreadable: bool,
    /// How long no store answers, from the start of the run.
    pub outage_ms: i64,
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
            refused_bills: vec![],
            snapshots_unreadable: false,
            outage_ms: 0,
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
    use ProviderBehaviour::{Malformed, Silent, Unavailable};
    let of = |before, username| {
        let name = format!("{} {before:?}, {username}", kind.as_str());
        Scenario { username, name, ..Scenario::of(kind, before) }
    };
    let down = |scenario: Scenario, part: &str| {
        (0..4).fold(scenario, |it, at| it.with(format!("scrape-{part}-{at}-ask"), Unavailable))
    };
    let mut all = vec![];
    for before in [CacheState::Recent, CacheState::Changed, CacheState::LongAgo] {
        // The runner has an id; that the cook is the same profile can only be told by posts.
        for username in ["runner", "cook", "beginner"] {
            all.push(of(before, username));
        }
        all.push(down(of(before, "runner").named("details down"), "details").failing("scrape_failed"));
    }
    for (before, username) in
        [(CacheState::Changed, "runner"), (CacheState::LongAgo, "runner"), (CacheState::LongAgo, "cook")]
    {
        let base = of(before, username);
        // Where the profile shows all that is new, the posts run may fail.
        let ends =
            |scenario: Scenario, code| if before == CacheState::Changed { scenario } else { scenario.failing(code) };
        all.push(ends(down(base.clone().named("posts down"), "posts"), "scrape_failed"));
        let silent = base.clone().named("posts silent").with("scrape-posts-0-ask", Silent);
        all.push(ends(silent.with("scrape-posts-1-ask", Silent), "scrape_failed"));
        let waits = (0..4).flat_map(|at| [0, 1].map(|wait| format!("scrape-posts-{at}-collect-{wait}")));
        let useless = base.named("posts unusable");
        all.push(ends(waits.fold(useless, |it, step| it.with(step, Malformed)), "posts_unreadable"));
    }
    all.push(down(of(CacheState::LongAgo, "cook").named("all posts down"), "all").failing("scrape_failed"));
    all
}

/// One part of a scrape fails while the other, if there is one, works.
fn scrapes_fail(base: &Scenario, part: &str) -> Vec<Scenario> {
    let start = |attempt: u32| format!("scrape-{part}-{attempt}-ask");
    let collect = |attempt: u32| format!("scrape-{part}-{attempt}-collect-0");
    // A scrape takes up to 42 s, so it ends within two waits of 30 s; either may see its end.
    let unusable = |scenario: Scenario, attempt: u32| {
        let waits = [0, 1].map(|wait| format!("scrape-{part}-{attempt}-collect-{wait}"));
        waits.into_iter().fold(scenario, |it, step| it.with(step, ProviderBehaviour::Malformed))
    };
    let of = |what: &str| base.clone().named(&format!("{part} {what}"));
    let down = (0..4).fold(of("down"), |it, at| it.with(start(at), ProviderBehaviour::Unavailable));
    let useless = (0..4).fold(of("unusable"), unusable);
    let nothing = if part == "posts" { "posts_unreadable" } else { "scrape_failed" };
    let silent = |scenario: Scenario, waits: u32| {
        (0..waits)
            .fold(scenario, |it, wait| it.with(format!("scrape-{part}-0-collect-{wait}"), ProviderBehaviour::Silent))
    };
    vec![
        of("refused").with(start(0), ProviderBehaviour::OutOfQuota).failing("scraper_unavailable"),
        of("refused when asked about").with(collect(0), ProviderBehaviour::Rejected).failing("scraper_unavailable"),
        of("reply lost").with(start(0), ProviderBehaviour::ReplyLost),
        of("unanswered").with(collect(0), ProviderBehaviour::ReplyLost),
        of("silent once").with(start(0), ProviderBehaviour::Silent),
        of("silent")
            .with(start(0), ProviderBehaviour::Silent)
            .with(start(1), ProviderBehaviour::Silent)
            .failing("scrape_failed"),
        silent(of("silent once when asked about"), 1),
        silent(of("silent when asked about"), 2).failing("scrape_failed"),
        of("failed actor").with(collect(0), ProviderBehaviour::Unavailable),
        unusable(of("unusable once"), 0),
        down.failing("scrape_failed"),
        useless.failing(nothing),
    ]
}
