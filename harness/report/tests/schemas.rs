//! The published schemas: they are what the code writes, and what is written fits them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod common;

use jsonschema::Validator;
use lvs_matrix_report::{
    CellMilestone, NamedRun, RunDiff, RunEvent, RunReport, RunState, Tolerance, diff_schema, event_line,
    events_schema, json, record_schema, report_schema,
};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Value, json as value};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn schemas() -> [(&'static str, Value); 4] {
    [
        ("report", report_schema().to_value()),
        ("record", record_schema().to_value()),
        ("events", events_schema().to_value()),
        ("diff", diff_schema().to_value()),
    ]
}

/// A blank for each level: they are deep, and two of them made a third of the file.
fn written(schema: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    let form = PrettyFormatter::with_indent(b" ");
    schema
        .serialize(&mut Serializer::with_formatter(&mut bytes, form))
        .unwrap();
    bytes.push(b'\n');
    String::from_utf8(bytes).unwrap()
}

/// After a change of what is written: `UPDATE_SCHEMA=1 cargo test -p lvs-matrix-report --test schemas`.
#[test]
fn the_published_schemas_are_what_is_written() {
    for (name, schema) in schemas() {
        let file = repository().join(format!("docs/schemas/{name}.schema.json"));
        let made = written(&schema);
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, &made).unwrap();
        }
        let stored = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            stored == made,
            "{} is not what the code writes: run `UPDATE_SCHEMA=1 cargo test -p lvs-matrix-report --test \
             schemas`",
            file.display()
        );
    }
}

/// A validator made from the published file.
fn validator(name: &str) -> Validator {
    let file = repository().join(format!("docs/schemas/{name}.schema.json"));
    let schema: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

fn fits(validator: &Validator, what: &str, document: &Value) {
    let errors: Vec<String> = validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{what}: {errors:#?}");
}

/// Each change makes a document that must not fit.
fn refuses(validator: &Validator, document: &Value, changes: &[fn(&mut Value)]) {
    for (number, change) in changes.iter().enumerate() {
        let mut changed = document.clone();
        change(&mut changed);
        assert_ne!(&changed, document, "change {number}");
        assert!(
            !validator.is_valid(&changed),
            "change {number} must not fit: {changed:#}"
        );
    }
}

fn read(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn reports_fit_their_schema() {
    let validator = validator("report");
    let stored = read(&lvs_matrix_archive::kept().join("report.json"));
    fits(&validator, "the stored report", &stored);
    for report in [
        common::report(),
        common::hostile::report(),
        common::report_of(vec![], RunState::Begun),
    ] {
        let document: Value = serde_json::from_str(&json(&report).unwrap()).unwrap();
        fits(&validator, "a report made by hand", &document);
    }
    refuses(
        &validator,
        &stored,
        &[
            |report| report["format"] = value!(2),
            |report| drop(report.as_object_mut().unwrap().remove("cells")),
            |report| report["cells"][0]["behaviour"] = value!("slow"),
            |report| report["cells"][0]["verdict"] = value!("met"),
            |report| report["cells"][0]["operation"]["began-ns"] = value!("soon"),
            |report| report["totals"]["met"] = value!(-1),
        ],
    );
}

#[test]
fn records_fit_their_schema() {
    let validator = validator("record");
    let folders = |parent: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(parent).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_dir()).collect()
    };
    let records: Vec<PathBuf> = folders(lvs_matrix_archive::kept())
        .iter()
        .flat_map(|scenario| folders(scenario))
        .map(|cell| cell.join("record.json"))
        .collect();
    assert!(records.len() >= 34);
    for record in &records {
        fits(&validator, &record.display().to_string(), &read(record));
    }
    let failed = serde_json::to_value(common::lab_failed().record).unwrap();
    fits(&validator, "the record of a lab that failed", &failed);
    refuses(
        &validator,
        &read(&records[0]),
        &[
            |record| record["format"] = value!(0),
            |record| drop(record.as_object_mut().unwrap().remove("plan")),
            |record| record["plan"]["vip"] = value!(7),
            |record| record["steps"][0]["action"] = value!({ "explode": {} }),
            |record| record["client-events"][0]["at"] = value!("00:01"),
        ],
    );
}

fn lines(report: &RunReport) -> Vec<String> {
    let cell = &report.cells()[0];
    let place = &cell.record.plan.cell;
    let mut events = vec![
        RunEvent::Begun {
            run: report.run(),
            place: "Linux 7.2.12",
            server: "10.11-MariaDB",
        },
        RunEvent::Started(place),
        RunEvent::Reached(place, CellMilestone::LabReady),
        RunEvent::Reached(place, CellMilestone::Played),
        RunEvent::Unreadable(place, common::hostile::TEXT),
        RunEvent::Trouble(common::hostile::TEXT),
        RunEvent::Failed(common::hostile::TEXT),
        RunEvent::Over(report),
    ];
    events.extend(report.cells().iter().map(RunEvent::Recorded));
    let wall = Duration::from_millis(1234);
    events
        .into_iter()
        .map(|event| event_line(event, wall).unwrap())
        .collect()
}

/// Each line is one line, understood without the others, and nothing foreign in it acts on a terminal or in a
/// CI log.
#[test]
fn events_fit_their_schema() {
    let validator = validator("events");
    for report in [common::report(), common::hostile::report()] {
        for line in lines(&report) {
            let body = line.strip_suffix('\n').unwrap();
            let acts = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
            assert!(!body.contains(acts) && !body.contains("##["), "{body}");
            let document: Value = serde_json::from_str(body).unwrap();
            fits(&validator, body, &document);
            assert_eq!(
                (&document["format"], &document["wall-ms"]),
                (&value!(1), &value!(1234))
            );
            let of_a_cell = ["cell-started", "milestone", "recorded", "unreadable"];
            let is_of_a_cell = of_a_cell.contains(&document["event"].as_str().unwrap());
            assert_eq!(
                document["cell"].is_string() && document["axes"].is_object(),
                is_of_a_cell
            );
        }
    }
    let recorded = lines(&common::report()).pop().unwrap();
    refuses(
        &validator,
        &serde_json::from_str(&recorded).unwrap(),
        &[
            |line| line["format"] = value!(2),
            |line| line["event"] = value!("exploded"),
            |line| drop(line.as_object_mut().unwrap().remove("cell")),
            |line| line["verdict"]["result"] = value!("fine"),
        ],
    );
}

#[test]
fn comparisons_fit_their_schema() {
    let validator = validator("diff");
    let (a, b) = (
        common::report(),
        common::report_of(vec![common::answered(), common::hung()], RunState::Ended),
    );
    let named = |name, report| NamedRun {
        name,
        report,
        kernel: None,
    };
    for (a, b) in [(&a, &a), (&a, &b), (&b, &a)] {
        let diff = RunDiff::of(named("a", a), named("b", b), Tolerance::default());
        let document: Value = serde_json::from_str(&diff.json().unwrap()).unwrap();
        fits(&validator, "a comparison", &document);
        refuses(
            &validator,
            &document,
            &[
                |diff| diff["format"] = value!(2),
                |diff| diff["result"] = value!("similar"),
                |diff| drop(diff.as_object_mut().unwrap().remove("tolerance")),
            ],
        );
    }
}
