//! What a scenario has none of, and text that is no YAML.

use super::super::mistake::{Mistake, MistakeKind, quoted};
use super::super::place::{Lines, Span};
use super::{MAX_DEPTH, MAX_NODES};
use serde_yaml::granit_parser::{ErrorKind, ScanError};

/// The parser's own error, in our words where the mistake is a common one.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's own enum, non-exhaustive; its own text is good enough for the rest"
)]
pub(super) fn syntax(error: &ScanError, lines: &Lines<'_>) -> Mistake {
    let at = error.marker().byte_offset().unwrap_or(0);
    let span = lines.span(at, at + 1);
    match error.kind() {
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
        ErrorKind::DirectiveDisallowed => {
            not_yaml(span, "a directive: a scenario has none", "remove this line")
        }
        ErrorKind::MappingValueNotAllowed => not_yaml(
            span,
            "not YAML: a colon that makes no key here",
            "one key a line, and quotes around text with `: `",
        ),
        ErrorKind::UnclosedQuotedScalar => {
            not_yaml(span, "not YAML: a quote that is not closed", "it begins here")
        }
        ErrorKind::UnclosedFlowCollection { open } => not_yaml(
            span,
            format!("not YAML: a `{open}` that is not closed"),
            "it is open at this place",
        ),
        other => not_yaml(span, format!("not YAML: {other}"), "here"),
    }
}

fn not_yaml(span: Span, message: impl Into<String>, label: &str) -> Mistake {
    Mistake::new(MistakeKind::Syntax, span, message, label)
}

pub(super) fn too_deep(span: Span) -> Mistake {
    Mistake::new(
        MistakeKind::TooDeep,
        span,
        "too many collections in collections",
        format!("at most {MAX_DEPTH} are accepted"),
    )
}

pub(super) fn too_many_nodes(span: Span) -> Mistake {
    Mistake::new(
        MistakeKind::TooManyNodes,
        span,
        format!("the file has more than {MAX_NODES} keys and values"),
        "the first one too many",
    )
    .help("split the scenario into several files")
}

pub(super) fn nothing(file: Span) -> Mistake {
    Mistake::new(
        MistakeKind::NothingInFile,
        file,
        "the file has no scenario in it",
        "a scenario begins with `name:`, `claim:`, `lab:`",
    )
    .help("begin with a copy of a shipped scenario; docs/scenarios.md explains every field")
}

pub(super) fn second_document(span: Span) -> Mistake {
    Mistake::new(
        MistakeKind::SeveralDocuments,
        span,
        "a second document in the file",
        "one scenario a file",
    )
    .help("put it into a file of its own, or remove the line `---` or `...` before it")
}

pub(super) fn tag(span: Span) -> Mistake {
    Mistake::new(
        MistakeKind::Tag,
        span,
        "a tag: a scenario has none",
        "remove it; a value is read as its field needs it",
    )
    .help("nothing is included from other files, and no type has to be stated")
}

pub(super) fn alias(span: Span) -> Mistake {
    Mistake::new(
        MistakeKind::Alias,
        span,
        "an anchor (`&name`) or alias (`*name`): a scenario has none",
        "write out what is meant here",
    )
    .help("what all cells share goes into `lab`, and into `before`, `change` and `act` beside the axes")
}

pub(super) fn key_is_no_text(span: Span) -> Mistake {
    Mistake::new(
        MistakeKind::BadKey,
        span,
        "a key that is not text",
        "a key is a name or a word, before a colon",
    )
}

pub(super) fn duplicate_key(key: &str, second: Span, first: Span) -> Mistake {
    Mistake::new(
        MistakeKind::DuplicateKey,
        second,
        format!("the key {} stands here twice", quoted(key)),
        "the second one",
    )
    .second(first, "the first one")
    .help("remove one of them, or rename it")
}
