//! What another version of the product writes into the stores that outlive it: the journals, the gate's leases, the
//! scrapes. There is one source only, so a version differs in what it writes.

use serde_json::{Map, Value};

/// A version of the product.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Version {
    /// Does not know the newest fields, those that may be missing.
    Earlier,
    #[default]
    Present,
    /// Writes fields that the present version does not know, and reads them no more after it was rolled back.
    Later,
}

/// The fields that a stored structure may lack, apart from those that are null. A run that began without a plan for its
/// scrape reads everything.
const MAY_BE_MISSING: [&str; 3] = ["is_final", "paused", "scrape"];

impl Version {
    /// Before, with, and after what the present version writes.
    pub const ALL: [Self; 3] = [Self::Earlier, Self::Present, Self::Later];

    /// The JSON text as this version writes it.
    pub(crate) fn writes(self, text: String) -> String {
        let change = match self {
            Self::Present => return text,
            Self::Earlier => lose_newest,
            Self::Later => gain_unknown,
        };
        let Ok(mut value) = serde_json::from_str(&text) else { return text };
        in_each_structure(&mut value, change);
        value.to_string()
    }
}

fn lose_newest(structure: &mut Map<String, Value>) {
    structure.retain(|name, value| !value.is_null() && !MAY_BE_MISSING.contains(&name.as_str()));
}

fn gain_unknown(structure: &mut Map<String, Value>) {
    structure.insert("of_a_later_version".to_owned(), Value::Bool(true));
}

fn in_each_structure(value: &mut Value, change: fn(&mut Map<String, Value>)) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| in_each_structure(value, change)),
        Value::Object(fields) => {
            // The answers of models are read strictly, as they are when they come.
            let changed = fields.iter_mut().filter(|(name, _)| *name != "judgement");
            changed.for_each(|(_, value)| in_each_structure(value, change));
            // One field alone may be the name of a variant.
            if fields.len() > 1 {
                change(fields);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
