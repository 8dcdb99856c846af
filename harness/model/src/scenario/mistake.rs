//! Mistakes of a scenario file: small reports with a place, what is accepted there, and a hint.

use super::place::Span;
use serde::Serialize;

/// Something in a scenario's text that cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Mistake {
    /// What kind of mistake; for programs and for the list of fixtures.
    pub kind: MistakeKind,
    /// What is wrong, in one line. Text of the file is quoted with control characters escaped.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What is accepted there, or what is the matter with it.
    pub label: String,
    /// A second place that belongs to it (the first of two equal keys), and what it is.
    pub second: Option<(Span, String)>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Mistake {
    pub(super) fn new(kind: MistakeKind, span: Span, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            span,
            label: label.into(),
            second: None,
            help: None,
        }
    }

    pub(super) fn second(mut self, span: Span, label: impl Into<String>) -> Self {
        self.second = Some((span, label.into()));
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident,)+) => {
        /// The kinds of mistakes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum MistakeKind {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl MistakeKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];
        }
    };
}

kinds! {
    /// The file is larger than [`super::MAX_BYTES`].
    TooLarge,
    /// The file is not UTF-8.
    NotUtf8,
    /// A character that no text has: NUL, an escape, a change of the writing direction.
    ControlCharacter,
    /// There is nothing in the file.
    NothingInFile,
    /// The text is not YAML.
    Syntax,
    /// A tab where YAML wants blanks.
    Tab,
    /// Collections in collections, too many times.
    TooDeep,
    /// More keys and values than any scenario has.
    TooManyNodes,
    /// An anchor or an alias.
    Alias,
    /// A tag such as `!include`.
    Tag,
    /// The same key twice.
    DuplicateKey,
    /// A key that is no text.
    BadKey,
    /// More than one document.
    SeveralDocuments,
    /// A list, a map, a text or nothing where something else is expected.
    WrongType,
    /// A field that is not known there.
    UnknownField,
    /// A field that must be there.
    MissingField,
    /// A step that is not one action with its fields.
    NotOneAction,
    /// An action that is not known.
    UnknownAction,
    /// Not a name.
    BadName,
    /// Text that is empty or cannot be shown.
    BadText,
    /// Not a whole number, or out of range.
    BadNumber,
    /// Not a duration.
    BadDuration,
    /// A duration out of range.
    DurationOutOfRange,
    /// None of the words that are accepted there.
    UnknownWord,
    /// Not the name of a sysctl of a network namespace.
    BadSysctlKey,
    /// Not a sysctl's value.
    BadSysctlValue,
    /// A lab without a real server.
    NoRealServer,
    /// A real server with the name of another host.
    ReservedName,
    /// More real servers than the lab has addresses for.
    TooManyRealServers,
    /// A real server that is in the lab already.
    RealServerTwice,
    /// Two values of different axes set the same sysctl differently.
    SysctlConflict,
    /// An axis without values.
    NoValue,
    /// More cells than can be run.
    TooManyCells,
    /// Names of values too long to name a folder together.
    LongCellName,
    /// Patience that is not shorter than the observation.
    PatienceTooLong,
    /// An observation too short for the steps it watches.
    ObservationTooShort,
    /// No expectation at all.
    NoExpectation,
    /// An axis that is not there.
    UnknownAxis,
    /// A value that the axis does not have.
    UnknownValue,
    /// The same value twice in a condition.
    ValueTwice,
    /// Two expectations for the same cell.
    Overlap,
    /// An expectation that speaks of no cell, or of none that is left to it.
    CoversNothing,
    /// Cells without an expectation.
    Uncovered,
    /// Details of an expectation that cannot be true together.
    Contradiction,
    /// A real server that the lab does not have.
    UnknownServer,
    /// A statement without a connection.
    NotConnected,
    /// An operation of the client while a statement is running.
    StatementRunning,
    /// Waiting for a statement that was not started.
    NoStatement,
    /// A statement that nobody waits for.
    NeverAwaited,
    /// Nothing that the client does after the change.
    NothingToClassify,
    /// A mysqld that is already as the step wants it.
    MysqldState,
    /// A table that is already as the step wants it.
    TableState,
    /// Something done on a host that is off.
    HostOff,
    /// More mistakes than are shown.
    More,
}

/// Where mistakes are gathered while the reading goes on.
#[derive(Debug, Default)]
pub(super) struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Mistakes shown at once; beyond that the file needs a different cure than a list.
    const SHOWN: usize = 100;

    pub(super) fn add(&mut self, mistake: Mistake) {
        self.0.push(mistake);
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// All of them in the order of the file.
    pub(super) fn into_sorted(mut self) -> Vec<Mistake> {
        self.0.sort_by_key(|mistake| (mistake.span.start, mistake.span.end));
        if let Some(next) = self.0.get(Self::SHOWN) {
            let rest = self.0.len() - Self::SHOWN;
            let more = Mistake::new(
                MistakeKind::More,
                next.span,
                format!("{rest} more mistakes are not shown"),
                "the next one is here",
            );
            self.0.truncate(Self::SHOWN);
            self.0.push(more);
        }
        self.0
    }
}

/// Text of the file as messages quote it: control characters escaped, cut off where it gets long.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    let shown = shown.replace("\\'", "'").replace("\\\"", "\"");
    if text.chars().nth(LONGEST).is_some() {
        format!("`{shown}…`")
    } else {
        format!("`{shown}`")
    }
}

/// The one of `known` that is close enough to `text` to be meant by it.
pub(super) fn closest<'k>(text: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if text.chars().count() > 60 {
        return None;
    }
    let written = text.to_lowercase().replace('_', "-");
    known
        .into_iter()
        .map(|name| (strsim::osa_distance(&written, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= name.chars().count() / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// "did you mean …?", if one of `known` is close enough to `text`.
pub(super) fn did_you_mean<'k>(text: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    closest(text, known).map(|name| format!("did you mean `{name}`?"))
}

/// `a, b, c`, or the first few and how many more.
pub(super) fn listed<'k>(names: impl IntoIterator<Item = &'k str>) -> String {
    const SHOWN: usize = 20;
    let names: Vec<_> = names.into_iter().collect();
    let mut text = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

/// A text of messages, cut off where it gets long.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
