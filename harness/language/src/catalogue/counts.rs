//! Counted things: English has a plural, Chinese a measure word.

use super::Language;
use std::fmt::Display;

/// What is counted: `(English singular, Chinese with its measure word)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noun(&'static str, &'static str);

/// The nouns, a constant each: `NAME: English singular / Chinese with its measure word;`.
macro_rules! nouns {
    ($($name:ident: $english:literal / $chinese:literal;)+) => {
        $(#[doc = concat!("`", $english, "`, `", $chinese, "`.")]
        pub const $name: Noun = Noun($english, $chinese);)+

        #[cfg(test)]
        pub(super) const ALL: &[Noun] = &[$($name),+];
    };
}

nouns! {
    CELL: "cell" / "个单元";
    RUN: "run" / "次运行";
    RETRANSMISSION: "retransmission" / "次重传";
    BYTE: "byte" / " 字节";
    OUTCOME: "outcome" / "个结果";
    VALUE: "value" / "个取值";
    PACKET: "packet" / "个数据包";
    MORE_PACKET: "more packet" / "个后续数据包";
    SESSION: "session" / "个会话";
    ROW: "row" / "行";
    REAL_SERVER: "real server" / "台真实服务器";
    OTHER_CONNECTION: "other connection" / "条其他连接";
    CHANGE: "change" / "种变更";
}

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
