//! What happens to a host: its power, its link and its kernel's settings.

use super::entry::actions;
use super::mysqld::StopSignal;
use super::{Node, PoweredHost};
use crate::Name;
use crate::control::ControlPlane;
use crate::keepalived::Config;
use serde::{Deserialize, Serialize};

/// What the others' kernels know of a host that goes silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Neighbours {
    /// Its Ethernet address, for good, as if a router stood between: packets for it go into the void.
    #[default]
    Permanent,
    /// What ARP tells, as on a flat segment: the sender learns that nobody is there when a check of what it
    /// knows has failed, which took 14 to 72 s.
    Dynamic,
}

/// What a sync daemon of IPVS does.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum SyncState {
    /// It tells others of the connections of its director.
    Master,
    /// It takes in what others tell.
    Backup,
}

impl SyncState {
    /// Its name in ipvsadm(8).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Backup => "backup",
        }
    }
}

impl std::fmt::Display for SyncState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

actions! {
    $ host_actions;

    /// Something done to a host of the lab.
    HostAction {
        /// The host goes silent as if its power failed: neither FIN nor RST nor ARP comes from it any more.
        "power-off" PowerOff {
            /// A real server of the lab, or, of a lab with two directors, one of them: its keepalived is
            /// killed with it.
            required "server" server: PoweredHost as Name;
            /// `permanent`: the director and the client keep its Ethernet address, as if a router stood
            /// between, and what they send goes into the void. `dynamic`: as on a flat segment, they find out
            /// by ARP that nobody is there. A neighbour counts as reachable for a random 15 to 45 s after its
            /// last confirmation, and is used on until a check has failed (NUD_REACHABLE, STALE, DELAY of
            /// 5 s, PROBE): it took 14 to 72 s.
            #[serde(default)]
            default("permanent") "neighbours" neighbours: Neighbours;
        } says {
            { server, neighbours: Neighbours::Permanent } => en("power off {server}") zh("{server} 断电");
            { server, neighbours: Neighbours::Dynamic } =>
                en("power off {server}, on a flat segment") zh("{server} 断电（同一网段）");
        }

        /// A host that was powered off starts again, with the addresses, the VIP among them, and the settings
        /// that it had, those of steps included. Its connections are lost, its firewall's rules are not. Its
        /// server is up when the step ends. A director boots without a VIP, entries and sync daemons, and
        /// with an empty table, which its keepalived fills: that runs when the step ends.
        "power-on" PowerOn {
            /// A real server or a director of the lab that is off.
            required "server" server: PoweredHost as Name;
        } says {
            { server } => en("power on {server}") zh("{server} 重新上电");
        }

        /// The host's cable is pulled: the switch's port goes down, and the host has no carrier. The others
        /// learn by ARP that it is gone.
        "link-down" LinkDown {
            /// A director, or a real server of the lab. Not `client`: what it sends would pass no interface,
            /// and nothing could show that it was sent. To cut the client off, let its link lose everything:
            /// `set-netem: { node: client, loss: 100% }`.
            required "node" node: Node as Name;
        } says {
            { node } => en("take the link of {node} down") zh("断开 {node} 的链路");
        }

        /// The host's cable is plugged in again.
        "link-up" LinkUp {
            /// A director, or a real server of the lab. Not `client`: what it sends would pass no interface,
            /// and nothing could show that it was sent. To cut the client off, let its link lose everything:
            /// `set-netem: { node: client, loss: 100% }`.
            required "node" node: Node as Name;
        } says {
            { node } => en("bring the link of {node} up") zh("接通 {node} 的链路");
        }

        /// keepalived is ended by a signal; done when all of its processes are gone. What it leaves in the
        /// director's table is in the step's proof.
        "stop-keepalived" StopKeepalived {
            /// `TERM`: as `systemctl stop` does it. `KILL`: its processes are gone at once, all of them.
            #[serde(default = "orderly")]
            default("TERM") "signal" signal: StopSignal;
            /// On which director. Default: the first one.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            optional "node" node: Option<Node> as Name;
        } says {
            { signal: StopSignal::Term, node } =>
                en("stop keepalived{} (SIGTERM)", on(node.as_ref()))
                zh("停止{} keepalived（SIGTERM）", of(node.as_ref()));
            { signal: StopSignal::Kill, node } =>
                en("stop keepalived{} (SIGKILL)", on(node.as_ref()))
                zh("停止{} keepalived（SIGKILL）", of(node.as_ref()));
        }

        /// keepalived that was stopped is started again, with the configuration that it had last; done when
        /// the virtual service is in the table, with the real servers that the configuration says.
        "start-keepalived" StartKeepalived {
            /// On which director. Default: the first one.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            optional "node" node: Option<Node> as Name;
        } says {
            { node } => en("start keepalived{}", on(node.as_ref())) zh("启动{} keepalived", of(node.as_ref()));
        }

        /// keepalived reads its configuration again (SIGHUP); done when it has, and the table has the real
        /// servers that the configuration says, as far as they have not failed.
        "reload-keepalived" ReloadKeepalived {
            /// A real server that the configuration no longer has. Without this the configuration is that of
            /// the beginning.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            optional "without" without: Option<Name> as Name;
            /// Another configuration of your own: the name of a file, or the text itself, as `config` of
            /// `keepalived`. It need not have every real server of the lab.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            optional "config" config: Option<Config> as ConfigText;
            /// On which director. Default: the first one.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            optional "node" node: Option<Node> as Name;
        } says {
            { without: None, config: None, node } =>
                en("reload keepalived{} (SIGHUP)", on(node.as_ref()))
                zh("重新加载{} keepalived（SIGHUP）", of(node.as_ref()));
            { without: Some(server), config: None, node } =>
                en("reload keepalived{} with a configuration without {server} (SIGHUP)", on(node.as_ref()))
                zh("以去掉 {server} 的配置重新加载{} keepalived（SIGHUP）", of(node.as_ref()));
            { config: Some(config), node, .. } =>
                en("reload keepalived{} with {config} (SIGHUP)", on(node.as_ref()))
                zh("以 {} 重新加载{} keepalived（SIGHUP）", config.in_chinese(), of(node.as_ref()));
        }

        /// ldirectord is ended by a signal; done when all of its processes are gone. What it leaves in the
        /// director's table is in the step's proof.
        "stop-ldirectord" StopLdirectord {
            /// `TERM`: as `ldirectord stop` and `systemctl stop` do it. `KILL`: its processes are gone at
            /// once.
            #[serde(default = "orderly")]
            default("TERM") "signal" signal: StopSignal;
            /// On which director. Default: the first one.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            optional "node" node: Option<Node> as Name;
        } says {
            { signal: StopSignal::Term, node } =>
                en("stop ldirectord{} (SIGTERM)", on(node.as_ref()))
                zh("停止{} ldirectord（SIGTERM）", of(node.as_ref()));
            { signal: StopSignal::Kill, node } =>
                en("stop ldirectord{} (SIGKILL)", on(node.as_ref()))
                zh("停止{} ldirectord（SIGKILL）", of(node.as_ref()));
        }

        /// ldirectord that was stopped is started again, with the configuration that it had last; done when
        /// it has made its first round of checks.
        "start-ldirectord" StartLdirectord {
            /// On which director. Default: the first one.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            optional "node" node: Option<Node> as Name;
        } says {
            { node } => en("start ldirectord{}", on(node.as_ref())) zh("启动{} ldirectord", of(node.as_ref()));
        }

        /// ldirectord reads its configuration again: by SIGHUP, or, in a lab with `autoreload: yes`, by
        /// itself when it has seen that the file has changed. Done when it has, and has checked each real
        /// server once.
        "reload-ldirectord" ReloadLdirectord {
            /// A real server that the configuration no longer has. Without this the configuration is that of
            /// the beginning.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            optional "without" without: Option<Name> as Name;
            /// On which director. Default: the first one.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            optional "node" node: Option<Node> as Name;
        } says {
            { without: None, node } =>
                en("reload ldirectord{}", on(node.as_ref())) zh("重新加载{} ldirectord", of(node.as_ref()));
            { without: Some(server), node } =>
                en("reload ldirectord{} with a configuration without {server}", on(node.as_ref()))
                zh("以去掉 {server} 的配置重新加载{} ldirectord", of(node.as_ref()));
        }

        /// A sync daemon of IPVS is started by hand: `ipvsadm --start-daemon STATE --mcast-interface eth0
        /// --syncid 1`; with IPv6 to the group `ff02::81`. A director may have both, a master and a backup.
        /// What a master tells, and when, is `net.ipv4.vs.sync_threshold`, `sync_refresh_period` and
        /// `sync_persist_mode`.
        "start-sync-daemon" StartSyncDaemon {
            /// `master`: it tells others of the director's connections. `backup`: it takes in what a master
            /// tells.
            required "state" state: SyncState;
            /// On which director. Default: the first one.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            optional "node" node: Option<Node> as Name;
        } says {
            { state, node } =>
                en("start the sync daemon{} ({state})", on(node.as_ref()))
                zh("启动{}同步守护进程（{state}）", of(node.as_ref()));
        }

        /// A sync daemon that was started by hand is stopped: `ipvsadm --stop-daemon STATE`.
        "stop-sync-daemon" StopSyncDaemon {
            /// Which one: `master` or `backup`.
            required "state" state: SyncState;
            /// On which director. Default: the first one.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            optional "node" node: Option<Node> as Name;
        } says {
            { state, node } =>
                en("stop the sync daemon{} ({state})", on(node.as_ref()))
                zh("停止{}同步守护进程（{state}）", of(node.as_ref()));
        }

        /// The VIP is moved by hand from one of two directors to the other: `ip addr del`, then `ip addr
        /// add`. A director that is cut off keeps it. For labs without keepalived, which moves the VIP by
        /// itself.
        "move-vip" MoveVip {
            /// The director that has the VIP from then on.
            required "to" to: Node as Name;
            /// It tells the link by one gratuitous ARP, as `arping -U -c 1` does, or with IPv6 by one
            /// neighbour advertisement. Without that nobody is told: ip(8) says nothing, and others keep the
            /// Ethernet address that they know until a check of it has failed.
            #[serde(default, skip_serializing_if = "std::ops::Not::not")]
            flag "gratuitous-arp" gratuitous_arp: bool;
        } says {
            { to, gratuitous_arp: true } =>
                en("move the VIP to {to}, with gratuitous ARP") zh("将 VIP 移到 {to}（发送免费 ARP）");
            { to, gratuitous_arp: false } =>
                en("move the VIP to {to}, without gratuitous ARP") zh("将 VIP 移到 {to}（不发送免费 ARP）");
        }

        /// A sysctl is written in a host's network namespace, and read back.
        "set-sysctl" SetSysctl {
            /// `client`, a director, or a real server of the lab.
            required "node" node: Node as Name;
            /// Its name with dots.
            required "key" key: String as SysctlKey;
            /// Its new value.
            required "value" value: String as SysctlValue;
        } says {
            { node, key, value } => en("set {key}={value} on {node}") zh("在 {node} 上设置 {key}={value}");
        }
    }
}

impl HostAction {
    /// The host that it is done to.
    #[must_use]
    pub fn node(&self) -> Node {
        self.named().cloned().unwrap_or_else(Node::first_director)
    }

    /// The host that it names; `None` if it leaves the director unsaid.
    #[must_use]
    pub fn named(&self) -> Option<&Node> {
        match self {
            Self::PowerOff { server, .. } | Self::PowerOn { server } => Some(&server.0),
            Self::LinkDown { node } | Self::LinkUp { node } | Self::SetSysctl { node, .. } => Some(node),
            Self::StopKeepalived { node, .. }
            | Self::StartKeepalived { node }
            | Self::StartSyncDaemon { node, .. }
            | Self::StopSyncDaemon { node, .. }
            | Self::ReloadKeepalived { node, .. }
            | Self::StopLdirectord { node, .. }
            | Self::StartLdirectord { node }
            | Self::ReloadLdirectord { node, .. } => node.as_ref(),
            Self::MoveVip { to, .. } => Some(to),
        }
    }

    /// The same, in a lab whose directors have these names: what leaves the director unsaid names the first.
    pub(crate) fn know(&mut self, directors: &[Name]) {
        match self {
            Self::PowerOff { server, .. } | Self::PowerOn { server } => server.0.know(directors),
            Self::LinkDown { node } | Self::LinkUp { node } | Self::SetSysctl { node, .. } => {
                node.know(directors);
            }
            Self::StopKeepalived { node, .. }
            | Self::StartKeepalived { node }
            | Self::StartSyncDaemon { node, .. }
            | Self::StopSyncDaemon { node, .. }
            | Self::ReloadKeepalived { node, .. }
            | Self::StopLdirectord { node, .. }
            | Self::StartLdirectord { node }
            | Self::ReloadLdirectord { node, .. } => match node {
                Some(node) => node.know(directors),
                None => *node = Node::unsaid(directors),
            },
            Self::MoveVip { to, .. } => to.know(directors),
        }
    }

    /// Does it cut the host off (true), or bring it back (false)? `None` if neither.
    #[must_use]
    pub fn cuts_off(&self) -> Option<bool> {
        match self {
            Self::PowerOff { .. } | Self::LinkDown { .. } => Some(true),
            Self::PowerOn { .. } | Self::LinkUp { .. } => Some(false),
            Self::SetSysctl { .. }
            | Self::MoveVip { .. }
            | Self::StopKeepalived { .. }
            | Self::StartSyncDaemon { .. }
            | Self::StopSyncDaemon { .. }
            | Self::StartKeepalived { .. }
            | Self::ReloadKeepalived { .. }
            | Self::StopLdirectord { .. }
            | Self::StartLdirectord { .. }
            | Self::ReloadLdirectord { .. } => None,
        }
    }

    /// Is nothing waited for while it is done?
    #[must_use]
    pub fn takes_no_time(&self) -> bool {
        match self {
            Self::SetSysctl { .. } | Self::MoveVip { .. } => true,
            Self::PowerOff { .. }
            | Self::PowerOn { .. }
            | Self::LinkDown { .. }
            | Self::LinkUp { .. }
            | Self::StopKeepalived { .. }
            | Self::StartSyncDaemon { .. }
            | Self::StopSyncDaemon { .. }
            | Self::StartKeepalived { .. }
            | Self::ReloadKeepalived { .. }
            | Self::StopLdirectord { .. }
            | Self::StartLdirectord { .. }
            | Self::ReloadLdirectord { .. } => false,
        }
    }

    /// Does what it changes stay with the host when the interfaces go?
    #[must_use]
    pub fn outlives_interfaces(&self) -> bool {
        match self {
            Self::PowerOff { .. }
            | Self::PowerOn { .. }
            | Self::SetSysctl { .. }
            | Self::StopKeepalived { .. }
            | Self::StartSyncDaemon { .. }
            | Self::StopSyncDaemon { .. }
            | Self::StartKeepalived { .. }
            | Self::ReloadKeepalived { .. }
            | Self::StopLdirectord { .. }
            | Self::StartLdirectord { .. }
            | Self::ReloadLdirectord { .. } => true,
            Self::LinkDown { .. } | Self::LinkUp { .. } | Self::MoveVip { .. } => false,
        }
    }

    /// Is it done to real servers alone?
    #[must_use]
    pub fn is_of_real_servers(&self) -> bool {
        match self {
            Self::PowerOff { .. } | Self::PowerOn { .. } => !self.node().is_director(),
            Self::LinkDown { .. }
            | Self::LinkUp { .. }
            | Self::MoveVip { .. }
            | Self::SetSysctl { .. }
            | Self::StopKeepalived { .. }
            | Self::StartSyncDaemon { .. }
            | Self::StopSyncDaemon { .. }
            | Self::StartKeepalived { .. }
            | Self::ReloadKeepalived { .. }
            | Self::StopLdirectord { .. }
            | Self::StartLdirectord { .. }
            | Self::ReloadLdirectord { .. } => false,
        }
    }

    /// The real server that it is done to; `None` if it is the client or the director.
    #[must_use]
    pub fn server(&self) -> Option<&Name> {
        // Of a VIP that would move to a real server it is asked elsewhere.
        let named = self.named().filter(|_| !matches!(self, Self::MoveVip { .. }));
        named?.real_server()
    }

    /// What it does to a control plane, and to which one; `None` if it does nothing to one.
    #[must_use]
    pub fn of_control(&self) -> Option<(ControlPlane, ControlStep<'_>)> {
        use ControlPlane::{Keepalived, Ldirectord};
        match self {
            Self::StopKeepalived { signal, .. } => Some((Keepalived, ControlStep::Stop(*signal))),
            Self::StartKeepalived { .. } => Some((Keepalived, ControlStep::Start)),
            Self::ReloadKeepalived { without, config, .. } => {
                let (without, config) = (without.as_ref(), config.as_ref());
                Some((Keepalived, ControlStep::Reload { without, config }))
            }
            Self::StopLdirectord { signal, .. } => Some((Ldirectord, ControlStep::Stop(*signal))),
            Self::StartLdirectord { .. } => Some((Ldirectord, ControlStep::Start)),
            Self::ReloadLdirectord { without, .. } => {
                let (without, config) = (without.as_ref(), None);
                Some((Ldirectord, ControlStep::Reload { without, config }))
            }
            Self::PowerOff { .. }
            | Self::PowerOn { .. }
            | Self::LinkDown { .. }
            | Self::LinkUp { .. }
            | Self::MoveVip { .. }
            | Self::StartSyncDaemon { .. }
            | Self::StopSyncDaemon { .. }
            | Self::SetSysctl { .. } => None,
        }
    }
}

/// What is done to a control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlStep<'a> {
    /// It is ended.
    Stop(StopSignal),
    /// It is started again.
    Start,
    /// It reads its configuration again.
    Reload {
        /// The real server that this no longer has.
        without: Option<&'a Name>,
        /// Another one of the author's own.
        config: Option<&'a Config>,
    },
}

/// On which director, if that is said.
fn on(node: Option<&Node>) -> String {
    node.map(|node| format!(" on {node}")).unwrap_or_default()
}

/// The same in Chinese.
fn of(node: Option<&Node>) -> String {
    node.map(|node| format!(" {node} 上的")).unwrap_or_default()
}

fn orderly() -> StopSignal {
    StopSignal::Term
}
