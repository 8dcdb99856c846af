//! What reports for people say, in every language: each text stands once, with its languages side by side, so
//! that none can be forgotten. Reports for programs, what a terminal shows and messages about mistakes are
//! English whatever the report's language.
//!
//! What others wrote (names, claims, server messages, command lines, why a lab failed) stays as it is. What
//! records hold as sentences of the harness is put into Chinese by `phrasing::recorded`.

mod cell;
mod counts;
mod drawing;
mod happens;
mod legend;
mod page;
mod run;
mod script;
mod terms;
#[cfg(test)]
mod tests;
mod time_line;

pub use counts::{
    BYTE, CELL, CHANGE, MORE_PACKET, Noun, OTHER_CONNECTION, OUTCOME, PACKET, REAL_SERVER, RETRANSMISSION,
    ROW, RUN, SESSION, VALUE, plural,
};

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The language of the reports for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Language {
    /// English.
    #[default]
    #[serde(rename = "en")]
    English,
    /// Simplified Chinese, with the words of the article whose table the shipped matrix automates.
    #[serde(rename = "zh")]
    Chinese,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// Its name on the command line and in `run.json`: `en`, `zh`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    /// Its tag in HTML (BCP 47).
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// Is it the one that needs no mention?
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There are no reports in this language.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there are no reports in this language; reports can be had in en (English) and zh (Simplified Chinese)"
)]
pub struct UnknownLanguage;

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(name: &str) -> Result<Self, UnknownLanguage> {
        let mut all = Self::ALL.into_iter();
        all.find(|language| language.name() == name)
            .ok_or(UnknownLanguage)
    }
}

/// A text that needs nothing filled in.
pub type Word = fn(Language) -> &'static str;

/// A table of texts: a method of [`Language`] for each, `name: English / Chinese;`. Those with arguments hold
/// their places in braces.
macro_rules! words {
    ($($name:ident $(($($argument:ident),+))? : $english:literal / $chinese:literal;)*) => {
        impl $crate::catalogue::Language {
            $($crate::catalogue::words!(@one $name $(($($argument),+))? : $english / $chinese);)*
        }

        #[cfg(test)]
        pub(super) const ENTRIES: &[(&str, &str, &str)] = &[$((stringify!($name), $english, $chinese)),*];
    };
    (@one $name:ident : $english:literal / $chinese:literal) => {
        #[doc = concat!("`", $english, "`")]
        #[must_use]
        pub fn $name(self) -> &'static str {
            match self {
                Self::English => $english,
                Self::Chinese => $chinese,
            }
        }
    };
    (@one $name:ident ($($argument:ident),+) : $english:literal / $chinese:literal) => {
        #[doc = concat!("`", $english, "`")]
        #[must_use]
        pub fn $name(self, $($argument: impl std::fmt::Display),+) -> String {
            match self {
                Self::English => format!($english),
                Self::Chinese => format!($chinese),
            }
        }
    };
}
pub(crate) use words;
