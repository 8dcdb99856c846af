//! A cell as the catalogue sees it: what was changed, which client it was, what it got, and how its lab was
//! set.

use lvs_matrix_language::{Language, phrasing};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::Action;
use lvs_matrix_model::base::Phase;
use lvs_matrix_model::duration::{Human, Instant};
use lvs_matrix_model::matrix::{CellRef, Line};
use lvs_matrix_model::record::{StepOutcome, StepRecord};
use lvs_matrix_model::scenario::settings;
use lvs_matrix_model::verdict::{Behaviour, HangEnd, JudgedCell, Operation};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What the client was about when the change came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    /// It had a connection, asked nothing, and asked after the change.
    Idle,
    /// It waited for an answer.
    InFlight,
    /// It was connecting.
    Connecting,
    /// It connected after the change.
    New,
}

/// A client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) about: About,
    pub(super) in_transaction: bool,
}

impl Kind {
    pub(super) fn words(self, words: Language) -> String {
        let about = match self.about {
            About::Idle => words.of_idle(),
            About::InFlight => words.of_in_flight(),
            About::Connecting => words.of_connecting(),
            About::New => words.of_new(),
        };
        if self.in_transaction {
            words.in_a_transaction(about)
        } else {
            about.to_owned()
        }
    }
}

/// What the change is made of, for the chapter in which it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Chapter {
    Table,
    Server,
    Host,
    Traffic,
    Procedure,
}

impl Chapter {
    pub(super) const ALL: [Self; 5] = [
        Self::Table,
        Self::Server,
        Self::Host,
        Self::Traffic,
        Self::Procedure,
    ];

    pub(super) fn title(self, words: Language) -> &'static str {
        match self {
            Self::Table => words.chapter_table(),
            Self::Server => words.chapter_server(),
            Self::Host => words.chapter_host(),
            Self::Traffic => words.chapter_traffic(),
            Self::Procedure => words.chapter_procedure(),
        }
    }

    /// Its anchor.
    pub(super) fn anchor(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Server => "server",
            Self::Host => "host",
            Self::Traffic => "packets",
            Self::Procedure => "steps",
        }
    }

    fn of(action: &Action) -> Option<Self> {
        match action {
            Action::Table(_) | Action::Other(_) => Some(Self::Table),
            Action::Mysqld(_) => Some(Self::Server),
            Action::Host(_) => Some(Self::Host),
            Action::Traffic(_) => Some(Self::Traffic),
            Action::Client(_) | Action::Wait(_) | Action::Watch(_) => None,
        }
    }
}

/// A cell that says something of a change.
pub(super) struct Case<'a> {
    pub(super) cell: &'a JudgedCell,
    /// The folder of its run's pages.
    pub(super) pages: &'a str,
    pub(super) chapter: Chapter,
    /// What was changed, without the names of the lab: a phrase for each step.
    pub(super) change: Vec<String>,
    pub(super) kind: Kind,
    /// How its lab was set: each field with its value.
    pub(super) settings: BTreeMap<String, String>,
    pub(super) kernel: Option<Line>,
}

impl<'a> Case<'a> {
    /// `None` of a cell that says nothing of a change, or of which it is not known how the client fared.
    pub(super) fn of(words: Language, cell: &'a JudgedCell, pages: &'a str) -> Option<Self> {
        if cell.untested().is_some() || rank(cell).is_none() {
            return None;
        }
        let operation = cell.observed.operation.as_ref()?;
        let steps: Vec<&StepRecord> = cell.record.steps.iter().filter(|step| changes(step)).collect();
        let begins = steps.first()?.began?;
        let mut chapters: BTreeSet<Chapter> = BTreeSet::new();
        chapters.extend(steps.iter().filter_map(|step| Chapter::of(&step.action)));
        let chapter = match chapters.into_iter().collect::<Vec<_>>().as_slice() {
            [one] if steps.len() == 1 => *one,
            _ => Chapter::Procedure,
        };
        let mut settings: BTreeMap<String, String> = settings(&cell.record.plan.alone().lab)
            .into_iter()
            // How a program is started says nothing of what clients get.
            .filter(|(key, _)| !key.starts_with("server-program"))
            .collect();
        settings
            .entry("family".to_owned())
            .or_insert_with(|| cell.record.plan.family().as_str().to_owned());
        let between = between(&steps);
        if !between.is_zero() {
            settings.insert(words.between_steps().to_owned(), Human(between).to_string());
        }
        Some(Self {
            cell,
            pages,
            chapter,
            change: nameless(words, cell, &steps),
            kind: Kind {
                about: about(operation, begins),
                in_transaction: in_transaction(cell, begins),
            },
            settings,
            kernel: Line::in_text(&cell.record.environment.kernel),
        })
    }

    /// What it got: the higher, the worse.
    pub(super) fn rank(&self) -> u8 {
        rank(self.cell).unwrap_or_default()
    }

    /// How long its client's operation took, or how long it met silence.
    pub(super) fn time(&self) -> Duration {
        match self.cell.observed.behaviour {
            Behaviour::Answered { after } | Behaviour::FailedFast { after } => after,
            Behaviour::Hung { silence, .. } => silence,
            Behaviour::Undetermined { .. } => Duration::ZERO,
        }
    }

    pub(super) fn id(&self) -> &'a CellRef {
        &self.cell.record.plan.cell
    }

    /// The settings that this one has and `other` has not, or has with another value.
    pub(super) fn beyond(&self, other: &Self) -> BTreeMap<&str, &str> {
        let own = self.settings.iter();
        own.filter(|(key, value)| other.settings.get(*key) != Some(value))
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect()
    }
}

fn rank(cell: &JudgedCell) -> Option<u8> {
    match cell.observed.behaviour {
        Behaviour::Answered { .. } => Some(0),
        Behaviour::FailedFast { .. } => Some(1),
        Behaviour::Hung { end, .. } => Some(match end {
            HangEnd::Answer => 2,
            HangEnd::Error => 3,
            HangEnd::None => 4,
        }),
        Behaviour::Undetermined { .. } => None,
    }
}

/// Was it done, after the client was brought to where it stood, by others than the client?
fn changes(step: &StepRecord) -> bool {
    let phase = match step.phase {
        Phase::Before => false,
        Phase::Change | Phase::Act => true,
    };
    phase && matches!(step.outcome, StepOutcome::Done { .. }) && Chapter::of(&step.action).is_some()
}

/// From the end of the first step of the change to the beginning of the last one.
fn between(steps: &[&StepRecord]) -> Duration {
    let first = steps.first().and_then(|step| step.ended.or(step.began));
    let last = steps.last().and_then(|step| step.began);
    match (first, last) {
        // Below it nobody had meant a gap.
        (Some(first), Some(last)) if last > first && last.since(first) >= Duration::from_millis(500) => {
            let seconds = last.since(first).as_secs_f64().round();
            Duration::from_secs_f64(seconds)
        }
        (_, _) => Duration::ZERO,
    }
}

fn about(operation: &Operation, change: Instant) -> About {
    let connects = operation.what.starts_with("connect");
    match (connects, operation.began < change) {
        (true, true) => About::Connecting,
        (true, false) => About::New,
        (false, true) => About::InFlight,
        (false, false) => About::Idle,
    }
}

/// Was a transaction open when the change began?
fn in_transaction(cell: &JudgedCell, change: Instant) -> bool {
    let mut open = false;
    for step in &cell.record.steps {
        if step.began.is_none_or(|began| began >= change) {
            break;
        }
        if let Some(statement) = step.action.of_client().and_then(|action| action.statement()) {
            let sql = statement.sql.to_ascii_lowercase();
            if sql.starts_with("begin") || sql.starts_with("start transaction") {
                open = true;
            } else if sql.starts_with("commit") || sql.starts_with("rollback") {
                open = false;
            }
        }
    }
    open
}

/// What servers are called in a change, in the order in which it speaks of them.
const PLACES: [&str; 4] = ["S", "T", "U", "V"];

/// The steps in words, with the place of a server in the change instead of its name.
fn nameless(words: Language, cell: &JudgedCell, steps: &[&StepRecord]) -> Vec<String> {
    let mut seen: Vec<&Name> = Vec::new();
    for name in steps.iter().filter_map(|step| step.action.server()) {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    let others = cell.record.plan.real_servers().map(|(name, _)| name);
    seen.extend(others.filter(|name| !steps.iter().any(|step| step.action.server() == Some(*name))));
    steps
        .iter()
        .map(|step| {
            let text = phrasing::action(words, &step.action);
            let named = seen.iter().zip(PLACES);
            named.fold(text, |text, (name, place)| replaced(&text, name.as_str(), place))
        })
        .collect()
}

/// `text` with another word in the place of `word`, wherever it stands by itself.
fn replaced(text: &str, word: &str, by: &str) -> String {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, found) = rest.split_at(at);
        let (found, after) = found.split_at(word.len());
        let alone = !before.ends_with(is_of_word) && !after.starts_with(is_of_word);
        out.push_str(before);
        out.push_str(if alone { by } else { found });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn a_name_is_replaced_where_it_stands_by_itself() {
        let text = "delete rs1 from the table; rs10 and my-rs1 stay, 删除rs1";
        let changed = replaced(text, "rs1", "the server");
        assert_eq!(
            changed,
            "delete the server from the table; rs10 and my-rs1 stay, 删除the server"
        );
    }
}
