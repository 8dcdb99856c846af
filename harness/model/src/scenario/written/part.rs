//! YAML as it is written: its parts, what is made one, and the text of each.

use crate::action::PAYLOAD;
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;

/// What YAML has, with the fields of a map in the order in which they are written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    /// A number or a word of YAML's own.
    Plain(String),
    Text(String),
    List(Vec<Part>),
    Map(Fields),
}

pub(super) type Fields = Vec<(String, Part)>;

/// Puts `value` in unless it says nothing.
pub(super) fn insert(map: &mut Fields, key: &str, value: Part) {
    let empty = match &value {
        Part::Map(fields) => fields.is_empty(),
        Part::List(items) => items.is_empty(),
        Part::Plain(_) | Part::Text(_) => false,
    };
    if !empty {
        map.push((key.to_owned(), value));
    }
}

pub(super) fn extend(map: &mut Fields, by: Part) {
    if let Part::Map(fields) = by {
        map.extend(fields);
    }
}

/// What records say of it, in the words of scenarios: times as text, nothing that is not set.
pub(super) fn data(of: &impl Serialize) -> Part {
    // The types of a scenario have neither maps with other keys than text nor anything else that JSON has
    // not.
    said(serde_json::to_value(of).unwrap_or(Value::Null))
}

fn said(value: Value) -> Part {
    let fields = match value {
        Value::Array(items) => return Part::List(items.into_iter().map(said).collect()),
        Value::String(text) => return Part::Text(text),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => return Part::Plain(plain.to_string()),
        Value::Object(fields) => fields,
    };
    if let (2, Some(secs), Some(nanos)) = (
        fields.len(),
        fields.get("secs").and_then(Value::as_u64),
        fields.get("nanos").and_then(Value::as_u64),
    ) {
        return Part::Text(time(secs, nanos));
    }
    // A host: `{"real-server": "rs1"}`, `{"named-director": "lb1"}`.
    let name = fields.get("real-server").or_else(|| fields.get("named-director"));
    if let (1, Some(Value::String(name))) = (fields.len(), name) {
        return Part::Text(name.clone());
    }
    let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
    let spoken = fields.map(|(key, value)| match (key.as_str(), value.as_u64()) {
        ("payload" | "answer", Some(bytes)) => (key, Part::Text(amount(bytes))),
        _ => (key, said(value)),
    });
    Part::Map(spoken.filter(|(key, value)| !usual(key, value)).collect())
}

/// What a step has that says nothing else in this field.
const USUAL: &[(&str, &str)] = &[
    ("takes", "0s"),
    ("how", "quit"),
    ("text", "ping"),
    ("then", "answer"),
    ("signal", "TERM"),
    ("neighbours", "permanent"),
    ("delay", "0s"),
    ("loss", "0%"),
    ("counted", "both"),
    ("every", "10ms"),
];

fn usual(key: &str, value: &Part) -> bool {
    USUAL
        .iter()
        .any(|(known, usual)| *known == key && *value == Part::Text((*usual).to_owned()))
}

fn time(secs: u64, nanos: u64) -> String {
    let time = Duration::from_secs(secs).saturating_add(Duration::from_nanos(nanos));
    humantime::format_duration(time).to_string()
}

/// The bytes that take the place of [`PAYLOAD`]: whole KiB, as scenarios have them.
fn amount(bytes: u64) -> String {
    debug_assert!(bytes.is_multiple_of(1024), "{bytes} bytes in place of {PAYLOAD}");
    format!("{}KiB", bytes / 1024)
}

/// On one line, as YAML's flow style has it.
pub(super) fn flow(value: &Part) -> String {
    match value {
        Part::Plain(plain) => plain.clone(),
        Part::Text(string) => text(string),
        Part::List(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Part::Map(fields) if fields.is_empty() => "{}".to_owned(),
        Part::Map(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{}: {}", text(key), flow(value)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
    }
}

/// Plain where YAML takes it for nothing but this text, else quoted.
pub(super) fn text(text: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '%');
    let mut chars = text.chars();
    let begins = chars.next().is_some_and(|c| c.is_ascii_alphanumeric());
    // A blank within is plain, too: `select 1`.
    let plain = begins && text.chars().all(|c| word(c) || c == ' ') && !text.ends_with(' ');
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if plain && !reserved.contains(&text.to_ascii_lowercase().as_str()) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// JSON's strings are YAML's double-quoted ones.
pub(super) fn quoted(text: &str) -> String {
    json!(text).to_string()
}
