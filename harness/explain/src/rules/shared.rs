//! Words and questions that rules of several files share.

use super::super::bilingual::{Bilingual, bilingual};
use super::super::cell_view::CellView;
use super::super::moment;
use super::super::passage::Seen;
use super::rule::{Source, tcp, tcp_protocol};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::Packet;
use lvs_matrix_model::scenario::Forwarding;

/// `packet 33, at 1s`.
pub(super) fn first(seen: Seen) -> Bilingual {
    let packet = seen.packet;
    bilingual!(
        "packet {packet}, {at}" / "数据包 {packet}，{at}",
        at = moment(seen.at)
    )
}

/// `once`, `twice`, `3 times`.
pub(super) fn times(count: usize) -> Bilingual {
    match count {
        1 => bilingual!("once" / "1 次"),
        2 => bilingual!("twice" / "2 次"),
        several => bilingual!("{several} times" / "{several} 次"),
    }
}

/// The first answer to the request, if this server sent it.
pub(super) fn answer_from<'a>(view: &CellView<'a>, server: &Name) -> Option<&'a Packet> {
    let packet = view.payload()?;
    // With masquerading the director sent the frame on.
    let theirs = matches!(view.paths.origin(packet.number), Some(Node::RealServer(name)) if name == server);
    theirs.then_some(packet)
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
        Forwarding::Masquerading => bilingual!("through the director" / "经过调度器"),
    }
}

/// What every rule of the director's own TCP cites: a segment without an entry that is no SYN goes up to it.
pub(super) const OWN_TCP: [Source; 3] = [
    tcp_protocol("tcp_conn_schedule"),
    tcp("tcp_v4_rcv"),
    tcp("tcp_v4_send_reset"),
];
