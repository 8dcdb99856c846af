//! What a capture file says beside its frames, so that Wireshark alone tells the story: which cell it is,
//! what each interface is, and where in the packets the steps of the time line begin and end.
//!
//! A step has its place in a comment of the first packet, on whatever interface, that was captured when it
//! began or after that. The last sentinel follows every step, so only a step that was not reached has no
//! packet; it is in the comment of the section.

use crate::duration::{Human, Instant};
use crate::record::{ByHand, CellRecord, StepOutcome, StepRecord};

/// A comment longer than this many characters is cut; an option of pcapng holds 65535 bytes.
const LONGEST: usize = 1000;

/// What a capture file says beside its frames. The default says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remarks {
    /// On the section as a whole, a line each.
    pub section: Vec<String>,
    /// The kernel under test (`Linux 7.2.12`).
    pub kernel: Option<String>,
    /// The program that made the file (`lvs-matrix 0.1.0`).
    pub program: Option<String>,
    /// For each capture point what it is (`eth0 of director, 192.0.2.20, 02:6c:76:00:00:14`), in the order of
    /// the points.
    pub points: Vec<String>,
    /// Comments on moments: nanoseconds since 1970 on the clock of the kernel under test, and the text.
    pub moments: Vec<(i64, String)>,
}

impl Remarks {
    /// What there is to say of a cell. The record must be complete but for the packets.
    #[must_use]
    pub fn of(record: &CellRecord) -> Self {
        let unreached: Vec<&StepRecord> = record.steps.iter().filter(|step| step.began.is_none()).collect();
        let mut section = vec![
            format!("cell {}", record.plan.cell),
            "Times are of the kernel under test. Comments of packets say which step of the cell's time line \
             begins or ends before the packet; their times count from the moment the lab was ready."
                .to_owned(),
        ];
        section.extend(
            unreached
                .into_iter()
                .map(|step| one_line(&format!("{}: not reached", heading(step)))),
        );
        let points = record.capture.iter().flat_map(|capture| capture.points.iter());
        Self {
            section,
            kernel: Some(one_line(&record.environment.kernel)),
            program: Some(one_line(&format!("lvs-matrix {}", record.environment.harness))),
            points: points
                .map(|point| {
                    let host = record.plan.host(&point.node);
                    let addresses = host.map_or_else(String::new, |host| {
                        format!(", {}, {}", host.address(), host.mac())
                    });
                    one_line(&format!("{} of {}{addresses}", point.interface, point.node))
                })
                .collect(),
            moments: moments(record),
        }
    }
}

fn moments(record: &CellRecord) -> Vec<(i64, String)> {
    let moment = |(at, text): (Instant, String)| {
        let text = one_line(&format!("{} {text}", seconds(at)));
        (record.epoch_unix_nanos.saturating_add(at.0), text)
    };
    marks(record).into_iter().map(moment).collect()
}

/// The steps of the time line as marks between packets: where each begins and, if it took a millisecond or
/// more, where it ends, and the end of the observation; in the order of time. The texts may hold foreign text
/// (SQL between backticks).
#[must_use]
pub fn marks(record: &CellRecord) -> Vec<(Instant, String)> {
    let mut marks = Vec::new();
    for step in &record.steps {
        let Some(began) = step.began else { continue };
        match step.ended {
            Some(ended) if ended.since(began).as_millis() == 0 => {
                marks.push((began, format!("{}{}", heading(step), outcome(&step.outcome))));
            }
            Some(ended) => {
                marks.push((began, format!("{} begins", heading(step))));
                let took = Human(ended.since(began));
                let text = format!("{} ends after {took}{}", heading(step), outcome(&step.outcome));
                marks.push((ended, text));
            }
            None => marks.push((
                began,
                format!("{} begins{}", heading(step), outcome(&step.outcome)),
            )),
        }
    }
    for ByHand {
        node,
        line,
        began,
        ended,
        exit,
    } in &record.by_hand
    {
        marks.push((*began, format!("{node}# {line}, by hand")));
        if let (Some(ended), Some(exit)) = (ended, exit)
            && (*exit != 0 || ended.since(*began).as_millis() > 0)
        {
            let took = Human(ended.since(*began));
            marks.push((
                *ended,
                format!("{node}# {line} ends after {took}, exit code {exit}"),
            ));
        }
    }
    marks.push((record.ended, "the observation ends".to_owned()));
    // Stable: of the same moment in the order of the steps.
    marks.sort_by_key(|(at, _)| *at);
    marks
}

fn heading(step: &StepRecord) -> String {
    format!("step {} ({}), {}", step.number, step.phase, step.action)
}

fn outcome(outcome: &StepOutcome) -> String {
    match outcome {
        StepOutcome::Done { proof } if proof.is_blank() => String::new(),
        StepOutcome::Done { proof } => format!(": {proof}"),
        StepOutcome::ClientFailed => ": the client got an error".to_owned(),
        StepOutcome::Unfinished => ": not finished when the observation ended".to_owned(),
        StepOutcome::Failed { reason } => format!(": failed, {reason}"),
        StepOutcome::NotReached => ": not reached".to_owned(),
    }
}

/// `+1.001328640s`.
fn seconds(at: Instant) -> String {
    let nanos = at.0.unsigned_abs();
    let sign = if at.0 < 0 { '-' } else { '+' };
    format!("{sign}{}.{:09}s", nanos / 1_000_000_000, nanos % 1_000_000_000)
}

/// SQL and messages are foreign text: what acts instead of showing is written as `\u{1b}`, and nothing is
/// longer than a comment may be.
fn one_line(text: &str) -> String {
    let mut out = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST {
            out.push('…');
            break;
        }
        match c {
            // Direction marks reorder what stands after them, in Wireshark too.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}' => {
                out.extend(c.escape_unicode());
            }
            c if c.is_control() => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}
