//! The scalars of the language: names, texts, numbers, durations; words and sysctls in modules of their own.

mod sysctl;
mod word;

pub(super) use sysctl::{SysctlKey, SysctlValue};
pub(super) use word::{Scheduler, Yes};

use super::mistake::{MistakeKind, listed, quoted};
use super::place::At;
use super::read::{Refusal, Scalar};
use crate::name::{NAME_RULE, Name};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::time::Duration;

impl<T: Scalar> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "scalar".into()
    }
    fn schema_id() -> Cow<'static, str> {
        std::any::type_name::<T>().into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        super::schema::scalar::<T>()
    }
}

impl Scalar for Name {
    fn accepts() -> String {
        "a name of a-z, 0-9, `-` and `.`".to_owned()
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        Self::new(text).map_err(|_| Refusal {
            help: Some(NAME_RULE.to_owned()),
            ..Refusal::new(MistakeKind::BadName, format!("{} is not a name", quoted(text)))
        })
    }
    fn schema() -> Schema {
        // An author may write a value's name without quotes where YAML sees a number in it.
        json_schema!({ "type": ["string", "number"], "pattern": "^[a-z0-9][a-z0-9.-]{0,39}$" })
    }
}

/// Text for people or for a server: not empty, and without control characters but line ends and tabs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

impl Scalar for Text {
    fn accepts() -> String {
        "text".to_owned()
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Refusal::new(MistakeKind::BadText, "the text is empty"));
        }
        match text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            Some(c) => Err(Refusal::new(
                MistakeKind::BadText,
                format!("the control character U+{:04X} in a text", u32::from(c)),
            )),
            None => Ok(Self(text.to_owned())),
        }
    }
    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

/// A weight in the director's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight(pub(super) u16);

impl Scalar for Weight {
    fn accepts() -> String {
        format!("a whole number from 0 to {}", u16::MAX)
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        whole(text).map(Self).ok_or_else(|| not_a_number("a weight", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": 65535 })
    }
}

/// A classic client error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ErrorCode(pub(super) u16);

/// The classic client's codes that a lost or refused connection can have.
const ERROR_CODES: [u16; 4] = [2002, 2003, 2006, 2013];

impl Scalar for ErrorCode {
    fn accepts() -> String {
        listed(ERROR_CODES.map(|code| code.to_string()).iter().map(String::as_str))
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        whole(text)
            .filter(|code| ERROR_CODES.contains(code))
            .map(Self)
            .ok_or_else(|| not_a_number("a classic client error", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "enum": ERROR_CODES })
    }
}

/// An error number of Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Errno(pub(super) u16);

/// EHWPOISON, the highest that Linux gives to programs (include/uapi/asm-generic/errno.h).
const LAST_ERRNO: u16 = 133;

impl Scalar for Errno {
    fn accepts() -> String {
        format!("an errno from 1 to {LAST_ERRNO}, such as 104 (ECONNRESET), 110 (ETIMEDOUT) or 111 (ECONNREFUSED)")
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        whole(text)
            .filter(|errno| (1..=LAST_ERRNO).contains(errno))
            .map(Self)
            .ok_or_else(|| not_a_number("an errno", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": LAST_ERRNO })
    }
}

/// Decimal digits only: no sign, no blank, no `0x`, no `1_000`.
fn whole(text: &str) -> Option<u16> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

fn not_a_number(what: &str, text: &str) -> Refusal {
    Refusal::new(MistakeKind::BadNumber, format!("{} is not {what}", quoted(text)))
}

/// The longest time that anything is waited for.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

impl Scalar for Duration {
    fn accepts() -> String {
        "a time such as `500ms`, `5s`, `1m 30s` or `6h`, at most `24h`".to_owned()
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        let refused = |kind, help: Option<String>| Refusal {
            help,
            ..Refusal::new(kind, format!("{} is not a time that is accepted", quoted(text)))
        };
        let Ok(time) = humantime::parse_duration(text) else {
            let unit = whole(text).map(|number| format!("did you mean `{number}s`?"));
            return Err(refused(MistakeKind::BadDuration, unit));
        };
        if time > LONGEST {
            return Err(refused(MistakeKind::DurationOutOfRange, None));
        }
        Ok(time)
    }
    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]", "examples": ["5s", "1m 30s", "6h"] })
    }
}
