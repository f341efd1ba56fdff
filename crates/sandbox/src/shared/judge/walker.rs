//! Builds a JSON value that obeys a schema: structure from the schema, meaning from the property's name.
//!
//! What it promises: the value validates against the schema, whatever its shape; where the profile does not say what is
//! asked and null is allowed, it is null; the same judgement and schema give the same value.

mod choices;
mod evident;
mod numbers;
mod slot;

use std::borrow::Cow;

use serde_json::{Map, Value, json};

pub(super) use numbers::states_a_minor;
use slot::{Slot, Subject};

use super::{judgement::Judgement, pattern, plan::Plan, prose::Prose};
use crate::shared::json::{is, resolve};

/// How many entries a list gets where the schema leaves it open.
const ENTRIES: usize = 3;
/// How many more entries than wanted are tried, to find different ones.
const ENTRIES_TRIED: usize = 12;
/// Beyond this depth optional parts are left out, so that a recursive schema ends.
const DEPTH_MAX: usize = 12;
/// Builds the answer to a schema out of a judgement.
pub(super) fn build(schema: &Value, judgement: &Judgement) -> Value {
    // Where entries carry what shows them, all texts are of one plan.
    let plan = evident::asks_for_evidence(schema).then(|| Plan::of(judgement));
    build_by(plan, schema, judgement)
}

pub(super) fn build_by(plan: Option<Plan>, schema: &Value, judgement: &Judgement) -> Value {
    let walker = Walker { root: schema, plan, subject: Subject { judgement, prose: Prose::new(judgement) } };
    walker.value(schema, &Slot::default())
}

struct Walker<'a> {
    root: &'a Value,
    plan: Option<Plan>,
    subject: Subject<'a>,
}

impl Walker<'_> {
    fn value(&self, schema: &Value, slot: &Slot) -> Value {
        let Some(fields) = schema.as_object() else {
            return Value::Null;
        };
        if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
            // Twice the depth: references that are required may go on for a while after optional parts are left out.
            let target = resolve(self.root, reference).filter(|_| slot.depth < DEPTH_MAX * 2);
            return target.map_or(Value::Null, |target| self.value(target, &slot.deeper()));
        }
        let fields = self.merged(fields);
        let slot = &Slot { nullable: slot.nullable || is(&fields, "null"), ..slot.clone() };
        if let Some(constant) = fields.get("const") {
            return constant.clone();
        }
        if let Some(planned) = self.planned(&fields, slot) {
            return planned;
        }
        if let Some(options) = fields.get("enum").and_then(Value::as_array) {
            return self.subject.choice(options, slot);
        }
        for word in ["anyOf", "oneOf"] {
            if let Some(options) = fields.get(word).and_then(Value::as_array) {
                return self.any_of(options, slot);
            }
        }
        if slot.nullable && (slot.depth >= DEPTH_MAX || self.is_unknown(&fields, slot)) {
            Value::Null
        } else if is(&fields, "object") || fields.contains_key("properties") {
            self.object(&fields, slot)
        } else if is(&fields, "array") {
            self.array(&fields, slot)
        } else if is(&fields, "integer") || is(&fields, "number") {
            self.subject.number(&fields, slot)
        } else if is(&fields, "boolean") {
            json!(self.subject.agrees(slot))
        } else if is(&fields, "string") {
            json!(self.string(&fields, slot))
        } else {
            Value::Null
        }
    }

    /// The schema with the fields of its `allOf` merged into its own.
    fn merged<'a>(&self, fields: &'a Map<String, Value>) -> Cow<'a, Map<String, Value>> {
        let Some(parts) = fields.get("allOf").and_then(Value::as_array) else {
            return Cow::Borrowed(fields);
        };
        let mut merged = fields.clone();
        merged.remove("allOf");
        for part in parts.iter().filter_map(Value::as_object) {
            let target = part.get("$ref").and_then(Value::as_str).and_then(|reference| resolve(self.root, reference));
            for (name, value) in target.and_then(Value::as_object).unwrap_or(part) {
                match (merged.get_mut(name), value) {
                    (Some(Value::Object(known)), Value::Object(more)) => known.extend(more.clone()),
                    _ => {
                        merged.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        Cow::Owned(merged)
    }

    /// Whether the profile does not say what is asked. Only texts and follower counts can be unknown: scores always
    /// have a value, and so do labels.
    fn is_unknown(&self, fields: &Map<String, Value>, slot: &Slot) -> bool {
        let text = is(fields, "string") && !slot.label;
        let count = (is(fields, "integer") || is(fields, "number")) && slot.name.contains("follower");
        (text || count) && self.subject.prose.is_unknown(&slot.name)
    }

    fn object(&self, fields: &Map<String, Value>, slot: &Slot) -> Value {
        let properties = fields.get("properties").and_then(Value::as_object).into_iter().flatten();
        let required = fields.get("required").and_then(Value::as_array);
        let needed = |name: &str| required.is_none_or(|names| names.iter().any(|known| known == name));
        let kept = properties.filter(|(name, _)| slot.depth < DEPTH_MAX || needed(name));
        let built = kept.map(|(name, property)| (name.clone(), self.value(property, &slot.property(name))));
        Value::Object(built.collect())
    }

    fn array(&self, fields: &Map<String, Value>, slot: &Slot) -> Value {
        let number =
            |word: &str| fields.get(word).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
        let (least, most) = (number("minItems").unwrap_or(0), number("maxItems").unwrap_or(usize::MAX));
        let wanted = if slot.depth >= DEPTH_MAX { 0 } else { ENTRIES.min(self.subject.prose.variety(&slot.name)) };
        let count = wanted.clamp(least.min(most), most);
        let Some(items) = fields.get("items") else {
            return json!([]);
        };
        let mut entries: Vec<Value> = vec![];
        for place in 0..count + ENTRIES_TRIED {
            if entries.len() == count {
                break;
            }
            let entry = self.value(items, &slot.entry(place));
            // No entry comes twice, unless `minItems` asks for more than there are different ones: see below.
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        if fields.get("uniqueItems") != Some(&Value::Bool(true)) {
            let missing = least.saturating_sub(entries.len());
            entries.extend((0..missing).map(|place| self.value(items, &slot.entry(place))));
        }
        Value::Array(entries)
    }

    /// The first option that is not null; null when the schema recurses too deep.
    fn any_of(&self, options: &[Value], slot: &Slot) -> Value {
        let is_null = |option: &&Value| option.as_object().is_some_and(|fields| is(fields, "null"));
        let nullable = slot.nullable || options.iter().any(|option| is_null(&option));
        if slot.depth >= DEPTH_MAX && options.iter().any(|option| is_null(&option)) {
            return Value::Null;
        }
        let option = options.iter().find(|option| !is_null(option)).or(options.first());
        option.map_or(Value::Null, |option| self.value(option, &Slot { nullable, ..slot.clone() }))
    }

    fn string(&self, fields: &Map<String, Value>, slot: &Slot) -> String {
        let place = slot.place + slot.offset;
        let text = match fields.get("format").and_then(Value::as_str) {
            Some("uri") => self.subject.prose.of_name("url", place),
            Some(format) => self.subject.prose.of_format(format),
            None if slot.label => self.subject.prose.label(&slot.name, place),
            None if numbers::is_trait(slot) && Prose::is_general(&slot.name) => self.subject.prose.of_trait(place),
            None => self.subject.prose.of_name(&slot.name, place),
        };
        if let Some(pattern) = fields.get("pattern").and_then(Value::as_str) {
            return pattern::fitting(pattern, text);
        }
        let limit = |word: &str| fields.get(word).and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
        let (least, most) = (limit("minLength").unwrap_or(0), limit("maxLength").unwrap_or(usize::MAX));
        let length = text.chars().count();
        if length > most {
            return text.chars().take(most).collect();
        }
        // A schema that is not strict may have a `minLength`.
        text.chars().chain(std::iter::repeat_n('.', least.saturating_sub(length))).collect()
    }
}

#[cfg(test)]
mod tests;
