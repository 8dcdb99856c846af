//! Structures and actions from tables. A table says once which fields there are, what each is for and whether
//! it must be given; the reader, the messages, the JSON schema and the reference in docs/scenarios.md are
//! made from it. A derive of serde would stop at the first mistake, and would keep a second list of fields
//! for the messages.

use super::mistake::{Mistake, MistakeKind, Mistakes, closest, did_you_mean, listed, quoted};
use super::place::{At, Span};
use super::read::{Input, wrong_type};
use super::schema_parts::Field;
use super::yaml::{Entry, Kind, Node};

/// The key beside an action that says how long after the step before it is done.
pub(super) const AFTER: &str = "after";

/// The key beside an edit of the table that says to which virtual service it is done.
pub(super) const SERVICE: &str = "service";

/// The key beside an edit of a table that names the director.
pub(super) const ON: &str = "on";

/// The field of a wait and of a connect that names the director.
const DIRECTOR: &str = "director";

/// What may stand beside an action.
pub(super) const BESIDE: [&str; 3] = [AFTER, SERVICE, ON];

/// What every structure knows of itself.
pub(super) trait Structure {
    /// Was every field read, without any mistake in it?
    fn complete(&self) -> bool;
    /// Is it known whether the field is there, and was its value taken, though perhaps with mistakes deeper
    /// in it?
    fn knows(&self, field: &str) -> bool;
    /// Where it stands.
    fn span(&self) -> Span;
}

/// The nodes of a structure's fields, read one after the other in the order of its table.
#[derive(Debug)]
pub(super) struct Fields<'n, 'm> {
    nodes: std::vec::IntoIter<(&'static str, Option<&'n Node>)>,
    mistakes: &'m mut Mistakes,
    mistakes_before: usize,
    /// Fields that are there and could not be read, or that an unknown field may have been meant for.
    pub(super) doubtful: Vec<&'static str>,
}

impl Fields<'_, '_> {
    /// The next field of the table, if it is there and can be read.
    pub(super) fn next<T: Input>(&mut self) -> Option<T> {
        let (key, node) = self.nodes.next()?;
        let value = T::read(node?, self.mistakes);
        if value.is_none() {
            self.doubtful.push(key);
        }
        value
    }

    /// Was every field read without any mistake?
    pub(super) fn complete(&self) -> bool {
        self.doubtful.is_empty() && self.mistakes.count() == self.mistakes_before
    }
}

/// Sorts a map's entries into `fields`.
pub(super) fn fields<'n, 'm>(
    node: &'n Node,
    fields: &[Field],
    mistakes: &'m mut Mistakes,
) -> Option<Fields<'n, 'm>> {
    let known = || fields.iter().map(|field| field.key);
    let accepted = if fields.is_empty() {
        "`{}`: it has no fields".to_owned()
    } else if fields.iter().any(|field| field.required) {
        format!("a map with the fields {}", listed(known()))
    } else {
        format!("`{{}}`, or a map with the fields {}", listed(known()))
    };
    let mistakes_before = mistakes.count();
    let Kind::Map(entries) = &node.kind else {
        wrong_type(node, &accepted, mistakes);
        return None;
    };
    let mut found = vec![None; fields.len()];
    let mut doubtful = Vec::new();
    let mut unknown = false;
    for entry in entries {
        if let Some(at) = fields.iter().position(|field| field.key == entry.key.value) {
            found[at] = Some(&entry.value);
            continue;
        }
        match closest(&entry.key.value, known()) {
            Some(meant) => doubtful.push(meant),
            None => unknown = true,
        }
        let label = if fields.is_empty() {
            "no field is accepted here".to_owned()
        } else {
            format!("accepted here: {}", listed(known()))
        };
        mistakes.add(
            Mistake::new(
                MistakeKind::UnknownField,
                entry.key.span,
                format!("unknown field {}", quoted(&entry.key.value)),
                label,
            )
            .maybe_help(
                did_you_mean(&entry.key.value, known())
                    .or_else(|| beside_an_action(&entry.key.value, known()))
                    .or_else(|| of_the_lab(&entry.key.value, known())),
            ),
        );
    }
    let required = || {
        fields
            .iter()
            .filter(|field| field.required)
            .map(|field| field.key)
    };
    let missing = fields
        .iter()
        .zip(&found)
        .filter(|(field, node)| field.required && node.is_none());
    // A field that was only misspelt is reported once.
    for (field, _) in missing.filter(|(field, _)| !doubtful.contains(&field.key)) {
        mistakes.add(Mistake::new(
            MistakeKind::MissingField,
            node.span,
            format!("the field `{}` is missing", field.key),
            format!("this needs the fields {}", listed(required())),
        ));
    }
    if unknown {
        let absent = fields.iter().zip(&found).filter(|(_, node)| node.is_none());
        doubtful.extend(absent.map(|(field, _)| field.key));
    }
    Some(Fields {
        nodes: fields
            .iter()
            .map(|field| field.key)
            .zip(found)
            .collect::<Vec<_>>()
            .into_iter(),
        doubtful,
        mistakes,
        mistakes_before,
    })
}

/// The one entry of an action, and what stands beside it under the keys `beside`.
pub(super) fn action<'n, const N: usize>(
    node: &'n Node,
    beside: [&str; N],
    known: &[&'static str],
    mistakes: &mut Mistakes,
) -> Option<([Option<&'n Node>; N], &'n Entry)> {
    let entries = match &node.kind {
        Kind::Map(entries) => entries,
        Kind::Refused => return None,
        Kind::Empty | Kind::Scalar(_) | Kind::List(_) => {
            let written = match &node.kind {
                Kind::Scalar(text) if known.contains(&text.as_str()) => {
                    Some(format!("write `{{ {text}: {{}} }}`"))
                }
                Kind::Scalar(_) | Kind::Empty | Kind::List(_) | Kind::Map(_) | Kind::Refused => None,
            };
            mistakes.add(
                Mistake::new(
                    MistakeKind::NotOneAction,
                    node.span,
                    "a step that is not a map",
                    "a step is an action and its fields, such as `wait: 5m`",
                )
                .maybe_help(written),
            );
            return None;
        }
    };
    let (with_it, actions): (Vec<&Entry>, Vec<&Entry>) = entries
        .iter()
        .partition(|entry| beside.contains(&entry.key.value.as_str()));
    let [entry] = actions.as_slice() else {
        mistakes.add(
            Mistake::new(
                MistakeKind::NotOneAction,
                actions.get(1).map_or(node.span, |entry| entry.key.span),
                format!("a step with {} actions", actions.len()),
                "a step has exactly one",
            )
            .help("each step is an item of the list: `- wait: 5m`"),
        );
        return None;
    };
    let value = |key: &str| with_it.iter().find(|entry| entry.key.value == key);
    Some((beside.map(|key| value(key).map(|entry| &entry.value)), entry))
}

/// A key that a step has beside its action was put among the fields of something.
fn beside_an_action(key: &str, mut known: impl Iterator<Item = &'static str>) -> Option<String> {
    if key == ON && known.any(|field| field == DIRECTOR) {
        return Some(format!("did you mean `{DIRECTOR}`?"));
    }
    let beside = BESIDE.contains(&key);
    beside.then(|| format!("a step has `{key}` beside its action: `- {{ ACTION: {{ … }}, {key}: … }}`"))
}

/// `lab:` was put around the fields of a lab that a value of an axis has.
fn of_the_lab(key: &str, mut known: impl Iterator<Item = &'static str>) -> Option<String> {
    let own = key == "lab" && known.any(|field| field == "forwarding");
    own.then(|| "the fields of the lab stand here themselves: leave out `lab:`".to_owned())
}

/// Adds the mistake of an action that is not among `known`.
pub(super) fn unknown_action(key: &At<String>, known: &[&'static str], mistakes: &mut Mistakes) {
    mistakes.add(
        Mistake::new(
            MistakeKind::UnknownAction,
            key.span,
            format!("no action named {}", quoted(&key.value)),
            format!("actions: {}", known.join(", ")),
        )
        .maybe_help(did_you_mean(&key.value, known.iter().copied())),
    );
}

/// Is it `required`, or `optional`, a `flag`, or does it have a `default`?
macro_rules! required {
    (required) => {
        true
    };
    (optional) => {
        false
    };
    (default) => {
        false
    };
    (flag) => {
        false
    };
}
pub(super) use required;

/// A map with fixed fields: the struct of the file as typed, its reader and its schema, from one table.
macro_rules! structure {
    (
        $(#[doc = $doc:literal])+
        $name:ident {
            $(
                $(#[doc = $field_doc:literal])+
                $need:ident $(($default:expr))? $key:literal $field:ident: $type:ty;
            )+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone)]
        pub(in crate::scenario) struct $name {
            complete: bool,
            doubtful: Vec<&'static str>,
            span: $crate::scenario::place::Span,
            $($(#[doc = $field_doc])+ pub(in crate::scenario) $field: Option<$type>,)+
        }

        impl $crate::scenario::table::Structure for $name {
            fn complete(&self) -> bool {
                self.complete
            }
            fn knows(&self, field: &str) -> bool {
                !self.doubtful.contains(&field)
            }
            fn span(&self) -> $crate::scenario::place::Span {
                self.span
            }
        }

        impl $name {
            const FIELDS: &[$crate::scenario::schema_parts::Field] = &[
                $($crate::scenario::schema_parts::Field {
                    key: $key,
                    required: $crate::scenario::table::required!($need),
                },)+
            ];
        }

        impl $crate::scenario::read::Input for $name {
            fn read(
                node: &$crate::scenario::yaml::Node,
                mistakes: &mut $crate::scenario::mistake::Mistakes,
            ) -> Option<Self> {
                let mut fields = $crate::scenario::table::fields(node, Self::FIELDS, mistakes)?;
                Some(Self {
                    span: node.span,
                    $($field: fields.next(),)+
                    complete: fields.complete(),
                    doubtful: fields.doubtful,
                })
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).trim_end_matches("Input").into()
            }
            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $crate::scenario::schema_parts::structure(
                    concat!($($doc, "\n"),+),
                    Self::FIELDS,
                    [$((
                        concat!($($field_doc, "\n"),+),
                        generator.subschema_for::<$type>(),
                        $crate::scenario::table::default!($($default)?),
                    ),)+],
                )
            }
        }
    };
}
pub(super) use structure;

/// The default of a field, if it has one.
macro_rules! default {
    () => {
        None
    };
    ($value:expr) => {
        Some(serde_json::json!($value))
    };
}
pub(super) use default;
