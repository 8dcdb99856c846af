//! Cells that are judged twice: by the report of a run, and by the second judge.

use crate::citations::Cell;
use crate::difference::{Difference, differences};
use crate::judge::judge;
use crate::record::{Record, list};
use crate::{Trouble, capture, random};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What came of judging the cells of a run twice.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many cells there were.
    pub cells: usize,
    /// How many of them the report does not know.
    pub undetermined: usize,
    /// How many were answered, failed at once, and hung.
    pub behaviours: [usize; 3],
    /// What is to be looked into: the cell's id, and why.
    pub found: Vec<(String, String)>,
    /// How many of these are disagreements.
    pub disagreements: usize,
    /// Cells that the program has no whole explanation of. It says so, and that is no disagreement.
    pub unexplained: Vec<String>,
}

/// Judges every cell of a run's folder once more, and checks what its evidence cites. Cells of a UDP service
/// are counted, and passed over.
///
/// # Errors
/// If the folder cannot be read.
pub fn judge_again(run: &Path) -> Result<Tally, Trouble> {
    let path = run.join("report.json");
    let text = fs::read(&path).map_err(|source| Trouble::at("read", &path, source))?;
    let report: Value = serde_json::from_slice(&text).map_err(|source| Trouble::Json { path, source })?;
    let mut tally = Tally::default();
    for cell in list(&report["cells"]) {
        let id = cell["id"].as_str().unwrap_or_default();
        let folder = run.join(id);
        tally.cells += 1;
        for (place, name) in tally
            .behaviours
            .iter_mut()
            .zip(["answered", "failed-fast", "hung"])
        {
            *place += usize::from(cell["behaviour"] == name);
        }
        let frames = folder.join("capture.pcapng");
        let judged = Record::read(&folder).and_then(|record| Ok((record, capture::read(&frames)?)));
        let (record, frames) = match judged {
            Ok(judged) => judged,
            Err(trouble) => {
                tally.undetermined += 1;
                tally.found.push((id.to_owned(), trouble.to_string()));
                continue;
            }
        };
        if record.is_foreign() {
            continue;
        }
        for difference in differences(cell, (&record, &frames), &judge(&record, &frames)) {
            match difference {
                Difference::Undetermined(_) => tally.undetermined += 1,
                Difference::CannotTell(_) | Difference::Otherwise { .. } => tally.disagreements += 1,
            }
            tally.found.push((id.to_owned(), difference.to_string()));
        }
        let cited = Cell::of(&record, &frames);
        for evidence in list(&cell["evidence"]) {
            let complaints =
                cited.evidence(evidence["what"].as_str().unwrap_or_default(), &packets(evidence));
            tally.disagreements += complaints.len();
            tally
                .found
                .extend(complaints.into_iter().map(|complaint| (id.to_owned(), complaint)));
        }
    }
    Ok(tally)
}

/// The packets that a piece of evidence cites.
#[must_use]
pub fn packets(evidence: &Value) -> Vec<u32> {
    let cited = list(&evidence["shown-by"]).iter().filter_map(Value::as_str);
    cited
        .filter_map(|place| place.strip_prefix("packet ")?.parse().ok())
        .collect()
}

/// What is wrong with the packets that paragraphs name of the cell in `folder`: each text with the packets
/// that it cites.
///
/// # Errors
/// If the cell cannot be read.
pub fn wrongly_cited(folder: &Path, paragraphs: &[(String, Vec<u32>)]) -> Result<Vec<String>, Trouble> {
    let (record, frames) = (
        Record::read(folder)?,
        capture::read(&folder.join("capture.pcapng"))?,
    );
    if record.is_foreign() {
        return Ok(Vec::new());
    }
    let cited = Cell::of(&record, &frames);
    let complaints = paragraphs
        .iter()
        .flat_map(|(text, packets)| cited.paragraph(text, packets));
    Ok(complaints.collect())
}

/// Has the program explain every cell of a run that it knows, and checks the packets that the paragraphs
/// name.
///
/// # Errors
/// If the program cannot be started, or a cell cannot be read.
pub fn explain_again(program: &Path, run: &Path, tally: &mut Tally) -> Result<(), Trouble> {
    let path = run.join("report.json");
    let text = fs::read(&path).map_err(|source| Trouble::at("read", &path, source))?;
    let report: Value = serde_json::from_slice(&text).map_err(|source| Trouble::Json { path, source })?;
    for cell in list(&report["cells"]) {
        let id = cell["id"].as_str().unwrap_or_default();
        let output = Command::new(program)
            .args(["explain", "--lang", "en", id, "--run"])
            .arg(run)
            .stdin(Stdio::null())
            .output()
            .map_err(|source| Trouble::at("start", program, source))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if cell["behaviour"] == "undetermined" || cell["behaviour"].is_null() {
            continue;
        }
        if !output.status.success() {
            tally.disagreements += 1;
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            tally
                .found
                .push((id.to_owned(), format!("it cannot be explained: {why}")));
            continue;
        }
        if said.contains("None of the rules") {
            tally.unexplained.push(id.to_owned());
        }
        let paragraphs: Vec<_> = paragraphs(&said)
            .into_iter()
            .map(|text| (text, Vec::new()))
            .collect();
        for complaint in wrongly_cited(&run.join(id), &paragraphs)? {
            tally.disagreements += 1;
            tally.found.push((id.to_owned(), complaint));
        }
    }
    Ok(())
}

/// The paragraphs that `explain` prints, each on one line: what stands between the headline and the advice,
/// without the lines that name a rule, which are moved in.
fn paragraphs(said: &str) -> Vec<String> {
    let before_advice = said.split("\nWhat avoids it").next().unwrap_or_default();
    let paragraphs = before_advice.split("\n\n").skip(1);
    paragraphs
        .filter(|text| {
            !text.trim_start().starts_with("None of the rules") && !text.trim_start().starts_with('-')
        })
        .map(|text| {
            let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("  ")).collect();
            lines.join(" ")
        })
        .collect()
}

/// Writes the scenarios of a seed into `folder/scenarios`.
///
/// # Errors
/// If they cannot be written.
pub fn write(folder: &Path, seed: u64, numbers: impl Iterator<Item = u64>) -> Result<Vec<PathBuf>, Trouble> {
    let place = folder.join("scenarios");
    fs::create_dir_all(&place).map_err(|source| Trouble::at("make", &place, source))?;
    let driver = place.join(random::DRIVER);
    let text = include_str!("../../../examples/pymysql/driver.py");
    fs::write(&driver, text).map_err(|source| Trouble::at("write", &driver, source))?;
    let mut files = Vec::new();
    for number in numbers {
        let (name, text) = random::scenario(seed, number);
        let file = place.join(format!("{name}.yaml"));
        fs::write(&file, text).map_err(|source| Trouble::at("write", &file, source))?;
        files.push(file);
    }
    Ok(files)
}

/// Has the program check these files, and says which it refuses and why. All must be good.
///
/// # Errors
/// If the program cannot be started, or refuses a file.
pub fn check(program: &Path, files: &[PathBuf]) -> Result<(), Trouble> {
    let output = Command::new(program)
        .arg("check")
        .args(files)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Trouble::at("start", program, source))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Trouble::Refused(said))
}

/// Runs these files into `out`. What the program says goes to standard error.
///
/// # Errors
/// If the program cannot be started, or leaves no report.
pub fn run(program: &Path, files: &[PathBuf], out: &Path) -> Result<(), Trouble> {
    let status = Command::new(program)
        .arg("run")
        .args(files)
        .arg("--out")
        .arg(out)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_err(|source| Trouble::at("start", program, source))?;
    if out.join("report.json").is_file() {
        Ok(())
    } else {
        Err(Trouble::NoReport(status.to_string()))
    }
}
