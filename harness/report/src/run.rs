//! What a run was, beside its records: enough to lay out reports again from the folder alone.

use crate::count::counted;
use crate::invocation::Invocation;
use crate::part::Part;
use crate::row::{MissingCell, Row};
use lvs_matrix_explain::{Explanation, explain_in};
use lvs_matrix_language::{Language, plural};
use lvs_matrix_model::Name;
use lvs_matrix_model::dry::Trouble;
use lvs_matrix_model::matrix::{CellRef, FIRST, KernelId, Line, Lines};
use lvs_matrix_model::record::{CAPTURE_FILE, Environment, Hashes, Missing, RECORD_FILE};
use lvs_matrix_model::scenario::{Expectation, Observe, Position, Scenario, Source, holds, matches};
use lvs_matrix_model::verdict::{Behaviour, Disagreement, JudgedCell, RunOutcome, disagreements};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::OnceLock;

/// The number of `run.json`'s format. A reader refuses files of another number.
pub const RUN_FORMAT: u32 = 1;
/// The name of the file in the run's folder that holds the [`RunSummary`].
pub const RUN_FILE: &str = "run.json";

/// The name of the report for people: in the run's folder the whole at a glance, in each cell's folder that
/// cell's page.
pub const REPORT_FILE: &str = "report.md";
/// The name of the report for the browser, in the run's folder.
pub const HTML_FILE: &str = "report.html";

/// A run: what was selected and how far it came. Stored as `run.json`, first when the run begins
/// ([`RunState::Begun`]) and again when it ends, so that a killed run can still be reported.
///
/// It holds no time of the host's clock: reports made from it must not differ from one making to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunSummary {
    /// [`RUN_FORMAT`].
    pub format: u32,
    /// The harness's version.
    pub harness: String,
    /// What the run was made with; `None` in runs of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashes: Option<Hashes>,
    /// How far the run came.
    pub state: RunState,
    /// The `--filter` expression as typed; `None` if every cell was selected.
    pub filter: Option<String>,
    /// The kernels that each cell was run on, in the order in which they were asked for; empty in a run that
    /// was asked for none by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kernels: Vec<KernelSummary>,
    /// Which part of a run this is; `None` if it is a whole one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// The language of the reports for people; not written if it is English.
    #[serde(default, skip_serializing_if = "Language::is_default")]
    pub language: Language,
    /// The scenarios in the order in which they were given.
    pub scenarios: Vec<ScenarioSummary>,
    /// The cells that were to be run, in the order of the matrix, scenario by scenario.
    pub selected: Vec<CellRef>,
    /// The dry cells that try their statements without any change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dry: Vec<CellRef>,
}

/// A kernel of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct KernelSummary {
    /// By which its cells know it ([`CellRef::kernel`]).
    pub id: KernelId,
    /// As it was asked for: a version, or a path.
    pub asked: String,
    /// `uname -sr` of it.
    pub kernel: String,
    /// SHA-256 of its file, hexadecimal; `None` if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// How far a run came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// It was begun. If this is what is found afterwards, the harness was killed.
    Begun,
    /// Every selected cell had its turn.
    Ended,
    /// It was stopped before every cell had its turn.
    Interrupted {
        /// By what (`SIGINT`, `no space left on /tmp`).
        reason: String,
    },
}

/// What reports need to know of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ScenarioSummary {
    /// Its name.
    pub name: Name,
    /// Its claim, as the author wrote it.
    pub claim: String,
    /// The claim in Simplified Chinese, if its author gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_zh: Option<String>,
    /// The incident that it reproduces, if its author names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Its axes in the order of the file.
    pub axes: Vec<AxisSummary>,
    /// How the outcome of its cells was watched.
    pub observe: Observe,
    /// Its file as it was named when it was run; `None` for a scenario that came with the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// SHA-256 of its text, hexadecimal; `None` in runs of versions that did not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Where its expectations stand in that file, in the order of the file; empty in runs of versions that
    /// did not note it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expectations: Vec<ExpectationPlace>,
}

/// Where an expectation stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExpectationPlace {
    /// Of which cells it speaks: [`Expectation::when`](lvs_matrix_model::scenario::Expectation::when).
    pub when: Vec<(Name, Vec<Name>)>,
    /// On kernels of which lines; none: on any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kernels: Vec<Lines>,
    /// Where it begins.
    pub position: Position,
}

/// An axis with the names of its values, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct AxisSummary {
    /// Its name.
    pub name: Name,
    /// Its values' names.
    pub values: Vec<Name>,
}

impl From<&Scenario> for ScenarioSummary {
    fn from(scenario: &Scenario) -> Self {
        Self {
            name: scenario.name.clone(),
            claim: scenario.claim.clone(),
            claim_zh: scenario.claim_zh.clone(),
            source: scenario.source.clone(),
            axes: scenario
                .axes
                .iter()
                .map(|axis| AxisSummary {
                    name: axis.name.clone(),
                    values: axis.values.iter().map(|value| value.name.clone()).collect(),
                })
                .collect(),
            observe: scenario.observe,
            file: None,
            sha256: None,
            expectations: scenario.expectations.iter().map(ExpectationPlace::from).collect(),
        }
    }
}

impl From<&Expectation> for ExpectationPlace {
    fn from(expectation: &Expectation) -> Self {
        Self {
            when: expectation.when.clone(),
            kernels: expectation.kernels.clone(),
            position: expectation.position,
        }
    }
}

impl ScenarioSummary {
    /// Where the expectation stands that speaks of `cell` on a kernel of this line. Where the line is not
    /// known, only an expectation that is true of all is known to speak of it.
    pub(crate) fn expectation_of(&self, cell: &CellRef, line: Option<Line>) -> Option<&ExpectationPlace> {
        let on = |place: &ExpectationPlace| {
            line.map_or(place.kernels.is_empty(), |line| holds(&place.kernels, line))
        };
        let mut places = self.expectations.iter();
        places.find(|place| matches(&place.when, cell) && on(place))
    }

    /// Its claim in the language of a report, if its author gives it in that language; else as it is.
    pub(crate) fn claim_in(&self, words: Language) -> &str {
        match words {
            Language::English => &self.claim,
            Language::Chinese => self.claim_zh.as_deref().unwrap_or(&self.claim),
        }
    }

    /// How many cells the scenario has, selected or not.
    #[must_use]
    pub fn cell_count(&self) -> usize {
        self.axes.iter().map(|axis| axis.values.len()).product()
    }
}

/// A run with everything that judging its records gave: what every report is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct RunReport {
    run: RunSummary,
    cells: Vec<JudgedCell>,
    missing: Vec<MissingCell>,
    disagreements: Vec<Disagreement>,
    dry: Vec<DryReport>,
    invocation: Option<Invocation>,
    explained: Explained,
}

/// Why the clients of all cells hung or failed, in each language: found out once, when it is first asked for.
/// `None` of a cell that has no cause.
#[derive(Debug, Clone, Default)]
struct Explained([OnceLock<Vec<Option<Explanation>>>; Language::ALL.len()]);

/// It follows from the cells, so reports that are equal without it are equal.
impl PartialEq for Explained {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What a dry cell showed of the cells for which it was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DryReport {
    /// A statement, or the connect, fails without any change.
    Fails {
        /// What fails, and how.
        trouble: Trouble,
        /// How many cells rest on it.
        cells: usize,
    },
    /// Nothing: the lab failed, or there is no record.
    Unknown {
        /// Which dry cell.
        cell: CellRef,
        /// Why.
        reason: String,
    },
}

impl DryReport {
    /// In a line.
    #[must_use]
    pub fn line(&self) -> String {
        match self {
            Self::Fails { trouble, cells } => format!(
                "{}; what {} came to says nothing of a change",
                trouble.sentence(),
                plural(*cells, "cell")
            ),
            Self::Unknown { cell, reason } => {
                format!(
                    "{cell}: whether the statements are answered without any change is not known: {reason}"
                )
            }
        }
    }
}

/// Did its client hang or fail, and does that say something of the change?
fn has_a_cause(cell: &JudgedCell) -> bool {
    cell.untested().is_none()
        && match cell.observed.behaviour {
            Behaviour::Hung { .. } | Behaviour::FailedFast { .. } => true,
            Behaviour::Answered { .. } | Behaviour::Undetermined { .. } => false,
        }
}

impl RunReport {
    /// Puts `judged` into the order of `run.selected`. A selected cell that is neither in `judged` nor in
    /// `unreadable` is listed as missing with a reason taken from the run's state. A cell that was not
    /// selected is not shown.
    #[must_use]
    pub fn new(run: RunSummary, judged: Vec<JudgedCell>, unreadable: Vec<MissingCell>) -> Self {
        let mut judged: HashMap<CellRef, JudgedCell> = judged
            .into_iter()
            .map(|cell| (cell.record.plan.cell.clone(), cell))
            .collect();
        let mut unreadable: HashMap<CellRef, MissingCell> = unreadable
            .into_iter()
            .map(|missing| (missing.cell.clone(), missing))
            .collect();
        let mut cells = Vec::with_capacity(run.selected.len());
        let mut missing = Vec::new();
        for cell in &run.selected {
            if let Some(judged) = judged.remove(cell) {
                cells.push(judged);
            } else {
                missing.push(unreadable.remove(cell).unwrap_or_else(|| MissingCell {
                    cell: cell.clone(),
                    reason: run.state.reason_of_a_missing_record(),
                }));
            }
        }
        let disagreements = disagreements(&cells);
        Self {
            run,
            cells,
            missing,
            disagreements,
            dry: Vec::new(),
            invocation: None,
            explained: Explained::default(),
        }
    }

    /// The part of it that is about one scenario.
    #[must_use]
    pub fn of_scenario(&self, scenario: &Name) -> Self {
        let is_own = |cell: &CellRef| cell.scenario == *scenario;
        let mut run = self.run.clone();
        run.scenarios.retain(|one| one.name == *scenario);
        run.selected.retain(is_own);
        run.dry.retain(is_own);
        let cells = self.cells.iter().filter(|cell| is_own(&cell.record.plan.cell));
        let missing = self.missing.iter().filter(|missing| is_own(&missing.cell));
        Self::new(run, cells.cloned().collect(), missing.cloned().collect())
    }

    /// The cells whose clients hung or failed, and that tested something, each with why.
    pub(crate) fn explained(&self, words: Language) -> impl Iterator<Item = (&JudgedCell, &Explanation)> {
        let place = Language::ALL.iter().position(|language| *language == words);
        let known = place.and_then(|place| self.explained.0.get(place));
        let found = || {
            let cells = self.cells.iter();
            let asked = cells.map(|cell| has_a_cause(cell).then(|| explain_in(words, cell)));
            asked.collect()
        };
        let known = known.map(|known| known.get_or_init(found));
        let cells = self.cells.iter().zip(known.into_iter().flatten());
        cells.filter_map(|(cell, why)| Some((cell, why.as_ref()?)))
    }

    /// The same with how the run was called, if that is known.
    #[must_use]
    pub fn with_invocation(mut self, invocation: Option<Invocation>) -> Self {
        self.invocation = invocation;
        self
    }

    /// How the run was called.
    #[must_use]
    pub fn invocation(&self) -> Option<&Invocation> {
        self.invocation.as_ref()
    }

    /// The same with what dry cells showed.
    #[must_use]
    pub fn with_dry(mut self, dry: Vec<DryReport>) -> Self {
        self.dry = dry;
        self
    }

    /// What dry cells showed that needs a look.
    #[must_use]
    pub fn dry(&self) -> &[DryReport] {
        &self.dry
    }

    /// The same with reports for people in another language than the run's.
    #[must_use]
    pub fn in_language(mut self, language: Language) -> Self {
        self.run.language = language;
        self
    }

    /// The language of the reports for people.
    #[must_use]
    pub fn language(&self) -> Language {
        self.run.language
    }

    /// What the run was.
    #[must_use]
    pub fn run(&self) -> &RunSummary {
        &self.run
    }

    /// The judged cells in the order of the matrix.
    #[must_use]
    pub fn cells(&self) -> &[JudgedCell] {
        &self.cells
    }

    /// The judged cell with this id (`config-change/absent_up_execute-sql_0`).
    #[must_use]
    pub fn cell(&self, id: &str) -> Option<&JudgedCell> {
        let mut cells = self.cells.iter();
        cells.find(|cell| cell.record.plan.cell.to_string() == id)
    }

    /// Where the cells ran, each with how many did. Cells of one run share it, unless the run was put
    /// together from several places.
    pub(crate) fn environments(&self) -> Vec<(&Environment, usize)> {
        counted(self.cells.iter().map(|cell| &cell.record.environment))
    }

    /// The line of the kernel that a cell was run on; without kernels by name that of any cell.
    pub(crate) fn line_of(&self, cell: &CellRef) -> Option<Line> {
        let own = cell.kernel.as_ref();
        let mut cells = self.cells.iter().filter(|_| own.is_none());
        let of_run = || cells.find_map(|cell| Line::in_text(&cell.record.environment.kernel));
        own.map_or_else(of_run, KernelId::line)
    }

    /// The scenario of a cell.
    pub(crate) fn scenario_of(&self, cell: &CellRef) -> Option<&ScenarioSummary> {
        let mut scenarios = self.run.scenarios.iter();
        scenarios.find(|scenario| scenario.name == cell.scenario)
    }

    /// The selected cells without a readable record, in the order of the matrix.
    #[must_use]
    pub fn missing(&self) -> &[MissingCell] {
        &self.missing
    }

    /// The cells that need a look: violated first, then those that tested nothing and undetermined ones, each
    /// in the order of the matrix.
    pub(crate) fn needing_a_look(&self) -> impl Iterator<Item = &JudgedCell> {
        let of = |outcome| {
            self.cells
                .iter()
                .filter(move |cell| RunOutcome::from(&cell.verdict) == outcome)
        };
        of(RunOutcome::Violated).chain(of(RunOutcome::Undetermined))
    }

    /// Other cells of which a word is to be said: the client says otherwise than the packets, or tried
    /// several connections.
    pub(crate) fn with_besides(&self) -> impl Iterator<Item = &JudgedCell> {
        self.cells.iter().filter(|cell| {
            let judged = match RunOutcome::from(&cell.verdict) {
                RunOutcome::Violated | RunOutcome::Undetermined | RunOutcome::Disagreeing => false,
                RunOutcome::Met => true,
            };
            judged
                && !lvs_matrix_language::phrasing::besides(lvs_matrix_language::Language::English, cell)
                    .is_empty()
        })
    }

    /// The cells whose repetitions do not agree.
    #[must_use]
    pub fn disagreements(&self) -> &[Disagreement] {
        &self.disagreements
    }

    /// How many times each cell was to be run.
    #[must_use]
    pub fn repetitions(&self) -> usize {
        let last = self.run.selected.iter().map(|cell| cell.repetition).max();
        last.map_or(1, |last| usize::try_from(last.get()).unwrap_or(usize::MAX))
    }

    /// The rows of a scenario's table in the order of the matrix: the first repetition of each cell, and
    /// those that are not like it, or need a look themselves.
    pub(crate) fn rows<'a>(&'a self, scenario: &'a Name) -> impl Iterator<Item = Row<'a>> {
        let mut groups: Vec<Vec<Row<'a>>> = Vec::new();
        let mut places: HashMap<CellRef, usize> = HashMap::new();
        for row in self.all_rows(scenario) {
            let at = *places.entry(row.cell().repeated(FIRST)).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(at)
                && !group.first().is_some_and(|first| first.is_like(row))
            {
                group.push(row);
            }
        }
        groups.into_iter().flatten()
    }

    /// Every repetition of every cell of a scenario, in the order of the matrix, judged or missing.
    pub(crate) fn all_rows<'a>(&'a self, scenario: &'a Name) -> impl Iterator<Item = Row<'a>> {
        let mut cells = self.cells.iter().peekable();
        let mut missing = self.missing.iter().peekable();
        self.run.selected.iter().filter_map(move |selected| {
            let row = if let Some(cell) = cells.next_if(|cell| &cell.record.plan.cell == selected) {
                Row::Judged(cell)
            } else {
                Row::Missing(missing.next_if(|missing| &missing.cell == selected)?)
            };
            (&selected.scenario == scenario).then_some(row)
        })
    }
}

impl RunState {
    fn reason_of_a_missing_record(&self) -> Missing {
        match self {
            Self::Begun => Missing::Killed,
            Self::Ended => Missing::NotLeft,
            Self::Interrupted { reason } => Missing::Interrupted {
                reason: reason.clone(),
            },
        }
    }
}

/// The record of a cell, relative to the run's folder.
#[must_use]
pub fn record_path(cell: &CellRef) -> String {
    format!("{cell}/{RECORD_FILE}")
}

/// The page of a cell with all its evidence, relative to the run's folder.
#[must_use]
pub fn cell_report_path(cell: &CellRef) -> String {
    format!("{cell}/{REPORT_FILE}")
}

/// The capture of a cell, relative to the run's folder.
#[must_use]
pub fn capture_path(cell: &CellRef) -> String {
    format!("{cell}/{CAPTURE_FILE}")
}
