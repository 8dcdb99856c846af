//! An address and a port as an operator's files have them: by number or by name.

use std::fmt;
use std::net::IpAddr;

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The address, or the host's name.
    pub host: String,
    /// The port; 0 where it is that of the client's packet (a service of a firewall mark).
    pub port: u16,
}

/// Names of ports that `ipvsadm -S` prints without `-n` (services(5)).
const NAMES: [(&str, u16); 22] = [
    ("mysql", 3306),
    ("mysqlx", 33060),
    ("http", 80),
    ("www", 80),
    ("https", 443),
    ("http-alt", 8080),
    ("webcache", 8080),
    ("postgresql", 5432),
    ("redis", 6379),
    ("domain", 53),
    ("smtp", 25),
    ("submission", 587),
    ("imap2", 143),
    ("imaps", 993),
    ("pop3", 110),
    ("pop3s", 995),
    ("ldap", 389),
    ("ldaps", 636),
    ("ssh", 22),
    ("ftp", 21),
    ("ntp", 123),
    ("syslog", 514),
];

impl Endpoint {
    /// `192.0.2.1:3306`, `[2001:db8::1]:3306`, `vip.example:mysql`; without a port it is 0.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest
                    .split_once(']')
                    .ok_or_else(|| format!("`{text}` has no `]`"))?;
                (host, rest.strip_prefix(':').unwrap_or(rest))
            }
            None if text.matches(':').count() > 1 => (text, ""),
            None => text.split_once(':').unwrap_or((text, "")),
        };
        Self::of(host, port)
    }

    /// Of two words, as keepalived.conf has them.
    pub(crate) fn of(host: &str, port: &str) -> Result<Self, String> {
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = inner.unwrap_or(host);
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '_');
        if host.is_empty() || host.len() > 253 || !host.chars().all(good) {
            return Err(format!("`{host}` is no address"));
        }
        let port = match port {
            "" => 0,
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => number
                .parse()
                .map_err(|_| format!("`{number}` is no port: the largest is 65535"))?,
            name => NAMES
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, port)| *port)
                .ok_or_else(|| {
                    format!("the port `{name}` is not known by its name; print it by number (`-n`)")
                })?,
        };
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }

    /// The address, if it is one and no name.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Is its host the same?
    pub(crate) fn same_host(&self, other: &Self) -> bool {
        if self.host.eq_ignore_ascii_case(&other.host) {
            return true;
        }
        // Only addresses of IPv6 may be written in several ways.
        let ipv6 = |endpoint: &Self| endpoint.host.contains(':').then(|| endpoint.address()).flatten();
        ipv6(self).is_some_and(|own| ipv6(other) == Some(own))
    }

    /// Is it the same, however it is written?
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.port == other.port && self.same_host(other)
    }
}

impl fmt::Display for Endpoint {
    /// As ipvsadm(8) takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}
