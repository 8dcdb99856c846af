//! Programs that read captures, and against which ours is held. They are given the file on standard input:
//! from root, tcpdump opens files as another user.

#![expect(
    clippy::expect_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Runs `program` with `input`; both streams are read whole.
pub fn feed(program: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tcpdump and tshark are among the programs that the tests require");
    let mut pipe = child.stdin.take().unwrap();
    let bytes = input.to_vec();
    let writer = std::thread::spawn(move || pipe.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    output
}

/// The lines that tcpdump prints for a capture file, without time stamps and without the hex dumps of frames
/// it does not know. `filter` is in pcap-filter(7)'s language, empty for all packets.
pub fn tcpdump(bytes: &[u8], filter: &str) -> Vec<String> {
    let output = feed("tcpdump", &["-nn", "-t", "-r", "-", filter], bytes);
    lines(&output)
        .into_iter()
        .filter(|line| !line.starts_with('\t'))
        .collect()
}

/// What a program printed on standard output, line by line.
pub fn lines(output: &Output) -> Vec<String> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// What separates the comments of a packet in [`tshark`]'s table.
pub const BETWEEN: char = '\u{1f}';

/// The `fields` of every packet as tshark(1) reads them, and everything that it complained about. That it
/// does not like to run as root is no complaint.
pub fn tshark(bytes: &[u8], fields: &[&str]) -> (Vec<Vec<String>>, String) {
    tshark_with(&[], bytes, fields)
}

/// The same with more options.
pub fn tshark_with(options: &[&str], bytes: &[u8], fields: &[&str]) -> (Vec<Vec<String>>, String) {
    let aggregator = format!("aggregator={BETWEEN}");
    // No names are resolved (-n), and no profile of the user's is read that might filter.
    let mut arguments = vec![
        "-n",
        "-r",
        "-",
        "-T",
        "fields",
        "-E",
        "occurrence=a",
        "-E",
        &aggregator,
    ];
    arguments.extend(options);
    arguments.extend(fields.iter().flat_map(|field| ["-e", *field]));
    let output = feed("tshark", &arguments, bytes);
    let rows = lines(&output)
        .iter()
        // Wireshark 4.4 writes a backslash of a field twice, 4.0 once; no capture of the tests has two.
        .map(|line| line.split('\t').map(|field| field.replace(r"\\", r"\")).collect())
        .collect();
    (rows, complaints(&output))
}

/// What capinfos(1) says of a file, and what it complained about.
pub fn capinfos(file: &std::path::Path) -> (String, String) {
    let output = Command::new("capinfos")
        .arg(file)
        .output()
        .expect("capinfos is one of the programs that the tests require");
    (lines(&output).join("\n"), complaints(&output))
}

fn complaints(output: &Output) -> String {
    let talk = String::from_utf8_lossy(&output.stderr);
    let lines = talk
        .lines()
        .filter(|line| !line.contains("Running as user \"root\""));
    let mut text = lines.collect::<Vec<_>>().join("\n");
    if !output.status.success() {
        text.push_str(&format!(" ({})", output.status));
    }
    text
}
