//! Names and values of sysctls.

use super::super::mistake::{MistakeKind, quoted};
use super::super::read::{Refusal, Scalar};
use schemars::{Schema, json_schema};

/// The dotted name of a sysctl that belongs to a network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::scenario) struct SysctlKey(pub(in crate::scenario) String);

impl Scalar for SysctlKey {
    const MANY: &'static str = "sysctls";
    fn accepts() -> String {
        "a sysctl's name with dots, such as `net.ipv4.vs.expire_nodest_conn`".to_owned()
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        let refused = |help: &str| Refusal {
            help: Some(help.to_owned()),
            ..Refusal::new(
                MistakeKind::BadSysctlKey,
                format!("{} is not a sysctl of a lab", quoted(text)),
            )
        };
        let good = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        if text.contains('/') {
            return Err(refused("write dots, not slashes"));
        }
        if !text.starts_with("net.") {
            return Err(refused(
                "only what begins with `net.` belongs to a network namespace; the rest is the whole \
                 machine's",
            ));
        }
        if text.len() > 120 || !text.split('.').all(good) {
            return Err(refused(
                "its parts are letters, digits, `_` and `-`, with single dots between them",
            ));
        }
        Ok(Self(text.to_owned()))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^net(\\.[A-Za-z0-9_-]+)+$" })
    }
}

/// A sysctl's value as sysctl(8) takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::scenario) struct SysctlValue(pub(in crate::scenario) String);

impl Scalar for SysctlValue {
    fn accepts() -> String {
        "a whole number, or a text of one line".to_owned()
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        let refused = |help: &str| Refusal {
            help: Some(help.to_owned()),
            ..Refusal::new(
                MistakeKind::BadSysctlValue,
                format!("{} is not a sysctl's value", quoted(text)),
            )
        };
        if matches!(
            text.to_lowercase().as_str(),
            "true" | "false" | "yes" | "no" | "on" | "off"
        ) {
            return Err(refused("the kernel knows no words for it: write 1 or 0"));
        }
        if text.trim().is_empty() || text.len() > 200 || text.chars().any(|c| c.is_control() && c != '\t') {
            return Err(refused("it has 1 to 200 characters and no line end"));
        }
        Ok(Self(text.to_owned()))
    }
    fn schema() -> Schema {
        json_schema!({ "type": ["integer", "string"] })
    }
}
