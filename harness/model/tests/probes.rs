//! Probes: what a scenario says of them, their host, and what is made of their attempts.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::flow::segment;
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::matrix::cells;
use lvs_matrix_model::plan::{LabPlan, Process, plan};
use lvs_matrix_model::probe::{Asks, Probe};
use lvs_matrix_model::record::{Attempt, AttemptEnd, CellRecord, ClientErrorKind};
use lvs_matrix_model::scenario::{Mistake, load, written};
use lvs_matrix_model::verdict::{Behaviour, Difference, Doubt, Fact, JudgedCell, Loss, Verdict, judged};
use std::time::Duration;

const SAMPLE: &str = "
name: sample
claim: Who asks sees it.
lab:
  real-servers: { rs1: {}, rs2: {} }
  probes: { fresh: { every: 250ms } }
axes:
  more:
    none: {}
    pool: { probes: { pool: { asks: pool, timeout: 3s } } }
change: [{ remove-real-server: { server: rs1 } }]
act: [{ connect: {} }]
observe: { patience: 5s, until: 1m, judge: worst }
expect:
  - { when: { more: none }, behaviour: answered, outage: { at-most: 3s, lost: 4 } }
  - { when: { more: pool }, behaviour: answered, outage: { at-least: 1s, of: { pool: { lost: 2 } } } }
";

fn plans(text: &str) -> Vec<LabPlan> {
    let scenario = load(text).unwrap();
    let cells = cells(&scenario);
    cells.iter().map(|cell| plan(&scenario, cell)).collect()
}

/// What is wrong with the sample after these changes of its text.
fn mistakes(changes: &[(&str, &str)]) -> Vec<Mistake> {
    let changed = changes.iter().fold(SAMPLE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    load(&changed).unwrap_err()
}

#[test]
fn probes_have_a_host_of_their_own_beside_the_client() {
    let all = plans(SAMPLE);
    let fresh = Probe {
        name: lvs_matrix_model::Name::new("fresh").unwrap(),
        asks: Asks::NewConnection,
        every: Duration::from_millis(250),
        timeout: Duration::from_secs(1),
    };
    let of = |plan: &LabPlan| plan.probes().cloned().collect::<Vec<_>>();
    assert_eq!(of(&all[0]), std::slice::from_ref(&fresh));
    assert_eq!(of(&all[1]).len(), 2, "those of a value are added");
    assert_eq!(of(&all[1])[1].asks, Asks::Pool);
    let host = all[0].probe_host().unwrap();
    assert_eq!(host.node, Node::Probe);
    assert_eq!(host.address().to_string(), "192.0.2.11");
    assert_eq!(host.runs, [Process::Probes(vec![fresh])]);
    let client = all[0].client_host().unwrap();
    assert_eq!(client.address().to_string(), "192.0.2.10");
    assert!(
        !all[0].is_clients(host.address()),
        "it is none of the client's addresses"
    );
    let without = SAMPLE.replace("  probes: { fresh: { every: 250ms } }\n", "");
    let without = without.replace(", outage: { at-most: 3s, lost: 4 }", "");
    assert!(plans(&without)[0].probe_host().is_none());
}

#[test]
fn what_is_said_of_probes_is_written_as_it_is_read() {
    let scenario = load(SAMPLE).unwrap();
    let again = load(&written(&scenario)).unwrap();
    assert_eq!((&again.lab, &again.axes), (&scenario.lab, &scenario.axes));
    assert_eq!(again.observe, scenario.observe);
    let expected = |scenario: &lvs_matrix_model::scenario::Scenario| {
        let all = scenario.expectations.iter();
        all.map(|one| one.expected.clone()).collect::<Vec<_>>()
    };
    assert_eq!(expected(&again), expected(&scenario));
    for plan in plans(SAMPLE) {
        let alone = load(&written(&plan.alone())).unwrap();
        assert_eq!(alone.lab.probes, plan.probes().cloned().collect::<Vec<_>>());
    }
}

#[test]
fn what_probes_cannot_do_is_a_mistake_with_its_place() {
    for (changes, says) in [
        (
            &[("every: 250ms", "every: 9ms")][..],
            "`every` of 9ms is too short",
        ),
        (
            &[("timeout: 3s", "timeout: 1ms")],
            "`timeout` of 1ms is too short",
        ),
        (
            &[("every: 250ms", "every: 10ms"), ("until: 1m", "until: 2m")],
            "may ask 12000 times",
        ),
        (
            &[("{ pool: { asks", "{ fresh: { asks")],
            "the probe `fresh` is there already",
        ),
        (
            &[("{ rs1: {}, rs2: {} }", "{ rs1: {}, rs2: {} }\n  server: udp-echo")],
            "`pool` over UDP",
        ),
        (
            &[(
                "{ rs1: {}, rs2: {} }",
                "{ rs1: {}, rs2: {} }\n  server: program\n  server-program: { argv: [cat] }",
            )],
            "`pool` of a program of your own",
        ),
        (
            &[("{ rs1: {}, rs2: {} }", "{ probe: {}, rs1: {} }")],
            "cannot be named `probe`",
        ),
        (&[("of: { pool:", "of: { pol:")], "no probe named `pol`"),
        (
            &[("  probes: { fresh: { every: 250ms } }\n", "")],
            "an outage of a lab without probes",
        ),
        (&[("at-least: 1s", "at-least: 61s")], "an outage of at least 1m1s"),
        (
            &[("at-most: 3s, lost: 4", "at-most: 3s, at-least: 4s")],
            "at least 4s and at most 3s",
        ),
        (
            &[("at-most: 3s, lost: 4", "at-least: 4s, lost: 0")],
            "no attempt is lost",
        ),
        (&[("at-most: 3s, lost: 4", "")], "`outage` expects nothing"),
        (
            &[("{ pool: { lost: 2 } }", "{ pool: {} }")],
            "`outage` expects nothing",
        ),
        (
            &[(
                "remove-real-server: { server: rs1 }",
                "link-down: { node: probe }",
            )],
            "no step is done to the host of the probes",
        ),
    ] {
        let found = mistakes(changes);
        assert!(
            found.iter().any(|mistake| mistake.message.contains(says)),
            "{says}: {found:#?}"
        );
        assert!(found.iter().all(|mistake| mistake.span.start > 0), "{found:#?}");
    }
}

/// A search may look for outages, if there is somebody who asks.
#[test]
fn a_search_for_outages_needs_a_probe() {
    let searched =
        format!("{SAMPLE}explore: {{ actions: [{{ connect: {{}} }}], never: {{ probe-outage: 3s }} }}\n");
    let scenario = load(&searched).unwrap();
    let again = load(&written(&scenario)).unwrap();
    assert_eq!(again.explore, scenario.explore);
    let never = scenario.explore.unwrap().never;
    assert_eq!(never.probe_outage, Some(Duration::from_secs(3)));
    let bare = searched
        .replace("  probes: { fresh: { every: 250ms } }\n", "")
        .replace("{ probes: { pool: { asks: pool, timeout: 3s } } }", "{}")
        .replace(", outage: { at-most: 3s, lost: 4 }", "")
        .replace(", outage: { at-least: 1s, of: { pool: { lost: 2 } } }", "");
    let found = load(&bare).unwrap_err();
    let says = "an outage of a lab without probes";
    assert!(found.iter().any(|mistake| mistake.message == says), "{found:#?}");
}

/// A real cell of an echo server that was stopped for a second: a probe on new connections and one on an open
/// connection, each 250 ms.
fn stopped() -> (CellRecord, Vec<u8>) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/probed");
    let record = std::fs::read(format!("{folder}/record.json")).unwrap();
    let capture = std::fs::read(format!("{folder}/capture.pcapng")).unwrap();
    (serde_json::from_slice(&record).unwrap(), capture)
}

fn judge(change: impl FnOnce(&mut CellRecord)) -> JudgedCell {
    let (mut record, capture) = stopped();
    change(&mut record);
    judged(record, Some(&capture))
}

#[test]
fn an_outage_is_counted_and_its_packets_are_cited() {
    let cell = judge(|_| {});
    assert_eq!(cell.verdict, Verdict::Met);
    let [fresh, open] = cell.observed.probed.as_slice() else {
        panic!("{:?}", cell.observed.probed);
    };
    assert_eq!(fresh.lost.keys().collect::<Vec<_>>(), [&Loss::Refused]);
    assert_eq!(fresh.attempts, fresh.answered + fresh.all_lost());
    // Over the open connection the first attempt finds it closed; then there is nobody to open another to.
    assert_eq!(open.lost.keys().collect::<Vec<_>>(), [&Loss::Refused, &Loss::Cut]);
    let longest = fresh.longest().unwrap();
    assert!(!longest.to_the_end);
    assert!((Duration::from_millis(900)..Duration::from_millis(1300)).contains(&longest.lasted()));
    let told = cell
        .observed
        .evidence
        .iter()
        .filter(|item| matches!(item.fact, Fact::Probed { .. }));
    let told: Vec<_> = told.collect();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|item| !item.shown_by.is_empty()));
}

#[test]
fn what_no_packet_shows_is_not_believed() {
    let first = |record: &CellRecord, wanted: fn(&AttemptEnd) -> bool| {
        let attempts = &record.probes[0].attempts;
        attempts.iter().position(|attempt| wanted(&attempt.end)).unwrap()
    };
    let is_answer = |end: &AttemptEnd| matches!(end, AttemptEnd::Answered { .. });
    let is_error = |end: &AttemptEnd| matches!(end, AttemptEnd::Failed(_));
    let asked_again = {
        let cell = judge(|_| {});
        let points = &cell.record.capture.as_ref().unwrap().points;
        let port = cell.record.probes[1].attempts[0].port.unwrap();
        let asked = cell.packets().iter().filter(|packet| {
            let (own, node) = (segment(packet), &points[packet.point].node);
            let asked = own.is_some_and(|(_, _, own)| own.source_port == port && own.payload_length > 0);
            *node == Node::Probe && asked
        });
        asked.map(|packet| packet.at).nth(1).unwrap()
    };
    type Change = Box<dyn Fn(&mut CellRecord)>;
    let set = |wanted: fn(&AttemptEnd) -> bool, end: AttemptEnd| -> Change {
        Box::new(move |record| {
            let at = first(record, wanted);
            record.probes[0].attempts[at].end = end.clone();
        })
    };
    let changes: Vec<(&str, Change)> = vec![
        (
            "a refusal taken for an answer",
            set(is_error, AttemptEnd::Answered { by: None }),
        ),
        (
            "an answer taken for silence",
            set(is_answer, AttemptEnd::TimedOut),
        ),
        (
            "an answer taken for a refusal",
            set(
                is_answer,
                AttemptEnd::Failed(ClientErrorKind::Io { errno: Some(111) }),
            ),
        ),
        (
            "an answer and its acknowledgement taken for silence",
            Box::new(|record| {
                let attempt = &mut record.probes[0].attempts[0];
                let waited = attempt.ended.unwrap().0 + 1_000_000_000;
                (attempt.end, attempt.ended) = (AttemptEnd::TimedOut, Some(Instant(waited)));
            }),
        ),
        (
            "an answer to what was asked before",
            Box::new(move |record| {
                record.probes[1].attempts[0].ended = Some(asked_again);
            }),
        ),
        (
            "a failure of the program itself",
            set(is_error, AttemptEnd::Failed(ClientErrorKind::Driver)),
        ),
        (
            "another port",
            Box::new(|record| record.probes[0].attempts[0].port = Some(1)),
        ),
        (
            "another time",
            Box::new(|record| {
                let attempt = &mut record.probes[0].attempts[0];
                attempt.began.0 += 3_000_000_000;
            }),
        ),
    ];
    for (what, change) in changes {
        let cell = judge(|record| change(record));
        let Behaviour::Undetermined { reasons } = &cell.observed.behaviour else {
            panic!("{what}: {:?}", cell.observed.behaviour);
        };
        assert!(
            reasons
                .iter()
                .any(|reason| matches!(reason, Doubt::AttemptNotShown { .. })),
            "{what}: {reasons:?}"
        );
    }
}

/// Where computing takes time an attempt ends a little after its time, and something may have come meanwhile.
#[test]
fn what_comes_after_an_attempts_time_is_no_answer_to_it() {
    const NUMBER: usize = 9;
    let whole = judge(|_| {});
    let timeout = whole.record.plan.probes().next().unwrap().timeout;
    let port = whole.record.probes[0].attempts[NUMBER].port.unwrap();
    let points = &whole.record.capture.as_ref().unwrap().points;
    let greeting = whole.packets().iter().find(|packet| {
        let came =
            segment(packet).is_some_and(|(_, _, it)| it.destination_port == port && it.payload_length > 0);
        points[packet.point].node == Node::Probe && came
    });
    let greeting = greeting.unwrap().at;
    for (late, shown) in [(1, true), (-1, false)] {
        let cell = judge(|record| {
            let attempt = &mut record.probes[0].attempts[NUMBER];
            let began = greeting.0 - i64::try_from(timeout.as_nanos()).unwrap() - late;
            (attempt.began, attempt.ended) = (Instant(began), Some(Instant(greeting.0 + 2_000_000)));
            attempt.end = AttemptEnd::TimedOut;
        });
        let doubted = match &cell.observed.behaviour {
            Behaviour::Undetermined { reasons } => reasons
                .iter()
                .any(|reason| matches!(reason, Doubt::AttemptNotShown { .. })),
            Behaviour::Answered { .. } | Behaviour::FailedFast { .. } | Behaviour::Hung { .. } => false,
        };
        let seen = &cell.observed.behaviour;
        assert_eq!(doubted, !shown, "{late} ns after its time: {seen:?}");
        let silent = cell.observed.probed[0].lost.get(&Loss::Silence);
        assert_eq!(silent.copied(), shown.then_some(1), "{late} ns after its time");
    }
}

/// A refusal may come before the probe has looked for its port: the one connection of that time that nobody
/// names is it. With the port of another attempt in the record there is none, and nothing is believed.
#[test]
fn a_refused_attempt_without_a_port_is_known_by_its_time() {
    let refused = |attempt: &Attempt| {
        matches!(
            attempt.end,
            AttemptEnd::Failed(ClientErrorKind::Io { errno: Some(111) })
        )
    };
    let whole = judge(|_| {});
    let cell = judge(|record| {
        let attempts = &mut record.probes[0].attempts;
        let mut nameless = attempts.iter_mut().filter(|attempt| refused(attempt));
        nameless.next().unwrap().port = None;
    });
    assert_eq!(cell.verdict, Verdict::Met);
    assert_eq!(cell.observed.probed, whole.observed.probed);
    let cell = judge(|record| {
        let attempts = &mut record.probes[0].attempts;
        let at = attempts.iter().position(refused).unwrap();
        attempts[0].port = attempts[at].port.take();
    });
    assert!(matches!(cell.observed.behaviour, Behaviour::Undetermined { .. }));
}

#[test]
fn a_probe_that_asked_nothing_after_the_change_saw_nothing_of_it() {
    let change = judge(|_| {});
    let steps = change.record.steps.iter().filter_map(|step| step.began);
    let began = steps.min().unwrap();
    let cell = judge(|record| {
        for probe in &mut record.probes {
            probe.attempts.retain(|attempt| attempt.began < began);
        }
    });
    let none = judge(|record| record.probes.clear());
    for cell in [cell, none] {
        let Behaviour::Undetermined { reasons } = &cell.observed.behaviour else {
            panic!("{:?}", cell.observed.behaviour);
        };
        assert!(
            reasons
                .iter()
                .any(|reason| matches!(reason, Doubt::NoAttempt { .. })),
            "{reasons:?}"
        );
    }
}

#[test]
fn each_bound_is_held_against_each_probe() {
    let verdict = |outage: &str| {
        let text = SAMPLE.replace("outage: { at-most: 3s, lost: 4 }", &format!("outage: {outage}"));
        let text = text.replace("of: { pool: { lost: 2 } }", "lost: 9");
        let text = text.replace("pool: { probes: { pool:", "pool: { probes: { open:");
        let expected = plans(&text)[0].expected.clone();
        judge(|record| record.plan.expected = expected).verdict
    };
    assert_eq!(verdict("{ at-most: 3s }"), Verdict::Met);
    assert_eq!(verdict("{ at-least: 500ms }"), Verdict::Met);
    for wrong in ["{ at-most: 500ms }", "{ at-least: 2s }", "{ lost: 1 }"] {
        let Verdict::Violated { differences } = verdict(wrong) else {
            panic!("{wrong}");
        };
        let of_probes = differences
            .iter()
            .filter(|one| matches!(one, Difference::Outage { .. }));
        assert_eq!(of_probes.count(), 2, "{wrong}: {differences:?}");
    }
    assert!(matches!(
        verdict("{ of: { fresh: { lost: 1 } } }"),
        Verdict::Violated { .. }
    ));
    assert_eq!(verdict("{ of: { fresh: { lost: 100 } } }"), Verdict::Met);
}

/// What waits at the end may still be answered, or not.
#[test]
fn what_still_waits_at_the_end_is_not_known() {
    let verdict = |outage: &str| {
        let text = SAMPLE.replace("outage: { at-most: 3s, lost: 4 }", &format!("outage: {outage}"));
        let expected = plans(&text)[0].expected.clone();
        judge(|record| {
            record.plan.expected = expected;
            // The refused ones wait instead, and with them all that came after.
            for probe in &mut record.probes {
                let lost = |attempt: &Attempt| !matches!(attempt.end, AttemptEnd::Answered { .. });
                let first = probe.attempts.iter().position(lost).unwrap();
                for attempt in &mut probe.attempts[first..] {
                    (attempt.ended, attempt.end) = (None, AttemptEnd::Unfinished);
                }
            }
        })
    };
    let cell = verdict("{ lost: 0 }");
    let waiting: Vec<u32> = cell.observed.probed.iter().map(|probed| probed.waiting).collect();
    assert!(waiting.iter().all(|count| *count > 3), "{waiting:?}");
    assert!(
        cell.observed
            .probed
            .iter()
            .all(|probed| probed.outages.is_empty())
    );
    for open in ["{ lost: 0 }", "{ at-most: 500ms }", "{ at-least: 1s }"] {
        let Verdict::Undetermined { reasons } = verdict(open).verdict else {
            panic!("{open}");
        };
        assert!(
            reasons
                .iter()
                .all(|one| matches!(one, Doubt::ProbeWaiting { .. })),
            "{reasons:?}"
        );
    }
    // Whatever becomes of them, these hold, or do not.
    assert_eq!(verdict("{ lost: 100 }").verdict, Verdict::Met);
    assert!(matches!(
        verdict("{ at-least: 59s }").verdict,
        Verdict::Violated { .. }
    ));
}
