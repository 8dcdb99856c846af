//! The JSON schema of scenario files, for editors: `scenarios/scenario.schema.json`.

use super::place::At;
use super::read::{List, Map, OneOrMany, Scalar};
use super::syntax::ScenarioInput;
use super::table::Field;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use std::borrow::Cow;

/// The schema of a scenario file (JSON Schema draft 2020-12), as it is committed beside the scenarios.
///
/// It says which fields there are and what they take. What the check knows beyond that (that a server exists,
/// that each cell has one expectation) no schema can say.
#[must_use]
pub fn schema() -> Value {
    let mut schema = annotated();
    strip(&mut schema);
    complete_whole(&mut schema);
    schema
}

/// Lets editors complete an action that needs no field to `connect: {}`. Of an object with properties the
/// YAML language server completes the fields that are required, and where there are none it leaves a key with
/// nothing behind it, which is no action (yamlCompletion.ts, `getInsertTextForProperty`): so the properties
/// are one step away, and a snippet says the rest.
fn complete_whole(schema: &mut Value) {
    let Some(Value::Object(steps)) = schema.pointer_mut("/$defs/Step/properties") else {
        return;
    };
    for action in steps.values_mut().filter_map(Value::as_object_mut) {
        if action.contains_key("required") || action.get("type") != Some(&json!("object")) {
            continue;
        }
        let fields = action.remove("properties");
        let snippet = match fields.filter(|fields| *fields != json!({})) {
            Some(fields) => {
                let more = action.remove("additionalProperties");
                let apart = json!({ "properties": fields, "additionalProperties": more });
                action.insert("allOf".to_owned(), json!([apart]));
                "{$1}"
            }
            None => "{}",
        };
        action.insert(
            "defaultSnippets".to_owned(),
            json!([{ "label": "{}", "body": snippet }]),
        );
    }
}

/// Keyword for the order of a structure's fields, which a JSON object does not have.
pub(super) const ORDER: &str = "x-order";
/// Keyword for what a scalar accepts, in words.
pub(super) const ACCEPTS: &str = "x-accepts";

/// The schema with what the reference in docs/scenarios.md needs beside it.
pub(super) fn annotated() -> Value {
    SchemaGenerator::default()
        .into_root_schema_for::<ScenarioInput>()
        .to_value()
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove(ORDER);
            map.remove(ACCEPTS);
            map.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A scalar's schema.
pub(super) fn scalar<T: Scalar>() -> Schema {
    let mut schema = T::schema();
    schema.insert(ACCEPTS.to_owned(), T::accepts().into());
    schema
}

/// A doc comment as one paragraph.
fn paragraph(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A field's schema with its doc comment. A reference may stand beside a description since draft 2019-09.
fn described(mut schema: Schema, doc: &str, default: Option<Value>) -> Schema {
    schema.insert("description".to_owned(), paragraph(doc).into());
    if let Some(default) = default {
        schema.insert("default".to_owned(), default);
    }
    schema
}

/// The schema of a structure; `parts` in the order of `fields`.
pub(super) fn structure<const N: usize>(
    doc: &str,
    fields: &[Field],
    parts: [(&str, Schema, Option<Value>); N],
) -> Schema {
    let properties: serde_json::Map<_, _> = fields
        .iter()
        .zip(parts)
        .map(|(field, (doc, schema, default))| {
            (field.key.to_owned(), described(schema, doc, default).to_value())
        })
        .collect();
    let required: Vec<_> = fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.key)
        .collect();
    let mut schema = json_schema!({
        "description": paragraph(doc),
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        (ORDER): fields.iter().map(|field| field.key).collect::<Vec<_>>(),
    });
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema
}

/// The schema of one-key maps.
pub(super) fn actions(
    doc: &str,
    actions: Vec<(&str, &str, Schema)>,
    (beside, says, schema): (&str, &str, Schema),
) -> Schema {
    let order: Vec<_> = actions.iter().map(|(key, _, _)| *key).collect();
    let one_action: Vec<_> = order.iter().map(|key| json!({ "required": [key] })).collect();
    let properties: serde_json::Map<_, _> = actions
        .into_iter()
        .chain([(beside, says, schema)])
        .map(|(key, doc, schema)| (key.to_owned(), described(schema, doc, None).to_value()))
        .collect();
    json_schema!({
        "description": paragraph(doc),
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 2,
        "oneOf": one_action,
        (ORDER): order,
    })
}

macro_rules! collection {
    ($type:ident<$($parameter:ident: $bound:ident),+>, $generator:ident => $schema:expr) => {
        impl<$($parameter: $bound),+> JsonSchema for $type<$($parameter),+> {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }
            fn schema_id() -> Cow<'static, str> {
                std::any::type_name::<Self>().into()
            }
            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

collection!(List<T: JsonSchema>, generator => json_schema!({
    "type": "array",
    "items": generator.subschema_for::<T>(),
}));

collection!(Map<K: Scalar, V: JsonSchema>, generator => {
    let mut keys = K::schema();
    keys.insert("type".to_owned(), json!("string"));
    keys.insert(ACCEPTS.to_owned(), K::MANY.into());
    json_schema!({
        "type": "object",
        "propertyNames": keys,
        "additionalProperties": generator.subschema_for::<V>(),
    })
});

impl<T: Scalar> JsonSchema for OneOrMany<At<T>> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }
    fn schema_id() -> Cow<'static, str> {
        std::any::type_name::<Self>().into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [scalar::<T>(), { "type": "array", "items": scalar::<T>(), "minItems": 1 }],
            (ACCEPTS): format!("{}, or a list of such", T::accepts()),
        })
    }
}
