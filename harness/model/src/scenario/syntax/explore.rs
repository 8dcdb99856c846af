//! What is searched, as typed.

use super::Placed;
use super::step::keys;
use crate::scenario::ErrorsOf;
use crate::scenario::explore::DEFAULT_LENGTH;
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes, listed};
use crate::scenario::place::{At, Span};
use crate::scenario::read::{Input, List, wrong_type};
use crate::scenario::scalar::{Length, Yes};
use crate::scenario::schema_parts::ACCEPTS;
use crate::scenario::table::{BESIDE, structure};
use crate::scenario::yaml::{Entry, Kind, Node};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::time::Duration;

structure! {
    /// What `lvs-matrix explore` searches: sequences of these actions in the scenario's lab, with a value of
    /// each axis, for one in which something happens that must never happen. The scenario's own cells are
    /// where the search begins.
    ExploreInput {
        /// The most steps of a sequence.
        default(DEFAULT_LENGTH) "length" length: At<Length>;
        /// The actions of which sequences are made, the operator's and the client's.
        required "actions" actions: List<Choice>;
        /// What must never happen, at least one thing.
        required "never" never: Asked;
    }
}

structure! {
    /// What must never happen to a client, whatever is done.
    NeverInput {
        /// The client waits for longer than patience.
        optional "hung" hung: At<Yes>;
        /// The client gets an error although a healthy server is in the director's table: one with a weight,
        /// whose host and server run, with nothing in the way. `connect`: a client that connects; `any`: any
        /// operation, also one whose connection is on a server that failed.
        optional "error-beside-healthy-server" error: At<ErrorsOf>;
        /// A new connection reaches a server that is drained: one of weight 0, or one that is not in the
        /// director's table. A `connect` with `to` is none of these.
        optional "drained-server-chosen" drained_server_chosen: At<Yes>;
        /// When the observation ends, a server has had a session for longer than this that its client has
        /// lost.
        optional "session-outlives-client" session_outlives_client: At<Duration>;
        /// A probe of the lab has an outage that lasts for longer than this.
        optional "probe-outage" probe_outage: At<Duration>;
    }
}

/// What must never happen, at least one thing: `{}` would be nothing to look for.
#[derive(Debug, Clone)]
pub(in crate::scenario) struct Asked(pub(in crate::scenario) NeverInput);

impl Input for Asked {
    fn read(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.kind {
            Kind::Map(_) => NeverInput::read(node, mistakes).map(Self),
            Kind::Empty | Kind::Scalar(_) | Kind::List(_) | Kind::Refused => {
                let fields = listed(NeverInput::FIELDS.iter().map(|field| field.key));
                let accepts = format!("a map with at least one of the fields {fields}");
                wrong_type(node, &accepts, mistakes);
                None
            }
        }
    }
}

impl JsonSchema for Asked {
    fn schema_name() -> Cow<'static, str> {
        NeverInput::schema_name()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        NeverInput::json_schema(generator)
    }
}

/// An action, or several that differ in their fields: a list in the place of a field's value is a list of
/// alternatives.
#[derive(Debug, Clone)]
pub(in crate::scenario) struct Choice {
    /// At least one.
    pub(in crate::scenario) steps: Vec<Placed>,
}

/// So many alternatives an item may have.
const MOST_ALTERNATIVES: usize = 256;

impl Input for Choice {
    fn read(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let Some(alternatives) = alternatives(node) else {
            mistakes.add(too_many(node.span));
            return None;
        };
        // The first mistake is told, not the same one in every alternative.
        let steps: Option<Vec<Placed>> = alternatives
            .iter()
            .map(|node| Placed::read(node, mistakes))
            .collect();
        Some(Self { steps: steps? })
    }
}

fn too_many(span: Span) -> Mistake {
    Mistake::new(
        MistakeKind::TooManyAlternatives,
        span,
        format!("this action has more than {MOST_ALTERNATIVES} alternatives"),
        "each list multiplies them",
    )
    .help("name fewer, or write several actions")
}

/// The nodes that `node` stands for, the last field's alternatives varying fastest; `None` if there are too
/// many. No field of a step takes a list.
fn alternatives(node: &Node) -> Option<Vec<Node>> {
    let Kind::Map(entries) = &node.kind else {
        return Some(vec![node.clone()]);
    };
    let mut all: Vec<Vec<Entry>> = vec![Vec::new()];
    for entry in entries {
        let values = match &entry.value.kind {
            Kind::List(items) if !items.is_empty() => items.clone(),
            Kind::Map(_) => alternatives(&entry.value)?,
            Kind::Empty | Kind::Scalar(_) | Kind::List(_) | Kind::Refused => vec![entry.value.clone()],
        };
        if all.len().saturating_mul(values.len()) > MOST_ALTERNATIVES {
            return None;
        }
        let longer = |begun: &Vec<Entry>| {
            let begun = begun.clone();
            let with = move |value: &Node| {
                let key = entry.key.clone();
                let value = value.clone();
                begun.iter().cloned().chain([Entry { key, value }]).collect()
            };
            values.iter().map(with).collect::<Vec<Vec<Entry>>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    let with = |entries| Node {
        span: node.span,
        kind: Kind::Map(entries),
    };
    Some(all.into_iter().map(with).collect())
}

impl JsonSchema for Choice {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Choice".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut keys = keys();
        keys.extend(BESIDE);
        // The fields are those of a step, which are not said twice: this is read by editors, which complete
        // the names of actions by it.
        json_schema!({
            "description": "An action with its fields, as a step has it. A list in the place of a field's \
                            value is a list of alternatives.",
            "type": "object",
            "propertyNames": { "enum": keys },
            "minProperties": 1,
            "maxProperties": 3,
            (ACCEPTS): "an action as a [Step](#step) has it; each value may be a list of alternatives",
        })
    }
}
