//! Links, addresses and routes: set by ip(8), as operators do, a batch per namespace.

use crate::{CommandLine, Error, Namespace, Result};

/// Runs lines of ip(8) (without the leading `ip`) in one `ip -batch` in the namespace; it stops at the first
/// that fails.
///
/// # Errors
/// [`Error::Failed`] with ip's own message, which names the line; or as [`Namespace::command`].
pub fn ip_batch(namespace: &Namespace, lines: &[String]) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut command = CommandLine::new(["ip", "-batch", "-"]);
    command.stdin = lines
        .iter()
        .flat_map(|line| [line.as_bytes(), b"\n"].concat())
        .collect();
    let finished = namespace.command(&command)?;
    if finished.status.success() {
        return Ok(());
    }
    // ip says `Command failed -:3`: quote that line.
    let failed = finished
        .output
        .rsplit("-:")
        .next()
        .and_then(|number| number.trim().parse::<usize>().ok());
    let line = failed
        .and_then(|number| lines.get(number.checked_sub(1)?))
        .map_or("-batch -", String::as_str);
    Err(Error::Failed {
        line: format!("ip {line}"),
        status: finished.status_text(),
        output: finished.output,
    })
}
