//! Rules that no shipped scenario shows, on cells that were recorded for them: of the client's own
//! firewall, and of real servers that a connect reached in turn.

use super::table::Damage;
use super::*;
use lvs_matrix_explain::{Status, explain};
use lvs_matrix_model::action::{Edit, TableAction};
use lvs_matrix_model::matrix::{Line, cells_on};
use lvs_matrix_model::plan::{LabPlan, plan};
use lvs_matrix_model::scenario::{Forwarding, load_for};
use lvs_matrix_model::verdict::{Discarded, Fact, Reason, Verdict};

fn capture(cell: &str) -> Vec<u8> {
    let (_, capture) = super::files_of(cell).unwrap();
    capture
}

fn recorded(cell: &str) -> JudgedCell {
    super::recorded(cell).unwrap()
}

fn nothing_held_back(cell: &mut JudgedCell) {
    cell.observed.held_back = None;
}

fn not_by_it(cell: &mut JudgedCell) {
    for terminator in &mut cell.observed.terminators {
        terminator.by = None;
    }
}

fn built_right(cell: &mut JudgedCell) {
    cell.record.plan.misbuilt.clear();
}

fn another_scheduler(cell: &mut JudgedCell) {
    "rr".clone_into(&mut cell.record.plan.services.first_mut().scheduler);
}

fn without_thresholds(cell: &mut JudgedCell) {
    for backend in &mut cell.record.plan.services.first_mut().backends {
        (backend.upper_threshold, backend.lower_threshold) = (None, None);
    }
}

fn on_a_newer_kernel(cell: &mut JudgedCell) {
    "Linux 5.9.0".clone_into(&mut cell.record.environment.kernel);
}

/// The rule, a cell that it holds for, and what it does not hold without.
pub(crate) const RECORDED: &[(&str, &str, Damage)] = &[
    ("own-firewall-keeps-out", "kept-out", |cell| {
        let by_firewall = |item: &Discarded| matches!(item.why, Reason::OwnFirewall { .. });
        cell.observed.discarded.retain(|item| !by_firewall(item));
    }),
    ("retransmissions-exhausted", "kept-out", |cell| {
        // The server's answer was accepted: the statement was acknowledged.
        cell.observed.discarded.clear();
    }),
    ("edit-of-another-service", "services/own-delete-server", |cell| {
        undone(cell, |action| matches!(action, Action::Other(_)));
    }),
    ("firewall-lets-a-repetition-pass", "rule/rate", |cell| {
        undone(cell, |action| action.key() == "add-firewall-rule");
    }),
    ("entry-lost-in-a-boot", "boot/forgot", |cell| {
        undone(cell, |action| action.key() == "power-on");
    }),
    ("syn-answered-by-the-firewall", "synproxy/late", |cell| {
        undone(cell, |action| action.key() == "add-synproxy");
    }),
    (
        "acknowledgement-with-a-wrong-timestamp",
        "synproxy/late",
        |cell| {
            undone(cell, |action| action.key() == "add-synproxy");
        },
    ),
    ("nothing-listens-behind-the-firewall", "synproxy/reset", |cell| {
        undone(cell, |action| action.key() == "stop-mysqld");
    }),
    ("unknown-to-the-synproxy", "synproxy/unknown", |cell| {
        undone(cell, |action| action.key() == "add-synproxy");
    }),
    ("numbers-translated-no-more", "synproxy/removed", |cell| {
        undone(cell, |action| action.key() == "flush-firewall");
    }),
    (
        "answer-with-the-numbers-of-the-server",
        "synproxy/answer",
        |cell| {
            undone(cell, |action| action.key() == "flush-conntrack");
        },
    ),
    ("told-unreachable-by-a-backup", "vmac/told", |cell| {
        undone(cell, |action| action.key() == "power-off");
    }),
    ("firewall-refuses-a-datagram", "rule/datagram", |cell| {
        undone(cell, |action| action.key() == "add-firewall-rule");
    }),
    ("two-masters", "logged/two-masters", |cell| {
        cell.record.vip_changes.retain(|change| change.holds);
        cell.record.vip_changes.truncate(1);
    }),
    ("keepalived-drops-for-the-vip", "logged/strict", |cell| {
        cell.record.control_log.clear();
    }),
    ("refused-while-nobody-had-the-vip", "failover/flap", |cell| {
        undone(cell, |action| action.key() == "link-up");
    }),
    ("vip-given-up-with-the-link", "failover/given-up", |cell| {
        undone(cell, |action| action.key() == "link-up");
    }),
    ("flooded-to-nobody", "vmac/nobody", |cell| {
        undone(cell, |action| action.key() == "stop-keepalived");
    }),
    ("own-firewall-holds-back", "held-back-syn", nothing_held_back),
    (
        "own-firewall-holds-back",
        "held-back-statement",
        nothing_held_back,
    ),
    (
        "own-firewall-until-tcp-gives-up",
        "held-back-syn",
        nothing_held_back,
    ),
    ("own-firewall-until-tcp-gives-up", "held-back-statement", |cell| {
        // ETIMEDOUT, although ICMP errors had told TCP another one.
        cell.observed.error.as_mut().unwrap().errno = Some(110);
    }),
    ("own-firewall-refuses", "refused-itself", nothing_held_back),
    ("another-server-answers", "tried-in-turn", |cell| {
        cell.observed.operation.as_mut().unwrap().tried.clear();
    }),
    ("connection-ended-while-idle", "ended-while-idle", |cell| {
        // Another error than the one that keepalive leaves behind.
        cell.observed.error.as_mut().unwrap().errno = Some(104);
    }),
    ("session-killed", "session-killed", |cell| {
        undone(cell, |action| matches!(action, Action::Mysqld(_)));
    }),
    ("refusal-held-back", "refusal-held-back", |cell| {
        let mut hosts = cell.record.plan.hosts.iter_mut();
        let director = hosts.find(|host| host.node == Node::first_director()).unwrap();
        let unlimited = ("net.ipv4.icmp_ratelimit".to_owned(), "0".to_owned());
        director.sysctls.push(unlimited);
    }),
    // The entry of a server with weight 0 makes place whatever conn_reuse_mode is.
    ("scheduled", "reused-port", |cell| {
        sysctl(
            cell,
            &Node::first_director(),
            "net.ipv4.vs.expire_nodest_conn",
            "0",
        );
    }),
    (
        "hashed-to-an-unavailable-server",
        "threshold-dh",
        another_scheduler,
    ),
    (
        "hashed-to-an-unavailable-server",
        "threshold-dh",
        without_thresholds,
    ),
    ("lblc-keeps-its-server", "threshold-lblc", another_scheduler),
    ("lblc-keeps-its-server", "threshold-lblc", without_thresholds),
    ("lblc-passes-by", "lblc-passes-by", another_scheduler),
    ("vip-answered-by-a-silent-server", "past-the-director", |cell| {
        undone(cell, |action| matches!(action, Action::Host(_)));
    }),
    ("vip-back-at-the-director", "past-the-director", not_by_it),
    ("unmarked-and-no-router", "unmarked-and-no-router", built_right),
    ("no-port-left", "no-port-left", |cell| {
        cell.observed.error.as_mut().unwrap().errno = Some(111);
    }),
    ("nobody-has-the-vip", "nobody-has-the-vip", |cell| {
        cell.observed.error.as_mut().unwrap().errno = Some(111);
    }),
    // Recorded on Linux 5.4.
    (
        "entry-without-server",
        "before-5.9-last-service",
        on_a_newer_kernel,
    ),
    (
        "entry-expired-by-a-segment",
        "before-5.9-expired",
        on_a_newer_kernel,
    ),
    (
        "scheduled-after-a-dropped-syn",
        "before-5.9-port-again",
        on_a_newer_kernel,
    ),
    ("answer-not-translated-back", "refusal-not-translated", |cell| {
        // The table that was edited was not the one by which the SYN was passed on.
        for step in &mut cell.record.steps {
            if let Action::Table(Edit {
                action: TableAction::SetForwarding { method, .. },
                ..
            }) = &mut step.action
            {
                *method = Forwarding::DirectRouting;
            }
        }
    }),
    ("connection-lost-before", "lost-before", |cell| {
        let lost = |fact: &Fact| matches!(fact, Fact::LostBefore { .. });
        cell.observed.evidence.retain(|evidence| !lost(&evidence.fact));
    }),
];

#[test]
fn rules_on_the_cells_that_were_recorded_for_them() {
    for (rule, id, damage) in RECORDED {
        let mut cell = recorded(id);
        let explanation = explain(&cell);
        assert!(
            rules(&explanation).contains(rule),
            "{rule}:\n{}",
            plain(&explanation)
        );
        assert_eq!(
            explanation.status,
            Status::Explained,
            "{id}:\n{}",
            plain(&explanation)
        );
        crate::chinese::in_chinese(&cell);
        damage(&mut cell);
        cell.follow_anew();
        assert!(
            !rules(&explain(&cell)).contains(rule),
            "{rule} still holds for {id}"
        );
    }
}

#[test]
fn sentences_of_the_rules_that_no_kept_cell_shows() {
    let text = |id: &str| plain(&explain(&recorded(id)));
    for (id, said) in [
        (
            "kept-out",
            "The answer of 50 bytes from rs1 reached the client's interface once",
        ),
        (
            "held-back-syn",
            "The client's SYN did not leave it: its own firewall (step 1)",
        ),
        (
            "held-back-statement",
            "It reports the error that the rule's ICMP errors had told it before: ECONNREFUSED.",
        ),
        (
            "refused-itself",
            "The rule answered the client itself, over its own loopback, with an ICMP error.",
        ),
        (
            "session-killed",
            "The operator ended the session (kill the sessions on rs1)",
        ),
        (
            "refusal-held-back",
            "no refusal left the director: it had sent 6 of them to this client just before",
        ),
        (
            "reused-port",
            "with expire_nodest_conn=1 an entry whose server can take nothing more goes",
        ),
        (
            "tried-in-turn",
            "In between rs1 was removed from the table (step 5).",
        ),
        ("named-directors", "passed it on (packet 25 on lb2)"),
        (
            "named-directors",
            "rs1 answered through lb2 (packet 45 on client)",
        ),
        (
            "before-5.9-last-service",
            "before Linux 5.9 the hooks of IPVS stay when the last one goes.",
        ),
        (
            "before-5.9-last-service",
            "ip_vs_in in net/netfilter/ipvs/ip_vs_core.c",
        ),
        ("before-5.9-expired", "True of Linux <5.9 (commit 35dfb013149f)."),
        (
            "before-5.9-port-again",
            "before Linux 5.9 that segment is dropped with it, and so was the SYN",
        ),
    ] {
        let text = text(id).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(said), "{id}: {text}");
    }
}

/// Where another director had the connection, the deletion of its server took no entry with it.
#[test]
fn a_director_that_never_had_the_entry_lost_none() {
    let cell = explain(&recorded("deleted-elsewhere"));
    let rules = rules(&cell);
    assert!(rules.contains(&"unknown-to-the-new-director"), "{rules:?}");
    assert!(!rules.contains(&"entry-expired-with-its-server"), "{rules:?}");
}

/// What is true from Linux 5.9 on is said of no older kernel, and of one whose version is not known.
#[test]
fn rules_are_said_of_the_kernels_that_they_are_true_of() {
    for (id, rule) in [
        (
            "config-change/absent_up_execute-sql_1",
            "entry-expired-with-its-server",
        ),
        ("delete-variants/service_none_execute-sql_0", "last-service-gone"),
    ] {
        let mut cell = stored(id);
        assert!(rules(&explain(&cell)).contains(&rule), "{id}");
        for (kernel, holds) in [("Linux 5.8.18", false), ("Linux 5.9.0", true), ("Linux", true)] {
            kernel.clone_into(&mut cell.record.environment.kernel);
            assert_eq!(rules(&explain(&cell)).contains(&rule), holds, "{id} on {kernel}");
        }
    }
    let of = |id: &str| explain(&recorded(id)).paragraphs[0].kernels.clone();
    let kernels = of("before-5.9-expired").unwrap();
    assert_eq!(
        (kernels.lines.to_string(), kernels.commit),
        ("<5.9".to_owned(), "35dfb013149f")
    );
    assert_eq!(of("before-5.9-last-service"), None, "the rule is true of all");
}

/// The scenario `kernel-versions` expects of a 5.4 what a 5.4 did, and of a newer kernel something else.
#[test]
fn what_is_expected_of_an_older_kernel_is_what_was_recorded_on_it() {
    let text = include_bytes!("../../../../scenarios/kernel-versions.yaml");
    let line = |minor| Line::new(5, minor);
    let scenario = load_for(text, &[line(4), line(10)]).unwrap();
    for (id, case) in [
        ("before-5.9-expired", "deleted-server"),
        ("before-5.9-last-service", "deleted-last-service"),
        ("before-5.9-port-again", "port-again-deleted-server"),
    ] {
        for (minor, met) in [(4, true), (10, false)] {
            let cells = cells_on(&scenario, &[(None, line(minor))]);
            let cell = cells.into_iter().find(|cell| cell.cell.slug() == case).unwrap();
            let known = recorded(id);
            let planned = plan(&scenario, &cell);
            // It was recorded before the scenario was written, with the same steps and settings.
            let actions = |plan: &LabPlan| -> Vec<Action> {
                plan.steps.iter().map(|step| step.action.clone()).collect()
            };
            assert_eq!(actions(&planned), actions(&known.record.plan), "{id}");
            assert_eq!(planned.observe, known.record.plan.observe, "{id}");
            let mut record = known.record;
            record.plan.expected = cell.expected;
            let judged = judged(record, Some(&capture(id)));
            assert_eq!(
                judged.verdict == Verdict::Met,
                met,
                "{id} as on 5.{minor}: {:?}",
                judged.verdict
            );
        }
    }
}

/// A mysqld that was frozen and then killed is no frozen one: nothing listens.
#[test]
fn a_frozen_mysqld_that_was_killed_is_not_frozen() {
    let explanation = explain(&recorded("frozen-killed"));
    let rules = rules(&explanation);
    assert!(rules.contains(&"nothing-listens"), "{rules:?}");
    assert!(!rules.contains(&"server-frozen"), "{rules:?}");
}

/// A link that loses packets has lost none of these: they arrived, and the client kept them out.
#[test]
fn what_the_client_kept_out_was_not_lost_on_its_way() {
    let explanation = explain(&recorded("kept-out-with-loss"));
    let rules = rules(&explanation);
    assert!(rules.contains(&"own-firewall-keeps-out"), "{rules:?}");
    assert!(!rules.contains(&"lost-before-the-client"), "{rules:?}");
}

/// The firewall takes the client's acknowledgement of the answer before: the server sends that answer again.
/// Or an ICMP error comes for it, or for the RST that ended a connection before. None of these has to do with
/// the request that follows.
#[test]
fn what_became_of_the_answer_before_hides_no_firewall() {
    for (cell, rule) in [
        ("firewall/acknowledgement-dropped", "firewall-drops"),
        ("firewall/acknowledgement-rejected", "firewall-rejects"),
        ("firewall/reset-rejected", "firewall-refuses-a-syn"),
    ] {
        let cell = recorded(cell);
        let explanation = explain(&cell);
        assert!(
            rules(&explanation).contains(&rule),
            "{rule}: {:?}",
            rules(&explanation)
        );
        assert_eq!(explanation.status, Status::Explained, "{rule}");
        assert!(explanation.contradictions().is_empty(), "{rule}");
    }
}
