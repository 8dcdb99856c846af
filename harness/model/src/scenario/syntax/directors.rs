//! The directors as typed: how many they are, or each by its name.

use super::super::mistake::Mistakes;
use super::super::place::{At, Span};
use super::super::read::{Input, Map, Scalar, wrong_type};
use super::super::scalar::{Directors, SysctlKey, SysctlValue};
use super::super::schema_parts::ACCEPTS;
use super::super::table::structure;
use super::super::yaml::{Kind, Node};
use crate::Name;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

structure! {
    /// A director with a name.
    DirectorInput {
        /// Sysctls of this director alone, set after `director-sysctls`.
        optional "sysctls" sysctls: Map<SysctlKey, At<SysctlValue>>;
    }
}

/// How many directors there are, or the name of each.
#[derive(Debug, Clone)]
pub(in crate::scenario) enum DirectorsInput {
    Number(At<Directors>),
    Named(Map<Name, DirectorInput>),
}

impl DirectorsInput {
    /// Where it stands.
    pub(in crate::scenario) fn span(&self) -> Span {
        match self {
            Self::Number(count) => count.span,
            Self::Named(named) => named.span,
        }
    }

    /// Each director that has a name, and what is said of it.
    pub(in crate::scenario) fn each(&self) -> impl Iterator<Item = &(At<Name>, DirectorInput)> {
        let named = match self {
            Self::Number(_) => None,
            Self::Named(named) => Some(named),
        };
        named.into_iter().flat_map(|named| &named.entries)
    }

    /// Was every one read?
    pub(in crate::scenario) fn is_complete(&self) -> bool {
        match self {
            Self::Number(_) => true,
            Self::Named(named) => named.complete,
        }
    }

    /// The names.
    pub(in crate::scenario) fn names(&self) -> Vec<At<Name>> {
        self.each().map(|(name, _)| name.clone()).collect()
    }
}

impl Input for DirectorsInput {
    fn read(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.kind {
            Kind::Scalar(_) => At::read(node, mistakes).map(Self::Number),
            Kind::Map(_) => Map::read(node, mistakes).map(Self::Named),
            Kind::Empty | Kind::List(_) | Kind::Refused => {
                wrong_type(node, &Directors::accepts(), mistakes);
                None
            }
        }
    }
}

impl JsonSchema for DirectorsInput {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Directors".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                generator.subschema_for::<At<Directors>>(),
                generator.subschema_for::<Map<Name, DirectorInput>>(),
            ],
            (ACCEPTS): Directors::accepts(),
        })
    }
}
