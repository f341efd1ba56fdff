//! Reading JSON that others wrote: fields that may be missing, and schemas.

use serde_json::{Map, Value};

pub(crate) type Fields = Map<String, Value>;

/// A field that is there and not null: in the providers' requests the two mean the same.
pub(crate) fn given<'a>(fields: &'a Fields, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null())
}

/// What a reference within a schema, for example `#/$defs/Item`, points at.
pub(crate) fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(reference.strip_prefix('#')?)
}

/// Whether a schema names this type, alone or among others.
pub(crate) fn is(schema: &Fields, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(known)) => known == kind,
        Some(Value::Array(known)) => known.iter().any(|known| known == kind),
        _ => false,
    }
}
