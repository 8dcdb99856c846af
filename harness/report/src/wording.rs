//! One printer for expectations, observations and evidence: each report says the same thing in the same words. All texts here
//! are plain; whoever puts them into a report passes them through `escape`.

use crate::stamp::Length;
use crate::totals::plural;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::record::{ClientErrorKind, Environment, Moment, Place};
use lvs_matrix_model::scenario::{Expected, ExpectedBehaviour, HangEndName};
use lvs_matrix_model::verdict::{
    ArticleResult, Behaviour, Citation, Evidence, JudgedCell, ObservedError, Retransmissions, Terminator, Verdict,
    errno_name,
};

/// What is written where there is nothing.
pub(crate) const NOTHING: &str = "–";

/// The name of a behaviour that is not known, as the reports write it.
pub(crate) const UNDETERMINED: &str = "undetermined";

/// `answered`, `failed-fast`, `hung, then error`, `undetermined`.
pub(crate) fn behaviour(behaviour: &Behaviour) -> String {
    let Some(name) = behaviour.name() else {
        return UNDETERMINED.to_owned();
    };
    match behaviour {
        Behaviour::Hung { end, .. } => format!("{}, {}", name.as_str(), hang_end(end.name())),
        Behaviour::Answered { .. } | Behaviour::FailedFast { .. } | Behaviour::Undetermined { .. } => {
            name.as_str().to_owned()
        }
    }
}

pub(crate) fn hang_end(end: HangEndName) -> &'static str {
    match end {
        HangEndName::Answer => "then answer",
        HangEndName::Error => "then error",
        HangEndName::None => "no end seen",
    }
}

/// The word of a verdict.
pub(crate) fn verdict(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "met",
        Verdict::ObservedOnly => "observed only",
        Verdict::Violated { .. } => "violated",
        Verdict::Undetermined { .. } => UNDETERMINED,
    }
}

/// The article's word.
pub(crate) fn article(result: Option<ArticleResult>) -> &'static str {
    match result {
        Some(ArticleResult::Ok) => "OK",
        Some(ArticleResult::Ng) => "NG",
        None => NOTHING,
    }
}

/// `2003 (111 ECONNREFUSED)`, `2013`, `111 ECONNREFUSED`, `server error 1064`, `error of the driver`.
pub(crate) fn error_code(error: &ObservedError) -> String {
    if let Some(server) = error.server {
        return format!("server error {server}");
    }
    match (error.classic, error.errno.map(errno)) {
        (Some(classic), Some(errno)) => format!("{classic} ({errno})"),
        (Some(classic), None) => classic.to_string(),
        (None, Some(errno)) => errno,
        (None, None) => "error of the driver".to_owned(),
    }
}

/// `111 ECONNREFUSED`; the number alone if Linux has no name for it.
pub(crate) fn errno(number: u16) -> String {
    match errno_name(number) {
        Some(name) => format!("{number} {name}"),
        None => number.to_string(),
    }
}

/// What kind of error the client had; with foreign text, not escaped.
pub(crate) fn error_kind(kind: &ClientErrorKind) -> String {
    let named = |number: i32| u16::try_from(number).map_or_else(|_| number.to_string(), errno);
    match kind {
        ClientErrorKind::Io { errno: Some(number) } => named(*number),
        ClientErrorKind::Io { errno: None } => "a system call failed".to_owned(),
        ClientErrorKind::Closed => "the server closed the connection".to_owned(),
        ClientErrorKind::Server { code, sqlstate } => format!("server error {code}, SQLSTATE {sqlstate}"),
        ClientErrorKind::Library { code, sqlstate, errno } => {
            let sqlstate = match sqlstate.as_str() {
                "" => String::new(),
                sqlstate => format!(", SQLSTATE {sqlstate}"),
            };
            let errno = errno.map_or_else(String::new, |errno| format!(", {}", named(errno)));
            format!("the program's error {code}{sqlstate}{errno}")
        }
        ClientErrorKind::TimedOut { code: Some(code) } => format!("the program's own time-out, its error {code}"),
        ClientErrorKind::TimedOut { code: None } => "the program's own time-out".to_owned(),
        ClientErrorKind::Driver => "the driver failed".to_owned(),
    }
}

/// What the classic client's codes mean: the texts of MySQL's `errmsg.c`.
pub(crate) fn classic_meaning(code: u16) -> Option<&'static str> {
    match code {
        // MySQL's 2002 is about a local server; only MariaDB's client prints it for one across the network.
        2002 => Some("can't connect to server"),
        2003 => Some("can't connect to MySQL server"),
        2006 => Some("MySQL server has gone away"),
        2013 => Some("lost connection to MySQL server during query"),
        _ => None,
    }
}

/// `RST by director`, `FIN by rs1`, `ICMP port unreachable by director`.
pub(crate) fn terminator(terminator: &Terminator) -> String {
    let by = terminator
        .by
        .as_ref()
        .map_or_else(|| "a host that is not of the lab".to_owned(), Node::to_string);
    format!("{} by {by}", terminator.kind)
}

/// The terminators in order, repetitions counted: `FIN by rs1, RST by rs1 ×2`.
pub(crate) fn terminators(list: &[Terminator]) -> String {
    let mut parts: Vec<(String, usize)> = Vec::new();
    for item in list {
        let text = terminator(item);
        match parts.last_mut() {
            Some((last, count)) if *last == text => *count += 1,
            Some(_) | None => parts.push((text, 1)),
        }
    }
    let texts: Vec<String> = parts
        .into_iter()
        .map(|(text, count)| if count > 1 { format!("{text} ×{count}") } else { text })
        .collect();
    if texts.is_empty() {
        NOTHING.to_owned()
    } else {
        texts.join(", ")
    }
}

/// `16 retransmissions of 13 bytes`; `None` if there were none.
pub(crate) fn retransmissions(retransmissions: &Retransmissions) -> Option<String> {
    let count = usize::try_from(retransmissions.count).unwrap_or(usize::MAX);
    let what = match retransmissions.payload_length {
        0 => String::new(),
        1 => " of 1 byte".to_owned(),
        bytes => format!(" of {bytes} bytes"),
    };
    (count > 0).then(|| format!("{}{what}", plural(count, "retransmission")))
}

/// `failed-fast, error 2003 (111 ECONNREFUSED)`, `hung, then error, at least 15m`, `nothing (observe only)`.
pub(crate) fn expected(expected: &Expected) -> String {
    match expected {
        Expected::ObserveOnly => "nothing (observe only)".to_owned(),
        Expected::Behaviour(expected) => expectation(expected),
    }
}

/// What is expected of a cell, in the words of every report: `hung, then error, at least 15m`.
#[must_use]
pub fn expectation(expected: &ExpectedBehaviour) -> String {
    let ExpectedBehaviour {
        behaviour,
        error,
        errno: number,
        ends,
        at_least,
        at_most,
    } = expected;
    let mut text = behaviour.as_str().to_owned();
    if let Some(end) = ends {
        text.push_str(&format!(", {}", hang_end(*end)));
    }
    match (error, number.map(errno)) {
        (Some(code), Some(errno)) => text.push_str(&format!(", error {code} ({errno})")),
        (Some(code), None) => text.push_str(&format!(", error {code}")),
        (None, Some(errno)) => text.push_str(&format!(", error {errno}")),
        (None, None) => {}
    }
    if let Some(time) = at_least {
        text.push_str(&format!(", at least {}", Human(*time)));
    }
    if let Some(time) = at_most {
        text.push_str(&format!(", at most {}", Human(*time)));
    }
    text
}

/// `hung, then error after 15m32s, error 2013 (110 ETIMEDOUT), 16 retransmissions of 13 bytes, RST by director`.
pub(crate) fn observed(cell: &JudgedCell) -> String {
    let observed = &cell.observed;
    let mut text = behaviour(&observed.behaviour);
    if let Some(length) = Length::of(cell) {
        let after = if length.open { "for" } else { "after" };
        text.push_str(&format!(" {after} {length}"));
    }
    if let Some(error) = &observed.error {
        text.push_str(&format!(", error {}", error_code(error)));
    }
    if let Some(repeated) = retransmissions(&observed.retransmissions) {
        text.push_str(&format!(", {repeated}"));
    }
    if !observed.terminators.is_empty() {
        text.push_str(&format!(", {}", terminators(&observed.terminators)));
    }
    text
}

/// Why the verdict is what it is: differences or reasons; empty for cells that are as expected.
pub(crate) fn reasons(cell: &JudgedCell) -> &[String] {
    match &cell.verdict {
        Verdict::Violated { differences } => differences,
        Verdict::Undetermined { reasons } => reasons,
        Verdict::Met | Verdict::ObservedOnly => &[],
    }
}

/// `the client was refused (event 3, packets 12 and 14)`.
pub(crate) fn evidence(evidence: &Evidence) -> String {
    shown(&evidence.fact.to_string(), &evidence.shown_by)
}

/// A statement with what shows it: `the client was refused (event 3, packets 12 and 14)`.
pub(crate) fn shown(what: &str, shown_by: &[Citation]) -> String {
    if shown_by.is_empty() {
        return what.to_owned();
    }
    format!("{what} ({})", citations(shown_by))
}

/// Up to so many numbers of one kind are all listed.
const LISTED_IN_FULL: usize = 5;

/// Citations with neighbours of one kind drawn together: `event 3, packets 32, 34, 36 … 96 (17 in all)`.
fn citations(places: &[Citation]) -> String {
    let mut groups: Vec<(&str, Vec<u32>)> = Vec::new();
    for place in places {
        let (kind, number) = parts(*place);
        match groups.last_mut() {
            Some((last, numbers)) if *last == kind => {
                if numbers.last() != Some(&number) {
                    numbers.push(number);
                }
            }
            Some(_) | None => groups.push((kind, vec![number])),
        }
    }
    let texts: Vec<String> = groups.iter().map(|(kind, numbers)| group(kind, numbers)).collect();
    texts.join(", ")
}

fn group(kind: &str, numbers: &[u32]) -> String {
    let list = |numbers: &[u32]| numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    match numbers {
        [one] => format!("{kind} {one}"),
        [first, .., last] if numbers.len() > LISTED_IN_FULL => format!(
            "{kind}s {first}, {} … {last} ({} in all)",
            list(&numbers[1..3]),
            numbers.len()
        ),
        [rest @ .., last] => format!("{kind}s {} and {last}", list(rest)),
        [] => String::new(),
    }
}

/// `packet 12`.
pub(crate) fn citation(citation: Citation) -> String {
    let (kind, number) = parts(citation);
    format!("{kind} {number}")
}

fn parts(citation: Citation) -> (&'static str, u32) {
    match citation {
        Citation::Event(number) => ("event", number),
        Citation::Packet(number) => ("packet", number),
        Citation::Snapshot(number) => ("snapshot", number),
        Citation::Step(number) => ("step", number),
        Citation::Server(number) => ("server", number),
    }
}

/// When a snapshot was taken, in words.
pub(crate) fn moment(moment: Moment) -> &'static str {
    match moment {
        Moment::BeforeChange => "before the change",
        Moment::AfterChange => "after the change",
        Moment::End => "at the end",
    }
}

/// Where cells ran, and on whose clock.
pub(crate) fn place(environment: &Environment) -> &'static str {
    match environment.place {
        Place::Guest => "guest kernel (User-mode Linux), virtual clock",
        Place::Host => "the host's kernel, real clock",
    }
}

/// A cell that needs a look, in full: what each report prints of it, in the same order and the same words.
pub(crate) struct Explanation {
    /// The word of its verdict.
    pub(crate) verdict: &'static str,
    /// `expected: …`, `observed: …`, then each difference or reason, then each piece of evidence.
    pub(crate) lines: Vec<(&'static str, String)>,
}

/// Explains a judged cell.
pub(crate) fn explain(cell: &JudgedCell) -> Explanation {
    let mut lines = vec![
        ("expected", expected(&cell.record.plan.expected)),
        ("observed", observed(cell)),
    ];
    let label = match cell.verdict {
        Verdict::Violated { .. } => "difference",
        Verdict::Undetermined { .. } | Verdict::Met | Verdict::ObservedOnly => "reason",
    };
    lines.extend(reasons(cell).iter().map(|reason| (label, reason.clone())));
    lines.extend(cell.observed.evidence.iter().map(|item| ("evidence", evidence(item))));
    Explanation {
        verdict: verdict(&cell.verdict),
        lines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_are_drawn_together() {
        let packets = |numbers: &[u32]| {
            numbers
                .iter()
                .map(|number| Citation::Packet(*number))
                .collect::<Vec<_>>()
        };
        for (places, text) in [
            (packets(&[7]), "packet 7"),
            (packets(&[7, 7]), "packet 7"),
            (packets(&[7, 9]), "packets 7 and 9"),
            (packets(&[1, 2, 3, 4, 5]), "packets 1, 2, 3, 4 and 5"),
            (packets(&[1, 2, 3, 4, 5, 6]), "packets 1, 2, 3 … 6 (6 in all)"),
        ] {
            assert_eq!(citations(&places), text);
        }
        let mixed = [
            Citation::Event(3),
            Citation::Packet(1),
            Citation::Packet(2),
            Citation::Event(4),
        ];
        assert_eq!(citations(&mixed), "event 3, packets 1 and 2, event 4");
    }
}
