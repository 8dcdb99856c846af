//! `explore`: searches sequences of actions for what must never happen.

use crate::args::ExploreArguments;
use crate::environment::Environment;
use crate::error::Failure;
use crate::explore_folder::{SearchFolder, Subject, fingerprint};
use crate::explore_progress::{Progress, in_words};
use crate::guests::Event;
use crate::output;
use crate::run_on::RunOn;
use crate::scenarios::{self, Selected};
use crate::sequences::Sequences;
use crate::shipped;
use crate::stop::Stop;
use crate::unfinished;
use lvs_matrix_explain::explain;
use lvs_matrix_explore::{Candidate, Finding, GENERATION, Outcome, Search, outcome, scenario_of};
use lvs_matrix_model::Name;
use lvs_matrix_model::matrix::DEFAULT_LINE;
use lvs_matrix_model::scenario::{Never, Scenario, written_step};
use lvs_matrix_model::verdict::JudgedCell;
use lvs_matrix_report::{
    Again, Exploration, Found, HTML_FILE, Knowledge, exploration_html, exploration_markdown, plural,
};
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Where the parts of the result lie in its folder.
const FINDINGS: &str = "findings";
const RUN: &str = "run";
const PAGE: &str = "explore.md";
const HTML_PAGE: &str = "explore.html";
/// How long is searched if nothing is said.
const DEFAULT_TIME: Duration = Duration::from_secs(600);
/// So often each finding is run again.
const REPEATS: NonZero<u32> = NonZero::new(5).unwrap();
/// Exit codes.
const FOUND: u8 = 1;
const NOT_KNOWN: u8 = 3;

/// `explore`.
pub(crate) fn explore(arguments: &ExploreArguments) -> Result<ExitCode, Failure> {
    let on = RunOn {
        machine: &arguments.on,
        repeat: REPEATS,
        quiet: arguments.quiet,
    };
    let selected = selected(&arguments.file)?;
    let [searched] = selected.as_slice() else {
        return Err(Failure::Software("one file gave several scenarios".to_owned()));
    };
    let scenario = &searched.scenario;
    let nothing = || {
        Failure::Mistake(format!(
            "{} has no `explore` section, which says what is searched; docs/exploring.md tells how to write \
             one, and `lvs-matrix explore everything` needs none",
            arguments.file.display()
        ))
    };
    let never = &scenario.explore.as_ref().ok_or_else(nothing)?.never;
    let mut search = Search::new(scenario, arguments.seed).ok_or_else(nothing)?;
    if !searched.warnings.is_empty() {
        output::talk(&searched.warnings);
    }
    let what = on.arguments(std::slice::from_ref(&arguments.file))?.what;
    let environment = Environment::find(&what, &[], &selected)?;
    let stop = Stop::on_signals()?;
    let name = scenario.name.as_str();
    let subject = Subject::new(
        name,
        &searched.sha256,
        arguments.seed,
        &environment.kernels.hashes(),
    );
    let folder = SearchFolder::open(arguments.out.as_deref(), &subject)?;
    let _held = unfinished::hold(folder.path()).ok_or_else(|| {
        Failure::Mistake(format!(
            "another search works in {}; name another folder (--out)",
            folder.path().display()
        ))
    })?;
    folder.replay(&mut search)?;
    let before = search.cells();
    if before > 0 {
        output::talk(&format!(
            "going on after {}: {}",
            plural(before, "cell"),
            in_words(&search)
        ));
    }
    let sequences = Sequences {
        scenario,
        sha256: &searched.sha256,
        folder: searched.folder(),
        environment,
        jobs: arguments.on.jobs,
        out: folder.path(),
        stop: &stop,
    };
    let work = Work {
        sequences: &sequences,
        folder: &folder,
        never,
        progress: Progress::new(arguments.quiet),
    };
    let whole = work.search(&mut search, arguments)?;
    let shown = if whole { work.confirm(&search, &on)? } else { None };
    let stopped = stop.reason();
    let out = folder.path();
    let page = exploration(
        &search,
        scenario,
        arguments.seed,
        shown.as_deref(),
        stopped.clone(),
    );
    output::write_file(out, PAGE, &exploration_markdown(&page))?;
    output::write_file(out, HTML_PAGE, &exploration_html(&page))?;
    folder.link_latest()?;
    output::data(&text(&page, out))?;
    if let Some(reason) = &stopped {
        output::talk(&format!(
            "stopped by {reason}; go on with the same command and --out {}",
            out.display()
        ));
    }
    let not_known = stopped.is_some() || search.undetermined() > 0;
    Ok(match (search.findings().is_empty(), not_known) {
        (false, _) => ExitCode::from(FOUND),
        (true, true) => ExitCode::from(NOT_KNOWN),
        (true, false) => ExitCode::SUCCESS,
    })
}

/// The scenario: a file, or a shipped search of this name where there is none.
fn selected(file: &Path) -> Result<Vec<Selected>, Failure> {
    match shipped::search(file) {
        Some(search) => scenarios::select_shipped(search),
        None => scenarios::select(&[file.to_owned()], &[], &[(None, DEFAULT_LINE)]),
    }
}

/// A search at work.
struct Work<'a> {
    sequences: &'a Sequences<'a>,
    folder: &'a SearchFolder,
    never: &'a Never,
    progress: Progress,
}

impl Work<'_> {
    /// Searches until the cells or the time are used up, then makes what was found as simple as can be; false
    /// if it was stopped before.
    fn search(&self, search: &mut Search<'_>, arguments: &ExploreArguments) -> Result<bool, Failure> {
        let began = Instant::now();
        let limit = match arguments.cells {
            Some(_) => None,
            None => Some(arguments.limit.unwrap_or(DEFAULT_TIME)),
        };
        let mut drawn_out = false;
        let whole = loop {
            if self.sequences.stop.reason().is_some() {
                break false;
            }
            let left = arguments
                .cells
                .map_or(GENERATION, |cells| cells.get().saturating_sub(search.cells()));
            let searching = !drawn_out && left > 0 && limit.is_none_or(|limit| began.elapsed() < limit);
            let most = if searching {
                left.min(GENERATION)
            } else {
                GENERATION
            };
            let candidates = search.next_generation(most, searching).to_vec();
            if candidates.is_empty() {
                if searching {
                    drawn_out = true;
                    self.progress.aside("every sequence that could be drawn was run");
                    self.folder.note((most, searching), fingerprint(&[]), &[])?;
                    search.learn(Vec::new());
                    continue;
                }
                break true;
            }
            let Some(cells) = self.run(&candidates)? else {
                break false;
            };
            let outcomes: Vec<Outcome> = cells
                .iter()
                .map(|cell| match cell {
                    Ok(cell) => outcome(cell, self.never),
                    Err(_) => Outcome::undetermined(),
                })
                .collect();
            self.folder
                .note((most, searching), fingerprint(&candidates), &outcomes)?;
            search.learn(outcomes);
            let purpose = if searching { "" } else { "making findings simpler" };
            self.progress.learned(search, purpose);
        };
        self.progress.over();
        Ok(whole)
    }

    fn run(&self, candidates: &[Candidate]) -> Result<Option<Vec<Result<JudgedCell, String>>>, Failure> {
        self.sequences.run(candidates, &mut |event| match event {
            Event::Recorded(_) | Event::Unfinished(_) => self.progress.recorded(),
            Event::Started(_) | Event::Reached(_, _) => {}
            Event::Trouble(text) => self.progress.aside(&text),
        })
    }

    /// Writes the findings as scenarios, and runs each of them again and again; `None` if that was stopped.
    fn confirm(&self, search: &Search<'_>, on: &RunOn<'_>) -> Result<Option<Vec<Confirmed>>, Failure> {
        let findings = search.findings();
        let folder = self.folder.clear(FINDINGS)?;
        let run = self.folder.clear(RUN)?;
        if findings.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let candidates: Vec<Candidate> = findings.iter().map(|finding| finding.candidate.clone()).collect();
        let Some(cells) = self.run(&candidates)? else {
            return Ok(None);
        };
        fs::create_dir(&folder)
            .map_err(|error| Failure::Software(format!("cannot make {}: {error}", folder.display())))?;
        let mut confirmed = Vec::new();
        for (number, (finding, cell)) in findings.iter().zip(&cells).enumerate() {
            let name = finding.name(number + 1);
            let file = cell.as_ref().ok().zip(name).and_then(|(cell, name)| {
                let scenario = self.sequences.scenario;
                let text = scenario_of(scenario, finding, name.clone(), cell, &explain(cell))?;
                Some((name, text))
            });
            let explanation = cell.as_ref().map(explain).ok();
            let paragraphs = explanation
                .into_iter()
                .flat_map(|explanation| explanation.paragraphs);
            confirmed.push(Confirmed {
                name: file.as_ref().map(|(name, _)| name.clone()),
                held: 0,
                explanation: paragraphs.map(|paragraph| paragraph.text).collect(),
            });
            if let Some((name, text)) = file {
                output::write_file(&folder, &format!("{name}.yaml"), &text)?;
            }
        }
        let names = confirmed.iter().filter_map(|one| one.name.as_ref());
        let files: Vec<PathBuf> = names.map(|name| folder.join(format!("{name}.yaml"))).collect();
        if files.is_empty() {
            return Ok(Some(confirmed));
        }
        let report = on.run(&files, &run, self.sequences.stop)?;
        if self.sequences.stop.reason().is_some() {
            return Ok(None);
        }
        for (one, finding) in confirmed.iter_mut().zip(&findings) {
            let Some(name) = &one.name else { continue };
            let own = report
                .cells()
                .iter()
                .filter(|cell| cell.record.plan.cell.scenario == *name);
            let same = own.filter(|cell| finding.is_shown_by(&outcome(cell, self.never)));
            one.held = same.count();
        }
        Ok(Some(confirmed))
    }
}

/// What became of a finding when it was run again.
struct Confirmed {
    /// The name of its scenario; `None` if its cell said nothing certain when it was run again.
    name: Option<Name>,
    /// How many times of [`REPEATS`] it was so again.
    held: usize,
    /// Why it is so.
    explanation: Vec<String>,
}

impl Confirmed {
    fn again(confirmed: Option<&Self>) -> Again {
        confirmed.map_or(Again::NotYet, |one| Again::So {
            held: one.held,
            times: usize::try_from(REPEATS.get()).unwrap_or(usize::MAX),
        })
    }
}

/// The search as its page has it.
fn exploration(
    search: &Search<'_>,
    scenario: &Scenario,
    seed: u64,
    confirmed: Option<&[Confirmed]>,
    stopped: Option<String>,
) -> Exploration {
    let growth = search.growth().iter().map(|growth| Knowledge {
        cells: growth.cells,
        signatures: growth.signatures,
        findings: growth.findings,
    });
    let found = |(number, finding): (usize, &Finding)| {
        let own = confirmed.and_then(|all| all.get(number));
        let name = own.and_then(|own| own.name.as_ref());
        Found {
            breaches: finding
                .breaches
                .iter()
                .map(|breach| breach.as_str().to_owned())
                .collect(),
            lived_through: finding.signature.lived_through(),
            steps: finding.steps(),
            lab: finding.candidate.chosen(scenario),
            rules: finding.signature.rules.clone(),
            explained: finding.signature.explained,
            seen: finding.seen,
            first: finding.first,
            again: Confirmed::again(own),
            file: name.map(|name| format!("{FINDINGS}/{name}.yaml")),
            explanation: own.map_or_else(Vec::new, |own| own.explanation.clone()),
        }
    };
    Exploration {
        name: scenario.name.to_string(),
        claim: scenario.claim.clone(),
        seed,
        stopped,
        undetermined: search.undetermined(),
        growth: growth.collect(),
        findings: search.findings().into_iter().enumerate().map(found).collect(),
        unused: search.unused().into_iter().map(written_step).collect(),
        run: confirmed
            .is_some_and(|all| all.iter().any(|one| one.name.is_some()))
            .then(|| format!("{RUN}/{HTML_FILE}")),
    }
}

/// What the command prints of it.
fn text(exploration: &Exploration, out: &Path) -> String {
    let mut text = format!("{}\n", exploration.headline());
    for (number, finding) in exploration.findings.iter().enumerate() {
        let why = match (finding.explained, finding.rules.join(", ")) {
            (true, rules) => rules,
            (false, rules) if rules.is_empty() => "unexplained".to_owned(),
            (false, rules) => format!("unexplained; these rules hold: {rules}"),
        };
        let lab = match finding.lab.as_slice() {
            [] => String::new(),
            values => format!("   lab: {}\n", values.join(", ")),
        };
        text += &format!(
            "\n{}. {}: {}\n   {}\n{lab}   why: {why}\n   {}\n",
            number + 1,
            finding.breaches.join(", "),
            finding.lived_through,
            finding.steps.join("; "),
            finding.again.in_words(),
        );
        if let Some(file) = &finding.file {
            text += &format!("   {}\n", out.join(file).display());
        }
    }
    text += &format!(
        "\nreport: {} (for a browser; as text: {})\n",
        out.join(HTML_PAGE).display(),
        out.join(PAGE).display()
    );
    text
}
