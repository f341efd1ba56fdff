//! What breaks: as data, and how it is done to a stack.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::deals::Disturbance;
use super::facts::Origin;
use super::plan::Random;
use super::stripe::Stripe;
use crate::http::{Answer, Http};
use crate::project::Project;
use crate::stack::{self, Document, Layout, Part, UpOptions};

const CONTROL_TIMEOUT: Duration = Duration::from_secs(10);
const CONTROL_ATTEMPTS_MAX: u32 = 20;
/// A repair may meet a machine that is busy with everything else.
const REPAIRS_MAX: u32 = 8;

/// A fault and when it is there.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedFault {
    /// Since the beginning.
    pub at: Duration,
    /// From then until the repair begins.
    pub lasts: Duration,
    pub fault: Fault,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Of the stack's own processes.
    Strike(Strike),
    /// Of an outside service.
    Provider(ProviderFault),
    /// Of Stripe's events on their way.
    Deliveries(Disturbance),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strike {
    /// SIGKILL to these, at the same moment.
    Kill(&'static [Part]),
    /// A clean and quick shutdown, as for an update of the server.
    RestartPostgres,
    /// Another version of the Worker takes the place of the one that runs.
    Deploy,
    /// The version of the stack with this number begins to serve, while requests and runs go on, as in a deployment on Cloudflare. It
    /// needs a stack with several versions, so chaos does not play it.
    Release(u32),
    /// Every Durable Object is thrown out of memory while its callers go on, as Cloudflare does when the code changes. The local
    /// engines of workflows stay.
    ResetObjects,
}

impl Strike {
    pub const ALL: [Self; 9] = [
        Self::Kill(&[Part::Workerd]),
        Self::Kill(&[Part::Worker]),
        Self::Kill(&[Part::Postgres]),
        Self::Kill(&[Part::Pooler]),
        Self::Kill(&[Part::Postgres, Part::Pooler, Part::Workerd]),
        Self::RestartPostgres,
        Self::Deploy,
        Self::ResetObjects,
        Self::ResetObjects,
    ];
}

impl Fault {
    /// For counting.
    pub fn kind(&self) -> String {
        match self {
            Self::Strike(Strike::Kill(parts)) => {
                let names: Vec<_> = parts.iter().map(|part| part.name()).collect();
                format!("SIGKILL {}", names.join("+"))
            }
            Self::Strike(Strike::RestartPostgres) => "restart of postgres".to_owned(),
            Self::Strike(Strike::Release(version)) => format!("version {version} of the Worker serves"),
            Self::Strike(Strike::Deploy) => "new version of the Worker".to_owned(),
            Self::Strike(Strike::ResetObjects) => "all objects reset".to_owned(),
            Self::Provider(fault) => format!("{} {}", fault.target, fault.kind),
            Self::Deliveries(disturbance) => disturbance.kind(),
        }
    }

    /// Whose fault it is.
    pub fn origin(&self) -> Origin {
        match self {
            Self::Strike(_) => Origin::Own,
            Self::Provider(fault) if fault.target == "jwks" => Origin::Keys,
            Self::Provider(fault) if fault.target.starts_with("stripe") => Origin::Stripe,
            Self::Provider(_) | Self::Deliveries(_) => Origin::Outside,
        }
    }

    pub fn describe(&self) -> String {
        match self {
            Self::Strike(_) => self.kind(),
            Self::Provider(fault) => {
                let who = fault.username.as_deref().map_or_else(String::new, |name| format!(", of {name} only"));
                format!("{} ({} % of calls{who})", self.kind(), fault.percent)
            }
            Self::Deliveries(Disturbance(knobs)) => format!("{} {knobs}", self.kind()),
        }
    }
}

/// A fault that the sandbox plays.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderFault {
    pub target: &'static str,
    pub kind: &'static str,
    /// What the kind needs besides: a status, a delay.
    more: Value,
    /// Of the calls that it can strike.
    percent: u32,
    /// `None` strikes calls about anybody.
    username: Option<String>,
}

impl ProviderFault {
    pub fn any(random: &mut Random, names: &[String]) -> Self {
        const CALLS: [&str; 4] = ["apify.start", "apify.poll", "apify.items", "apify.list"];
        const MODELS: [&str; 3] = ["openai.chat", "openai.chat", "anthropic.messages"];
        const OTHERS: [&str; 3] = ["gateway", "jwks", "instagram.picture"];
        let (target, kinds): (_, &[&str]) = match random.between(1, 100) {
            1..=40 => (random.pick(&CALLS).copied(), &CALL_KINDS),
            41..=50 => (Some("apify.run"), &RUN_KINDS),
            51..=85 => (random.pick(&MODELS).copied(), &MODEL_KINDS),
            _ => (random.pick(&OTHERS).copied(), &CALL_KINDS),
        };
        let target = target.unwrap_or("apify.start");
        let kind = random.pick(kinds).copied().unwrap_or("drop");
        let more = match kind {
            "status" if target == "apify.run" => {
                let end = random.pick(&["FAILED", "TIMED-OUT", "ABORTED"]).copied();
                json!({ "status_text": end })
            }
            "status" => json!({ "status": random.pick(&[429, 500, 502, 503]) }),
            "delay" => json!({ "delay_ms": random.between(200, 9_000) }),
            "insufficient_quota" => json!({ "times": 3 }),
            _ => json!({}),
        };
        // Calls to these are about nobody.
        let is_about_somebody = !matches!(target, "jwks" | "apify.list");
        let username = if is_about_somebody && random.chance(25) { random.pick(names).cloned() } else { None };
        let percent = random.pick(&[100, 60, 30, 15]).copied().unwrap_or(100);
        Self { target, kind, more, percent, username }
    }

    /// One of Stripe's answers to the Worker.
    pub fn of_stripe(random: &mut Random) -> Self {
        const CALLS: [&str; 7] = [
            "stripe.checkout",
            "stripe.customers",
            "stripe.events",
            "stripe.invoices",
            "stripe.payments",
            "stripe.subscriptions",
            "stripe.other",
        ];
        let kind = random.pick(&CALL_KINDS).copied().unwrap_or("drop");
        let more = match kind {
            "status" => json!({ "status": random.pick(&[429, 500, 502, 503]) }),
            "delay" => json!({ "delay_ms": random.between(200, 9_000) }),
            _ => json!({}),
        };
        let target = random.pick(&CALLS).copied().unwrap_or("stripe.other");
        let percent = random.pick(&[100, 60, 30]).copied().unwrap_or(100);
        Self { target, kind, more, percent, username: None }
    }

    /// As the sandbox's `/control/faults` takes it.
    fn spec(&self) -> Value {
        let mut spec = json!({ "target": self.target, "kind": self.kind, "rate": f64::from(self.percent) / 100.0 });
        if let Some(fields) = spec.as_object_mut() {
            fields.extend(self.more.as_object().cloned().unwrap_or_default());
            fields.extend(self.username.iter().map(|name| ("match".to_owned(), Value::from(name.as_str()))));
        }
        spec
    }
}

const CALL_KINDS: [&str; 7] = ["status", "delay", "truncate", "drop", "malformed", "rate_limit", "hold"];
const RUN_KINDS: [&str; 3] = ["status", "delay", "hold"];
const MODEL_KINDS: [&str; 13] = [
    "status",
    "delay",
    "truncate",
    "drop",
    "malformed",
    "rate_limit",
    "hold",
    "refusal",
    "length",
    "schema_violation",
    "overloaded",
    "insufficient_quota",
    "model_gone",
];

/// A stack that can be broken and repaired.
pub struct Target<'a> {
    pub project: &'a Project,
    pub layout: &'a Layout,
    pub stack: &'a Document,
}

impl Target<'_> {
    pub fn strike(&self, strike: Strike) -> Result<()> {
        match strike {
            Strike::Kill(parts) => stack::end(self.layout, parts, Signal::KILL),
            Strike::RestartPostgres => stack::end(self.layout, &[Part::Postgres], Signal::INT),
            Strike::Deploy => stack::make_new_version(self.layout),
            Strike::Release(version) => stack::deploy(self.layout, version),
            Strike::ResetObjects => stack::reset_objects(self.layout),
        }
    }

    /// Undoes a strike. Objects come back by themselves: a stack that could not do that would be restarted here, and nobody would see.
    pub fn undo(&self, strike: Strike) -> Result<()> {
        if matches!(strike, Strike::ResetObjects | Strike::Release(_)) { Ok(()) } else { self.repair() }
    }

    /// Starts what does not run, with the same programs and on the same ports.
    pub fn repair(&self) -> Result<()> {
        let options = UpOptions { no_build: true, ..UpOptions::default() };
        let mut failed = 0;
        let repaired = loop {
            match stack::up(self.project, self.layout, &options) {
                Ok(stack) => break stack,
                Err(error) => {
                    failed += 1;
                    if failed == REPAIRS_MAX {
                        return Err(error).context("the stack could not be repaired");
                    }
                    eprintln!("  the repair did not succeed, once more: {error:#}");
                }
            }
        };
        let place = |stack: &Document| [&stack.api_url, &stack.sandbox_url, &stack.scheduled_url].map(String::clone);
        if place(&repaired) != place(self.stack) {
            // Everybody would go on to ask where nobody is.
            bail!("another program took a port of the stack: {:?} are {:?} now", place(self.stack), place(&repaired));
        }
        Ok(())
    }

    /// Plants a fault of a provider and answers its id.
    pub fn plant(&self, fault: &ProviderFault) -> Result<String> {
        self.plant_spec(&fault.spec())
    }

    pub fn plant_spec(&self, spec: &Value) -> Result<String> {
        let answer = persistently(|http| http.post(&self.control("faults"), Some(&self.stack.sandbox_token), spec))?;
        match answer.body.get("id").and_then(Value::as_str) {
            Some(id) if answer.status == 201 => Ok(id.to_owned()),
            _ => bail!("the sandbox refuses the fault {spec}: {} {}", answer.status, answer.body),
        }
    }

    /// Takes a fault away; what it held goes on. One that went with its sandbox need not be taken away.
    pub fn release(&self, id: &str) -> Result<()> {
        self.delete(&format!("faults/{id}"))
    }

    pub fn release_all(&self) -> Result<()> {
        self.delete("faults")
    }

    /// Disturbs Stripe's deliveries from now on, and in no other way; `null` ends that.
    pub fn disturb(&self, knobs: &Value) -> Result<()> {
        let knobs = if knobs.is_null() { json!({}) } else { knobs.clone() };
        match Stripe::of(self.stack).tell("delivery", &knobs)? {
            Some(_) => Ok(()),
            None => bail!("the sandbox refuses to disturb its deliveries by {knobs}"),
        }
    }

    /// What the sandbox says that it received.
    pub fn received(&self, query: &str) -> Result<Value> {
        let url = self.control(&format!("received?{query}"));
        persistently(|http| http.get(&url, Some(&self.stack.sandbox_token))).map(|answer| answer.body)
    }

    fn delete(&self, path: &str) -> Result<()> {
        let answer = persistently(|http| http.delete(&self.control(path), Some(&self.stack.sandbox_token)))?;
        match answer.status {
            200 | 404 => Ok(()),
            status => bail!("DELETE {path}: {status} {}", answer.body),
        }
    }

    fn control(&self, path: &str) -> String {
        format!("{}/control/{path}", self.stack.sandbox_url)
    }
}

/// For the sandbox, which answers at once unless a fault holds it back.
pub fn control_client() -> Http {
    Http::new(CONTROL_TIMEOUT)
}

/// A repair restarts whatever is too slow to answer, the sandbox too: then the question is asked once more.
pub fn persistently(ask: impl Fn(&Http) -> Result<Answer>) -> Result<Answer> {
    let http = control_client();
    let mut failed = 0;
    loop {
        match ask(&http) {
            Err(error) if failed == CONTROL_ATTEMPTS_MAX => return Err(error),
            Err(_) => {
                failed += 1;
                std::thread::sleep(Duration::from_secs(1));
            }
            answered => return answered,
        }
    }
}
