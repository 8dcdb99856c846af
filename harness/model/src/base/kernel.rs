//! Which kernel a cell is run on, where a run has several.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The longest name of a kernel, in bytes: folders have it in their names.
const LONGEST: usize = 64;

/// A kernel by the name that cells know it by: `6.1`, `7.2.12`. It begins with a letter or a digit, and has
/// nothing but lower-case letters, digits, dots and hyphens. So it can be a part of a folder's name, and
/// stays unambiguous beside the values of axes. Somewhere in it is a version.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct KernelId(String);

/// Why a text names no kernel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no kernel: at most 64 lower-case letters, digits, dots and hyphens, with a version such as \
     6.1"
)]
pub struct NotAKernelId(String);

impl KernelId {
    /// The kernel of this name.
    ///
    /// # Errors
    /// [`NotAKernelId`].
    pub fn new(text: &str) -> Result<Self, NotAKernelId> {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        let begins = text
            .bytes()
            .next()
            .is_some_and(|first| first.is_ascii_alphanumeric());
        if begins && text.len() <= LONGEST && text.bytes().all(known) && Line::in_text(text).is_some() {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAKernelId(text.chars().take(2 * LONGEST).collect()))
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The line of Linux that it is of.
    #[must_use]
    pub fn line(&self) -> Option<Line> {
        Line::in_text(&self.0)
    }
}

impl fmt::Display for KernelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KernelId {
    type Err = NotAKernelId;

    fn from_str(text: &str) -> Result<Self, NotAKernelId> {
        Self::new(text)
    }
}

impl TryFrom<String> for KernelId {
    type Error = NotAKernelId;

    fn try_from(text: String) -> Result<Self, NotAKernelId> {
        Self::new(&text)
    }
}

impl From<KernelId> for String {
    fn from(kernel: KernelId) -> Self {
        kernel.0
    }
}

/// A line of Linux: the first two numbers of a version. What a kernel does is a matter of its line; the third
/// number counts its corrections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    /// 6 of 6.1.
    pub major: u32,
    /// 1 of 6.1.
    pub minor: u32,
}

impl Line {
    /// The line `major.minor`.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// The line of the first version in a text: of `Linux 6.1.192` and of `6.1.0-44-amd64` it is 6.1.
    #[must_use]
    pub fn in_text(text: &str) -> Option<Self> {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let mut rest = text;
        loop {
            rest = rest.get(rest.find(|one: char| one.is_ascii_digit())?..)?;
            let (major, after) = rest.split_at(digits(rest));
            if let Some(after) = after.strip_prefix('.') {
                let (minor, _) = after.split_at(digits(after));
                if let (Ok(major), Ok(minor)) = (major.parse(), minor.parse()) {
                    return Some(Self { major, minor });
                }
            }
            rest = after;
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_version_and_nothing_that_a_path_could_stumble_over() {
        for good in ["6.1", "7.2.12", "qemu-6.1.0-44-amd64", "7.3-rc1"] {
            assert_eq!(KernelId::new(good).unwrap().as_str(), good);
        }
        let long = format!("6.1{}", "1".repeat(LONGEST));
        for bad in [
            "", "6", "mine", "../6.1", "6.1/x", "6.1_x", "6.1@2", "-6.1", ".6.1", "6.1 ", "6.1A", &long,
        ] {
            let said = KernelId::new(bad).unwrap_err().to_string();
            assert!(said.contains("names no kernel"), "{bad}: {said}");
            assert!(serde_json::from_value::<KernelId>(bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn lines_are_read_from_versions_and_ordered_as_numbers() {
        let line = |text| Line::in_text(text);
        assert_eq!(line("Linux 6.1.192"), Some(Line::new(6, 1)));
        assert_eq!(line("Linux 5.4.0-216-generic"), Some(Line::new(5, 4)));
        assert_eq!(line("qemu-6.12.95"), Some(Line::new(6, 12)));
        assert_eq!(line("uml64-7.2"), Some(Line::new(7, 2)));
        assert_eq!(line("7. 2"), None);
        assert_eq!(line("Linux"), None);
        assert_eq!(line("99999999999.1"), None);
        assert!(Line::new(5, 9) < Line::new(5, 10) && Line::new(5, 19) < Line::new(6, 0));
        assert_eq!(Line::new(5, 10).to_string(), "5.10");
    }
}
