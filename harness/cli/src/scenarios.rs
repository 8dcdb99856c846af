//! Scenario files: read, checked, every mistake of every file shown at once.

use crate::error::Failure;
use crate::filter::Filter;
use crate::named;
use crate::shipped::{self, Shipped};
use lvs_matrix_guest::kernel::CacheFolder;
use lvs_matrix_model::control::ControlPlane;
use lvs_matrix_model::matrix::{Cell, CellRef, Coordinate, Line, cells, cells_on};
use lvs_matrix_model::plan::plan;
use lvs_matrix_model::scenario::{Mistake, Scenario, Style, load_bytes, load_with, render};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{ErrorKind, IsTerminal, Read};
use std::path::{Path, PathBuf};

/// No more of a file is read than the loader accepts, and a byte, which makes it refuse the file.
const MOST_BYTES: u64 = (1 << 20) + 1;

/// The longest file that a scenario may name, in bytes.
const MOST_INCLUDED: u64 = 60_000;

/// A scenario with those of its cells that were selected.
#[derive(Debug)]
pub(crate) struct Selected {
    /// Its file as typed, below the current folder relative to it; `None` for one that came with the program.
    pub(crate) file: Option<String>,
    pub(crate) scenario: Scenario,
    /// SHA-256 of its text, hexadecimal.
    pub(crate) sha256: String,
    pub(crate) cells: Vec<Cell>,
    /// Those of which it tries the statements without any change: `cells`, and, if the run is a part of
    /// another, those of the other parts.
    pub(crate) tried: Vec<Cell>,
    /// What its author should look at, as it is shown; empty if there is nothing.
    pub(crate) warnings: String,
}

impl Selected {
    /// The folder where programs of the author's own run: that of its file, or, for one that came with the
    /// program, the one below the cache into which [`shipped::write_programs`] writes them.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        match &self.file {
            Some(file) => {
                let file = std::path::absolute(file).ok()?;
                file.parent().map(Path::to_path_buf)
            }
            None => Some(shipped::program_folder(CacheFolder::of_user().ok()?.root())),
        }
    }

    /// Does one of its cells run programs of the author's own?
    pub(crate) fn runs_own_programs(&self) -> bool {
        let mut cells = self.cells.iter().chain(&self.tried);
        cells.any(|cell| plan(&self.scenario, cell).runs_own_programs())
    }

    /// Does this program edit the table in one of its cells?
    pub(crate) fn needs(&self, plane: ControlPlane) -> bool {
        let mut cells = self.cells.iter().chain(&self.tried);
        cells.any(|cell| plan(&self.scenario, cell).control_plane() == Some(plane))
    }

    /// Is a real server of one of its cells a mysqld?
    pub(crate) fn needs_mysqld(&self) -> bool {
        let mut cells = self.cells.iter().chain(&self.tried);
        cells.any(|cell| plan(&self.scenario, cell).server_kind().is_mysql())
    }
}

/// A good scenario.
pub(crate) struct Loaded {
    /// As [`Selected::file`] has it.
    file: Option<String>,
    pub(crate) scenario: Scenario,
    sha256: String,
    /// As [`Selected::warnings`] has it.
    pub(crate) warnings: String,
}

/// Where a scenario is read from.
#[derive(Debug)]
enum Source {
    /// It came with the program.
    Shipped(Shipped),
    File(PathBuf),
}

impl Source {
    /// As messages name it.
    fn name(&self) -> String {
        match self {
            Self::Shipped(shipped) => shipped.file(),
            Self::File(file) => file.display().to_string(),
        }
    }

    /// As [`Selected::file`] has it.
    fn file(&self) -> Option<String> {
        let Self::File(file) = self else { return None };
        let here = std::env::current_dir().unwrap_or_default();
        let file = file.strip_prefix(here).unwrap_or(file);
        Some(file.to_string_lossy().into_owned())
    }

    fn read(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::Shipped(shipped) => Ok(shipped.text.as_bytes().to_vec()),
            Self::File(file) => read(file),
        }
    }
}

/// What was named: a file, or, where there is none of that name, a shipped scenario. Nothing: the default.
fn sources(named: &[PathBuf]) -> Vec<Source> {
    if named.is_empty() {
        return vec![Source::Shipped(shipped::DEFAULT)];
    }
    let source =
        |file: &PathBuf| shipped::meant(file).map_or_else(|| Source::File(file.clone()), Source::Shipped);
    named.iter().map(source).collect()
}

/// The lines of these kernels.
fn lines(kernels: &[Coordinate]) -> Vec<Line> {
    kernels.iter().map(|(_, line)| *line).collect()
}

/// Loads what was named, as [`sources`] takes it. Their cells must have expectations on
/// kernels of these lines.
pub(crate) fn load(files: &[PathBuf], lines: &[Line]) -> Result<Vec<Loaded>, Failure> {
    let mut loaded: Vec<Loaded> = Vec::new();
    let mut mistakes = String::new();
    let mut note = |text: &str| {
        if !mistakes.is_empty() {
            mistakes.push('\n');
        }
        mistakes.push_str(text);
    };
    let style = if std::io::stderr().is_terminal() {
        Style::Coloured
    } else {
        Style::Plain
    };
    for source in sources(files) {
        let name = source.name();
        match source.read() {
            Ok(bytes) => match load_including(&source, &bytes, lines) {
                Ok((scenario, _)) if loaded.iter().any(|other| other.scenario.name == scenario.name) => {
                    note(&format!(
                        "error: {name}: another file of this run has a scenario named `{}` already; records \
                         of both would lie in one folder\n",
                        scenario.name
                    ))
                }
                Ok((scenario, read)) => loaded.push(Loaded {
                    file: source.file(),
                    warnings: render(&scenario.warnings, &name, &String::from_utf8_lossy(&bytes), style),
                    scenario,
                    sha256: sha256(&[bytes.as_slice(), &read].concat()),
                }),
                Err(found) => note(&render(&found, &name, &String::from_utf8_lossy(&bytes), style)),
            },
            Err(reason) => note(&format!("error: {reason}\n")),
        }
    }
    if mistakes.is_empty() {
        Ok(loaded)
    } else {
        Err(Failure::Mistake(mistakes))
    }
}

/// A file as `check --format json` tells of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Checked {
    file: String,
    /// The number of cells, if the file is good.
    cells: Option<usize>,
    /// Why the file could not be read, if it could not.
    unreadable: Option<String>,
    mistakes: Vec<Mistake>,
    /// What its author should look at, though the file is good.
    warnings: Vec<Mistake>,
}

impl Checked {
    pub(crate) fn is_good(&self) -> bool {
        self.cells.is_some()
    }
}

/// Checks each file by itself.
pub(crate) fn check_each(files: &[PathBuf], lines: &[Line]) -> Vec<Checked> {
    let check = |source: Source| {
        let bare = Checked {
            file: source.name(),
            cells: None,
            unreadable: None,
            mistakes: Vec::new(),
            warnings: Vec::new(),
        };
        match source.read().map(|bytes| load_including(&source, &bytes, lines)) {
            Ok(Ok((scenario, _))) => Checked {
                cells: Some(cells(&scenario).len()),
                warnings: scenario.warnings,
                ..bare
            },
            Ok(Err(mistakes)) => Checked { mistakes, ..bare },
            Err(reason) => Checked {
                unreadable: Some(reason),
                ..bare
            },
        }
    };
    sources(files).into_iter().map(check).collect()
}

/// The SHA-256 of the shipped scenario that is run where none is named.
pub(crate) fn shipped_sha256() -> String {
    sha256(shipped::DEFAULT.text.as_bytes())
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Loads a scenario with the files that it names; gives the text of these, too.
fn load_including(
    source: &Source,
    bytes: &[u8],
    lines: &[Line],
) -> Result<(Scenario, Vec<u8>), Vec<Mistake>> {
    let mut texts = Vec::new();
    let mut files = |name: &str| {
        let Source::File(file) = source else {
            return Err("a shipped scenario has no files beside it".to_owned());
        };
        let folder = match file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            Some(_) | None => Path::new("."),
        };
        let text = read_text(folder, name)?;
        texts.extend_from_slice(text.as_bytes());
        Ok(text)
    };
    let scenario = load_with(bytes, lines, &mut files)?;
    Ok((scenario, texts))
}

/// The text of a file in the folder of a scenario, or below it. A link that leads out of it is not followed.
fn read_text(folder: &Path, name: &str) -> Result<String, String> {
    let file = &folder.join(name);
    let failed = |error: std::io::Error| format!("{}: {error}", file.display());
    let real = fs::canonicalize(file).map_err(failed)?;
    if !real.starts_with(fs::canonicalize(folder).map_err(failed)?) {
        return Err(format!(
            "{} leads out of the folder of the scenario",
            file.display()
        ));
    }
    // A pipe could be waited for without end.
    if !fs::metadata(file).map_err(failed)?.is_file() {
        return Err(format!("{} is no file", file.display()));
    }
    let mut bytes = Vec::new();
    let open = fs::File::open(file).map_err(failed)?;
    open.take(MOST_INCLUDED + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MOST_INCLUDED) {
        return Err(format!("{} is longer than {MOST_INCLUDED} bytes", file.display()));
    }
    let text = String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", file.display()))?;
    Ok(text.replace("\r\n", "\n"))
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| {
        let hint = if error.kind() == ErrorKind::NotFound {
            shipped::hint(file)
        } else {
            String::new()
        };
        format!("cannot read the scenario {}: {error}{hint}", file.display())
    };
    let open = fs::File::open(file).map_err(failed)?;
    if open.metadata().map_err(failed)?.is_dir() {
        return Err(format!(
            "{} is a folder; name its files: {}/*.yaml",
            file.display(),
            file.display()
        ));
    }
    let mut bytes = Vec::new();
    open.take(MOST_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// A shipped search, with all its own cells.
pub(crate) fn select_shipped(search: Shipped) -> Result<Vec<Selected>, Failure> {
    let scenario = load_bytes(search.text.as_bytes())
        .map_err(|found| Failure::Software(render(&found, search.name, search.text, Style::Plain)))?;
    let cells = cells(&scenario);
    Ok(vec![Selected {
        file: None,
        tried: cells.clone(),
        cells,
        sha256: sha256(search.text.as_bytes()),
        warnings: String::new(),
        scenario,
    }])
}

/// Loads the files and selects cells.
pub(crate) fn select(
    files: &[PathBuf],
    expressions: &[String],
    kernels: &[Coordinate],
) -> Result<Vec<Selected>, Failure> {
    let loaded = load(files, &lines(kernels))?;
    let scenarios: Vec<&Scenario> = loaded.iter().map(|loaded| &loaded.scenario).collect();
    let filter = Filter::parse(expressions, &scenarios, kernels)?;
    let selected: Vec<Selected> = loaded
        .into_iter()
        .map(|loaded| {
            let mut cells = cells_on(&loaded.scenario, kernels);
            cells.retain(|cell| filter.admits(&cell.cell));
            Selected {
                file: loaded.file,
                tried: cells.clone(),
                cells,
                scenario: loaded.scenario,
                sha256: loaded.sha256,
                warnings: loaded.warnings,
            }
        })
        .collect();
    if selected.iter().all(|selected| selected.cells.is_empty()) {
        let all: Vec<CellRef> = selected
            .iter()
            .flat_map(|selected| cells_on(&selected.scenario, kernels))
            .map(|cell| cell.cell)
            .collect();
        return Err(Failure::Mistake(format!(
            "no cell fits the filter `{}`{}; `lvs-matrix list` shows all cells",
            expressions.join("` or `"),
            named::meant(&expressions.join(" "), &all)
        )));
    }
    Ok(selected
        .into_iter()
        .filter(|selected| !selected.cells.is_empty())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_out_of_the_folder_is_not_followed() {
        let all = tempfile::tempdir().unwrap();
        let folder = all.path().join("scenarios");
        fs::create_dir_all(folder.join("lb")).unwrap();
        fs::write(all.path().join("secret"), "outside").unwrap();
        fs::write(folder.join("lb/one.conf"), "inside\r\n").unwrap();
        symlink("../lb/one.conf", folder.join("lb/again.conf")).unwrap();
        symlink("../../secret", folder.join("lb/out.conf")).unwrap();
        symlink("..", folder.join("up")).unwrap();
        for name in ["lb/one.conf", "lb/again.conf"] {
            assert_eq!(read_text(&folder, name).as_deref(), Ok("inside\n"));
        }
        for name in ["lb/out.conf", "up/secret"] {
            let why = read_text(&folder, name).unwrap_err();
            assert!(why.ends_with("leads out of the folder of the scenario"), "{why}");
        }
        assert!(
            read_text(&folder, "lb/none.conf")
                .unwrap_err()
                .contains("No such file")
        );
    }
}
