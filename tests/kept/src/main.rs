//! `kept`: makes what the repository keeps of a run.

use clap::{Parser, Subcommand};
use lvs_matrix_kept::made::{keep, renew};
use lvs_matrix_kept::packed::pack;
use lvs_matrix_kept::{Trouble, repository};
use std::io::{Write, stderr};
use std::path::PathBuf;
use std::process::ExitCode;

/// Makes what the repository keeps of a run of all shipped scenarios.
#[derive(Debug, Parser)]
#[command(name = "kept", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Put the pages of a run under reports/, and the fixtures chosen from it under tests/fixtures/cells
    Keep {
        /// The run's folder
        run: PathBuf,
    },
    /// Make the texts anew that are made from the fixtures
    Renew,
    /// Put the cells that lie in harness/explain/tests/fixtures/cells into the archive beside that folder
    Pack,
}

fn main() -> ExitCode {
    let place = repository();
    let done = match Arguments::parse().what {
        What::Keep { run } => keep(&run, &place).map(|cells| say(&format!("kept {cells} cells"))),
        What::Renew => renew(&place),
        What::Pack => pack(&place).map(|cells| say(&format!("packed {cells} cells"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            tell(&trouble);
            ExitCode::FAILURE
        }
    }
}

fn tell(trouble: &Trouble) {
    say(&format!("error: {trouble}"));
}

/// A line on standard error. That nobody reads it is no failure.
fn say(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}
