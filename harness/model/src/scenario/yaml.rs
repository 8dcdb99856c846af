//! YAML text as a tree of nodes with their places. The only module that knows the YAML library.
//!
//! The tree is built from the parser's events and not by serde: serde stops at the first value that does not fit, and a
//! scenario's mistakes are shown all at once. What YAML has beyond maps, lists and scalars (anchors, aliases, merge keys,
//! tags, directives, several documents) is refused: a scenario is read by people, and says what it says where it stands.

use super::mistake::{Mistake, MistakeKind, Mistakes, quoted};
use super::place::{At, Lines, Span};
use serde_yaml::granit_parser::{self, ErrorKind, Event, Parser, ScalarStyle, ScanError};

/// The largest file in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Collections in collections. A scenario needs nine.
const MAX_DEPTH: usize = 32;
/// Keys, values and collections. The largest shipped scenario has a few hundred.
const MAX_NODES: usize = 10_000;

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) kind: Kind,
}

/// What a value is.
#[derive(Debug)]
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
#[derive(Debug)]
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
    let mut tree = Tree {
        lines,
        mistakes,
        stack: Vec::new(),
        root: None,
        nodes: 0,
        alias_seen: false,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        let step = match event {
            Ok((event, span)) => tree.take(event, &span),
            Err(error) => Err(tree.syntax(&error)),
        };
        if let Err(mistake) = step {
            tree.mistakes.add(*mistake);
            return None;
        }
    }
    if tree.root.is_none() {
        let place = tree.lines.span(0, text.len());
        tree.mistakes.add(
            Mistake::new(
                MistakeKind::NothingInFile,
                place,
                "the file has no scenario in it",
                "a scenario begins with `name:`, `claim:`, `lab:`",
            )
            .help("begin with a copy of a shipped scenario; docs/scenarios.md explains every field"),
        );
    }
    tree.root
}

/// What makes a text no text at all.
fn unreadable(text: &str, lines: &Lines<'_>) -> Option<Mistake> {
    if text.len() > MAX_BYTES {
        return Some(too_large(text.len(), lines.span(0, 0)));
    }
    let (at, found) = text.char_indices().find(|(at, c)| match c {
        '\n' | '\t' => false,
        '\r' => !text[*at..].starts_with("\r\n"),
        // Overrides of the writing direction show a reader another text than the one that is run.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' => true,
        c => c.is_control(),
    })?;
    let what = match found {
        '\r' => "a carriage return without a line feed".to_owned(),
        '\0' => "a NUL character".to_owned(),
        other => format!("the control character U+{:04X}", u32::from(other)),
    };
    Some(
        Mistake::new(
            MistakeKind::ControlCharacter,
            lines.span(at, at + found.len_utf8()),
            format!("{what} in the file"),
            "only text, line ends and tabs are accepted",
        )
        .help("save the file as UTF-8 text with line ends of Unix or Windows"),
    )
}

/// The mistake of a file of `size` bytes.
pub(super) fn too_large(size: usize, span: Span) -> Mistake {
    Mistake::new(
        MistakeKind::TooLarge,
        span,
        format!("the file has {size} bytes"),
        format!("at most {MAX_BYTES} bytes are accepted"),
    )
    .help("is it a scenario? Split a large one into several files")
}

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

struct Tree<'t, 'm> {
    lines: Lines<'t>,
    mistakes: &'m mut Mistakes,
    stack: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    alias_seen: bool,
}

/// A mistake after which reading cannot go on.
type Fatal = Box<Mistake>;

impl Tree<'_, '_> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the parser's own enum, non-exhaustive; what is left carries no value"
    )]
    fn take(&mut self, event: Event<'_>, place: &granit_parser::Span) -> Result<(), Fatal> {
        let range = place.byte_range().unwrap_or(0..0);
        let span = self.lines.span(range.start, range.end);
        let tag = place.tag_span().and_then(|tag| tag.byte_range());
        let tag = tag.map(|tag| self.lines.span(tag.start, tag.end));
        match event {
            Event::Scalar(text, style, _, _) => {
                let empty =
                    matches!(style, ScalarStyle::Plain) && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
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
            Event::DocumentStart(..) if self.root.is_some() => Err(Box::new(
                Mistake::new(
                    MistakeKind::SeveralDocuments,
                    span,
                    "a second document in the file",
                    "one scenario a file",
                )
                .help("put it into a file of its own, or remove the line `---` or `...` before it"),
            )),
            _ => Ok(()),
        }
    }

    /// Counts a node and looks at the limits.
    fn count(&mut self, span: Span) -> Result<(), Fatal> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Box::new(
                Mistake::new(
                    MistakeKind::TooManyNodes,
                    span,
                    format!("the file has more than {MAX_NODES} keys and values"),
                    "the first one too many",
                )
                .help("split the scenario into several files"),
            ));
        }
        Ok(())
    }

    fn open(&mut self, start: usize, tag: Option<Span>, items: Items) -> Result<(), Fatal> {
        let span = self.lines.span(start, start + 1);
        self.count(span)?;
        if self.stack.len() >= MAX_DEPTH {
            return Err(Box::new(too_deep(span)));
        }
        let refused = self.refuse_tag(tag);
        self.stack.push(Open { start, refused, items });
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
                    // A map with a key that cannot be read is not read: what is missing from it could be what is meant.
                    open.refused |= !matches!(node.kind, Kind::Scalar(_));
                    *key = Self::key(node, entries, self.mistakes);
                }
                Key::Known(key) => {
                    // Nothing was written, or a collection that begins on the next line: its key is what to point at.
                    let unmarked = match node.kind {
                        Kind::Empty => node.span.start == node.span.end,
                        Kind::List(_) | Kind::Map(_) => !self.lines.at(node.span.start).starts_with(['{', '[']),
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
                mistakes.add(Mistake::new(
                    MistakeKind::BadKey,
                    node.span,
                    "a key that is not text",
                    "a key is a name or a word, before a colon",
                ));
                return Key::Refused;
            }
        };
        if let Some(first) = entries.iter().find(|entry| entry.key.value == text) {
            mistakes.add(
                Mistake::new(
                    MistakeKind::DuplicateKey,
                    node.span,
                    format!("the key {} stands here twice", quoted(&text)),
                    "the second one",
                )
                .second(first.key.span, "the first one")
                .help("remove one of them, or rename it"),
            );
            return Key::Refused;
        }
        Key::Known(At {
            value: text,
            span: node.span,
        })
    }

    fn refuse_tag(&mut self, tag: Option<Span>) -> bool {
        if let Some(span) = tag {
            self.mistakes.add(
                Mistake::new(
                    MistakeKind::Tag,
                    span,
                    "a tag: a scenario has none",
                    "remove it; a value is read as its field needs it",
                )
                .help("nothing is included from other files, and no type has to be stated"),
            );
        }
        tag.is_some()
    }

    /// Reports the first one only: where there is one there are many, and the cure is the same.
    fn refuse_alias(&mut self, span: Span) {
        if std::mem::replace(&mut self.alias_seen, true) {
            return;
        }
        self.mistakes.add(
            Mistake::new(
                MistakeKind::Alias,
                span,
                "an anchor (`&name`) or alias (`*name`): a scenario has none",
                "write out what is meant here",
            )
            .help("what all cells share goes into `lab`, and into `before`, `change` and `act` beside the axes"),
        );
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the parser's own enum, non-exhaustive; its own text is good enough for the rest"
    )]
    fn syntax(&self, error: &ScanError) -> Fatal {
        let at = error.marker().byte_offset().unwrap_or(0);
        let span = self.lines.span(at, at + 1);
        Box::new(match error.kind() {
            ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart => Mistake::new(
                MistakeKind::Tab,
                span,
                "a tab in the indentation",
                "YAML accepts only blanks here",
            )
            .help("replace tabs by two blanks each"),
            ErrorKind::RecursionLimitExceeded => too_deep(span),
            ErrorKind::DirectiveDisallowed => syntax(span, "a directive: a scenario has none", "remove this line"),
            ErrorKind::MappingValueNotAllowed => syntax(
                span,
                "not YAML: a colon that makes no key here",
                "one key a line, and quotes around text with `: `",
            ),
            ErrorKind::UnclosedQuotedScalar => syntax(span, "not YAML: a quote that is not closed", "it begins here"),
            ErrorKind::UnclosedFlowCollection { open } => syntax(
                span,
                format!("not YAML: a `{open}` that is not closed"),
                "it is open at this place",
            ),
            other => syntax(span, format!("not YAML: {other}"), "here"),
        })
    }
}

fn syntax(span: Span, message: impl Into<String>, label: &str) -> Mistake {
    Mistake::new(MistakeKind::Syntax, span, message, label)
}

fn too_deep(span: Span) -> Mistake {
    Mistake::new(
        MistakeKind::TooDeep,
        span,
        "too many collections in collections",
        format!("at most {MAX_DEPTH} are accepted"),
    )
}
