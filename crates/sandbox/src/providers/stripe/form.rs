//! Form-encoded parameters: `items[0][price]=p` becomes nested lists and objects, whose leaves are texts.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::errors::StripeError;

/// More nesting is refused.
const DEPTH_MAX: usize = 8;

/// The parameters of a request, from its query and its body.
pub(super) fn parse(texts: &[&str]) -> Result<Value, StripeError> {
    let mut tree = Map::new();
    for text in texts {
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let path: Vec<&str> = name.split('[').map(|part| part.trim_end_matches(']')).collect();
            if path.len() > DEPTH_MAX || !insert(&mut tree, &path, &value) {
                return Err(StripeError::invalid(format!("Invalid parameter: {name}")).param(&name));
            }
        }
    }
    Ok(lists(Value::Object(tree)))
}

fn insert(tree: &mut Map<String, Value>, path: &[&str], value: &str) -> bool {
    let Some((name, rest)) = path.split_first() else { return false };
    // `types[]=a&types[]=b`: each takes the next place.
    let name = if name.is_empty() { tree.len().to_string() } else { (*name).to_owned() };
    if rest.is_empty() {
        tree.insert(name, value.into());
        return true;
    }
    match tree.entry(name).or_insert_with(|| Value::Object(Map::new())) {
        Value::Object(inner) => insert(inner, rest, value),
        _ => false,
    }
}

/// Makes a list of each object whose names are all numbers, in the order of these.
fn lists(value: Value) -> Value {
    let Value::Object(fields) = value else { return value };
    let mut places: Vec<(Option<usize>, String, Value)> =
        fields.into_iter().map(|(name, value)| (name.parse().ok(), name, lists(value))).collect();
    if !places.is_empty() && places.iter().all(|(place, ..)| place.is_some()) {
        places.sort_by_key(|(place, ..)| *place);
        return places.into_iter().map(|(_, _, value)| value).collect();
    }
    places.into_iter().map(|(_, name, value)| (name, value)).collect::<Map<_, _>>().into()
}

/// Reads the parameters that an endpoint knows, and refuses those it does not.
pub(super) fn read<T: DeserializeOwned>(form: &Value) -> Result<T, StripeError> {
    serde_json::from_value(form.clone()).map_err(|error| {
        let message = error.to_string();
        let quoted = message.split('`').nth(1).unwrap_or_default();
        if message.starts_with("unknown field") {
            let message = format!("Received unknown parameter: {quoted}");
            StripeError::invalid(message).code("parameter_unknown").param(quoted)
        } else if message.starts_with("missing field") {
            StripeError::invalid(format!("Missing required param: {quoted}.")).code("parameter_missing").param(quoted)
        } else {
            StripeError::invalid(format!("Invalid parameter: {message}")).code("parameter_invalid")
        }
    })
}

/// A whole number, which a form writes as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole(pub(super) i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| serde::de::Error::custom(format!("Invalid integer: {text}")))
    }
}

/// True or false, which a form writes as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flag(pub(super) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| serde::de::Error::custom(format!("Invalid boolean: {text}")))
    }
}

/// Texts of the caller's own. An empty one removes its key.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Metadata(Map<String, Value>);

impl Metadata {
    pub(super) fn over(self, earlier: &Value) -> Value {
        let mut merged = earlier.as_object().cloned().unwrap_or_default();
        for (key, value) in self.0 {
            if value == "" {
                merged.shift_remove(&key);
            } else {
                merged.insert(key, value);
            }
        }
        merged.into()
    }

    pub(super) fn alone(self) -> Value {
        self.over(&Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_names_become_lists_and_objects() {
        let form = parse(&["a[b][1]=d&a[b][0]=c%20e&types[]=x&types[]=y", "limit=3"]).unwrap();
        assert_eq!(form, json!({"a": {"b": ["c e", "d"]}, "types": ["x", "y"], "limit": "3"}));
        assert!(parse(&["a=1&a[b]=2"]).is_err());
        assert!(parse(&["a[b][c][d][e][f][g][h][i]=2"]).is_err());
    }

    #[test]
    fn an_unknown_parameter_is_named() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Known {
            limit: Whole,
        }
        let error = |form| read::<Known>(&form).unwrap_err().body()["error"].clone();
        assert_eq!(read::<Known>(&json!({"limit": "3"})).unwrap().limit, Whole(3));
        assert_eq!(error(json!({"limit": "3", "colour": "red"}))["param"], "colour");
        assert_eq!(error(json!({}))["code"], "parameter_missing");
        assert_eq!(error(json!({"limit": "many"}))["code"], "parameter_invalid");
    }
}
