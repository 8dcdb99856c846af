//! What a kernel is: its version, and what it was built from.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A kernel's version, as far as it is compared: `7.2.12` and `6.1.170-rc1` alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 7 of 7.2.12.
    pub major: u32,
    /// 2 of 7.2.12.
    pub minor: u32,
    /// 12 of 7.2.12; 0 where there is none.
    pub patch: u32,
}

impl Version {
    /// Reads `7.2`, `7.2.12`, `6.18.44-fc-v595`.
    pub fn parse(text: &str) -> Option<Self> {
        let numbers = text
            .trim()
            .split(|c: char| !(c.is_ascii_digit() || c == '.'))
            .next()?;
        let mut parts = numbers.split('.').map(str::parse);
        let (major, minor) = (parts.next()?.ok()?, parts.next()?.ok()?);
        Some(Self {
            major,
            minor,
            patch: parts.next().and_then(Result::ok).unwrap_or(0),
        })
    }

    /// Major and minor: the line.
    pub fn line(self) -> (u32, u32) {
        (self.major, self.minor)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Which source a kernel was built from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// A Debian package.
    Package {
        /// Such as `linux-source-7.2`.
        name: String,
        /// The package's version.
        version: String,
    },
    /// A tarball.
    Tarball {
        /// SHA-256 of the file, hexadecimal.
        sha256: String,
    },
}

/// What `kernel.json` says of a cached kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The kernel's own version, such as `7.2.12`.
    pub version: String,
    /// The source it was built from.
    pub source: Identity,
    /// SHA-256 over configuration request and cure, hexadecimal.
    pub request_sha256: String,
    /// SHA-256 of the binary, hexadecimal.
    pub binary_sha256: String,
    /// When it was built: UTC, RFC 3339, seconds.
    pub built: String,
    /// The first line of `gcc --version`.
    pub compiler: String,
    /// What cannot be tried on it, as its line does not have it yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_ordered() {
        let version = |text| Version::parse(text).unwrap();
        assert_eq!(version("7.2.12\n").to_string(), "7.2.12");
        assert_eq!(version("6.18.44-fc-v595").line(), (6, 18));
        assert!(version("7.10") > version("7.9.30"));
        assert_eq!(Version::parse("linux"), None);
    }
}
