//! What customers do, as data.

use std::time::Duration;

use super::deals::Deal;
use super::plan::Random;

const TYPES: [&str; 3] = ["LIGHT", "DEEP", "XRAY"];
/// Each account's business profiles.
pub const BUSINESSES: usize = 3;

/// What one account is going to do.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerPlan {
    pub credits: i32,
    /// In the order of time.
    pub acts: Vec<Act>,
}

/// One thing that a customer does.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    /// Since the beginning. A customer does one thing after the other, so it may become later.
    pub at: Duration,
    pub what: What,
}

/// An analysis, as it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    pub username: String,
    pub analysis_type: &'static str,
    /// Which of the account's business profiles.
    pub business: usize,
}

/// A list of analyses, as it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct List {
    pub usernames: Vec<String>,
    pub analysis_type: &'static str,
    pub business: usize,
    pub pilot: Option<u32>,
}

/// `back` counts from the newest thing of its kind that the customer has; beyond the oldest it begins anew.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// Sends the request so many times at the same moment. With a key, it is sent again until there is an answer.
    Analyze {
        order: Order,
        keyed: bool,
        at_once: u32,
    },
    Bulk {
        list: List,
        keyed: bool,
    },
    /// Sends an earlier request with a key again.
    Repeat {
        back: usize,
    },
    /// Sends an earlier analysis again, with another key.
    Again {
        back: usize,
    },
    /// Sends another analysis with the key of an earlier request.
    OtherBody {
        back: usize,
        order: Order,
    },
    CancelRun {
        back: usize,
    },
    CancelBulk {
        back: usize,
    },
    Continue {
        back: usize,
    },
    /// Reads progress and row of a run, or of a bulk.
    Look {
        back: usize,
    },
    LookAtBulk {
        back: usize,
    },
    /// Reads balance, ledger, runs and leads.
    Browse,
    /// Does something with money.
    Deal(Deal),
}

impl Act {
    /// Everything that one customer does within `length`.
    pub fn all(random: &mut Random, names: &[String], length: Duration) -> Vec<Self> {
        let mut acts = Vec::new();
        let mut at = random.duration(0, 2_000);
        while at < length {
            acts.push(Self { at, what: What::any(random, names) });
            at += random.duration(200, 2_600);
        }
        acts
    }
}

impl What {
    /// Gives a purchase a key, so that it can be sent again.
    pub fn get_key(&mut self) {
        if let Self::Analyze { keyed, .. } | Self::Bulk { keyed, .. } = self {
            *keyed = true;
        }
    }

    fn any(random: &mut Random, names: &[String]) -> Self {
        let back = random.between(0, 5) as usize;
        match random.between(1, 100) {
            1..=42 => {
                let at_once = if random.chance(20) { random.between(2, 3) } else { 1 };
                Self::Analyze { order: order(random, names), keyed: random.chance(75), at_once }
            }
            43..=49 => Self::Bulk { list: list(random, names), keyed: random.chance(75) },
            50..=56 => Self::Repeat { back },
            57..=61 => Self::Again { back },
            62..=64 => Self::OtherBody { back, order: order(random, names) },
            65..=73 => Self::CancelRun { back: back / 2 },
            74..=77 => Self::CancelBulk { back: back / 2 },
            78..=83 => Self::Continue { back: back / 2 },
            84..=91 => Self::Look { back },
            92..=94 => Self::LookAtBulk { back: back / 2 },
            _ => Self::Browse,
        }
    }
}

fn order(random: &mut Random, names: &[String]) -> Order {
    Order {
        username: random.pick(names).cloned().unwrap_or_default(),
        analysis_type: analysis_type(random),
        business: business(random),
    }
}

fn list(random: &mut Random, names: &[String]) -> List {
    let lines = random.between(2, 14);
    List {
        usernames: (0..lines).filter_map(|_| random.pick(names).cloned()).collect(),
        analysis_type: analysis_type(random),
        business: business(random),
        pilot: random.chance(45).then(|| random.between(1, 4)),
    }
}

/// Half of them are the cheap ones.
fn analysis_type(random: &mut Random) -> &'static str {
    if random.chance(30) { "LIGHT" } else { random.pick(&TYPES).copied().unwrap_or("LIGHT") }
}

fn business(random: &mut Random) -> usize {
    random.between(0, BUSINESSES as u32 - 1) as usize
}
