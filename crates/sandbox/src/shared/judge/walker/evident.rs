//! Answers whose entries carry what shows them: they are taken from the [`Plan`] as far as the schema allows.

use serde_json::{Map, Value, json};

use super::{Walker, slot::Slot};
use crate::shared::{
    json::{is, resolve},
    judge::plan::Claim,
};

/// Whether entries of an answer are to name posts and quote them.
pub(super) fn asks_for_evidence(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => is_claim(fields) || fields.values().any(asks_for_evidence),
        Value::Array(entries) => entries.iter().any(asks_for_evidence),
        _ => false,
    }
}

fn is_claim(fields: &Map<String, Value>) -> bool {
    let Some(properties) = fields.get("properties").and_then(Value::as_object) else { return false };
    let property = |name: &str| properties.get(name).and_then(Value::as_object);
    let names_posts = property("posts").is_some_and(|posts| {
        is(posts, "array") && posts.get("items").and_then(Value::as_object).is_some_and(|items| is(items, "string"))
    });
    names_posts && property("quote").is_some_and(|quote| is(quote, "string"))
}

impl Walker<'_> {
    /// The plan's value for this place, if the schema allows it.
    pub(super) fn planned(&self, fields: &Map<String, Value>, slot: &Slot) -> Option<Value> {
        let plan = self.plan.as_ref()?;
        let name = slot.path.rsplit('.').next()?;
        if let Some(options) = fields.get("enum").and_then(Value::as_array) {
            let chosen = json!(plan.choice(name)?);
            return options.contains(&chosen).then_some(chosen);
        }
        if is_claim(fields) {
            return self.claim(fields, plan.claims(name).first()?, slot);
        }
        if is(fields, "array") && self.entry(fields).is_some_and(|entry| is_claim(&entry)) {
            return self.claims(fields, plan.claims(name), slot);
        }
        let value = if name == "gloss" && self.asks_for("outreach_opener") {
            plan.text("outreach_opener.gloss")?
        } else {
            plan.text(name)?
        };
        is_allowed(fields, value).then(|| value.clone())
    }

    /// The schema of a list's entries.
    fn entry(&self, fields: &Map<String, Value>) -> Option<Map<String, Value>> {
        let items = fields.get("items")?.as_object()?;
        let target = items.get("$ref").and_then(Value::as_str).and_then(|reference| resolve(self.root, reference));
        Some(self.merged(target.and_then(Value::as_object).unwrap_or(items)).into_owned())
    }

    fn asks_for(&self, property: &str) -> bool {
        self.root.get("properties").is_some_and(|properties| properties.get(property).is_some())
    }

    fn claims(&self, fields: &Map<String, Value>, claims: &[Claim], slot: &Slot) -> Option<Value> {
        let limit = |word: &str| fields.get(word).and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
        let most = limit("maxItems").unwrap_or(usize::MAX);
        if claims.len().min(most) < limit("minItems").unwrap_or(0) {
            return None;
        }
        let entry = self.entry(fields)?;
        let entries = claims.iter().take(most).enumerate();
        entries
            .map(|(place, claim)| self.claim(&entry, claim, &slot.entry(place)))
            .collect::<Option<Vec<_>>>()
            .map(Value::Array)
    }

    fn claim(&self, fields: &Map<String, Value>, claim: &Claim, slot: &Slot) -> Option<Value> {
        let properties = fields.get("properties").and_then(Value::as_object)?;
        let built = properties.iter().map(|(name, property)| {
            let planned = match name.as_str() {
                "posts" => json!(claim.posts),
                "quote" => json!(claim.quote),
                "count" => json!(claim.count),
                "strength" => json!(claim.strength),
                "insight" | "theme" | "name" | "text" | "statement" => json!(claim.statement),
                _ => return (name.clone(), self.value(property, &slot.property(name))),
            };
            let allowed = self.resolved(property).is_some_and(|fields| is_allowed(&fields, &planned));
            let value = if allowed { planned } else { self.value(property, &slot.property(name)) };
            (name.clone(), value)
        });
        Some(Value::Object(built.collect()))
    }

    fn resolved(&self, schema: &Value) -> Option<Map<String, Value>> {
        let fields = schema.as_object()?;
        let target = fields.get("$ref").and_then(Value::as_str).and_then(|reference| resolve(self.root, reference));
        Some(self.merged(target.and_then(Value::as_object).unwrap_or(fields)).into_owned())
    }
}

/// Whether a text, a list of texts, a number or null is what a schema asks for. Anything more special is left to the
/// walker.
fn is_allowed(fields: &Map<String, Value>, value: &Value) -> bool {
    let limit = |word: &str| fields.get(word).and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
    let within = |length: usize, least: &str, most: &str| {
        limit(least).is_none_or(|least| length >= least) && limit(most).is_none_or(|most| length <= most)
    };
    if fields.get("enum").and_then(Value::as_array).is_some_and(|options| !options.contains(value)) {
        return false;
    }
    match value {
        Value::Null => is(fields, "null"),
        Value::Number(_) => is(fields, "integer") && !fields.contains_key("maximum"),
        Value::String(text) => {
            let is_free = !fields.contains_key("pattern") && !fields.contains_key("format");
            (is(fields, "string") || fields.contains_key("enum"))
                && is_free
                && within(text.chars().count(), "minLength", "maxLength")
        }
        Value::Array(entries) => {
            let of_texts = fields.get("items").and_then(Value::as_object).is_some_and(|items| {
                is(items, "string") && !items.contains_key("enum") && !items.contains_key("pattern")
            });
            is(fields, "array") && of_texts && within(entries.len(), "minItems", "maxItems")
        }
        _ => false,
    }
}
