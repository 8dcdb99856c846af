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
use lvs_matrix_model::scenario::Never;
use lvs_matrix_model::verdict::JudgedCell;
use lvs_matrix_report::plural;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Where the parts of the result lie in its folder.
const FINDINGS: &str = "findings";
const RUN: &str = "run";
const PAGE: &str = "explore.md";
/// How long is searched if nothing is said.
const DEFAULT_TIME: Duration = Duration::from_secs(600);
/// So often each finding is run again.
const REPEATS: NonZero<u32> = NonZero::new(5).unwrap();
/// Exit codes.
const FOUND: u8 = 1;
const STOPPED: u8 = 3;

/// `explore`.
pub(crate) fn explore(arguments: &ExploreArguments) -> Result<ExitCode, Failure> {
    let on = RunOn {
        jobs: arguments.jobs,
        kernel: arguments.kernel.as_deref(),
        mysqld: arguments.mysqld.as_deref(),
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
    let environment = Environment::find(&what, &selected)?;
    let stop = Stop::on_signals()?;
    let name = scenario.name.as_str();
    let subject = Subject::new(name, &searched.sha256, arguments.seed, &environment.hashes);
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
        output::talk(&format!("going on after {}: {}", plural(before, "cell"), in_words(&search)));
    }
    let sequences = Sequences {
        scenario,
        sha256: &searched.sha256,
        folder: searched.folder(),
        environment,
        jobs: arguments.jobs,
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
    let shown = if whole {
        work.confirm(&search, &on)?
    } else {
        None
    };
    let stopped = stop.reason();
    let text = text(&search, arguments, shown.as_deref(), &folder, stopped.is_some());
    output::write_file(folder.path(), PAGE, &text)?;
    folder.link_latest()?;
    output::data(&text)?;
    if let Some(reason) = &stopped {
        output::talk(&format!(
            "stopped by {reason}; go on with the same command and --out {}",
            folder.path().display()
        ));
    }
    Ok(match (search.findings().is_empty(), stopped) {
        (false, _) => ExitCode::from(FOUND),
        (true, Some(_)) => ExitCode::from(STOPPED),
        (true, None) => ExitCode::SUCCESS,
    })
}

/// The scenario: a file, or a shipped search of this name where there is none.
fn selected(file: &Path) -> Result<Vec<Selected>, Failure> {
    match shipped::search(file) {
        Some(search) => scenarios::select_shipped(search),
        None => scenarios::select(&[file.to_owned()], &[]),
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
            let searching =
                !drawn_out && left > 0 && limit.is_none_or(|limit| began.elapsed() < limit);
            let most = if searching { left.min(GENERATION) } else { GENERATION };
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
            self.folder.note((most, searching), fingerprint(&candidates), &outcomes)?;
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
            let file = match file {
                None => None,
                Some((name, text)) => {
                    let file = format!("{name}.yaml");
                    output::write_file(&folder, &file, &text)?;
                    Some((name, folder.join(file)))
                }
            };
            confirmed.push(Confirmed { file, held: 0 });
        }
        let files: Vec<PathBuf> = confirmed
            .iter()
            .filter_map(|one| one.file.as_ref().map(|(_, file)| file.clone()))
            .collect();
        if files.is_empty() {
            return Ok(Some(confirmed));
        }
        let report = on.run(&files, &run, self.sequences.stop)?;
        if self.sequences.stop.reason().is_some() {
            return Ok(None);
        }
        for (one, finding) in confirmed.iter_mut().zip(&findings) {
            let Some((name, _)) = &one.file else { continue };
            let own = report.cells().iter().filter(|cell| cell.record.plan.cell.scenario == *name);
            let same = own.filter(|cell| finding.is_shown_by(&outcome(cell, self.never)));
            one.held = same.count();
        }
        Ok(Some(confirmed))
    }
}

/// What became of a finding when it was run again.
struct Confirmed {
    /// Its scenario, with its name.
    file: Option<(lvs_matrix_model::Name, PathBuf)>,
    /// How many times of [`REPEATS`] it was so again.
    held: usize,
}

/// What is said of the search in the end.
fn text(
    search: &Search<'_>,
    arguments: &ExploreArguments,
    confirmed: Option<&[Confirmed]>,
    folder: &SearchFolder,
    stopped: bool,
) -> String {
    let mut text = format!(
        "{} of {}, seed {}: {}{}\n",
        plural(search.cells(), "cell"),
        arguments.file.display(),
        arguments.seed,
        in_words(search),
        if stopped { " (stopped before its end)" } else { "" },
    );
    if search.undetermined() > 0 {
        text += &format!(
            "{} of these cells say nothing certain: a step before the last one did not come about\n",
            search.undetermined()
        );
    }
    for (number, finding) in search.findings().into_iter().enumerate() {
        text += &one(number, finding, confirmed.and_then(|all| all.get(number)));
    }
    let unused = search.unused();
    if !unused.is_empty() {
        text += "\nnever came about:\n";
        for step in unused {
            text += &format!("  {}\n", lvs_matrix_model::scenario::written_step(step));
        }
    }
    text += &format!("\nresult: {}\n", folder.path().display());
    text
}

fn one(number: usize, finding: &Finding, confirmed: Option<&Confirmed>) -> String {
    let signature = &finding.signature;
    let breaches: Vec<&str> = finding.breaches.iter().map(|breach| breach.as_str()).collect();
    let ends = signature.ends.as_ref().map_or_else(String::new, |end| format!(", ends {end}"));
    let error = signature.error.as_ref().map_or_else(String::new, |error| format!(", {error}"));
    let why = if signature.explained {
        signature.rules.join(", ")
    } else {
        format!("unexplained ({})", signature.rules.join(", "))
    };
    let again = match confirmed {
        None => "not run again yet".to_owned(),
        Some(one) if one.file.is_none() => "its cell says nothing certain when it is run again".to_owned(),
        Some(one) if one.held == usize::try_from(REPEATS.get()).unwrap_or(0) => {
            format!("so in {} of {REPEATS} repetitions", one.held)
        }
        Some(one) => format!("DOES NOT REPEAT: so in {} of {REPEATS} repetitions", one.held),
    };
    let file = confirmed.and_then(|one| one.file.as_ref()).map_or_else(String::new, |(_, file)| {
        format!("\n   {}", file.display())
    });
    format!(
        "\n{}. {}: {}{ends}{error}\n   {}\n   why: {why}\n   in {} of the cells, first in cell {}; {again}{file}\n",
        number + 1,
        breaches.join(", "),
        signature.behaviour,
        finding.steps(),
        finding.seen,
        finding.first,
    )
}
