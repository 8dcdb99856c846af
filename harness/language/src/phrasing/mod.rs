//! One printer for expectations, observations and evidence: each report says the same thing in the same
//! words. All texts here are plain; whoever puts them into a report passes them through `escape`.

mod besides;
mod chinese;
mod cites;
mod environment;
mod error;

pub use besides::{besides, error_and_besides};
pub use cites::{citation, shown};
pub use environment::{Particular, Stated, particulars};
pub use error::{classic_meaning, errno, error_code, error_kind};

use crate::Length;
use crate::catalogue::{BYTE, Language, RETRANSMISSION};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, Node};
use lvs_matrix_model::control::ControlPlane;
use lvs_matrix_model::duration::{Human, Instant};
use lvs_matrix_model::plan::Phase;
use lvs_matrix_model::record::{
    Environment, Instead, Misconduct, Missing, Moment, OpenTransaction, Place, Proof,
};
use lvs_matrix_model::scenario::{
    BehaviourName, Expected, ExpectedBehaviour, ExpectedOutage, ExpectedSpread, HangEndName, OutageBounds,
};
use lvs_matrix_model::verdict::{
    ArticleResult, Behaviour, Contradiction, Difference, Doubt, Evidence, Fact, JudgedCell, Loss,
    OrphanedSession, Probed, Retransmissions, Terminator, Untested, Verdict, later_by,
};
use std::collections::BTreeMap;

/// What the model says in English by its `Display`, each with the function that says it in Chinese.
macro_rules! in_both {
    ($($(#[doc = $doc:literal])+ $name:ident($type:ty) / $chinese:path;)+) => {$(
        $(#[doc = $doc])+
        pub fn $name(words: Language, what: &$type) -> String {
            match words {
                Language::English => what.to_string(),
                Language::Chinese => $chinese(what),
            }
        }
    )+};
}

in_both! {
    /// Why something of a cell is not known: what the judge says, in the language; what the lab says stays as
    /// it is.
    doubt(Doubt) / Doubt::in_chinese;
    /// Why there is no record of a cell.
    missing(Missing) / Missing::in_chinese;
    /// What showed something.
    proof(Proof) / Proof::in_chinese;
    /// What was found instead.
    instead(Instead) / Instead::in_chinese;
    /// What a client program did that no client may do.
    misconduct(Misconduct) / Misconduct::in_chinese;
    /// In what a cell is not as expected.
    difference(Difference) / chinese::difference;
    /// The heading of a phase's steps.
    phase(Phase) / Phase::in_chinese;
    /// What a step does; SQL between backticks.
    action(Action) / Action::in_chinese;
    /// The name of an operation as the model has it: `connect`, or a statement in backticks.
    operation(str) / chinese::operation;
    /// What a piece of evidence says.
    fact(Fact) / chinese::fact;
    /// A transaction that has not ended.
    open_transaction(OpenTransaction) / chinese::open_transaction;
    /// What a server still holds.
    orphan(OrphanedSession) / chinese::orphan;
    /// What the client says, and what the packets show.
    contradiction(Contradiction) / Contradiction::in_chinese;
}

/// What is written where there is nothing.
pub const NOTHING: &str = "–";

/// The text, or [`NOTHING`] in place of an empty one.
#[must_use]
pub fn or_nothing(text: String) -> String {
    if text.is_empty() { NOTHING.to_owned() } else { text }
}

/// The name of a behaviour that is not known, as reports for programs and style sheets have it.
pub const UNDETERMINED: &str = "undetermined";

/// `answered`, `failed-fast`, `hung, then error`, `undetermined`.
pub fn behaviour(words: Language, behaviour: &Behaviour) -> String {
    match behaviour {
        Behaviour::Hung { end, .. } => words.hung_and(words.hung(), hang_end(words, end.name())),
        Behaviour::Answered { .. } => words.answered().to_owned(),
        Behaviour::FailedFast { .. } => words.failed_fast().to_owned(),
        Behaviour::Undetermined { .. } => words.undetermined().to_owned(),
    }
}

/// The behaviour, and the client's code if there is one: `failed-fast 2013`.
pub fn behaviour_and_error(words: Language, cell: &JudgedCell) -> String {
    let behaviour = behaviour(words, &cell.observed.behaviour);
    match &cell.observed.error {
        Some(error) => format!("{behaviour} {}", error_code(words, error)),
        None => behaviour,
    }
}

/// The name of a behaviour that a scenario expects: `failed-fast`.
pub fn behaviour_name(words: Language, name: BehaviourName) -> &'static str {
    match name {
        BehaviourName::Answered => words.answered(),
        BehaviourName::FailedFast => words.failed_fast(),
        BehaviourName::Hung => words.hung(),
    }
}

/// How a hang ended: `then error`.
pub fn hang_end(words: Language, end: HangEndName) -> &'static str {
    match end {
        HangEndName::Answer => words.then_answer(),
        HangEndName::Error => words.then_error(),
        HangEndName::None => words.no_end_seen(),
    }
}

/// The word of a verdict.
pub fn verdict(words: Language, verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Met => words.met(),
        Verdict::ObservedOnly => words.observed_only(),
        Verdict::TestedNothing { .. } => words.tested_nothing(),
        Verdict::Violated { .. } => words.violated(),
        Verdict::Undetermined { .. } => words.undetermined(),
    }
}

/// The article's word.
pub fn article(result: Option<ArticleResult>) -> &'static str {
    match result {
        Some(ArticleResult::Ok) => "OK",
        Some(ArticleResult::Ng) => "NG",
        None => NOTHING,
    }
}

/// `RST by director`, `FIN by rs1`, `ICMP port unreachable by director`.
pub fn terminator(words: Language, terminator: &Terminator) -> String {
    words.by(terminator.kind, sender(words, terminator.by.as_ref()))
}

/// A node's name; that of none of the lab's.
pub fn sender(words: Language, by: Option<&Node>) -> String {
    by.map_or_else(|| words.stranger().to_owned(), Node::to_string)
}

/// The terminators in order, repetitions counted: `FIN by rs1, RST by rs1 ×2`.
pub fn terminators(words: Language, list: &[Terminator]) -> String {
    let mut parts: Vec<(String, usize)> = Vec::new();
    for item in list {
        let text = terminator(words, item);
        match parts.last_mut() {
            Some((last, count)) if *last == text => *count += 1,
            Some(_) | None => parts.push((text, 1)),
        }
    }
    let texts: Vec<String> = parts
        .into_iter()
        .map(|(text, count)| {
            if count > 1 {
                format!("{text} ×{count}")
            } else {
                text
            }
        })
        .collect();
    or_nothing(texts.join(words.listed()))
}

/// `16 retransmissions of 13 bytes`; `None` if there were none.
pub fn retransmissions(words: Language, retransmissions: &Retransmissions) -> Option<String> {
    let number = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let times = words.count(number(retransmissions.count), RETRANSMISSION);
    let what = match retransmissions.payload_length {
        0 => times,
        length => words.of_bytes(times, words.count(number(length), BYTE)),
    };
    (retransmissions.count > 0).then_some(what)
}

/// `failed-fast, error 2003 (111 ECONNREFUSED)`, `hung, then error, at least 15m`, `nothing (observe only)`.
pub fn expected(words: Language, expected: &Expected) -> String {
    match expected {
        Expected::ObserveOnly => words.nothing_expected().to_owned(),
        Expected::Behaviour(expected) => expected_behaviour(words, expected),
    }
}

/// What is expected of a cell, in English: `hung, then error, at least 15m`.
#[must_use]
pub fn expectation(expected: &ExpectedBehaviour) -> String {
    expected_behaviour(Language::English, expected)
}

fn expected_behaviour(words: Language, expected: &ExpectedBehaviour) -> String {
    let ExpectedBehaviour {
        behaviour,
        error,
        errno: number,
        ends,
        at_least,
        at_most,
        served_by,
        clients,
        outage,
    } = expected;
    let mut text = behaviour_name(words, *behaviour).to_owned();
    if let Some(end) = ends {
        text = words.hung_and(text, hang_end(words, *end));
    }
    text += &match (error, number.map(errno)) {
        (Some(code), Some(errno)) => words.with_error(format_args!("{code} ({errno})")),
        (Some(code), None) => words.with_error(code),
        (None, Some(errno)) => words.with_error(errno),
        (None, None) => String::new(),
    };
    if let Some(time) = at_least {
        text += &words.at_least(Human(*time));
    }
    if let Some(time) = at_most {
        text += &words.at_most(Human(*time));
    }
    if !served_by.is_empty() {
        text += &words.served_by_one_of(names(served_by, words, words.or_server()));
    }
    if let Some(ExpectedSpread {
        moved,
        failed,
        served,
    }) = clients
    {
        let of_servers = served
            .iter()
            .map(|(server, count)| words.clients_on(server, count));
        text.extend(moved.map(|count| words.clients_moved(count)));
        text.extend(failed.map(|count| words.clients_failed(count)));
        text.extend(of_servers);
    }
    text.extend(outage.as_ref().map(|outage| self::outage(words, outage)));
    text
}

/// `, outage of each probe at most 3s`.
fn outage(words: Language, expected: &ExpectedOutage) -> String {
    let ExpectedOutage { each, of } = expected;
    let each = (words.of_each_probe().to_owned(), each);
    let single = of.iter().map(|(name, bounds)| (words.of_the_probe(name), bounds));
    let said = std::iter::once(each).chain(single);
    let text = |(of, bounds): (String, &OutageBounds)| {
        let OutageBounds {
            at_least,
            at_most,
            lost,
        } = bounds;
        let mut text = words.outage_expected(of);
        text.extend(at_least.map(|time| words.outage_at_least(Human(time))));
        text.extend(at_most.map(|time| words.outage_at_most(Human(time))));
        text.extend(lost.map(|count| words.outage_lost(count)));
        text
    };
    said.filter(|(_, bounds)| **bounds != OutageBounds::default())
        .map(text)
        .collect()
}

/// How many attempts of a probe got no answer, by what became of them: `3 refused, 1 met with silence`.
pub fn losses(words: Language, lost: &BTreeMap<Loss, u32>) -> String {
    let kind = |loss: &Loss| match loss {
        Loss::Refused => words.loss_refused(),
        Loss::NoHost => words.loss_no_host(),
        Loss::Cut => words.loss_cut(),
        Loss::ServerError => words.loss_server_error(),
        Loss::Silence => words.loss_silence(),
    };
    let kinds = lost.iter().map(|(loss, count)| words.of_kind(count, kind(loss)));
    kinds.collect::<Vec<_>>().join(words.listed())
}

/// What a probe lived through, for a row: `probe fresh: 12 of 140 lost, outage 1.2s`.
pub fn probed(words: Language, probed: &Probed) -> String {
    let mut lost = words.probe_lost(&probed.probe, probed.all_lost(), probed.attempts);
    if probed.waiting > 0 {
        lost += &words.probe_waiting(probed.waiting);
    }
    match probed.longest() {
        None => lost,
        Some(longest) if longest.to_the_end => lost + &words.outage_to_the_end(Human(longest.lasted())),
        Some(longest) => lost + &words.outage_of(Human(longest.lasted())),
    }
}

/// `rs1`, `rs1 or rs2`, `rs1, rs2 or rs3`.
fn names(names: &[Name], words: Language, last: &str) -> String {
    let names: Vec<&str> = names.iter().map(Name::as_str).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., end] => [first.join(words.listed()).as_str(), last, end].concat(),
    }
}

/// Why a cell says nothing about its change, in a clause.
pub fn untested(words: Language, why: &Untested) -> String {
    let list = |servers: &[Name]| names(servers, words, words.and_server());
    match why {
        Untested::NoChange { step, action } => words.no_change(step, self::action(words, action)),
        Untested::MetNothing { step, action } => words.met_nothing(step, self::action(words, action)),
        Untested::OtherServer {
            served_by, changed, ..
        } => words.change_elsewhere(list(changed), list(served_by)),
        Untested::OverBefore {
            ended,
            step,
            action,
            began,
        } => words.over_before(
            moment_of(words, *ended),
            step,
            self::action(words, action),
            later(words, *ended, *began),
        ),
        Untested::ConnectionEndedBefore {
            ended,
            packet,
            step,
            action,
            began,
        } => words.ended_before(
            moment_of(words, *ended),
            packet,
            step,
            self::action(words, action),
            later(words, *ended, *began),
        ),
    }
}

/// What to do about it.
pub fn remedy(words: Language, why: &Untested) -> String {
    let first = |servers: &[Name]| {
        servers
            .first()
            .map_or_else(|| NOTHING.to_owned(), Name::to_string)
    };
    match why {
        Untested::NoChange { .. } => words.set_something_else().to_owned(),
        Untested::MetNothing { .. } => words.let_it_match().to_owned(),
        Untested::OtherServer {
            served_by, changed, ..
        } => words.name_the_server(
            format_args!("`connect: {{ to: {} }}`", first(changed)),
            format_args!("`served-by: {}`", first(served_by)),
        ),
        Untested::OverBefore { .. } => words.let_it_last().to_owned(),
        Untested::ConnectionEndedBefore { .. } => words.open_it_later().to_owned(),
    }
}

/// A moment after an earlier one that the clause has named: `at 3.05s`, or `3ms later` if both are written
/// the same.
fn later(words: Language, earlier: Instant, at: Instant) -> String {
    match (later_by(earlier, at), words) {
        (None, words) => moment_of(words, at),
        (Some(by), Language::English) => format!("{by} later"),
        (Some(by), Language::Chinese) => format!("其后 {by}"),
    }
}

/// A moment of the cell as a clause has it: `at 3.05s`.
fn moment_of(words: Language, at: Instant) -> String {
    let time = Human(at.since(Instant(0)));
    match words {
        Language::English => format!("at {time}"),
        Language::Chinese => time.to_string(),
    }
}

/// What a reader must know beside the verdict: that the cell is one in which nothing is changed, that the
/// change had no part in what was judged, or that this is what the scenario means to show.
pub fn notes(words: Language, cell: &JudgedCell) -> Vec<(&'static str, String)> {
    let mut notes = Vec::new();
    let known = cell.observed.behaviour.name().is_some();
    if known && cell.is_control() {
        notes.push((words.as_a_control(), words.nothing_is_changed().to_owned()));
    }
    match (cell.untested(), &cell.observed.untested) {
        (Some(why), _) => {
            // Of a cell that tested nothing this is the reason of its verdict, which is told already.
            if !matches!(cell.verdict, Verdict::TestedNothing { .. }) {
                notes.push((words.tested_nothing(), untested(words, why)));
            }
            notes.push((words.what_to_do(), remedy(words, why)));
        }
        (None, Some(why)) => notes.push((words.left_alone(), untested(words, why))),
        (None, None) => {}
    }
    notes
}

/// `15m32s`, or `over 6h` for an operation that was still waiting.
pub fn length(words: Language, length: Length) -> String {
    if length.open {
        words.over(Human(length.time))
    } else {
        Human(length.time).to_string()
    }
}

/// `hung, then error after 15m32s, error 2013 (110 ETIMEDOUT), 16 retransmissions of 13 bytes, RST by
/// director`.
pub fn observed(words: Language, cell: &JudgedCell) -> String {
    let observed = &cell.observed;
    let mut text = behaviour(words, &observed.behaviour);
    if let Some(length) = Length::of(cell) {
        let time = self::length(words, length);
        text += &if length.open {
            words.lasting(time)
        } else {
            words.after(time)
        };
    }
    if let Some(error) = &observed.error {
        let code = error_code(words, error);
        text += &match error.server {
            // `server error 1064` says that it is one.
            Some(_) => words.and_also(code),
            None => words.with_error(code),
        };
    }
    if let Some(repeated) = retransmissions(words, &observed.retransmissions) {
        text += &words.and_also(repeated);
    }
    if !observed.terminators.is_empty() {
        text += &words.and_also(terminators(words, &observed.terminators));
    }
    for note in besides(words, cell) {
        text += words.clauses();
        text += &note;
    }
    text
}

/// Why the verdict is what it is: differences or reasons; empty for cells that are as expected.
pub fn reasons(words: Language, cell: &JudgedCell) -> Vec<String> {
    match &cell.verdict {
        Verdict::Violated { differences } => differences.iter().map(|one| difference(words, one)).collect(),
        Verdict::Undetermined { reasons } => reasons.iter().map(|reason| doubt(words, reason)).collect(),
        Verdict::TestedNothing { why } => vec![untested(words, why)],
        Verdict::Met | Verdict::ObservedOnly => Vec::new(),
    }
}

/// What [`reasons`] are.
pub fn reasons_are(words: Language, verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Violated { .. } => words.difference(),
        Verdict::TestedNothing { .. }
        | Verdict::Undetermined { .. }
        | Verdict::Met
        | Verdict::ObservedOnly => words.reason(),
    }
}

/// `the client was refused (event 3, packets 12 and 14)`.
pub fn evidence(words: Language, evidence: &Evidence) -> String {
    shown(words, &fact(words, &evidence.fact), &evidence.shown_by)
}

/// When a snapshot was taken, in words: `by` edits the tables of its lab.
pub fn moment(words: Language, by: ControlPlane, moment: Moment) -> String {
    match moment {
        Moment::BeforeChange => words.before_change().to_owned(),
        Moment::AfterChange => words.after_change().to_owned(),
        Moment::Changed => words.edited_by(by),
        Moment::End => words.at_the_end().to_owned(),
    }
}

/// Where cells ran, and on whose clock.
pub fn place(words: Language, environment: &Environment) -> &'static str {
    match environment.place {
        Place::Guest => words.place_guest(),
        Place::Qemu => words.place_qemu(),
        Place::Host => words.place_host(),
    }
}

/// A cell that needs a look, in full: what a terminal and reports for programs print of it, in the same order
/// and words.
pub struct Explanation {
    /// The word of its verdict.
    pub verdict: &'static str,
    /// `expected: …`, `observed: …`, then each difference or reason, then each piece of evidence.
    pub lines: Vec<(&'static str, String)>,
}

/// Explains a judged cell.
pub fn explain(words: Language, cell: &JudgedCell) -> Explanation {
    let mut lines = vec![
        (words.expected(), expected(words, &cell.record.plan.expected)),
        (words.observed(), observed(words, cell)),
    ];
    let label = reasons_are(words, &cell.verdict);
    lines.extend(reasons(words, cell).into_iter().map(|reason| (label, reason)));
    lines.extend(notes(words, cell));
    let items = cell.observed.evidence.iter();
    lines.extend(items.map(|item| (words.evidence(), evidence(words, item))));
    Explanation {
        verdict: verdict(words, &cell.verdict),
        lines,
    }
}
