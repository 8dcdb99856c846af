//! Words and questions that rules of several files share.

use super::super::bilingual::{Bilingual, bilingual};
use super::super::cell_view::{CellView, packet};
use super::super::citing::cites;
use super::super::claim::Fate;
use super::super::fate::claims;
use super::super::icmp::HOST_UNREACHABLE;
use super::super::moment;
use super::super::passage::Seen;
use super::super::table::Table;
use super::rule::{Finding, Source, files};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, Node, TrafficAction};
use lvs_matrix_model::capture::Packet;
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::record::StepRecord;
use lvs_matrix_model::scenario::Forwarding;
use lvs_matrix_model::verdict::{Citation, Terminator, TerminatorKind};

/// `packet 33, at 1s`.
pub(super) fn first(seen: impl Into<Seen>) -> Bilingual {
    let seen = seen.into();
    let packet = seen.packet;
    bilingual!(
        "packet {packet}, {at}" / "数据包 {packet}，{at}",
        at = moment(seen.at)
    )
}

/// Where the answers of this server do not pass the director.
pub(super) fn past_the_director(view: &CellView<'_>, server: &Name) -> Bilingual {
    if !view.answers_past_the_director() {
        return Bilingual::default();
    }
    bilingual!(
        ". {with} that goes to the client directly, whatever the director's table says"
            / "。{with}，它直接发给客户端，与调度器的表无关",
        with = with_method(view, server),
    )
}

/// The packets by which the director told the client that a host is unreachable.
pub(super) fn told_unreachable(view: &CellView<'_>) -> Vec<u32> {
    let kind = TerminatorKind::Icmp {
        code: HOST_UNREACHABLE,
    };
    let told = view.observed.terminators.iter();
    let told = told.filter(|item| item.kind == kind && item.by.as_ref() == Some(view.director()));
    told.map(|item| item.packet).collect()
}

/// `once`, `twice`, `3 times`.
pub(super) fn times(count: usize) -> Bilingual {
    match count {
        1 => bilingual!("once" / "1 次"),
        2 => bilingual!("twice" / "2 次"),
        several => bilingual!("{several} times" / "{several} 次"),
    }
}

/// `once more`, `3 more times`.
pub(super) fn times_more(count: usize) -> Bilingual {
    match count {
        1 => bilingual!("once more" / "1 次"),
        several => bilingual!("{several} more times" / "{several} 次"),
    }
}

/// The first answer to the request, if this server sent it.
pub(super) fn answer_from<'a>(view: &CellView<'a>, server: &Name) -> Option<&'a Packet> {
    // An echo server has no greeting: a connect to it is over with the SYN-ACK.
    let handshake = view.is_connect() && view.plan.server_kind().is_echo();
    let packet = if handshake {
        view.answers().next()?.0
    } else {
        view.payload()?
    };
    // With masquerading the director sent the frame on.
    let theirs = matches!(view.paths.origin(packet.number), Some(Node::RealServer(name)) if name == server);
    theirs.then_some(packet)
}

/// What shows that the director refused a packet: its table, the packet where it was seen, and the refusal.
pub(super) fn with_table(table: &Table, seen: [Seen; 2], refusal: &Terminator) -> Vec<Citation> {
    cites![..table.shown_by(), ..seen, refusal]
}

/// By which method the director passed packets of the connection on to this server: `In direct routing`.
pub(in super::super) fn with_method(view: &CellView<'_>, server: &Name) -> Bilingual {
    match view.method(server) {
        Forwarding::DirectRouting => bilingual!("In direct routing" / "DR 模式下"),
        Forwarding::Masquerading => bilingual!("With masquerading" / "NAT 模式下"),
        Forwarding::Tunneling => bilingual!("With tunneling" / "隧道模式下"),
    }
}

/// The same within a sentence.
pub(super) fn by_method(view: &CellView<'_>, server: &Name) -> Bilingual {
    match view.method(server) {
        Forwarding::DirectRouting => bilingual!("in direct routing" / "DR 模式下"),
        Forwarding::Masquerading => bilingual!("with masquerading" / "NAT 模式下"),
        Forwarding::Tunneling => bilingual!("with tunneling" / "隧道模式下"),
    }
}

/// Which way this server's packets go to the client: `past the director`.
pub(super) fn past(view: &CellView<'_>, server: &Name) -> Bilingual {
    match view.method(server) {
        Forwarding::DirectRouting | Forwarding::Tunneling => {
            bilingual!("past the director" / "不经过调度器")
        }
        Forwarding::Masquerading => through(view),
    }
}

/// The way of what a masqueraded server sends. A director is named if its lab has not that one alone.
pub(super) fn through(view: &CellView<'_>) -> Bilingual {
    let director = view.director();
    match director.goes_without_saying() {
        true => bilingual!("through the director" / "经过调度器"),
        false => bilingual!("through {director}" / "经过 {director} "),
    }
}

/// What every rule of the director's own TCP cites: a segment without an entry that is no SYN goes up to it.
pub(super) const OWN_TCP: [Source; 3] = [
    files::tcp_protocol("tcp_conn_schedule"),
    files::tcp("tcp_v4_rcv"),
    files::tcp("tcp_v4_send_reset"),
];

/// Is the VIP no address of the director, which takes in what its firewall marks?
pub(super) fn is_routed(view: &CellView<'_>) -> bool {
    // Of two directors keepalived gives it to one.
    let director = view
        .plan
        .host(view.director())
        .filter(|_| !view.plan.has_two_directors());
    director.is_some_and(|host| host.addresses().all(|address| address != view.plan.vip()))
}

/// Why what is for the VIP comes to the director's own TCP or UDP.
pub(super) fn why_own(view: &CellView<'_>) -> Bilingual {
    if is_routed(view) {
        bilingual!("policy routing takes in what has the mark" / "策略路由收下带有标记的数据包")
    } else {
        bilingual!("the VIP is an address of the director" / "VIP 是调度器的地址")
    }
}

/// The step that flushed the director's firewall, if nothing marks packets at this moment.
pub(super) fn flushed<'a>(view: &CellView<'a>, at: Instant) -> Option<&'a StepRecord> {
    let director = view.plan.first_director();
    let flush = Action::Traffic(TrafficAction::FlushFirewall {
        node: director.clone(),
    });
    let steps = view.done(|action| (*action == flush).then_some(()));
    let (step, _, ()) = steps.filter(|(_, began, ())| *began <= at).last()?;
    (!view.record.state_at(at).marks(&director)).then_some(step)
}

/// What was passed on reached the server, perhaps not at its first sending, and was answered.
pub(super) fn served(
    view: &CellView<'_>,
    sent: Seen,
    server: &Name,
    answer: &Packet,
    mut text: Bilingual,
    mut shown_by: Vec<Citation>,
) -> Finding {
    let arrived = view
        .arrived()
        .filter(|arrived| arrived.sent.packet != sent.packet);
    if let Some(again) = arrived
        && let Some((passed, _)) = &again.passed_on
    {
        text.push(&bilingual!(
            " It was lost on its way. The client's TCP sent it again ({again} on client), and the director \
             passed that on by its entry ({passed} on director)."
                / "它在途中丢失。客户端的 TCP 重传了它（client 上的{again}），调度器按其条目转发（director 上的{passed}）。",
            again = first(again.sent),
            passed = first(*passed),
        ));
        shown_by.extend([packet(again.sent), packet(*passed)]);
    }
    text.push(&answered(view, server, answer));
    shown_by.push(Citation::Packet(answer.number));
    Finding {
        at: sent.at,
        text,
        shown_by,
        claims: claims(
            [arrived.map_or(sent, |arrived| arrived.sent).packet],
            &Fate::delivered(server),
        ),
        advice: Vec::new(),
    }
}

fn answered(view: &CellView<'_>, server: &Name, answer: &Packet) -> Bilingual {
    let way = if view.answers_past_the_director() {
        bilingual!("directly, past the director" / "直接应答，不经过调度器")
    } else {
        let mut way = through(view);
        way.push(&bilingual!("" / "应答"));
        way
    };
    bilingual!(
        " {server} answered {way} (packet {answer} on client)."
            / "{server} {way}（client 上的数据包 {answer}）。",
        way = way,
        answer = answer.number,
    )
}

/// What others than the client did between a request and its answer.
pub(super) fn changes_between<'a>(
    view: &CellView<'a>,
    request: Seen,
    answer: &'a Packet,
) -> impl Iterator<Item = (u32, &'a Action)> {
    view.done(|action| {
        let change = !action.is_of_client() && !matches!(action, Action::Wait(_) | Action::Watch(_));
        change.then_some(action)
    })
    .filter(move |(_, began, _)| request.at < *began && *began < answer.at)
    .map(|(step, _, action)| (step.number, action))
}
