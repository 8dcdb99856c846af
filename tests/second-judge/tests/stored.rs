//! The fixtures (`tests/fixtures/cells`), held against the second judge: each cell, each packet that its
//! evidence or its explanation names. `LVS_MATRIX_CELLS` names the folder of another run.

use lvs_matrix_explain::explain;
use lvs_matrix_model::record::CellRecord;
use lvs_matrix_model::verdict::{Citation, judged};
use lvs_matrix_second_judge::capture;
use lvs_matrix_second_judge::citations::Cell;
use lvs_matrix_second_judge::difference::differences;
use lvs_matrix_second_judge::judge::judge;
use lvs_matrix_second_judge::record::Record;
use lvs_matrix_second_judge::twice::{judge_again, packets, wrongly_cited};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// The folder of the run.
fn run() -> PathBuf {
    std::env::var_os("LVS_MATRIX_CELLS").map_or_else(|| lvs_matrix_archive::kept().to_owned(), PathBuf::from)
}

#[test]
fn both_judges_agree_and_evidence_cites_the_right_packets() {
    let run = run();
    let tally = judge_again(&run).unwrap();
    let found: Vec<String> = tally
        .found
        .iter()
        .map(|(id, why)| format!("{id}: {why}"))
        .collect();
    assert!(tally.cells >= 80, "only {} cells are stored", tally.cells);
    assert!(
        found.is_empty(),
        "{} in {} cells:\n{}",
        found.len(),
        tally.cells,
        found.join("\n")
    );
}

#[test]
fn explanations_cite_the_right_packets() {
    // One line for each sort of complaint of each rule, with how many there are.
    let mut found: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let run = run();
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(run.join("report.json")).unwrap()).unwrap();
    for cell in report["cells"].as_array().unwrap() {
        let id = cell["id"].as_str().unwrap();
        let folder = run.join(id);
        let recorded: CellRecord =
            serde_json::from_slice(&fs::read(folder.join("record.json")).unwrap()).unwrap();
        let bytes = fs::read(folder.join("capture.pcapng")).unwrap();
        for paragraph in explain(&judged(recorded, Some(&bytes))).paragraphs {
            let shown_by: Vec<u32> = paragraph
                .shown_by
                .iter()
                .filter_map(|place| match place {
                    Citation::Packet(number) => Some(*number),
                    Citation::Event(_) | Citation::Snapshot(_) | Citation::Step(_) | Citation::Server(_) => {
                        None
                    }
                })
                .collect();
            for complaint in wrongly_cited(&folder, &[(paragraph.text, shown_by)]).unwrap() {
                let sort = complaint.replace(|letter: char| letter.is_ascii_digit(), "0");
                let sort = format!("{}: {sort}", paragraph.rule);
                found.entry(sort).or_insert((0, format!("{id}: {complaint}"))).0 += 1;
            }
        }
    }
    let lines: Vec<String> = found
        .into_iter()
        .map(|(sort, (times, first))| format!("{times} × {sort}\n      first: {first}"))
        .collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

/// The control: what is wrong is noticed, both in a judgement and in a citation.
#[test]
fn what_is_wrong_is_noticed() {
    let (mut shifted, mut noticed, mut unnoticed) = (0, 0, Vec::new());
    let run = run();
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(run.join("report.json")).unwrap()).unwrap();
    for cell in report["cells"].as_array().unwrap() {
        let folder = run.join(cell["id"].as_str().unwrap());
        let record = Record::read(&folder).unwrap();
        // This judge reads TCP: what datagrams say it cannot judge (`twice` passes those cells over, too).
        if record.is_foreign() {
            continue;
        }
        let frames = capture::read(&folder.join("capture.pcapng")).unwrap();
        let judgement = judge(&record, &frames);
        for other in ["answered", "failed-fast", "hung"] {
            let mut flipped = cell.clone();
            flipped["behaviour"] = other.into();
            let agrees = differences(&flipped, (&record, &frames), &judgement).is_empty();
            assert_eq!(agrees, cell["behaviour"] == other, "{}: {other}", cell["id"]);
        }
        let cited = Cell::of(&record, &frames);
        for evidence in cell["evidence"].as_array().unwrap() {
            let next: Vec<u32> = packets(evidence).iter().map(|packet| packet + 1).collect();
            let what = evidence["what"].as_str().unwrap();
            // Of messages that came together, such as ICMP errors for three SYNs, each serves as well.
            let carries = |number: u32| {
                let mut numbered = frames.iter();
                let found = numbered.find(|frame| frame.number == number);
                found.map(|frame| format!("{:?}", (&frame.host, &frame.what)))
            };
            let alike = next.iter().all(|next| carries(*next) == carries(*next - 1));
            // The server's own segments follow those that reached it, and so serve as well.
            if !next.is_empty() && !alike && !what.ends_with(" served the connection") {
                shifted += 1;
                let complaints = cited.evidence(what, &next);
                noticed += usize::from(!complaints.is_empty());
                unnoticed.extend(complaints.is_empty().then(|| format!("{}: {what}", cell["id"])));
            }
        }
    }
    // The packet after the right one may be its like, such as one of two RSTs.
    assert!(
        shifted > 150 && noticed * 100 > shifted * 99,
        "{noticed} of {shifted}:\n{}",
        unnoticed.join("\n")
    );
}
