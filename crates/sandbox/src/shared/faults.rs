//! Scripted faults: which call is to fail, how, and how often.
//!
//! A fault is chosen under one lock, oldest first, so `times: 3` means exactly three calls however many run at once.
//! A fault with `match` strikes only calls that contain its text, so parallel tests each disturb only their own runs.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::shared::random::Seeded;

/// The most faults at once; a test that plants more has a bug.
const FAULTS_MAX: usize = 10_000;

/// The kind of a call, by which faults choose calls and received calls are selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Target {
    /// Starting an actor run, synchronously or not.
    #[serde(rename = "apify.start")]
    ApifyStart,
    /// Reading one actor run.
    #[serde(rename = "apify.poll")]
    ApifyPoll,
    /// Reading the items of a dataset.
    #[serde(rename = "apify.items")]
    ApifyItems,
    #[serde(rename = "apify.abort")]
    ApifyAbort,
    #[serde(rename = "apify.list")]
    ApifyList,
    /// Reading the input of an actor run.
    #[serde(rename = "apify.input")]
    ApifyInput,
    /// The actor run itself rather than a call about it.
    #[serde(rename = "apify.run")]
    ApifyRun,
    #[serde(rename = "apify.other")]
    ApifyOther,
    #[serde(rename = "openai.chat")]
    OpenAiChat,
    #[serde(rename = "openai.other")]
    OpenAiOther,
    #[serde(rename = "anthropic.messages")]
    AnthropicMessages,
    #[serde(rename = "anthropic.other")]
    AnthropicOther,
    /// A call to the AI Gateway, which comes before the call to the provider behind it.
    #[serde(rename = "gateway")]
    Gateway,
    #[serde(rename = "instagram.picture")]
    InstagramPicture,
    #[serde(rename = "stripe.customers")]
    StripeCustomers,
    #[serde(rename = "stripe.checkout")]
    StripeCheckout,
    #[serde(rename = "stripe.portal")]
    StripePortal,
    #[serde(rename = "stripe.subscriptions")]
    StripeSubscriptions,
    /// Invoices and their payments.
    #[serde(rename = "stripe.invoices")]
    StripeInvoices,
    /// Payment intents.
    #[serde(rename = "stripe.payments")]
    StripePayments,
    #[serde(rename = "stripe.refunds")]
    StripeRefunds,
    #[serde(rename = "stripe.events")]
    StripeEvents,
    #[serde(rename = "stripe.other")]
    StripeOther,
    /// Sending a mail.
    #[serde(rename = "resend.emails")]
    ResendEmails,
    #[serde(rename = "resend.other")]
    ResendOther,
    /// Reporting an error to Sentry.
    #[serde(rename = "sentry.envelope")]
    SentryEnvelope,
    /// Signing up at Supabase Auth.
    #[serde(rename = "auth.signup")]
    AuthSignup,
    /// Having a session made or refreshed.
    #[serde(rename = "auth.token")]
    AuthToken,
    /// Reading or changing the user of a session.
    #[serde(rename = "auth.user")]
    AuthUser,
    /// Using what was mailed.
    #[serde(rename = "auth.verify")]
    AuthVerify,
    /// Asking for a mail.
    #[serde(rename = "auth.mail")]
    AuthMail,
    #[serde(rename = "auth.other")]
    AuthOther,
    /// The key set of Supabase Auth.
    #[serde(rename = "jwks")]
    Jwks,
    /// Reading a secret of AWS Secrets Manager.
    #[serde(rename = "secrets.get")]
    SecretsGet,
}

impl Target {
    /// Whether a language model answers such a call.
    pub(crate) fn asks_a_model(self) -> bool {
        matches!(self, Self::OpenAiChat | Self::AnthropicMessages)
    }
}

/// What happens to the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// An error answer in the provider's form; for `apify.run`, the run ends with `status_text`.
    Status,
    /// Only `delay_ms`; for `apify.run`, the run takes that much longer.
    Delay,
    /// The body is cut in the middle and the connection closed.
    Truncate,
    /// The connection is closed without an answer.
    Drop,
    /// The answer's payload is not JSON.
    Malformed,
    Refusal,
    /// The model runs out of tokens in mid-answer.
    Length,
    /// The model's JSON does not obey the schema.
    SchemaViolation,
    /// The account is out of money.
    InsufficientQuota,
    RateLimit,
    /// The traffic grew too fast, though it is within its limits.
    SlowDown,
    Overloaded,
    ModelGone,
    /// The call waits until the fault is deleted, then goes on as usual.
    Hold,
    /// The answer has the version before the current one, as from a replica that lags behind.
    OldVersion,
}

/// Anthropic's `error_code` that says which spend limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SpendCode {
    /// The organisation's own limit.
    EnforcedSpendLimitReached,
    /// The limit of its contract.
    ContractSpendLimitReached,
    /// A limit of the organisation linked to the request.
    LinkedOrganizationSpendLimitReached,
    /// The linked organisation can't be billed at all.
    LinkedOrganizationBillingUnavailable,
}

/// A fault as a test asks for it. README.md describes the fields.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultSpec {
    pub(crate) target: Target,
    pub(crate) kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status_text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<SpendCode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after_s: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delay_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) times: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rate: Option<f64>,
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub(crate) matches: Option<Needles>,
}

/// One text, or several that must all be there.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Needles {
    One(String),
    All(Vec<String>),
}

impl Needles {
    fn are_in(&self, text: &str) -> bool {
        match self {
            Self::One(needle) => text.contains(needle.as_str()),
            Self::All(needles) => needles.iter().all(|needle| text.contains(needle.as_str())),
        }
    }
}

impl FaultSpec {
    /// Refuses a fault that could never strike, so that a mistake in a test shows at once and not as a timeout.
    fn check(&self) -> Result<(), String> {
        use Kind::{
            Delay, Drop, Hold, InsufficientQuota, Malformed, OldVersion, RateLimit, SlowDown, Status, Truncate,
        };
        let allowed = match self.target {
            Target::OpenAiChat => self.kind != OldVersion,
            Target::AnthropicMessages => !matches!(self.kind, SlowDown | OldVersion),
            Target::SecretsGet => {
                matches!(self.kind, Status | Delay | Truncate | Drop | Malformed | RateLimit | Hold | OldVersion)
            }
            Target::ApifyRun => matches!(self.kind, Status | Delay | Hold),
            Target::ApifyStart => {
                matches!(self.kind, Status | Delay | Truncate | Drop | Malformed | InsufficientQuota | RateLimit | Hold)
            }
            _ => matches!(self.kind, Status | Delay | Truncate | Drop | Malformed | RateLimit | Hold),
        };
        if !allowed {
            return Err("this kind does not exist for this target".into());
        }
        match (self.kind, self.target) {
            (Status, Target::ApifyRun) => match self.status_text.as_deref() {
                Some("FAILED" | "TIMED-OUT" | "ABORTED") => {}
                _ => return Err("status_text must be FAILED, TIMED-OUT or ABORTED".into()),
            },
            (Status, _) if !self.status.is_some_and(|status| (400..=599).contains(&status)) => {
                return Err("status must be given, 400 to 599".into());
            }
            // Anthropic's status for an unpaid bill has changed over the years, so a test may choose one.
            (InsufficientQuota, Target::AnthropicMessages) if !matches!(self.status, None | Some(400 | 402 | 429)) => {
                return Err("status must be 400, 402 or 429".into());
            }
            (Delay, _) if self.delay_ms.is_none() => return Err("delay_ms must be given".into()),
            _ => {}
        }
        let of_a_bill = self.kind == InsufficientQuota && self.target == Target::AnthropicMessages;
        if self.code.is_some() && (!of_a_bill || self.status == Some(400)) {
            return Err("code goes with insufficient_quota of anthropic.messages, and not with status 400".into());
        }
        if self.rate.is_some_and(|rate| !(0.0..=1.0).contains(&rate)) {
            return Err("rate must lie between 0 and 1".into());
        }
        Ok(())
    }
}

/// A fault that has struck a call.
#[derive(Debug, Clone)]
pub(crate) struct Struck {
    pub(crate) spec: Arc<FaultSpec>,
    deleted: watch::Receiver<()>,
}

impl Struck {
    /// Waits for `delay_ms`, which every kind may carry, and for the deletion of a `hold`.
    pub(crate) async fn wait(&self) {
        if let Some(delay_ms) = self.spec.delay_ms {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        }
        if self.spec.kind == Kind::Hold {
            self.clone().deleted().await;
        }
    }

    /// Waits until somebody deletes the fault.
    pub(crate) async fn deleted(mut self) {
        // Nothing is ever sent: the error that ends the loop means that the sender was dropped with the fault.
        while self.deleted.changed().await.is_ok() {}
    }
}

struct Planted {
    spec: Arc<FaultSpec>,
    /// How many more calls it may strike; `None` for any number.
    left: Option<u64>,
    struck: u64,
    /// Decides for each call whether a fault with a `rate` strikes.
    dice: Seeded,
    /// Dropped with the fault: this is what a held call waits for.
    alive: watch::Sender<()>,
}

#[derive(Default)]
pub(crate) struct Faults(Mutex<State>);

#[derive(Default)]
struct State {
    next_id: u64,
    planted: BTreeMap<u64, Planted>,
}

impl Faults {
    /// Plants a fault and returns its id.
    pub(crate) fn plant(&self, spec: FaultSpec) -> Result<u64, String> {
        spec.check()?;
        let mut state = self.0.lock();
        if state.planted.len() >= FAULTS_MAX {
            return Err(format!("there are {FAULTS_MAX} faults already"));
        }
        state.next_id += 1;
        let id = state.next_id;
        let planted = Planted {
            left: spec.times,
            struck: 0,
            // By the id, so that the same script of faults strikes the same calls every time.
            dice: Seeded::from_texts(&["fault", &id.to_string()]),
            alive: watch::Sender::new(()),
            spec: Arc::new(spec),
        };
        state.planted.insert(id, planted);
        Ok(id)
    }

    /// The oldest fault that fits this target and text, with one use taken off its `times`.
    pub(crate) fn strike(&self, target: Target, text: &str) -> Option<Struck> {
        let mut state = self.0.lock();
        let planted =
            state.planted.values_mut().find_map(|planted| planted.strikes(target, text).then_some(planted))?;
        planted.left = planted.left.map(|left| left.saturating_sub(1));
        planted.struck += 1;
        Some(Struck { spec: Arc::clone(&planted.spec), deleted: planted.alive.subscribe() })
    }

    /// Deletes one fault; false if it was not there.
    pub(crate) fn remove(&self, id: u64) -> bool {
        self.0.lock().planted.remove(&id).is_some()
    }

    /// Deletes all faults, and returns how many there were.
    pub(crate) fn clear(&self) -> usize {
        std::mem::take(&mut self.0.lock().planted).len()
    }

    /// Every planted fault, with how often it may strike and has struck.
    pub(crate) fn list(&self) -> Vec<Value> {
        let describe = |(id, planted): (&u64, &Planted)| json!({"id": id.to_string(), "fault": &*planted.spec, "left": planted.left, "struck": planted.struck});
        self.0.lock().planted.iter().map(describe).collect()
    }
}

impl Planted {
    fn strikes(&mut self, target: Target, text: &str) -> bool {
        // The rate is asked last, so that only calls that fit take a draw.
        self.spec.target == target
            && self.left != Some(0)
            && self.spec.matches.as_ref().is_none_or(|needles| needles.are_in(text))
            && self.spec.rate.is_none_or(|rate| self.dice.chance(rate))
    }
}

#[cfg(test)]
mod tests;
