//! The file as typed: its fields in the words of the language. The doc comments here are what authors read,
//! in the JSON schema and in docs/scenarios.md.

mod client;
mod mysqld;
mod operation;

pub(super) use client::{ClientInput, KeepaliveInput, ProgramInput};
use mysqld::MysqldInput;
use operation::DisconnectInput;
pub(super) use operation::{ConnectInput, ConnectionInput, StatementInput};

use super::place::At;
use super::read::{Input, List, Map, OneOrMany};
use super::scalar::{
    Errno, ErrorCode, Method, Port, Scheduler, Seconds, SysctlKey, SysctlValue, Text, Weight, Yes,
};
use super::table::{self, actions, structure};
use super::yaml::Node;
use super::{BehaviourName, Forwarding, HangEndName};
use crate::Name;
use crate::action::{Chain, FirewallVerdict, Neighbours, Percent, StopSignal};
use crate::base::DEFAULT_WEIGHT;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::borrow::Cow;
use std::time::Duration;

type Steps = List<At<StepInput>>;
type Sysctls = Map<SysctlKey, At<SysctlValue>>;
type RealServers = Map<Name, RealServerInput>;

structure! {
    /// A scenario of lvs-matrix: a claim about clients behind an IPVS director, and the cells that show it.
    ScenarioInput {
        /// The scenario's name, the first part of its cells' ids.
        required "name" name: At<Name>;
        /// What the scenario shows, in a sentence or two of plain text. The report begins with it.
        required "claim" claim: At<Text>;
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
    }
}

structure! {
    /// A client, a director and real servers on one link.
    LabInput {
        /// How packets reach a real server; ipvsadm(8)'s `-g`.
        default("direct-routing") "forwarding" forwarding: At<Forwarding>;
        /// The scheduler, by its name in ipvsadm(8).
        default("rr") "scheduler" scheduler: At<Scheduler>;
        /// The real servers by name, in the order in which they are added to the table.
        required "real-servers" real_servers: RealServers;
        /// The client program and its settings. Without it the client is the driver mysql_async, unset.
        optional "client" client: ClientInput;
        /// The mysqld of every real server.
        optional "mysqld" mysqld: MysqldInput;
        /// Sysctls of the director, set before the virtual service is made.
        optional "director-sysctls" director_sysctls: Sysctls;
        /// Sysctls of the client.
        optional "client-sysctls" client_sysctls: Sysctls;
        /// Sysctls of every real server.
        optional "server-sysctls" server_sysctls: Sysctls;
    }
}

structure! {
    /// A real server with its mysqld, in the director's table from the beginning.
    RealServerInput {
        /// Its weight in the table. A server of weight 0 gets no new connection.
        default(DEFAULT_WEIGHT) "weight" weight: At<Weight>;
    }
}

structure! {
    /// A value of an axis: what it adds to its cells. `{}` adds nothing.
    ValueInput {
        /// Real servers that it adds to the lab's.
        optional "real-servers" real_servers: RealServers;
        /// The client program and its settings; each wins over the lab's.
        optional "client" client: ClientInput;
        /// Sysctls of the director; they win over the lab's.
        optional "director-sysctls" director_sysctls: Sysctls;
        /// Sysctls of the client; they win over the lab's.
        optional "client-sysctls" client_sysctls: Sysctls;
        /// Sysctls of every real server; they win over the lab's.
        optional "server-sysctls" server_sysctls: Sysctls;
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
        /// matches with any value; without `when` every cell matches.
        optional "when" when: Map<Name, OneOrMany<At<Name>>>;
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
        /// Nothing is expected: the cells are run, classified and shown, and not held against anything.
        optional "observe-only" observe_only: At<Yes>;
    }
}

actions! {
    /// A step: a map with one key, the action, and under it the action's fields.
    StepInput {
        /// The operator deletes a real server from the virtual service: `ipvsadm -d`.
        "remove-real-server" RemoveRealServer(ServerInput);
        /// The operator adds a real server (again): `ipvsadm -a`.
        "add-real-server" AddRealServer(AddInput);
        /// The operator changes a real server's weight: `ipvsadm -e -w`. Weight 0 takes no new connection and
        /// keeps the old ones.
        "set-weight" SetWeight(WeightInput);
        /// The operator edits a real server's packet-forwarding method: `ipvsadm -e` with `-g`, `-m` or `-i`.
        /// The lab's hosts stay set up for the lab's own method, and connections that there are keep theirs.
        "set-forwarding" SetForwarding(ForwardingInput);
        /// The operator deletes a virtual service with its real servers: `ipvsadm -D`.
        "remove-service" RemoveService(ServiceInput);
        /// The operator adds a virtual service without real servers: `ipvsadm -A`. Without a port it is the
        /// cell's own, again.
        "add-service" AddService(ServiceInput);
        /// The operator edits the virtual service's scheduler: `ipvsadm -E -s`.
        "set-scheduler" SetScheduler(SchedulerInput);
        /// The operator deletes every service: `ipvsadm -C`.
        "flush-table" FlushTable(NoFields);
        /// The operator saves the table: `ipvsadm -S -n`.
        "save-table" SaveTable(NoFields);
        /// The operator restores the table that was saved: `ipvsadm -R`. Of what was saved nothing may be in
        /// the table.
        "restore-table" RestoreTable(NoFields);
        /// The operator sets how long connection entries live without a packet: `ipvsadm --set`. An entry
        /// that is there gets it with its next packet.
        "set-timeouts" SetTimeouts(TimeoutsInput);
        /// A mysqld is ended by a signal; done when the process is gone.
        "stop-mysqld" StopMysqld(StopInput);
        /// A mysqld that was stopped is started again; done when it answers.
        "start-mysqld" StartMysqld(ServerInput);
        /// A mysqld is stopped by SIGSTOP: none of its threads runs any more, while its kernel still
        /// acknowledges segments and accepts connections.
        "freeze-mysqld" FreezeMysqld(ServerInput);
        /// A mysqld that was frozen goes on (SIGCONT); done when it answers.
        "thaw-mysqld" ThawMysqld(ServerInput);
        /// The host goes silent as if its power failed: neither FIN nor RST nor ARP comes from it any more.
        "power-off" PowerOff(PowerOffInput);
        /// The host's cable is pulled: the switch's port goes down, and the host has no carrier. The others
        /// learn by ARP that it is gone.
        "link-down" LinkDown(CableInput);
        /// The host's cable is plugged in again.
        "link-up" LinkUp(CableInput);
        /// A host's firewall gets a rule for the packets of the virtual service, at the end of a chain:
        /// `nft add rule`.
        "add-firewall-rule" AddFirewallRule(FirewallInput);
        /// Every rule of a host's firewall goes: `nft flush ruleset`.
        "flush-firewall" FlushFirewall(NodeInput);
        /// The link to a host delays and loses what is sent to the host, from now on:
        /// `tc qdisc replace … netem`. With neither it is as at the beginning.
        "set-netem" SetNetem(NetemInput);
        /// A sysctl is written in a host's network namespace, and read back.
        "set-sysctl" SetSysctl(SysctlInput);
        /// The client opens a connection to the virtual service: TCP handshake, greeting, login.
        "connect" Connect(ConnectInput);
        /// The client begins to open a connection; the next step begins once its first SYN is out.
        "start-connect" StartConnect(ConnectInput);
        /// The client waits until the connection that `start-connect` began is open.
        "await-connect" AwaitConnect(ConnectionInput);
        /// The client sends a statement and waits for its result.
        "query" Query(StatementInput);
        /// The client sends a statement; the next step begins once it is on its way.
        "start-query" StartQuery(StatementInput);
        /// The client waits for the result of the statement that `start-query` sent.
        "await-result" AwaitResult(ConnectionInput);
        /// The client closes a connection. It is not classified.
        "disconnect" Disconnect(DisconnectInput);
        /// Nothing is done for this long.
        "wait" Wait(At<Duration>);
    }
}

structure! {
    /// Names a real server.
    ServerInput {
        /// A real server of the lab.
        required "server" server: At<Name>;
    }
}

structure! {
    /// A real server to add, with its weight.
    AddInput {
        /// A real server of the lab.
        required "server" server: At<Name>;
        /// Its weight in the table.
        default(DEFAULT_WEIGHT) "weight" weight: At<Weight>;
    }
}

structure! {
    /// A real server and its new weight.
    WeightInput {
        /// A real server of the lab.
        required "server" server: At<Name>;
        /// Its new weight in the table.
        required "weight" weight: At<Weight>;
    }
}

structure! {
    /// A mysqld to stop, and how.
    StopInput {
        /// The real server it runs on.
        required "server" server: At<Name>;
        /// `TERM`: an orderly shutdown, as `systemctl stop` does it. `KILL`: the process is gone at once, and
        /// its kernel closes the sockets.
        default("TERM") "signal" signal: At<StopSignal>;
    }
}

structure! {
    /// A real server and its new packet-forwarding method.
    ForwardingInput {
        /// A real server of the lab.
        required "server" server: At<Name>;
        /// Its new method: ipvsadm(8)'s `-g`, `-m` or `-i`.
        required "method" method: At<Method>;
        /// Its weight in the table, which `ipvsadm -e` sets as well.
        default(DEFAULT_WEIGHT) "weight" weight: At<Weight>;
    }
}

structure! {
    /// A virtual service.
    ServiceInput {
        /// The port of another service of the VIP. Without it, the cell's own service.
        optional "port" port: At<Port>;
    }
}

structure! {
    /// A scheduler.
    SchedulerInput {
        /// The scheduler, by its name in ipvsadm(8).
        required "scheduler" scheduler: At<Scheduler>;
    }
}

structure! {
    /// Time-outs of connection entries.
    TimeoutsInput {
        /// In state ESTABLISHED, in whole seconds. At the beginning of a cell it is `900s`.
        required "tcp" tcp: At<Seconds>;
        /// After a FIN, in whole seconds. At the beginning of a cell it is `120s`.
        optional "tcp-fin" tcp_fin: At<Seconds>;
    }
}

structure! {
    /// A host whose cable is pulled or plugged in.
    CableInput {
        /// `director`, or a real server of the lab. Not `client`: what it sends would pass no interface, and
        /// nothing could show that it was sent. To cut the client off, let its link lose everything:
        /// `set-netem: { node: client, loss: 100% }`.
        required "node" node: At<Name>;
    }
}

structure! {
    /// A host to power off, and how the others see it.
    PowerOffInput {
        /// A real server of the lab.
        required "server" server: At<Name>;
        /// `permanent`: the director and the client keep its Ethernet address, as if a router stood between,
        /// and what they send goes into the void. `dynamic`: as on a flat segment, they find out by ARP that
        /// nobody is there. A neighbour counts as reachable for a random 15 to 45 s after its last
        /// confirmation, and is used on until a check has failed (NUD_REACHABLE, STALE, DELAY of 5 s, PROBE):
        /// it took 14 to 72 s.
        default("permanent") "neighbours" neighbours: At<Neighbours>;
    }
}

structure! {
    /// Names a host.
    NodeInput {
        /// `client`, `director`, or a real server of the lab.
        required "node" node: At<Name>;
    }
}

structure! {
    /// A rule of a firewall. It is for the packets of the virtual service, in the direction of the chain.
    FirewallInput {
        /// `client`, `director`, or a real server of the lab.
        required "node" node: At<Name>;
        /// `input`: what comes to the host, on the director before IPVS sees it. `output`: what the host
        /// sends, on the director what IPVS forwards.
        required "chain" chain: At<Chain>;
        /// `drop`: nothing is said. `reject`: ICMP port unreachable goes back. `tcp-reset`: an RST goes back.
        required "verdict" verdict: At<FirewallVerdict>;
    }
}

structure! {
    /// What happens to what is sent to a host.
    NetemInput {
        /// `client`, `director`, or a real server of the lab.
        required "node" node: At<Name>;
        /// How long each packet is held, beyond the 100 µs of the lab's links.
        default("0s") "delay" delay: At<Duration>;
        /// How many of them are lost, at random.
        default("0%") "loss" loss: At<Percent>;
    }
}

structure! {
    /// A sysctl to write.
    SysctlInput {
        /// `client`, `director`, or a real server of the lab.
        required "node" node: At<Name>;
        /// Its name with dots.
        required "key" key: At<SysctlKey>;
        /// Its new value.
        required "value" value: At<SysctlValue>;
    }
}

/// An action without fields: `{}`.
#[derive(Debug, Clone)]
pub(super) struct NoFields;

impl Input for NoFields {
    fn read(node: &Node, mistakes: &mut super::mistake::Mistakes) -> Option<Self> {
        table::fields(node, &[], mistakes)?.complete().then_some(Self)
    }
}

impl JsonSchema for NoFields {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "NoFields".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        super::schema::structure("It has no fields.", &[], [])
    }
}
