//! The file as typed: its fields in the words of the language. The doc comments here are what authors read,
//! in the JSON schema and in docs/scenarios.md. What a step can do is said elsewhere: [`crate::action`].

mod client;
mod directors;
mod explore;
mod keepalived;
mod ldirectord;
mod mysqld;
mod probe;
mod server_program;
mod step;

pub(super) use client::{ClientInput, KeepaliveInput, ProgramInput};
pub(super) use directors::DirectorsInput;
pub(super) use explore::{ExploreInput, NeverInput};
pub(super) use keepalived::KeepalivedInput;
pub(super) use ldirectord::LdirectordInput;
pub(super) use mysqld::MysqldInput;
pub(super) use probe::{OutageInput, ProbeInput};
pub(super) use server_program::ServerProgramInput;
pub(super) use step::Placed;

use super::place::At;
use super::read::{List, Map, OneOrMany};
use super::scalar::{
    Clients, Count, Errno, ErrorCode, Mark, Matched, Mtu, PrefixLength, Scheduler, SchedulerFlag, Seconds,
    ServerPort, SysctlKey, SysctlValue, Text, Threshold, Weight, Yes,
};
use super::table::{Structure as _, structure};
use super::{
    BehaviourName, ClientAt, Family, Forwarding, HangEndName, Judged, Misbuild, ServerKind, TunnelType, Url,
    Vip, Wiring,
};
use crate::Name;
use crate::base::DEFAULT_WEIGHT;
use std::time::Duration;

type Steps = List<Placed>;
type Sysctls = Map<SysctlKey, At<SysctlValue>>;
type RealServers = Map<Name, RealServerInput>;
type Probes = Map<Name, ProbeInput>;
type Misbuilds = Map<Name, OneOrMany<At<Misbuild>>>;

structure! {
    /// A scenario of lvs-matrix: a claim about clients behind an IPVS director, and the cells that show it.
    ScenarioInput {
        /// The scenario's name, the first part of its cells' ids.
        required "name" name: At<Name>;
        /// What the scenario shows, in a sentence or two of plain text. The report begins with it.
        required "claim" claim: At<Text>;
        /// The claim in Simplified Chinese, for reports in Chinese.
        optional "claim-zh" claim_zh: At<Text>;
        /// The incident that it reproduces, or the text that it comes from. Reports link to it.
        optional "source" source: SourceInput;
        /// The lab that every cell begins with, before its values add to it.
        required "lab" lab: LabInput;
        /// Steps of every cell before the change, ahead of those of its values: the client connects, starts a
        /// statement, grows old.
        optional "before" before: Steps;
        /// Steps of every cell that make the change, ahead of those of its values: what the operator or fate
        /// does.
        optional "change" change: Steps;
        /// Steps of every cell after the change, ahead of those of its values. The last operation of the
        /// client among the steps of `act` is the one that is classified.
        optional "act" act: Steps;
        /// What is varied, by name. Every combination of one value of each axis is a cell; the last axis
        /// varies fastest. Without axes there is one cell.
        optional "axes" axes: Map<Name, Map<Name, ValueInput>>;
        /// How long silence is borne, and how long it is watched.
        required "observe" observe: ObserveInput;
        /// What is expected of which cells. Every cell must be covered by exactly one item.
        required "expect" expect: List<ExpectationInput>;
        /// What `lvs-matrix explore` searches: docs/exploring.md. `run` leaves it alone.
        optional "explore" explore: ExploreInput;
    }
}

structure! {
    /// What a scenario reproduces: an incident, a question, an article.
    SourceInput {
        /// Its title.
        required "title" title: At<Text>;
        /// Its address: `https://…`.
        required "url" url: At<Url>;
    }
}

/// A structure with the fields of a lab, which a value of an axis has, too, and fields of its own.
macro_rules! lab_structure {
    ($(#[doc = $doc:literal])+ $name:ident with $servers:ident real servers { $($own:tt)* }) => {
        structure! {
            $(#[doc = $doc])+
            $name {
                /// How packets reach the real servers: ipvsadm(8)'s packet-forwarding methods. Default:
                /// `direct-routing`.
                optional "forwarding" forwarding: At<Forwarding>;
                /// How tunneling puts packets into others, by its name in ipvsadm(8) (`--tun-type`): `ipip`,
                /// IP in IP; `gue`, IP in UDP; `gre`. Default: `ipip`.
                optional "tunnel-type" tunnel_type: At<TunnelType>;
                /// The port of UDP at which tunnels of GUE end: ipvsadm(8)'s `--tun-port`. Default: 6080.
                optional "tunnel-port" tunnel_port: At<ServerPort>;
                /// The address family of the packets around those of a tunnel. With the one that is not
                /// `family`, real servers have addresses of both families. Default: that of `family`.
                optional "tunnel-family" tunnel_family: At<Family>;
                /// The methods that the real servers are wired for. By default those are the methods that
                /// they have at the beginning. Name more where `set-forwarding` is to find a server that can
                /// take packets either way.
                optional "wired-for" wired_for: List<At<Forwarding>>;
                /// The links: `one-armed` has all hosts on one, `two-armed` has the real servers on a second
                /// one behind the director. Default: `one-armed`.
                optional "wiring" wiring: At<Wiring>;
                /// How packets for the VIP come into IPVS: `on-director`, the VIP is an address of the
                /// director; `routed`, it is nobody's, the client has a route to it by the director, and
                /// that takes in what its firewall marks (`firewall-mark`; ip-rule(8)'s `fwmark`). Default:
                /// `on-director`.
                optional "vip" vip: At<Vip>;
                /// Where the client is: `on-link`, on the director's link; `behind-router`, on a link of its
                /// own, and the host `router` passes packets on between the two; `behind-source-nat`, the
                /// same, and the router puts its own address in the place of the client's (nft(8)'s
                /// `masquerade`), so that all clients of `clients` have one address to the director.
                /// Default: `on-link`.
                optional "client-at" client_at: At<ClientAt>;
                /// The address family of all hosts and of the virtual service. Default: `ipv4`.
                optional "family" family: At<Family>;
                /// What serves on the real servers: `mysql`, a mysqld; `tcp-echo` or `udp-echo`, the
                /// harness's own echo server, which answers a line with its name and that line; `program`, a
                /// program of your own (`server-program`). With `udp-echo` the virtual service is one of
                /// UDP. Default: `mysql`.
                optional "server" server: At<ServerKind>;
                /// The program that serves on every real server, with `server: program`.
                optional "server-program" server_program: ServerProgramInput;
                /// The port that the real servers listen to, if it is not the virtual service's. For
                /// `masquerading`: the other methods leave a packet's port as it is.
                optional "server-port" server_port: At<ServerPort>;
                /// The MTU of the real servers' network cards. Default: 1500.
                optional "server-mtu" server_mtu: At<Mtu>;
                /// Each packet is scheduled by itself, and leaves no entry: ipvsadm(8)'s `-o`. For
                /// `udp-echo`.
                optional "one-packet" one_packet: At<Yes>;
                /// Persistence: for so long after its last connection a client's next one goes to the same
                /// real server. ipvsadm(8)'s `-p`, in whole seconds.
                optional "persistence" persistence: At<Seconds>;
                /// Clients whose addresses have a prefix of this length in common are one client to
                /// `persistence`: ipvsadm(8)'s `-M`. Default: each address is a client of its own.
                optional "persistence-prefix" persistence_prefix: At<PrefixLength>;
                /// The virtual service is one of a firewall mark, ipvsadm(8)'s `-f`: a rule of the director's
                /// firewall gives this mark to what comes for the VIP and the port.
                optional "firewall-mark" firewall_mark: At<Mark>;
                /// The scheduler, by its name in ipvsadm(8). Default: `rr`.
                optional "scheduler" scheduler: At<Scheduler>;
                /// The scheduler's flags, ipvsadm(8)'s `-b`: `sh-port` and `mh-port` take the client's port
                /// into the hash, `sh-fallback` and `mh-fallback` look for another server in place of one
                /// that has weight 0.
                optional "scheduler-flags" scheduler_flags: List<At<SchedulerFlag>>;
                /// Further virtual services of the VIP by name, each on a port of its own. A real server says
                /// by its `services` in which it is. Those of a value come after the lab's.
                optional "services" services: Map<Name, ServiceInput>;
                /// The real servers by name, in the order in which they are added to the table. Those of a
                /// value come after the lab's.
                $servers "real-servers" real_servers: RealServers;
                /// What is built wrong on purpose, by host: `rs1: no-vip`. The lab is made as it should be
                /// and shown to be ready; then this is done to it. Of a real server: `answers-arp`, it
                /// answers ARP requests for the VIP; `no-vip`, it does not have the VIP; `wrong-gateway`, it
                /// is masqueraded and does not send its answers to the director; `wrong-tunnel-port`, its
                /// tunnels of GUE end at another port. Of a director: `no-forwarding`, it passes on
                /// nothing that is not for it.
                optional "misbuilt" misbuilt: Misbuilds;
                /// keepalived on the director: it fills the table and edits it by its health checks. Without
                /// it the steps of the scenario are the only ones who edit the table.
                optional "keepalived" keepalived: KeepalivedInput;
                /// ldirectord on the director, in place of keepalived: it fills the table and edits it by its
                /// health checks.
                optional "ldirectord" ldirectord: LdirectordInput;
                /// The directors: how many there are, 1 or 2, which are then called `director` and
                /// `director2`; or their names, `{ lb1: {}, lb2: {} }`. Two are on the same links, and the
                /// first one has the VIP at first. keepalived on both moves it between them by VRRP; without
                /// keepalived steps do (`move-vip`). A director with a name may have `sysctls` of its own,
                /// set after `director-sysctls`. Default: 1.
                optional "directors" directors: DirectorsInput;
                /// The client host has so many addresses, each that of a client of its own to the director:
                /// for `connect-each`, and for `from` of a `connect`. For `tcp-echo`. Default: one.
                optional "clients" clients: At<Clients>;
                /// The client program and its settings. Without it the client is the driver mysql_async,
                /// unset, or the one that fits other servers.
                optional "client" client: ClientInput;
                /// Clients that ask again and again from the beginning to the end, on a host of their own,
                /// `probe`, beside the client: they show outages, and how long these last (`outage`). Those
                /// of a value come after the lab's.
                optional "probes" probes: Probes;
                /// The mysqld of every real server. Statements of a value come after the lab's.
                optional "mysqld" mysqld: MysqldInput;
                /// Sysctls of the director, or of both, set before the virtual service is made.
                optional "director-sysctls" director_sysctls: Sysctls;
                /// Sysctls of the client.
                optional "client-sysctls" client_sysctls: Sysctls;
                /// Sysctls of every real server.
                optional "server-sysctls" server_sysctls: Sysctls;
                $($own)*
            }
        }

        impl SaysOfLab for $name {
            fn lab(&self) -> LabFields<'_> {
                LabFields {
                    forwarding: self.forwarding.as_ref(),
                    tunnel_type: self.tunnel_type.as_ref(),
                    tunnel_port: self.tunnel_port.as_ref(),
                    tunnel_family: self.tunnel_family.as_ref(),
                    wired_for: self.wired_for.as_ref(),
                    wiring: self.wiring.as_ref(),
                    vip: self.vip.as_ref(),
                    client_at: self.client_at.as_ref(),
                    family: self.family.as_ref(),
                    server: self.server.as_ref(),
                    server_program: self.server_program.as_ref(),
                    server_port: self.server_port.as_ref(),
                    server_mtu: self.server_mtu.as_ref(),
                    one_packet: self.one_packet.as_ref(),
                    persistence: self.persistence.as_ref(),
                    persistence_prefix: self.persistence_prefix.as_ref(),
                    firewall_mark: self.firewall_mark.as_ref(),
                    scheduler: self.scheduler.as_ref(),
                    scheduler_flags: self.scheduler_flags.as_ref(),
                    services: self.services.as_ref(),
                    real_servers: self.real_servers.as_ref(),
                    real_servers_known: self.knows("real-servers"),
                    misbuilt: self.misbuilt.as_ref(),
                    keepalived: self.keepalived.as_ref(),
                    ldirectord: self.ldirectord.as_ref(),
                    directors: self.directors.as_ref(),
                    clients: self.clients.as_ref(),
                    client: self.client.as_ref(),
                    client_known: self.knows("client"),
                    probes: self.probes.as_ref(),
                    mysqld: self.mysqld.as_ref(),
                    director_sysctls: self.director_sysctls.as_ref(),
                    client_sysctls: self.client_sysctls.as_ref(),
                    server_sysctls: self.server_sysctls.as_ref(),
                }
            }
        }
    };
}

/// What has the fields of a lab.
pub(super) trait SaysOfLab {
    /// Those fields.
    fn lab(&self) -> LabFields<'_>;
}

/// The fields of a lab, or of a value: see their table.
#[derive(Clone, Copy)]
pub(super) struct LabFields<'i> {
    pub(super) forwarding: Option<&'i At<Forwarding>>,
    pub(super) tunnel_type: Option<&'i At<TunnelType>>,
    pub(super) tunnel_port: Option<&'i At<ServerPort>>,
    pub(super) tunnel_family: Option<&'i At<Family>>,
    pub(super) wired_for: Option<&'i List<At<Forwarding>>>,
    pub(super) wiring: Option<&'i At<Wiring>>,
    pub(super) vip: Option<&'i At<Vip>>,
    pub(super) client_at: Option<&'i At<ClientAt>>,
    pub(super) family: Option<&'i At<Family>>,
    pub(super) server: Option<&'i At<ServerKind>>,
    pub(super) server_program: Option<&'i ServerProgramInput>,
    pub(super) server_port: Option<&'i At<ServerPort>>,
    pub(super) server_mtu: Option<&'i At<Mtu>>,
    pub(super) one_packet: Option<&'i At<Yes>>,
    pub(super) persistence: Option<&'i At<Seconds>>,
    pub(super) persistence_prefix: Option<&'i At<PrefixLength>>,
    pub(super) firewall_mark: Option<&'i At<Mark>>,
    pub(super) scheduler: Option<&'i At<Scheduler>>,
    pub(super) scheduler_flags: Option<&'i List<At<SchedulerFlag>>>,
    pub(super) services: Option<&'i Map<Name, ServiceInput>>,
    pub(super) real_servers: Option<&'i RealServers>,
    pub(super) real_servers_known: bool,
    pub(super) misbuilt: Option<&'i Misbuilds>,
    pub(super) keepalived: Option<&'i KeepalivedInput>,
    pub(super) ldirectord: Option<&'i LdirectordInput>,
    pub(super) directors: Option<&'i DirectorsInput>,
    pub(super) clients: Option<&'i At<Clients>>,
    pub(super) client: Option<&'i ClientInput>,
    pub(super) client_known: bool,
    pub(super) probes: Option<&'i Probes>,
    pub(super) mysqld: Option<&'i MysqldInput>,
    pub(super) director_sysctls: Option<&'i Sysctls>,
    pub(super) client_sysctls: Option<&'i Sysctls>,
    pub(super) server_sysctls: Option<&'i Sysctls>,
}

lab_structure! {
    /// A client, a director and real servers.
    LabInput with required real servers {}
}

structure! {
    /// A real server with its mysqld, in the director's table from the beginning, or standing by.
    RealServerInput {
        /// It is not in the director's table at the beginning, though all of it runs: a fresh server that
        /// `add-real-server` puts in, with a weight of that step's.
        optional "stands-by" stands_by: At<Yes>;
        /// With so many connections in the director's table, those in their last states included, it gets no
        /// new one: ipvsadm(8)'s `-x`.
        optional "upper-threshold" upper_threshold: At<Threshold>;
        /// Once it is at its upper threshold it gets new ones again when it has fewer connections than this:
        /// ipvsadm(8)'s `-y`. Default: three quarters of the upper one.
        optional "lower-threshold" lower_threshold: At<Threshold>;
        /// Its weight in the table. A server of weight 0 gets no new connection.
        default(DEFAULT_WEIGHT) "weight" weight: At<Weight>;
        /// How packets reach it, if not as they reach the others of the lab.
        optional "forwarding" forwarding: At<Forwarding>;
        /// The type of its tunnel, if not that of the lab.
        optional "tunnel-type" tunnel_type: At<TunnelType>;
        /// The port of UDP at which its tunnel of GUE ends, if not that of the lab.
        optional "tunnel-port" tunnel_port: At<ServerPort>;
        /// The address family of the packets around those of its tunnel, if not that of the lab.
        optional "tunnel-family" tunnel_family: At<Family>;
        /// The port that it listens to, if not that of the lab's others.
        optional "port" port: At<ServerPort>;
        /// The virtual services that it is in, by their names in `services`; the lab's own is `service`.
        /// Default: the lab's own alone.
        optional "services" services: List<At<Name>>;
    }
}

structure! {
    /// A further virtual service of the VIP, over the same protocol as the lab's own.
    ServiceInput {
        /// Its port.
        required "port" port: At<ServerPort>;
        /// It is no service of its own: the director's firewall gives what comes for its port the lab's
        /// `firewall-mark`, too, and IPVS takes both ports for one service.
        optional "same-mark" same_mark: At<Yes>;
        /// Its scheduler. Default: `rr`.
        optional "scheduler" scheduler: At<Scheduler>;
        /// Its persistence, as the lab's own has it.
        optional "persistence" persistence: At<Seconds>;
    }
}

lab_structure! {
    /// A value of an axis: what it adds to its cells. `{}` adds nothing. Whatever a lab can say a value can
    /// say, too, and then the value's word counts; its real servers and statements are added to the lab's.
    ValueInput with optional real servers {
        /// Steps that it adds before the change.
        optional "before" before: Steps;
        /// Steps that it adds to the change.
        optional "change" change: Steps;
        /// Steps that it adds after the change.
        optional "act" act: Steps;
    }
}

structure! {
    /// How long silence is borne, and how long it is watched.
    ObserveInput {
        /// An answer or an error within this time is fast; silence beyond it is a hang. At least `100ms`. For
        /// a statement it counts from the time at which a healthy server would have answered (`takes`).
        required "patience" patience: At<Duration>;
        /// How long the cell is watched, from the beginning of its `act` steps, to see how a silence ends. At
        /// most `24h`.
        required "until" until: At<Duration>;
        /// Which operation of the client's in `act` is classified: `last`, the last one that was reached; or
        /// `worst`, the one that fared worst: still waiting, then the longest silence beyond patience, then
        /// an error. Default: `last`. A row says so when another one of them fared worse.
        optional "judge" judge: At<Judged>;
        /// A run tries the statements once in a healthy lab, without any change, where each must be answered:
        /// else its cells are undetermined. With this nothing is tried: it is meant that operations fail, or
        /// wait, without any change.
        optional "fails-without-change" fails_without_change: At<Yes>;
    }
}

structure! {
    /// What is expected of some cells: either a `behaviour`, or `observe-only`.
    ExpectationInput {
        /// Which cells: for an axis, the value or the list of values that match. An axis that is not named
        /// matches with any value; without `when` every cell matches. `kernel` is no axis, but the line of
        /// Linux that the cell is run on: `<5.9`, `<=5.8`, `>=5.9`, `>5.8`, `6.1`, several that must all
        /// hold as `">=5.9 <6.5"`, or a list of which one must hold.
        optional "when" when: Map<Name, OneOrMany<At<Matched>>>;
        /// What the client lives through: `answered` (the operation succeeds within patience), `failed-fast`
        /// (it fails within patience) or `hung` (silence beyond patience).
        optional "behaviour" behaviour: At<BehaviourName>;
        /// How a hang ends: by an `answer`, by an `error`, or not before the observation does (`none`). Only
        /// with `hung`.
        optional "ends" ends: At<HangEndName>;
        /// The classic mysql client's code of the error: 2002, 2003 (cannot connect), 2006 (server has gone
        /// away) or 2013 (lost connection during query), or the server's own number: 1205 (lock wait timeout
        /// exceeded). With `failed-fast`, or with `hung` and `ends: error`.
        optional "error" error: At<ErrorCode>;
        /// The errno of the error as Linux numbers it: 104 ECONNRESET, 110 ETIMEDOUT, 111 ECONNREFUSED. As
        /// with `error`.
        optional "errno" errno: At<Errno>;
        /// The operation lasts at least this long, from its beginning to its end.
        optional "at-least" at_least: At<Duration>;
        /// The operation lasts at most this long, from its beginning to its end.
        optional "at-most" at_most: At<Duration>;
        /// The real server, or the list of those, of which one serves the connection of the operation. A cell
        /// whose change is made to other servers only has tested nothing, unless this says that the
        /// connection is meant to be on a server that is left alone.
        optional "served-by" served_by: OneOrMany<At<Name>>;
        /// How the clients of `connect-each` are spread over the real servers.
        optional "clients" clients: SpreadInput;
        /// What the probes of the lab live through.
        optional "outage" outage: OutageInput;
        /// Nothing is expected: the cells are run, classified and shown, and not held against anything.
        optional "observe-only" observe_only: At<Yes>;
    }
}

structure! {
    /// How the clients of the last `connect-each` of `act` are spread over the real servers. Each number is
    /// one such as `12`, or two such as `8-14`, of which both are within.
    SpreadInput {
        /// How many of them reach another real server than with the last `connect-each` of `before`. Only
        /// those count whose server has stayed: it is in the director's table, and its weight is not 0.
        optional "moved" moved: At<Count>;
        /// How many get an error.
        optional "failed" failed: At<Count>;
        /// How many are served by which real server. One that is not named may serve any number.
        optional "served" served: Map<Name, At<Count>>;
    }
}
