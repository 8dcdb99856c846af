//! Why the client saw what it saw: rules of the kernel, each held against the evidence of the cell.
//!
//! A rule is a piece of data ([`rules::Rule`]): its name, the kernel's functions it speaks of, what it
//! explains, and its conditions over record, packets and observation. A rule whose conditions hold gives a
//! [`Paragraph`] and advice; several may hold, one after the other. Nothing is explained by a rule that the
//! evidence does not call for: what no rule explains is said to have no explanation, and what is known of it
//! is listed.

mod advice;
mod bilingual;
mod causes;
mod cell_view;
mod circumstances;
mod citing;
mod claim;
mod fate;
mod fitting;
mod icmp;
mod kernels;
mod passage;
mod rules;
mod seen_at;
mod sources;
mod table;

pub use advice::{Advised, Trial, fares_better};
pub use claim::{Claim, Fate};
pub use kernels::Kernels;

use bilingual::{Bilingual, bilingual};
use cell_view::CellView;
use fitting::fitting;
use lvs_matrix_language::{Language, phrasing};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::verdict::{Behaviour, Citation, Evidence, HangEnd, JudgedCell};
use rules::{Explains, Finding};

/// Why the client of a cell saw what it saw.
///
/// All texts are plain and may hold foreign text (SQL between backticks, the text of an error): whoever puts
/// them into a report passes them through `escape`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// In which language its texts are.
    pub language: Language,
    /// How much of it is explained.
    pub status: Status,
    /// Why all this says nothing about the change of the cell, and what to do about it, in a sentence each;
    /// empty if it does.
    pub untested: Vec<String>,
    /// What happened and which rule of the kernel made it happen, in the order of time.
    pub paragraphs: Vec<Paragraph>,
    /// Which setting or order of steps avoids it; empty where nothing is to be avoided.
    pub advice: Vec<Advised>,
    /// What is known, where not everything is explained: the evidence of the observation.
    pub known: Vec<Evidence>,
}

/// How much is explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// All of it.
    Explained,
    /// These questions have no answer among the rules (`why nothing reached the client`), at least one.
    Unexplained {
        /// Each as a clause that follows "does not say".
        questions: Vec<&'static str>,
    },
    /// What the client lived through is not known, so there is nothing to explain.
    Undetermined {
        /// The reasons, at least one.
        reasons: Vec<String>,
    },
}

/// One rule, applied to the cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paragraph {
    /// The rule's name (`entry-without-server`), the same in every version.
    pub rule: &'static str,
    /// One or more sentences.
    pub text: String,
    /// If the rule says why the client hung, or why it failed: the same in one sentence that names nothing of
    /// the cell. Cells with the same deciding rules have the same cause.
    pub cause: Option<String>,
    /// What shows it.
    pub shown_by: Vec<Citation>,
    /// The functions of the kernel that do it.
    pub sources: Vec<Source>,
    /// Of which kernels the rule is true; `None`: of all.
    pub kernels: Option<Kernels>,
    /// What it says of single packets.
    pub claims: Vec<Claim>,
}

/// A function of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub function: &'static str,
    /// Its file in the kernel's source.
    pub file: &'static str,
}

impl Source {
    /// A function by its name and its file.
    const fn of(function: &'static str, file: &'static str) -> Self {
        Self { function, file }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in {}", self.function, self.file)
    }
}

/// Explains a cell from its evidence, in English.
#[must_use]
pub fn explain(cell: &JudgedCell) -> Explanation {
    explain_in(Language::English, cell)
}

/// Explains a cell from its evidence. Rules, citations and sources are the same in every language.
#[must_use]
pub fn explain_in(language: Language, cell: &JudgedCell) -> Explanation {
    if let Behaviour::Undetermined { reasons } = &cell.observed.behaviour {
        return Explanation {
            language,
            status: Status::Undetermined {
                reasons: reasons
                    .iter()
                    .map(|reason| phrasing::doubt(language, reason))
                    .collect(),
            },
            untested: Vec::new(),
            paragraphs: Vec::new(),
            advice: Vec::new(),
            known: cell.observed.evidence.clone(),
        };
    }
    let behaviour = &cell.observed.behaviour;
    let view = CellView::of(cell);
    let mut found: Vec<(&'static rules::Rule, Finding)> = view.as_ref().map_or_else(Vec::new, |view| {
        // A rule that says of a packet what the packets do not bear out is none of this cell's.
        let borne_out = |finding: &Finding| finding.claims.iter().all(|claim| view.bears_out(claim));
        let holds = |rule: &'static rules::Rule| Some((rule, (rule.holds)(view).filter(borne_out)?));
        let asked = rules::ALL.iter().filter(|rule| fits(rule.explains, behaviour));
        let asked = asked.filter(|rule| view.has_kernel_for(rule.name));
        asked.filter_map(holds).collect()
    });
    // How something came about is of interest only where something else says why.
    if !found
        .iter()
        .any(|(rule, _)| rule.explains != Explains::Circumstance)
    {
        found.clear();
    }
    // Stable: rules that speak of the same moment keep their order in the list.
    found.sort_by_key(|(_, finding)| finding.at);
    let answered: Vec<Explains> = found.iter().map(|(rule, _)| rule.explains).collect();
    let questions = questions(language, &cell.observed.behaviour, &answered);
    let mut advice: Vec<Advised> = Vec::new();
    for named in found.iter().flat_map(|(_, finding)| &finding.advice) {
        let advised = view.as_ref().and_then(|view| named.advised(view, language));
        advice.extend(advised.filter(|advised| !advice.contains(advised)));
    }
    Explanation {
        language,
        known: if questions.is_empty() {
            Vec::new()
        } else {
            cell.observed.evidence.clone()
        },
        status: if questions.is_empty() {
            Status::Explained
        } else {
            Status::Unexplained { questions }
        },
        untested: cell.untested().map_or_else(Vec::new, |why| {
            vec![
                language.says_nothing_of_the_change(phrasing::untested(language, why)),
                language.to_test_it(phrasing::remedy(language, why)),
            ]
        }),
        paragraphs: found
            .into_iter()
            .map(|(rule, finding)| Paragraph {
                rule: rule.name,
                kernels: kernels::of(rule.name),
                text: fitting(
                    &cell.record.plan,
                    seen_at::named(cell, finding.text.into_words(language)),
                ),
                cause: decides(rule.explains, behaviour)
                    .then(|| causes::cause(language, rule.name))
                    .flatten()
                    .map(|text| fitting(&cell.record.plan, text.to_owned())),
                shown_by: in_order(finding.shown_by),
                sources: view
                    .as_ref()
                    .map_or_else(Vec::new, |view| sources::of(view, rule.sources)),
                claims: finding.claims,
            })
            .collect(),
        advice,
    }
}

/// May a behaviour be explained by this? Part of an answer may come before a silence; then it is no answer. A
/// silence may be too short to be a hang.
fn fits(explains: Explains, behaviour: &Behaviour) -> bool {
    let answered = match behaviour {
        Behaviour::Answered { .. } => Some(true),
        Behaviour::FailedFast { .. } => Some(false),
        Behaviour::Hung { end, .. } => match end {
            HangEnd::Answer => Some(true),
            HangEnd::Error => Some(false),
            HangEnd::None => None,
        },
        Behaviour::Undetermined { .. } => None,
    };
    match explains {
        Explains::Answer => answered == Some(true),
        Explains::Error => answered == Some(false),
        Explains::Silence | Explains::Circumstance => true,
    }
}

/// Does this decide how the client fared: why it hung, or, where it did not, why it failed?
fn decides(explains: Explains, behaviour: &Behaviour) -> bool {
    match behaviour {
        Behaviour::Hung { .. } => explains == Explains::Silence,
        Behaviour::FailedFast { .. } => explains == Explains::Error,
        Behaviour::Answered { .. } | Behaviour::Undetermined { .. } => false,
    }
}

/// What a behaviour asks that none of the rules that hold answers.
fn questions(words: Language, behaviour: &Behaviour, answered: &[Explains]) -> Vec<&'static str> {
    let asked: &[(Explains, &'static str)] = match behaviour {
        Behaviour::Answered { .. } => &[(Explains::Answer, words.why_answered())],
        Behaviour::FailedFast { .. } => &[(Explains::Error, words.why_an_error())],
        Behaviour::Hung { end, .. } => match end {
            HangEnd::Answer => &[
                (Explains::Silence, words.why_silence()),
                (Explains::Answer, words.why_answered_in_the_end()),
            ],
            HangEnd::Error => &[
                (Explains::Silence, words.why_silence()),
                (Explains::Error, words.why_an_error_in_the_end()),
            ],
            HangEnd::None => &[(Explains::Silence, words.why_silence())],
        },
        Behaviour::Undetermined { .. } => &[],
    };
    asked
        .iter()
        .filter(|(what, _)| !answered.contains(what))
        .map(|(_, question)| *question)
        .collect()
}

/// Steps, snapshots, packets, events; each once and by its number.
fn in_order(mut places: Vec<Citation>) -> Vec<Citation> {
    places.sort_by_key(|place| match place {
        Citation::Step(number) => (0, *number),
        Citation::Snapshot(number) => (1, *number),
        Citation::Packet(number) => (2, *number),
        Citation::Event(number) => (3, *number),
        Citation::Server(number) => (4, *number),
    });
    places.dedup();
    places
}

/// A moment as evidence has it: `at 3.05s`, counted from the cell's epoch.
fn moment(at: Instant) -> Bilingual {
    let time = lvs_matrix_model::duration::Human(at.since(Instant(0)));
    bilingual!("at {time}" / "在 {time} 时")
}
