//! The incident or the text that a scenario reproduces.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a scenario comes from: an incident, a question, an article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Source {
    /// Its title.
    pub title: String,
    /// Its address.
    pub url: Url,
}

/// The address of a page on the web. Reports link to it, so it can be nothing that a browser would execute,
/// and nothing that ends a link of markdown or HTML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Url(String);

/// The longest address in bytes.
const MAX_URL: usize = 2000;

/// The text is not an address that reports may link to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an address begins with `https://` or `http://` and has letters, digits and `-._~:/?#@!$&*+,;=%`, at \
     most {MAX_URL} of them; write others as `%` and two hexadecimal digits"
)]
pub struct NotAUrl;

impl Url {
    /// The address.
    ///
    /// # Errors
    /// [`NotAUrl`] if reports may not link to it.
    pub fn new(text: &str) -> Result<Self, NotAUrl> {
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        let good = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#@!$&*+,;=%".contains(c);
        let host = rest.and_then(|rest| rest.chars().next());
        let is_host = host.is_some_and(|c| c.is_ascii_alphanumeric());
        if is_host && text.len() <= MAX_URL && text.chars().all(good) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAUrl)
        }
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Url {
    type Error = NotAUrl;
    fn try_from(text: String) -> Result<Self, NotAUrl> {
        Self::new(&text)
    }
}

impl From<Url> for String {
    fn from(url: Url) -> Self {
        url.0
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_that_a_page_may_link_to() {
        for good in [
            "https://github.com/kubernetes/kubernetes/issues/81775",
            "http://a.example/q?x=1&y=%28z%29#top",
        ] {
            assert_eq!(Url::new(good).map(String::from), Ok(good.to_owned()));
        }
        let long = format!("https://a.example/{}", "x".repeat(MAX_URL));
        for bad in [
            "",
            "https://",
            "javascript:alert(1)",
            "ftp://a.example/",
            "https://a.example/\"onclick=\"x",
            "https://a.example/a)b",
            "https://a.example/a b",
            "https:///etc/passwd",
            &long,
        ] {
            assert_eq!(Url::new(bad), Err(NotAUrl), "{bad}");
        }
    }
}
