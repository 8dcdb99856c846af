//! The JSON schema of scenario files, for editors: `scenarios/scenario.schema.json`.

use super::schema_parts::{ACCEPTS, ORDER};
use super::syntax::ScenarioInput;
use schemars::SchemaGenerator;
use serde_json::{Value, json};

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
