//! The scalars of the language: names, texts, numbers, durations; words and sysctls in modules of their own.

mod config;
mod matches;
mod number;
mod sysctl;
mod word;

pub(super) use config::{ConfigText, ConfigWord, LabWord};
pub(super) use number::{
    Attempts, Bytes, ClientNumber, Clients, Count, Directors, Errno, ErrorCode, Failures, Length, Mark, Mss,
    Mtu, Port, PrefixLength, Probes, Retries, Rows, ServerPort, Threshold, VrrpVersion, Weight,
};
pub(super) use sysctl::{SysctlKey, SysctlValue};
pub(super) use word::{ProgramWord, Scheduler, SchedulerFlag, Yes};

use super::Url;
use super::mistake::{MistakeKind, quoted};
use super::place::At;
use super::read::{Refusal, Scalar};
use super::text::is_misleading;
use crate::base::Lines;
use crate::keepalived::Config;
use crate::name::{NAME_RULE, Name};
use crate::serving;
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
        super::schema_parts::scalar::<T>()
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

/// What an action holds of a scalar that is read: its value without the rules that it had to meet.
macro_rules! value_of {
    ($($scalar:ident => $value:ty;)+) => {
        $(impl From<$scalar> for $value {
            fn from(scalar: $scalar) -> Self {
                scalar.0
            }
        })+
    };
}

value_of! {
    Bytes => u32;
    ClientNumber => u8;
    ConfigText => Config;
    Line => String;
    Mss => u16;
    Mtu => u16;
    Port => u16;
    Rows => u32;
    Seconds => Duration;
    SysctlKey => String;
    SysctlValue => String;
    Text => String;
    Weight => u16;
}

impl From<Scheduler> for String {
    fn from(scheduler: Scheduler) -> Self {
        scheduler.0.to_owned()
    }
}

/// What an expectation matches: the name of a value of an axis, or lines of Linux.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Matched {
    /// A name; the line `6.1` is written as one.
    Name(Name),
    /// What can only be lines of Linux.
    Lines(Lines),
}

impl Scalar for Matched {
    fn accepts() -> String {
        Name::accepts()
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        match text.parse() {
            Ok(lines) if Name::new(text).is_err() => Ok(Self::Lines(lines)),
            Ok(_) | Err(_) => Name::parse(text).map(Self::Name),
        }
    }
    fn schema() -> Schema {
        json_schema!({
            "type": ["string", "number"],
            "pattern": "^([a-z0-9][a-z0-9.-]{0,39}|[<>=]*[0-9]+\\.[0-9]+( [<>=]*[0-9]+\\.[0-9]+)*)$",
        })
    }
}

/// The longest text in bytes.
const MAX_TEXT: usize = 64 * 1024;

/// Text for people or for a server: not empty, not too long, and without control characters but line ends and
/// tabs.
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
        if text.len() > MAX_TEXT {
            return Err(Refusal::new(
                MistakeKind::BadText,
                format!(
                    "the text has {} bytes; at most {MAX_TEXT} are accepted",
                    text.len()
                ),
            ));
        }
        let bad = |c: &char| (c.is_control() && !matches!(c, '\n' | '\t')) || is_misleading(*c);
        match text.chars().find(bad) {
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

impl Scalar for Url {
    fn accepts() -> String {
        "an address of the web: `https://…`".to_owned()
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        Self::new(text).map_err(|rule| Refusal {
            help: Some(rule.to_string()),
            ..Refusal::new(
                MistakeKind::BadText,
                format!("{} is no address to link to", quoted(text)),
            )
        })
    }
    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^https?://[A-Za-z0-9][-A-Za-z0-9._~:/?#@!$&*+,;=%]*$" })
    }
}

/// A request of one line. What echo servers and programs ask more of it, `check` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line(pub(super) String);

/// So short that it is one packet, with what stands around it, and fits into a report.
const MAX_LINE: usize = 200;

impl Scalar for Line {
    fn accepts() -> String {
        format!("one line of at most {MAX_LINE} bytes")
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        let Text(line) = Text::parse(text)?;
        if line.len() > MAX_LINE || line.contains(char::is_control) {
            let what = format!("{} is not a line that can be sent as a request", quoted(text));
            return Err(Refusal::new(MistakeKind::BadText, what));
        }
        Ok(Self(line))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX_LINE })
    }
}

/// Bytes that are sent or looked for, with the escapes of [`serving::bytes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Escaped(pub(super) String);

impl Scalar for Escaped {
    fn accepts() -> String {
        format!("{} with `\\r`, `\\n`, `\\t`, `\\\\` and `\\xHH`", Line::accepts())
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        let Line(line) = Line::parse(text)?;
        match serving::bytes(&line) {
            Some(_) => Ok(Self(line)),
            None => Err(Refusal {
                help: Some("a backslash is written `\\\\`".to_owned()),
                ..Refusal::new(
                    MistakeKind::BadText,
                    format!("{} has an escape that is none", quoted(text)),
                )
            }),
        }
    }
    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX_LINE })
    }
}

/// The longest time that anything is waited for.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A time in whole seconds, as ipvsadm(8) takes it: at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seconds(pub(super) Duration);

impl Scalar for Seconds {
    fn accepts() -> String {
        "whole seconds such as `30s` or `15m`, at most `24h`".to_owned()
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        let time = Duration::parse(text)?;
        if time.is_zero() || time.subsec_nanos() != 0 {
            return Err(Refusal::new(
                MistakeKind::DurationOutOfRange,
                format!("{} is not a number of whole seconds", quoted(text)),
            ));
        }
        Ok(Self(time))
    }
    fn schema() -> Schema {
        Duration::schema()
    }
}

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
            let unit = number::whole::<u16>(text).map(|number| format!("did you mean `{number}s`?"));
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
