//! Scalars that are numbers.

use super::super::mistake::{MistakeKind, listed, quoted};
use super::super::read::{Refusal, Scalar};
use crate::action::Percent;
use crate::base::{MAX_CLIENTS, MYSQL_PORT};
use crate::keepalived::MAX_RETRIES;
use crate::probe::MOST_ATTEMPTS;
use crate::scenario::Range;
use crate::scenario::explore::MAX_LENGTH;
use schemars::{Schema, json_schema};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A weight in the director's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct Weight(pub(in crate::scenario) u16);

impl Scalar for Weight {
    fn accepts() -> String {
        format!("a whole number from 0 to {}", u16::MAX)
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        whole(text)
            .map(Self)
            .ok_or_else(|| not_a_number("a weight", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": 65535 })
    }
}

/// A number of connections at which a real server has its fill. 0 is that of one that never has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct Threshold(pub(in crate::scenario) u16);

impl Scalar for Threshold {
    fn accepts() -> String {
        format!("a whole number from 1 to {}", u16::MAX)
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        whole(text)
            .filter(|connections| *connections > 0)
            .map(Self)
            .ok_or_else(|| not_a_number("a threshold", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": 65535 })
    }
}

/// A number of client addresses: without it there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct Clients(pub(in crate::scenario) u8);

impl Scalar for Clients {
    fn accepts() -> String {
        format!("a whole number from 2 to {MAX_CLIENTS}")
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        whole(text)
            .filter(|clients| (2..=MAX_CLIENTS).contains(clients))
            .map(Self)
            .ok_or_else(|| not_a_number("a number of clients", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 2, "maximum": MAX_CLIENTS })
    }
}

/// One of the client's addresses: 1 is that of a lab without `clients`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct ClientNumber(pub(in crate::scenario) u8);

impl Scalar for ClientNumber {
    fn accepts() -> String {
        format!("a whole number from 1 to {MAX_CLIENTS}")
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        whole(text)
            .filter(|number| (1..=MAX_CLIENTS).contains(number))
            .map(Self)
            .ok_or_else(|| not_a_number("the number of a client", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": MAX_CLIENTS })
    }
}

/// How many clients: a number, or the least and the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct Count(pub(in crate::scenario) Range);

impl Scalar for Count {
    fn accepts() -> String {
        format!("a whole number up to {MAX_CLIENTS} such as `12`, or two such as `8-14`")
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        let (least, most) = text.split_once('-').unwrap_or((text, text));
        let range = whole(least).zip(whole(most));
        range
            .filter(|(least, most)| least <= most && *most <= MAX_CLIENTS)
            .map(|(least, most)| Self(Range { least, most }))
            .ok_or_else(|| not_a_number("a number of clients", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": ["integer", "string"], "pattern": "^[0-9]+(-[0-9]+)?$" })
    }
}

/// How often a check that failed is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct Retries(pub(in crate::scenario) u8);

impl Scalar for Retries {
    fn accepts() -> String {
        format!("a whole number from 0 to {MAX_RETRIES}")
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        whole(text)
            .filter(|times| *times <= MAX_RETRIES)
            .map(Self)
            .ok_or_else(|| not_a_number("a number of times", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": MAX_RETRIES })
    }
}

/// How many checks in a row fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct Failures(pub(in crate::scenario) u8);

impl Scalar for Failures {
    fn accepts() -> String {
        format!("a whole number from 1 to {MAX_RETRIES}")
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        whole(text)
            .filter(|times| (1..=MAX_RETRIES).contains(times))
            .map(Self)
            .ok_or_else(|| not_a_number("a number of failures", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": MAX_RETRIES })
    }
}

/// A version of VRRP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct VrrpVersion(pub(in crate::scenario) u8);

impl Scalar for VrrpVersion {
    fn accepts() -> String {
        "2 or 3".to_owned()
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        whole(text)
            .filter(|version| (2..=3).contains(version))
            .map(Self)
            .ok_or_else(|| not_a_number("a version of VRRP", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 2, "maximum": 3 })
    }
}

/// A number of directors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct Directors(pub(in crate::scenario) u8);

impl Scalar for Directors {
    fn accepts() -> String {
        "1 or 2, or a map from names: `{ lb1: {}, lb2: {} }`".to_owned()
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        whole(text)
            .filter(|directors| (1..=2).contains(directors))
            .map(Self)
            .ok_or_else(|| not_a_number("a number of directors", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": 2 })
    }
}

/// How many attempts of a probe get no answer at the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct Attempts(pub(in crate::scenario) u32);

impl Scalar for Attempts {
    fn accepts() -> String {
        format!("a whole number from 0 to {MOST_ATTEMPTS}")
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        whole(text)
            .filter(|attempts| u64::from(*attempts) <= MOST_ATTEMPTS)
            .map(Self)
            .ok_or_else(|| not_a_number("a number of attempts", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": MOST_ATTEMPTS })
    }
}

/// The most steps of a sequence that is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct Length(pub(in crate::scenario) u8);

impl Scalar for Length {
    fn accepts() -> String {
        format!("a whole number from 1 to {MAX_LENGTH}")
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        whole(text)
            .filter(|length| (1..=MAX_LENGTH).contains(length))
            .map(Self)
            .ok_or_else(|| not_a_number("a number of steps", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": MAX_LENGTH })
    }
}

/// A firewall mark. 0 is that of what has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct Mark(pub(in crate::scenario) u32);

impl Scalar for Mark {
    fn accepts() -> String {
        format!("a whole number from 1 to {}", u32::MAX)
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        whole(text)
            .filter(|mark| *mark > 0)
            .map(Self)
            .ok_or_else(|| not_a_number("a firewall mark", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": u32::MAX })
    }
}

/// The length of a prefix of addresses, at most that of an address of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct PrefixLength(pub(in crate::scenario) u8);

const LONGEST_PREFIX: u8 = 128;

impl Scalar for PrefixLength {
    fn accepts() -> String {
        format!("a whole number from 1 to {LONGEST_PREFIX}")
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        whole::<u8>(text)
            .filter(|length| (1..=LONGEST_PREFIX).contains(length))
            .map(Self)
            .ok_or_else(|| not_a_number("the length of a prefix", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": LONGEST_PREFIX })
    }
}

/// How often TCP's keepalive asks: `MAX_TCP_KEEPCNT` is 127 (include/net/tcp.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct Probes(pub(in crate::scenario) u8);

const MOST_PROBES: u8 = 127;

impl Scalar for Probes {
    fn accepts() -> String {
        format!("a whole number from 1 to {MOST_PROBES}")
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        whole::<u8>(text)
            .filter(|number| (1..=MOST_PROBES).contains(number))
            .map(Self)
            .ok_or_else(|| not_a_number("a number of probes", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": MOST_PROBES })
    }
}

/// An amount of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct Bytes(pub(in crate::scenario) u32);

/// Below the servers' own limit (`max_allowed_packet`: 16 MiB in MariaDB), with room for the statement around
/// it.
const MOST_MIB: u32 = 15;

impl Scalar for Bytes {
    fn accepts() -> String {
        format!("an amount such as `64KiB` or `2MiB`, at most `{MOST_MIB}MiB`")
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        [("MiB", 1 << 20), ("KiB", 1 << 10)]
            .iter()
            .find_map(|(unit, bytes)| whole::<u32>(text.strip_suffix(unit)?)?.checked_mul(*bytes))
            .filter(|bytes| (1..=MOST_MIB << 20).contains(bytes))
            .map(Self)
            .ok_or_else(|| not_a_number("an amount of data", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+(KiB|MiB)$" })
    }
}

/// A number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct Rows(pub(in crate::scenario) u32);

const MOST_ROWS: u32 = 1_000_000;

impl Scalar for Rows {
    fn accepts() -> String {
        format!("a whole number from 1 to {MOST_ROWS}")
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        whole::<u32>(text)
            .filter(|number| (1..=MOST_ROWS).contains(number))
            .map(Self)
            .ok_or_else(|| not_a_number("a number of rows", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": MOST_ROWS })
    }
}

/// An error's number: the classic client's, or the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct ErrorCode(pub(in crate::scenario) u16);

/// The classic client's codes that a lost or refused connection can have.
const ERROR_CODES: [u16; 4] = [2002, 2003, 2006, 2013];

/// The server's own numbers, of MySQL and MariaDB alike; those from 2000 on are the client's.
const SERVER_ERRORS: [RangeInclusive<u16>; 2] = [1000..=1999, 3000..=4999];

impl ErrorCode {
    /// Is it one of the server's own numbers?
    pub(in crate::scenario) fn is_of_server(self) -> bool {
        SERVER_ERRORS.iter().any(|range| range.contains(&self.0))
    }
}

impl Scalar for ErrorCode {
    fn accepts() -> String {
        let client = listed(
            ERROR_CODES
                .map(|code| code.to_string())
                .iter()
                .map(String::as_str),
        );
        format!("{client}, or an error of the server: 1000 to 1999 or 3000 to 4999")
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        whole::<u16>(text)
            .filter(|code| ERROR_CODES.contains(code) || Self(*code).is_of_server())
            .map(Self)
            .ok_or_else(|| not_a_number("an error of the client or the server", text))
    }
    fn schema() -> Schema {
        let range =
            |range: &RangeInclusive<u16>| json_schema!({ "minimum": range.start(), "maximum": range.end() });
        let [first, second] = SERVER_ERRORS.each_ref().map(range);
        json_schema!({ "type": "integer", "anyOf": [{ "enum": ERROR_CODES }, first, second] })
    }
}

/// An error number of Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct Errno(pub(in crate::scenario) u16);

/// EHWPOISON, the highest that Linux gives to programs (include/uapi/asm-generic/errno.h).
const LAST_ERRNO: u16 = 133;

impl Scalar for Errno {
    fn accepts() -> String {
        format!(
            "an errno from 1 to {LAST_ERRNO}, such as 104 (ECONNRESET), 110 (ETIMEDOUT) or 111 (ECONNREFUSED)"
        )
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        whole::<u16>(text)
            .filter(|errno| (1..=LAST_ERRNO).contains(errno))
            .map(Self)
            .ok_or_else(|| not_a_number("an errno", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": LAST_ERRNO })
    }
}

/// A port of a virtual service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct Port(pub(in crate::scenario) u16);

impl Scalar for Port {
    fn accepts() -> String {
        format!("a port from 1 to {}, but not {MYSQL_PORT}", u16::MAX)
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        match whole(text) {
            Some(MYSQL_PORT) => Err(Refusal {
                help: Some("leave the field out to speak of the cell's own service".to_owned()),
                ..not_a_number("the port of another service", text)
            }),
            Some(port) if port > 0 => Ok(Self(port)),
            Some(_) | None => Err(not_a_number("a port", text)),
        }
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": 65535, "not": { "const": MYSQL_PORT } })
    }
}

/// The port of a server, which may be started by an ordinary user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct ServerPort(pub(in crate::scenario) u16);

/// Lower ports take a capability (`ip_unprivileged_port_start` in net/ipv4/af_inet.c).
const FIRST_SERVER_PORT: u16 = 1024;

impl Scalar for ServerPort {
    fn accepts() -> String {
        format!("a port from {FIRST_SERVER_PORT} to {}", u16::MAX)
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        whole(text)
            .filter(|port| *port >= FIRST_SERVER_PORT)
            .map(Self)
            .ok_or_else(|| not_a_number("the port of a server", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": FIRST_SERVER_PORT, "maximum": 65535 })
    }
}

/// The MTU of network cards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct Mtu(pub(in crate::scenario) u16);

/// The least with which IPv6 works (RFC 8200, 5), and the most that a lab's links carry.
const MTUS: std::ops::RangeInclusive<u16> = 1280..=1500;

impl Scalar for Mtu {
    fn accepts() -> String {
        format!("an MTU from {} to {}", MTUS.start(), MTUS.end())
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        let mtu = whole(text).filter(|mtu| MTUS.contains(mtu));
        mtu.map(Self).ok_or_else(|| not_a_number("an MTU", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": MTUS.start(), "maximum": MTUS.end() })
    }
}

/// The largest segment of TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenario) struct Mss(pub(in crate::scenario) u16);

/// The size that everybody takes (RFC 9293, 3.7.1), and what fits into a packet of IPv4 of 1500 bytes.
const SIZES: std::ops::RangeInclusive<u16> = 536..=1460;

impl Scalar for Mss {
    fn accepts() -> String {
        format!("a size of segments from {} to {}", SIZES.start(), SIZES.end())
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        let size = whole(text).filter(|size| SIZES.contains(size));
        size.map(Self)
            .ok_or_else(|| not_a_number("a size of segments", text))
    }
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": SIZES.start(), "maximum": SIZES.end() })
    }
}

impl Scalar for Percent {
    fn accepts() -> String {
        "a share of packets such as `5%` or `0.5%`, from `0%` to `100%`".to_owned()
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        Self::try_from(text.to_owned()).map_err(|_| Refusal {
            help: whole::<u16>(text).map(|number| format!("did you mean `{number}%`?")),
            ..not_a_number("a share of packets", text)
        })
    }
    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]{1,3}(\\.[0-9]{1,2})?%$" })
    }
}

/// Decimal digits only: no sign, no blank, no `0x`, no `1_000`.
pub(super) fn whole<T: FromStr>(text: &str) -> Option<T> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

fn not_a_number(what: &str, text: &str) -> Refusal {
    Refusal::new(MistakeKind::BadNumber, format!("{} is not {what}", quoted(text)))
}
