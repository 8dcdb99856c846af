//! A cell that tested nothing says so in every output; a connection is on the server that the scenario names;
//! and the scenarios of the documentation give what it says.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use support::{Said, cell, lvs_matrix, results, say};

/// One change, with clients that it concerns and clients that it does not.
const TESTED: &str = r#"
name: tested
claim: A cell that tested nothing says so.
lab:
  scheduler: wlc
  real-servers: { rs1: { weight: 100 }, rs2: { weight: 100 }, rs3: { weight: 50 } }
axes:
  what:
    # The scheduler chooses another server.
    elsewhere:
      before: [{ connect: {} }, { wait: 1s }]
      change: [{ remove-real-server: { server: rs1 } }]
      act: [{ query: { sql: select 1 } }]
    # The same, where the scenario says which one it is to be, …
    there:
      before: [{ connect: { to: rs1 } }, { wait: 1s }]
      change: [{ remove-real-server: { server: rs1 } }]
      act: [{ query: { sql: select 1 } }]
    # … and where it is to be left alone.
    left-alone:
      before: [{ connect: { to: rs2 } }, { wait: 1s }]
      change: [{ remove-real-server: { server: rs1 } }]
      act: [{ query: { sql: select 1 } }]
    # A typing error: the server has refused it long before.
    over-before:
      before: [{ connect: { to: rs1 } }, { start-query: { sql: select * from nowhere } }, { wait: 1s }]
      change: [{ remove-real-server: { server: rs1 } }]
      act: [{ await-result: {} }]
    # The fault comes after everything.
    too-late:
      before: [{ connect: { to: rs1 } }]
      act: [{ query: { sql: select 1 } }, { stop-mysqld: { server: rs1 } }]
    # Nobody is there to be ended, and the scheduler and the method are those that there were.
    as-before:
      before: [{ connect: { to: rs1 } }, { disconnect: {} }, { wait: 1s }]
      change:
        - kill-sessions: { server: rs1 }
        - set-scheduler: { scheduler: wlc }
        - set-forwarding: { server: rs1, method: direct-routing, weight: 100 }
      act: [{ connect: { to: rs1 } }]
    # Nothing is changed, on purpose.
    control:
      before: [{ connect: { to: rs1 } }]
      act: [{ query: { sql: select 1 } }]
observe: { patience: 5s, until: 20m }
expect:
  - { when: { what: [elsewhere, too-late, as-before, control] }, behaviour: answered }
  - { when: { what: there }, behaviour: hung, served-by: rs1 }
  - { when: { what: left-alone }, behaviour: answered, served-by: [rs2, rs3] }
  - { when: { what: over-before }, observe-only: true }
"#;

fn run(folder: &Path, name: &str, text: &str) -> (Said, PathBuf) {
    let (file, out) = (folder.join(format!("{name}.yaml")), folder.join(name));
    fs::write(&file, text).unwrap();
    (
        say(lvs_matrix().arg("run").arg(&file).arg("--out").arg(&out)),
        out,
    )
}

#[test]
fn a_cell_that_tested_nothing_says_so_everywhere() {
    let (said, out) = run(&results("tested"), "tested", TESTED);
    // Nothing is violated; of four cells nothing is known that would speak of their change.
    let said = said.expect_code(3);
    let report = support::json(&out.join("report.json"));
    let verdict = |what: &str| cell(&report, &format!("tested/{what}"))["verdict"]["result"].clone();
    assert_eq!(verdict("there"), "met");
    assert_eq!(verdict("left-alone"), "met");
    assert_eq!(verdict("control"), "met");
    assert_eq!(cell(&report, "tested/control")["control"], true);
    assert_eq!(cell(&report, "tested/left-alone")["untested"]["intended"], true);
    assert_eq!(cell(&report, "tested/left-alone")["article"], "OK");
    let nothing = [
        ("elsewhere", "other-server", "answered"),
        ("over-before", "over-before", "failed-fast"),
        ("too-late", "over-before", "answered"),
        ("as-before", "no-change", "answered"),
    ];
    let junit = fs::read_to_string(out.join("junit.xml")).unwrap();
    let markdown = fs::read_to_string(out.join("report.md")).unwrap();
    let html = fs::read_to_string(out.join("report.html")).unwrap();
    for (what, kind, behaviour) in nothing {
        let id = format!("tested/{what}");
        let found = cell(&report, &id);
        assert_eq!(verdict(what), "tested-nothing", "{found:#}");
        assert_eq!(
            found["behaviour"], behaviour,
            "what was seen is told all the same"
        );
        assert_eq!(found["article"], Value::Null, "it is not OK");
        assert_eq!(found["untested"]["kind"], kind);
        let why = found["untested"]["what"].as_str().unwrap();
        // Each output names the cell and the reason.
        let short: String = why.chars().take(40).collect();
        assert!(
            said.stdout.contains(&format!("{id}: tested nothing")),
            "{}",
            said.stdout
        );
        assert!(said.stdout.contains(&short), "{}", said.stdout);
        let row = said
            .stdout
            .lines()
            .find(|line| line.trim_start().starts_with(what))
            .unwrap();
        assert!(row.ends_with("–        tested nothing"), "{row}");
        assert!(
            markdown.contains(&format!("**tested nothing** [{id}]")),
            "{markdown}"
        );
        let row = html
            .lines()
            .find(|line| line.contains(&format!("<tr data-cell=\"{id}\"")))
            .unwrap();
        assert!(row.contains("data-verdict=\"untested\""), "{row}");
        let case = junit
            .split("<testcase")
            .find(|case| case.contains(&format!("name=\"{what}\"")))
            .unwrap();
        assert!(
            case.contains("<error") && case.contains("type=\"tested nothing\""),
            "{case}"
        );
        let page = fs::read_to_string(out.join(&id).join("report.md")).unwrap();
        assert!(
            page.contains("This cell tested nothing, and says nothing about its change:"),
            "{page}"
        );
    }
    assert_eq!(
        [&report["totals"]["tested-nothing"], &report["totals"]["result"]],
        [&json!(4), &json!("undetermined")]
    );
    // A sentence with several quotations, each of its own.
    for quoted in [
        "write `connect: { to: rs1 }`; if it is meant to be left alone, write `served-by: rs3` into",
        "the statement `select * from nowhere` fails",
    ] {
        assert!(markdown.contains(quoted), "{quoted}");
    }
    let headline = "4 of 7 cells tested nothing: the change had no part in what was judged.";
    assert!(said.stdout.contains(headline) && markdown.contains(headline) && html.contains(headline));
    let explained = say(lvs_matrix()
        .args(["explain", "--run"])
        .arg(&out)
        .arg("tested/elsewhere"))
    .expect_code(0);
    assert!(
        explained.stdout.contains("write `connect: { to: rs1 }`"),
        "what to do about it: {}",
        explained.stdout
    );
}

/// Whatever the scheduler is, and though its own choice would be another each time.
#[test]
fn a_connection_is_on_the_server_that_the_scenario_names() {
    let schedulers = [
        "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh",
    ];
    let values: String = schedulers
        .iter()
        .map(|name| format!("    {name}: {{ before: [{{ set-scheduler: {{ scheduler: {name} }} }}] }}\n"))
        .collect();
    let text = format!(
        "name: to\nclaim: A connection is where the scenario wants it.\n\
         lab: {{ real-servers: {{ rs1: {{ weight: 3 }}, rs2: {{ weight: 100 }}, rs3: {{ weight: 0 }} }} }}\n\
         axes:\n  scheduler:\n{values}  opening:\n    \
         three:\n      before:\n        - connect: {{ as: one, to: rs1 }}\n        - start-connect: \
         {{ as: two, to: rs3 }}\n        \
         - await-connect: {{ on: two }}\n        - connect: {{ as: three, to: rs2 }}\n\
         act: [{{ query: {{ on: two, sql: select @@server_id }} }}]\n\
         observe: {{ patience: 5s, until: 1m }}\n\
         expect: [{{ behaviour: answered, served-by: rs3 }}]\n"
    );
    let (said, out) = run(&results("tested-to"), "to", &text);
    said.expect_code(0);
    for name in schedulers {
        let record = support::json(&out.join(format!("to/{name}_three/record.json")));
        // The table is as it was before.
        let services = record["snapshots"][0]["services"].as_str().unwrap();
        assert!(
            services.contains(&format!("192.0.2.100:3306 {name}")),
            "{services}"
        );
        for (server, weight) in [("31", "3"), ("32", "100"), ("33", "0")] {
            let line = services
                .lines()
                .find(|line| line.contains(&format!("192.0.2.{server}:3306")))
                .unwrap();
            let words: Vec<&str> = line.split_whitespace().collect();
            assert_eq!(words[3], weight, "{services}");
        }
        let answer = record["client-events"]
            .as_array()
            .unwrap()
            .iter()
            .find_map(|event| event["kind"]["result-received"]["first-row"][0].as_str());
        assert_eq!(answer, Some("103"), "{name}");
    }
}

/// A statement that never reaches a server is under way all the same, also one whose rows were to be read
/// slowly.
#[test]
fn a_large_result_that_never_begins_is_no_reason_to_wait() {
    let text = "name: never\nclaim: A statement that is dropped on its way.\n\
                lab: { real-servers: { rs1: {} } }\n\
                before:\n  - connect: {}\n  - wait: 1s\n  - remove-real-server: { server: rs1 }\n  \
                - wait: 1s\n\
                change:\n  - start-query: { sql: \"select repeat('x', 1000) from \
                information_schema.collations\", pause-after: 10 }\n\
                act: [{ await-result: {} }]\n\
                observe: { patience: 5s, until: 20m }\n\
                expect: [{ behaviour: hung, ends: error }]\n";
    let (said, out) = run(&results("tested-never"), "never", text);
    said.expect_code(0);
    let record = support::json(&out.join("never/only/record.json"));
    assert_eq!(record["steps"][4]["outcome"]["done"]["proof"], "sent-again");
}

/// A server that answers ARP for the VIP has clients that the director knows nothing of: what happens to it
/// concerns those that another server serves in the end.
#[test]
fn a_change_to_a_server_that_answers_arp_concerns_every_client() {
    let text = "name: arp\nclaim: The host that the client speaks to past the director is powered off.\n\
                lab: { real-servers: { rs1: {}, rs2: {} }, misbuilt: { rs1: answers-arp } }\n\
                before:\n  - set-netem: { node: director, delay: 1ms }\n  - connect: {}\n  - wait: 1s\n\
                change:\n  - power-off: { server: rs1 }\n  - wait: 3m\n\
                act: [{ connect: { as: other } }]\n\
                observe: { patience: 5s, until: 5m }\n\
                expect: [{ behaviour: hung, ends: answer }]\n";
    let (said, _) = run(&results("tested-arp"), "arp", text);
    said.expect_code(0);
}

/// With one arm the answers of a real server go to the director by a rule for their source, in both families.
#[test]
fn masquerading_on_one_link_is_made_in_both_families() {
    let text = "name: one-armed\nclaim: Masquerading on one link.\n\
                lab: { real-servers: { rs1: {} }, forwarding: masquerading, wiring: one-armed }\n\
                axes:\n  family: { ipv4: { family: ipv4 }, ipv6: { family: ipv6 } }\n\
                act: [{ connect: {} }]\n\
                observe: { patience: 5s, until: 1m }\n\
                expect: [{ behaviour: answered, served-by: rs1 }]\n";
    let (said, _) = run(&results("tested-one-armed"), "one-armed", text);
    said.expect_code(0);
}

/// Each scenario that stands whole in the documentation is run, and is as expected.
#[test]
fn the_documentation_s_scenarios_give_what_they_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = results("tested-docs");
    let mut pages = vec![root.join("README.md")];
    let docs = fs::read_dir(root.join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    pages.extend(docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    let mut files = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        let blocks = text
            .split("```yaml\n")
            .skip(1)
            .filter_map(|rest| rest.split("```").next());
        for block in blocks.filter(|block| block.lines().any(|line| line.starts_with("name:"))) {
            let file = folder.join(format!("example-{}.yaml", files.len()));
            fs::write(&file, block).unwrap();
            files.push(file);
        }
    }
    assert!(
        files.len() >= 3,
        "README, and two of docs/scenarios.md: {files:?}"
    );
    let said = say(lvs_matrix()
        .arg("run")
        .args(&files)
        .arg("--out")
        .arg(folder.join("run")))
    .expect_code(0);
    assert!(said.stdout.contains("cells are as expected."), "{}", said.stdout);
}
