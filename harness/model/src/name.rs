//! Names that authors give: scenarios, axes, values, real servers.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A name made of `a-z`, `0-9`, `-` and `.`, beginning with a letter or digit, at most 40 characters long.
///
/// Cell ids, folders and anchors are built from names, so a name can never leave the output folder (`..` does
/// not begin with a letter or digit) nor need escaping in a URL.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// What a name may look like; for messages.
pub const NAME_RULE: &str =
    "a name has 1 to 40 characters of a-z, 0-9, `-` and `.`, and begins with a letter or digit";

/// The text is not a [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a name: {NAME_RULE}", .0.escape_debug())]
pub struct NotAName(pub String);

impl Name {
    /// Longest name, in characters.
    pub const MAX_LEN: usize = 40;

    /// Checks `text` against [`NAME_RULE`].
    ///
    /// # Errors
    /// [`NotAName`] with the text as it was given.
    pub fn new(text: &str) -> Result<Self, NotAName> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        let first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if text.len() <= Self::MAX_LEN && text.chars().all(allowed) && text.chars().next().is_some_and(first)
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAName(text.to_owned()))
        }
    }

    /// A name of the program's own. The text must be as [`NAME_RULE`] says; each use has a test.
    #[must_use]
    pub(crate) fn of_our_own(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// The name of the lab's own virtual service among several.
    #[must_use]
    pub fn of_own_service() -> Self {
        Self::of_our_own("service")
    }

    /// Is it that name?
    #[must_use]
    pub fn is_of_own_service(&self) -> bool {
        self.0 == "service"
    }

    /// The name's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = NotAName;
    fn try_from(text: String) -> Result<Self, NotAName> {
        Self::new(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_a_folder() {
        for bad in [
            "",
            "..",
            ".a",
            "-a",
            "a/b",
            "a b",
            "A",
            "é",
            "a\0",
            &"a".repeat(41),
        ] {
            assert!(Name::new(bad).is_err(), "{bad:?} must not be a name");
        }
        for good in ["0", "rs1", "expire-nodest-conn", "10.11", &"a".repeat(40)] {
            assert_eq!(Name::new(good).unwrap().as_str(), good);
        }
    }
}
