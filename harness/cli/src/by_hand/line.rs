//! What may be typed in a lab, a line at a time.

use lvs_matrix_model::plan::Phase;
use lvs_matrix_model::scenario::closest;
use std::time::Duration;

/// What may be typed.
pub(crate) const HELP: &str = "\
What may be typed:
  director ipvsadm -Ln     a command on a host: client, director, router, or a real server by its name
  director                 from now on commands are run on this host
  COMMAND &                runs on while you type others
  wait 15m                 let time pass
  packets [HOST]           what the host's interfaces have seen since you asked last, as tcpdump prints it
  change, act              play these steps of the scenario: the change, and what the client does then
  hosts, jobs, fg [N]      what there is, what runs, and back to it
  help, exit               exit (or Ctrl-D) ends the lab, and keeps its capture

In a terminal a command can be talked to; Ctrl-] leaves it running and gives the prompt back. Commands run in
the cell's folder: what they write there (tcpdump -w more.pcap) is kept with its capture.

Examples:
  lvs-matrix shell drain/idle
  lvs-matrix shell absent_up_execute-sql_0 mine.yaml --time real
  echo 'director ipvsadm -Ln' | lvs-matrix shell drain/idle";

/// A line, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Nothing,
    /// Commands are run on this host from now on.
    Switch(String),
    Run {
        on: String,
        command: String,
        background: bool,
    },
    Wait(Duration),
    Play(Phase),
    Packets(String),
    Hosts,
    Jobs,
    Foreground(Option<u32>),
    Help,
    Leave,
    /// It cannot be done; why, and what can.
    Wrong(String),
}

/// The host of this name.
pub(super) fn host_named<'h>(hosts: &'h [String], name: &str) -> Option<&'h str> {
    hosts.iter().find(|host| *host == name).map(String::as_str)
}

/// Reads a line, where commands are run on `here`.
pub(super) fn read(line: &str, here: Option<&str>, hosts: &[String]) -> Line {
    let line = line.trim();
    let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    if line.is_empty() || line.starts_with('#') {
        return Line::Nothing;
    }
    if let Some(host) = host_named(hosts, first) {
        return if rest.is_empty() {
            Line::Switch(host.to_owned())
        } else {
            run(host, rest)
        };
    }
    match (first, rest) {
        ("wait", time) => match humantime::parse_duration(time) {
            Ok(time) => Line::Wait(time),
            Err(_) => Line::Wrong("wait for how long? Such as `wait 30s`, `wait 15m`".to_owned()),
        },
        ("change", "") => Line::Play(Phase::Change),
        ("act", "") => Line::Play(Phase::Act),
        ("packets", "") => match here {
            Some(host) => Line::Packets(host.to_owned()),
            None => Line::Packets("client".to_owned()),
        },
        ("packets", host) => match host_named(hosts, host) {
            Some(host) => Line::Packets(host.to_owned()),
            None => no_host(host, hosts),
        },
        ("hosts", "") => Line::Hosts,
        ("jobs", "") => Line::Jobs,
        ("fg", "") => Line::Foreground(None),
        ("fg", number) => match number.trim_start_matches('%').parse() {
            Ok(number) => Line::Foreground(Some(number)),
            Err(_) => Line::Wrong("fg takes the number of a command, as `jobs` has it".to_owned()),
        },
        ("help" | "?", "") => Line::Help,
        ("exit" | "quit", "") => Line::Leave,
        _ => match here {
            Some(host) => run(host, line),
            None => no_host(first, hosts),
        },
    }
}

fn run(host: &str, command: &str) -> Line {
    // `a && b` and `a \&` are the shell's.
    let background = command.ends_with('&') && !command.ends_with("&&") && !command.ends_with("\\&");
    let command = if background {
        command.trim_end_matches('&').trim_end()
    } else {
        command
    };
    Line::Run {
        on: host.to_owned(),
        command: command.to_owned(),
        background,
    }
}

fn no_host(name: &str, hosts: &[String]) -> Line {
    let near = closest(name, hosts.iter().map(String::as_str));
    let meant = near.map_or_else(|| ".".to_owned(), |near| format!("; did you mean `{near}`?"));
    Line::Wrong(format!(
        "there is no host `{}`{meant} Hosts: {}. `help` says what may be typed",
        name.escape_debug(),
        hosts.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Vec<String> {
        ["client", "director", "rs1"].map(str::to_owned).to_vec()
    }

    fn ran(on: &str, command: &str, background: bool) -> Line {
        Line::Run {
            on: on.to_owned(),
            command: command.to_owned(),
            background,
        }
    }

    #[test]
    fn a_host_takes_a_command_or_the_prompt() {
        let hosts = hosts();
        assert_eq!(
            read("director  ipvsadm -Ln ", None, &hosts),
            ran("director", "ipvsadm -Ln", false)
        );
        assert_eq!(read("rs1", None, &hosts), Line::Switch("rs1".to_owned()));
        assert_eq!(read("ss -tan", Some("rs1"), &hosts), ran("rs1", "ss -tan", false));
        assert_eq!(read("client ss", Some("rs1"), &hosts), ran("client", "ss", false));
        assert_eq!(read("", Some("rs1"), &hosts), Line::Nothing);
        assert_eq!(read("# a remark", None, &hosts), Line::Nothing);
    }

    #[test]
    fn one_ampersand_at_the_end_is_ours_and_others_are_the_shells() {
        let hosts = hosts();
        assert_eq!(
            read("rs1 tcpdump -i eth0 &", None, &hosts),
            ran("rs1", "tcpdump -i eth0", true)
        );
        assert_eq!(
            read("rs1 true && false", None, &hosts),
            ran("rs1", "true && false", false)
        );
        assert_eq!(read("rs1 echo \\&", None, &hosts), ran("rs1", "echo \\&", false));
    }

    #[test]
    fn words_of_the_lab_are_its_own_unless_a_host_is_named() {
        let hosts = hosts();
        assert_eq!(
            read("wait 15m", Some("rs1"), &hosts),
            Line::Wait(Duration::from_secs(900))
        );
        assert!(matches!(read("wait", None, &hosts), Line::Wrong(_)));
        assert_eq!(read("rs1 wait 15m", None, &hosts), ran("rs1", "wait 15m", false));
        assert_eq!(
            read("packets", Some("rs1"), &hosts),
            Line::Packets("rs1".to_owned())
        );
        assert_eq!(read("fg %2", None, &hosts), Line::Foreground(Some(2)));
        let Line::Wrong(why) = read("directer ipvsadm", None, &hosts) else {
            panic!("no such host");
        };
        assert!(why.contains("did you mean `director`?"), "{why}");
    }
}
