//! The lab of a random scenario: its servers, the client's program and settings, and sysctls.

use super::{DRIVER, Program, Writer};
use std::fmt::Write as _;

impl Writer {
    pub(super) fn lab(&mut self) -> String {
        let mut text = format!("lab:\n  scheduler: {}\n", self.scheduler);
        if !self.client_at.is_empty() {
            let _ = writeln!(text, "  client-at: {}", self.client_at);
        }
        if self.control_runs.is_some() && self.plane == "ldirectord" {
            let check = self.chance.word(&["connect", "external", "on"]);
            let interval = self.chance.word(&["1s", "3s", "10s"]);
            let count = self.chance.word(&["1", "3"]);
            let quiescent = self.chance.word(&["", ", quiescent: no", ", quiescent: yes"]);
            let _ = writeln!(
                text,
                "  ldirectord: {{ checktype: {check}, checkinterval: {interval}, \
                 failurecount: {count}{quiescent} }}"
            );
        } else if self.control_runs.is_some() {
            // Two directors start twice as many programs, for as long as a hang is watched.
            let checks: &[&'static str] = match self.second {
                Some(_) => &["tcp", "none"],
                None => &["tcp", "query", "none"],
            };
            let check = self.chance.word(checks);
            let time = self.chance.word(&["500ms", "2s", "10s"]);
            let retry = self.chance.word(&["0", "1", "3"]);
            let inhibit = self.chance.word(&["", ", inhibit-on-failure: true"]);
            let vrrp = match self.second {
                Some(_) => self.chance.word(&[
                    "",
                    ", sync: true",
                    ", sync: true, use-vmac: true",
                    ", nopreempt: true",
                ]),
                None => "",
            };
            self.synced = vrrp.contains("sync");
            let _ = writeln!(
                text,
                "  keepalived: {{ check: {check}, delay-loop: {time}, retry: {retry}{inhibit}{vrrp} }}"
            );
        }
        if self.second.is_some() || !self.vip.is_empty() {
            text.push_str("  directors: 2\n");
        }
        text.push_str("  real-servers:\n");
        for server in &self.servers {
            let _ = writeln!(text, "    {}: {{ weight: {} }}", server.name, server.weight);
        }
        if let Some(client) = self.client() {
            let _ = writeln!(text, "  client: {{ {client} }}");
        }
        if self.innodb {
            text.push_str(concat!(
                "  mysqld:\n    innodb: true\n    sql:\n      - create database shop\n",
                "      - create table shop.stock (item int primary key, pieces int not null) engine=InnoDB\n",
                "      - insert into shop.stock values (1, 10)\n      - grant select, update on shop.* to \
                 app\n",
            ));
        }
        let director = [
            ("net.ipv4.vs.expire_nodest_conn", &["0", "1"][..]),
            ("net.ipv4.vs.conn_reuse_mode", &["0", "1", "2"]),
            ("net.ipv4.vs.expire_quiescent_template", &["0", "1"]),
            ("net.ipv4.vs.sloppy_tcp", &["0", "1"]),
            ("net.ipv4.vs.nat_icmp_send", &["0", "1"]),
        ];
        self.sysctls(&mut text, "director", &[40, 30, 10, 10, 5], &director);
        let mut client = vec![
            ("net.ipv4.tcp_retries2", &["3", "5", "8", "15"][..]),
            ("net.ipv4.tcp_syn_retries", &["1", "3", "6"]),
            ("net.ipv4.tcp_early_retrans", &["0", "3"]),
            ("net.ipv4.tcp_timestamps", &["0", "1"]),
            ("net.ipv4.tcp_sack", &["0", "1"]),
        ];
        let mut shares = vec![30, 20, 5, 10, 5];
        if self.one_port {
            client.push(("net.ipv4.ip_local_port_range", &["50000 50000"]));
            shares.push(100);
        }
        if self.small_buffers {
            client.push(("net.ipv4.tcp_rmem", &["4096 8192 8192"]));
            client.push(("net.ipv4.tcp_wmem", &["4096 16384 16384"]));
            shares.extend([100, 100]);
        }
        self.sysctls(&mut text, "client", &shares, &client);
        let mut server = vec![("net.ipv4.tcp_retries2", &["5", "8", "15"][..])];
        let mut shares = vec![10];
        if self.small_buffers {
            server.push(("net.ipv4.tcp_wmem", &["4096 16384 16384"]));
            server.push(("net.ipv4.tcp_rmem", &["4096 16384 16384"]));
            shares.extend([100, 100]);
        }
        self.sysctls(&mut text, "server", &shares, &server);
        text
    }

    fn client(&mut self) -> Option<String> {
        let keepalive = (self.chance.percent(15) && !self.first_in_act).then(|| {
            let time = self.chance.word(&["10s", "60s", "600s"]);
            let interval = self.chance.word(&["5s", "10s", "75s"]);
            let probes = self.chance.word(&["1", "3", "9"]);
            format!("keepalive: {{ time: {time}, interval: {interval}, probes: {probes} }}")
        });
        let own = match self.program {
            // Shown on a socket that is connected only: docs/client-programs.md.
            Program::Driver | Program::Own if self.first_in_act => None,
            Program::Driver => {
                let time = self
                    .chance
                    .percent(10)
                    .then(|| self.chance.word(&["5s", "30s", "20m"]));
                time.map(|time| format!("tcp-user-timeout: {time}"))
            }
            Program::Own => {
                let setting = self.chance.word(&[
                    "connect-timeout",
                    "read-timeout",
                    "write-timeout",
                    "tcp-user-timeout",
                ]);
                let time = self.chance.percent(50).then(|| self.chance.word(&["3s", "30s"]));
                time.map(|time| format!("{setting}: {time}"))
            }
            Program::Interactive | Program::Batch => {
                let time = self.chance.percent(20).then(|| self.chance.word(&["3s", "10s"]));
                time.map(|time| format!("connect-timeout: {time}"))
            }
        };
        let program = match self.program {
            Program::Driver => None,
            Program::Interactive => Some("program: interactive-cli".to_owned()),
            Program::Batch => Some("program: batch-cli".to_owned()),
            Program::Own => Some(format!("program: {{ argv: [/usr/bin/python3, {DRIVER}] }}")),
        };
        let said: Vec<String> = program.into_iter().chain(keepalive).chain(own).collect();
        (!said.is_empty()).then(|| said.join(", "))
    }

    fn sysctls(&mut self, text: &mut String, whose: &str, shares: &[usize], known: &[(&str, &[&str])]) {
        let mut set = String::new();
        for ((key, values), share) in known.iter().zip(shares) {
            if self.chance.percent(*share) {
                let _ = writeln!(set, "    {key}: \"{}\"", self.chance.word(values));
            }
        }
        if !set.is_empty() {
            let _ = write!(text, "  {whose}-sysctls:\n{set}");
        }
    }
}
