//! Saving a machine: a few words with QEMU's monitor (QMP, docs/interop/qmp-spec.rst of QEMU).

use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long saving may take.
const PATIENCE: Duration = Duration::from_secs(60);

struct Monitor {
    out: UnixStream,
    lines: BufReader<UnixStream>,
}

/// Saves the running machine into a file of its working folder, and ends QEMU. The machine runs until all
/// else is saved, so one that goes on from there runs, too.
pub(crate) fn save(socket: &Path, file: &str) -> io::Result<()> {
    let out = UnixStream::connect(socket)?;
    out.set_read_timeout(Some(PATIENCE))?;
    let lines = BufReader::new(out.try_clone()?);
    let mut monitor = Monitor { out, lines };
    monitor.ask("qmp_capabilities", json!({}))?;
    let parameters = json!({ "max-bandwidth": 100_000_000_000_u64, "downtime-limit": 60_000 });
    monitor.ask("migrate-set-parameters", parameters)?;
    monitor.ask("migrate", json!({ "uri": format!("exec:cat > {file}") }))?;
    let begun = Instant::now();
    loop {
        let state = monitor.ask("query-migrate", json!({}))?;
        match state.get("status").and_then(Value::as_str) {
            Some("completed") => break,
            Some("failed" | "cancelled") => return Err(io::Error::other(format!("QEMU said {state}"))),
            _ if begun.elapsed() > PATIENCE => return Err(io::ErrorKind::TimedOut.into()),
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    // Its answer may be lost with it.
    let _ = monitor.ask("quit", json!({}));
    Ok(())
}

impl Monitor {
    /// What it returns; events are passed by.
    fn ask(&mut self, what: &str, arguments: Value) -> io::Result<Value> {
        writeln!(self.out, "{}", json!({ "execute": what, "arguments": arguments }))?;
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut answer: Value = serde_json::from_str(&line)?;
            if let Some(found) = answer.get_mut("return") {
                return Ok(found.take());
            }
            if let Some(error) = answer.get("error") {
                return Err(io::Error::other(format!("{what}: {error}")));
            }
        }
    }
}
