//! With what each rule of `explain` goes together: what the client lives through, and a step without which
//! the rule cannot be. `tests/matrix` uses this table, too.

use lvs_matrix_model::action::{
    Action, Edit, HostAction, MysqldAction, ServerDeed, TableAction, TrafficAction,
};
use lvs_matrix_model::record::Moment;
use lvs_matrix_model::verdict::{Behaviour, HangEnd, JudgedCell};

/// What a client lives through where a rule is (part of) the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lived {
    Answered,
    FailedFast,
    HungThenAnswer,
    HungThenError,
    HungWithoutEnd,
}
use Lived::{Answered, FailedFast, HungThenAnswer, HungThenError, HungWithoutEnd};

fn lived(behaviour: &Behaviour) -> Option<Lived> {
    Some(match behaviour {
        Behaviour::Answered { .. } => Answered,
        Behaviour::FailedFast { .. } => FailedFast,
        Behaviour::Hung { end, .. } => match end {
            HangEnd::Answer => HungThenAnswer,
            HangEnd::Error => HungThenError,
            HangEnd::None => HungWithoutEnd,
        },
        Behaviour::Undetermined { .. } => return None,
    })
}

/// A client's own time-out may end a silence before it counts as a hang.
const SILENT: &[Lived] = &[FailedFast, HungThenAnswer, HungThenError, HungWithoutEnd];
const LATE: &[Lived] = &[
    Answered,
    FailedFast,
    HungThenAnswer,
    HungThenError,
    HungWithoutEnd,
];
const ERRORS: &[Lived] = &[FailedFast, HungThenError];
const ANSWERS: &[Lived] = &[Answered, HungThenAnswer];

pub(crate) type Needed = fn(&Action) -> bool;

fn nothing(_: &Action) -> bool {
    true
}

fn control_stopped(action: &Action) -> bool {
    matches!(action.key(), "stop-keepalived" | "stop-ldirectord")
}

fn vip_moved(action: &Action) -> bool {
    matches!(action, Action::Host(HostAction::MoveVip { .. }))
}

fn of_another_service(action: &Action) -> bool {
    matches!(
        action,
        Action::Other(_)
            | Action::Table(Edit {
                action: TableAction::RemoveService { port: Some(_) },
                ..
            })
    )
}

fn deletion(action: &Action) -> bool {
    matches!(
        action,
        Action::Table(Edit {
            action: TableAction::RemoveRealServer { .. }
                | TableAction::RemoveService { .. }
                | TableAction::FlushTable,
            ..
        })
    )
}

fn stop(action: &Action) -> bool {
    matches!(action, Action::Mysqld(action) if matches!(action.deed(), ServerDeed::Stop(_)))
}

fn freeze(action: &Action) -> bool {
    matches!(action, Action::Mysqld(action) if action.deed() == ServerDeed::Freeze)
}

fn unplugged(action: &Action) -> bool {
    matches!(
        action,
        Action::Host(HostAction::PowerOff { .. } | HostAction::LinkDown { .. })
    )
}

fn firewall(action: &Action) -> bool {
    matches!(
        action,
        Action::Traffic(TrafficAction::AddFirewallRule { .. } | TrafficAction::AddStatefulFirewall { .. })
    )
}

fn synproxy(action: &Action) -> bool {
    matches!(action, Action::Traffic(TrafficAction::AddSynproxy { .. }))
}

fn stateful(action: &Action) -> bool {
    matches!(action, Action::Traffic(TrafficAction::AddStatefulFirewall { .. }))
}

fn filter(action: &Action) -> bool {
    matches!(action, Action::Traffic(TrafficAction::FilterIcmp { .. }))
}

fn kill(action: &Action) -> bool {
    matches!(action, Action::Mysqld(MysqldAction::KillSessions { .. }))
}

fn power_on(action: &Action) -> bool {
    matches!(action, Action::Host(HostAction::PowerOn { .. }))
}

fn of_director(action: &Action) -> bool {
    action.node().is_some_and(|node| node.is_director())
}

fn flush(action: &Action) -> bool {
    matches!(action, Action::Traffic(TrafficAction::FlushFirewall { .. }))
}

fn netem(action: &Action) -> bool {
    matches!(action, Action::Traffic(TrafficAction::SetNetem { .. }))
}

fn forwarding(action: &Action) -> bool {
    matches!(
        action,
        Action::Table(Edit {
            action: TableAction::SetForwarding { .. },
            ..
        })
    )
}

/// With what a rule goes together: behaviours, and a step without which it cannot be.
/// `restart-does-not-recover` and its like are silent for less than the patience: what drops there is a rule
/// of a cell that fails fast.
const GOES_WITH: &[(&str, &[Lived], Needed)] = &[
    ("scheduled", ANSWERS, nothing),
    ("edit-of-another-service", LATE, of_another_service),
    ("another-server-answers", ANSWERS, nothing),
    ("own-firewall-keeps-out", SILENT, firewall),
    ("own-firewall-holds-back", SILENT, firewall),
    ("own-firewall-refuses", ERRORS, firewall),
    ("own-firewall-until-tcp-gives-up", ERRORS, firewall),
    ("passed-on", ANSWERS, nothing),
    ("answer-past-the-director", ANSWERS, nothing),
    ("answer-by-its-entry", ANSWERS, nothing),
    ("by-its-template", ANSWERS, nothing),
    ("answer-without-entry", SILENT, nothing),
    ("firewall-lets-a-repetition-pass", ANSWERS, firewall),
    ("server-thawed", ANSWERS, freeze),
    ("link-came-back", ANSWERS, unplugged),
    ("server-added-again", ANSWERS, deletion),
    ("no-server-for-a-syn", ERRORS, nothing),
    ("no-service-for-a-syn", ERRORS, deletion),
    ("last-service-gone", ERRORS, deletion),
    ("no-mark-on-a-syn", ERRORS, flush),
    ("session-killed", ERRORS, kill),
    ("off-for-a-while", LATE, unplugged),
    ("started-anew", ERRORS, power_on),
    ("statement-forgotten", SILENT, power_on),
    ("server-at-its-threshold", LATE, nothing),
    ("lblc-keeps-its-server", ANSWERS, nothing),
    ("lblc-passes-by", ANSWERS, nothing),
    ("hashed-to-an-unavailable-server", ERRORS, nothing),
    ("smaller-segments", ANSWERS, nothing),
    ("icmp-filtered", SILENT, filter),
    ("mtu-probing", ANSWERS, filter),
    ("server-without-the-vip", SILENT, nothing),
    ("wrong-gateway", SILENT, nothing),
    ("director-is-no-router", SILENT, nothing),
    ("refusal-held-back", ERRORS, nothing),
    ("answer-from-nobodys-address", LATE, deletion),
    ("unmarked-and-no-router", SILENT, flush),
    ("no-port-left", ERRORS, nothing),
    ("nobody-has-the-vip", ERRORS, nothing),
    ("vip-answered-by-a-silent-server", SILENT, nothing),
    ("vip-back-at-the-director", ERRORS, nothing),
    ("passed-on-without-a-mark", ERRORS, flush),
    ("statement-without-a-mark", LATE, flush),
    ("entry-timed-out", ERRORS, nothing),
    ("entry-expired-with-its-server", ERRORS, deletion),
    ("entry-expired-by-a-segment", ERRORS, deletion),
    ("scheduled-after-a-dropped-syn", ANSWERS, deletion),
    ("entry-expired-in-the-end", &[HungThenError], deletion),
    ("entry-without-server", LATE, deletion),
    ("handshake-half-done", &[HungThenError, HungWithoutEnd], deletion),
    ("window-update-dropped", SILENT, deletion),
    ("server-gave-up", ERRORS, nothing),
    ("old-entry-without-server", SILENT, deletion),
    ("scheduled-after-the-old-entry", ANSWERS, deletion),
    ("passed-on-by-an-old-entry", ANSWERS, nothing),
    ("nothing-listens", ERRORS, stop),
    ("server-ended", ERRORS, stop),
    ("connection-unknown-at-the-server", ERRORS, stop),
    ("wait-timeout", ERRORS, nothing),
    ("server-frozen", SILENT, freeze),
    ("nothing-to-send", SILENT, unplugged),
    ("host-off", SILENT, unplugged),
    ("no-neighbour", ERRORS, unplugged),
    ("lost-before-the-director", LATE, nothing),
    ("lost-after-the-director", LATE, netem),
    ("lost-before-the-client", LATE, netem),
    ("delayed-on-the-link", LATE, netem),
    ("firewall-drops", SILENT, firewall),
    ("firewall-rejects", SILENT, firewall),
    ("firewall-resets", ERRORS, firewall),
    ("firewall-refuses-a-syn", ERRORS, firewall),
    ("firewall-refuses-a-datagram", ERRORS, firewall),
    ("answer-not-translated-back", SILENT, forwarding),
    ("no-tunnel", ERRORS, forwarding),
    ("retransmissions-exhausted", ERRORS, nothing),
    ("connection-lost-before", ERRORS, nothing),
    ("connection-ended-while-idle", ERRORS, nothing),
    ("syn-retries-exhausted", ERRORS, nothing),
    ("row-locked-by-an-orphan", SILENT, deletion),
    ("lost-session-ended-by-keepalive", &[HungThenAnswer], deletion),
    ("lock-wait-timeout", ERRORS, nothing),
    ("spread-by-source-hash", LATE, nothing),
    ("spread-by-maglev", LATE, nothing),
    ("spread-by-destination", LATE, nothing),
    ("spread-by-turn-or-count", LATE, nothing),
];

/// The same of the client's settings, whose cells are in `tests/matrix/timeouts.rs`.
const SETTINGS: &[(&str, &[Lived], Needed)] = &[
    ("user-timeout", ERRORS, nothing),
    ("probes-unanswered", SILENT, nothing),
    ("keepalive-exhausted", ERRORS, nothing),
    ("time-out-of-the-program", ERRORS, nothing),
];

/// The same of rules that only the cells of `cases.rs` show.
pub(crate) const ELSEWHERE: &[(&str, &[Lived], Needed)] = &[
    ("acknowledgement-put-off", ERRORS, nothing),
    ("keepalive-probe-answered", ERRORS, nothing),
    ("error-of-the-server", ERRORS, nothing),
    ("route-of-another-method", SILENT, forwarding),
    ("back-off-taken-back", SILENT, nothing),
    ("director-unplugged", LATE, unplugged),
    ("neighbour-still-reachable", SILENT, unplugged),
    ("vip-answered-by-a-server", ANSWERS, nothing),
    ("closed-with-unread-data", ERRORS, stop),
    ("picked-up-by-sloppy-tcp", ANSWERS, nothing),
    ("scheduled-to-another-server", ERRORS, nothing),
    ("entry-outlived-its-time", LATE, nothing),
    ("datagram-scheduled", ANSWERS, nothing),
    ("no-server-for-a-datagram", ERRORS, nothing),
    ("no-service-for-a-datagram", ERRORS, deletion),
    ("nothing-listens-to-datagrams", ERRORS, stop),
    ("datagram-unread", SILENT, nothing),
    ("told-to-end-the-connection", ERRORS, nothing),
    ("stateful-firewall-drops", SILENT, stateful),
    ("reverse-path-filter", SILENT, nothing),
    ("wrong-tunnel-port", ERRORS, nothing),
    ("wrong-tunnel-port-unsaid", SILENT, nothing),
    ("wrong-tunnel-port-dropped", SILENT, nothing),
    ("router-unplugged", LATE, unplugged),
    ("answer-ends-at-the-router", SILENT, nothing),
    ("router-keeps-the-connection-anew", LATE, nothing),
    ("passed-on-untranslated", ERRORS, nothing),
    ("one-address-for-all-clients", LATE, nothing),
    ("taken-out-by-keepalived", LATE, nothing),
    ("not-yet-taken-out", LATE, nothing),
    ("taken-out-by-ldirectord", LATE, nothing),
    ("not-yet-found-by-ldirectord", LATE, nothing),
    ("put-back-by-reload", LATE, nothing),
    ("check-sees-no-freeze", SILENT, freeze),
    ("connect-sees-no-freeze", SILENT, freeze),
    ("check-waits-for-ever", SILENT, nothing),
    ("service-gone-with-keepalived", LATE, control_stopped),
    ("service-gone-with-ldirectord", LATE, control_stopped),
    ("vip-moved-with-its-ethernet-address", LATE, of_director),
    ("refused-by-a-backup", ERRORS, unplugged),
    ("syn-answered-by-the-firewall", LATE, synproxy),
    ("nothing-listens-behind-the-firewall", ERRORS, synproxy),
    ("acknowledgement-with-a-wrong-timestamp", LATE, synproxy),
    ("unknown-to-the-synproxy", LATE, synproxy),
    ("numbers-translated-no-more", LATE, synproxy),
    ("answer-with-the-numbers-of-the-server", SILENT, synproxy),
    ("told-unreachable-by-a-backup", LATE, unplugged),
    ("dropped-by-a-backup", LATE, unplugged),
    ("flooded-to-nobody", LATE, unplugged),
    ("entry-lost-in-a-boot", ERRORS, of_director),
    ("vip-moved", LATE, of_director),
    ("known-by-the-sync-daemon", LATE, of_director),
    ("answer-by-a-synced-entry", ANSWERS, of_director),
    ("unknown-to-the-new-director", ERRORS, of_director),
    ("sent-to-the-old-director", LATE, unplugged),
    ("refused-while-nobody-had-the-vip", ERRORS, of_director),
    ("vip-given-up-with-the-link", LATE, of_director),
    ("two-masters", LATE, of_director),
    ("keepalived-drops-for-the-vip", SILENT, nothing),
    ("answer-refused-without-entry", SILENT, nothing),
    ("fragmented-in-the-tunnel", ANSWERS, nothing),
    ("segments-past-the-size", ANSWERS, nothing),
    ("led-by-an-old-entry", LATE, nothing),
    ("entry-dropped-in-defence", ERRORS, nothing),
    ("vip-moved-by-hand", LATE, vip_moved),
    ("routed-on-by-the-old-director", LATE, vip_moved),
    ("not-told-of-the-move", LATE, vip_moved),
];

/// Fails if one of these rules, which hold for the cell, cannot explain what its client lived through, or
/// speaks of a fault that nobody made.
pub(crate) fn go_together(cell: &JudgedCell, rules: &[&str]) {
    let id = &cell.record.plan.cell;
    let Some(lived) = lived(&cell.observed.behaviour) else {
        return;
    };
    for rule in rules {
        let mut known = GOES_WITH.iter().chain(SETTINGS).chain(ELSEWHERE);
        let found = known.find(|(name, ..)| name == rule);
        assert!(found.is_some(), "{rule} is in no table of goes_with.rs");
        let Some((_, behaviours, needed)) = found else {
            continue;
        };
        assert!(behaviours.contains(&lived), "{id}: {lived:?} by {rule}");
        // What keepalived makes of the table is no step.
        let edited = cell
            .record
            .snapshots
            .iter()
            .any(|snapshot| snapshot.moment == Moment::Changed)
            && needed(&TableAction::FlushTable.into());
        let done = edited || cell.record.steps.iter().any(|step| needed(&step.action));
        assert!(done, "{id}: {rule} without what makes it");
    }
}

/// The names of all rules.
pub(crate) const RULES: &[&str] = &{
    let mut names = [""; GOES_WITH.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = GOES_WITH[index].0;
        index += 1;
    }
    names
};
