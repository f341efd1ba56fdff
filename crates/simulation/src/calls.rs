//! The auditor of AI calls. It sees what each provider was asked and answered, and knows how a call may go on: at most
//! three attempts with each of two models, the second one only when the first one is worn out, nobody after a refusal,
//! and nobody at all once there is an answer, whatever becomes of the calls beside it.

use std::collections::BTreeMap;

use oslira_app::{features::judging::CallKind, shared::ids::RunId};

/// Whom a call is asked of, in order.
const PROVIDERS: [&str; 2] = ["openai", "anthropic"];
const ATTEMPTS_MAX: usize = 3;
/// What every answer of the simulated models costs, in millionths of a dollar.
pub(crate) const COST_MICROUSD: u64 = 255;

/// What an attempt came to, as the provider knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// On its way.
    UnderWay,
    /// An answer that fits.
    Answered,
    /// Nothing of use; another attempt may be better.
    Useless,
    /// Nothing, and nothing for a long time.
    Worn,
    /// Nothing: the model is not offered any more.
    Gone,
    /// It refused to judge.
    Refused,
}

#[derive(Debug, Clone)]
struct Asked {
    step: String,
    provider: &'static str,
    outcome: Outcome,
    is_billed: bool,
}

/// Every attempt of every call that no crash has made unheard.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    calls: BTreeMap<RunId, Vec<(CallKind, Vec<Asked>)>>,
    fallbacks: u32,
}

impl Calls {
    /// How often a second model was asked.
    pub(crate) const fn fallbacks(&self) -> u32 {
        self.fallbacks
    }

    fn of(&self, run: RunId) -> impl Iterator<Item = &(CallKind, Vec<Asked>)> {
        self.calls.get(&run).into_iter().flatten()
    }

    /// A model is asked.
    pub(crate) fn asked(&mut self, run: RunId, call: CallKind, step: &str, provider: &str) -> Result<(), String> {
        let name = call.as_str();
        if self.of(run).any(|(of, asked)| *of != call && asked.iter().any(|asked| asked.step == step)) {
            return Err(format!("step {step} of run {run} asks for {name} and for another call"));
        }
        let Some(index) = PROVIDERS.iter().position(|known| *known == provider) else {
            return Err(format!("{name} of run {run} is asked of {provider}"));
        };
        let calls = self.calls.entry(run).or_default();
        if !calls.iter().any(|(of, _)| *of == call) {
            calls.push((call, vec![]));
        }
        let Some((_, asked)) = calls.iter_mut().find(|(of, _)| *of == call) else { return Ok(()) };
        if let Some(before) = asked.iter().find(|asked| {
            matches!(asked.outcome, Outcome::UnderWay | Outcome::Answered | Outcome::Refused) || asked.step == step
        }) {
            return Err(format!("{name} of run {run} is asked again after {before:?}"));
        }
        let worn = PROVIDERS.map(|provider| is_worn(asked, provider));
        let mut before = worn.iter().take(index);
        if worn.get(index) == Some(&true) || before.any(|worn| !worn) {
            return Err(format!("{name} of run {run} is asked of {provider} after {asked:?}"));
        }
        let provider = PROVIDERS.get(index).copied().unwrap_or_default();
        self.fallbacks += u32::from(index > 0);
        asked.push(Asked { step: step.to_owned(), provider, outcome: Outcome::UnderWay, is_billed: false });
        Ok(())
    }

    /// The model has answered, or has not; `is_billed` when it told what that costs.
    pub(crate) fn answered(&mut self, run: RunId, step: &str, outcome: Outcome, is_billed: bool) {
        let asked = self.calls.get_mut(&run).into_iter().flatten().flat_map(|(_, asked)| asked);
        for asked in asked.filter(|asked| asked.step == step) {
            asked.outcome = outcome;
            asked.is_billed = is_billed;
        }
    }

    /// A step's process died before the engine had written down its result: nobody knows of it.
    pub(crate) fn lost(&mut self, run: RunId, step: &str) {
        for (_, asked) in self.calls.get_mut(&run).into_iter().flatten() {
            asked.retain(|asked| asked.step != step);
        }
    }

    /// Whether a call of a run was asked of a model that was gone.
    pub(crate) fn met_the_end_of_a_model(&self, run: RunId) -> bool {
        self.of(run).any(|(_, asked)| asked.iter().any(|asked| asked.outcome == Outcome::Gone))
    }

    /// What the answers that somebody heard have cost a run.
    pub(crate) fn cost_microusd(&self, run: RunId) -> u64 {
        let billed = self.of(run).flat_map(|(_, asked)| asked).filter(|asked| asked.is_billed).count();
        COST_MICROUSD * billed as u64
    }

    /// Who answered a call.
    pub(crate) fn answered_by(&self, run: RunId, call: CallKind) -> Option<&'static str> {
        let (_, asked) = self.of(run).find(|(of, _)| *of == call)?;
        asked.iter().find(|asked| asked.outcome == Outcome::Answered).map(|asked| asked.provider)
    }

    /// Whether a run may say that a model refused.
    pub(crate) fn was_refused(&self, run: RunId) -> bool {
        self.of(run).any(|(_, asked)| asked.iter().any(|asked| asked.outcome == Outcome::Refused))
    }

    /// Whether a run may say that models did not answer: both were asked as long as it made sense.
    pub(crate) fn is_exhausted(&self, run: RunId) -> bool {
        self.of(run).any(|(_, asked)| PROVIDERS.iter().all(|provider| is_worn(asked, provider)))
    }
}

fn is_worn(asked: &[Asked], provider: &str) -> bool {
    let of = |asked: &&Asked| asked.provider == provider;
    let is_closed = asked.iter().filter(of).any(|asked| matches!(asked.outcome, Outcome::Worn | Outcome::Gone));
    is_closed || asked.iter().filter(of).count() >= ATTEMPTS_MAX
}
