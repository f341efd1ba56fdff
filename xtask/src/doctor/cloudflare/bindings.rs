//! What is bound to the Worker: as the file has it and as Cloudflare tells it, in one form.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::doctor::cloudflare::Wanted;

/// What Cloudflare calls a variable, and a secret.
pub const PLAIN_TEXT: &str = "plain_text";
pub const SECRET_TEXT: &str = "secret_text";

/// A binding, with the fields that tell what is bound.
#[derive(Debug, Clone, Deserialize)]
pub struct Binding {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

impl Binding {
    pub fn is_of(&self, other: &Self) -> bool {
        self.kind == other.kind && self.name == other.name
    }

    /// Whether it is bound to what the file says, in this Worker and no other.
    pub fn is_as(&self, wanted: &Self, script: &str) -> bool {
        let of_script = self.fields.get("script_name").and_then(Value::as_str).unwrap_or_default();
        let has = |(key, wanted): (&String, &Value)| self.fields.get(key).is_some_and(|found| is_same(found, wanted));
        (of_script.is_empty() || of_script == script) && wanted.fields.iter().all(has)
    }
}

/// Cloudflare may tell more of an object than the file, and a number as a text.
fn is_same(found: &Value, wanted: &Value) -> bool {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if let Value::Object(wanted) = wanted {
        return wanted.iter().all(|(key, wanted)| found.get(key).is_some_and(|found| is_same(found, wanted)));
    }
    text(found) == text(wanted)
}

/// A kind of bindings in the file.
struct Kind {
    /// The list, and where in it the entries are.
    list: &'static str,
    inside: &'static str,
    /// The key that has a binding's name.
    name: &'static str,
    /// What Cloudflare calls it.
    kind: &'static str,
    /// The keys of what is bound: the file's, and Cloudflare's.
    fields: &'static [(&'static str, &'static str)],
}

/// Every kind that the file uses; a test holds that none of its lists is left out.
const KINDS: [Kind; 8] = [
    Kind { list: "hyperdrive", inside: "", name: "binding", kind: "hyperdrive", fields: &[("id", "id")] },
    Kind {
        list: "kv_namespaces",
        inside: "",
        name: "binding",
        kind: "kv_namespace",
        fields: &[("id", "namespace_id")],
    },
    Kind {
        list: "r2_buckets",
        inside: "",
        name: "binding",
        kind: "r2_bucket",
        fields: &[("bucket_name", "bucket_name")],
    },
    Kind { list: "queues", inside: "/producers", name: "binding", kind: "queue", fields: &[("queue", "queue_name")] },
    Kind {
        list: "workflows",
        inside: "",
        name: "binding",
        kind: "workflow",
        fields: &[("name", "workflow_name"), ("class_name", "class_name")],
    },
    Kind {
        list: "durable_objects",
        inside: "/bindings",
        name: "name",
        kind: "durable_object_namespace",
        fields: &[("class_name", "class_name")],
    },
    Kind {
        list: "ratelimits",
        inside: "",
        name: "name",
        kind: "ratelimit",
        fields: &[("namespace_id", "namespace_id"), ("simple", "simple")],
    },
    Kind {
        list: "analytics_engine_datasets",
        inside: "",
        name: "binding",
        kind: "analytics_engine",
        fields: &[("dataset", "dataset")],
    },
];

impl Kind {
    /// An entry of the file as Cloudflare would tell it.
    fn read(&self, entry: &Value) -> Option<Binding> {
        let name = entry.get(self.name)?.as_str()?.to_owned();
        let bound = |(file, cloudflare): &(&str, &str)| Some(((*cloudflare).to_owned(), entry.get(*file)?.clone()));
        Some(Binding { name, kind: self.kind.to_owned(), fields: self.fields.iter().filter_map(bound).collect() })
    }
}

/// Every variable and binding of the file.
pub fn of_file(wanted: &Wanted<'_>) -> Vec<Binding> {
    let vars = wanted.settings.vars.iter().map(|(name, value)| Binding {
        name: name.clone(),
        kind: PLAIN_TEXT.to_owned(),
        fields: std::iter::once(("text".to_owned(), Value::from(value.as_str()))).collect(),
    });
    let mut bindings: Vec<Binding> = vars.collect();
    for kind in &KINDS {
        let list = wanted.keys.get(kind.list).and_then(|value| value.pointer(kind.inside)).and_then(Value::as_array);
        bindings.extend(list.into_iter().flatten().filter_map(|entry| kind.read(entry)));
    }
    bindings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Name;
    use crate::environment::settings::merged;
    use crate::project::Project;

    #[test]
    fn no_kind_of_bindings_of_the_file_is_left_out() {
        let file = Project::find().unwrap().root().join("wrangler.jsonc");
        let keys = merged(&std::fs::read_to_string(file).unwrap(), Name::Production).unwrap();
        let others =
            ["compatibility_flags", "migrations", "observability", "placement", "routes", "rules", "triggers", "vars"];
        let lists = keys.iter().filter(|(_, value)| value.is_array() || value.is_object());
        let lists = lists.map(|(key, _)| key.as_str()).filter(|key| !others.contains(key));
        let mut lists: Vec<&str> = lists.collect();
        let mut known = KINDS.map(|kind| kind.list);
        lists.sort_unstable();
        known.sort_unstable();
        assert_eq!(lists, known);
    }
}
