//! The `$defs` of a schema as it is made, and the few shapes that everything is made of.

use serde_json::{Map, Value as Json, json};

/// Named parts of a schema, each made when it is first asked for.
#[derive(Debug, Default)]
pub(super) struct Definitions(Map<String, Json>);

impl Definitions {
    /// A reference to a part, which is made now if it is not there; a part may refer to itself.
    pub(super) fn part(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Json) -> Json {
        if !self.0.contains_key(name) {
            self.0.insert(name.to_owned(), Json::Null);
            let made = make(self);
            self.0.insert(name.to_owned(), made);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    /// All parts, in the order of their names.
    pub(super) fn finish(mut self) -> Json {
        self.0.sort_keys();
        Json::Object(self.0)
    }
}

/// A mapping with these keys and no others.
pub(super) fn object<'k>(entries: impl IntoIterator<Item = (&'k str, Json)>) -> Json {
    let properties: Map<String, Json> = entries
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// A mapping with the keys of a reader's list, each with the schema that `value` gives it.
pub(super) fn keyed(keys: &[&'static str], mut value: impl FnMut(&'static str) -> Json) -> Json {
    object(keys.iter().map(|key| (*key, value(key))))
}

/// The same with keys that must be there.
pub(super) fn requiring(mut object: Json, keys: &[&str]) -> Json {
    object["required"] = json!(keys);
    object
}

/// The same with a line for people.
pub(super) fn described(mut schema: Json, text: impl Into<String>) -> Json {
    schema["description"] = Json::String(text.into());
    schema
}

pub(super) fn any<const N: usize>(choices: [Json; N]) -> Json {
    json!({ "anyOf": choices.to_vec() })
}

pub(super) fn array(items: Json) -> Json {
    json!({ "type": "array", "items": items })
}

pub(super) fn words<'w>(words: impl IntoIterator<Item = &'w str>) -> Json {
    json!({ "enum": words.into_iter().collect::<Vec<_>>() })
}

pub(super) fn pattern(pattern: &str) -> Json {
    json!({ "type": "string", "pattern": pattern })
}

pub(super) fn text() -> Json {
    json!({ "type": "string" })
}

pub(super) fn null() -> Json {
    json!({ "type": "null" })
}

/// A whole number from zero up to `maximum`.
pub(super) fn count(maximum: u64) -> Json {
    json!({ "type": "integer", "minimum": 0, "maximum": maximum })
}
