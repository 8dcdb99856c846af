//! Reads a run from its folder, and judges its records: after the run, and again at any time.

use crate::beneath::Beneath;
use crate::error::Failure;
use crate::jobs;
use lvs_matrix_model::dry;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::record::{
    CAPTURE_FILE, CellRecord, FORMAT, Missing, READ_FORMATS, RECORD_FILE, overlong_text,
};
use lvs_matrix_model::verdict::{JudgedCell, judged};
use lvs_matrix_report::{
    DryReport, INVOCATION_FILE, INVOCATION_FORMAT, Invocation, Language, MissingCell, RUN_FILE, RUN_FORMAT,
    RunReport, RunSummary,
};
use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// [`load`], with reports for people in `lang` if it is given.
pub(crate) fn load_in(folder: &Path, lang: Option<Language>) -> Result<RunReport, Failure> {
    let report = load(folder)?;
    Ok(match lang {
        Some(language) => report.in_language(language),
        None => report,
    })
}

/// What the folder of a run says of it, and the folder.
pub(crate) fn read_run(folder: &Path) -> Result<(Beneath, RunSummary), Failure> {
    let path = folder.join(RUN_FILE);
    let no_run = |error: io::Error| {
        let latest = folder.ends_with("latest") && error.kind() == io::ErrorKind::NotFound;
        let latest = match latest {
            true => "; a run with --out is not linked as the latest one",
            false => "",
        };
        Failure::Mistake(format!(
            "{} is not the folder of a run: cannot read {RUN_FILE}: {error}\nrun a scenario first \
             (`lvs-matrix run FILE`), or name the folder of a run{latest}",
            folder.display()
        ))
    };
    let open = Beneath::open(folder).map_err(no_run)?;
    let text = open.read(RUN_FILE, MOST_RUN).map_err(no_run)?;
    let text = text.ok_or_else(|| {
        no_run(io::Error::from_raw_os_error(
            rustix::io::Errno::NOENT.raw_os_error(),
        ))
    })?;
    let run: RunSummary = serde_json::from_slice(&text)
        .map_err(|error| Failure::Mistake(format!("{} cannot be understood: {error}", path.display())))?;
    if run.format != RUN_FORMAT {
        return Err(Failure::Mistake(format!(
            "{} has format {}, this lvs-matrix reads {RUN_FORMAT}; use the version that wrote it ({})",
            path.display(),
            run.format,
            run.harness
        )));
    }
    check_run(&run, &text).map_err(|what| {
        Failure::Mistake(format!(
            "{} is no run's of lvs-matrix: {what}; nothing is judged",
            path.display()
        ))
    })?;
    Ok((open, run))
}

/// Reads and judges every selected cell of the run in `folder`.
pub(crate) fn load(folder: &Path) -> Result<RunReport, Failure> {
    let (open, run) = read_run(folder)?;
    let (mut cells, mut unreadable) = (Vec::new(), Vec::new());
    let mut packets = 0_usize;
    let some = run.selected.chunks(CELLS_AT_ONCE);
    let read = some.flat_map(|some| some.iter().zip(read_cells(&open, some)));
    for (cell, read) in read {
        if packets > MOST_PACKETS_OF_A_RUN {
            unreadable.push(MissingCell {
                cell: cell.clone(),
                reason: Missing::ManyPackets {
                    most: MOST_PACKETS_OF_A_RUN,
                },
            });
            continue;
        }
        match read {
            Ok(Some(judged)) => {
                packets = packets.saturating_add(judged.packets().len());
                cells.push(judged);
            }
            Ok(None) => {}
            Err(reason) => unreadable.push(MissingCell {
                cell: cell.clone(),
                reason,
            }),
        }
    }
    let (mut troubles, mut unknown) = (Vec::new(), Vec::new());
    for cell in &run.dry {
        let found = match read_cell(&open, cell) {
            Ok(Some(judged)) => dry::trouble(&judged.record),
            Ok(None) => Err(Missing::Absent.to_string()),
            Err(reason) => Err(reason.to_string()),
        };
        match found {
            Ok(trouble) => troubles.extend(trouble),
            Err(reason) => unknown.push(DryReport::Unknown {
                cell: cell.clone(),
                reason,
            }),
        }
    }
    let counts = dry::take_verdicts(&troubles, &mut cells);
    let fails = troubles.into_iter().zip(counts);
    let fails = fails.map(|(trouble, cells)| DryReport::Fails { trouble, cells });
    let dry = fails.chain(unknown).collect();
    let report = RunReport::new(run, cells, unreadable).with_dry(dry);
    Ok(report.with_invocation(read_invocation(&open, folder)?))
}

/// How the run was called; `None` where nothing says so, as in runs of before.
pub(crate) fn read_invocation(open: &Beneath, folder: &Path) -> Result<Option<Invocation>, Failure> {
    let mistake = |what: String| {
        Failure::Mistake(format!(
            "{} {what}; remove it: reports can be made without it",
            folder.join(INVOCATION_FILE).display()
        ))
    };
    let text = open.read(INVOCATION_FILE, MOST_RUN);
    let text = text.map_err(|error| mistake(format!("cannot be read: {error}")))?;
    let Some(text) = text else { return Ok(None) };
    if let Some(length) = overlong_text(&text) {
        return Err(mistake(format!("has a text of {length} bytes")));
    }
    let own: Invocation =
        serde_json::from_slice(&text).map_err(|error| mistake(format!("cannot be understood: {error}")))?;
    if own.format != INVOCATION_FORMAT {
        return Err(mistake(format!(
            "has format {}, this lvs-matrix reads {INVOCATION_FORMAT}",
            own.format
        )));
    }
    Ok(Some(own))
}

/// The largest files that are read, in bytes. Records and captures of the longest shipped cells have some
/// hundred KiB; a capture of 15 MiB that are sent or received has some 100 MiB.
const MOST_RUN: u64 = 32 << 20;
const MOST_RECORD: u64 = 16 << 20;
const MOST_CAPTURE: u64 = 512 << 20;
/// So many packets of all cells are held in memory, beside those of the last [`CELLS_AT_ONCE`]; each takes
/// about 1 KiB.
const MOST_PACKETS_OF_A_RUN: usize = 4_000_000;
/// More scenarios than a run has.
const MOST_SCENARIOS: usize = 1000;
/// A run has at most so many cells: half a day's work.
pub(crate) const MOST_CELLS: usize = 100_000;

/// What no run could have written of itself.
fn check_run(run: &RunSummary, text: &[u8]) -> Result<(), String> {
    if let Some(length) = overlong_text(text) {
        return Err(format!("it has a text of {length} bytes"));
    }
    if run.scenarios.len() > MOST_SCENARIOS {
        return Err(format!("it has {} scenarios", run.scenarios.len()));
    }
    let cells = run.selected.len().max(run.dry.len());
    if cells > MOST_CELLS {
        return Err(format!("it has {cells} cells"));
    }
    let mut seen = HashSet::new();
    match run.selected.iter().find(|cell| !seen.insert(*cell)) {
        Some(twice) => Err(format!("it has the cell {twice} twice")),
        None => Ok(()),
    }
}

/// A cell of the run in `folder`, judged; why not, if that cannot be done.
pub(crate) fn one(folder: &Path, cell: &CellRef) -> Result<JudgedCell, String> {
    let open = Beneath::open(folder).map_err(|error| format!("cannot open {}: {error}", folder.display()))?;
    let read = read_cell(&open, cell).map_err(|missing| missing.to_string())?;
    read.ok_or_else(|| Missing::Absent.to_string())
}

/// So many cells are read before the next ones are begun, whatever the number of processors.
const CELLS_AT_ONCE: usize = 256;

/// Cells, each as [`read_cell`] gives it, in their order. Every processor judges one at a time.
pub(crate) fn read_cells(folder: &Beneath, cells: &[CellRef]) -> Vec<Result<Option<JudgedCell>, Missing>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let one = || {
            let index = next.fetch_add(1, Ordering::Relaxed);
            Some((index, read_cell(folder, cells.get(index)?)))
        };
        std::iter::from_fn(one).collect::<Vec<_>>()
    };
    let workers = jobs::processors().get().min(cells.len());
    let mut read = std::thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
        let mut read = work();
        for other in others {
            match other.join() {
                Ok(more) => read.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        read
    });
    read.sort_unstable_by_key(|(index, _)| *index);
    read.into_iter().map(|(_, cell)| cell).collect()
}

/// A cell's record, judged; `None` if there is none.
fn read_cell(folder: &Beneath, cell: &CellRef) -> Result<Option<JudgedCell>, Missing> {
    // Reasons go into reports, which must be the same wherever the folder lies.
    let path = |name: &str| format!("{cell}/{name}");
    let own = match folder.folder(&[cell.scenario.as_str(), &cell.slug()]) {
        Ok(own) => own,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let (cell, reason) = (cell.clone(), error.to_string());
            return Err(Missing::NoFolder { cell, reason });
        }
    };
    let read = |name: &str, most| {
        own.read(name, most).map_err(|error| Missing::Unreadable {
            file: path(name),
            reason: error.to_string(),
        })
    };
    let Some(text) = read(RECORD_FILE, MOST_RECORD)? else {
        return Ok(None);
    };
    if let Some(length) = overlong_text(&text) {
        let file = path(RECORD_FILE);
        return Err(Missing::LongText { file, length });
    }
    let record: CellRecord = serde_json::from_slice(&text).map_err(|error| Missing::NotUnderstood {
        file: path(RECORD_FILE),
        reason: error.to_string(),
    })?;
    if !READ_FORMATS.contains(&record.format) {
        return Err(Missing::OtherFormat {
            file: path(RECORD_FILE),
            format: record.format,
            own: FORMAT,
        });
    }
    if &record.plan.cell != cell {
        return Err(Missing::OtherCell {
            file: path(RECORD_FILE),
            cell: record.plan.cell,
        });
    }
    if let Some(what) = record.more_than_any_cell() {
        let file = path(RECORD_FILE);
        return Err(Missing::TooMuch { file, what });
    }
    let capture = read(CAPTURE_FILE, MOST_CAPTURE)?;
    Ok(Some(judged(record, capture.as_deref())))
}
