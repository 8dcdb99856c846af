//! The folder of a search: what it searches, and what each generation gave, from which it can go on.
//!
//! A generation depends on the seed and on what those before gave. So their outcomes are all that is kept, a
//! line of JSON for each generation; the candidates are made anew, and must have the fingerprint of those
//! that were run.

use crate::error::Failure;
use crate::folder::Folder;
use crate::output;
use lvs_matrix_explore::{Candidate, Outcome, Search};
use lvs_matrix_model::record::Hashes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// What is searched.
const SEARCH_FILE: &str = "explore.json";
/// What each generation gave.
const GENERATIONS: &str = "generations.jsonl";
const FORMAT: u32 = 1;

/// What is searched, and with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Subject {
    pub(crate) format: u32,
    /// The scenario's name, and the SHA-256 of its text.
    pub(crate) scenario: String,
    pub(crate) scenario_sha256: String,
    pub(crate) seed: u64,
    pub(crate) hashes: Hashes,
}

impl Subject {
    pub(crate) fn new(scenario: &str, sha256: &str, seed: u64, hashes: &Hashes) -> Self {
        Self {
            format: FORMAT,
            scenario: scenario.to_owned(),
            scenario_sha256: sha256.to_owned(),
            seed,
            hashes: hashes.clone(),
        }
    }
}

/// A generation that was run to its end.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Generation {
    /// What was asked of the search.
    most: usize,
    searching: bool,
    /// SHA-256 of the candidates' texts.
    fingerprint: String,
    outcomes: Vec<Outcome>,
}

/// The folder of a search.
#[derive(Debug)]
pub(crate) struct SearchFolder {
    path: PathBuf,
    /// A new one.
    made: Option<Folder>,
}

impl SearchFolder {
    /// The folder that is named, if a search is there, else a new one.
    pub(crate) fn open(named: Option<&Path>, subject: &Subject) -> Result<Self, Failure> {
        if let Some(path) = named.filter(|path| path.join(SEARCH_FILE).is_file()) {
            fits(path, subject)?;
            let path = crate::folder::absolute(path)?;
            return Ok(Self { path, made: None });
        }
        let folder = Folder::make(named)?;
        folder.check_space(lvs_matrix_explore::GENERATION)?;
        let text = serde_json::to_string_pretty(subject);
        let text = text.map_err(|error| Failure::Software(error.to_string()))?;
        output::write_file(folder.path(), SEARCH_FILE, &(text + "\n"))?;
        Ok(Self {
            path: folder.path().to_owned(),
            made: Some(folder),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Points `latest` at it, if it was not named.
    pub(crate) fn link_latest(&self) -> Result<(), Failure> {
        self.made.as_ref().map_or(Ok(()), Folder::link_latest)
    }

    /// Teaches the search what is known already. A last line that was not written to its end is left out, and
    /// taken away.
    pub(crate) fn replay(&self, search: &mut Search<'_>) -> Result<(), Failure> {
        let path = self.path.join(GENERATIONS);
        let unreadable =
            |error: std::io::Error| Failure::Software(format!("cannot read {}: {error}", path.display()));
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut whole = 0;
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).map_err(unreadable)? > 0 && line.ends_with(b"\n") {
            let other = |why: String| {
                Failure::Mistake(format!(
                    "{} is damaged, or not of this search: {why}; begin a new search in another folder \
                     (--out)",
                    path.display()
                ))
            };
            let known: Generation =
                serde_json::from_slice(&line).map_err(|error| other(error.to_string()))?;
            let candidates = search.next_generation(known.most, known.searching);
            if fingerprint(candidates) != known.fingerprint {
                return Err(other("another version of lvs-matrix has begun it".to_owned()));
            }
            search.learn(known.outcomes);
            whole += u64::try_from(line.len()).unwrap_or(0);
            line.clear();
        }
        let unwritable =
            |error: std::io::Error| Failure::Software(format!("cannot write {}: {error}", path.display()));
        let file = OpenOptions::new().write(true).open(&path).map_err(unwritable)?;
        file.set_len(whole).map_err(unwritable)
    }

    /// Notes what a generation gave.
    pub(crate) fn note(
        &self,
        (most, searching): (usize, bool),
        fingerprint: String,
        outcomes: &[Outcome],
    ) -> Result<(), Failure> {
        let generation = Generation {
            most,
            searching,
            fingerprint,
            outcomes: outcomes.to_vec(),
        };
        let mut line =
            serde_json::to_string(&generation).map_err(|error| Failure::Software(error.to_string()))?;
        line.push('\n');
        let path = self.path.join(GENERATIONS);
        let open = OpenOptions::new().create(true).append(true).open(&path);
        let written = open.and_then(|mut file| {
            file.write_all(line.as_bytes())?;
            file.sync_data()
        });
        written.map_err(|error| Failure::Software(format!("cannot write {}: {error}", path.display())))
    }

    /// Takes away a part of the result that is made anew.
    pub(crate) fn clear(&self, part: &str) -> Result<PathBuf, Failure> {
        let path = self.path.join(part);
        if path.exists() {
            fs::remove_dir_all(&path)
                .map_err(|error| Failure::Software(format!("cannot remove {}: {error}", path.display())))?;
        }
        Ok(path)
    }
}

/// A search goes on with what it began with.
fn fits(path: &Path, subject: &Subject) -> Result<(), Failure> {
    let file = path.join(SEARCH_FILE);
    let mistake = |what: &str| {
        Failure::Mistake(format!(
            "{} is the folder of a search {what}; name another folder (--out)",
            path.display()
        ))
    };
    let text = fs::read(&file)
        .map_err(|error| Failure::Software(format!("cannot read {}: {error}", file.display())))?;
    let known: Subject = serde_json::from_slice(&text).map_err(|_| mistake("of another version"))?;
    if known.format != subject.format {
        Err(mistake("of another version"))
    } else if (&known.scenario, &known.scenario_sha256) != (&subject.scenario, &subject.scenario_sha256) {
        Err(mistake("in another scenario, or in another text of this one"))
    } else if known.seed != subject.seed {
        Err(mistake(&format!("with the seed {}", known.seed)))
    } else if (&known.hashes.kernel, &known.hashes.mysqld) != (&subject.hashes.kernel, &subject.hashes.mysqld)
    {
        Err(mistake("with another kernel or server program"))
    } else {
        Ok(())
    }
}

/// The fingerprint of a generation.
pub(crate) fn fingerprint(candidates: &[Candidate]) -> String {
    let mut sha = Sha256::new();
    for candidate in candidates {
        sha.update(candidate.text.as_bytes());
        sha.update([0]);
    }
    sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lvs_matrix_model::scenario::load;

    /// What is no JSON, or no text at all, is the folder's matter, and not the program's.
    #[test]
    fn a_damaged_file_of_generations_is_refused_with_its_name() {
        let scenario = load(include_str!("../../../explorations/drains.yaml")).unwrap();
        for bytes in [&b"{}\n"[..], b"\xff\xfe\n", b"{\"most\":1\n"] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(GENERATIONS), bytes).unwrap();
            let own = SearchFolder {
                path: folder.path().to_owned(),
                made: None,
            };
            let mut search = Search::new(&scenario, 1).unwrap();
            let Err(Failure::Mistake(said)) = own.replay(&mut search) else {
                panic!("{bytes:?} was taken");
            };
            assert!(
                said.contains(GENERATIONS) && said.contains("is damaged, or not of this search"),
                "{said}"
            );
        }
    }
}
