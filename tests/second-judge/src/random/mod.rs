//! Random scenarios that are valid: a state machine that writes only steps that can work where they stand, by
//! the rules in docs/scenarios.md. Each file has one cell, of which nothing is expected.

mod faults;
mod lab;

use crate::chance::Chance;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The scenario of this number among those of a seed: its name and its text.
#[must_use]
pub fn scenario(seed: u64, number: u64) -> (String, String) {
    let mut mixed = Chance::of(seed);
    let chance = Chance::of(mixed.number() ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93));
    let name = format!("random-{seed}-{number}");
    let mut writer = Writer::new(chance);
    writer.control_runs = (number % 9 == 4).then_some(true);
    if number % 36 == 4 {
        writer.plane = "ldirectord";
    }
    if number % 18 == 13 {
        writer.second = Some(true);
        writer.client_at = "";
    }
    if number % 27 == 11 {
        writer.vip.insert("director");
        writer.client_at = "";
    }
    let text = writer.file(&name);
    let text = if (number / 18).is_multiple_of(2) {
        named(&text)
    } else {
        text
    };
    (name, text)
}

/// The same, with names of the author's for two directors, if it has two.
fn named(text: &str) -> String {
    if !text.contains("directors: 2") {
        return text.to_owned();
    }
    let text = text.replace("directors: 2", "directors: { lb1: {}, lb2: {} }");
    let of_word = |next: char| next.is_ascii_alphanumeric() || next == '-';
    let mut out = String::new();
    for piece in text.split_inclusive(|next| !of_word(next)) {
        let word = piece.trim_end_matches(|next| !of_word(next));
        let own = match word {
            "director" => "lb1",
            "director2" => "lb2",
            other => other,
        };
        out.push_str(own);
        out.push_str(piece.get(word.len()..).unwrap_or_default());
    }
    out
}

/// A real server as the steps so far left it.
#[derive(Clone)]
struct Server {
    name: &'static str,
    weight: u32,
    running: bool,
    frozen: bool,
    on: bool,
}

/// What a connection of the client is doing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// It is open, and at rest.
    Open,
    /// It is being opened.
    Opening,
    /// A statement is running on it.
    Asking,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Program {
    Driver,
    Interactive,
    Batch,
    /// [`DRIVER`], with PyMySQL.
    Own,
}

#[derive(Clone)]
struct Table {
    service: bool,
    servers: BTreeSet<&'static str>,
    others: BTreeSet<u32>,
}

struct Writer {
    chance: Chance,
    servers: Vec<Server>,
    table: Table,
    saved: Option<Table>,
    cut: BTreeSet<&'static str>,
    filtered: BTreeSet<&'static str>,
    stateful: BTreeSet<(&'static str, &'static str)>,
    /// Real servers whose firewall answers SYNs.
    proxied: BTreeSet<&'static str>,
    program: Program,
    scheduler: &'static str,
    connections: BTreeMap<&'static str, Doing>,
    /// Connections that a connect which may have failed left behind: nothing can be asked on them.
    doubtful: BTreeSet<&'static str>,
    /// Where the client is; empty if it is on the director's link.
    client_at: &'static str,
    /// Does the control plane run on the director? `None` in a lab without one.
    control_runs: Option<bool>,
    /// Which control plane a lab with one has.
    plane: &'static str,
    /// Does keepalived run on a second director? `None` in a lab without one.
    second: Option<bool>,
    /// Sync daemons that steps have started: the director, and which daemon it is.
    daemons: BTreeSet<(&'static str, &'static str)>,
    /// Does keepalived start the sync daemons by itself?
    synced: bool,
    /// Who of two directors without keepalived has the VIP; nobody in other labs.
    vip: BTreeSet<&'static str>,
    innodb: bool,
    small_buffers: bool,
    one_port: bool,
    /// Is the connect of `act` the client's first?
    first_in_act: bool,
    /// What the steps since `act` began take by themselves, in milliseconds.
    spent: u64,
}

/// The shipped example of a program of one's own; it lies beside the scenarios.
pub const DRIVER: &str = "driver.py";

const NAMES: &[&str] = &["rs1", "rs2", "rs3"];
const SCHEDULERS: &[&str] = &[
    "rr", "rr", "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh",
];
/// These choose by a hash: a server of weight 0 that the hash names is not replaced (ip_vs_sh.c, ip_vs_dh.c).
const BY_HASH: &[&str] = &["dh", "sh", "mh"];

impl Writer {
    fn new(mut chance: Chance) -> Self {
        let scheduler = chance.word(SCHEDULERS);
        let count = 1 + chance.below(3);
        let weights = [1, 1, 1, 1, 2, 5, 0];
        let mut servers: Vec<Server> = NAMES
            .iter()
            .take(count)
            .map(|name| Server {
                name,
                weight: chance.one(&weights).copied().unwrap_or(1),
                running: true,
                frozen: false,
                on: true,
            })
            .collect();
        let hash = BY_HASH.contains(&scheduler);
        for (index, server) in servers.iter_mut().enumerate() {
            // The client must be able to connect before anything is changed.
            if index == 0 || hash {
                server.weight = server.weight.max(1);
            }
        }
        let program = match chance.below(20) {
            0 | 1 => Program::Interactive,
            2 => Program::Batch,
            3 => Program::Own,
            _ => Program::Driver,
        };
        Self {
            table: Table {
                service: true,
                servers: servers.iter().map(|server| server.name).collect(),
                others: BTreeSet::new(),
            },
            client_at: chance.word(&["", "", "", "", "", "", "", "behind-router", "behind-source-nat"]),
            control_runs: None,
            plane: "keepalived",
            second: None,
            daemons: BTreeSet::new(),
            synced: false,
            vip: BTreeSet::new(),
            innodb: program == Program::Driver && chance.percent(6),
            small_buffers: program == Program::Driver && chance.percent(12),
            one_port: program == Program::Driver && chance.percent(6),
            servers,
            saved: None,
            cut: BTreeSet::new(),
            filtered: BTreeSet::new(),
            stateful: BTreeSet::new(),
            proxied: BTreeSet::new(),
            program,
            scheduler,
            connections: BTreeMap::new(),
            doubtful: BTreeSet::new(),
            first_in_act: chance.percent(12),
            spent: 0,
            chance,
        }
    }

    fn file(mut self, name: &str) -> String {
        let lab = self.lab();
        let before = self.before();
        let change = self.change();
        let act = self.act();
        let patience = self.chance.word(&["1s", "3s", "5s", "5s", "10s"]);
        let until = match self.spent / 60_000 {
            // VRRP speaks each second.
            0..=2 if self.second.is_some() => "5m",
            3..=15 if self.second.is_some() => "30m",
            0..=2 => self.chance.word(&["5m", "20m", "40m", "3h"]),
            3..=15 => self.chance.word(&["30m", "2h"]),
            _ => "20h",
        };
        let mut text = format!("name: {name}\nclaim: Whatever happens here is judged twice.\n{lab}");
        for (phase, steps) in [("before", before), ("change", change), ("act", act)] {
            if steps.is_empty() {
                continue;
            }
            let _ = writeln!(text, "{phase}:");
            for step in steps {
                let _ = writeln!(text, "  - {{ {step} }}");
            }
        }
        let _ = write!(
            text,
            "observe: {{ patience: {patience}, until: {until} }}\nexpect:\n  - observe-only: true\n"
        );
        text
    }

    /// Nothing here may keep the client from its connections: an error would be the end of the cell.
    fn before(&mut self) -> Vec<String> {
        let mut steps = Vec::new();
        for _ in 0..self.chance.below(3) {
            let step = match self.chance.below(6) {
                // keepalived edits the table.
                1 | 3 | 5 if self.control_runs.is_some() => None,
                // Longer than any wait that a query of `before` comes after.
                0 => self.timeouts(&["900s", "3000s"]),
                1 => self.save(),
                2 => self.small_delay(),
                3 => self.other_service(),
                4 => self.sysctl(),
                _ => self.heavier(),
            };
            steps.extend(step);
        }
        if self.first_in_act {
            return steps;
        }
        let names: &[&'static str] = match (self.program, self.one_port) {
            (Program::Driver, false) => &["", "one", "two", "three"],
            _ => &[""],
        };
        let count = if self.chance.percent(70) {
            1
        } else {
            1 + self.chance.below(names.len())
        };
        for name in names.iter().take(count) {
            if self.one_port && self.chance.percent(40) {
                steps.push(self.opens("connect", name, false));
                steps.push(self.close(name));
                steps.push(format!(
                    "wait: {}",
                    self.chance.word(&["100ms", "5s", "65s", "90s"])
                ));
                if self.chance.percent(50) {
                    return steps;
                }
                // A port in TIME-WAIT cannot be used.
                steps.push("wait: 70s".to_owned());
            }
            steps.push(self.opens("connect", name, false));
            steps.push(self.gap());
            if self.chance.percent(30) {
                steps.push(self.ask("query", name, false));
                steps.push(self.gap());
            }
        }
        if self.innodb && self.chance.percent(50) {
            let sql = "update shop.stock set pieces = pieces - 1 where item = 1";
            for sql in ["begin", sql] {
                steps.push(format!("query: {{ sql: {sql} }}"));
            }
        }
        let mut forgotten = false;
        if self.chance.percent(15) {
            let time = self.chance.word(&["20s", "70s", "600s", "890s", "1000s"]);
            // IPVS forgets a connection that is idle for 900 s: nothing can be asked on it before the change.
            forgotten = time == "1000s";
            steps.push(format!("wait: {time}"));
        }
        for name in names.iter().take(count) {
            if !forgotten && self.chance.percent(45) {
                steps.push(self.ask("start-query", name, false));
            }
        }
        if self.program == Program::Driver && !self.one_port && self.chance.percent(10) {
            steps.push(self.opens("start-connect", "late", false));
        }
        if self.chance.percent(50) {
            steps.push(self.gap());
        }
        steps
    }

    fn change(&mut self) -> Vec<String> {
        let mut steps = Vec::new();
        for _ in 0..1 + self.chance.below(4) {
            if self.chance.percent(8)
                && let Some(name) = self.at_rest()
                && self.program == Program::Driver
            {
                steps.push(self.close(name));
                continue;
            }
            steps.extend(self.fault());
            steps.extend(self.given_up());
            if self.chance.percent(50) {
                steps.push(self.gap());
            }
        }
        if self.chance.percent(15) {
            steps.push(format!(
                "wait: {}",
                self.chance.word(&["10s", "65s", "130s", "905s"])
            ));
        }
        steps
    }

    /// A connect that nobody answers, and that the client gives up.
    fn given_up(&mut self) -> Vec<String> {
        let silent = self.servers.iter().all(|server| server.frozen || !server.on);
        let several = self.program == Program::Driver && !self.one_port;
        let chosen = self.table.service && !self.table.servers.is_empty();
        if !(silent && several && chosen && self.chance.percent(50)) {
            return Vec::new();
        }
        let steps = vec![
            self.opens("start-connect", "given-up", false),
            self.gap(),
            "abort-connect: { on: given-up }".to_owned(),
        ];
        self.connections.remove("given-up");
        steps
    }

    fn act(&mut self) -> Vec<String> {
        let mut steps = Vec::new();
        for _ in 0..1 + self.chance.below(3) {
            if self.chance.percent(30) {
                steps.extend(self.fault());
                let gap = self.gap();
                steps.push(gap);
            }
            let step = self.client_step();
            steps.extend(step);
        }
        // All that was begun is awaited.
        let running: Vec<(&'static str, Doing)> = self
            .connections
            .iter()
            .filter(|(_, doing)| **doing != Doing::Open)
            .map(|(name, doing)| (*name, *doing))
            .collect();
        for (name, doing) in running {
            if self.chance.percent(20) {
                steps.extend(self.fault());
            }
            steps.push(self.awaits(name, doing));
        }
        let classified = ["connect", "query", "await"];
        if !steps
            .iter()
            .any(|step| classified.iter().any(|word| step.starts_with(word)))
        {
            let name = self.at_rest();
            steps.push(match name {
                Some(name) => self.ask("query", name, false),
                None => self.opens("connect", "", false),
            });
        }
        steps
    }

    /// Something that the client does after the change.
    fn client_step(&mut self) -> Vec<String> {
        let running = self.connections.iter().find(|(_, doing)| **doing != Doing::Open);
        let running = running.map(|(name, doing)| (*name, *doing));
        let driver = self.program == Program::Driver;
        // As in scripts, the first error of the batch mode is its end.
        let may_fail = self.chance.percent(40) && self.program != Program::Batch;
        if let Some((name, doing)) = running.filter(|_| self.chance.percent(50) || !driver) {
            return vec![self.awaits(name, doing)];
        }
        match (self.at_rest(), self.chance.below(10)) {
            (Some(name), 0..=4) => vec![self.ask("query", name, may_fail)],
            (Some(name), 5) => vec![self.ask("start-query", name, may_fail)],
            (Some(name), 6) if driver && !self.one_port => {
                vec![self.close(name), self.opens("connect", name, false)]
            }
            (None, _) if !self.connections.is_empty() && (self.one_port || !driver) => Vec::new(),
            (_, 7) if driver && !self.one_port => match self.connections.contains_key("new") {
                true => Vec::new(),
                false => vec![self.opens("start-connect", "new", false)],
            },
            (None | Some(_), _) if driver && !self.one_port => {
                let name = self.chance.word(&["", "again"]);
                if self
                    .connections
                    .get(name)
                    .is_some_and(|doing| *doing != Doing::Open)
                {
                    return Vec::new();
                }
                vec![self.opens("connect", name, may_fail)]
            }
            (None, _) => vec![self.opens("connect", "", false)],
            (Some(name), _) => vec![self.ask("query", name, may_fail)],
        }
    }

    /// A connection that is open and does nothing.
    fn at_rest(&mut self) -> Option<&'static str> {
        let open: Vec<&'static str> = self
            .connections
            .iter()
            .filter(|(name, doing)| **doing == Doing::Open && !self.doubtful.contains(*name))
            .map(|(name, _)| *name)
            .collect();
        self.chance.one(&open).copied()
    }

    fn gap(&mut self) -> String {
        let gaps = [50, 100, 250, 1000, 1000, 1000, 3000, 20_000];
        let gap = self.chance.one(&gaps).copied().unwrap_or(50);
        self.spent += gap;
        format!("wait: {gap}ms")
    }

    fn opens(&mut self, action: &str, name: &'static str, may_fail: bool) -> String {
        let doing = if action == "connect" {
            Doing::Open
        } else {
            Doing::Opening
        };
        self.connections.insert(name, doing);
        if may_fail {
            self.doubtful.insert(name);
        } else {
            self.doubtful.remove(name);
        }
        let named = (!name.is_empty()).then(|| format!("as: {name}"));
        let fields: Vec<String> = named.into_iter().chain(may_fail_field(may_fail)).collect();
        format!("{action}: {}", map(&fields))
    }

    fn ask(&mut self, action: &str, name: &'static str, may_fail: bool) -> String {
        let driver = self.program == Program::Driver;
        let (sql, takes) = match self.chance.below(12) {
            0 | 1 => ("select @@server_id", 0),
            2 => ("select version(), connection_id()", 0),
            3 => ("do sleep(1)", 1),
            4 => ("select sleep(2)", 2),
            5 => ("select sleep(20)", 20),
            6 if action == "start-query" => ("select sleep(100)", 100),
            7 if driver => ("set @a = 1", 0),
            8 => (
                "select collation_name, id from information_schema.collations limit 60",
                0,
            ),
            9 if self.innodb => ("select pieces from shop.stock where item = 1", 0),
            10 if self.innodb => ("update shop.stock set pieces = pieces - 1 where item = 1", 0),
            _ => ("select 1", 0),
        };
        let mut fields = vec![format!("sql: \"{sql}\"")];
        if driver && self.chance.percent(10) {
            let size = self.chance.word(&["1KiB", "32KiB", "256KiB", "2MiB"]);
            fields = vec![format!("sql: \"select length('{{payload}}')\", payload: {size}")];
        } else if driver
            && action == "start-query"
            && self.chance.percent(if self.small_buffers { 60 } else { 8 })
        {
            let rows = "select repeat('x', 1000) from information_schema.collations limit 100";
            fields = vec![format!("sql: \"{rows}\", pause-after: 10")];
        } else if takes > 0 {
            fields.push(format!("takes: {takes}s"));
            self.spent += takes * 1000;
        }
        if !name.is_empty() {
            fields.push(format!("on: {name}"));
        }
        fields.extend(may_fail_field(may_fail));
        let doing = if action == "query" {
            Doing::Open
        } else {
            Doing::Asking
        };
        self.connections.insert(name, doing);
        format!("{action}: {}", map(&fields))
    }

    fn awaits(&mut self, name: &'static str, doing: Doing) -> String {
        self.connections.insert(name, Doing::Open);
        let action = if doing == Doing::Opening {
            "await-connect"
        } else {
            "await-result"
        };
        let fields: Vec<String> = (!name.is_empty())
            .then(|| format!("on: {name}"))
            .into_iter()
            .collect();
        format!("{action}: {}", map(&fields))
    }

    fn close(&mut self, name: &'static str) -> String {
        self.connections.remove(name);
        let named = (!name.is_empty()).then(|| format!("on: {name}"));
        let how = self.chance.percent(50).then(|| "how: reset".to_owned());
        let fields: Vec<String> = named.into_iter().chain(how).collect();
        format!("disconnect: {}", map(&fields))
    }
}

fn may_fail_field(may_fail: bool) -> Option<String> {
    may_fail.then(|| "may-fail: true".to_owned())
}

fn map(fields: &[String]) -> String {
    if fields.is_empty() {
        return "{}".to_owned();
    }
    format!("{{ {} }}", fields.join(", "))
}

#[cfg(test)]
mod tests {
    use super::scenario;
    use std::collections::BTreeSet;

    #[test]
    fn the_same_seed_gives_the_same_scenario() {
        assert_eq!(scenario(7, 3), scenario(7, 3));
        assert_ne!(scenario(7, 3).1, scenario(7, 4).1.replace("-4", "-3"));
    }

    /// Every action of the reference is used sooner or later.
    #[test]
    fn all_actions_come_up() {
        let page = include_str!("../../../../docs/scenarios.md");
        let table = page
            .split("### Step")
            .nth(1)
            .and_then(|rest| rest.split("### ").next());
        let rows = table
            .unwrap_or_default()
            .lines()
            .filter_map(|line| line.strip_prefix("| `"));
        let known: BTreeSet<&str> = rows.filter_map(|row| row.split('`').next()).collect();
        assert!(known.len() > 25, "{known:?}");
        let texts: Vec<String> = (0..2000).map(|number| scenario(1, number).1).collect();
        // The servers are mysqlds: nothing is asked of echo servers, and steps about servers of any kind do
        // what those about mysqlds do.
        let of_others = |action: &&&str| {
            let of_any = action.ends_with("-server") && !action.contains("real");
            of_any || action.ends_with("request") || **action == "connect-each"
        };
        let missing: Vec<&&str> = known
            .iter()
            .filter(|action| !of_others(action))
            .filter(|action| {
                !texts
                    .iter()
                    .any(|text| text.contains(&format!("  - {{ {action}: ")))
            })
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
