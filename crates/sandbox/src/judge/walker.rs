//! Builds a JSON value that obeys a schema: structure from the schema, meaning from the property's name.

use serde_json::{Map, Value, json};

use super::{
    judgement::Judgement,
    prose::Prose,
    shape::{is, resolve},
};
use crate::random::Seeded;

/// Lists get this many entries where the schema leaves it open.
const ENTRIES: usize = 3;
/// Beyond this depth optional parts are left out, so that a recursive schema ends.
const DEPTH_MAX: usize = 12;

/// No natural score is larger; generators write huge bounds where they mean none.
const NATURAL_BOUND: f64 = 1_000_000.0;
/// Property names that say nothing of their own: the name of what they are part of counts.
const VAGUE: [&str; 14] = [
    "text",
    "value",
    "detail",
    "details",
    "description",
    "content",
    "label",
    "point",
    "statement",
    "item",
    "note",
    "comment",
    "body",
    "summary",
];

/// Builds the answer to a schema out of a judgement.
pub(super) fn build(schema: &Value, judgement: &Judgement) -> Value {
    let walker = Walker { root: schema, judgement, prose: Prose::new(judgement) };
    walker.value(schema, &Slot { name: String::new(), place: 0, depth: 0 })
}

/// Where in the answer a value stands.
#[derive(Clone)]
struct Slot {
    /// The property's name, or that of the list for its entries.
    name: String,
    /// The place in the innermost list.
    place: usize,
    depth: usize,
}

impl Slot {
    fn property(&self, name: &str) -> Self {
        let vague = VAGUE.contains(&name.to_lowercase().as_str()) && !self.name.is_empty();
        let name = if vague { self.name.clone() } else { name.to_owned() };
        Self { name, depth: self.depth + 1, ..*self }
    }

    fn entry(&self, place: usize) -> Self {
        Self { name: singular(&self.name), place, depth: self.depth + 1 }
    }

    fn deeper(&self) -> Self {
        Self { depth: self.depth + 1, ..self.clone() }
    }
}

struct Walker<'a> {
    root: &'a Value,
    judgement: &'a Judgement,
    prose: Prose<'a>,
}

impl Walker<'_> {
    fn value(&self, schema: &Value, slot: &Slot) -> Value {
        let Some(fields) = schema.as_object() else {
            return Value::Null;
        };
        if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
            let target = resolve(self.root, reference).filter(|_| slot.depth < DEPTH_MAX * 2);
            return target.map_or(Value::Null, |target| self.value(target, &slot.deeper()));
        }
        if let Some(constant) = fields.get("const") {
            return constant.clone();
        }
        if let Some(options) = fields.get("enum").and_then(Value::as_array) {
            return self.choice(options, &slot.name);
        }
        for word in ["anyOf", "oneOf"] {
            if let Some(options) = fields.get(word).and_then(Value::as_array) {
                return self.any_of(options, slot);
            }
        }
        if is(fields, "null") && slot.depth >= DEPTH_MAX {
            Value::Null
        } else if is(fields, "object") || fields.contains_key("properties") {
            self.object(fields, slot)
        } else if is(fields, "array") {
            self.array(fields, slot)
        } else if is(fields, "integer") || is(fields, "number") {
            self.number(fields, slot)
        } else if is(fields, "boolean") {
            json!(self.agrees(&slot.name))
        } else if is(fields, "string") {
            json!(self.string(fields, slot))
        } else {
            Value::Null
        }
    }

    fn object(&self, fields: &Map<String, Value>, slot: &Slot) -> Value {
        let properties = fields.get("properties").and_then(Value::as_object).into_iter().flatten();
        let built = properties.map(|(name, property)| (name.clone(), self.value(property, &slot.property(name))));
        Value::Object(built.collect())
    }

    fn array(&self, fields: &Map<String, Value>, slot: &Slot) -> Value {
        let number =
            |word: &str| fields.get(word).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
        let (least, most) = (number("minItems").unwrap_or(0), number("maxItems").unwrap_or(usize::MAX));
        let wanted = if slot.depth >= DEPTH_MAX { 0 } else { ENTRIES.min(self.prose.variety(&slot.name)) };
        let count = wanted.clamp(least.min(most), most);
        let Some(items) = fields.get("items") else {
            return json!([]);
        };
        Value::Array((0..count).map(|place| self.value(items, &slot.entry(place))).collect())
    }

    /// The first option that is not null; null when the schema recurses too deep.
    fn any_of(&self, options: &[Value], slot: &Slot) -> Value {
        let is_null = |option: &&Value| option.as_object().is_some_and(|fields| is(fields, "null"));
        if slot.depth >= DEPTH_MAX && options.iter().any(|option| is_null(&option)) {
            return Value::Null;
        }
        let option = options.iter().find(|option| !is_null(option)).or(options.first());
        option.map_or(Value::Null, |option| self.value(option, slot))
    }

    /// The option that says what the judgement says.
    fn choice(&self, options: &[Value], name: &str) -> Value {
        let relevance = if is_adverse(name) { 100 - self.judgement.relevance } else { self.judgement.relevance };
        let grade: &[&str] = match relevance {
            70.. => {
                &["high", "strong", "hot", "excellent", "great", "good", "yes", "pursue", "qualified", "match", "ideal"]
            }
            40.. => &["medium", "moderate", "warm", "partial", "fair", "average", "maybe", "possible", "review"],
            _ => &["low", "weak", "cold", "poor", "bad", "no", "none", "skip", "reject", "unqualified", "mismatch"],
        };
        let says = |word: &str| {
            options.iter().find(|option| {
                let text = option.as_str().unwrap_or_default().to_lowercase();
                text.split(|character: char| !character.is_alphanumeric()).any(|part| part == word)
            })
        };
        let niche = self.judgement.niche.as_deref().and_then(says);
        let graded = || grade.iter().find_map(|word| says(word));
        let drawn = || Seeded::from_texts(&["choice", name, &self.handle()]).pick(options);
        niche.or_else(graded).or_else(drawn).cloned().unwrap_or(Value::Null)
    }

    fn number(&self, fields: &Map<String, Value>, slot: &Slot) -> Value {
        let bound = |word: &str| fields.get(word).and_then(Value::as_f64);
        let whole = !is(fields, "number");
        let step = if whole { 1.0 } else { 0.01 };
        let low = bound("minimum").or(bound("exclusiveMinimum").map(|bound| bound + step));
        let high = bound("maximum").or(bound("exclusiveMaximum").map(|bound| bound - step));
        let low = low.filter(|low| *low > -NATURAL_BOUND);
        let high = high.filter(|high| *high < NATURAL_BOUND);
        let name = slot.name.to_lowercase();
        if name.contains("follower")
            && let (Some(followers), None) = (self.judgement.profile.followers, high)
        {
            return json!(followers);
        }
        // A share is written 0 to 1 where the schema allows fractions and does not say otherwise.
        let fraction = !whole && ["confidence", "probability", "likelihood"].iter().any(|word| name.contains(word));
        let low = low.unwrap_or(0.0);
        let high = high.unwrap_or(if fraction { 1.0 } else { 100.0 }).max(low);
        let mut number = low + (high - low) * self.share(&name, slot.place);
        if let Some(multiple) = bound("multipleOf").filter(|multiple| *multiple > 0.0) {
            number = ((number / multiple).floor() * multiple).max((low / multiple).ceil() * multiple);
        }
        if whole {
            json!(number.round().clamp(low.ceil(), high.floor().max(low.ceil())) as i64)
        } else {
            json!((number * 100.0).round() / 100.0)
        }
    }

    /// 0 to 1: the relevance itself for a score, near it for what goes with it.
    fn share(&self, name: &str, place: usize) -> f64 {
        let relevance = f64::from(self.judgement.relevance) / 100.0;
        if is_adverse(name) {
            return 1.0 - relevance;
        }
        if name.contains("confidence") {
            let evidence = self.judgement.quotes.len().min(10) as f64 / 10.0;
            return 0.45 + 0.45 * evidence;
        }
        if ["score", "fit", "relevance", "match"].iter().any(|word| name.contains(word)) && place == 0 {
            return relevance;
        }
        let near = Seeded::from_texts(&["share", name, &place.to_string(), &self.handle()]).between(-0.08, 0.08);
        (relevance + near).clamp(0.0, 1.0)
    }

    fn agrees(&self, name: &str) -> bool {
        (self.judgement.relevance >= 50) != is_adverse(name)
    }

    fn string(&self, fields: &Map<String, Value>, slot: &Slot) -> String {
        let text = match fields.get("format").and_then(Value::as_str) {
            Some(format) => self.prose.of_format(format),
            None => self.prose.of_name(&slot.name, slot.place),
        };
        let limit = |word: &str| fields.get(word).and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
        let (least, most) = (limit("minLength").unwrap_or(0), limit("maxLength").unwrap_or(usize::MAX));
        let length = text.chars().count();
        if length > most {
            return text.chars().take(most).collect();
        }
        // A schema that is not strict may ask for a least length.
        text.chars().chain(std::iter::repeat_n('.', least.saturating_sub(length))).collect()
    }

    fn handle(&self) -> String {
        self.judgement.profile.username.clone().unwrap_or_default()
    }
}

/// A property of which more is worse.
fn is_adverse(name: &str) -> bool {
    let name = name.to_lowercase();
    let words = ["risk", "spam", "disqualif", "reject", "mismatch", "red_flag", "objection", "concern"];
    words.iter().any(|word| name.contains(word))
}

fn singular(name: &str) -> String {
    match name.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => name.strip_suffix('s').unwrap_or(name).to_owned(),
    }
}

#[cfg(test)]
mod tests;
