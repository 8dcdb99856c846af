//! What a run found: cells whose clients hung or failed for one cause, told of at once, and what avoids it,
//! each piece of advice once.

use crate::count::count;
use crate::run::RunReport;
use lvs_matrix_explain::Explanation;
use lvs_matrix_language::Language;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::verdict::{Behaviour, JudgedCell};
use std::collections::HashMap;

/// What was found in a run.
#[derive(Debug, Default)]
pub(crate) struct Found<'a> {
    /// In so many cells the client was answered.
    pub(crate) answered: usize,
    /// Hangs first, then what has most cells; else in the order of the matrix.
    pub(crate) causes: Vec<Cause<'a>>,
    /// What avoids them. First what is given in most cells that hung, then in most cells.
    pub(crate) advice: Vec<Advice>,
}

/// Cells whose clients fared badly for the same cause.
#[derive(Debug)]
pub(crate) struct Cause<'a> {
    /// Did the clients hang, or did they fail fast?
    pub(crate) hung: bool,
    /// The rules that decide, each with its sentence, in the order in which they first came up; none if no
    /// rule says why.
    pub(crate) rules: Vec<(&'static str, String)>,
    /// At least one, in the order of the matrix.
    pub(crate) cells: Vec<&'a JudgedCell>,
    /// What avoids it: kinds of advice, each with the number of these cells in which it is given; first what
    /// is given in most of them.
    pub(crate) advice: Vec<(&'static str, usize)>,
}

/// A piece of advice.
#[derive(Debug)]
pub(crate) struct Advice {
    /// The name of its kind.
    pub(crate) kind: &'static str,
    /// In how many cells it is given.
    pub(crate) cells: usize,
    /// In how many of these the client hung.
    hung: usize,
    /// Its sentences, with the number of cells that have these names and addresses in them.
    texts: Vec<(String, usize)>,
}

impl Advice {
    fn of(kind: &'static str) -> Self {
        Self {
            kind,
            cells: 0,
            hung: 0,
            texts: Vec::new(),
        }
    }

    /// Another cell has it.
    fn add(&mut self, text: String, hung: bool) {
        self.cells += 1;
        self.hung += usize::from(hung);
        count(&mut self.texts, text);
    }

    /// Its sentences as most cells have them; of several the first.
    pub(crate) fn text(&self) -> &str {
        let texts = self.texts.iter().rev();
        texts.max_by_key(|(_, cells)| *cells).map_or("", |(text, _)| text)
    }
}

impl<'a> Found<'a> {
    /// What was found in the cells that tested something and of which it is known how the client fared.
    pub(crate) fn of(words: Language, report: &'a RunReport) -> Self {
        let mut found = Self::default();
        let answered = report.cells().iter().filter(|cell| {
            cell.untested().is_none() && matches!(cell.observed.behaviour, Behaviour::Answered { .. })
        });
        found.answered = answered.count();
        for (cell, why) in report.explained(words) {
            found.add(cell, why);
        }
        // Stable: what has as many cells stays in the order of the matrix.
        found
            .causes
            .sort_by_key(|cause| (!cause.hung, std::cmp::Reverse(cause.cells.len())));
        for cause in &mut found.causes {
            cause.advice.sort_by_key(|(_, cells)| std::cmp::Reverse(*cells));
        }
        found
            .advice
            .sort_by_key(|advice| std::cmp::Reverse((advice.hung, advice.cells)));
        found
    }

    fn add(&mut self, cell: &'a JudgedCell, explanation: &Explanation) {
        let hung = matches!(cell.observed.behaviour, Behaviour::Hung { .. });
        let mut rules: Vec<(&'static str, String)> = Vec::new();
        for paragraph in &explanation.paragraphs {
            if let Some(text) = paragraph.cause.clone()
                && !rules.iter().any(|(rule, _)| *rule == paragraph.rule)
            {
                rules.push((paragraph.rule, text));
            }
        }
        let same = |cause: &Cause<'_>| {
            let names = |rules: &[(&'static str, String)]| {
                let mut names: Vec<&str> = rules.iter().map(|(rule, _)| *rule).collect();
                names.sort_unstable();
                names
            };
            cause.hung == hung && names(&cause.rules) == names(&rules)
        };
        let at = self.causes.iter().position(same).unwrap_or(self.causes.len());
        if at == self.causes.len() {
            self.causes.push(Cause {
                hung,
                rules,
                cells: Vec::new(),
                advice: Vec::new(),
            });
        }
        let mut kinds: Vec<&str> = Vec::new();
        for advised in &explanation.advice {
            // Of two pieces of a kind the cell counts once.
            if kinds.contains(&advised.kind) {
                continue;
            }
            kinds.push(advised.kind);
            let known = self.advice.iter().position(|known| known.kind == advised.kind);
            let place = known.unwrap_or(self.advice.len());
            if known.is_none() {
                self.advice.push(Advice::of(advised.kind));
            }
            if let Some(known) = self.advice.get_mut(place) {
                known.add(advised.text.clone(), hung);
            }
            let Some(cause) = self.causes.get_mut(at) else {
                continue;
            };
            count(&mut cause.advice, advised.kind);
        }
        if let Some(cause) = self.causes.get_mut(at) {
            cause.cells.push(cell);
        }
    }

    /// For each cell its cause, by [`Cause::key`].
    pub(crate) fn keys(&self) -> HashMap<&'a CellRef, String> {
        let of = |cause: &Cause<'a>| {
            let key = cause.key();
            let cells = cause.cells.iter();
            cells
                .map(move |cell| (&cell.record.plan.cell, key.clone()))
                .collect::<Vec<_>>()
        };
        self.causes.iter().flat_map(of).collect()
    }

    /// In how many cells the client hung, and in how many it failed fast.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let of = |hung| {
            let causes = self.causes.iter().filter(|cause| cause.hung == hung);
            causes.map(|cause| cause.cells.len()).sum()
        };
        (of(true), of(false))
    }
}

impl Cause<'_> {
    /// The rules that decide, by which cells of this cause are selected in a page: `hung` or `failed-fast`,
    /// then their names.
    pub(crate) fn key(&self) -> String {
        let behaviour = if self.hung { "hung" } else { "failed-fast" };
        let rules = self.rules.iter().map(|(rule, _)| *rule);
        [behaviour].into_iter().chain(rules).collect::<Vec<_>>().join("+")
    }

    /// Why, in a sentence for each rule.
    pub(crate) fn why(&self, words: Language) -> String {
        if self.rules.is_empty() {
            return words.no_rule_says_why().to_owned();
        }
        let texts: Vec<&str> = self.rules.iter().map(|(_, text)| text.as_str()).collect();
        texts.join(words.after_sentence())
    }
}
