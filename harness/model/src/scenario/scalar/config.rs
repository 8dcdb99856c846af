//! The author's own configuration of keepalived, and the words of it that the lab has others for.

use super::Text;
use crate::keepalived::Config;
use crate::scenario::mistake::{MistakeKind, quoted};
use crate::scenario::read::{Refusal, Scalar};
use schemars::{Schema, json_schema};

/// A configuration. The name of a file has been replaced by the file's text when it is read
/// (`scenario::include`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::scenario) struct ConfigText(pub(in crate::scenario) Config);

impl Scalar for ConfigText {
    fn accepts() -> String {
        "the name of a file, or the lines of a configuration".to_owned()
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        let Text(text) = Text::parse(text)?;
        Ok(Self(Config::new(text)))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

/// A word of a configuration: an address, or an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::scenario) struct ConfigWord(pub(in crate::scenario) String);

impl Scalar for ConfigWord {
    const MANY: &'static str = "words of a configuration";
    fn accepts() -> String {
        "an address or an interface, as the configuration has it".to_owned()
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '_' | '@');
        match !text.is_empty() && text.len() <= 60 && text.chars().all(good) {
            true => Ok(Self(text.to_owned())),
            false => Err(Refusal::new(
                MistakeKind::BadText,
                format!("{} is neither an address nor an interface", quoted(text)),
            )),
        }
    }
    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9.:@_-]{1,60}$" })
    }
}

/// What it is in the lab: `vip`, a host, or an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::scenario) struct LabWord(pub(in crate::scenario) String);

impl Scalar for LabWord {
    fn accepts() -> String {
        "`vip`, a host of the lab, or an interface of a director".to_owned()
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        crate::Name::parse(text).map(|name| Self(name.as_str().to_owned()))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9.-]{0,39}$" })
    }
}
