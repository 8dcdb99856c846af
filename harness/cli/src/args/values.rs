//! What options take: words of a list, times, numbers.

use clap::ValueEnum;
use lvs_matrix_setup::runbook::Client;

/// How time passes in a lab that somebody types in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimeArgument {
    /// It stands still while nothing is asked, and waiting takes none of yours
    Virtual,
    /// As on any machine
    Real,
}

/// Where cells run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlaceArgument {
    /// In guest kernels, in virtual time; needs no privilege
    Guest,
    /// On this host's own kernel, in real time, in namespaces of their own; needs root and IPVS
    Host,
    /// On the host's kernel if it has all that is needed, else in guests; says which and why
    Auto,
}

/// A client whose view a runbook has.
pub(super) fn client(text: &str) -> Result<Client, String> {
    let mut all = Client::ALL.into_iter();
    let names = || Client::ALL.map(Client::as_str).join(", ");
    all.find(|client| client.as_str() == text)
        .ok_or_else(|| format!("one of {}", names()))
}

/// A length of time as scenarios write it, and not none.
pub(super) fn time(text: &str) -> Result<std::time::Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if !time.is_zero() => Ok(time),
        Ok(_) | Err(_) => Err("a time such as 60s, 20m or 6h".to_owned()),
    }
}

/// How long an operator may wait: a scenario has a day, and a procedure may wait twice as long.
pub(super) fn wait(text: &str) -> Result<std::time::Duration, String> {
    const LONGEST: std::time::Duration = std::time::Duration::from_secs(8 * 3600);
    time(text)
        .ok()
        .filter(|time| *time <= LONGEST)
        .ok_or_else(|| "a time such as 30s, 10m or 2h, at most 8h".to_owned())
}

/// A number of percent that a difference of times can have.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').trim().parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        Ok(_) | Err(_) => Err("a number from 0 to 100, such as 5 or 2.5".to_owned()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    /// For people
    Text,
    /// For a page on GitHub
    Markdown,
    /// For programs
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// report.md of the run, or of a cell
    Markdown,
    /// report.html, for the browser
    Html,
    /// report.json
    Json,
    /// junit.xml
    Junit,
    /// The table that a run prints
    Text,
    /// A job summary: report.md without links, appended to the file that $GITHUB_STEP_SUMMARY names, if it is
    /// set
    Summary,
    /// Annotations as GitHub's workflow commands, which point into the scenario files
    Annotations,
}
