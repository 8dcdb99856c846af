//! How a run was called, and how long it took on the host's clock. It lies beside `run.json`, in a file of
//! its own, because it differs from one run to the next in which all else is the same.

use crate::blocks::{Block, code, foreign};
use crate::escape::{cut, shell};
use lvs_matrix_language::Language;
use lvs_matrix_model::duration::Human;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The number of `invocation.json`'s format. A reader refuses files of another number.
pub const INVOCATION_FORMAT: u32 = 1;
/// The name of the file in the run's folder that holds the [`Invocation`].
pub const INVOCATION_FILE: &str = "invocation.json";
/// The longest command line that is shown, in characters.
const LONGEST: usize = 2000;

/// How a run was called and how long it took. Stored as `invocation.json`, first when the run begins and
/// again when it ends. Reports for people print it, and JUnit's XML has its times; a run without it is
/// reported without them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Invocation {
    /// [`INVOCATION_FORMAT`].
    pub format: u32,
    /// The command line, word by word.
    pub command: Vec<String>,
    /// When it began: RFC 3339, in UTC, to the second.
    pub began: String,
    /// How long it took, in milliseconds; `None` if it did not come to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// How long each cell took, by its id, in milliseconds.
    #[serde(default)]
    pub cells: BTreeMap<String, u64>,
}

impl Invocation {
    /// When, how long and by which command line, as facts for a page.
    pub(crate) fn block(&self, words: Language) -> Block {
        let mut facts = vec![(
            words.command_line().to_owned(),
            code(&cut(&shell(&self.command), LONGEST)),
        )];
        facts.push((words.began().to_owned(), foreign(&cut(&self.began, 64))));
        if let Some(took) = self.took_ms {
            facts.push((words.run_took().to_owned(), Human(rounded(took)).to_string()));
        }
        Block::Facts(facts)
    }

    /// How long a cell took, by its id.
    pub(crate) fn of_cell(&self, id: &str) -> Option<Duration> {
        self.cells.get(id).copied().map(Duration::from_millis)
    }
}

/// To the second, where it is long enough for nobody to ask for more.
fn rounded(millis: u64) -> Duration {
    if millis < 10_000 {
        Duration::from_millis(millis)
    } else {
        Duration::from_secs((millis + 500) / 1000)
    }
}
