//! The page of a search: what was found, and how much of what there is was seen. English only, as what it is
//! made of: the texts of rules and steps.

use crate::blocks::html::{Printer, inline};
use crate::blocks::{Block, Cell, Row, Section, Table, code, foreign, link, markdown, phrase, prose, strong};
use crate::escape::xml;
use crate::html::{bare_head, page_end};
use lvs_matrix_language::{Language, plural};
use std::fmt::{Result, Write as _};

/// A search, with what it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exploration {
    /// The scenario's name.
    pub name: String,
    /// What it claims.
    pub claim: String,
    /// Where chance began.
    pub seed: u64,
    /// Why it ended early, if it did.
    pub stopped: Option<String>,
    /// How many cells say nothing certain.
    pub undetermined: usize,
    /// How the knowledge grew; the last one is what is known now.
    pub growth: Vec<Knowledge>,
    /// What was found, in the order of the page.
    pub findings: Vec<Found>,
    /// Actions that no sequence had, as they stand in a scenario.
    pub unused: Vec<String>,
    /// Where the report of the run lies in which each finding was repeated, from the page.
    pub run: Option<String>,
}

/// How much was known after so many cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Knowledge {
    /// Cells that were run.
    pub cells: usize,
    /// Signatures that they had.
    pub signatures: usize,
    /// Findings among those.
    pub findings: usize,
}

/// Something that must never happen, and happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What, by the fields of `never`.
    pub breaches: Vec<String>,
    /// What the client lived through: `hung, ends: error, 2013`.
    pub lived_through: String,
    /// The shortest sequence that shows it.
    pub steps: Vec<String>,
    /// The values of the lab that are not the first ones: `axis=value`.
    pub lab: Vec<String>,
    /// The rules of `explain` that hold.
    pub rules: Vec<String>,
    /// Do they explain all of it?
    pub explained: bool,
    /// How many cells showed it, and the number of the first.
    pub seen: usize,
    /// The number of the first of these cells.
    pub first: usize,
    /// How it went when it was run again.
    pub again: Again,
    /// Its scenario, from the page.
    pub file: Option<String>,
    /// Why it is so, a sentence or more each.
    pub explanation: Vec<String>,
}

/// How a finding went when it was run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It was not run again yet.
    NotYet,
    /// It was so in `held` of `times`.
    So {
        /// How often.
        held: usize,
        /// Of how many.
        times: usize,
    },
}

impl Again {
    /// In words.
    #[must_use]
    pub fn in_words(self) -> String {
        match self {
            Self::NotYet => "not run again yet".to_owned(),
            Self::So { held, times } if held == times => format!("repeats: so in {held} of {times}"),
            Self::So { held, times } => format!("does not repeat: so in {held} of {times}"),
        }
    }
}

impl Exploration {
    fn known(&self) -> Knowledge {
        self.growth.last().copied().unwrap_or(Knowledge {
            cells: 0,
            signatures: 0,
            findings: 0,
        })
    }

    /// The result in a line, as the command prints it.
    #[must_use]
    pub fn headline(&self) -> String {
        let known = self.known();
        let unexplained = self.findings.iter().filter(|finding| !finding.explained).count();
        let unexplained = match unexplained {
            0 => String::new(),
            count => format!(", {count} of them unexplained"),
        };
        format!(
            "{}: {} with seed {}, {}, {}{unexplained}{}",
            self.name,
            plural(known.cells, "cell"),
            self.seed,
            plural(known.signatures, "signature"),
            plural(self.findings.len(), "finding"),
            self.stopped.as_ref().map_or_else(String::new, |reason| format!(
                "; stopped by {reason} before its end"
            )),
        )
    }

    fn sections(&self) -> Vec<Section> {
        let mut findings: Vec<Block> = Vec::new();
        if self.findings.is_empty() {
            findings.push(Block::paragraph("Nothing of what must never happen happened."));
        } else {
            findings.push(Block::Note(
                "What no rule explains comes first: it is new, or a mistake. Each finding is the shortest \
                 sequence and the simplest lab that show it."
                    .to_owned(),
            ));
        }
        for (number, finding) in self.findings.iter().enumerate() {
            findings.extend(finding.blocks(number + 1));
        }
        let mut sections = vec![Section::new("Findings", findings)];
        sections.push(Section::new("How much was seen", self.seen()));
        if !self.unused.is_empty() {
            let unused = self.unused.iter().map(|step| code(step).into()).collect();
            sections.push(Section::new(
                "What never came about",
                vec![
                    Block::Note(
                        "Actions of the scenario that no sequence had: they fit into none, or chance has not \
                         come to them yet."
                            .to_owned(),
                    ),
                    Block::List(unused),
                ],
            ));
        }
        sections
    }

    fn seen(&self) -> Vec<Block> {
        let known = self.known();
        let mut blocks = vec![Block::paragraph(format!(
            "{} had {}. A signature is what the client lived through, the rules of `explain` that hold, and \
             the states of the director's entries.",
            plural(known.cells, "cell"),
            plural(known.signatures, "signature"),
        ))];
        if self.undetermined > 0 {
            blocks.push(Block::paragraph(format!(
                "{} of these cells say nothing certain: a step before the last one did not come about, or \
                 the lab failed.",
                self.undetermined
            )));
        }
        let rows = thinned(&self.growth).map(|known| {
            let numbers = [known.cells, known.signatures, known.findings];
            Row::of(numbers.map(|number| Cell::Text(number.to_string())).into())
        });
        let columns = [("cells", true), ("signatures", true), ("findings", true)];
        blocks.push(Block::Table(Table::new(
            "Growth",
            "growth",
            columns,
            rows.collect(),
        )));
        blocks
    }
}

/// At most so many rows show how the knowledge grew.
const ROWS: usize = 24;

/// Some of the growth, evenly, with its end.
fn thinned(growth: &[Knowledge]) -> impl Iterator<Item = Knowledge> {
    let step = growth.len().div_ceil(ROWS).max(1);
    let last = growth.len().saturating_sub(1) % step;
    growth.iter().copied().skip(last).step_by(step)
}

impl Found {
    fn blocks(&self, number: usize) -> Vec<Block> {
        let known = if self.explained { "" } else { " (unexplained)" };
        let title = format!("{number}. {}{known}", foreign(&self.lived_through));
        let steps: Vec<String> = self.steps.iter().map(|step| phrase(step)).collect();
        let codes = |texts: &[String], none: &str| match texts {
            [] => none.to_owned(),
            texts => texts.iter().map(|text| code(text)).collect::<Vec<_>>().join(", "),
        };
        let again = self.again.in_words();
        let again = match self.again {
            Again::So { held, times } if held < times => strong(&again),
            Again::So { .. } | Again::NotYet => again,
        };
        let mut facts = vec![
            ("steps".to_owned(), steps.join("; ")),
            ("must never happen".to_owned(), self.breaches.join(", ")),
            ("lab".to_owned(), codes(&self.lab, "the simplest")),
            ("rules".to_owned(), codes(&self.rules, "none")),
            (
                "seen".to_owned(),
                format!(
                    "in {}, first in cell {}; {again}",
                    plural(self.seen, "cell"),
                    self.first
                ),
            ),
        ];
        facts.extend(
            self.file
                .as_ref()
                .map(|file| ("scenario".to_owned(), link(file, &foreign(file)))),
        );
        let mut blocks = vec![Block::Heading(title), Block::Facts(facts)];
        if !self.explanation.is_empty() {
            let sentences = self.explanation.iter().map(|text| prose(text).into());
            blocks.push(Block::List(sentences.collect()));
        }
        blocks
    }
}

/// The page as markdown, ending with a newline.
#[must_use]
pub fn exploration_markdown(exploration: &Exploration) -> String {
    markdown::whole(|out| as_markdown(out, exploration))
}

fn as_markdown(out: &mut String, exploration: &Exploration) -> Result {
    writeln!(out, "# {}\n", markdown::inline(&foreign(&exploration.headline())))?;
    let words = Language::English;
    markdown::blocks(out, words, &top(exploration))?;
    for section in exploration.sections() {
        markdown::section(out, words, &section)?;
    }
    Ok(())
}

/// The page as one HTML file, ending with a newline.
#[must_use]
pub fn exploration_html(exploration: &Exploration) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail; the result is only there for `?`.
    let _ = as_html(&mut out, exploration);
    out
}

fn as_html(out: &mut String, exploration: &Exploration) -> Result {
    let words = Language::English;
    bare_head(out, words, &xml(&exploration.headline()))?;
    writeln!(
        out,
        "<main>\n<h1>{}</h1>",
        inline(&foreign(&exploration.headline()))
    )?;
    let printer = Printer::of_run(words);
    printer.blocks(out, &top(exploration))?;
    for section in exploration.sections() {
        printer.section(out, Some(&section))?;
    }
    out.push_str("</main>\n");
    page_end(out);
    Ok(())
}

fn top(exploration: &Exploration) -> Vec<Block> {
    let mut blocks = vec![Block::Quote(vec![foreign(&exploration.claim)])];
    if let Some(run) = &exploration.run {
        let run = link(run, "a report of its own");
        blocks.push(Block::paragraph(format!(
            "Each finding was run again, five times, which has {run}."
        )));
    }
    blocks
}
