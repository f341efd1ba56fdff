//! The storm: customers act and things break, all at the same time.

use std::time::Duration;

use anyhow::{Result, anyhow};
use serde_json::Value;

use super::book::Book;
use super::customer::Customer;
use super::deals::Disturbance;
use super::facts::{Outage, close_breakers};
use super::faults::{Fault, PlannedFault, Target};
use super::plan::Plan;
use crate::postgres::PgUrl;

/// So long the stack is whole between two strikes, however slow the machine is: without work under way, nothing can be broken.
const WHOLE_FOR: Duration = Duration::from_secs(5);

/// Plays the plan to its end and tells what was broken, and when.
pub fn rage(
    target: &Target<'_>,
    database: &PgUrl,
    book: &Book,
    plan: &Plan,
    customers: &mut [Customer<'_>],
) -> Result<Vec<Outage>> {
    let began = book.now();
    let end = began + plan.length;
    std::thread::scope(|scope| {
        let striking = scope.spawn(move || strikes(target, book, began, plan));
        let failing = scope.spawn(move || providers(target, database, book, began, plan));
        let disturbing = scope.spawn(move || deliveries(target, book, began, plan));
        for (customer, planned) in customers.iter_mut().zip(&plan.customers) {
            scope.spawn(move || customer.play(&planned.acts, began, end));
        }
        let of = |thread: std::thread::ScopedJoinHandle<'_, Result<Vec<Outage>>>| {
            thread.join().map_err(|_| anyhow!("a thread of the storm died"))?
        };
        let (own, outside, disturbed) = (of(striking), of(failing), of(disturbing));
        Ok(own?.into_iter().chain(outside?).chain(disturbed?).collect())
    })
}

/// One after the other: the repair of one would also end the next.
fn strikes(target: &Target<'_>, book: &Book, began: Duration, plan: &Plan) -> Result<Vec<Outage>> {
    let mut outages: Vec<Outage> = Vec::new();
    for planned in &plan.strikes {
        let Fault::Strike(strike) = &planned.fault else { continue };
        let whole_until = outages.last().map_or(began, |outage| outage.to + WHOLE_FOR);
        book.wait_until(whole_until.max(began + planned.at));
        // Repairs take their time, and a slow machine leaves strikes out.
        if book.now() > began + plan.length {
            break;
        }
        let from = book.now();
        eprintln!("  {:>6.1} s  {}", from.saturating_sub(began).as_secs_f64(), planned.fault.describe());
        target.strike(*strike)?;
        std::thread::sleep(planned.lasts);
        target.undo(*strike)?;
        outages.push(Outage { kind: planned.fault.kind(), from, to: book.now(), origin: planned.fault.origin() });
    }
    Ok(outages)
}

/// What happens to a fault of a provider, in the order of time.
struct Turn<'a> {
    at: Duration,
    fault: &'a PlannedFault,
    is_end: bool,
}

impl<'a> Turn<'a> {
    fn both(fault: &'a PlannedFault) -> [Self; 2] {
        let end = fault.at + fault.lasts;
        [Self { at: fault.at, fault, is_end: false }, Self { at: end, fault, is_end: true }]
    }
}

fn providers(target: &Target<'_>, database: &PgUrl, book: &Book, began: Duration, plan: &Plan) -> Result<Vec<Outage>> {
    let mut turns: Vec<Turn<'_>> = plan.providers.iter().flat_map(Turn::both).collect();
    turns.sort_by_key(|turn| turn.at);
    let mut planted: Vec<(&PlannedFault, String, Duration)> = Vec::new();
    let mut outages = Vec::new();
    for turn in turns {
        let Fault::Provider(fault) = &turn.fault.fault else { continue };
        book.wait_until(began + turn.at);
        if !turn.is_end {
            planted.push((turn.fault, target.plant(fault)?, book.now()));
            continue;
        }
        let Some(which) = planted.iter().position(|(one, ..)| std::ptr::eq(*one, turn.fault)) else { continue };
        let (_, id, from) = planted.swap_remove(which);
        target.release(&id)?;
        // An open breaker refuses customers long after the fault, and then there would be little to break. The database may be
        // away, which is no harm here.
        let _ = close_breakers(database);
        let (kind, origin) = (turn.fault.fault.kind(), turn.fault.fault.origin());
        outages.push(Outage { kind, from, to: book.now(), origin });
    }
    Ok(outages)
}

/// One after the other, because each sets how all events are delivered.
fn deliveries(target: &Target<'_>, book: &Book, began: Duration, plan: &Plan) -> Result<Vec<Outage>> {
    let mut outages = Vec::new();
    for planned in &plan.deliveries {
        let Fault::Deliveries(Disturbance(knobs)) = &planned.fault else { continue };
        book.wait_until(began + planned.at);
        let from = book.now();
        target.disturb(knobs)?;
        book.wait_until(began + planned.at + planned.lasts);
        target.disturb(&Value::Null)?;
        outages.push(Outage { kind: planned.fault.kind(), from, to: book.now(), origin: planned.fault.origin() });
    }
    Ok(outages)
}
