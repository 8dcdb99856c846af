//! The author's own keepalived.conf(5): its text, the lab's words that are put into it, and its statements.
//!
//! A word of the file stands for something of the lab in two ways: `{vip}`, `{rs1}` and the like do so by
//! themselves, and an address or an interface of the author's own network does if `names` says what it is in
//! the lab. What `Config::find` finds is said with the line of the file.

use super::text::{Fault, Reader, Statement, conditional, split_comment};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

/// What the author's network calls something, and what the lab calls it.
pub type Names = BTreeMap<String, String>;

/// The word of the lab for the virtual service's address.
pub const VIP: &str = "vip";
/// The word of the lab for the gateway of masqueraded real servers, which moves as the VIP does.
pub const GATEWAY: &str = "gateway";
/// The word of the lab for the program that asks a real server (`MISC_CHECK`).
pub const CHECK: &str = "check";

/// The last line of a text that was a file's: it says which file. It comes last, so that the lines before
/// it have the numbers that they have in the file.
const MARK: &str = "# the end of the file ";

/// The text of a keepalived.conf(5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Config(String);

impl Config {
    /// A configuration that a scenario has in it.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text of a file of this name.
    #[must_use]
    pub fn of_file(name: &str, text: &str) -> Self {
        Self(format!("{}\n{MARK}{name}", text.trim_end()))
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The file that it was read from; `None` if the scenario has it in it.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.0.lines().last()?.strip_prefix(MARK)
    }

    /// What it is called, in Chinese. In English its `Display` says it.
    #[must_use]
    pub fn in_chinese(&self) -> &str {
        self.file().unwrap_or("场景中给出的配置")
    }

    /// Its statements, as the keepalived with this config-id reads them.
    #[must_use]
    pub fn statements(&self, names: &Names, id: &str) -> Parsed {
        let mut reader = Reader::new(true);
        for (line, text) in (1..).zip(self.0.lines()) {
            let text = match conditional(text) {
                None => text,
                Some(only) if (only.id == id) != only.but_for => only.rest,
                Some(_) => continue,
            };
            for code in reader.expanded(text, &line) {
                reader.read(&code, &line);
            }
        }
        let (statements, faults) = reader.end();
        let faults = faults.into_iter();
        Parsed {
            statements: statements
                .into_iter()
                .map(|statement| in_lab_words(statement, names))
                .collect(),
            wrong: faults
                .filter_map(|(line, _, fault)| Some((line, wrong(fault)?)))
                .collect(),
        }
    }

    /// Its text with what `value` gives for each word of the lab.
    #[must_use]
    pub fn placed(&self, names: &Names, value: impl Fn(&str) -> Option<String>) -> String {
        let mut out = String::new();
        for line in self.0.lines() {
            let (code, comment) = split_comment(line);
            let mut word = String::new();
            for c in code.chars() {
                if is_separator(c) || c == '=' {
                    out.push_str(&put(&word, names, &value));
                    word.clear();
                    out.push(c);
                } else {
                    word.push(c);
                }
            }
            out.push_str(&put(&word, names, &value));
            out.push_str(comment);
            out.push('\n');
        }
        out
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.file() {
            Some(file) => f.write_str(file),
            None => f.write_str("a configuration of the scenario's"),
        }
    }
}

/// The statements of a configuration, and what its braces have wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// Its statements in their order.
    pub statements: Vec<Statement>,
    /// What is no keepalived.conf: the line, and what is wrong there.
    pub wrong: Vec<(usize, &'static str)>,
}

/// What a fault of the form is called; nothing if keepalived takes it.
fn wrong(fault: Fault) -> Option<&'static str> {
    match fault {
        Fault::NotClosed => Some("a `{` that is never closed"),
        Fault::ClosesNothing => Some("a `}` that closes nothing"),
        Fault::OfNothing => Some("a block of nothing"),
        Fault::SecondBlock => None,
        Fault::TooDeep => Some("blocks that are in each other too deeply"),
        Fault::TooLong => Some("definitions that make too long a line"),
        Fault::ManyDefinitions => Some("more definitions than a configuration has"),
        // The lab's words are put into the text line by line.
        Fault::SeveralLines => Some("a definition of several lines"),
        Fault::TooMuch => Some("more words than a configuration has"),
    }
}

/// A statement with the lab's words in place of the author's.
fn in_lab_words(statement: Statement, names: &Names) -> Statement {
    let words = statement.words.iter().map(|word| lab_word(word, names)).collect();
    let block = statement.block.map(|block| {
        let inner = block.into_iter().map(|one| in_lab_words(one, names));
        inner.collect()
    });
    Statement {
        words,
        block,
        ..statement
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || c == '"'
}

/// The address of a word, with what stands before it and after it: the length of a prefix, a port
/// (`10.0.0.1:80`, `[2001:db8::1]:80`), or nothing.
fn address_in(word: &str) -> Option<(&str, IpAddr, &str)> {
    if let Some(inner) = word.strip_prefix('[') {
        let (address, after) = word.split_at(inner.find(']')? + 1);
        let address = address.strip_prefix('[')?.parse().ok()?;
        return Some(("[", address, after));
    }
    let ends = [Some(word.len()), word.find('/'), word.find(':')];
    ends.into_iter().flatten().find_map(|end| {
        let (address, after) = word.split_at(end);
        Some(("", address.parse().ok()?, after))
    })
}

/// The lab's word for this part of a word, in braces, with what stands around an address. An address is the
/// same however it is written: `2001:DB8::1` is `2001:db8::1`.
fn named(part: &str, names: &Names) -> Option<String> {
    if let Some(name) = names.get(part) {
        return Some(format!("{{{name}}}"));
    }
    let (before, address, after) = address_in(part)?;
    let is_it = |theirs: &str| theirs.parse().is_ok_and(|other: IpAddr| other == address);
    let (_, name) = names.iter().find(|(theirs, _)| is_it(theirs))?;
    Some(format!("{before}{{{name}}}{after}"))
}

/// A word with the lab's in braces in its place.
fn lab_word(word: &str, names: &Names) -> String {
    let part = |part: &str| named(part, names).unwrap_or_else(|| part.to_owned());
    word.split('=').map(part).collect::<Vec<_>>().join("=")
}

/// A word with the values of the lab's words that are in it.
fn put(word: &str, names: &Names, value: &impl Fn(&str) -> Option<String>) -> String {
    let word = lab_word(word, names);
    let mut out = String::new();
    let mut rest = word.as_str();
    while let Some((before, after)) = rest.split_once('{')
        && let Some((name, left)) = after.split_once('}')
    {
        out.push_str(before);
        match value(name) {
            Some(value) => out.push_str(&value),
            None => out.push_str(&format!("{{{name}}}")),
        }
        rest = left;
    }
    out.push_str(rest);
    out
}

/// The lab's words in a word: what stands in braces.
pub(crate) fn lab_words(word: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = word;
    while let Some((_, after)) = rest.split_once('{')
        && let Some((name, left)) = after.split_once('}')
    {
        found.push(name);
        rest = left;
    }
    found
}

/// The lab's word that this is, as a whole or with the length of a prefix after it.
pub(crate) fn whole_word(word: &str) -> Option<&str> {
    let (name, rest) = word.strip_prefix('{')?.split_once('}')?;
    (rest.is_empty() || rest.starts_with('/')).then_some(name)
}

/// An address that stands for a host of the author's network, which the lab has not: not one of everybody,
/// of nobody or of a group.
pub(crate) fn foreign_address(word: &str) -> Option<IpAddr> {
    let (_, address, _) = address_in(word).or_else(|| address_in(word.split_once('-')?.0))?;
    let netmask = match address {
        IpAddr::V4(address) => address.octets()[0] == 255,
        IpAddr::V6(_) => false,
    };
    let of_all = address.is_loopback() || address.is_unspecified() || address.is_multicast();
    (!of_all && !netmask).then_some(address)
}

/// Is it one of keepalived's ranges of such addresses (`10.0.0.1-9`, `2001:db8::1-f`)?
pub(crate) fn is_address_range(word: &str) -> bool {
    let range = word.split('/').next().unwrap_or_default();
    let parts = range.split_once('-');
    parts.is_some_and(|(first, last)| {
        let is_last = !last.is_empty() && last.chars().all(|c| c.is_ascii_hexdigit());
        is_last && foreign_address(first).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "! of lb1 and lb2
$RS2=10.0.0.12
global_defs { # what is for all
    router_id LVS
}
@lb1 static_ipaddress { 10.0.0.5/32 dev bond0 }
virtual_server 10.0.0.5 3306
{
    delay_loop 6
    real_server 10.0.0.11 3306 {
        @lb1 weight 3
        @^lb1 weight 1
        MISC_CHECK { misc_path \"{check} mysql 10.0.0.11 3306 1500\" }
    }
    real_server $RS2 3306 { weight 2 }
}";

    fn names() -> Names {
        [
            ("10.0.0.5", "vip"),
            ("10.0.0.11", "rs1"),
            ("10.0.0.12", "rs2"),
            ("bond0", "eth0"),
        ]
        .into_iter()
        .map(|(theirs, ours)| (theirs.to_owned(), ours.to_owned()))
        .collect()
    }

    #[test]
    fn a_file_is_read_as_its_director_reads_it() {
        let config = Config::of_file("keepalived.conf", FILE);
        assert_eq!(config.file(), Some("keepalived.conf"));
        let read = config.statements(&names(), "lb2");
        assert_eq!(read.wrong, []);
        let [globals, service] = read.statements.as_slice() else {
            panic!("{read:#?}")
        };
        assert_eq!((globals.line, globals.word(0)), (3, "global_defs"));
        assert_eq!(service.words, ["virtual_server", "{vip}", "3306"]);
        assert_eq!(service.line, 7);
        let servers: Vec<_> = service
            .inner()
            .iter()
            .filter(|one| one.word(0) == "real_server")
            .collect();
        assert_eq!(servers[0].words, ["real_server", "{rs1}", "3306"]);
        assert_eq!(servers[0].find(&["weight"]).unwrap().word(1), "1");
        assert_eq!(servers[1].words, ["real_server", "{rs2}", "3306"]);
        assert_eq!(servers[1].find(&["weight"]).unwrap().word(1), "2");
        let check = servers[0].find(&["MISC_CHECK"]).unwrap();
        assert_eq!(
            check.inner()[0].words,
            ["misc_path", "{check}", "mysql", "{rs1}", "3306", "1500"]
        );
        let first = config.statements(&names(), "lb1");
        assert_eq!(
            first.statements[1].inner()[0].words,
            ["{vip}/32", "dev", "{eth0}"]
        );
    }

    #[test]
    fn the_labs_addresses_come_into_the_text_and_its_lines_stay() {
        let config = Config::of_file("keepalived.conf", FILE);
        let value = |word: &str| Some(format!("<{word}>"));
        let placed = config.placed(&names(), value);
        assert_eq!(placed.lines().count(), FILE.lines().count() + 1);
        let line = |number: usize| placed.lines().nth(number - 1).unwrap();
        assert_eq!(line(2), "$RS2=<rs2>");
        assert_eq!(line(6), "@lb1 static_ipaddress { <vip>/32 dev <eth0> }");
        assert_eq!(line(7), "virtual_server <vip> 3306");
        assert!(line(13).contains("\"<check> mysql <rs1> 3306 1500\""), "{placed}");
    }

    #[test]
    fn an_address_is_the_same_however_it_is_written() {
        let names: Names = [("10.0.0.11", "rs1"), ("2001:DB8::5", "vip"), ("bond0", "eth0")]
            .into_iter()
            .map(|(theirs, ours)| (theirs.to_owned(), ours.to_owned()))
            .collect();
        for (word, ours) in [
            ("10.0.0.11", "{rs1}"),
            ("10.0.0.11/24", "{rs1}/24"),
            ("10.0.0.11:3306", "{rs1}:3306"),
            ("host=10.0.0.11:3306", "host={rs1}:3306"),
            ("2001:db8::5", "{vip}"),
            ("2001:db8:0::5/64", "{vip}/64"),
            ("[2001:db8::5]:80", "[{vip}]:80"),
            ("10.0.0.11-12", "10.0.0.11-12"),
            ("10.0.0.111", "10.0.0.111"),
            ("bond0", "{eth0}"),
            ("bond0:1", "bond0:1"),
            ("[", "["),
        ] {
            assert_eq!(lab_word(word, &names), ours);
        }
        let foreign = |word: &str| foreign_address(word).map(|address| address.to_string());
        assert_eq!(foreign("10.0.0.9:80").as_deref(), Some("10.0.0.9"));
        assert_eq!(foreign("[2001:db8::9]:80").as_deref(), Some("2001:db8::9"));
        assert_eq!(foreign("127.0.0.1:80"), None);
        assert!(is_address_range("10.0.0.11-12/24") && is_address_range("2001:db8::1-f"));
        assert!(!is_address_range("10.0.0.11") && !is_address_range("rs-1"));
    }

    #[test]
    fn braces_that_do_not_fit_are_found() {
        let wrong = |text: &str| Config::new(text).statements(&Names::new(), "x").wrong;
        assert_eq!(wrong("a {\nb\n"), [(1, "a `{` that is never closed")]);
        assert_eq!(wrong("a {\nb\n}\n}\n"), [(4, "a `}` that closes nothing")]);
        assert_eq!(wrong("$A=1 \\\n2\n"), [(1, "a definition of several lines")]);
        assert_eq!(wrong("a { b }\nc { }\n{\n}\n"), []);
        assert_eq!(
            wrong("a {\nquorum_up \"echo }\"\nquorum_down \"echo {\"\n}\n"),
            []
        );
        // Each definition is twice as long as the one before.
        let mut doubled = "$A0=0123456789\n".to_owned();
        (1..60).for_each(|n| doubled += &format!("$A{n}=${{A{}}}${{A{}}}\n", n - 1, n - 1));
        let found = wrong(&doubled);
        assert_eq!(found[0], (12, "definitions that make too long a line"));
        let many: String = (0..500).map(|n| format!("$A{n}=1\n")).collect();
        assert_eq!(
            wrong(&many)[0],
            (201, "more definitions than a configuration has")
        );
    }
}
