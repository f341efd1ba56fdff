//! Everything that Stripe knows, in memory: its objects by id, and the events that a change causes.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde_json::{Value, json};

use super::{
    errors::StripeError,
    object::{EVENT, Fields, Kind, shown},
};

/// Beyond this number the oldest objects of a kind are forgotten.
const OF_A_KIND_MAX: usize = 50_000;

/// The request that causes a change.
#[derive(Debug, Clone)]
pub(super) struct Cause {
    pub(super) request: String,
    pub(super) idempotency_key: Option<String>,
}

#[derive(Default)]
pub(super) struct Books {
    objects: HashMap<String, Value>,
    /// The ids of each kind, oldest first.
    kinds: BTreeMap<String, VecDeque<String>>,
    /// What the transaction under way has written.
    changed: Vec<String>,
    /// The events that the transaction under way has caused.
    caused: Vec<String>,
    /// Stripe's time in seconds, which stands still during a transaction.
    pub(super) now: i64,
    pub(super) cause: Option<Cause>,
}

impl Books {
    pub(super) fn get(&self, id: &str) -> Option<&Value> {
        self.objects.get(id)
    }

    /// The object of this kind with this id.
    pub(super) fn find(&self, kind: Kind, id: &str) -> Result<&Value, StripeError> {
        let found = self.get(id).filter(|object| object.text("object") == kind.name);
        found.ok_or_else(|| StripeError::missing(kind.name, id))
    }

    /// All objects of a kind, oldest first.
    pub(super) fn all(&self, kind: &str) -> impl DoubleEndedIterator<Item = &Value> {
        self.kinds.get(kind).into_iter().flatten().filter_map(|id| self.objects.get(id))
    }

    /// Writes an object, new or changed.
    pub(super) fn put(&mut self, object: Value) {
        let id = object.text("id").to_owned();
        self.changed.push(id.clone());
        self.place(id, object);
    }

    /// The same for an object that is on the disk already.
    pub(super) fn place(&mut self, id: String, object: Value) {
        let kind = object.text("object").to_owned();
        if self.objects.insert(id.clone(), object).is_none() {
            let ids = self.kinds.entry(kind).or_default();
            ids.push_back(id);
            if ids.len() > OF_A_KIND_MAX
                && let Some(oldest) = ids.pop_front()
            {
                self.objects.remove(&oldest);
            }
        }
    }

    /// Changes an object and returns it as it is then; null if there is none.
    pub(super) fn change(&mut self, id: &str, change: impl FnOnce(&mut Value)) -> Value {
        let Some(mut object) = self.objects.get(id).cloned() else { return Value::Null };
        change(&mut object);
        self.put(object.clone());
        object
    }

    /// Changes an object, and if anything is different then, tells of it with the earlier values.
    pub(super) fn amend(&mut self, kind: &str, id: &str, change: impl FnOnce(&mut Value)) -> Value {
        let before = self.get(id).map(shown).unwrap_or_default();
        let after = self.change(id, change);
        let earlier = earlier(&before, &shown(&after));
        if earlier != json!({}) {
            self.emit(kind, &after, Some(earlier));
        }
        after
    }

    /// Tells of something that has happened to an object; `previous` are the earlier values of what has changed.
    pub(super) fn emit(&mut self, kind: &str, object: &Value, previous: Option<Value>) -> String {
        let mut event = EVENT.with(json!({"created": self.now, "type": kind, "data/object": shown(object)}));
        if let Some(previous) = previous {
            event.set("data/previous_attributes", previous);
        }
        if let Some(cause) = &self.cause {
            event.set("request/id", cause.request.as_str());
            event.set("request/idempotency_key", cause.idempotency_key.clone());
        }
        let id = event.text("id").to_owned();
        self.put(event);
        self.caused.push(id.clone());
        id
    }

    /// The events that were caused since this was asked last.
    pub(super) fn take_caused(&mut self) -> Vec<String> {
        std::mem::take(&mut self.caused)
    }

    /// What was written since this was asked last, each object once and as it is now.
    pub(super) fn take_changed(&mut self) -> Vec<Value> {
        let mut ids = std::mem::take(&mut self.changed);
        let mut seen = std::collections::HashSet::new();
        ids.retain(|id| seen.insert(id.clone()));
        ids.iter().filter_map(|id| self.objects.get(id)).cloned().collect()
    }

    /// Every object, kind by kind and oldest first.
    pub(super) fn everything(&self) -> impl Iterator<Item = &Value> {
        self.kinds.values().flatten().filter_map(|id| self.objects.get(id))
    }
}

/// The earlier values of the fields that differ; null for a field that is new.
fn earlier(before: &Value, after: &Value) -> Value {
    let (Value::Object(before), Value::Object(after)) = (before, after) else { return before.clone() };
    let mut earlier = serde_json::Map::new();
    for (name, value) in after {
        match before.get(name).unwrap_or(&Value::Null) {
            same if same == value => {}
            old => {
                earlier.insert(name.clone(), self::earlier(old, value));
            }
        }
    }
    let gone = before.iter().filter(|(name, _)| !after.contains_key(*name));
    earlier.extend(gone.map(|(name, value)| (name.clone(), value.clone())));
    earlier.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_has_an_earlier_value() {
        let before =
            json!({"same": 1, "status": "active", "items": {"data": [1], "url": "u"}, "metadata": {"gone": "x"}});
        let after =
            json!({"same": 1, "status": "canceled", "items": {"data": [2], "url": "u"}, "metadata": {"new": "y"}});
        let expected = json!({"status": "active", "items": {"data": [1]}, "metadata": {"new": null, "gone": "x"}});
        assert_eq!(earlier(&before, &after), expected);
    }

    #[test]
    fn an_object_is_written_once_and_as_it_is_at_the_end() {
        let mut books = Books::default();
        books.put(json!({"id": "a", "object": "customer", "balance": 0}));
        books.change("a", |customer| customer.set("balance", 5));
        assert_eq!(books.take_changed(), [json!({"id": "a", "object": "customer", "balance": 5})]);
        assert!(books.take_changed().is_empty());
    }
}
