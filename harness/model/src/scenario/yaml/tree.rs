//! The tree, built event by event.

use super::super::mistake::{Mistake, Mistakes};
use super::super::place::{At, Lines, Span};
use super::{Entry, Kind, MAX_DEPTH, MAX_NODES, Node, refused};
use serde_yaml::granit_parser::{self, Event, ScalarStyle};

/// A collection that is not closed yet.
#[derive(Debug)]
struct Open {
    start: usize,
    refused: bool,
    items: Items,
}

#[derive(Debug)]
enum Items {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Key },
}

/// The key whose value comes next.
#[derive(Debug)]
enum Key {
    None,
    Known(At<String>),
    /// It was refused: its value goes the same way.
    Refused,
}

/// The tree while it grows.
pub(super) struct Tree<'t, 'm> {
    pub(super) lines: Lines<'t>,
    pub(super) mistakes: &'m mut Mistakes,
    stack: Vec<Open>,
    /// The finished tree.
    pub(super) root: Option<Node>,
    nodes: usize,
    alias_seen: bool,
}

/// A mistake after which reading cannot go on.
pub(super) type Fatal = Box<Mistake>;

impl<'t, 'm> Tree<'t, 'm> {
    pub(super) fn new(lines: Lines<'t>, mistakes: &'m mut Mistakes) -> Self {
        Self {
            lines,
            mistakes,
            stack: Vec::new(),
            root: None,
            nodes: 0,
            alias_seen: false,
        }
    }

    /// Takes the parser's next event.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the parser's own enum, non-exhaustive; what is left carries no value"
    )]
    pub(super) fn take(&mut self, event: Event<'_>, place: &granit_parser::Span) -> Result<(), Fatal> {
        let range = place.byte_range().unwrap_or(0..0);
        let span = self.lines.span(range.start, range.end);
        let tag = place.tag_span().and_then(|tag| tag.byte_range());
        let tag = tag.map(|tag| self.lines.span(tag.start, tag.end));
        match event {
            Event::Scalar(text, style, _, _) => {
                let empty = matches!(style, ScalarStyle::Plain)
                    && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let kind = match (self.refuse_tag(tag), empty) {
                    (true, _) => Kind::Refused,
                    (false, true) => Kind::Empty,
                    (false, false) => Kind::Scalar(text.into_owned()),
                };
                self.add(Node { span, kind })
            }
            Event::SequenceStart(..) => self.open(range.start, tag, Items::List(Vec::new())),
            Event::MappingStart(..) => {
                let (entries, key) = (Vec::new(), Key::None);
                self.open(range.start, tag, Items::Map { entries, key })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(range.end),
            Event::Anchor(..) => {
                self.refuse_alias(span);
                Ok(())
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.refuse_alias(span);
                self.add(Node {
                    span,
                    kind: Kind::Refused,
                })
            }
            Event::DocumentStart(..) if self.root.is_some() => Err(Box::new(refused::second_document(span))),
            _ => Ok(()),
        }
    }

    /// Counts a node and looks at the limits.
    fn count(&mut self, span: Span) -> Result<(), Fatal> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Box::new(refused::too_many_nodes(span)));
        }
        Ok(())
    }

    fn open(&mut self, start: usize, tag: Option<Span>, items: Items) -> Result<(), Fatal> {
        let span = self.lines.span(start, start + 1);
        self.count(span)?;
        if self.stack.len() >= MAX_DEPTH {
            return Err(Box::new(refused::too_deep(span)));
        }
        let refused = self.refuse_tag(tag);
        self.stack.push(Open {
            start,
            refused,
            items,
        });
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), Fatal> {
        let Some(open) = self.stack.pop() else {
            return Ok(());
        };
        let kind = match open.items {
            Items::List(_) | Items::Map { .. } if open.refused => Kind::Refused,
            Items::List(items) => Kind::List(items),
            Items::Map { entries, .. } => Kind::Map(entries),
        };
        let span = self.lines.span(open.start, end);
        self.nodes -= 1; // counted when it was opened
        self.add(Node { span, kind })
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, mut node: Node) -> Result<(), Fatal> {
        self.count(node.span)?;
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.items {
            Items::List(items) => items.push(node),
            Items::Map { entries, key } => match std::mem::replace(key, Key::None) {
                Key::None => {
                    // A map with a key that cannot be read is not read: what is missing from it could be what
                    // is meant.
                    open.refused |= !matches!(node.kind, Kind::Scalar(_));
                    *key = Self::key(node, entries, self.mistakes);
                }
                Key::Known(key) => {
                    // Nothing was written, or a collection that begins on the next line: its key is what to
                    // point at.
                    let unmarked = match node.kind {
                        Kind::Empty => node.span.start == node.span.end,
                        Kind::List(_) | Kind::Map(_) => {
                            !self.lines.at(node.span.start).starts_with(['{', '['])
                        }
                        Kind::Scalar(_) | Kind::Refused => false,
                    };
                    if unmarked {
                        node.span = key.span;
                    }
                    entries.push(Entry { key, value: node });
                }
                Key::Refused => {}
            },
        }
        Ok(())
    }

    /// The node as a key of a map that has `entries` already.
    fn key(node: Node, entries: &[Entry], mistakes: &mut Mistakes) -> Key {
        let text = match node.kind {
            Kind::Scalar(text) => text,
            Kind::Refused => return Key::Refused,
            Kind::Empty | Kind::List(_) | Kind::Map(_) => {
                mistakes.add(refused::key_is_no_text(node.span));
                return Key::Refused;
            }
        };
        if let Some(first) = entries.iter().find(|entry| entry.key.value == text) {
            mistakes.add(refused::duplicate_key(&text, node.span, first.key.span));
            return Key::Refused;
        }
        Key::Known(At {
            value: text,
            span: node.span,
        })
    }

    fn refuse_tag(&mut self, tag: Option<Span>) -> bool {
        if let Some(span) = tag {
            self.mistakes.add(refused::tag(span));
        }
        tag.is_some()
    }

    /// Reports the first one only: where there is one there are many, and the cure is the same.
    fn refuse_alias(&mut self, span: Span) {
        if std::mem::replace(&mut self.alias_seen, true) {
            return;
        }
        self.mistakes.add(refused::alias(span));
    }
}
