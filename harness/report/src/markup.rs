//! Parts of sentences, marked up for the form that they are part of. A sentence is worded once, and each form
//! gives its own marks.

use crate::escape;
use lvs_matrix_language::Language;

/// The form of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Markup {
    Markdown,
    Html,
}

impl Markup {
    /// Foreign text, on its line and harmless.
    pub(crate) fn text(self, text: &str) -> String {
        match self {
            Self::Markdown => escape::inline(text).into_owned(),
            Self::Html => escape::xml(text).into_owned(),
        }
    }

    /// Foreign text as code.
    pub(crate) fn code(self, text: &str) -> String {
        match self {
            Self::Markdown => escape::code(text),
            Self::Html => escape::html_code(text),
        }
    }

    /// A phrase of the harness that quotes foreign text between backticks.
    pub(crate) fn phrase(self, text: &str) -> String {
        match self {
            Self::Markdown => escape::phrase(text),
            Self::Html => escape::html_phrase(text),
        }
    }

    /// What is marked up already, in bold type.
    pub(crate) fn strong(self, text: &str) -> String {
        match self {
            Self::Markdown => format!("**{text}**"),
            Self::Html => format!("<b>{text}</b>"),
        }
    }

    /// In which phase something was, before what it was.
    pub(crate) fn phase(self, words: Language, phase: &str) -> String {
        match self {
            Self::Markdown => words.in_phase(phase),
            Self::Html => format!("<span class=\"phase\">{phase}</span> "),
        }
    }
}
