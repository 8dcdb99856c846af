//! The parts of a JSON schema that the readers know of themselves: scalars, lists, maps, structures, actions.

use super::place::At;
use super::read::{List, Map, OneOrMany, Scalar};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use std::borrow::Cow;

/// Keyword for the order of a structure's fields, which a JSON object does not have.
pub(super) const ORDER: &str = "x-order";

/// Keyword for what a scalar accepts, in words.
pub(super) const ACCEPTS: &str = "x-accepts";

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
    beside: Vec<(&str, &str, Schema)>,
) -> Schema {
    let order: Vec<_> = actions.iter().map(|(key, _, _)| *key).collect();
    let most = beside.len().saturating_add(1);
    let one_action: Vec<_> = order.iter().map(|key| json!({ "required": [key] })).collect();
    let properties: serde_json::Map<_, _> = actions
        .into_iter()
        .chain(beside)
        .map(|(key, doc, schema)| (key.to_owned(), described(schema, doc, None).to_value()))
        .collect();
    json_schema!({
        "description": paragraph(doc),
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": most,
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

/// A field of a structure, or an action of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) key: &'static str,
    pub(super) required: bool,
}
