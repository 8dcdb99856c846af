//! What was observed, held against what was expected.

use super::observe::undetermined;
use super::spread::observe;
use super::{
    Awaited, Behaviour, Bound, Counted, Difference, Doubt, JudgedCell, Observed, Outage, Probed, Reached,
    Spread, Untested, Verdict,
};
use crate::action::Node;
use crate::capture::{self, Packet};
use crate::duration::Human;
use crate::path::Journeys;
use crate::record::{CellRecord, LabOutcome};
use crate::scenario::{
    Expected, ExpectedBehaviour, ExpectedOutage, ExpectedSpread, HangEndName, OutageBounds,
};
use std::time::Duration;

/// Holds `observed` against `expected`. Everything that is stated is compared, and every difference is said.
#[must_use]
pub fn judge(expected: &Expected, observed: &Observed) -> Verdict {
    if let Behaviour::Undetermined { reasons } = &observed.behaviour {
        return Verdict::Undetermined {
            reasons: reasons.clone(),
        };
    }
    // What is as expected, or only observed, says nothing about a change that had no part in it.
    let untested = observed.untested.as_ref().filter(|why| !intended(expected, why));
    let tested =
        |verdict: Verdict| untested.map_or(verdict, |why| Verdict::TestedNothing { why: why.clone() });
    match expected {
        Expected::ObserveOnly => tested(Verdict::ObservedOnly),
        Expected::Behaviour(expected) => {
            let Compared {
                differences,
                undecided,
            } = compare(expected, observed);
            if !differences.is_empty() {
                Verdict::Violated { differences }
            } else if !undecided.is_empty() {
                Verdict::Undetermined { reasons: undecided }
            } else {
                tested(Verdict::Met)
            }
        }
    }
}

/// Is it what the scenario means to show? An expectation that names the server says that the connection is to
/// be there, whatever is done to the others. Nothing can be meant by a change that comes too late.
pub(super) fn intended(expected: &Expected, why: &Untested) -> bool {
    // What is expected of the probes is tested by them.
    let (names_server, by_probes) = match expected {
        Expected::ObserveOnly => (false, false),
        Expected::Behaviour(expected) => (!expected.served_by.is_empty(), expected.outage.is_some()),
    };
    match why {
        Untested::OtherServer { .. } => names_server || by_probes,
        // That it meets nothing of such a client is what is shown.
        Untested::MetNothing { .. } => names_server,
        Untested::OverBefore { .. } | Untested::ConnectionEndedBefore { .. } => by_probes,
        Untested::NoChange { .. } => false,
    }
}

/// What MariaDB's client prints where MySQL's prints the other. A scenario may name either.
const MARIADB_CANNOT_CONNECT: u16 = 2002;
const MYSQL_CANNOT_CONNECT: u16 = 2003;

fn cannot_connect(code: u16) -> bool {
    matches!(code, MARIADB_CANNOT_CONNECT | MYSQL_CANNOT_CONNECT)
}

/// What a comparison gave.
#[derive(Default)]
struct Compared {
    /// Expected and observed otherwise.
    differences: Vec<Difference>,
    /// Expected, and not to be known because the run's limit ended the observation first.
    undecided: Vec<Doubt>,
}

fn compare(expected: &ExpectedBehaviour, observed: &Observed) -> Compared {
    let mut differences = Vec::new();
    let mut undecided = Vec::new();
    // While the operation is still going on, what its end was to be is open. What holds of it by now is not.
    let open = |what: Awaited| {
        let limit = observed.cut_to.map(Human);
        limit.map(|limit| Doubt::Open { what, limit })
    };
    let name = observed.behaviour.name();
    if name != Some(expected.behaviour) {
        let (expected, observed) = (expected.behaviour, name);
        differences.push(Difference::Behaviour { expected, observed });
    }
    let mut differs = |what: Awaited, difference: Difference| match open(what) {
        Some(open) => undecided.push(open),
        None => differences.push(difference),
    };
    let error = observed.error.as_ref();
    let code = error.and_then(|error| error.classic.or(error.server));
    let same =
        |expected| code == Some(expected) || cannot_connect(expected) && code.is_some_and(cannot_connect);
    if let Some(expected) = expected.error.filter(|expected| !same(*expected)) {
        let observed = code;
        differs(
            Awaited::Error { code: expected },
            Difference::Error { expected, observed },
        );
    }
    let errno = error.and_then(|error| error.errno);
    if let Some(expected) = expected.errno.filter(|expected| errno != Some(*expected)) {
        let observed = errno;
        differs(
            Awaited::Errno { number: expected },
            Difference::Errno { expected, observed },
        );
    }
    if let Some(expected) = expected.ends {
        let found = match observed.behaviour {
            Behaviour::Hung { end, .. } => Some(end.name()),
            Behaviour::Answered { .. } | Behaviour::FailedFast { .. } | Behaviour::Undetermined { .. } => {
                None
            }
        };
        let what = match expected {
            HangEndName::Answer => Awaited::Answer,
            HangEndName::Error => Awaited::AnError,
            HangEndName::None => Awaited::NoEnd,
        };
        // Cut off, even "no end" may only be so because nobody looked on.
        if observed.cut_to.is_some() || found != Some(expected) {
            let observed = found;
            differs(what, Difference::Ends { expected, observed });
        }
    }
    let lasted = lasted(observed);
    if let Some(at_least) = expected.at_least.filter(|at_least| lasted < *at_least) {
        let (expected, observed) = (at_least, lasted);
        let time = Human(at_least);
        let what = Awaited::AtLeast { time };
        differs(what, Difference::AtLeast { expected, observed });
    }
    if let Some(at_most) = expected.at_most {
        if lasted > at_most {
            let (expected, observed) = (at_most, lasted);
            differences.push(Difference::AtMost { expected, observed });
        } else {
            let time = Human(at_most);
            undecided.extend(open(Awaited::AtMost { time }));
        }
    }
    if !expected.served_by.is_empty() {
        let served_by = observed
            .operation
            .as_ref()
            .and_then(|operation| operation.served_by.clone());
        let named = served_by.as_ref().and_then(Node::real_server);
        if named.is_none_or(|server| !expected.served_by.contains(server)) {
            // Who has served it stays so; that nobody has may change.
            let still = named.is_none().then(|| open(Awaited::Server)).flatten();
            let (expected, observed) = (expected.served_by.clone(), served_by);
            match still {
                Some(open) => undecided.push(open),
                None => differences.push(Difference::ServedBy { expected, observed }),
            }
        }
    }
    if let Some(expected) = &expected.outage {
        let compared = outages(expected, &observed.probed);
        differences.extend(compared.differences);
        undecided.extend(compared.undecided);
    }
    if let Some(expected) = &expected.clients {
        differences.extend(spread(expected, observed.spread.as_ref()));
    }
    Compared {
        differences,
        undecided,
    }
}

/// In what the probes lived through something else than expected, and what of it is not known.
fn outages(expected: &ExpectedOutage, observed: &[Probed]) -> Compared {
    let mut compared = Compared::default();
    for probed in observed {
        let single = expected.of.iter().filter(|(name, _)| *name == probed.probe);
        let bounds = std::iter::once(&expected.each).chain(single.map(|(_, bounds)| bounds));
        let longest = probed.longest().map_or(Duration::ZERO, Outage::lasted);
        let lost = probed.all_lost();
        let certain: Vec<Bound> = bounds
            .clone()
            .flat_map(|bounds| broken(*bounds, longest, lost))
            .collect();
        let all_lost = lost.saturating_add(probed.waiting);
        let possible: Vec<Bound> = bounds
            .flat_map(|bounds| broken(*bounds, probed.longest_possible, all_lost))
            .collect();
        let open =
            |bound: &Bound| probed.waiting > 0 && !(certain.contains(bound) && possible.contains(bound));
        if certain.iter().chain(&possible).any(open) {
            compared.undecided.push(Doubt::ProbeWaiting {
                probe: probed.probe.clone(),
                count: probed.waiting,
            });
        }
        let decided = certain.iter().copied().filter(|bound| !open(bound));
        compared
            .differences
            .extend(decided.map(|expected| Difference::Outage {
                probe: probed.probe.clone(),
                expected,
                longest,
                lost,
            }));
    }
    compared
}

/// Which bounds do not hold.
fn broken(expected: OutageBounds, longest: Duration, all_lost: u32) -> impl Iterator<Item = Bound> {
    let OutageBounds {
        at_least,
        at_most,
        lost,
    } = expected;
    let broken = [
        at_least.filter(|least| longest < *least).map(Bound::AtLeast),
        at_most.filter(|most| longest > *most).map(Bound::AtMost),
        lost.filter(|most| all_lost > *most).map(Bound::Lost),
    ];
    broken.into_iter().flatten()
}

/// In what the clients are spread otherwise than expected.
fn spread(expected: &ExpectedSpread, observed: Option<&Spread>) -> Vec<Difference> {
    let ExpectedSpread {
        moved,
        failed,
        served,
    } = expected;
    let last = observed.and_then(Spread::last);
    let count = |reached: &Reached| last.map(|round| round.count(reached));
    let of_servers = served.iter().map(|(name, range)| {
        let reached = Reached::Server(name.clone());
        let found = count(&reached);
        (Counted::Served(name.clone()), *range, found)
    });
    let moved = moved.map(|range| (Counted::Moved, range, observed.map(Spread::moved)));
    let failed = failed.map(|range| (Counted::Failed, range, count(&Reached::Error)));
    let all = moved.into_iter().chain(failed).chain(of_servers);
    all.filter(|(_, range, found)| found.is_none_or(|found| !range.holds(found)))
        .map(|(counted, expected, observed)| Difference::Clients {
            counted,
            expected,
            observed,
        })
        .collect()
}

/// How long the operation lasted: to its end, or as long as it was watched.
fn lasted(observed: &Observed) -> Duration {
    match (&observed.behaviour, &observed.operation) {
        (Behaviour::Answered { after } | Behaviour::FailedFast { after }, _) => *after,
        (Behaviour::Hung { silence, .. }, Some(operation)) => operation.due.since(operation.began) + *silence,
        (Behaviour::Hung { silence, .. }, None) => *silence,
        (Behaviour::Undetermined { .. }, _) => Duration::ZERO,
    }
}

/// Observes and judges a cell from its record and the bytes of its capture file. A capture that cannot be
/// read is a reason not to know, not an error: the record still has its place in the report.
#[must_use]
pub fn judged(record: CellRecord, capture_bytes: Option<&[u8]>) -> JudgedCell {
    let read = match capture_bytes {
        // Nothing was begun: that is all there is to say.
        _ if matches!(record.lab, LabOutcome::NotRun { .. }) => Err(Vec::new()),
        Some(bytes) => capture::read(bytes, &record).map_err(|error| vec![Doubt::Capture { error }]),
        None => Err(vec![Doubt::NoCaptureFile]),
    };
    let (journeys, observed) = match read {
        Ok(packets) => {
            let journeys = Journeys::of(&record, packets);
            let observed = observe(&record, &journeys);
            (journeys, observed)
        }
        Err(unread) => {
            // A failure of the lab comes first: that there is no capture follows from it.
            let mut reasons = super::doubts::of_the_lab(&record);
            reasons.extend(unread);
            (Journeys::of(&record, Vec::new()), undetermined(reasons))
        }
    };
    let verdict = judge(&record.plan.expected, &observed);
    JudgedCell {
        record,
        journeys,
        observed,
        verdict,
    }
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunOutcome {
    /// Every verdict is met, or its cell is observed only.
    Met,
    /// Nothing is violated, but something is not known.
    Undetermined,
    /// Something is violated.
    Violated,
    /// Repetitions of a cell disagree: whatever the verdicts are, another run may give others.
    Disagreeing,
}

impl RunOutcome {
    /// The program's exit code: 0, 3, 1, 4.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Met => 0,
            Self::Undetermined => 3,
            Self::Violated => 1,
            Self::Disagreeing => 4,
        }
    }
}

impl From<&Verdict> for RunOutcome {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Met | Verdict::ObservedOnly => Self::Met,
            Verdict::TestedNothing { .. } | Verdict::Undetermined { .. } => Self::Undetermined,
            Verdict::Violated { .. } => Self::Violated,
        }
    }
}

impl JudgedCell {
    /// Changes its packets, and follows them anew. Nothing is judged again: it is for those who ask what a
    /// reader makes of other packets.
    pub fn change_packets(&mut self, change: impl FnOnce(&mut Vec<Packet>)) {
        let mut packets = self.packets().to_vec();
        change(&mut packets);
        self.journeys = Journeys::of(&self.record, packets);
    }

    /// Follows the same packets anew: after a change of the record, whose plan the journeys are followed by.
    /// Nothing is judged again.
    pub fn follow_anew(&mut self) {
        self.change_packets(|_| {});
    }
}
