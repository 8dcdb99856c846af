//! A segment that the client's kernel did not accept, and why, as data.

use crate::action::Node;
use crate::duration::Instant;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A segment that reached the client's interface and that its kernel did not accept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Discarded {
    /// The packet on the client's interface.
    pub packet: u32,
    /// When it reached the interface.
    pub at: Instant,
    /// What it was.
    pub kind: DiscardedKind,
    /// Which node sent it, by its Ethernet address; `None` if the address is none of the lab's.
    pub by: Option<Node>,
    /// Why the kernel did not accept it.
    pub why: Reason,
}

/// What a discarded segment was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum DiscardedKind {
    /// A SYN-ACK: the answer to a SYN.
    SynAck,
    /// An RST.
    Rst,
    /// A FIN.
    Fin,
    /// Nothing but an acknowledgement.
    Acknowledgement,
    /// Payload.
    Payload {
        /// How many bytes.
        length: u32,
    },
}

/// Why a kernel did not accept a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Reason {
    /// A rule in the input chain of the client's own firewall.
    OwnFirewall {
        /// The step that added the rule.
        step: u32,
    },
    /// TCP's rules: it is an answer to another SYN, or its sequence number is not the one that the client
    /// expects next.
    Unexpected,
    /// The connection had ended for the client before.
    Ended,
    /// Nothing that the client sent later acknowledges it; why is not known.
    NotAcknowledged,
}

impl fmt::Display for DiscardedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SynAck => f.write_str("SYN-ACK"),
            Self::Rst => f.write_str("RST"),
            Self::Fin => f.write_str("FIN"),
            Self::Acknowledgement => f.write_str("acknowledgement"),
            Self::Payload { length: 1 } => f.write_str("segment with 1 byte"),
            Self::Payload { length } => write!(f, "segment with {length} bytes"),
        }
    }
}

impl Reason {
    /// The same in Chinese.
    #[must_use]
    pub fn in_chinese(self) -> String {
        match self {
            Self::OwnFirewall { step } => format!("客户端自己的防火墙没有放行（步骤 {step}）"),
            Self::Unexpected => "它不是客户端的 TCP 在该连接上所期待的".to_owned(),
            Self::Ended => "对客户端来说该连接已经结束".to_owned(),
            Self::NotAcknowledged => "客户端之后发出的报文段都没有确认它".to_owned(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnFirewall { step } => {
                write!(f, "the client's own firewall did not let it in (step {step})")
            }
            Self::Unexpected => f.write_str("it is not what the client's TCP expected on this connection"),
            Self::Ended => f.write_str("the connection had already ended for the client"),
            Self::NotAcknowledged => f.write_str("nothing that the client sent later acknowledges it"),
        }
    }
}
