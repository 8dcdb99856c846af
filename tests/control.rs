//! keepalived with a configuration of the author's own, and keepalived that does not do what it should: each
//! is told with keepalived's own words, and never a verdict.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[expect(dead_code, reason = "shared with the other tests of the whole")]
mod support;

use serde_json::Value;
use std::fs;
use support::{Said, json, lvs_matrix, say};
use tempfile::TempDir;

const SCENARIO: &str = "
name: own
claim: A configuration of one's own.
lab:
  real-servers: { rs1: {}, rs2: {} }
  keepalived: { config: keepalived.conf, names: { 10.1.2.3: vip, 10.1.2.11: rs1, 10.1.2.12: rs2 } }
before: [{ wait: 2s }]
act: [{ connect: {} }]
observe: { patience: 5s, until: 1m }
expect: [{ behaviour: answered, served-by: rs2 }]
";

const CONF: &str = "# of lb1
virtual_server 10.1.2.3 3306 {
    delay_loop 1
    lb_algo rr
    lb_kind DR
    protocol TCP
    real_server 10.1.2.11 3306 {
        weight 1
        TCP_CHECK {
            connect_timeout 2
        }
    }
    real_server 10.1.2.12 3306 {
        weight 1
        TCP_CHECK {
            connect_timeout 2
        }
    }
}
";

const VRRP: &str = "vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    @director priority 150
    @director2 priority 100
    virtual_ipaddress {
        10.1.2.3
    }
}
";

/// An HTTP server that says its name.
const HTTP_SERVER: &str = r#"use strict;
use IO::Socket::INET;
my ($port, $name) = @ARGV;
$SIG{PIPE} = 'IGNORE';
my $listener = IO::Socket::INET->new(LocalPort => $port, Listen => 64, ReuseAddr => 1) or die $!;
while (my $client = $listener->accept) {
    while (my $line = <$client>) { last if $line =~ /^\r?\n$/ }
    my $length = length($name) + 1;
    print $client "HTTP/1.1 200 OK\r\nContent-Length: $length\r\nConnection: close\r\n\r\n$name\n";
    close $client;
}
"#;

/// Runs a scenario beside a configuration; gives what was said, and the record of its cell.
fn run(scenario: &str, conf: &str) -> (Said, Value) {
    let (said, records) = run_cells(scenario, conf, &["only"]);
    let [record] = records.try_into().unwrap();
    (said, record)
}

/// The same, of these cells; null of one that left no record.
fn run_cells(scenario: &str, conf: &str, cells: &[&str]) -> (Said, Vec<Value>) {
    let place = TempDir::new().unwrap();
    let out = place.path().join("out");
    fs::write(place.path().join("own.yaml"), scenario).unwrap();
    fs::write(place.path().join("keepalived.conf"), conf).unwrap();
    fs::write(place.path().join("http.pl"), HTTP_SERVER).unwrap();
    let said = say(lvs_matrix()
        .arg("run")
        .arg(place.path().join("own.yaml"))
        .arg("--out")
        .arg(&out));
    let records = cells.iter().map(|cell| {
        let record = out.join(format!("own/{cell}/record.json"));
        match record.exists() {
            true => json(&record),
            false => Value::Null,
        }
    });
    (said, records.collect())
}

/// Why the lab failed, with the lines of the log that the record has.
fn failure(record: &Value) -> (String, String) {
    let failed = &record["lab"]["failed"];
    let log = failed["log"].as_array().into_iter().flatten();
    let log: Vec<_> = log.map(|line| line.as_str().unwrap().to_owned()).collect();
    (
        failed["reason"].as_str().unwrap_or_default().to_owned(),
        log.join("\n"),
    )
}

#[test]
fn a_file_beside_the_scenario_is_what_keepalived_runs() {
    let (said, record) = run(SCENARIO, CONF);
    said.expect_code(0);
    let config = record["plan"]["hosts"].as_array().unwrap().iter();
    let config = config.flat_map(|host| host["runs"].as_array().unwrap());
    let config: Vec<_> = config
        .filter_map(|runs| runs["keepalived"]["config"].as_str())
        .collect();
    assert!(
        config[0].starts_with(CONF) && config[0].ends_with("keepalived.conf"),
        "{config:?}"
    );
    let log = record["control-log"].as_array().unwrap().iter();
    let success = "TCP connection to [192.0.2.31]:tcp:3306 success.";
    assert!(log.into_iter().any(|line| line["text"] == success), "{record:#}");
}

/// `keepalived` says of what it does not know that it does not know it, and runs without it.
#[test]
fn what_keepalived_does_not_understand_fails_the_lab_with_its_words() {
    let (said, record) = run(SCENARIO, &CONF.replace("delay_loop", "delay_lop"));
    said.expect_code(3);
    let (reason, log) = failure(&record);
    let line = "(keepalived.conf: Line 3) Unknown keyword 'delay_lop'";
    assert!(reason.contains(line) && log.contains(line), "{reason}\n{log}");
    // A line of another configuration, at a reload.
    let later = CONF.replace("10.1.2.3", "{vip}").replace("10.1.2.11", "{rs1}");
    let later = later
        .replace("10.1.2.12", "{rs2}")
        .replace("delay_loop", "delay_lop");
    let later = later.replace('\n', "\n          ");
    let reload = format!(
        "change:\n  - reload-keepalived:\n      config: |\n          {}\nact:",
        later.trim_end()
    );
    let (said, record) = run(&SCENARIO.replace("act:", &reload), CONF);
    said.expect_code(3);
    assert!(record.to_string().contains(line), "{record:#}");
}

/// It reads its configuration, and ends.
#[test]
fn a_keepalived_that_refuses_its_configuration_is_told_with_its_last_lines() {
    let vrrp = VRRP.replace("    virtual_router_id 51\n", "");
    let scenario = SCENARIO.replace("  real-servers", "  directors: 2\n  real-servers");
    let (said, record) = run(&scenario, &format!("{vrrp}{CONF}"));
    said.expect_code(3);
    let (reason, log) = failure(&record);
    assert!(
        reason.contains("keepalived has ended: exit") && reason.contains("virtual router id must be set"),
        "{reason}\n{log}"
    );
    assert!(
        log.contains("virtual router id must be set") && log.contains("CONFIG"),
        "{log}"
    );
}

/// A check that only connects sees nothing of a server that is frozen: what is waited for never comes.
#[test]
fn a_keepalived_that_never_acts_leaves_the_cell_undetermined() {
    let frozen = "change:\n  - freeze-mysqld: { server: rs1 }\n  \
                  - wait-until: { not-in-table: rs1, at-most: 20s }\nact:";
    let (said, record) = run(&SCENARIO.replace("act:", frozen), CONF);
    said.expect_code(3);
    let waited = &record["steps"][2];
    assert_eq!(
        waited["action"].as_object().unwrap().keys().next().unwrap(),
        "wait-until",
        "{waited:#}"
    );
    assert!(waited["outcome"].to_string().contains("rs1"), "{waited:#}");
}

/// The VIP goes to the second director, by the priorities of the file.
#[test]
fn a_vip_that_does_not_come_to_the_first_director_fails_the_lab() {
    let scenario = SCENARIO.replace("  real-servers", "  directors: 2\n  real-servers");
    let vrrp = VRRP.replace("priority 150", "priority 50");
    let (said, record) = run(&scenario, &format!("{vrrp}{CONF}"));
    said.expect_code(3);
    let (reason, log) = failure(&record);
    assert!(
        reason.contains("has not given the VIP to the first director"),
        "{reason}"
    );
    assert!(log.contains("VI_1"), "{log}");
}

/// A director whose link was down knows its connections still; one that has booted does not.
#[test]
fn a_director_that_boots_has_forgotten_its_connections() {
    let scenario = |off: &str, on: &str, expected: &str| {
        format!(
            "
name: own
claim: A director comes back.
lab: {{ directors: 2, real-servers: {{ rs1: {{}} }}, keepalived: {{}} }}
before: [{{ connect: {{}} }}, {{ wait: 2s }}, {{ {off} }}, {{ wait: 8s }}]
change: [{{ {on} }}]
act: [{{ wait: 15s }}, {{ query: {{ sql: select 1 }} }}]
observe: {{ patience: 5s, until: 1m }}
expect: [{{ {expected} }}]
"
        )
    };
    let (said, _) = run(
        &scenario(
            "link-down: { node: director }",
            "link-up: { node: director }",
            "behaviour: answered",
        ),
        "",
    );
    said.expect_code(0);
    let boots = scenario(
        "power-off: { server: director }",
        "power-on: { server: director }",
        "behaviour: failed-fast, error: 2013, errno: 104",
    );
    // What keepalived made for a virtual router's address goes, too, with the VIP on it.
    for keepalived in ["keepalived: {}", "keepalived: { use-vmac: true }"] {
        let (said, record) = run(&boots.replace("keepalived: {}", keepalived), "");
        said.expect_code(0);
        let booted = &record["steps"][4];
        assert!(
            booted["outcome"].to_string().contains("control-runs"),
            "{keepalived}: {booted:#}"
        );
    }
}

/// Each director has a table of its own, and the gateway of masqueraded real servers moves with the VIP.
#[test]
fn the_second_director_has_a_table_of_its_own() {
    for family in ["ipv4", "ipv6"] {
        let scenario = format!(
            "
name: own
claim: Each director has a table of its own.
lab: {{ directors: 2, real-servers: {{ rs1: {{}}, rs2: {{}} }}, forwarding: masquerading, family: {family} }}
before:
  - {{ on: director2, save-table: {{}} }}
  - {{ on: director2, flush-table: {{}} }}
  - {{ on: director2, after: 50ms, restore-table: {{}} }}
  - {{ on: director2, remove-real-server: {{ server: rs2 }} }}
change: [{{ move-vip: {{ to: director2, gratuitous-arp: true }} }}]
act: [{{ connect: {{ as: one }} }}, {{ connect: {{ as: two }} }}, {{ query: {{ on: two, sql: select 1 }} }}]
observe: {{ patience: 5s, until: 1m }}
expect: [{{ behaviour: answered, served-by: rs1 }}]
"
        );
        let (said, record) = run(&scenario, "");
        said.expect_code(0);
        let last = |node: &str| {
            let mut all = record["snapshots"].as_array().unwrap().iter().rev();
            let of = all.find(|one| one["node"].as_str().unwrap_or("director") == node);
            of.unwrap()["services"].as_str().unwrap().matches("->").count()
        };
        // The heading has an arrow, too.
        assert_eq!((last("director"), last("director2")), (3, 2), "{record:#}");
    }
}

/// What keepalived did in a cell, with when, in microseconds of the cell's clock: the lines that it logged of
/// its checks and of VRRP, each other table, and each move of the VIP.
fn deeds(record: &Value) -> Vec<(String, u64)> {
    let list = |key: &str| record[key].as_array().cloned().unwrap_or_default();
    let of = |entry: &Value| entry["node"].as_str().unwrap_or("director").to_owned();
    let at = |entry: &Value| entry["at"].as_u64().unwrap() / 1000;
    let logged = list("control-log").into_iter().filter_map(|line| {
        let text = line["text"].as_str().unwrap();
        let of_checks = ["TCP connection to", "TCP_CHECK on", "(VI_1) "];
        let wanted = of_checks.iter().any(|begins| text.starts_with(begins));
        wanted.then(|| (format!("{}: {text}", of(&line)), at(&line)))
    });
    let tables = list("snapshots")
        .into_iter()
        .filter(|one| one["moment"] == "changed");
    let tables = tables.map(|one| (format!("{}: {}", of(&one), one["services"]), at(&one)));
    let moves = list("vip-changes").into_iter();
    let moves = moves.map(|one| (format!("{}: VIP {}", of(&one), one["holds"]), at(&one)));
    let mut all: Vec<_> = logged.chain(tables).chain(moves).collect();
    all.sort();
    all
}

/// keepalived acts by timers, and under virtual time these are the same in every run. What is left is how
/// long its start took by the clock (10 µs for each reading, see docs/limitations.md) and the look that found
/// a deed: at most [`POLL`] after a line of the log.
#[test]
fn keepalived_acts_at_the_same_times_in_every_run() {
    const RUNS: usize = 3;
    const POLL: u64 = 5_000;
    let scenario = "
name: own
claim: The same times.
lab: { directors: 2, real-servers: { rs1: {}, rs2: {} }, keepalived: { delay-loop: 2s } }
before: [{ wait: 5s }]
change: [{ stop-mysqld: { server: rs1 } }, { wait: 10s }, { stop-keepalived: {} }]
act: [{ wait: 5s }, { connect: {} }]
observe: { patience: 5s, until: 1m }
expect: [{ behaviour: answered, served-by: rs2 }]
";
    let runs = [(); RUNS].map(|()| {
        let (said, record) = run(scenario, "");
        said.expect_code(0);
        deeds(&record)
    });
    let [first, others @ ..] = &runs;
    let failed = "director: TCP_CHECK on service [192.0.2.31]:tcp:3306 failed after 1 retries.";
    assert!(first.iter().any(|(deed, _)| deed == failed), "{first:#?}");
    assert!(
        first.iter().any(|(deed, _)| deed == "director2: VIP true"),
        "{first:#?}"
    );
    for other in others {
        let what = |deeds: &[(String, u64)]| deeds.iter().map(|(deed, _)| deed.clone()).collect::<Vec<_>>();
        assert_eq!(what(first), what(other));
        let pairs = first.iter().zip(other);
        let apart = pairs.map(|((deed, one), (_, two))| (one.abs_diff(*two), deed, *one, *two));
        let widest = apart.max().unwrap();
        assert!(widest.0 <= POLL, "{} µs apart: {widest:?}", widest.0);
    }
}

/// `HTTP_GET`, `alpha`, `omega`, a quorum and its scripts, with a server of the author's that speaks HTTP.
#[test]
fn a_server_that_speaks_http_is_checked_by_http() {
    let scenario = "
name: own
claim: A check by HTTP.
lab:
  server: program
  server-program: { argv: [perl, http.pl, \"{port}\", \"{name}\"] }
  real-servers: { rs1: {}, rs2: {}, sorry: { stands-by: true } }
  keepalived: { config: keepalived.conf }
before: [{ wait: 3s }]
change:
  - freeze-server: { server: rs1 }
  - wait-until: { not-in-table: rs1, at-most: 20s }
  - wait: 1s
act: [{ connect: {} }]
observe: { patience: 5s, until: 1m }
expect: [{ behaviour: answered, served-by: sorry }]
";
    let server = |name: &str| {
        format!(
            "    real_server {{{name}}} 9007 {{
        weight 1
        HTTP_GET {{
            url {{
                path /health
                status_code 200
            }}
            connect_timeout 2
            retry 1
            delay_before_retry 1
        }}
    }}
"
        )
    };
    let conf = format!(
        "virtual_server {{vip}} 9007 {{
    delay_loop 1
    lvs_sched rr
    lvs_method DR
    protocol TCP
    alpha
    omega
    quorum 2
    quorum_down \"/bin/true\"
    sorry_server {{sorry}} 9007
{}{}}}
",
        server("rs1"),
        server("rs2")
    );
    let (said, record) = run(scenario, &conf);
    said.expect_code(0);
    let lines: Vec<_> = record["control-log"].as_array().unwrap().iter().collect();
    let said = |text: &str| {
        lines
            .iter()
            .any(|line| line["text"].as_str().unwrap().starts_with(text))
    };
    for text in [
        "Starting with quorum down 2-0=2 > 0",
        "HTTP status code success to [192.0.2.31]:tcp:9007 url(/health)",
        "HTTP_CHECK on service [192.0.2.31]:tcp:9007 failed after 1 retries.",
        "Lost quorum 2-0=2 > 1",
    ] {
        assert!(said(text), "{text}: {lines:#?}");
    }
}

/// What shows that a step of this number was done, and its key.
fn proof(record: &Value, number: usize) -> (String, Value) {
    let proof = &record["steps"][number - 1]["outcome"]["done"]["proof"];
    let (key, said) = proof.as_object().unwrap().iter().next().unwrap();
    (key.clone(), said.clone())
}

/// Each signal and each way to read another configuration, in each of the forms that ldirectord can have.
#[test]
fn ldirectord_is_told_ended_and_started() {
    let scenario = "
name: own
claim: ldirectord does as it is told.
lab:
  real-servers: { rs1: {}, rs2: {} }
  ldirectord: { checkinterval: 1s, checktimeout: 1s }
axes:
  how:
    by-signal: {}
    by-itself: { ldirectord: { autoreload: yes } }
    forks: { ldirectord: { fork: yes } }
    keeps: { ldirectord: { cleanstop: no, quiescent: yes, checktype: external } }
    six: { family: ipv6, forwarding: masquerading, ldirectord: { checktype: negotiate } }
before: [{ wait: 2500ms }]
change:
  - reload-ldirectord: { without: rs2 }
  - stop-ldirectord: {}
  - start-ldirectord: {}
  - stop-ldirectord: { signal: KILL }
  - start-ldirectord: {}
act: [{ connect: {} }]
observe: { patience: 5s, until: 1m }
expect: [{ behaviour: answered, served-by: rs1 }]
";
    let values = ["by-signal", "by-itself", "forks", "keeps", "six"];
    let (said, records) = run_cells(scenario, "", &values);
    said.expect_code(0);
    for (value, record) in values.iter().zip(records) {
        let rs1 = serde_json::json!({ "rs1": 1 });
        let (key, reloaded) = proof(&record, 2);
        assert_eq!(
            (key.as_str(), &reloaded["by"]),
            ("control-reloaded", &"ldirectord".into())
        );
        assert_eq!(reloaded["listed"], rs1, "{value}");
        let line = match *value {
            "by-itself" => "- reread new configuration",
            _ => "Reloading Linux Director Daemon config on signal",
        };
        assert_eq!(reloaded["line"], line, "{value}");
        let (key, ended) = proof(&record, 3);
        assert_eq!(
            (key.as_str(), &ended["status"]),
            ("control-ended", &"exit 0".into())
        );
        let left = match *value {
            "keeps" => rs1.clone(),
            _ => Value::Null,
        };
        assert_eq!(ended["listed"], left, "{value}: SIGTERM");
        for number in [4, 6] {
            let (key, started) = proof(&record, number);
            assert_eq!(key, "control-runs");
            assert_eq!(started["listed"], rs1, "{value}: start in step {number}");
        }
        assert_eq!(
            proof(&record, 5).1["listed"],
            rs1,
            "{value}: SIGKILL leaves the table"
        );
    }
}

/// When all have failed the fallback server comes into the table, and goes when one is back; a check that
/// fails fewer times than `failurecount` changes nothing.
#[test]
fn ldirectord_puts_its_fallback_in() {
    let scenario = "
name: own
claim: The fallback server serves while nobody else does.
lab:
  real-servers: { rs1: {}, sorry: { stands-by: true } }
  ldirectord: { checkinterval: 1s, checktimeout: 1s, failurecount: 2, fallback: sorry }
before: [{ wait: 1s }]
change:
  - stop-mysqld: { server: rs1, signal: KILL }
  - wait-until: { in-table: sorry, at-most: 10s }
act: [{ connect: {} }]
observe: { patience: 5s, until: 1m }
expect: [{ behaviour: answered, served-by: sorry }]
";
    let (said, record) = run(scenario, "");
    said.expect_code(0);
    let log = record["control-log"].as_array().unwrap();
    let place = |text: &str| {
        log.iter()
            .position(|line| line["text"].as_str().unwrap().starts_with(text))
    };
    let soft = place("Soft failure real server: 192.0.2.31:3306 ").unwrap();
    let last = log.iter().rposition(|line| {
        let text = line["text"].as_str().unwrap();
        text.starts_with("Deleted real server: 192.0.2.31:3306 ")
    });
    assert!(last.unwrap() > soft, "{log:#?}");
}

/// What the lab cannot be told is said with ldirectord's own words, and is no verdict.
#[test]
fn an_ldirectord_that_waits_for_a_mysqld_is_not_reloaded() {
    let scenario = "
name: own
claim: A check that logs in waits for ever.
lab:
  real-servers: { rs1: {}, rs2: {} }
  ldirectord: { checkinterval: 1s, checktype: negotiate }
before: [{ wait: 1s }]
change:
  - freeze-mysqld: { server: rs1 }
  - wait: 3s
  - reload-ldirectord: {}
act: [{ connect: {} }]
observe: { patience: 5s, until: 1m }
expect: [{ observe-only: true }]
";
    let (said, record) = run(scenario, "");
    said.expect_code(3);
    let step = record["steps"][3].to_string();
    assert!(
        step.contains("reload ldirectord: after 30 s the table has"),
        "{step}"
    );
}
