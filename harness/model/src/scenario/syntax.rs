//! The file as typed: its fields in the words of the language. The doc comments here are what authors read,
//! in the JSON schema and in docs/scenarios.md. What a step can do is said elsewhere: [`crate::action`].

mod client;
mod mysqld;
mod step;

pub(super) use client::{ClientInput, KeepaliveInput, ProgramInput};
use mysqld::MysqldInput;
pub(super) use step::Placed;

use super::place::At;
use super::read::{List, Map, OneOrMany};
use super::scalar::{Errno, ErrorCode, Scheduler, SysctlKey, SysctlValue, Text, Weight, Yes};
use super::table::structure;
use super::{BehaviourName, Forwarding, HangEndName};
use crate::Name;
use crate::base::DEFAULT_WEIGHT;
use std::time::Duration;

type Steps = List<Placed>;
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
