//! What customers do with money, and how Stripe's events are disturbed on their way, as data.

use std::time::Duration;

use serde_json::{Value, json};

use super::plan::Random;

/// The packs that are bought, the cheap one most often: it is soon spent, and what is spent cannot be taken back.
const PACKS: [&str; 6] = ["pack_20", "pack_20", "pack_20", "pack_100", "pack_100", "pack_500"];
const PLANS: [&str; 4] = ["starter", "starter", "growth", "agency"];
/// Events that are disturbed by themselves, so that others overtake them.
const KINDS: [&[&str]; 5] = [
    &[],
    &["checkout.session.completed", "checkout.session.async_payment_succeeded"],
    &["invoice.paid"],
    &["charge.refunded", "charge.dispute.created", "charge.dispute.closed"],
    &["customer.subscription.created", "customer.subscription.updated", "payment_intent.succeeded"],
];

/// One thing that a customer, or their bank, does. `back` counts from the newest payment.
#[derive(Debug, Clone, PartialEq)]
pub enum Deal {
    /// Asks for a page where a pack is paid, with so many clicks, and does there what `payment` says.
    Pack { pack: &'static str, clicks: u32, payment: Payment },
    /// Asks for a page where a plan is paid by the month, and pays.
    Plan { plan: &'static str },
    /// Takes another plan from the next month on, in Stripe's portal.
    ChangePlan { plan: &'static str },
    /// Gets so many percent of a payment back.
    Refund { back: usize, percent: u32 },
    /// Has the bank take so many percent of a payment back.
    Dispute { back: usize, percent: u32 },
    /// The bank decides about the oldest dispute that is open: `won` or `lost`.
    CloseDispute { verdict: &'static str },
    /// Buys by itself from now on.
    TopUp(TopUp),
}

/// What becomes of a page where a pack is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payment {
    AtOnce,
    /// The bank says later that it pays.
    Later,
    /// The bank says later that it does not.
    Refused,
    Never,
}

/// When and what an account buys by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopUp {
    pub threshold: i64,
    pub pack: &'static str,
    pub monthly_max_cents: i64,
}

/// Low enough to be met within a minute: three packs.
pub const TOP_UP: TopUp = TopUp { threshold: 15, pack: "pack_20", monthly_max_cents: 6_000 };

impl Deal {
    /// Everything that one customer does with money within `length`; whoever has few credits does more.
    pub fn all(random: &mut Random, is_rich: bool, tops_up: bool, length: Duration) -> Vec<(Duration, Self)> {
        let mut deals = Vec::new();
        if tops_up {
            // An automatic purchase needs a card, which a first payment leaves.
            let first = Self::Pack { pack: TOP_UP.pack, clicks: 1, payment: Payment::AtOnce };
            deals.push((Duration::ZERO, first));
            deals.push((Duration::ZERO, Self::TopUp(TOP_UP)));
        }
        let (least_ms, most_ms) = if is_rich { (5_000, 14_000) } else { (2_000, 6_000) };
        let mut at = random.duration(500, most_ms);
        while at < length {
            deals.push((at, Self::any(random)));
            at += random.duration(least_ms, most_ms);
        }
        deals
    }

    fn any(random: &mut Random) -> Self {
        let back = random.between(0, 3) as usize;
        match random.between(1, 100) {
            1..=38 => Self::Pack {
                pack: random.pick(&PACKS).copied().unwrap_or("pack_20"),
                clicks: if random.chance(25) { 2 } else { 1 },
                payment: Payment::any(random),
            },
            39..=52 => Self::Plan { plan: plan(random) },
            53..=62 => Self::ChangePlan { plan: plan(random) },
            63..=81 => Self::Refund { back, percent: random.between(3, 100) },
            82..=91 => Self::Dispute { back, percent: random.between(20, 100) },
            _ => Self::CloseDispute { verdict: if random.chance(60) { "won" } else { "lost" } },
        }
    }
}

impl Payment {
    fn any(random: &mut Random) -> Self {
        match random.between(1, 100) {
            1..=74 => Self::AtOnce,
            75..=84 => Self::Later,
            85..=92 => Self::Refused,
            _ => Self::Never,
        }
    }
}

fn plan(random: &mut Random) -> &'static str {
    random.pick(&PLANS).copied().unwrap_or("starter")
}

/// How the sandbox disturbs its deliveries, as its `/control/stripe/delivery` takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Disturbance(pub Value);

impl Disturbance {
    /// Everything comes in order and at once.
    pub fn none() -> Self {
        Self(json!({}))
    }

    pub fn any(random: &mut Random) -> Self {
        let mut knobs = json!({
            "shuffle": random.chance(70),
            "at_once": random.between(1, 4),
            "duplicate": random.pick(&[0, 0, 1, 2]),
            "delay_ms": random.pick(&[0, 0, 500, 4_000]),
            "types": random.pick(&KINDS),
        });
        // Of events that are dropped nobody ever hears, unless Stripe is asked.
        let stop = random.pick(&["", "hold", "drop", "drop", "pause"]).copied().unwrap_or_default();
        if let Some(fields) = knobs.as_object_mut().filter(|_| !stop.is_empty()) {
            fields.insert(stop.to_owned(), true.into());
        }
        Self(knobs)
    }

    /// For counting.
    pub fn kind(&self) -> String {
        let is_on = |knob: &&str| self.0.get(*knob).is_some_and(|value| *value == true);
        let stopped = ["hold", "drop", "pause"].iter().find(|knob| is_on(knob));
        format!("Stripe's events: {}", stopped.copied().unwrap_or("out of order"))
    }
}
