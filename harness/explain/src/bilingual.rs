//! What a rule says, in every language at once: the facts are found once, and each sentence stands once with
//! its languages one below the other, so that whoever changes one sees the other.

use lvs_matrix_language::{Language, Word, phrasing};
use lvs_matrix_model::action::Action;
use std::fmt::Display;

/// A text in every language.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Bilingual {
    pub(super) english: String,
    pub(super) chinese: String,
}

impl Bilingual {
    /// What `say` says in each language.
    pub(super) fn of(say: impl Fn(Language) -> String) -> Self {
        Self {
            english: say(Language::English),
            chinese: say(Language::Chinese),
        }
    }

    /// In one of them.
    pub(super) fn into_words(self, words: Language) -> String {
        match words {
            Language::English => self.english,
            Language::Chinese => self.chinese,
        }
    }

    /// Says more. In English a sentence that follows another begins with its blank.
    pub(super) fn push(&mut self, more: &Self) {
        self.english.push_str(&more.english);
        self.chinese.push_str(&more.chinese);
    }
}

/// What can be filled in: what is the same in every language, or a [`Bilingual`].
pub(super) trait InLanguage {
    fn said(&self, words: Language) -> String;
}

impl<T: Display + ?Sized> InLanguage for T {
    fn said(&self, _: Language) -> String {
        self.to_string()
    }
}

impl InLanguage for Bilingual {
    fn said(&self, words: Language) -> String {
        self.clone().into_words(words)
    }
}

/// `bilingual!("{server} answered {when}." / "{server} {when}应答。", when = moment(at))`: a [`Bilingual`].
/// What is the same in every language may be captured by its name as `format!` does it; what is not is
/// given after the texts, and each of them must use it.
macro_rules! bilingual {
    ($english:literal / $chinese:literal $(,)?) => {
        $crate::bilingual::Bilingual {
            english: format!($english),
            chinese: format!($chinese),
        }
    };
    ($english:literal / $chinese:literal $(, $name:ident = $value:expr)+ $(,)?) => {{
        use $crate::bilingual::InLanguage as _;
        // All of them are looked at before one gets its name.
        match ($(&$value,)+) {
            ($($name,)+) => $crate::bilingual::Bilingual {
                english: format!($english $(, $name = $name.said(lvs_matrix_language::Language::English))+),
                chinese: format!($chinese $(, $name = $name.said(lvs_matrix_language::Language::Chinese))+),
            },
        }
    }};
}
pub(super) use bilingual;

/// `rs1, rs2`.
pub(super) fn listed<T: InLanguage>(items: &[T]) -> Bilingual {
    joined(items, Language::listed)
}

/// `remove real server rs1; wait 1s`.
pub(super) fn clauses<T: InLanguage>(items: &[T]) -> Bilingual {
    joined(items, Language::clauses)
}

fn joined<T: InLanguage>(items: &[T], between: Word) -> Bilingual {
    Bilingual::of(|words| {
        let texts: Vec<String> = items.iter().map(|item| item.said(words)).collect();
        texts.join(between(words))
    })
}

/// What a step does.
pub(super) fn doing(action: &Action) -> Bilingual {
    Bilingual::of(|words| phrasing::action(words, action))
}

/// What the client does: `connect`, or a statement in backticks.
pub(super) fn operation(what: &str) -> Bilingual {
    Bilingual::of(|words| phrasing::operation(words, what))
}
