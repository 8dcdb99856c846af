//! From nodes to typed values: scalars, lists and maps. A value that cannot be read leaves a mistake and
//! nothing else; the reading goes on with the next.

use super::mistake::{Mistake, MistakeKind, Mistakes};
use super::place::{At, Span};
use super::yaml::{Entry, Kind, Node};

/// A type that can be read from a node.
pub(super) trait Input: Sized {
    /// Reads it; if that fails, a mistake has been added.
    fn read(node: &Node, mistakes: &mut Mistakes) -> Option<Self>;
}

/// A type that is written as one scalar. Quotes make no difference: `0` and `"0"` are the same name.
pub(super) trait Scalar: Sized {
    /// What several of them are called, where they are the keys of a map.
    const MANY: &'static str = "names";
    /// What is accepted, for labels: `a duration such as 5s`.
    fn accepts() -> String;
    /// Reads the text.
    ///
    /// # Errors
    /// What is wrong with it.
    fn parse(text: &str) -> Result<Self, Refusal>;
    /// Its part of the JSON schema.
    fn schema() -> schemars::Schema;
}

/// Why a scalar was refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) kind: MistakeKind,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Refusal {
    pub(super) fn new(kind: MistakeKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            help: None,
        }
    }
}

impl<T: Scalar> Input for At<T> {
    fn read(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.kind {
            Kind::Scalar(text) => scalar(text, node.span, mistakes),
            Kind::Empty | Kind::List(_) | Kind::Map(_) | Kind::Refused => {
                wrong_type(node, &T::accepts(), mistakes);
                None
            }
        }
    }
}

fn scalar<T: Scalar>(text: &str, span: Span, mistakes: &mut Mistakes) -> Option<At<T>> {
    match T::parse(text) {
        Ok(value) => Some(At { value, span }),
        Err(refusal) => {
            mistakes.add(
                Mistake::new(
                    refusal.kind,
                    span,
                    refusal.message,
                    format!("accepted here: {}", T::accepts()),
                )
                .maybe_help(refusal.help),
            );
            None
        }
    }
}

/// Adds the mistake of a node of the wrong type. A refused node has its mistake already.
pub(super) fn wrong_type(node: &Node, accepts: &str, mistakes: &mut Mistakes) {
    let found = match &node.kind {
        Kind::Refused => return,
        Kind::Empty => "nothing",
        Kind::Scalar(_) => "a single value",
        Kind::List(_) => "a list",
        Kind::Map(_) => "a map",
    };
    mistakes.add(Mistake::new(
        MistakeKind::WrongType,
        node.span,
        format!("{found} where something else is expected"),
        format!("accepted here: {accepts}"),
    ));
}

/// A list.
#[derive(Debug, Clone)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
    /// Was every item read? If not, nothing is concluded from what is missing.
    pub(super) complete: bool,
    pub(super) span: Span,
}

impl<T: Input> Input for List<T> {
    fn read(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let Kind::List(nodes) = &node.kind else {
            wrong_type(node, "a list, `[]` if there is nothing in it", mistakes);
            return None;
        };
        let items: Vec<T> = nodes.iter().filter_map(|node| T::read(node, mistakes)).collect();
        Some(Self {
            complete: items.len() == nodes.len(),
            items,
            span: node.span,
        })
    }
}

/// A map from names that the author gives, in the order of the file.
#[derive(Debug, Clone)]
pub(super) struct Map<K, V> {
    pub(super) entries: Vec<(At<K>, V)>,
    /// Was every entry read?
    pub(super) complete: bool,
    pub(super) span: Span,
}

impl<K: Scalar, V: Input> Input for Map<K, V> {
    fn read(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let Kind::Map(nodes) = &node.kind else {
            wrong_type(node, "a map, `{}` if there is nothing in it", mistakes);
            return None;
        };
        let mut entries = Vec::new();
        for Entry { key, value } in nodes {
            let key = scalar(&key.value, key.span, mistakes);
            let value = V::read(value, mistakes);
            entries.extend(key.zip(value));
        }
        Some(Self {
            complete: entries.len() == nodes.len(),
            entries,
            span: node.span,
        })
    }
}

/// A value or a list of values.
#[derive(Debug, Clone)]
pub(super) struct OneOrMany<T> {
    pub(super) items: Vec<T>,
    pub(super) complete: bool,
    pub(super) span: Span,
}

impl<T: Scalar> Input for OneOrMany<At<T>> {
    fn read(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.kind {
            Kind::List(_) => {
                let list = List::read(node, mistakes)?;
                Some(Self {
                    items: list.items,
                    complete: list.complete,
                    span: list.span,
                })
            }
            Kind::Scalar(text) => Some(Self {
                items: vec![scalar(text, node.span, mistakes)?],
                complete: true,
                span: node.span,
            }),
            Kind::Empty | Kind::Map(_) | Kind::Refused => {
                wrong_type(node, &format!("{}, or a list of such", T::accepts()), mistakes);
                None
            }
        }
    }
}
