//! The fields of the language as markdown: the generated half of docs/scenarios.md.

use super::schema::annotated;
use super::schema_parts::{ACCEPTS, ORDER};
use serde_json::Value;
use std::fmt::Write;

/// A section for each structure, in the order in which the file comes to it: its fields, what they accept,
/// what they are for.
#[must_use]
pub fn reference() -> String {
    let root = annotated();
    let mut text = section("The file", &root);
    let mut done: Vec<&str> = Vec::new();
    let mut waiting = structures_of(&root);
    while !waiting.is_empty() {
        let name = waiting.remove(0);
        let Some(definition) = root.get("$defs").and_then(|all| all.get(name)) else {
            continue;
        };
        if done.contains(&name) {
            continue;
        }
        done.push(name);
        text.push('\n');
        if definition.get("maxProperties").is_some() {
            text.push_str(&actions(name, definition));
        } else {
            text.push_str(&section(name, definition));
            waiting.extend(structures_of(definition));
        }
    }
    text
}

/// A structure's fields in the order of its table.
fn fields(structure: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let order = structure
        .get(ORDER)
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    order
        .filter_map(Value::as_str)
        .filter_map(|key| Some((key, structure.get("properties")?.get(key)?)))
}

/// The structures that its fields refer to.
fn structures_of(structure: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    for (_, field) in fields(structure) {
        let mut inner = Some(field);
        while let Some(schema) = inner {
            found.extend(referred(schema));
            inner = schema
                .get("items")
                .or_else(|| schema.get("additionalProperties"))
                .filter(|inner| inner.is_object());
        }
    }
    found
}

fn referred(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.rsplit('/').next()
}

fn text_of<'v>(schema: &'v Value, keyword: &str) -> &'v str {
    schema.get(keyword).and_then(Value::as_str).unwrap_or("")
}

fn section(name: &str, structure: &Value) -> String {
    let mut text = format!("### {name}\n\n{}\n\n", text_of(structure, "description"));
    text.push_str("| field | accepts | |\n| --- | --- | --- |\n");
    let required: Vec<_> = structure
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (key, field) in fields(structure) {
        let mut accepts = accepts(field);
        if required.contains(&key) {
            accepts.push_str(" (required)");
        }
        accepts.push_str(&default(field));
        let _ = writeln!(
            text,
            "| `{key}` | {accepts} | {} |",
            text_of(field, "description")
        );
    }
    text
}

/// The actions, each with its fields.
fn actions(name: &str, steps: &Value) -> String {
    let mut text = format!("### {name}\n\n{}\n\n", text_of(steps, "description"));
    let names: Vec<String> = fields(steps).map(|(key, _)| format!("`{key}`")).collect();
    let _ = writeln!(text, "All actions: {}.\n", names.join(", "));
    text.push_str("| action | | fields |\n| --- | --- | --- |\n");
    for (key, action) in fields(steps) {
        let mut lines: Vec<_> = fields(action)
            .map(|(key, field)| {
                let (accepts, default) = (accepts(field), default(field));
                format!("`{key}`: {accepts}{default}. {}", text_of(field, "description"))
            })
            .collect();
        if lines.is_empty() {
            lines.push(match text_of(action, ACCEPTS) {
                "" => "none: `{}`".to_owned(),
                accepts => format!("none, but {accepts}"),
            });
        }
        let _ = writeln!(
            text,
            "| `{key}` | {} | {} |",
            text_of(action, "description"),
            lines.join("<br>")
        );
    }
    text
}

fn default(field: &Value) -> String {
    match field.get("default") {
        Some(Value::String(text)) => format!(" (default `{text}`)"),
        Some(other) => format!(" (default `{other}`)"),
        None => String::new(),
    }
}

fn accepts(schema: &Value) -> String {
    if let Some(name) = referred(schema) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(accepts) = schema.get(ACCEPTS).and_then(Value::as_str) {
        return accepts.to_owned();
    }
    if let Some(items) = schema.get("items") {
        return format!("list of {}", accepts(items));
    }
    match schema
        .get("additionalProperties")
        .filter(|values| values.is_object())
    {
        Some(values) => {
            let keys = schema
                .get("propertyNames")
                .map_or("", |keys| text_of(keys, ACCEPTS));
            format!("map from {keys} to {}", accepts(values))
        }
        None => "`{}`".to_owned(),
    }
}
