//! What was found instead of what a step or a setting was to bring about: see [`shown`](super::shown).

use super::{PortState, Proof, Tracked};
use crate::action::{Chain, Node};
use crate::sentence::readable_sentences;

readable_sentences! {
    /// What was found instead of what a step or a setting was to bring about.
    pub enum Instead {
        /// A mysqld that was stopped is there.
        MysqldRuns => "a mysqld runs",
        /// keepalived that was stopped runs.
        KeepalivedRuns => "keepalived runs",
        /// The sync daemons are others than the step said.
        OtherSyncDaemons {
            /// What `ipvsadm -l --daemon` lists.
            listed: String,
        } => "ipvsadm lists these sync daemons: {listed}",
        /// A server that was stopped runs.
        ServerRuns => "a server runs",
        /// A server that was frozen is not frozen.
        ServerNotFrozen => "the server runs",
        /// A server that was frozen has ended.
        ServerEnded {
            /// How.
            status: String,
        } => "the server has ended: {status}",
        /// A mysqld that was frozen is not frozen.
        MysqldNotFrozen => "the mysqld runs",
        /// A mysqld that was frozen has ended.
        MysqldEnded {
            /// How.
            status: String,
        } => "the mysqld has ended: {status}",
        /// A host that has started again has a connection of before.
        ConnectionLeft {
            /// What `ss` shows.
            line: String,
        } => "a connection of before is left: {line}",
        /// The VIP is not where it was moved to.
        OtherVip {
            /// The host that was looked at.
            node: Node,
            /// What `ip addr` shows of the VIP there.
            shows: String,
        } => "`ip addr` on {node} shows of the VIP: {shows}",
        /// The bridge's port has another state.
        OtherPortState {
            /// The state that it was to have.
            state: PortState,
            /// What `ip link` shows.
            shown: String,
        } => "the port is not in state {state}: {shown}",
        /// The firewall has no such rule.
        NoSuchRule {
            /// The rule.
            rule: String,
            /// In which chain.
            chain: Chain,
            /// In which table, by its family and its name.
            table: String,
            /// What nft lists.
            shown: String,
        } => "nft lists no rule `{rule}` in the {chain} chain of {table}: {shown}",
        /// The firewall is not empty.
        StillRules {
            /// What nft lists.
            shown: String,
        } => "nft still lists: {shown}",
        /// Connections are still tracked.
        StillTracked {
            /// How many.
            connections: Tracked,
        } => "{connections} still tracked",
        /// What tc printed is not what it prints.
        UnreadableQdisc {
            /// What is wrong with it.
            error: String,
            /// What tc printed.
            shown: String,
        } => "tc's answer cannot be read ({error}): {shown}",
        /// The link has no qdisc that delays.
        NoNetem {
            /// The bridge's port to the host.
            port: String,
            /// What tc shows.
            shown: String,
        } => "{port} has no netem: {shown}",
        /// The link delays or loses otherwise.
        OtherLink {
            /// The bridge's port to the host.
            port: String,
            /// What tc shows.
            shown: String,
        } => "the qdisc of {port} is another: {shown}",
        /// A card has another MTU.
        OtherMtu {
            /// What ip shows.
            shown: String,
        } => "ip shows another MTU: {shown}",
        /// The firewall lacks a rule about the size of packets.
        NoRuleOfSizes {
            /// The rule.
            rule: String,
            /// What nft lists.
            shown: String,
        } => "nft lists no rule `{rule}`: {shown}",
        /// The sysctl reads otherwise.
        OtherSysctl {
            /// What it reads.
            found: String,
            /// What it was set to.
            value: String,
        } => "it reads `{found}`, not `{value}`",
        /// The client's sockets cannot be listed.
        NoSockets {
            /// Why.
            error: String,
        } => "the client's sockets cannot be looked at: {error}",
        /// The client has no new socket.
        NoNewSocket => "no new socket of the client is connected to the service",
        /// The options of the client's socket cannot be read.
        NoOptions {
            /// Why.
            error: String,
        } => "the options of the client's socket: {error}",
        /// The client program lists the setting otherwise.
        OtherHelp {
            /// What it lists.
            shown: String,
        } => "`--help` with the same options lists: {shown}",
        /// A setting has another value.
        Other {
            /// What shows it.
            proof: Box<Proof>,
        } => "{proof}",
    }
}
