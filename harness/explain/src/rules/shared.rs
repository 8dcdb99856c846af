//! Words and questions that rules of several files share.

use super::super::bilingual::{Bilingual, bilingual};
use super::super::cell_view::CellView;
use super::super::moment;
use super::super::passage::Seen;
use super::rule::{Source, tcp, tcp_protocol};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::Packet;

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
    let theirs = matches!(view.sender(packet), Some(Node::RealServer(name)) if name == server);
    theirs.then_some(packet)
}

/// What every rule of the director's own TCP cites: a segment without an entry that is no SYN goes up to it.
pub(super) const OWN_TCP: [Source; 3] = [
    tcp_protocol("tcp_conn_schedule"),
    tcp("tcp_v4_rcv"),
    tcp("tcp_v4_send_reset"),
];
