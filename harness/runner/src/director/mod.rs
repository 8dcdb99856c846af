//! The director's tables, read as operators read them and as the kernel shows them.

mod table;

pub(crate) use table::{entries, table, table_here};

use crate::clock::{Clock, poll_for};
use crate::error::{LabError, Result, Stage};
use lvs_matrix_model::action::Node;
use lvs_matrix_model::record::{DirectorSnapshot, Moment};
use lvs_matrix_netns::{CommandLine, Namespace};
use std::time::{Duration, Instant};

/// `ipvsadm -Ln` and `ipvsadm -Lnc` now. Where the kernel shows all that ipvsadm(8) would print, it is not
/// started.
pub(crate) fn snapshot(
    (node, namespace): (&Node, &Namespace),
    number: u32,
    moment: Moment,
    clock: Clock,
) -> Result<DirectorSnapshot> {
    let at = clock.now();
    let (services, connections) = match table::printed(namespace)? {
        Some(both) => both,
        None => asked(namespace)?,
    };
    Ok(DirectorSnapshot {
        number,
        node: node.clone(),
        moment,
        at,
        services: services.trim_end().to_owned(),
        connections,
    })
}

/// The same of the calling thread's namespace, without a number.
pub(crate) fn snapshot_here(node: &Node, moment: Moment, clock: Clock) -> Result<DirectorSnapshot> {
    let at = clock.now();
    let stage = "read the director's tables";
    let (services, connections) = match table::printed_here()? {
        Some(both) => both,
        None => {
            let finished = lvs_matrix_netns::run(&in_one_go(BOTH.to_owned())).stage(stage)?;
            both_of(finished.output)?
        }
    };
    Ok(DirectorSnapshot {
        number: 0,
        node: node.clone(),
        moment,
        at,
        services: services.trim_end().to_owned(),
        connections,
    })
}

/// The lines of ipvsadm(8) that list services and connection entries.
const BOTH: &str = "-Ln\n-Lnc\n";

/// What ipvsadm(8) prints: services, connection entries.
fn asked(namespace: &Namespace) -> Result<(String, String)> {
    let stage = "read the director's tables";
    both_of(namespace.check(&in_one_go(BOTH.to_owned())).stage(stage)?)
}

fn both_of(both: String) -> Result<(String, String)> {
    let stage = "read the director's tables";
    let Some(second) = both.find(CONNECTIONS) else {
        return Err(LabError::new(
            stage,
            format!("no `{CONNECTIONS}` in what `ipvsadm -Lnc` printed: {both}"),
        ));
    };
    let (services, connections) = both.split_at(second);
    Ok((services.to_owned(), connections.to_owned()))
}

/// How the list of `ipvsadm -Lnc` begins (ipvsadm.c, `print_conn` is below it).
const CONNECTIONS: &str = "IPVS connection entries";

/// One ipvsadm(8) for several of its lines, without the leading `ipvsadm`. `-R` takes every line, not only
/// those that add (ipvsadm.c, `restore_table`).
fn in_one_go(lines: String) -> CommandLine {
    let mut command = CommandLine::new(["ipvsadm", "-R"]);
    command.stdin = lines.into_bytes();
    command
}

/// Carries out command lines of ipvsadm(8) that change the table or its time-outs. Such lines print nothing
/// if they succeed, and the exit code is that of the last one.
pub(crate) fn give(namespace: &Namespace, lines: &[Vec<String>]) -> Result<()> {
    let words = lines
        .iter()
        .map(|argv| argv.get(1..).unwrap_or_default().join(" "));
    let text: String = words.map(|line| line + "\n").collect();
    let stage = "fill the director's table";
    let said = namespace.check(&in_one_go(text.clone())).stage(stage)?;
    if said.is_empty() {
        return Ok(());
    }
    let lines = text.trim_end().replace('\n', "; ipvsadm ");
    Err(LabError::new(stage, format!("`ipvsadm {lines}` said: {said}")))
}

/// How long the end of the readiness check's connection may take to reach the director: the link delays it by
/// 100 µs.
const CLOSED_DEADLINE: Duration = Duration::from_secs(30);

/// Waits until the director has seen the end of every connection that it has an entry for: each entry is in
/// state CLOSE, or gone.
///
/// Whoever edits the table before that decides what the RST of the readiness check meets. Where the real
/// server is no longer in the table IPVS drops the RST (`ip_vs_in_hook` in net/netfilter/ipvs/ip_vs_core.c),
/// and the entry stays ESTABLISHED for 900 s.
pub(crate) fn wait_until_closed(namespace: &Namespace) -> Result<()> {
    let stage = "wait until the director has seen the end of the readiness check";
    let mut open = String::new();
    let closed = poll_for(CLOSED_DEADLINE, Duration::from_millis(1), || {
        open = still_open(&connections(namespace, stage)?);
        Ok::<_, LabError>(open.is_empty().then_some(()))
    })?;
    let seconds = CLOSED_DEADLINE.as_secs();
    closed.ok_or_else(|| {
        LabError::new(
            stage,
            format!("after {seconds} s /proc/net/ip_vs_conn still has {open}"),
        )
    })
}

/// Waits until no connection entry is left: what made the lab ready must not show in the cell.
pub(crate) fn wait_until_empty(namespace: &Namespace) -> Result<()> {
    let stage = "wait for an empty connection table";
    // An entry whose client sent an RST is in state CLOSE for 10 s (ip_vs_proto_tcp.c, tcp_timeouts). Each
    // says how long it has left, in whole seconds.
    let until = Instant::now() + EMPTY_DEADLINE;
    loop {
        let left = entries(namespace)?.entries;
        let Some(longest) = left.iter().map(|entry| entry.expires).max() else {
            return Ok(());
        };
        if Instant::now() >= until {
            let seconds = EMPTY_DEADLINE.as_secs();
            let message = format!("entries of the readiness check were still there after {seconds} s");
            return Err(LabError::new(stage, message));
        }
        std::thread::sleep(longest.max(BETWEEN_LOOKS).min(EMPTY_DEADLINE));
    }
}

/// How long the entries of the readiness check may live. Those of UDP have the time-out of the lab.
const EMPTY_DEADLINE: Duration = Duration::from_secs(300);
/// How long to wait for an entry whose time is over.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// The kernel's own list of connection entries.
fn connections(namespace: &Namespace, stage: &str) -> Result<String> {
    namespace
        .run(|| std::fs::read_to_string("/proc/thread-self/net/ip_vs_conn"))
        .stage(stage)?
        .stage(stage)
}

/// The entries that are in another state than CLOSE, a line each
/// (`Pro FromIP FPrt ToIP TPrt DestIP DPrt State Expires`; ip_vs_conn.c, `ip_vs_conn_seq_show`).
fn still_open(table: &str) -> String {
    let entries = table.lines().skip(1);
    let open = entries.filter(|entry| entry.split_whitespace().nth(7) != Some("CLOSE"));
    open.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &str = "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n";

    #[test]
    fn an_entry_is_open_until_the_kernel_has_it_in_state_close() {
        let entry = |state: &str| {
            format!(
                "TCP C0000201 A2C4 C0000264 0CEA C000021F 0CEA {state:<11} {:>7}\n",
                9
            )
        };
        let open = |entries: &[&str]| {
            let entries: String = entries.iter().map(|state| entry(state)).collect();
            still_open(&format!("{HEADING}{entries}"))
        };
        assert_eq!(open(&[]), "");
        assert_eq!(open(&["CLOSE"]), "");
        assert_eq!(open(&["CLOSE", "CLOSE"]), "");
        for state in ["ESTABLISHED", "SYN_RECV", "FIN_WAIT", "CLOSE_WAIT", "NONE"] {
            assert_eq!(open(&["CLOSE", state]), entry(state).trim_end(), "{state}");
        }
    }
}
