//! What a doubt is about, in words of its own: how a step went, what a client said, what nobody has seen,
//! what was still awaited, when, and who answered.

use crate::action::Node;
use crate::duration::{Human, Instant};
use crate::sentence::{InChinese, sentences};
use serde::{Deserialize, Serialize};
use std::fmt;

sentences! {
    /// How a step went that was to make the cell what it is.
    pub enum Went {
        /// It was done, and something after it was not.
        Done => "was done" / "已完成",
        /// The client got an error.
        ClientFailed => "failed for the client" / "对客户端失败",
        /// It had no end.
        Unfinished => "did not end" / "没有结束",
        /// The lab failed.
        Failed {
            /// Why.
            reason: String,
        } => "failed: {reason}" / "失败：{reason}",
        /// Something before it had no end.
        NotReached => "was not reached" / "没有执行到",
    }
}

sentences! {
    /// What a client says that succeeded.
    #[derive(Copy)]
    pub enum Success {
        /// Its connect.
        Connected => "connected" / "已连接",
        /// Its statement.
        GotResult => "got a result" / "得到了结果",
    }
}

sentences! {
    /// What the capture of the client's interface shows of an error, or lacks.
    #[derive(Copy)]
    pub enum Unseen {
        /// Nothing that ends a connection, and no last segment of the client's.
        AnyEnd => "neither a FIN nor an RST nor an ICMP error, nor a last segment of the client that stayed \
                   unanswered"
            / "既没有 FIN、RST 或 ICMP 错误，也没有客户端未得到应答的最后报文段",
        /// No ERR packet.
        ServerError => "no packet with an error of the server" / "没有带服务器错误的数据包",
        /// Not a program's own time-out.
        EndBefore => "an answer, or an end of the connection, before the program gave up"
            / "在程序放弃之前有应答，或有连接的终止",
        /// Nothing that ends a connection.
        End => "neither a FIN nor an RST nor an ICMP error" / "没有 FIN、RST 或 ICMP 错误",
        /// Nothing that refuses a connection.
        Refusal => "neither an RST nor an ICMP error" / "没有 RST 或 ICMP 错误",
        /// Nothing that says that a host is not there.
        Unreachable => "neither an ICMP error nor, from the client, an ARP request without an answer"
            / "既没有 ICMP 错误，也没有客户端未得到应答的 ARP 请求",
        /// No time-out of TCP.
        Unanswered => "no segment of the client that stayed unanswered until then"
            / "没有客户端到那时仍未得到应答的报文段",
    }
}

sentences! {
    /// What is expected of an operation that was still going on.
    pub enum Awaited {
        /// An error of this number.
        Error {
            /// The number.
            code: u16,
        } => "error {code}" / "错误 {code}",
        /// An errno.
        Errno {
            /// The errno.
            number: u16,
        } => "errno {number}" / "错误号 {number}",
        /// A hang that ends with an answer.
        Answer => "the hang to end with an answer" / "等待以应答告终",
        /// A hang that ends with an error.
        AnError => "the hang to end with an error" / "等待以错误告终",
        /// A hang that does not end.
        NoEnd => "no end within the observation" / "观察期内不结束",
        /// An answer of one of the servers that may serve it.
        Server => "a server to serve the connection" / "有服务器处理该连接",
        /// A lower bound.
        AtLeast {
            /// The bound.
            time: Human,
        } => "the operation to last at least {time}" / "操作至少持续 {time}",
        /// An upper bound.
        AtMost {
            /// The bound.
            time: Human,
        } => "the operation to last at most {time}" / "操作至多持续 {time}",
    }
}

/// A moment as a sentence has it: `at 3.05s`, counted from the cell's epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct At(pub Instant);

impl At {
    /// The time since the epoch.
    #[must_use]
    pub fn time(self) -> Human {
        Human(self.0.since(Instant(0)))
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}", self.time())
    }
}

/// The servers that answered, each with the packet that shows it: `rs1 (packet 4), rs2 (packet 9)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Answered(pub Vec<(Node, u32)>);

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (node, packet)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{node} (packet {packet})")?;
        }
        Ok(())
    }
}

impl InChinese for At {
    fn in_chinese(&self) -> String {
        format!("在 {} 时", self.time())
    }
}

impl InChinese for Answered {
    fn in_chinese(&self) -> String {
        let servers = self.0.iter();
        let servers = servers.map(|(node, packet)| format!("{node}（数据包 {packet}）"));
        servers.collect::<Vec<_>>().join("、")
    }
}
