//! Counted things: English has a plural, Chinese a measure word.

use super::Language;
use crate::totals::plural;
use std::fmt::Display;

/// What is counted: `(English singular, Chinese with its measure word)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Noun(&'static str, &'static str);

pub(crate) const CELL: Noun = Noun("cell", "个单元");
pub(crate) const RUN: Noun = Noun("run", "次运行");
pub(crate) const RETRANSMISSION: Noun = Noun("retransmission", "次重传");
pub(crate) const BYTE: Noun = Noun("byte", " 字节");
pub(crate) const OUTCOME: Noun = Noun("outcome", "个结果");
pub(crate) const VALUE: Noun = Noun("value", "个取值");
pub(crate) const PACKET: Noun = Noun("packet", "个数据包");
pub(crate) const MORE_PACKET: Noun = Noun("more packet", "个后续数据包");
pub(crate) const SESSION: Noun = Noun("session", "个会话");
pub(crate) const ROW: Noun = Noun("row", "行");
pub(crate) const REAL_SERVER: Noun = Noun("real server", "台真实服务器");
pub(crate) const OTHER_CONNECTION: Noun = Noun("other connection", "条其他连接");

#[cfg(test)]
pub(super) const ALL: [Noun; 12] = [
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
];

impl Language {
    /// `1 cell`, `24 cells`; `24 个单元`.
    pub(crate) fn count(self, count: usize, noun: Noun) -> String {
        let Noun(english, chinese) = noun;
        match self {
            Self::English => plural(count, english),
            Self::Chinese => spaced(count, chinese),
        }
    }

    /// Rows of a result.
    pub(crate) fn rows(self, count: u64) -> String {
        self.count(usize::try_from(count).unwrap_or(usize::MAX), ROW)
    }
}

/// A number stands apart from Chinese.
fn spaced(count: impl Display, noun: &str) -> String {
    format!("{count} {}", noun.trim_start())
}
