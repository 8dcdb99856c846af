//! Cells of small scenarios of their own, stored beside the tests: a rule for each situation, and what
//! decides it.

mod decides;

pub(crate) use decides::decides;

use super::chinese::in_chinese;
use super::stored::cited_right;
use super::*;
use lvs_matrix_explain::{Status, explain};
use lvs_matrix_report::{RunReport, RunSummary, markdown_cell};
use std::collections::BTreeSet;

/// A cell that was recorded for the rule; else it is one of the shipped scenarios, and kept with them.
fn fixture(cell: &str) -> JudgedCell {
    recorded(cell).unwrap_or_else(|| stored(cell))
}

/// The cells, with the rules that explain them in the order of the story.
const CELLS: &[(&str, &[&str])] = &[
    ("timed-out-in-act/long-statement", &["entry-timed-out"]),
    ("timed-out-in-act/idle", &["entry-timed-out"]),
    (
        "services/own-delete-server",
        &["edit-of-another-service", "passed-on"],
    ),
    (
        "flush-after-login/only",
        &["acknowledgement-put-off", "last-service-gone"],
    ),
    (
        "forwarding-edited/only",
        &[
            "route-of-another-method",
            "back-off-taken-back",
            "retransmissions-exhausted",
        ],
    ),
    ("expl/idle-then-link-down", &["entry-timed-out"]),
    ("expl/director-link-down", &["director-unplugged", "no-neighbour"]),
    ("expl/director-resets-and-linkdown", &["firewall-resets"]),
    (
        "expl/director-rejects-and-off",
        &["firewall-rejects", "retransmissions-exhausted"],
    ),
    (
        "expl/director-drops-and-off",
        &["firewall-drops", "retransmissions-exhausted"],
    ),
    (
        "expl/frozen-killed",
        &["server-frozen", "closed-with-unread-data"],
    ),
    (
        "probe-draws-reset/stays-default",
        &["nothing-to-send", "keepalive-probe-answered", "entry-timed-out"],
    ),
    (
        "probe-draws-reset/deleted-default",
        &["nothing-to-send", "keepalive-probe-answered", "entry-timed-out"],
    ),
    (
        "probe-draws-reset/deleted-nodest-60s",
        &[
            "nothing-to-send",
            "keepalive-probe-answered",
            "entry-expired-with-its-server",
        ],
    ),
    (
        "flat/1s",
        &["host-off", "neighbour-still-reachable", "no-neighbour"],
    ),
    (
        "flat/60s",
        &["host-off", "neighbour-still-reachable", "no-neighbour"],
    ),
    ("sloppy-tcp/one", &["picked-up-by-sloppy-tcp"]),
    ("sloppy-tcp/two", &["scheduled-to-another-server"]),
    ("wait-timeout/idle", &["wait-timeout"]),
    ("wait-cli/cli", &["wait-timeout"]),
    (
        "wait-timeout/while-hung",
        &["entry-without-server", "wait-timeout"],
    ),
    ("net-write/only", &["server-gave-up"]),
    ("server-error/only", &["error-of-the-server"]),
    ("rounded/none", &["entry-outlived-its-time", "passed-on"]),
    (
        "rounded/removed",
        &[
            "entry-outlived-its-time",
            "entry-without-server",
            "entry-expired-in-the-end",
        ],
    ),
    (
        "wrong-arp/old",
        &["director-unplugged", "vip-answered-by-a-server"],
    ),
    (
        "wrong-arp/new",
        &["director-unplugged", "vip-answered-by-a-server"],
    ),
    (
        "losses/statement-between",
        &["passed-on", "lost-after-the-director"],
    ),
    (
        "losses/statement-before",
        &["lost-before-the-director", "passed-on"],
    ),
    ("losses/syn-between", &["scheduled", "lost-after-the-director"]),
    ("losses/syn-before", &["lost-before-the-director", "scheduled"]),
    ("losses/ack-before", &["scheduled", "lost-before-the-director"]),
    ("echo/closes", &["told-to-end-the-connection"]),
    ("echo/resets", &["told-to-end-the-connection"]),
    ("echo/stopped", &["server-ended"]),
    ("echo/frozen", &["server-frozen"]),
    ("udp-frozen/only", &["datagram-unread"]),
    (
        "stateful/direct-routing_1_director-input_connect",
        &["stateful-firewall-drops"],
    ),
    (
        "stateful/masquerading_0_director-forward_connect",
        &["stateful-firewall-drops", "syn-retries-exhausted"],
    ),
    (
        "stateful/direct-routing_0_director-output_statement",
        &["stateful-firewall-drops", "retransmissions-exhausted"],
    ),
    (
        "forgotten/server-input-syn_idle_timed-out",
        &["stateful-firewall-drops", "retransmissions-exhausted"],
    ),
    (
        "forgotten/client-input_in-flight_flushed",
        &["stateful-firewall-drops"],
    ),
    (
        "forgotten/server-output_in-flight_timed-out",
        &["stateful-firewall-drops"],
    ),
    (
        "forgotten/director-forward_in-flight_flushed",
        &["stateful-firewall-drops"],
    ),
    (
        "source-nat/flushed_1_idle",
        &["passed-on", "router-keeps-the-connection-anew"],
    ),
    ("source-nat/timed-out_0_idle", &["passed-on-untranslated"]),
    ("source-nat/timed-out_1_in-flight", &["answer-ends-at-the-router"]),
    (
        "router/behind-router_connect_router-unplugged",
        &["router-unplugged", "no-neighbour"],
    ),
    (
        "one-address/only",
        &[
            "spread-by-source-hash",
            "one-address-for-all-clients",
            "scheduled",
        ],
    ),
    ("keepalived/out", &["taken-out-by-keepalived", "scheduled"]),
    ("keepalived/told", &["taken-out-by-keepalived", "scheduled"]),
    ("keepalived/not-yet", &["host-off", "not-yet-taken-out"]),
    ("keepalived/put-back", &["put-back-by-reload", "nothing-listens"]),
    ("keepalived/no-freeze", &["check-sees-no-freeze", "server-frozen"]),
    ("ldirectord/out", &["taken-out-by-ldirectord", "host-off"]),
    ("rule/large", &["firewall-drops"]),
    ("rule/login", &["firewall-drops", "server-gave-up"]),
    ("rule/greeting", &["firewall-drops", "server-gave-up"]),
    ("rule/acknowledgements", &["firewall-drops"]),
    ("rule/own-answers", &["firewall-drops"]),
    ("rule/rejected", &["firewall-rejects", "server-gave-up"]),
    ("rule/reset", &["firewall-resets"]),
    ("rule/reset-second", &["firewall-resets"]),
    ("rule/others", &["firewall-drops"]),
    ("rule/datagram", &["firewall-refuses-a-datagram"]),
    ("rule/before-the-synproxy", &["firewall-drops"]),
    (
        "rule/rate",
        &["firewall-drops", "firewall-lets-a-repetition-pass"],
    ),
    ("ldirectord/told", &["taken-out-by-ldirectord", "scheduled"]),
    ("ldirectord/not-yet", &["host-off", "not-yet-found-by-ldirectord"]),
    (
        "ldirectord/no-freeze",
        &["connect-sees-no-freeze", "server-frozen"],
    ),
    ("ldirectord/waits", &["check-waits-for-ever", "host-off"]),
    (
        "gone/keepalived",
        &["service-gone-with-keepalived", "no-service-for-a-syn"],
    ),
    (
        "gone/ldirectord",
        &["service-gone-with-ldirectord", "no-service-for-a-syn"],
    ),
    ("vmac/refused", &["refused-by-a-backup"]),
    (
        "synproxy/unknown",
        &["unknown-to-the-synproxy", "retransmissions-exhausted"],
    ),
    (
        "synproxy/removed",
        &["numbers-translated-no-more", "retransmissions-exhausted"],
    ),
    ("synproxy/answer", &["answer-with-the-numbers-of-the-server"]),
    (
        "synproxy/late",
        &[
            "scheduled",
            "syn-answered-by-the-firewall",
            "acknowledgement-with-a-wrong-timestamp",
        ],
    ),
    (
        "synproxy/reset",
        &[
            "syn-answered-by-the-firewall",
            "nothing-listens-behind-the-firewall",
        ],
    ),
    (
        "vmac/told",
        &[
            "told-unreachable-by-a-backup",
            "vip-moved",
            "vip-moved-with-its-ethernet-address",
            "passed-on",
            "known-by-the-sync-daemon",
        ],
    ),
    (
        "failover/given-up",
        &["vip-given-up-with-the-link", "scheduled", "vip-moved"],
    ),
    ("failover/flap", &["refused-while-nobody-had-the-vip"]),
    (
        "failover/gateway",
        &[
            "scheduled",
            "routed-on-by-the-old-director",
            "answer-without-entry",
        ],
    ),
    (
        "logged/strict",
        &["keepalived-drops-for-the-vip", "syn-retries-exhausted"],
    ),
    (
        "logged/two-masters",
        &["vip-moved", "two-masters", "unknown-to-the-new-director"],
    ),
    ("vmac/nobody", &["flooded-to-nobody"]),
    ("boot/forgot", &["entry-lost-in-a-boot"]),
    (
        "vmac/unplugged",
        &[
            "dropped-by-a-backup",
            "vip-moved",
            "vip-moved-with-its-ethernet-address",
            "scheduled",
        ],
    ),
    (
        "vmac/dropped",
        &[
            "dropped-by-a-backup",
            "vip-moved",
            "vip-moved-with-its-ethernet-address",
            "scheduled",
        ],
    ),
    ("failover/unknown", &["vip-moved", "unknown-to-the-new-director"]),
    (
        "failover/known",
        &["vip-moved", "passed-on", "known-by-the-sync-daemon"],
    ),
    ("failover/answered", &["answer-by-a-synced-entry"]),
    (
        "failover/late",
        &["sent-to-the-old-director", "vip-moved", "scheduled"],
    ),
    (
        "moved/told",
        &["vip-moved-by-hand", "unknown-to-the-new-director"],
    ),
    ("moved/routed", &["scheduled", "routed-on-by-the-old-director"]),
    ("moved/untold", &["not-told-of-the-move", "scheduled"]),
    (
        "moved/off",
        &["not-told-of-the-move", "unknown-to-the-new-director"],
    ),
    (
        "given-up/led",
        &["led-by-an-old-entry", "host-off", "syn-retries-exhausted"],
    ),
    (
        "given-up/dropped",
        &["old-entry-without-server", "scheduled-after-the-old-entry"],
    ),
    ("answers/in-pieces", &["fragmented-in-the-tunnel"]),
    ("answers/past-the-size", &["segments-past-the-size"]),
    ("answers/refused", &["answer-refused-without-entry"]),
    ("defence/only", &["entry-dropped-in-defence"]),
    (
        "reverse-path/only",
        &["reverse-path-filter", "syn-retries-exhausted"],
    ),
    ("tunnel-port/4-in-4", &["wrong-tunnel-port"]),
    (
        "tunnel-port/6-in-4",
        &["wrong-tunnel-port-unsaid", "syn-retries-exhausted"],
    ),
    (
        "tunnel-port/4-in-6",
        &["wrong-tunnel-port-dropped", "syn-retries-exhausted"],
    ),
];

/// Of two rules of their author's own words that of the health checks has met more packets than the client
/// lost; the other one has met these.
#[test]
fn the_rule_that_met_as_many_as_were_lost_is_named() {
    let finding = |cell: &str, rule: &str| {
        let explanation = explain(&recorded(cell).unwrap());
        let all = explanation.paragraphs.into_iter();
        let text = all
            .filter(|paragraph| paragraph.rule == rule)
            .map(|paragraph| paragraph.text);
        text.collect::<String>()
    };
    let blamed = finding("rule/others", "firewall-drops");
    assert!(
        blamed.contains("6 times") && blamed.contains("6 packets by the end"),
        "{blamed}"
    );
    let answered = finding("rule/reset-second", "firewall-resets");
    assert!(answered.contains("had sent it twice before"), "{answered}");
}

#[test]
fn each_situation_is_explained_by_its_rules() {
    let mut wrong = Vec::new();
    for (id, expected) in CELLS {
        let explanation = explain(&fixture(id));
        let found = rules(&explanation);
        if found != *expected || explanation.status != Status::Explained {
            wrong.push(format!("{id}: {found:?}\n{}", plain(&explanation)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_said_of_them_is_cited_and_said_in_both_languages() {
    for (id, _) in CELLS {
        let cell = fixture(id);
        cited_right(&cell);
        in_chinese(&cell);
    }
}

/// However often something came, it is told once with its number.
const MOST_LINES: usize = 72;

/// Of one packet no two rules say what cannot both be true, and no explanation is longer than a page.
#[test]
fn no_two_rules_contradict_each_other_on_a_packet() {
    let fixtures = CELLS.iter().map(|(id, _)| fixture(id));
    for cell in all().into_iter().chain(fixtures) {
        let (id, explanation) = (&cell.record.plan.cell, explain(&cell));
        assert_eq!(explanation.contradictions(), [], "{id}:\n{}", plain(&explanation));
        let lines = plain(&explanation).lines().count();
        assert!(lines <= MOST_LINES, "{id}: {lines} lines");
        let known: usize = cell
            .observed
            .evidence
            .iter()
            .map(|item| item.fact.to_string().len())
            .sum();
        assert!(known < 6000, "{id}: evidence of {known} characters");
    }
}

/// What is said of a lab without mysqlds speaks of none.
#[test]
fn an_echo_server_is_called_one() {
    for (id, rules) in CELLS {
        let cell = fixture(id);
        if cell.record.plan.server_kind().is_echo() {
            let text = plain(&explain(&cell));
            let rule_names = rules.iter().fold(text, |text, rule| text.replace(rule, ""));
            assert!(!rule_names.contains("mysqld"), "{id}:\n{rule_names}");
        }
    }
}

/// A contradiction would be found.
#[test]
fn contradicting_claims_are_found() {
    let mut explanation = explain(&fixture("wait-timeout/while-hung"));
    let (rule, claim) = {
        let paragraph = explanation
            .paragraphs
            .iter()
            .find(|one| !one.claims.is_empty())
            .unwrap();
        (paragraph.rule, paragraph.claims[0].clone())
    };
    let mut other = explanation.paragraphs[0].clone();
    other.rule = "another";
    other.claims = vec![lvs_matrix_explain::Claim {
        packet: claim.packet,
        fate: lvs_matrix_explain::Fate::LostBefore,
    }];
    explanation.paragraphs.push(other);
    assert_eq!(explanation.contradictions(), [(claim.packet, rule, "another")]);
}

#[test]
fn none_of_them_holds_without_what_decides_it() {
    for (rule, id, what, damage) in decides() {
        let mut cell = fixture(id);
        assert!(rules(&explain(&cell)).contains(rule), "{rule} holds for {id}");
        damage(&mut cell);
        cell.follow_anew();
        let explanation = explain(&cell);
        assert!(
            !rules(&explanation).contains(rule),
            "{rule} still holds for {id}, though it is not so that {what}:\n{}",
            plain(&explanation)
        );
    }
    let decided: BTreeSet<&str> = decides().map(|(rule, ..)| *rule).collect();
    let missing: Vec<_> = goes_with::ELSEWHERE
        .iter()
        .filter(|(rule, ..)| !decided.contains(rule))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// A server's own time-out is told by what the server says, however the client's program is set.
#[test]
fn a_time_out_is_that_of_the_server() {
    let text = plain(&explain(&fixture("wait-timeout/idle")));
    assert!(text.contains("wait_timeout was 1m"), "{text}");
    let mut cell = fixture("wait-timeout/while-hung");
    cell.record.environment.mysqld = "mysqld Ver 8".to_owned();
    let text = plain(&explain(&cell));
    assert!(!text.contains("MariaDB's doing"), "{text}");
}

/// Nor does its page have a line for each.
#[test]
fn a_page_tells_once_what_came_often() {
    let summary: RunSummary = serde_json::from_slice(&fs::read(run().join("run.json")).unwrap()).unwrap();
    let mut cell = fixture("forwarding-edited/only");
    // A report has the cells of its run.
    cell.record.plan.cell = summary.selected[0].clone();
    let report = RunReport::new(summary, vec![cell], Vec::new());
    let page = markdown_cell(&report, &report.cells()[0]);
    let lines = page.lines().filter(|line| line.contains("reaches the client"));
    let told: Vec<&str> = lines
        .filter(|line| line.contains("ICMP host unreachable"))
        .collect();
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told[1].contains("25 times"), "{told:#?}");
}
