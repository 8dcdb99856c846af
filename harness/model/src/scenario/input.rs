//! The file as typed: its fields in the words of the language. The doc comments here are what authors read, in the JSON
//! schema and in docs/scenarios.md.

use super::place::At;
use super::read::{Input, List, Map, OneOrMany};
use super::scalar::{Errno, ErrorCode, Scheduler, SysctlKey, SysctlValue, Text, Weight, Yes};
use super::table::{self, actions, structure};
use super::yaml::Node;
use super::{BehaviourName, Forwarding, HangEndName};
use crate::Name;
use crate::action::StopSignal;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::borrow::Cow;
use std::time::Duration;

/// The weight of a real server for which none is given: ipvsadm(8)'s own default.
pub(super) const DEFAULT_WEIGHT: u16 = 1;

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
        /// Steps of every cell before the change, ahead of those of its values: the client connects, starts a statement,
        /// grows old.
        optional "before" before: Steps;
        /// Steps of every cell that make the change, ahead of those of its values: what the operator or fate does.
        optional "change" change: Steps;
        /// Steps of every cell after the change, ahead of those of its values. The last operation of the client among the
        /// steps of `act` is the one that is classified.
        optional "act" act: Steps;
        /// What is varied, by name. Every combination of one value of each axis is a cell; the last axis varies fastest.
        /// Without axes there is one cell.
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
        /// An answer or an error within this time is fast; silence beyond it is a hang. At least `100ms`. For a statement it
        /// counts from the time at which a healthy server would have answered (`takes`).
        required "patience" patience: At<Duration>;
        /// How long the cell is watched, from the beginning of its `act` steps, to see how a silence ends. At most `24h`.
        required "until" until: At<Duration>;
    }
}

structure! {
    /// What is expected of some cells: either a `behaviour`, or `observe-only`.
    ExpectationInput {
        /// Which cells: for an axis, the value or the list of values that match. An axis that is not named matches with any
        /// value; without `when` every cell matches.
        optional "when" when: Map<Name, OneOrMany<At<Name>>>;
        /// What the client lives through: `answered` (the operation succeeds within patience), `failed-fast` (it fails within
        /// patience) or `hung` (silence beyond patience).
        optional "behaviour" behaviour: At<BehaviourName>;
        /// How a hang ends: by an `answer`, by an `error`, or not before the observation does (`none`). Only with `hung`.
        optional "ends" ends: At<HangEndName>;
        /// The classic mysql client's code of the error: 2002, 2003 (cannot connect), 2006 (server has gone away) or 2013 (lost
        /// connection during query). With `failed-fast`, or with `hung` and `ends: error`.
        optional "error" error: At<ErrorCode>;
        /// The errno of the error as Linux numbers it: 104 ECONNRESET, 110 ETIMEDOUT, 111 ECONNREFUSED. As with `error`.
        optional "errno" errno: At<Errno>;
        /// The operation lasts at least this long, from its beginning to its end.
        optional "at-least" at_least: At<Duration>;
        /// The operation lasts at most this long, from its beginning to its end.
        optional "at-most" at_most: At<Duration>;
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
        /// The operator changes a real server's weight: `ipvsadm -e -w`. Weight 0 takes no new connection and keeps the old
        /// ones.
        "set-weight" SetWeight(WeightInput);
        /// A mysqld is ended by a signal; done when the process is gone.
        "stop-mysqld" StopMysqld(StopInput);
        /// A mysqld that was stopped is started again; done when it answers.
        "start-mysqld" StartMysqld(ServerInput);
        /// The host goes silent as if its power failed: neither FIN nor RST nor ARP comes from it any more.
        "power-off" PowerOff(ServerInput);
        /// A sysctl is written in a host's network namespace, and read back.
        "set-sysctl" SetSysctl(SysctlInput);
        /// The client opens a connection to the virtual service: TCP handshake, greeting, login.
        "connect" Connect(NoFields);
        /// The client sends a statement and waits for its result.
        "query" Query(StatementInput);
        /// The client sends a statement; the next step begins once it is on its way.
        "start-query" StartQuery(StatementInput);
        /// The client waits for the result of the statement that `start-query` sent.
        "await-result" AwaitResult(NoFields);
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
        /// `TERM`: an orderly shutdown, as `systemctl stop` does it. `KILL`: the process is gone at once, and its kernel
        /// closes the sockets.
        default("TERM") "signal" signal: At<StopSignal>;
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

structure! {
    /// An SQL statement.
    StatementInput {
        /// Its text, sent as it stands, without blanks around it.
        required "sql" sql: At<Text>;
        /// How long a healthy server needs for it: `20s` for `select sleep(20)`. Patience begins after that.
        default("0s") "takes" takes: At<Duration>;
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
