//! Mistakes of a scenario file: small reports with a place, what is accepted there, and a hint.

pub use super::kind::MistakeKind;
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
    /// Is the file accepted all the same?
    #[serde(skip)]
    pub severity: Severity,
}

/// What becomes of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Severity {
    /// It is refused.
    #[default]
    Error,
    /// It is accepted: what it says can be meant so, or may be right elsewhere.
    Warning,
}

impl Mistake {
    pub(super) fn new(
        kind: MistakeKind,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            message: message.into(),
            span,
            label: label.into(),
            second: None,
            help: None,
            severity: Severity::Error,
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

/// Where mistakes are gathered while the reading goes on.
#[derive(Debug, Default)]
pub(super) struct Mistakes {
    errors: Vec<Mistake>,
    warnings: Vec<Mistake>,
}

impl Mistakes {
    /// Mistakes shown at once; beyond that the file needs a different cure than a list.
    const SHOWN: usize = 100;

    pub(super) fn add(&mut self, mistake: Mistake) {
        self.errors.push(mistake);
    }

    /// Adds something for which the file is not refused.
    pub(super) fn warn(&mut self, mistake: Mistake) {
        let severity = Severity::Warning;
        self.warnings.push(Mistake { severity, ..mistake });
    }

    /// How many there are for which the file is refused.
    pub(super) fn count(&self) -> usize {
        self.errors.len()
    }

    /// Those for which the file is refused, in its order.
    pub(super) fn into_sorted(self) -> Vec<Mistake> {
        sorted(self.errors)
    }

    /// Those for which the file is not refused, in its order.
    pub(super) fn take_warnings(&mut self) -> Vec<Mistake> {
        sorted(std::mem::take(&mut self.warnings))
    }
}

fn sorted(mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
    mistakes.sort_by_key(|mistake| (mistake.span.start, mistake.span.end));
    if let Some(next) = mistakes.get(Mistakes::SHOWN) {
        let rest = mistakes.len() - Mistakes::SHOWN;
        let more = Mistake {
            severity: next.severity,
            ..Mistake::new(
                MistakeKind::More,
                next.span,
                format!("{rest} more mistakes are not shown"),
                "the next one is here",
            )
        };
        mistakes.truncate(Mistakes::SHOWN);
        mistakes.push(more);
    }
    mistakes
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
#[must_use]
pub fn closest<'k>(text: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
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
