//! Answers that come in spite of what stopped them for a while: connections outlive processes that stand still and links that
//! are down.

use super::super::case::packet;
use super::super::moment;
use super::director::{answer_from, first};
use super::frozen::{frozen, last};
use super::{Explains, Finding, Rule, tcp_timer};
use crate::explain::Source;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::verdict::Citation;

/// A mysqld that was stopped runs again.
pub(super) const THAWED: Rule = Rule {
    name: "mysqld-thawed",
    explains: Explains::Answer,
    sources: &[Source {
        function: "tcp_recvmsg",
        file: "net/ipv4/tcp.c",
    }],
    holds: |case| {
        let (reached, Node::RealServer(server)) = case.request()?.reached.as_ref()? else {
            return None;
        };
        let answer = answer_from(case, server)?;
        let (thawed, began) = last(case, server, answer.at)
            .filter(|(_, _, frozen)| !frozen)
            .map(|(step, began, _)| (step, began))?;
        if began < reached.at {
            return None;
        }
        // Before it ran again.
        let (stopped, stood) = frozen(case, server, Instant(began.0.checked_sub(1)?))?;
        let waited = if stood < reached.at {
            format!(
                "The client's {} reached {server} ({} there) while the mysqld stood still ({}), and waited in its socket. When it \
                 ran again ({}, {}) it read it, and answered (packet {} on client).",
                case.carrier(),
                first(*reached),
                stopped.action,
                thawed.action,
                moment(began),
                answer.number
            )
        } else {
            format!(
                "The mysqld stood still while it worked on the client's {} ({}, {}). Its sockets are the kernel's and stayed open; \
                 when it ran again ({}, {}) it went on, and answered (packet {} on client).",
                case.operation.what,
                stopped.action,
                moment(stood),
                thawed.action,
                moment(began),
                answer.number
            )
        };
        Some(Finding {
            at: stood,
            text: waited,
            shown_by: vec![
                Citation::Step(stopped.number),
                Citation::Step(thawed.number),
                packet(*reached),
                Citation::Packet(answer.number),
            ],
            advice: Vec::new(),
        })
    },
};

/// The link of the server was down while the answer was made, and is up again.
pub(super) const LINK_BACK: Rule = Rule {
    name: "link-came-back",
    explains: Explains::Answer,
    sources: &[tcp_timer("tcp_retransmit_timer")],
    holds: |case| {
        let request = case.request().filter(|_| !case.is_connect())?;
        let (reached, node) = request.reached.as_ref()?;
        let Node::RealServer(server) = node else { return None };
        let answer = answer_from(case, server)?;
        let during: Vec<_> = case
            .links(node)
            .filter(|(_, began, _)| reached.at < *began && *began < answer.at)
            .collect();
        let (down, cut, _) = during.iter().find(|(_, _, down)| *down)?;
        let (up, back, _) = during.iter().rfind(|(_, began, down)| !down && began > cut)?;
        Some(Finding {
            at: *cut,
            text: format!(
                "The client's {} had reached {server} ({} there) when the link of {server} went down ({}). That ends no \
                 connection: what {server} had to say meanwhile, its TCP tried again at gaps that double. The link came back {} \
                 ({}), and the next try reached the client {} (packet {} on client). In direct routing the director is not on \
                 that way.",
                case.operation.what,
                first(*reached),
                moment(*cut),
                moment(*back),
                up.action,
                moment(answer.at),
                answer.number
            ),
            shown_by: vec![
                packet(*reached),
                Citation::Step(down.number),
                Citation::Step(up.number),
                Citation::Packet(answer.number),
            ],
            advice: Vec::new(),
        })
    },
};
