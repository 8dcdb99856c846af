//! `property`: random valid scenarios over all actions. Each is run, and its cell judged twice.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints what it found"
)]

use clap::Parser;
use lvs_matrix_second_judge::twice::{Tally, check, explain_again, judge_again, run, write};
use lvs_matrix_second_judge::{Trouble, random};
use std::path::PathBuf;
use std::process::ExitCode;

/// Makes up scenarios, runs them, and judges each cell twice: as the report has it, and by a second judge
/// that reads the captures only.
///
/// Exit codes: 0 both agree, and less than 1 % is undetermined; 1 not so; 2 it could not be done.
#[derive(Debug, Parser)]
#[command(name = "property", version, max_term_width = 100)]
struct Arguments {
    /// The lvs-matrix that runs them
    #[arg(long, value_name = "FILE")]
    program: PathBuf,
    /// How many cells
    #[arg(long, value_name = "N", default_value_t = 300)]
    cells: u64,
    /// From this number all scenarios follow
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The number of the first scenario; with `--cells 1` only this one
    #[arg(long, value_name = "N", default_value_t = 0)]
    first: u64,
    /// A folder that is not there yet, for scenarios and results
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only print the first scenario
    #[arg(long)]
    show: bool,
    /// Only judge what is in the folder once more
    #[arg(long)]
    again: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match property(&arguments) {
        Ok(code) => code,
        Err(trouble) => {
            eprintln!("property: {trouble}");
            ExitCode::from(2)
        }
    }
}

fn property(arguments: &Arguments) -> Result<ExitCode, Trouble> {
    if arguments.show {
        print!("{}", random::scenario(arguments.seed, arguments.first).1);
        return Ok(ExitCode::SUCCESS);
    }
    let out = arguments.out.join("run");
    if !arguments.again {
        let numbers = arguments.first..arguments.first.saturating_add(arguments.cells);
        let files = write(&arguments.out, arguments.seed, numbers)?;
        check(&arguments.program, &files)?;
        run(&arguments.program, &files, &out)?;
    }
    let mut tally = judge_again(&out)?;
    explain_again(&arguments.program, &out, &mut tally)?;
    print(&tally, arguments);
    let good = tally.disagreements == 0 && tally.undetermined * 100 < tally.cells;
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn print(tally: &Tally, arguments: &Arguments) {
    for (id, why) in &tally.found {
        println!("{id}: {why}");
        let scenario = id.split('/').next().unwrap_or_default();
        println!(
            "  scenario: {}",
            arguments.out.join(format!("scenarios/{scenario}.yaml")).display()
        );
        println!("  results:  {}", arguments.out.join("run").join(id).display());
    }
    if !tally.unexplained.is_empty() {
        println!("not wholly explained: {}", tally.unexplained.join(" "));
    }
    let [answered, failed, hung] = tally.behaviours;
    println!(
        "seed {}: {} cells, {answered} answered, {failed} failed-fast, {hung} hung, {} undetermined; {} \
         disagreements",
        arguments.seed, tally.cells, tally.undetermined, tally.disagreements
    );
}
