//! Why a record may not be believed: each rule gives a reason, and all reasons are collected. One reason is
//! enough for the behaviour to be undetermined.

use super::operation::classified_step;
use super::{At, Doubt, Went};
use crate::action::{Action, ClientAction, Node};
use crate::capture::{Body, Packet};
use crate::client::Setting;
use crate::duration::{Human, Instant};
use crate::plan::{Host, Nic, Phase};
use crate::record::{
    AtEnd, CapturePoint, CellRecord, ClientEventKind, EventRole, FORMAT, LabOutcome, Packets, Proof,
    READ_FORMATS, SettingShown, StepOutcome, StepRecord,
};

/// All reasons why `record` and its `packets` may not be believed, whatever the client did.
pub(super) fn doubts(record: &CellRecord, packets: &[Packet]) -> Vec<Doubt> {
    let mut doubts = of_the_lab(record);
    if !record.by_hand.is_empty() {
        doubts.push(Doubt::ByHand);
    }
    capture(record, packets, &mut doubts);
    steps(record, &mut doubts);
    events(record, &mut doubts);
    servers(record, &mut doubts);
    program(record, &mut doubts);
    doubts
}

/// The client program must have behaved as a client, and what is set of it must have been in force.
fn program(record: &CellRecord, doubts: &mut Vec<Doubt>) {
    let Some(client) = &record.client else {
        if !record.plan.client().is_default() {
            doubts.push(Doubt::NoClientRecord);
        }
        return;
    };
    let misconduct = client.misconduct.iter();
    doubts.extend(misconduct.map(|what| Doubt::Misconduct { what: what.clone() }));
    let connected = record.client_events.iter().any(|event| {
        matches!(
            event.kind,
            ClientEventKind::Connected { .. } | ClientEventKind::Reconnected { .. }
        )
    });
    for (setting, _) in record.plan.client().settings.named() {
        // These have their effect on an established connection only; without one there is no socket that
        // could show them.
        let of_connection = matches!(
            setting,
            Setting::Keepalive | Setting::ReadTimeout | Setting::WriteTimeout
        );
        if of_connection && !connected {
            continue;
        }
        let seen = client.settings.iter().find(|seen| seen.setting == setting.key());
        let key = || setting.key().to_owned();
        doubts.extend(match seen {
            Some(SettingShown {
                doubt: Some(instead), ..
            }) => Some(Doubt::OtherSetting {
                setting: key(),
                instead: instead.clone(),
            }),
            Some(SettingShown { shown: Some(_), .. }) => None,
            Some(SettingShown { shown: None, .. }) | None => Some(Doubt::UnshownSetting { setting: key() }),
        });
    }
}

/// What was looked at must have been the servers of the plan: each is known by its `server_id`.
fn servers(record: &CellRecord, doubts: &mut Vec<Doubt>) {
    for view in &record.server_views {
        let host = record
            .plan
            .hosts
            .iter()
            .find(|host| host.node.real_server() == Some(&view.server));
        let planned = host.and_then(Host::server_id);
        if planned != Some(view.server_id) {
            doubts.push(Doubt::OtherServer {
                server: view.server.clone(),
                id: view.server_id,
            });
        }
    }
}

/// The reasons that lie in the lab itself.
pub(super) fn of_the_lab(record: &CellRecord) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    if !READ_FORMATS.contains(&record.format) {
        doubts.push(Doubt::Format {
            format: record.format,
            own: FORMAT,
        });
    }
    match &record.lab {
        LabOutcome::Completed => {}
        LabOutcome::Failed { stage, reason, .. } => {
            let (stage, reason) = (stage.clone(), reason.clone());
            doubts.push(Doubt::LabFailed { stage, reason });
        }
        LabOutcome::NotRun { reason } => {
            let reason = reason.clone();
            doubts.push(Doubt::NotRun { reason });
        }
    }
    doubts
}

/// A capture is believed if each of its points says that it lost nothing, and its own packets show both
/// sentinels.
fn capture(record: &CellRecord, packets: &[Packet], doubts: &mut Vec<Doubt>) {
    let Some(capture) = &record.capture else {
        doubts.push(Doubt::NothingCaptured);
        return;
    };
    for host in &record.plan.hosts {
        let captured = |nic: &Nic| {
            let mut points = capture.points.iter();
            points.any(|point| point.node == host.node && point.interface == nic.name)
        };
        if !host.nics.iter().all(captured) {
            let node = host.node.clone();
            doubts.push(Doubt::NotCaptured { node });
        }
    }
    for (index, point) in capture.points.iter().enumerate() {
        let own: Vec<&Packet> = packets.iter().filter(|packet| packet.point == index).collect();
        counters(point, doubts);
        sentinels(record, point, &own, doubts);
        if point.node == Node::Client {
            malformed(&own, doubts);
        }
    }
}

fn counters(point: &CapturePoint, doubts: &mut Vec<Doubt>) {
    let node = || point.node.clone();
    if let Some(failure) = &point.failure {
        let reason = failure.clone();
        doubts.push(Doubt::CaptureFailed { node: node(), reason });
    }
    if point.dropped > 0 {
        let packets = Packets(point.dropped.into());
        doubts.push(Doubt::PacketsLost {
            node: node(),
            packets,
        });
    }
}

/// The first sentinel must not be later than the first step, the last one not earlier than the end of
/// everything that is judged: between them the capture was running.
fn sentinels(record: &CellRecord, point: &CapturePoint, packets: &[&Packet], doubts: &mut Vec<Doubt>) {
    let node = &point.node;
    let mut own = packets
        .iter()
        .filter(|packet| matches!(packet.body, Body::Sentinel { .. }));
    let first = own.next();
    let last = own.next_back();
    let begin = record
        .steps
        .iter()
        .find_map(|step| step.began)
        .unwrap_or_default();
    let steps = record.steps.iter().filter_map(|step| step.ended);
    let events = record.client_events.iter().map(|event| event.at);
    let end = steps.chain(events).max().unwrap_or_default();
    if !point.first_sentinel || first.is_none_or(|sentinel| sentinel.at > begin) {
        doubts.push(Doubt::NoFirstSentinel { node: node.clone() });
    }
    // A host without power sees nothing any more; what the client saw is proven at the client's own point.
    let off = |name| record.state().is_off(name);
    if node.real_server().is_some_and(off) {
        return;
    }
    if !point.last_sentinel || last.is_none_or(|sentinel| sentinel.at < end) {
        doubts.push(Doubt::NoLastSentinel { node: node.clone() });
    }
}

fn malformed(packets: &[&Packet], doubts: &mut Vec<Doubt>) {
    for packet in packets {
        if let Body::Malformed { reason } = &packet.body {
            doubts.push(Doubt::Undecodable {
                packet: packet.number,
                reason: reason.clone(),
            });
        }
    }
}

/// Every step up to the classified one must have done what it was to do; later ones may have been cut off by
/// its end only.
fn steps(record: &CellRecord, doubts: &mut Vec<Doubt>) {
    let planned = record.plan.steps.iter().map(|step| (step.phase, &step.action));
    if !planned.eq(record.steps.iter().map(|step| (step.phase, &step.action))) {
        doubts.push(Doubt::OtherSteps);
    }
    let Ok(classified) = classified_step(record) else {
        // The operation's own rule says why there is none; here, which step is to blame.
        let blamed = record
            .steps
            .iter()
            .find(|step| !matches!(step.outcome, StepOutcome::Done { .. }));
        doubts.extend(blamed.map(premise));
        return;
    };
    for step in &record.steps {
        if let Some(AtEnd::Gone { reason }) = &step.at_end {
            doubts.push(Doubt::NotLasting {
                step: step.number,
                action: step.action.clone(),
                instead: reason.clone(),
            });
        }
        let doubt = if step.number < classified.number {
            earlier(record, step, classified)
        } else if step.number > classified.number {
            later(record, step, classified)
        } else {
            own(record, step)
        };
        doubts.extend(doubt);
    }
}

fn premise(step: &StepRecord) -> Doubt {
    let went = match &step.outcome {
        StepOutcome::Done { .. } => Went::Done,
        StepOutcome::ClientFailed => Went::ClientFailed,
        StepOutcome::Unfinished => Went::Unfinished,
        StepOutcome::Failed { reason } => Went::Failed {
            reason: reason.clone(),
        },
        StepOutcome::NotReached => Went::NotReached,
    };
    Doubt::Premise {
        step: step.number,
        phase: step.phase,
        action: step.action.clone(),
        went,
    }
}

fn earlier(record: &CellRecord, step: &StepRecord, classified: &StepRecord) -> Option<Doubt> {
    let may_fail = || {
        let begun = step.operation.and_then(|operation| record.start_of(operation));
        begun.is_some_and(|(_, action)| action.may_fail())
    };
    match &step.outcome {
        StepOutcome::Done { proof } => unproven(step, proof),
        // The start of the statement that is classified: its failure is what is classified.
        StepOutcome::ClientFailed if step.phase == Phase::Act && step.operation == classified.operation => {
            None
        }
        StepOutcome::ClientFailed if may_fail() => None,
        StepOutcome::ClientFailed
        | StepOutcome::Unfinished
        | StepOutcome::Failed { .. }
        | StepOutcome::NotReached => Some(premise(step)),
    }
}

/// A fault must be shown to have fired. The client's own steps are proven by its events and packets, waiting
/// by the clock.
fn unproven(step: &StepRecord, proof: &Proof) -> Option<Doubt> {
    let fault = !step.action.is_of_client() && !matches!(step.action, Action::Wait(_));
    (fault && proof.is_blank()).then(|| Doubt::NotFired {
        step: step.number,
        action: step.action.clone(),
    })
}

/// The classified step's outcome and the client's own last event must say the same.
fn own(record: &CellRecord, step: &StepRecord) -> Option<Doubt> {
    let agree = match (&step.outcome, role_of(record, step)) {
        (StepOutcome::Failed { reason }, _) => {
            return Some(Doubt::NotDone {
                step: step.number,
                action: step.action.clone(),
                reason: reason.clone(),
            });
        }
        (StepOutcome::ClientFailed, Some(EventRole::Fails)) => true,
        (StepOutcome::Unfinished, Some(EventRole::Waits)) => true,
        (StepOutcome::Done { .. }, Some(EventRole::Succeeds)) => true,
        // Starting a statement is done once it is out, however the statement ends.
        (StepOutcome::Done { .. }, Some(EventRole::Fails | EventRole::Waits)) => {
            step.action.of_client().is_some_and(ClientAction::only_begins)
        }
        (
            StepOutcome::Done { .. }
            | StepOutcome::ClientFailed
            | StepOutcome::Unfinished
            | StepOutcome::NotReached,
            Some(
                EventRole::Begins
                | EventRole::Succeeds
                | EventRole::Fails
                | EventRole::Waits
                | EventRole::Aside,
            )
            | None,
        ) => false,
    };
    (!agree).then(|| Doubt::EndsDisagree {
        step: step.number,
        action: step.action.clone(),
    })
}

/// How the operations of a step ended by the client's events: one that waits counts before one that failed.
fn role_of(record: &CellRecord, step: &StepRecord) -> Option<EventRole> {
    let role = |operation: u32| record.end_of(operation).map(|end| end.kind.role());
    let roles: Option<Vec<EventRole>> = step.operations().map(role).collect();
    let roles = roles?;
    let first_of = [EventRole::Waits, EventRole::Fails];
    let worst = first_of.into_iter().find(|role| roles.contains(role));
    worst.or_else(|| roles.first().copied())
}

fn later(record: &CellRecord, step: &StepRecord, classified: &StepRecord) -> Option<Doubt> {
    let role = role_of(record, classified);
    let (failed, waiting) = (role == Some(EventRole::Fails), role == Some(EventRole::Waits));
    let follows = match &step.outcome {
        StepOutcome::Done { proof } => return unproven(step, proof),
        StepOutcome::NotReached => failed || waiting,
        StepOutcome::Unfinished => waiting,
        StepOutcome::ClientFailed | StepOutcome::Failed { .. } => false,
    };
    (!follows).then(|| premise(step))
}

/// The client's events are numbered and dated in order.
fn events(record: &CellRecord, doubts: &mut Vec<Doubt>) {
    let mut previous: Option<(u32, Instant)> = None;
    for event in &record.client_events {
        if let Some((number, at)) = previous
            && (event.number <= number || event.at < at)
        {
            doubts.push(Doubt::EventOutOfOrder {
                event: event.number,
                at: At(event.at),
            });
        }
        previous = Some((event.number, event.at));
        // That it still waits is written down because the observation ended, so a little after that.
        if event.at > record.ended && event.kind != ClientEventKind::StillWaiting {
            doubts.push(Doubt::EventTooLate {
                event: event.number,
                by: Human(event.at.since(record.ended)),
            });
        }
    }
}
