//! The lab of a cell in somebody's hands: one command by `exec`, lines from a pipe, a person at a terminal.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use support::{STUCK, Said, await_fact, lvs_matrix, processes, say, wait};
use tempfile::TempDir;

const CELL: &str = "other-server/rs2";

fn exec(options: &[&str], command: &[&str]) -> Said {
    say(lvs_matrix()
        .args(["exec", CELL, "other-server"])
        .args(options)
        .arg("--")
        .args(command))
}

#[test]
fn a_command_has_its_output_its_host_and_its_exit_code() {
    let said = exec(&[], &["sh", "-c", "ipvsadm -Ln; echo aside >&2; exit 7"]).expect_code(7);
    assert!(said.stdout.contains("192.0.2.100:3306 rr"), "{said:#?}");
    assert!(
        said.stderr.contains("aside") && !said.stdout.contains("aside"),
        "{said:#?}"
    );
    // Virtual time: a quarter of an hour takes none of this one's. A signal has its number, as in a shell.
    let said = exec(
        &["--on", "rs2"],
        &["sh", "-c", "sleep 900; ip -br addr show eth0; kill -9 $$"],
    );
    let said = said.expect_code(137);
    assert!(said.stdout.contains("192.0.2.32/24"), "{said:#?}");
    let said = exec(&["--on", "rs7"], &["true"]).expect_code(2);
    assert!(
        said.stderr.contains("its hosts: client, director, rs1, rs2"),
        "{said:#?}"
    );
    let said = exec(&[], &["no-such-program"]).expect_code(2);
    assert!(said.stderr.contains("no-such-program"), "{said:#?}");
}

#[test]
fn a_command_reads_what_is_given_to_it() {
    let place = TempDir::new().unwrap();
    let file = place.path().join("input");
    fs::write(&file, "a\u{e9}\u{0}b\n".repeat(20_000)).unwrap();
    let mut command = lvs_matrix();
    command.args(["exec", CELL, "other-server", "-i", "--", "md5sum"]);
    let said = say(command.stdin(fs::File::open(&file).unwrap())).expect_code(0);
    let own = say(Command::new("md5sum").stdin(fs::File::open(&file).unwrap()));
    assert_eq!(said.stdout, own.stdout);
}

/// A control plane that is not there any more, and that no step has ended, is a failure of the lab: what its
/// table says is nobody's. With its first process the others end.
#[test]
fn a_keepalived_that_ends_by_itself_is_told() {
    let killed =
        "kill -KILL \"$(pgrep -o -x keepalived)\"; sleep 1; pgrep -x keepalived; cat /proc/net/ip_vs";
    let said = say(lvs_matrix()
        .args(["exec", "killed_nodest-0_idle", "keepalived-restart"])
        .args(["--on", "director", "--", "sh", "-c", killed]));
    let (table, error) = (&said.stdout, &said.stderr);
    assert!(
        table.starts_with("IP Virtual Server") && table.contains("C000021F:0CEA"),
        "none of its processes is left, and its table is: {said:#?}"
    );
    let told = "the lab failed: run keepalived: it has ended by itself: exit 137";
    assert!(error.contains(told), "{error}");
}

/// Runs these lines in a lab, from a pipe.
fn lines(out: &Path, more: &[&str], text: &str) -> Said {
    let place = TempDir::new().unwrap();
    let file = place.path().join("lines");
    fs::write(&file, text).unwrap();
    let mut command = lvs_matrix();
    command
        .args(["shell", CELL, "other-server", "--out"])
        .arg(out)
        .args(more);
    say(command.stdin(fs::File::open(file).unwrap()))
}

/// What was typed is in the cell's record and capture, and no verdict is made of it.
#[test]
fn lines_from_a_pipe_work_in_a_lab_that_is_kept_as_a_cell() {
    let place = TempDir::new().unwrap();
    let out = place.path().join("out");
    let text = "director ipvsadm -d -t 192.0.2.100:3306 -r 192.0.2.31\n\
                rs1\n\
                echo mine > note; hostname\n\
                client sleep 600 &\n\
                wait 15m\n\
                change\n\
                act\n\
                packets client\n\
                client sh -c 'exit 3'";
    let said = lines(&out, &[], text).expect_code(3);
    // The server was gone already: the step fails, and says so. The ninth line has no end, and is one.
    assert!(said.stdout.contains("step 1 (change)"), "{said:#?}");
    assert!(said.stderr.contains("[3] ended, exit code 0"), "{said:#?}");
    let cell = out.join("other-server/rs2");
    assert_eq!(fs::read_to_string(cell.join("note")).unwrap(), "mine\n");
    assert!(cell.join("capture.pcapng").is_file() && !out.join(".guests").exists());
    let record: serde_json::Value =
        serde_json::from_slice(&fs::read(cell.join("record.json")).unwrap()).unwrap();
    let typed = record["by-hand"].as_array().unwrap();
    assert_eq!(typed.len(), 4, "{typed:#?}");
    assert_eq!(
        (typed[0]["node"].as_str(), typed[0]["exit"].as_i64()),
        (Some("director"), Some(0))
    );
    assert!(record["ended"].as_i64().unwrap() > 900_000_000_000, "time passed");
    // Judged again it is what it was: a cell of which nothing is concluded, with what was typed in its trace.
    say(lvs_matrix().arg("judge").arg(&out)).expect_code(3);
    let page = say(lvs_matrix()
        .arg("report")
        .arg(&out)
        .args(["--cell", "other-server/rs2"]))
    .expect_code(0);
    assert!(
        page.stdout.contains("commands were typed by hand"),
        "{}",
        page.stdout
    );
    let capture = fs::read(cell.join("capture.pcapng")).unwrap();
    let comment = b"director# ipvsadm -d -t 192.0.2.100:3306 -r 192.0.2.31, by hand";
    assert!(capture.windows(comment.len()).any(|found| found == comment));
    // A cell of a run that is kept: its lab can be made again.
    let again = say(lvs_matrix()
        .args(["exec", "rs2", "--run"])
        .arg(&out)
        .args(["--", "ipvsadm", "-Ln"]));
    assert!(again.expect_code(0).stdout.contains("192.0.2.31:3306"));
}

/// Without anything typed but the scenario's own steps it is the cell as it was run.
#[test]
fn the_steps_alone_are_the_cell_itself() {
    let place = TempDir::new().unwrap();
    let out = place.path().join("out");
    let said = lines(&out, &[], "change\nact\nrs7 true\n").expect_code(2);
    assert!(said.stderr.contains("did you mean `rs1`?") || said.stderr.contains("did you mean `rs2`?"));
    say(lvs_matrix().arg("judge").arg(&out)).expect_code(0);
}

/// A person at a terminal.
struct Terminal {
    master: OwnedFd,
    child: Child,
    seen: Vec<u8>,
    /// So much of it was awaited.
    passed: usize,
}

impl Terminal {
    /// That of a shell in the lab of [`CELL`], which waits for a line.
    fn of_lab(out: &Path) -> Self {
        let mut terminal = Self::start(
            lvs_matrix()
                .args(["shell", CELL, "other-server", "--out"])
                .arg(out),
        );
        terminal.shows("] lab# ");
        terminal
    }

    fn start(command: &mut Command) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let slave = ioctl_tiocgptpeer(&master, flags).unwrap();
        size(&master, 31, 97);
        // setsid(1) gives the terminal its session.
        let mut in_session = Command::new("setsid");
        in_session
            .arg("--ctty")
            .arg(command.get_program())
            .args(command.get_args())
            .env("TERM", "xterm");
        let child = in_session
            .stdin(Stdio::from(slave.try_clone().unwrap()))
            .stdout(Stdio::from(slave.try_clone().unwrap()))
            .stderr(Stdio::from(slave))
            .spawn()
            .unwrap();
        drop(in_session);
        Self {
            master,
            child,
            seen: Vec::new(),
            passed: 0,
        }
    }

    fn types(&self, text: &str) {
        fs::File::from(self.master.try_clone().unwrap())
            .write_all(text.as_bytes())
            .unwrap();
    }

    /// Waits until this is shown, after what was awaited before.
    fn shows(&mut self, text: &str) {
        let until = Instant::now() + STUCK;
        loop {
            let fresh = String::from_utf8_lossy(&self.seen[self.passed..]).into_owned();
            if let Some(at) = fresh.find(text) {
                self.passed += at + text.len();
                return;
            }
            let left = until.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(&self.master, PollFlags::IN)];
            let ready = poll(&mut fds, Some(&Timespec::try_from(left).unwrap())).unwrap();
            let mut piece = [0; 4096];
            let length = rustix::io::read(&self.master, &mut piece).unwrap_or(0);
            assert!(ready > 0 && length > 0, "no `{text}` after: {fresh}");
            self.seen.extend(&piece[..length]);
        }
    }
}

fn size(master: &OwnedFd, rows: u16, columns: u16) {
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(master, size).unwrap();
}

#[test]
fn a_person_talks_to_commands_leaves_them_and_comes_back() {
    let place = TempDir::new().unwrap();
    let out = place.path().join("out");
    let mut terminal = Terminal::of_lab(&out);
    // Keys go to the command; its terminal is as large as this one.
    terminal.types("client\n");
    terminal.shows("] client# ");
    terminal.types("read line; stty size; echo \"<$line>\"\n");
    terminal.shows("\n");
    terminal.types("typed\n");
    terminal.shows("31 97");
    terminal.shows("<typed>");
    terminal.shows("] client# ");
    // Ctrl-C ends a command and not the lab; at the prompt it throws the line away.
    terminal.types("trap 'echo caught; exit 5' INT; echo waits; sleep 1000\n");
    terminal.shows("waits\r\n");
    terminal.types("\x03");
    terminal.shows("caught");
    terminal.shows("] client# ");
    // Ctrl-] leaves it running; what is typed meanwhile is another's.
    terminal.types("echo begun; read line; stty size; echo \"<$line>\"\n");
    terminal.shows("begun\r\n");
    terminal.types("\x1d");
    terminal.shows("goes back to it");
    terminal.shows("] client# ");
    terminal.types("rs2 ip -br addr show eth0\n");
    terminal.shows("192.0.2.32/24");
    terminal.shows("] client# ");
    size(&terminal.master, 40, 100);
    terminal.types("fg\n");
    terminal.shows("fg\r\n");
    terminal.types("back\n");
    terminal.shows("40 100");
    terminal.shows("<back>");
    terminal.shows("] client# ");
    let lines = tcgetattr(&terminal.master).unwrap().local_modes;
    assert!(
        lines.contains(LocalModes::ICANON | LocalModes::ECHO),
        "the terminal is as it was"
    );
    terminal.types("\x04");
    terminal.shows("kept: ");
    assert_eq!(wait(&mut terminal.child, STUCK).code(), Some(0));
    assert!(out.join("other-server/rs2/capture.pcapng").is_file());
}

/// What is typed for a command that does not read waits for it, up to a limit. It never holds up the session,
/// and once the command reads, it has every byte.
#[test]
fn a_command_that_does_not_read_does_not_block_the_session() {
    let place = TempDir::new().unwrap();
    let mut terminal = Terminal::of_lab(&place.path().join("out"));
    let line = "0123456789abcde\n";
    terminal.types("client stty -echo; echo ready; sleep 1; wc -c\n");
    terminal.shows("ready\r\n");
    // A terminal holds some 68 KiB.
    terminal.types(&line.repeat(20_000));
    terminal.types("\x04");
    terminal.shows("320000\r\n");
    terminal.shows("] lab# ");
    // One that never reads: more than the limit is refused, and everything else goes on.
    terminal.types("client stty -echo; echo ready; sleep 100000\n");
    terminal.shows("ready\r\n");
    terminal.types(&line.repeat(100_000));
    terminal.shows("the command does not read");
    terminal.types("\x1d");
    terminal.shows("goes back to it");
    terminal.shows("] lab# ");
    terminal.types("director echo al''ive\n");
    terminal.shows("alive\r\n");
    terminal.shows("] lab# ");
    terminal.types("exit\n");
    terminal.shows("kept: ");
    assert_eq!(wait(&mut terminal.child, STUCK).code(), Some(0));
}

/// A lab whose program is ended in the middle of it takes everything along.
#[test]
fn a_terminal_that_is_closed_ends_the_lab() {
    let place = TempDir::new().unwrap();
    let out = place.path().join("out");
    let terminal = Terminal::of_lab(&out);
    let pid = i32::try_from(terminal.child.id()).unwrap();
    let of_guest = processes::guests(pid, &out);
    assert!(!of_guest.is_empty(), "a guest runs");
    let Terminal {
        master, mut child, ..
    } = terminal;
    drop(master);
    wait(&mut child, STUCK);
    await_fact("the guest's end", STUCK, || {
        processes::still_there(&of_guest).is_empty().then_some(())
    });
}
