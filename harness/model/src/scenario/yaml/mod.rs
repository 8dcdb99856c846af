//! YAML text as a tree of nodes with their places. The only module that knows the YAML library.
//!
//! The tree is built from the parser's events and not by serde: serde stops at the first value that does not
//! fit, and a scenario's mistakes are shown all at once. What YAML has beyond maps, lists and scalars
//! (anchors, aliases, merge keys, tags, directives, several documents) is refused: a scenario is read by
//! people, and says what it says where it stands.

mod refused;
mod tree;

use super::mistake::Mistakes;
use super::place::{At, Lines, Span};
use super::text::unreadable;
use serde_yaml::granit_parser::{self, Parser};
use tree::Tree;

/// Collections in collections. A scenario needs nine.
const MAX_DEPTH: usize = 32;
/// Keys, values and collections. The largest shipped scenario has a few hundred.
const MAX_NODES: usize = 10_000;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Nothing was written, or `~`, or `null`.
    Empty,
    /// Text, a number, a word: what was written, without its quotes.
    Scalar(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file.
    Map(Vec<Entry>),
    /// Something that was refused, with a mistake of its own.
    Refused,
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: At<String>,
    pub(super) value: Node,
}

/// The tree of `text`, or nothing if it cannot be read to its end.
pub(super) fn parse(text: &str, mistakes: &mut Mistakes) -> Option<Node> {
    let lines = Lines::new(text);
    if let Some(mistake) = unreadable(text, &lines) {
        mistakes.add(mistake);
        return None;
    }
    let options = granit_parser::options! {
        disallow_directives: true,
        emit_anchor_events: true,
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut tree = Tree::new(lines, mistakes);
    for event in Parser::new_from_str_with_options(text, options) {
        let step = match event {
            Ok((event, span)) => tree.take(event, &span),
            Err(error) => Err(Box::new(refused::syntax(&error, &tree.lines))),
        };
        if let Err(mistake) = step {
            tree.mistakes.add(*mistake);
            return None;
        }
    }
    if tree.root.is_none() {
        let file = tree.lines.span(0, text.len());
        tree.mistakes.add(refused::nothing(file));
    }
    tree.root
}
