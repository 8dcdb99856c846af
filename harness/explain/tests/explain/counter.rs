//! Each rule has something that decides it.

use super::cases::decides;
use super::faults::FAULTS;
use super::goes_with::RULES;
use super::made::MADE;
use super::recorded::RECORDED;
use super::said::SAID;
use super::table::{Damage, TABLE};
use super::translated::TRANSLATED;
use super::*;
use lvs_matrix_explain::{Status, explain};
use lvs_matrix_model::client::Settings;
use std::collections::BTreeSet;
use std::time::Duration;

/// Rules beside which another explains the same.
const BESIDE: &[&str] = &[
    "answer-past-the-director",
    "delayed-on-the-link",
    "smaller-segments",
];

/// The client's socket is as the kernel makes it.
fn socket_as_it_is_made(cell: &mut JudgedCell) {
    let client = cell.record.client.as_mut().unwrap();
    client.settings.clear();
    for socket in &mut client.sockets {
        (socket.keepalive, socket.user_timeout) = (false, Duration::ZERO);
    }
    cell.record.plan.client_mut().unwrap().settings = Settings::default();
}

/// What decides each rule about a setting of the client.
const OF_THE_CLIENT: &[(&str, &str, &str, Damage)] = &[
    (
        "user-timeout",
        "client-timeouts/host-off_execute-sql_tcp-user-timeout",
        "the socket had TCP_USER_TIMEOUT",
        socket_as_it_is_made,
    ),
    (
        "probes-unanswered",
        "client-timeouts/host-off_waiting_keepalive",
        "the socket had keepalive",
        socket_as_it_is_made,
    ),
    (
        "keepalive-exhausted",
        "client-timeouts/host-off_waiting_keepalive",
        "the socket had keepalive",
        socket_as_it_is_made,
    ),
    (
        "time-out-of-the-program",
        "connect-timeouts/host-off_connect-timeout",
        "the program had a connect time-out",
        socket_as_it_is_made,
    ),
];

#[test]
fn a_rule_does_not_hold_without_what_decides_it() {
    for (rule, id, what, damage) in TABLE
        .iter()
        .chain(FAULTS)
        .chain(SAID)
        .chain(OF_THE_CLIENT)
        .chain(TRANSLATED)
    {
        let mut cell = stored(id);
        assert!(rules(&explain(&cell)).contains(rule), "{rule} holds for {id}");
        damage(&mut cell);
        cell.follow_anew();
        let explanation = explain(&cell);
        assert!(
            !rules(&explanation).contains(rule),
            "{rule} still holds for {id}, though it is not so that {what}"
        );
        // The others must not step in with a wrong story: what is left over has no explanation.
        if !BESIDE.contains(rule) {
            match &explanation.status {
                Status::Unexplained { questions } => assert!(!questions.is_empty()),
                other => panic!("{rule} {what}: {other:?}\n{}", plain(&explanation)),
            }
            assert_eq!(explanation.known, cell.observed.evidence);
        }
    }
}

/// Every rule that a stored cell shows has something that decides it, above.
#[test]
fn no_rule_is_without_its_counter_test() {
    let shown: BTreeSet<&str> = all().iter().flat_map(|cell| rules(&explain(cell))).collect();
    let of_stored: BTreeSet<&str> = TABLE
        .iter()
        .chain(FAULTS)
        .chain(SAID)
        .chain(OF_THE_CLIENT)
        .chain(TRANSLATED)
        .map(|(rule, ..)| *rule)
        .collect();
    assert!(of_stored.is_subset(&shown), "{of_stored:?}");
    let countered: BTreeSet<&str> = of_stored
        .into_iter()
        .chain(decides().map(|(rule, ..)| *rule))
        .collect();
    // And what no stored cell shows is made.
    let made: BTreeSet<&str> = MADE.iter().map(|(rule, ..)| *rule).collect();
    let recorded: BTreeSet<&str> = RECORDED.iter().map(|(rule, ..)| *rule).collect();
    let elsewhere = |rule: &&&str| made.contains(**rule) || recorded.contains(**rule);
    let mut alone = shown.difference(&countered).filter(|rule| !elsewhere(rule));
    assert_eq!(alone.next(), None);
    let missing: Vec<_> = RULES
        .iter()
        .filter(|rule| !shown.contains(*rule) && !made.contains(*rule) && !recorded.contains(*rule))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
