//! The end of a model: the day of its shutdown, as its provider's list names it, and the moment from which calls to it
//! fail.
//!
//! The providers hand in tables of what was announced; `/control/models` can change it for as long as this sandbox
//! runs. A call that came in before its model was shut down is still answered.

use std::{collections::HashMap, time::Instant};

use jiff::civil::Date;
use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize};

use crate::shared::clock::now_ms;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Provider {
    OpenAi,
    Anthropic,
}

/// A model in its provider's table: its alias, which also stands for its dated snapshots, and its announced end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) model: &'static str,
    pub(crate) retires_on: Option<Date>,
}

/// A change of a model; what is not given stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    provider: Provider,
    model: String,
    /// `Some(None)`, written as null, takes the date away.
    #[serde(default, deserialize_with = "given")]
    retires_on: Option<Option<Date>>,
    gone: Option<bool>,
}

/// Keeps null apart from a missing field: null takes the date away, a missing field leaves it as it is.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Date>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The state of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Standing {
    pub(crate) provider: Provider,
    pub(crate) model: &'static str,
    pub(crate) retires_on: Option<Date>,
    pub(crate) gone: bool,
    /// When `/control/models` last changed it; `None` for a model that is as the table has it.
    #[serde(skip)]
    pub(crate) changed_at_ms: Option<u64>,
}

/// Finds a model by its alias or snapshot.
pub(crate) type Table = fn(&str) -> Option<Announced>;

/// The models of all providers, and what was changed about them.
pub(crate) struct Lifecycles {
    tables: HashMap<Provider, Table>,
    changed: Mutex<HashMap<(Provider, &'static str), Changed>>,
}

#[derive(Clone, Copy)]
struct Changed {
    retires_on: Option<Date>,
    // Two clocks: the monotonic one is compared with the arrival of calls, the other is shown in lists.
    gone_since: Option<Instant>,
    at_ms: u64,
}

impl Lifecycles {
    pub(crate) fn of<const COUNT: usize>(tables: [(Provider, Table); COUNT]) -> Self {
        Self { tables: tables.into(), changed: Mutex::default() }
    }

    /// Changes a model and returns its new state; the error is for an unknown model.
    pub(crate) fn change(&self, change: &Change) -> Result<Standing, String> {
        let announced = self.tables.get(&change.provider).and_then(|find| find(&change.model));
        let announced = announced.ok_or_else(|| format!("there is no model {}", change.model))?;
        let mut models = self.changed.lock();
        // A first change begins with what was announced, so that a field which is not given stays as it is.
        let changed = models.entry((change.provider, announced.model)).or_insert(Changed {
            retires_on: announced.retires_on,
            gone_since: None,
            at_ms: 0,
        });
        changed.at_ms = now_ms();
        changed.retires_on = change.retires_on.unwrap_or(changed.retires_on);
        changed.gone_since = match change.gone {
            // A repeated shutdown keeps the first moment.
            Some(true) => changed.gone_since.or_else(|| Some(Instant::now())),
            Some(false) => None,
            None => changed.gone_since,
        };
        Ok(standing(change.provider, announced, Some(*changed)))
    }

    pub(crate) fn standing(&self, provider: Provider, announced: Announced) -> Standing {
        standing(provider, announced, self.changed.lock().get(&(provider, announced.model)).copied())
    }

    /// Whether the model was shut down when a call for it came in.
    pub(crate) fn had_gone(&self, provider: Provider, model: &'static str, arrived: Instant) -> bool {
        let gone_since = self.changed.lock().get(&(provider, model)).and_then(|changed| changed.gone_since);
        gone_since.is_some_and(|gone_since| gone_since <= arrived)
    }

    /// Takes all changes back, and returns how many models had one.
    pub(crate) fn clear(&self) -> usize {
        std::mem::take(&mut *self.changed.lock()).len()
    }
}

fn standing(provider: Provider, announced: Announced, changed: Option<Changed>) -> Standing {
    Standing {
        provider,
        model: announced.model,
        retires_on: changed.map_or(announced.retires_on, |changed| changed.retires_on),
        gone: changed.is_some_and(|changed| changed.gone_since.is_some()),
        changed_at_ms: changed.map(|changed| changed.at_ms),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::civil::date;
    use serde_json::{Value, json};

    use super::*;

    /// A table of two models, one of which has an end.
    fn table(name: &str) -> Option<Announced> {
        match name {
            "gpt-4o-mini" | "gpt-4o-mini-2024-07-18" => Some(Announced { model: "gpt-4o-mini", retires_on: None }),
            "gpt-5" => Some(Announced { model: "gpt-5", retires_on: Some(date(2026, 12, 11)) }),
            _ => None,
        }
    }

    fn lifecycles() -> Lifecycles {
        Lifecycles::of([(Provider::OpenAi, table), (Provider::Anthropic, |_| None)])
    }

    fn change(lifecycles: &Lifecycles, change: Value) -> Standing {
        lifecycles.change(&serde_json::from_value(change).unwrap()).unwrap()
    }

    #[test]
    fn a_model_and_its_snapshot_go_together_and_a_call_that_came_before_is_answered() {
        let lifecycles = lifecycles();
        let before = Instant::now();
        let snapshot = json!({"provider": "openai", "model": "gpt-4o-mini-2024-07-18", "gone": true});
        assert_eq!(change(&lifecycles, snapshot).model, "gpt-4o-mini");
        let after = Instant::now() + Duration::from_secs(1);
        let had_gone = |arrived| lifecycles.had_gone(Provider::OpenAi, "gpt-4o-mini", arrived);
        assert_eq!((had_gone(before), had_gone(after)), (false, true));
        assert!(!lifecycles.had_gone(Provider::OpenAi, "gpt-4o", after));
        change(&lifecycles, json!({"provider": "openai", "model": "gpt-4o-mini", "gone": false}));
        assert!(!lifecycles.had_gone(Provider::OpenAi, "gpt-4o-mini", after));
    }

    #[test]
    fn a_date_is_changed_taken_away_or_left_as_it_is() {
        let lifecycles = lifecycles();
        let of = |more: Value| {
            let mut request = json!({"provider": "openai", "model": "gpt-5"});
            request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let standing = change(&lifecycles, request);
            (standing.retires_on, standing.gone)
        };
        assert_eq!(of(json!({"gone": true})), (Some(date(2026, 12, 11)), true));
        assert_eq!(of(json!({"retires_on": "2026-12-24"})), (Some(date(2026, 12, 24)), true));
        assert_eq!(of(json!({"retires_on": null, "gone": false})), (None, false));
        assert_eq!(lifecycles.clear(), 1);
        assert_eq!(of(json!({})), (Some(date(2026, 12, 11)), false));
    }

    #[test]
    fn a_slip_in_a_change_is_refused() {
        let unknown = json!({"provider": "anthropic", "model": "gpt-6-luna", "gone": true});
        let unknown: Change = serde_json::from_value(unknown).unwrap();
        assert_eq!(lifecycles().change(&unknown).unwrap_err(), "there is no model gpt-6-luna");
        for slip in [
            json!({"provider": "google", "model": "x"}),
            json!({"provider": "openai", "model": "gpt-5", "retires_on": "soon"}),
            json!({"provider": "openai", "model": "gpt-5", "retired_on": "2026-12-24"}),
        ] {
            assert!(serde_json::from_value::<Change>(slip.clone()).is_err(), "{slip}");
        }
    }
}
