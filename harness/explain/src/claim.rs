//! What a rule says of single packets, as data: so that two rules of one cell can be held against each other.

use super::Explanation;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::Node;

/// What a rule says of one packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The packet's number, as the client's interface saw it.
    pub packet: u32,
    /// What became of it, if the client sent it; else why it was sent.
    pub fate: Fate,
}

/// What became of a segment of the client's, or why something was sent to the client. Of one packet only one
/// of them can be true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It did not arrive at the director.
    LostBefore,
    /// It matched an entry whose real server is not available, and the director dropped it.
    Dropped,
    /// It waited at the director for an Ethernet address that nobody told, and was given up.
    WaitedForNeighbour,
    /// IPVS left it to the director's own TCP, which answered with an RST.
    LeftToDirector,
    /// IPVS had no real server for it, and refused it.
    Refused,
    /// IPVS found it larger than what it can pass on, and said so.
    TooBig,
    /// The firewall of this host dropped it, or answered it.
    Filtered(Node),
    /// The director passed it on to this host, where it did not arrive.
    LostAfter(Node),
    /// It arrived at this real server, whose TCP took it.
    Delivered(Node),
    /// It arrived at this real server, whose TCP had no connection for it and answered with an RST, or
    /// whose UDP had no socket for it and answered with an ICMP error.
    UnknownAt(Node),
    /// A process ended, or closed the connection, and had read all that had arrived.
    Closed,
    /// A process ended, or closed the connection, without having read all that had arrived.
    ClosedUnread,
    /// A server's own time-out ended the connection.
    TimedOut,
    /// It answers a segment for which its sender's TCP had no connection, or a datagram for which there
    /// was no socket.
    NoConnection,
    /// A firewall said it.
    Rejection,
    /// IPVS said that there is no real server.
    NoServer,
    /// A kernel said that a host cannot be reached.
    Unreachable,
}

impl Fate {
    /// It arrived at this real server.
    pub(crate) fn delivered(server: &Name) -> Self {
        Self::Delivered(Node::RealServer(server.clone()))
    }
}

impl Explanation {
    /// Pairs of rules that say of one packet what cannot both be true: the packet, and the rules' names.
    #[must_use]
    pub fn contradictions(&self) -> Vec<(u32, &'static str, &'static str)> {
        let all: Vec<(&'static str, &Claim)> = self
            .paragraphs
            .iter()
            .flat_map(|one| one.claims.iter().map(|claim| (one.rule, claim)))
            .collect();
        let mut found = Vec::new();
        for (index, (rule, claim)) in all.iter().enumerate() {
            let others = all[index + 1..].iter();
            let against =
                others.filter(|(_, other)| other.packet == claim.packet && other.fate != claim.fate);
            found.extend(against.map(|(other, _)| (claim.packet, *rule, *other)));
        }
        found
    }
}
