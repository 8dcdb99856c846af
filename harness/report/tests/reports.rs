//! The forms of a report, made from hand-made cells: what they look like, and that they hold against
//! anything.

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test says that its input was not what it needs"
)]

mod common;
#[path = "common/shape.rs"]
mod shape;

use lvs_matrix_model::verdict::JudgedCell;
use lvs_matrix_report::{
    Language, RunReport, RunState, Totals, cell_report_path, html, json, junit, ladder_svg, markdown,
    markdown_cell, summary, terminal, timeline_svg,
};
use quick_xml::Reader;
use quick_xml::events::Event;
use shape::keeps_its_shape;
use std::collections::BTreeMap;

/// Every form of `report`.
fn all(report: &RunReport) -> Vec<(&'static str, String)> {
    let pages = report.cells().iter();
    let mut all: Vec<_> = pages
        .map(|cell| ("page of a cell", markdown_cell(report, cell)))
        .collect();
    all.extend([
        ("markdown", markdown(report)),
        ("html", html(report)),
        ("json", json(report).unwrap()),
        ("junit", junit(report).unwrap()),
        ("terminal", terminal(report)),
        ("summary", summary(report, usize::MAX)),
    ]);
    all
}

/// The pages of all cells.
fn pages(report: &RunReport) -> String {
    let pages = report.cells().iter().map(|cell| markdown_cell(report, cell));
    pages.collect()
}

/// The address that the first scenario names as what it reproduces.
const REPRODUCED: &str = "https://incidents.example/463968?a=1&b=2";

#[test]
fn markdown_form() {
    insta::assert_snapshot!(markdown(&common::report()));
}

#[test]
fn cell_pages_form() {
    let report = common::report();
    for (name, id) in [
        ("page_of_a_hang", "config-change/absent_execute-sql"),
        ("page_of_a_violated_cell", "config-change/absent_waiting"),
        ("page_of_a_failed_lab", "config-change/present_waiting"),
    ] {
        insta::assert_snapshot!(name, markdown_cell(&report, report.cell(id).unwrap()));
    }
}

#[test]
fn drawings_form() {
    insta::assert_snapshot!(
        "ladder_of_a_refusal",
        ladder_svg(Language::English, &common::refused()).unwrap()
    );
    let report = common::report();
    let cells: Vec<&JudgedCell> = report.cells().iter().collect();
    insta::assert_snapshot!(
        "timeline_of_a_run",
        timeline_svg(Language::English, &cells).unwrap()
    );
}

#[test]
fn json_form() {
    insta::assert_snapshot!(json(&common::report()).unwrap());
}

#[test]
fn junit_form() {
    insta::assert_snapshot!(junit(&common::report()).unwrap());
}

#[test]
fn terminal_form() {
    insta::assert_snapshot!(terminal(&common::report()));
}

#[test]
fn a_report_is_the_same_each_time_and_ends_with_a_newline() {
    for ((form, once), (_, again)) in all(&common::report()).iter().zip(all(&common::report())) {
        assert_eq!(once, &again, "{form}");
        assert!(
            once.ends_with('\n') && !once.ends_with("\n\n"),
            "{form} ends with one newline"
        );
    }
}

/// Counts the elements of a well-formed XML text, and the attributes `name` of `testcase`s by the elements in
/// them.
fn elements(xml: &str) -> (BTreeMap<String, usize>, BTreeMap<String, Vec<String>>) {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let mut counts = BTreeMap::new();
    let mut results: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut case = String::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) | Event::Empty(tag) => {
                let element = String::from_utf8(tag.name().as_ref().to_vec()).unwrap();
                *counts.entry(element.clone()).or_default() += 1;
                for attribute in tag.attributes() {
                    let attribute = attribute.unwrap();
                    if element == "testcase" && attribute.key.as_ref() == b"name" {
                        case = String::from_utf8(attribute.value.to_vec()).unwrap();
                    }
                }
                if element == "failure" || element == "error" {
                    results.entry(element).or_default().push(case.clone());
                }
            }
            Event::Text(text) => {
                text.decode().unwrap();
            }
            Event::Eof => return (counts, results),
            Event::End(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
}

#[test]
fn junit_tells_failures_from_errors() {
    let xml = junit(&common::report()).unwrap();
    let (counts, results) = elements(&xml);
    assert_eq!(counts["testsuite"], 2);
    assert_eq!(counts["testcase"], 7);
    assert_eq!(results["failure"], ["absent_waiting"]);
    assert_eq!(results["error"], ["present_waiting", "only"]);
    assert!(
        !xml.contains("timestamp") && !xml.contains("uuid"),
        "repeatable: {xml}"
    );
}

#[test]
fn foreign_text_stays_text() {
    let report = common::hostile::report();
    for (form, text) in all(&report) {
        assert!(
            !text.contains([
                '\u{1b}', '\u{9b}', '\0', '\r', '\u{202e}', '\u{200b}', '\u{feff}', '\u{ffff}'
            ]),
            "{form} shows hidden characters"
        );
        for line in text.lines() {
            assert!(
                !line.trim_start().starts_with("::"),
                "{form}: a line is a command to GitHub: {line}"
            );
            assert!(
                !line.contains("##["),
                "{form}: a line is a command to a CI system: {line}"
            );
        }
    }
    elements(&junit(&report).unwrap());
}

#[test]
fn markdown_keeps_its_shape_around_foreign_text() {
    let report = common::hostile::report();
    keeps_its_shape(&markdown(&report));
    for cell in report.cells() {
        keeps_its_shape(&markdown_cell(&report, cell));
    }
}

#[test]
fn json_can_be_read_back() {
    let read: serde_json::Value = serde_json::from_str(&json(&common::hostile::report()).unwrap()).unwrap();
    assert_eq!(read["format"], 1);
    let violated = &read["cells"][1];
    assert_eq!(violated["id"], "config-change/absent_waiting");
    assert_eq!(violated["error"]["message"], common::hostile::TEXT);
    assert_eq!(read["totals"]["missing"], 5);
}

/// Links of the run's page lead to its own anchors or to pages that are written; those of a cell's page to
/// its files.
#[test]
fn every_link_has_its_target() {
    let report = common::report();
    let text = markdown(&report);
    let targets = |text: &str| -> Vec<String> {
        let parts = text.split("](").skip(1);
        parts
            .map(|part| part.split(')').next().unwrap_or_default().to_owned())
            .collect()
    };
    let written: Vec<String> = report
        .cells()
        .iter()
        .map(|cell| cell_report_path(&cell.record.plan.cell))
        .collect();
    let links = targets(&text);
    assert!(links.len() > 10, "{links:?}");
    for link in links {
        match link.strip_prefix('#') {
            Some(anchor) => assert!(
                text.contains(&format!("<a id=\"{anchor}\"></a>")),
                "nothing is at #{anchor}"
            ),
            // What a scenario reproduces is on the web.
            None if link == REPRODUCED => {}
            None => assert!(written.contains(&link), "{link} is not written"),
        }
    }
    for cell in report.cells() {
        let links = targets(&markdown_cell(&report, cell));
        // What a scenario reproduces is on the web.
        let links: Vec<String> = links.into_iter().filter(|link| *link != REPRODUCED).collect();
        assert!(
            links.contains(&"../../report.md#config-change".to_owned()),
            "{links:?}"
        );
        for link in links {
            let of_the_folder = ["record.json", "capture.pcapng", "rs1.log"].contains(&link.as_str());
            assert!(of_the_folder || link.starts_with("../../report.md#"), "{link}");
        }
    }
}

#[test]
fn long_repetitions_are_folded_and_short_ones_are_not() {
    let mut cell = common::hung();
    let text = |cell: &JudgedCell| pages(&common::report_of(vec![cell.clone()], RunState::Ended));
    assert_eq!(
        text(&cell).matches("# again, ").count(),
        9,
        "as many as the article showed: each has its line"
    );
    let last = cell.packets()[11].clone();
    let repeated = (0..30).map(|number| {
        let mut again = last.clone();
        again.number += number;
        again.at = again
            .at
            .plus(std::time::Duration::from_secs(120 * u64::from(number)));
        again
    });
    cell.change_packets(|packets| {
        packets.extend(repeated);
        packets.remove(12);
    });
    let folded = text(&cell);
    assert_eq!(folded.matches("# again, ").count(), 4);
    assert!(
        folded.contains("the same 35 more times, 0s to 2m apart"),
        "{folded}"
    );
}

#[test]
fn a_trace_says_what_the_director_only_passed_on_and_what_the_link_flooded() {
    let mut cell = common::hung();
    let (director, rs1) = (
        cell.record.plan.hosts[1].clone(),
        cell.record.plan.hosts[2].clone(),
    );
    let capture = cell.record.capture.as_mut().unwrap();
    for host in [&director, &rs1] {
        let mut point = capture.points[0].clone();
        point.node = host.node.clone();
        capture.points.push(point);
    }
    let statement = cell.packets()[2].clone();
    let mut forwarded = statement.clone();
    (forwarded.number, forwarded.point) = (14, 1);
    (forwarded.source_mac, forwarded.destination_mac) = (director.mac(), rs1.mac());
    let mut flooded = statement;
    (flooded.number, flooded.point) = (15, 2);
    cell.change_packets(|packets| packets.extend([forwarded, flooded]));
    let text = pages(&common::report_of(vec![cell], RunState::Ended));
    assert_eq!(text.matches("# forwarded").count(), 1);
    assert_eq!(text.matches("# flooded by the link, for director").count(), 1);
    assert_eq!(text.matches("# again").count(), 9, "neither is a repetition");
}

#[test]
fn a_killed_run_says_so() {
    let report = common::report_of(vec![common::answered()], RunState::Begun);
    for (form, text) in all(&report).into_iter().skip(report.cells().len()) {
        assert!(text.contains("was killed"), "{form}: {text}");
    }
    let totals = Totals::of(&report);
    assert_eq!((totals.cells, totals.met, totals.missing), (7, 1, 6));
    assert_eq!(totals.result(), "undetermined");
}
