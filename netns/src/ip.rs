//! Links, addresses, routes and queueing disciplines, in the words of ip(8) and tc(8). What [`Change`] knows
//! is done by netlink, in this process; every other line by the program, as operators do it.

use crate::change::Change;
use crate::netlink::Conversation;
use crate::{CommandLine, Error, Namespace, Result};

/// Does what lines of ip(8) (without the leading `ip`) ask, in the namespace and in their order. It stops at
/// the first line that fails. Lines that only the program knows are given to one `ip -batch`, as far as they
/// follow one another.
///
/// # Errors
/// [`Error::Refused`] with the kernel's answer, or [`Error::Failed`] with ip's own message; both name the
/// line. Or as [`Namespace::command`].
pub fn ip_batch(namespace: &Namespace, lines: &[String]) -> Result<()> {
    batch(namespace, "ip", |line| Change::of_ip(line), lines)
}

/// As [`ip_batch`], with lines of tc(8).
///
/// # Errors
/// As [`ip_batch`].
pub fn tc_batch(namespace: &Namespace, lines: &[String]) -> Result<()> {
    batch(namespace, "tc", |line| Change::of_tc(line), lines)
}

fn batch(
    namespace: &Namespace,
    program: &'static str,
    of: fn(&str) -> Option<Change<'_>>,
    lines: &[String],
) -> Result<()> {
    let is_known = |line: &String| of(line).is_some();
    for run in lines.chunk_by(|one, next| is_known(one) == is_known(next)) {
        match run.first() {
            Some(first) if is_known(first) => change(namespace, program, of, run.to_vec())?,
            Some(_) => run_batch(namespace, program, run)?,
            None => {}
        }
    }
    Ok(())
}

/// Makes the changes that these lines ask for.
fn change(
    namespace: &Namespace,
    program: &'static str,
    of: fn(&str) -> Option<Change<'_>>,
    lines: Vec<String>,
) -> Result<()> {
    namespace.run(move || {
        let refused = |line: &str| {
            let line = format!("{program} {line}");
            move |source| Error::Refused { line, source }
        };
        let first = lines.first().map_or("", String::as_str);
        let mut kernel = Conversation::open(None).map_err(refused(first))?;
        for line in &lines {
            if let Some(change) = of(line) {
                change.make(&mut kernel).map_err(refused(line))?;
            }
        }
        Ok(())
    })?
}

/// Gives these lines to the program.
fn run_batch(namespace: &Namespace, program: &str, lines: &[String]) -> Result<()> {
    let mut command = CommandLine::new([program, "-batch", "-"]);
    command.stdin = lines
        .iter()
        .flat_map(|line| [line.as_bytes(), b"\n"].concat())
        .collect();
    let finished = namespace.command(&command)?;
    if finished.status.success() {
        return Ok(());
    }
    // The program says `Command failed -:3`: quote that line.
    let failed = finished
        .output
        .rsplit("-:")
        .next()
        .and_then(|number| number.trim().parse::<usize>().ok());
    let line = failed
        .and_then(|number| lines.get(number.checked_sub(1)?))
        .map_or("-batch -", String::as_str);
    Err(Error::Failed {
        line: format!("{program} {line}"),
        status: finished.status_text(),
        output: finished.output,
    })
}
