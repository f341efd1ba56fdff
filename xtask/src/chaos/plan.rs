//! What a seed means: who asks for what, what breaks, and when. Nothing here looks at a clock or a stack, so a seed gives the same
//! plan on every machine; what a machine makes of it depends on its speed.

use std::fmt::Write as _;
use std::time::Duration;

use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::acts::{Act, CustomerPlan, What};
use super::deals::{Deal, Disturbance};
use super::faults::{Fault, PlannedFault, ProviderFault, Strike};
use crate::stack::Part;

/// Accounts with more credits than they spend, and accounts whose credits run out.
const RICH: usize = 6;
const POOR: usize = 3;
const CREDITS_OF_THE_RICH: i32 = 5_000;
/// Nothing breaks before this, so that there is something to break, nor in the last seconds.
const CALM: Duration = Duration::from_secs(4);

/// Everything that is going to happen.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// How long customers ask and things break.
    pub length: Duration,
    pub customers: Vec<CustomerPlan>,
    /// Signals and new versions, one after the other, in the order of time.
    pub strikes: Vec<PlannedFault>,
    /// Faults of the outside services, which overlap with everything.
    pub providers: Vec<PlannedFault>,
    /// How Stripe's events are disturbed, one after the other.
    pub deliveries: Vec<PlannedFault>,
    /// The customers whose card is refused when their next month is due, by their number.
    pub declining: Vec<usize>,
    /// How the events of the next month are disturbed.
    pub renewal: Disturbance,
}

impl Plan {
    pub fn of(seed: u64, length: Duration) -> Self {
        let random = &mut Random::new(seed);
        let names = names(seed);
        // Money has a stream of its own, so that what a seed breaks does not depend on it.
        let money = &mut Random::new(!seed);
        let mut customers: Vec<CustomerPlan> = (0..RICH + POOR)
            .map(|number| {
                let credits = if number < RICH { CREDITS_OF_THE_RICH } else { random.between(3, 40) as i32 };
                CustomerPlan { credits, acts: Act::all(random, &names, length) }
            })
            .collect();
        for (number, customer) in customers.iter_mut().enumerate() {
            let tops_up = number + 1 == RICH + POOR;
            let deals = Deal::all(money, number < RICH, tops_up, length);
            customer.acts.extend(deals.into_iter().map(|(at, deal)| Act { at, what: What::Deal(deal) }));
            customer.acts.sort_by_key(|act| act.at);
        }
        let strikes = strikes(random, length);
        let mut providers = provider_faults(random, &names, length);
        providers.extend(stripe_faults(money, length));
        let deliveries = disturbances(money, length);
        let declining = (0..RICH + POOR).filter(|_| money.chance(25)).collect();
        Self { length, customers, strikes, providers, deliveries, declining, renewal: Disturbance::any(money) }
    }

    /// Mixed work while nothing breaks and versions of the Worker take over: whatever fails then fails because of them. All profiles can be
    /// analysed, everybody has the credits, and every purchase has a key.
    pub fn of_deploys(seed: u64, length: Duration, changes: &[(Duration, u32)]) -> Self {
        let random = &mut Random::new(seed);
        let names: Vec<String> = names(seed).into_iter().take(ORDINARY_NAMES).collect();
        let customers = (0..RICH).map(|_| {
            let mut acts = Act::all(random, &names, length);
            acts.iter_mut().for_each(|act| act.what.get_key());
            let deals = Deal::all(random, true, false, length);
            acts.extend(deals.into_iter().map(|(at, deal)| Act { at, what: What::Deal(deal) }));
            acts.sort_by_key(|act| act.at);
            CustomerPlan { credits: CREDITS_OF_THE_RICH, acts }
        });
        let customers = customers.collect();
        let strike = |(at, version): &(Duration, u32)| PlannedFault {
            at: *at,
            lasts: Duration::ZERO,
            fault: Fault::Strike(Strike::Release(*version)),
        };
        Self {
            length,
            customers,
            strikes: changes.iter().map(strike).collect(),
            providers: Vec::new(),
            deliveries: Vec::new(),
            declining: Vec::new(),
            renewal: Disturbance::none(),
        }
    }

    /// One line for each fault, in the order of time.
    pub fn lines(&self) -> String {
        let mut faults: Vec<&PlannedFault> =
            self.strikes.iter().chain(&self.providers).chain(&self.deliveries).collect();
        faults.sort_by_key(|fault| fault.at);
        faults.iter().fold(String::new(), |mut text, fault| {
            // Writing to a text cannot fail.
            let _ = writeln!(
                text,
                "  {:>6.1} s  for {:>4.1} s  {}",
                fault.at.as_secs_f64(),
                fault.lasts.as_secs_f64(),
                fault.fault.describe()
            );
            text
        })
    }
}

/// So many of the names are of profiles that can be analysed.
const ORDINARY_NAMES: usize = 90;

/// Profiles that all customers choose from, so that they meet in the cache and at the gate. No name is the beginning of another,
/// because the sandbox finds what a fault is about by searching for the name.
fn names(seed: u64) -> Vec<String> {
    const ORDINARY: [&str; 5] = ["coffee", "yoga", "travel", "food", "music"];
    const SPECIAL: [&str; 6] = ["private", "notfound", "restricted", "zeroposts", "fewposts", "noposts"];
    let tag = format!("{:x}", seed & 0xffff);
    let ordinary =
        (0..ORDINARY_NAMES).map(|number| (ORDINARY.get(number % ORDINARY.len()).copied().unwrap_or("food"), number));
    let special = SPECIAL.into_iter().zip(ORDINARY_NAMES..);
    ordinary.chain(special).map(|(kind, number)| format!("{kind}_x{tag}_{number:03}")).collect()
}

/// Draws every kind of strike once before any comes again.
fn strikes(random: &mut Random, length: Duration) -> Vec<PlannedFault> {
    let mut planned = Vec::new();
    let mut deck = Vec::new();
    let mut at = CALM + random.duration(500, 3_000);
    while at + CALM < length {
        if deck.is_empty() {
            deck = Strike::ALL.to_vec();
            deck.shuffle(&mut random.0);
        }
        let Some(strike) = deck.pop() else { break };
        let lasts = match strike {
            Strike::Kill(parts) if parts.contains(&Part::Postgres) => random.duration(500, 8_000),
            Strike::Kill(_) => random.duration(0, 5_000),
            Strike::RestartPostgres | Strike::Deploy | Strike::Release(_) | Strike::ResetObjects => Duration::ZERO,
        };
        planned.push(PlannedFault { at, lasts, fault: Fault::Strike(strike) });
        at += lasts + random.duration(6_000, 14_000);
    }
    planned
}

fn provider_faults(random: &mut Random, names: &[String], length: Duration) -> Vec<PlannedFault> {
    let mut planned = Vec::new();
    let mut at = CALM / 2 + random.duration(0, 2_000);
    while at + CALM < length {
        let fault = ProviderFault::any(random, names);
        planned.push(PlannedFault { at, lasts: random.duration(1_000, 10_000), fault: Fault::Provider(fault) });
        at += random.duration(1_000, 6_000);
    }
    planned
}

fn stripe_faults(random: &mut Random, length: Duration) -> Vec<PlannedFault> {
    let mut planned = Vec::new();
    let mut at = CALM + random.duration(0, 4_000);
    while at + CALM < length {
        let fault = Fault::Provider(ProviderFault::of_stripe(random));
        planned.push(PlannedFault { at, lasts: random.duration(1_000, 6_000), fault });
        at += random.duration(3_000, 10_000);
    }
    planned
}

fn disturbances(random: &mut Random, length: Duration) -> Vec<PlannedFault> {
    let mut planned = Vec::new();
    let mut at = random.duration(1_000, 4_000);
    while at < length {
        let lasts = random.duration(3_000, 10_000);
        planned.push(PlannedFault { at, lasts, fault: Fault::Deliveries(Disturbance::any(random)) });
        at += lasts + random.duration(500, 3_000);
    }
    planned
}

/// Repeatable randomness: ChaCha8, whose stream for a seed is the same on every machine.
pub struct Random(ChaCha8Rng);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: u32, most: u32) -> u32 {
        self.0.random_range(least..=most)
    }

    /// True `percent` times out of a hundred.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.between(1, 100) <= percent
    }

    /// A time from `least_ms` to `most_ms` milliseconds.
    pub fn duration(&mut self, least_ms: u32, most_ms: u32) -> Duration {
        Duration::from_millis(self.between(least_ms, most_ms).into())
    }

    /// One of `items`, each as likely; `None` when there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let last = u32::try_from(items.len().checked_sub(1)?).ok()?;
        items.get(self.between(0, last) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_seed_is_a_plan_and_another_seed_another() {
        assert_eq!(Plan::of(1, MINUTE), Plan::of(1, MINUTE));
        assert_ne!(Plan::of(1, MINUTE).strikes, Plan::of(2, MINUTE).strikes);
    }

    #[test]
    fn a_minute_has_several_kinds_of_strikes_and_many_faults_of_providers() {
        for seed in 1..=50 {
            let plan = Plan::of(seed, MINUTE);
            let kinds: std::collections::BTreeSet<String> =
                plan.strikes.iter().map(|strike| strike.fault.kind()).collect();
            assert!(kinds.len() >= 3, "seed {seed}: {kinds:?}");
            assert!(plan.providers.len() >= 8, "seed {seed}");
            let last = plan.strikes.iter().map(|strike| strike.at).max();
            assert!(last.is_some_and(|last| last + CALM < MINUTE), "seed {seed}");
        }
    }

    #[test]
    fn within_a_minute_all_kinds_of_deals_are_made_and_all_kinds_of_disturbances_come() {
        let mut disturbed = std::collections::BTreeSet::new();
        for seed in 1..=20 {
            let plan = Plan::of(seed, MINUTE);
            let acts = || plan.customers.iter().flat_map(|customer| &customer.acts);
            let deals = |is: fn(&Deal) -> bool| acts().any(|act| matches!(&act.what, What::Deal(deal) if is(deal)));
            assert!(deals(|deal| matches!(deal, Deal::Pack { .. })), "seed {seed}");
            assert!(deals(|deal| matches!(deal, Deal::Plan { .. })), "seed {seed}");
            assert!(deals(|deal| matches!(deal, Deal::Refund { .. })), "seed {seed}");
            assert!(deals(|deal| matches!(deal, Deal::Dispute { .. })), "seed {seed}");
            let topping_up = acts().filter(|act| matches!(act.what, What::Deal(Deal::TopUp(_)))).count();
            assert_eq!(topping_up, 1, "seed {seed}");
            assert!(plan.deliveries.len() >= 4, "seed {seed}");
            disturbed.extend(plan.deliveries.iter().map(|planned| planned.fault.kind()));
        }
        assert_eq!(disturbed.len(), 4, "{disturbed:?}");
    }

    #[test]
    fn beside_deploys_nothing_breaks_and_everything_can_succeed() {
        let changes = [(Duration::from_secs(15), 2), (Duration::from_secs(52), 1)];
        let plan = Plan::of_deploys(1, MINUTE, &changes);
        let strikes: Vec<_> = plan.strikes.iter().map(|planned| (planned.at, planned.fault.clone())).collect();
        assert_eq!(strikes, changes.map(|(at, version)| (at, Fault::Strike(Strike::Release(version)))));
        assert!(plan.providers.is_empty() && plan.deliveries.is_empty());
        let acts = || plan.customers.iter().flat_map(|customer| &customer.acts);
        let kinds = ["LIGHT", "DEEP", "XRAY"];
        for kind in kinds {
            let is_of = |act: &&Act| matches!(&act.what, What::Analyze { order, .. } if order.analysis_type == kind);
            assert!(acts().filter(is_of).count() >= 5, "{kind}");
        }
        let is_unsafe =
            |act: &Act| matches!(act.what, What::Analyze { keyed: false, .. } | What::Bulk { keyed: false, .. });
        assert!(!acts().any(is_unsafe), "a request without a key cannot be sent again");
        assert!(acts().any(|act| matches!(act.what, What::Bulk { .. })));
        assert!(acts().any(|act| matches!(act.what, What::Browse)));
        assert!(acts().any(|act| matches!(act.what, What::Deal(Deal::Pack { .. }))));
        let unreadable = ["private", "notfound", "restricted", "zeroposts", "fewposts", "noposts"];
        assert!(!acts().any(|act| unreadable.iter().any(|kind| format!("{act:?}").contains(kind))));
    }

    #[test]
    fn no_name_is_the_beginning_of_another_and_all_are_usernames() {
        let names = names(u64::MAX);
        for name in &names {
            assert!(name.len() <= 30, "{name}");
            assert_eq!(names.iter().filter(|other| other.contains(name.as_str())).count(), 1, "{name}");
        }
    }
}
