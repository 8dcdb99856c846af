//! Counted things: English has a plural, Chinese a measure word.

use super::Language;
use std::fmt::Display;

/// What is counted: `(English singular, Chinese with its measure word)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noun(&'static str, &'static str);

/// `cell`, `个单元`.
pub const CELL: Noun = Noun("cell", "个单元");
/// `run`, `次运行`.
pub const RUN: Noun = Noun("run", "次运行");
/// `retransmission`, `次重传`.
pub const RETRANSMISSION: Noun = Noun("retransmission", "次重传");
/// `byte`, `字节`.
pub const BYTE: Noun = Noun("byte", " 字节");
/// `outcome`, `个结果`.
pub const OUTCOME: Noun = Noun("outcome", "个结果");
/// `value`, `个取值`.
pub const VALUE: Noun = Noun("value", "个取值");
/// `packet`, `个数据包`.
pub const PACKET: Noun = Noun("packet", "个数据包");
/// `more packet`, `个后续数据包`.
pub const MORE_PACKET: Noun = Noun("more packet", "个后续数据包");
/// `session`, `个会话`.
pub const SESSION: Noun = Noun("session", "个会话");
/// `row`, `行`.
pub const ROW: Noun = Noun("row", "行");
/// `real server`, `台真实服务器`.
pub const REAL_SERVER: Noun = Noun("real server", "台真实服务器");
/// `other connection`, `条其他连接`.
pub const OTHER_CONNECTION: Noun = Noun("other connection", "条其他连接");
/// `change`, `种变更`.
pub const CHANGE: Noun = Noun("change", "种变更");

#[cfg(test)]
pub(super) const ALL: [Noun; 13] = [
    CELL,
    RUN,
    RETRANSMISSION,
    BYTE,
    OUTCOME,
    VALUE,
    PACKET,
    MORE_PACKET,
    SESSION,
    ROW,
    REAL_SERVER,
    OTHER_CONNECTION,
    CHANGE,
];

impl Language {
    /// `1 cell`, `24 cells`; `24 个单元`.
    #[must_use]
    pub fn count(self, count: usize, noun: Noun) -> String {
        let Noun(english, chinese) = noun;
        match self {
            Self::English => plural(count, english),
            Self::Chinese => spaced(count, chinese),
        }
    }

    /// Rows of a result.
    #[must_use]
    pub fn rows(self, count: u64) -> String {
        self.count(usize::try_from(count).unwrap_or(usize::MAX), ROW)
    }
}

/// `1 cell`, `24 cells`.
#[must_use]
pub fn plural(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// A number stands apart from Chinese.
fn spaced(count: impl Display, noun: &str) -> String {
    format!("{count} {}", noun.trim_start())
}
