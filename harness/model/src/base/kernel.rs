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

/// The line that expectations are taken for where no kernel is known: the guest kernel's that is asked for
/// first.
pub const DEFAULT_LINE: Line = Line::new(7, 2);

/// Which lines of Linux: conditions that must all hold, each a line with `<`, `<=`, `>`, `>=`, or alone for
/// that very line. Written `<5.9`, `6.1`, `>=5.9 <6.5`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Lines(Vec<(Relation, Line)>);

/// How a line is to be related to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Below,
    AtMost,
    Same,
    AtLeast,
    Above,
}

impl Relation {
    /// Longer signs come before those that they begin with.
    const SIGNS: [(&'static str, Self); 4] = [
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("<", Self::Below),
        (">", Self::Above),
    ];

    fn sign(self) -> &'static str {
        let known = Self::SIGNS.into_iter().find(|(_, relation)| *relation == self);
        known.map_or("", |(sign, _)| sign)
    }
}

/// A text names no lines of Linux.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("lines of Linux are written `<5.9`, `<=5.8`, `>=5.9`, `>5.8` or `6.1`, several as `>=5.9 <6.5`")]
pub struct NotLines;

impl Lines {
    /// Does this line fit?
    #[must_use]
    pub fn has(&self, line: Line) -> bool {
        self.0.iter().all(|(relation, bound)| match relation {
            Relation::Below => line < *bound,
            Relation::AtMost => line <= *bound,
            Relation::Same => line == *bound,
            Relation::AtLeast => line >= *bound,
            Relation::Above => line > *bound,
        })
    }

    /// Lines of which one at least stands for each line there is: whatever is said by these bounds of any
    /// line is said of one of them.
    pub fn telling(&self) -> impl Iterator<Item = Line> {
        self.0
            .iter()
            .flat_map(|(_, bound)| [bound.before(), *bound, bound.after()])
    }
}

impl Line {
    /// The line before it, as far as numbers go.
    fn before(self) -> Self {
        match (self.major.checked_sub(1), self.minor.checked_sub(1)) {
            (_, Some(minor)) => Self { minor, ..self },
            (Some(major), None) => Self::new(major, u32::MAX),
            (None, None) => self,
        }
    }

    fn after(self) -> Self {
        Self {
            minor: self.minor.saturating_add(1),
            ..self
        }
    }
}

impl FromStr for Lines {
    type Err = NotLines;

    fn from_str(text: &str) -> Result<Self, NotLines> {
        let condition = |text: &str| {
            let known = Relation::SIGNS.into_iter();
            let mut signed = known.filter_map(|(sign, relation)| Some((relation, text.strip_prefix(sign)?)));
            let (relation, bound) = signed.next().unwrap_or((Relation::Same, text));
            let number = |text: &str| {
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                digits.then(|| text.parse().ok()).flatten()
            };
            let (major, minor) = bound.split_once('.').ok_or(NotLines)?;
            let line = number(major).zip(number(minor)).ok_or(NotLines)?;
            Ok((relation, Line::new(line.0, line.1)))
        };
        let conditions: Vec<_> = text.split_whitespace().map(condition).collect::<Result<_, _>>()?;
        if conditions.is_empty() {
            return Err(NotLines);
        }
        Ok(Self(conditions))
    }
}

impl TryFrom<String> for Lines {
    type Error = NotLines;

    fn try_from(text: String) -> Result<Self, NotLines> {
        text.parse()
    }
}

impl From<Lines> for String {
    fn from(lines: Lines) -> Self {
        lines.to_string()
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (relation, line)) in self.0.iter().enumerate() {
            let blank = if place > 0 { " " } else { "" };
            write!(f, "{blank}{}{line}", relation.sign())?;
        }
        Ok(())
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

    #[test]
    fn lines_are_named_by_conditions() {
        let has = |text: &str, major, minor| text.parse::<Lines>().unwrap().has(Line::new(major, minor));
        assert!(has("<5.9", 5, 8) && has("<5.9", 4, 19) && !has("<5.9", 5, 9) && !has("<5.9", 5, 10));
        assert!(has("<=5.9", 5, 9) && !has("<=5.9", 5, 10));
        assert!(has(">=5.9", 5, 10) && has(">=5.9", 6, 0) && !has(">=5.9", 5, 4));
        assert!(has(">5.9", 5, 10) && !has(">5.9", 5, 9));
        assert!(has("6.1", 6, 1) && !has("6.1", 6, 12) && !has("6.1", 6, 10));
        assert!(has(">=5.9 <6.5", 6, 1) && !has(">=5.9 <6.5", 6, 5) && !has(">=5.9 <6.5", 5, 4));
        for good in ["<5.9", "<=5.8", "6.1", ">=5.9 <6.5", ">6.1"] {
            assert_eq!(good.parse::<Lines>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            " ",
            "5",
            "<",
            "< 5.9",
            "5.9.1",
            "=5.9",
            "<5.x",
            "5.+9",
            "<>5.9",
            "99999999999.1",
        ] {
            assert_eq!(bad.parse::<Lines>(), Err(NotLines), "{bad}");
        }
    }

    /// What is true of every line can be seen by a few of them.
    #[test]
    fn a_few_lines_tell_of_all() {
        let lines: Lines = ">=5.9 <6.0".parse().unwrap();
        let telling: Vec<Line> = lines.telling().collect();
        for wanted in [
            Line::new(5, 8),
            Line::new(5, 9),
            Line::new(5, 10),
            Line::new(6, 0),
        ] {
            assert!(telling.contains(&wanted), "{wanted}");
        }
        assert!(telling.contains(&Line::new(5, u32::MAX)));
        let seen: Vec<bool> = telling.iter().map(|line| lines.has(*line)).collect();
        assert!(seen.contains(&true) && seen.contains(&false));
    }
}
