//! The invariants of AI calls. A call has at most three attempts with each of two models. The second model is asked
//! only when the first one is exhausted. After a refusal, and after an answer, no model is asked again, whatever
//! happens to the other calls of the run. An answer that is doubted is asked for once more, of the same model, and whatever
//! comes of that, it is the end.

use std::collections::BTreeMap;

use oslira_app::{features::judging::CallKind, shared::ids::RunId};

// Both constants are written here again rather than taken from the product's configuration: a changed configuration
// must show as a broken guarantee.
/// The providers that a call is sent to, in order.
const PROVIDERS: [&str; 2] = ["openai", "anthropic"];
const ATTEMPTS_MAX: usize = 3;
/// What every answer of the simulated models costs, in millionths of a dollar.
pub(crate) const COST_MICROUSD: u64 = 255;

/// How an attempt ended, as the provider sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    UnderWay,
    Answered,
    /// A usable answer of which much does not hold.
    Doubted,
    /// No usable answer; another attempt may succeed.
    Unusable,
    /// No answer, and another attempt with this model would get none either.
    Exhausted,
    /// No answer in time; asked once more, and not again if that gets none either.
    Silent,
    /// No answer: the model was shut down.
    ModelGone,
    Refused,
}

#[derive(Debug, Clone)]
struct Asked {
    step: String,
    provider: &'static str,
    outcome: Outcome,
    is_billed: bool,
}

/// Every attempt of every call, except those whose outcome was lost in a crash.
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

    /// Checks that a model may be asked, and remembers the attempt.
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
        if let Some(doubted) = asked.iter().position(|asked| asked.outcome == Outcome::Doubted) {
            let is_once_more =
                doubted + 1 == asked.len() && asked.get(doubted).is_some_and(|before| before.provider == provider);
            if !is_once_more {
                return Err(format!("{name} of run {run} is asked of {provider} after a doubted answer: {asked:?}"));
            }
            let provider = PROVIDERS.get(index).copied().unwrap_or_default();
            asked.push(Asked { step: step.to_owned(), provider, outcome: Outcome::UnderWay, is_billed: false });
            return Ok(());
        }
        // Repeats by the engine do not come here twice: `lost` has removed the attempt that a crash cut off.
        if let Some(before) = asked.iter().find(|asked| {
            matches!(asked.outcome, Outcome::UnderWay | Outcome::Answered | Outcome::Refused) || asked.step == step
        }) {
            return Err(format!("{name} of run {run} is asked again after {before:?}"));
        }
        let exhausted = PROVIDERS.map(|provider| is_exhausted_for(asked, provider));
        let mut before = exhausted.iter().take(index);
        if exhausted.get(index) == Some(&true) || before.any(|exhausted| !exhausted) {
            return Err(format!("{name} of run {run} is asked of {provider} after {asked:?}"));
        }
        let provider = PROVIDERS.get(index).copied().unwrap_or_default();
        self.fallbacks += u32::from(index > 0);
        asked.push(Asked { step: step.to_owned(), provider, outcome: Outcome::UnderWay, is_billed: false });
        Ok(())
    }

    /// An attempt has ended; `is_billed` when an answer with its cost reached the product.
    pub(crate) fn answered(&mut self, run: RunId, step: &str, outcome: Outcome, is_billed: bool) {
        let asked = self.calls.get_mut(&run).into_iter().flatten().flat_map(|(_, asked)| asked);
        for asked in asked.filter(|asked| asked.step == step) {
            asked.outcome = outcome;
            asked.is_billed = is_billed;
        }
    }

    /// A step's process died before the engine had saved its result: the product does not know the attempt and may
    /// repeat it.
    pub(crate) fn lost(&mut self, run: RunId, step: &str) {
        for (_, asked) in self.calls.get_mut(&run).into_iter().flatten() {
            asked.retain(|asked| asked.step != step);
        }
    }

    /// Whether a call of a run was sent to a model that was shut down.
    pub(crate) fn met_a_shut_down_model(&self, run: RunId) -> bool {
        self.of(run).any(|(_, asked)| asked.iter().any(|asked| asked.outcome == Outcome::ModelGone))
    }

    /// The cost of a run's answers, without those that never reached the product.
    pub(crate) fn cost_microusd(&self, run: RunId) -> u64 {
        let billed = self.of(run).flat_map(|(_, asked)| asked).filter(|asked| asked.is_billed).count();
        COST_MICROUSD * billed as u64
    }

    /// Whether every answer that a run got came with its bill.
    pub(crate) fn is_cost_known(&self, run: RunId) -> bool {
        let answered = |asked: &&Asked| matches!(asked.outcome, Outcome::Answered | Outcome::Doubted);
        self.of(run).flat_map(|(_, asked)| asked).filter(answered).all(|asked| asked.is_billed)
    }

    /// The provider that answered a call.
    pub(crate) fn answered_by(&self, run: RunId, call: CallKind) -> Option<&'static str> {
        let (_, asked) = self.of(run).find(|(of, _)| *of == call)?;
        asked
            .iter()
            .find(|asked| matches!(asked.outcome, Outcome::Answered | Outcome::Doubted))
            .map(|asked| asked.provider)
    }

    /// Whether a run may fail with a refusal.
    pub(crate) fn was_refused(&self, run: RunId) -> bool {
        self.of(run).any(|(_, asked)| asked.iter().any(|asked| asked.outcome == Outcome::Refused))
    }

    /// Whether a run may fail because no model answered: both models of one of its calls are used up.
    pub(crate) fn is_exhausted(&self, run: RunId) -> bool {
        self.of(run).any(|(_, asked)| PROVIDERS.iter().all(|provider| is_exhausted_for(asked, provider)))
    }
}

fn is_exhausted_for(asked: &[Asked], provider: &str) -> bool {
    let of = |asked: &&Asked| asked.provider == provider;
    let is_closed =
        asked.iter().filter(of).any(|asked| matches!(asked.outcome, Outcome::Exhausted | Outcome::ModelGone));
    let outcomes: Vec<Outcome> = asked.iter().filter(of).map(|asked| asked.outcome).collect();
    let is_silent = outcomes.windows(2).any(|pair| *pair == [Outcome::Silent, Outcome::Silent]);
    is_closed || is_silent || outcomes.len() >= ATTEMPTS_MAX
}
