//! What the run leaves on the disk: whole, readable by others, and the same to the byte when it is made
//! again.

use super::{REPORTS, capture, copy_folder, json, lvs_matrix, record, records, run, say, shipped, unmet};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Binary, kernel, server program and scenarios are named by the hashes of their files, in `run.json`, in
/// every record, in the reports, and by `--version`.
#[test]
fn what_it_was_made_with_is_named_by_hash() {
    let run = run();
    let stored = json(&run.out.join("run.json"));
    let hash = |what: &str| stored["hashes"][what].as_str().unwrap().to_owned();
    assert_eq!(
        hash("harness"),
        sha256(Path::new(env!("CARGO_BIN_EXE_lvs-matrix")))
    );
    let said = say(lvs_matrix().arg("--version")).expect_code(0);
    let page = fs::read_to_string(run.out.join("report.md")).unwrap();
    for what in ["harness", "kernel", "mysqld"] {
        assert!(said.stdout.contains(&hash(what)), "{what}: {}", said.stdout);
        assert!(page.contains(&hash(what)), "{what}: {page}");
    }
    let files: BTreeMap<String, String> = shipped()
        .iter()
        .map(|file| {
            (
                file.file_stem().unwrap().to_str().unwrap().to_owned(),
                sha256(file),
            )
        })
        .collect();
    assert!(said.stdout.contains(&files["config-change"]), "{}", said.stdout);
    for scenario in stored["scenarios"].as_array().unwrap() {
        assert_eq!(
            scenario["sha256"],
            files[scenario["name"].as_str().unwrap()],
            "{scenario:#}"
        );
    }
    for cell in run.report["cells"].as_array().unwrap() {
        let scenario = cell["scenario"].as_str().unwrap();
        assert_eq!(record(cell)["scenario-sha256"], files[scenario], "{}", cell["id"]);
    }
}

/// As sha256sum(1) has it.
fn sha256(file: &Path) -> String {
    let output = Command::new("sha256sum").arg(file).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().next().unwrap().to_owned()
}

/// Every cell's record and capture, `run.json` and `invocation.json` can be read by others; nothing else is
/// in the folder.
#[test]
fn everything_recorded_can_be_read() {
    let run = run();
    let stored = json(&run.out.join("run.json"));
    assert_eq!(stored["state"], "ended");
    let cells = run.report["cells"].as_array().unwrap();
    assert_eq!(stored["selected"].as_array().unwrap().len(), cells.len());
    assert_eq!(records(&run.out).len(), cells.len());
    for cell in cells {
        let record = record(cell);
        assert_eq!(record["lab"], "completed", "{record:#}");
        assert!(
            record["environment"]["kernel"]
                .as_str()
                .unwrap()
                .starts_with("Linux "),
            "{record:#}"
        );
        let hashes = &record["environment"]["hashes"];
        assert_eq!(*hashes, stored["hashes"], "{record:#}");
        let received: u64 = record["capture"]["points"]
            .as_array()
            .unwrap()
            .iter()
            .map(|point| point["received"].as_u64().unwrap())
            .sum();
        assert!(
            capture(cell).len() >= usize::try_from(received).unwrap().min(6),
            "{}",
            cell["id"]
        );
        for view in record["server-views"].as_array().unwrap() {
            let log = run
                .out
                .join(cell["record"].as_str().unwrap())
                .with_file_name(view["log"].as_str().unwrap());
            // What a mysqld says, and what an echo server says.
            let said = fs::read_to_string(&log).unwrap();
            assert!(
                said.contains("ready for connections") || said.contains(" listens to "),
                "{}",
                log.display()
            );
        }
    }
    let mut names: Vec<String> = fs::read_dir(&run.out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut wanted: Vec<String> = shipped()
        .iter()
        .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
        .chain(["run.json", "invocation.json"].map(str::to_owned))
        .chain(REPORTS.map(|(name, _)| name.to_owned()))
        .collect();
    wanted.sort();
    assert_eq!(names, wanted);
}

/// Judging needs the records alone, wherever they are, and gives to the byte what the run gave.
#[test]
fn judging_again_gives_the_same_bytes() {
    let run = run();
    assert_eq!(unmet(), "");
    let copy = run.out.with_file_name("judged-again");
    copy_folder(&run.out, &copy);
    for (name, _) in REPORTS {
        fs::remove_file(copy.join(name)).unwrap();
    }
    let pages = || -> Vec<String> {
        let cells = run.report["cells"].as_array().unwrap().iter();
        cells
            .map(|cell| format!("{}/report.md", cell["id"].as_str().unwrap()))
            .collect()
    };
    for page in pages() {
        fs::remove_file(copy.join(page)).unwrap();
    }
    let judged = say(lvs_matrix().arg("judge").arg(&copy).env_clear()).expect_code(0);
    // A run ends in two lines more: the command that says why, and where the report is.
    let told: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(told[..told.len() - 2].join("\n"), judged.stdout.trim_end());
    for (name, format) in REPORTS {
        let first = fs::read_to_string(run.out.join(name)).unwrap();
        assert!(
            first == fs::read_to_string(copy.join(name)).unwrap(),
            "{name} differs after `judge`"
        );
        let reported = say(lvs_matrix()
            .arg("report")
            .arg(&copy)
            .args(["--format", format])
            .env_clear())
        .expect_code(0);
        assert!(
            first == reported.stdout,
            "{name} is not what `report --format {format}` prints"
        );
    }
    for page in pages() {
        let first = fs::read_to_string(run.out.join(&page)).unwrap();
        assert!(
            first == fs::read_to_string(copy.join(&page)).unwrap(),
            "{page} differs after `judge`"
        );
    }
    let text = say(lvs_matrix().arg("report").arg(&copy).args(["--format", "text"])).expect_code(0);
    assert_eq!(text.stdout, judged.stdout);
}

/// Reports tell of the cell's clock only: no time and no folder of the host is in them.
#[test]
fn nothing_of_the_host_is_in_a_report() {
    let run = run();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let dates: Vec<String> = ["%F", "%Y%m%d", "%d %b %Y", "%b %e %Y"]
        .iter()
        .flat_map(|format| [vec!["-u"], vec![]].map(|zone| (zone, format!("+{format}"))))
        .map(|(zone, format)| {
            let output = Command::new("date").args(zone).arg(format).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        })
        .collect();
    let invocation = json(&run.out.join("invocation.json"));
    let began = invocation["began"].as_str().unwrap();
    for (name, _) in REPORTS {
        let text = fs::read_to_string(run.out.join(name)).unwrap();
        // Pages for people say when and by which command line the run was made, and no more of the host.
        let text = text.replace(began, "");
        let text = text.replace(&format!("--out {}", run.out.display()), "");
        assert!(
            !text.contains(run.out.to_str().unwrap()),
            "{name} names a folder of the host"
        );
        for date in &dates {
            assert!(!text.contains(date), "{name} has today's date, {date}");
        }
        // As a number: seconds, milliseconds, microseconds or nanoseconds since 1970, within a day. TCP's
        // sequence numbers and time stamps are anything; of those of hundreds of cells one is sure to be in
        // that day.
        for number in numbers(&text) {
            for (unit, per_second) in [("s", 1), ("ms", 1000), ("us", 1_000_000), ("ns", 1_000_000_000)] {
                let (today, day) = (u128::from(now.as_secs()) * per_second, 86_400 * per_second);
                assert!(
                    number.abs_diff(today) > day,
                    "{name} has today's time in {unit}, {number}"
                );
            }
        }
    }
}

/// The numbers in a text, but for those that tcpdump's notation gives to TCP's own: `seq 1:14`, `ack 14`,
/// `TS val 1 ecr 2`.
fn numbers(text: &str) -> impl Iterator<Item = u128> {
    let mut before = "";
    let words = text.split_inclusive(|c: char| c.is_ascii_whitespace());
    let words = words.filter(move |word| {
        let of_tcp = ["seq", "ack", "val", "ecr"].contains(&before);
        before = word.trim_end();
        !of_tcp
    });
    words
        .flat_map(|word| word.split(|c: char| !c.is_ascii_digit()))
        .filter_map(|digits| digits.parse().ok())
}

/// A CI system can read it: well-formed, its sums right, a test case per cell.
#[test]
fn junit_is_well_formed() {
    use quick_xml::Reader;
    use quick_xml::events::Event;
    assert_eq!(unmet(), "");
    let text = fs::read_to_string(run().out.join("junit.xml")).unwrap();
    let mut reader = Reader::from_str(&text);
    reader.config_mut().check_end_names = true;
    let (mut cases, mut open, mut sums) = (BTreeSet::new(), 0, Vec::new());
    loop {
        let event = reader
            .read_event()
            .unwrap_or_else(|error| panic!("junit.xml: {error}"));
        match &event {
            Event::Start(tag) | Event::Empty(tag) => {
                open += usize::from(matches!(event, Event::Start(_)));
                let attribute = |name: &str| {
                    let found = tag.try_get_attribute(name).unwrap();
                    String::from_utf8(
                        found
                            .unwrap_or_else(|| panic!("no {name} in {tag:?}"))
                            .value
                            .to_vec(),
                    )
                    .unwrap()
                };
                match tag.name().as_ref() {
                    b"testcase" => {
                        assert!(cases.insert(format!("{}/{}", attribute("classname"), attribute("name"))));
                    }
                    b"testsuites" => sums = ["tests", "failures", "errors"].map(attribute).to_vec(),
                    b"failure" | b"error" => panic!("all cells are met, but here is {tag:?}"),
                    _ => {}
                }
            }
            Event::End(_) => open -= 1,
            Event::Eof => break,
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
    assert_eq!(open, 0, "tags are left open");
    let cells: BTreeSet<String> = run().report["cells"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cell| cell["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(cases, cells);
    assert_eq!(sums, [cells.len().to_string(), "0".to_owned(), "0".to_owned()]);
}
