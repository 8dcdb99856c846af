//! Steps that change the lab: the director's table, servers, hosts, links, firewalls and sysctls, each only
//! where the state so far allows it.

use super::{SCHEDULERS, Server, Writer};
use std::collections::BTreeSet;

impl Writer {
    /// Something that an operator or fate does.
    pub(super) fn fault(&mut self) -> Option<String> {
        if !self.vip.is_empty()
            && self.chance.percent(40)
            && let Some(step) = self.moved_vip()
        {
            return Some(step);
        }
        for _ in 0..20 {
            let step = match self.chance.below(27) {
                // What is in the table is known to keepalived alone.
                0..=11 if self.control_runs.is_some() => self.control(),
                0..=2 => self.remove(),
                3 => self.add(),
                4 => self.weight(),
                5 => self.forwarding(),
                6 => self.service(),
                7 => self.other_service(),
                8 => self.scheduler(),
                9 => self.flush(),
                10 if self.chance.percent(20) => Some("zero-counters: {}".to_owned()),
                10 => self.save(),
                11 => self.restore(),
                12 => self.timeouts(&["10s", "60s", "900s", "3000s"]),
                13 => self.stop(),
                14 => self.start(),
                15 => self.freeze(),
                16 => self.power_on().or_else(|| self.power()),
                17 => self.link(),
                18 => self.firewall(),
                19 => self.unfirewall(),
                20 => self.netem(),
                21 => self.kill_sessions(),
                22 => Some(self.wait_until()),
                23 => self.size(),
                24 if self.chance.percent(30) => self.synproxy(),
                24 => self.stateful(),
                25 => self
                    .linked(true)
                    .map(|node| format!("flush-conntrack: {{ node: {node} }}")),
                _ => self.sysctl(),
            };
            if step.is_some() {
                return step;
            }
        }
        None
    }

    /// The VIP goes to the other of two directors; one that is cut off keeps it, too.
    fn moved_vip(&mut self) -> Option<String> {
        let (cut, vip) = (&self.cut, &self.vip);
        let free = |node: &&'static str| !vip.contains(node) && !cut.contains(node);
        let to = ["director", "director2"].into_iter().find(free)?;
        self.vip.retain(|node| self.cut.contains(node));
        self.vip.insert(to);
        let told = self.chance.word(&["", ", gratuitous-arp: true"]);
        Some(format!("move-vip: {{ to: {to}{told} }}"))
    }

    /// A sync daemon of one of two directors is started by hand, or stopped.
    fn sync_daemon(&mut self) -> String {
        let node = self.chance.word(&["director", "director2"]);
        let state = self.chance.word(&["master", "backup"]);
        let deed = if self.daemons.remove(&(node, state)) {
            "stop"
        } else {
            self.daemons.insert((node, state));
            "start"
        };
        format!("{deed}-sync-daemon: {{ state: {state}, node: {node} }}")
    }

    /// Something that is done to the control plane.
    fn control(&mut self) -> Option<String> {
        if self.second == Some(true) && self.chance.percent(15) {
            self.second = Some(false);
            let signal = self.chance.word(&["TERM", "KILL"]);
            return Some(format!(
                "stop-keepalived: {{ signal: {signal}, node: director2 }}"
            ));
        }
        if self.second.is_some() && self.chance.percent(15) {
            let node = self.chance.word(&["director", "director2"]);
            self.filtered.insert(node);
            return Some(format!("block-vrrp: {{ node: {node} }}"));
        }
        if self.second.is_some() && !self.synced && self.chance.percent(40) {
            return Some(self.sync_daemon());
        }
        let plane = self.plane;
        let runs = self.control_runs.as_mut()?;
        if !*runs {
            *runs = true;
            return Some(format!("start-{plane}: {{}}"));
        }
        match self.chance.below(4) {
            0 | 1 => {
                self.control_runs = Some(false);
                let signal = self.chance.word(&["TERM", "KILL"]);
                Some(format!("stop-{plane}: {{ signal: {signal} }}"))
            }
            2 => Some(format!("reload-{plane}: {{}}")),
            _ => {
                let name = self.some_server(|_| true)?.name;
                Some(format!("reload-{plane}: {{ without: {name} }}"))
            }
        }
    }

    pub(super) fn some_server(&mut self, fits: impl Fn(&Server) -> bool) -> Option<&mut Server> {
        let fitting: Vec<usize> = (0..self.servers.len())
            .filter(|index| self.servers.get(*index).is_some_and(&fits))
            .collect();
        let chosen = self.chance.one(&fitting).copied()?;
        self.servers.get_mut(chosen)
    }

    pub(super) fn in_table(&mut self) -> Option<&'static str> {
        let there: Vec<&'static str> = self.table.servers.iter().copied().collect();
        self.chance.one(&there).copied().filter(|_| self.table.service)
    }

    pub(super) fn remove(&mut self) -> Option<String> {
        let name = self.in_table()?;
        self.table.servers.remove(name);
        Some(format!("remove-real-server: {{ server: {name} }}"))
    }

    pub(super) fn add(&mut self) -> Option<String> {
        let table = self.table.servers.clone();
        let name = self.some_server(|server| !table.contains(server.name))?.name;
        self.table.service.then(|| {
            self.table.servers.insert(name);
            format!(
                "add-real-server: {{ server: {name}, weight: {} }}",
                self.chance.word(&["0", "1", "1", "3"])
            )
        })
    }

    pub(super) fn weight(&mut self) -> Option<String> {
        let name = self.in_table()?;
        let weight = self.chance.word(&["0", "0", "1", "2", "100"]);
        Some(format!("set-weight: {{ server: {name}, weight: {weight} }}"))
    }

    /// More weight for a server that takes connections: whoever connects can.
    pub(super) fn heavier(&mut self) -> Option<String> {
        let name = self.some_server(|server| server.weight > 0)?.name;
        Some(format!(
            "set-weight: {{ server: {name}, weight: {} }}",
            self.chance.word(&["1", "4", "50"])
        ))
    }

    pub(super) fn forwarding(&mut self) -> Option<String> {
        let name = self.in_table()?;
        let method = self.chance.word(&["direct-routing", "masquerading", "tunneling"]);
        Some(format!("set-forwarding: {{ server: {name}, method: {method} }}"))
    }

    pub(super) fn service(&mut self) -> Option<String> {
        if std::mem::replace(&mut self.table.service, false) {
            self.table.servers.clear();
            return Some("remove-service: {}".to_owned());
        }
        self.table.service = true;
        Some("add-service: {}".to_owned())
    }

    pub(super) fn other_service(&mut self) -> Option<String> {
        let port = self.chance.one(&[3307, 8080]).copied()?;
        if self.table.others.remove(&port) {
            return Some(format!("remove-service: {{ port: {port} }}"));
        }
        self.table.others.insert(port);
        Some(format!("add-service: {{ port: {port} }}"))
    }

    pub(super) fn scheduler(&mut self) -> Option<String> {
        let scheduler = self.chance.word(SCHEDULERS);
        self.table
            .service
            .then(|| format!("set-scheduler: {{ scheduler: {scheduler} }}"))
    }

    pub(super) fn flush(&mut self) -> Option<String> {
        let empty = !self.table.service && self.table.others.is_empty();
        (!empty).then(|| {
            (self.table.service, self.table.servers, self.table.others) =
                (false, BTreeSet::new(), BTreeSet::new());
            "flush-table: {}".to_owned()
        })
    }

    pub(super) fn save(&mut self) -> Option<String> {
        self.saved = Some(self.table.clone());
        Some("save-table: {}".to_owned())
    }

    pub(super) fn restore(&mut self) -> Option<String> {
        let saved = self.saved.clone()?;
        let there = (saved.service && self.table.service) || !saved.others.is_disjoint(&self.table.others);
        if there {
            return None;
        }
        if saved.service {
            self.table.service = true;
            self.table.servers.clone_from(&saved.servers);
        }
        self.table.others.extend(&saved.others);
        Some("restore-table: {}".to_owned())
    }

    pub(super) fn timeouts(&mut self, times: &[&'static str]) -> Option<String> {
        let tcp = self.chance.word(times);
        let fin = self
            .chance
            .percent(30)
            .then(|| self.chance.word(&["10s", "120s"]));
        let fin = fin.map_or_else(String::new, |fin| format!(", tcp-fin: {fin}"));
        Some(format!("set-timeouts: {{ tcp: {tcp}{fin} }}"))
    }

    pub(super) fn stop(&mut self) -> Option<String> {
        let term = self.chance.percent(50);
        let server = self.some_server(|server| server.on && server.running && !(term && server.frozen))?;
        (server.running, server.frozen) = (false, false);
        let signal = if term { "TERM" } else { "KILL" };
        Some(format!(
            "stop-mysqld: {{ server: {}, signal: {signal} }}",
            server.name
        ))
    }

    pub(super) fn start(&mut self) -> Option<String> {
        let server = self.some_server(|server| server.on && !server.running)?;
        server.running = true;
        Some(format!("start-mysqld: {{ server: {} }}", server.name))
    }

    pub(super) fn freeze(&mut self) -> Option<String> {
        let server = self.some_server(|server| server.on && server.running)?;
        server.frozen = !server.frozen;
        let action = if server.frozen {
            "freeze-mysqld"
        } else {
            "thaw-mysqld"
        };
        Some(format!("{action}: {{ server: {} }}", server.name))
    }

    fn kill_sessions(&mut self) -> Option<String> {
        let server = self.some_server(|server| server.on && server.running && !server.frozen)?;
        Some(format!("kill-sessions: {{ server: {} }}", server.name))
    }

    fn wait_until(&mut self) -> String {
        self.spent += 2000;
        "wait-until: { no-entry: true, at-most: 2s, may-fail: true }".to_owned()
    }

    pub(super) fn power_on(&mut self) -> Option<String> {
        let server = self.some_server(|server| !server.on)?;
        (server.on, server.running, server.frozen) = (true, true, false);
        Some(format!("power-on: {{ server: {} }}", server.name))
    }

    pub(super) fn power(&mut self) -> Option<String> {
        let how = self.chance.word(&["permanent", "dynamic"]);
        // Of a host whose link is cut nothing would show it.
        let cut = self.cut.clone();
        let server = self.some_server(|server| server.on && !cut.contains(server.name))?;
        server.on = false;
        Some(format!(
            "power-off: {{ server: {}, neighbours: {how} }}",
            server.name
        ))
    }

    /// The hosts on which something can be done.
    pub(super) fn node(&mut self, client: bool) -> Option<&'static str> {
        let real = self
            .servers
            .iter()
            .filter(|server| server.on)
            .map(|server| server.name);
        let nodes: Vec<&'static str> = real
            .chain(["director"])
            .chain((self.second.is_some() || !self.vip.is_empty()).then_some("director2"))
            .chain(client.then_some("client"))
            .collect();
        self.chance.one(&nodes).copied()
    }

    /// The same, and the router.
    fn linked(&mut self, client: bool) -> Option<&'static str> {
        if !self.client_at.is_empty() && self.chance.percent(25) {
            return Some("router");
        }
        self.node(client)
    }

    pub(super) fn link(&mut self) -> Option<String> {
        let node = self.linked(false)?;
        if self.cut.remove(node) {
            return Some(format!("link-up: {{ node: {node} }}"));
        }
        self.cut.insert(node);
        Some(format!("link-down: {{ node: {node} }}"))
    }

    pub(super) fn firewall(&mut self) -> Option<String> {
        let node = self.node(true)?;
        self.filtered.insert(node);
        let chain = self.chance.word(&["input", "output"]);
        let verdict = self.chance.word(&["drop", "reject", "tcp-reset"]);
        let matches = match node {
            "client" => "",
            _ if self.chance.percent(70) => "",
            _ => self.chance.word(&[
                ", matches: tcp flags & (syn|ack) == syn",
                ", matches: meta length > 1000",
                ", matches: tcp dport $port ct state established",
            ]),
        };
        Some(format!(
            "add-firewall-rule: {{ node: {node}, chain: {chain}, verdict: {verdict}{matches} }}"
        ))
    }

    /// A firewall that knows connections; of each chain of a host one.
    pub(super) fn stateful(&mut self) -> Option<String> {
        let node = self.node(true)?;
        let chain = match node {
            "director" | "director2" => self.chance.word(&["input", "output", "forward"]),
            _ => self.chance.word(&["input", "output"]),
        };
        let new = self.chance.word(&["any", "syn", "none"]);
        if self.proxied.contains(node) {
            return None;
        }
        let fresh = self.stateful.insert((node, chain));
        self.filtered.insert(node);
        fresh.then(|| format!("add-stateful-firewall: {{ node: {node}, chain: {chain}, new: {new} }}"))
    }

    /// A real server's firewall that answers SYNs; not beside a stateful one.
    fn synproxy(&mut self) -> Option<String> {
        let node = self.node(false).filter(|node| !node.starts_with("director"))?;
        if self.stateful.iter().any(|(of, _)| *of == node) {
            return None;
        }
        self.filtered.insert(node);
        let fresh = self.proxied.insert(node);
        fresh.then(|| format!("add-synproxy: {{ node: {node} }}"))
    }

    pub(super) fn unfirewall(&mut self) -> Option<String> {
        let node = self.node(true).filter(|node| self.filtered.contains(node))?;
        self.filtered.remove(node);
        self.stateful.retain(|(of, _)| *of != node);
        self.proxied.remove(node);
        Some(format!("flush-firewall: {{ node: {node} }}"))
    }

    pub(super) fn netem(&mut self) -> Option<String> {
        let node = self.linked(true)?;
        let what = match self.chance.below(4) {
            0 => String::new(),
            1 => format!(", loss: {}", self.chance.word(&["5%", "30%", "100%"])),
            2 => format!(", delay: {}, loss: 10%", self.chance.word(&["20ms", "300ms"])),
            _ => format!(", delay: {}", self.chance.word(&["20ms", "300ms", "2s", "8s"])),
        };
        Some(format!("set-netem: {{ node: {node}{what} }}"))
    }

    /// How large packets may be, or whether anybody hears of it.
    pub(super) fn size(&mut self) -> Option<String> {
        let node = self.linked(true)?;
        let ways = if node == "router" { 2 } else { 3 };
        match self.chance.below(ways) {
            0 => Some(format!(
                "set-mtu: {{ node: {node}, mtu: {} }}",
                self.chance.word(&["1280", "1400", "1500"])
            )),
            1 => Some(format!(
                "clamp-mss: {{ node: {node}, size: {} }}",
                self.chance.word(&["536", "1200", "1460"])
            )),
            _ => Some(format!("filter-icmp: {{ node: {node} }}")),
        }
    }

    pub(super) fn small_delay(&mut self) -> Option<String> {
        let node = self.linked(true)?;
        Some(format!(
            "set-netem: {{ node: {node}, delay: {} }}",
            self.chance.word(&["5ms", "50ms"])
        ))
    }

    pub(super) fn sysctl(&mut self) -> Option<String> {
        let (node, key, values) = match self.chance.below(3) {
            0 | 1 => ("director", "net.ipv4.vs.expire_nodest_conn", &["0", "1"][..]),
            _ => ("client", "net.ipv4.tcp_retries2", &["5", "10"][..]),
        };
        Some(format!(
            "set-sysctl: {{ node: {node}, key: {key}, value: {} }}",
            self.chance.word(values)
        ))
    }
}
