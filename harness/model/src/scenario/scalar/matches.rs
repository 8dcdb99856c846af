//! What a rule of a firewall looks at.

use crate::action::Matches;
use crate::scenario::mistake::{MistakeKind, quoted};
use crate::scenario::read::{Refusal, Scalar};
use schemars::{Schema, json_schema};

impl Scalar for Matches {
    fn accepts() -> String {
        "what nft(8) matches, such as `tcp flags syn`".to_owned()
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        Self::new(text).ok_or_else(|| Refusal {
            help: Some(format!(
                "one line of at most {} characters of ASCII, without quotation marks, `;`, `#`, tabs and \
                 backslashes; each `{{` has its `}}`, and behind `$` there is a name. It only looks at \
                 packets: without a verdict (`verdict` says that), and without statements such as `set`, \
                 `log` and `notrack`. The rule is counted by itself",
                Self::LONGEST
            )),
            ..Refusal::new(
                MistakeKind::BadText,
                format!("{} is not what a rule can match", quoted(text)),
            )
        })
    }
    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[^\"'`\\\\;#]{1,100}$" })
    }
}
