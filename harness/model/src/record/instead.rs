//! What was found instead of what a step or a setting was to bring about: see [`shown`](super::shown).

use super::{PortState, Proof, Tracked};
use crate::action::{Chain, Node};
use crate::sentence::{InChinese as _, readable_sentences};

readable_sentences! {
    /// What was found instead of what a step or a setting was to bring about.
    pub enum Instead {
        /// A mysqld that was stopped is there.
        MysqldRuns => "a mysqld runs" / "有 mysqld 在运行",
        /// keepalived that was stopped runs.
        KeepalivedRuns => "keepalived runs" / "keepalived 在运行",
        /// ldirectord that was stopped runs.
        LdirectordRuns => "ldirectord runs" / "ldirectord 在运行",
        /// The sync daemons are others than the step said.
        OtherSyncDaemons {
            /// What `ipvsadm -l --daemon` lists.
            listed: String,
        } => "ipvsadm lists these sync daemons: {listed}" / "ipvsadm 列出的同步守护进程是：{listed}",
        /// A server that was stopped runs.
        ServerRuns => "a server runs" / "有服务程序在运行",
        /// A server that was frozen is not frozen.
        ServerNotFrozen => "the server runs" / "服务程序在运行",
        /// A server that was frozen has ended.
        ServerEnded {
            /// How.
            status: String,
        } => "the server has ended: {status}" / "服务程序已结束：{status}",
        /// A mysqld that was frozen is not frozen.
        MysqldNotFrozen => "the mysqld runs" / "mysqld 在运行",
        /// A mysqld that was frozen has ended.
        MysqldEnded {
            /// How.
            status: String,
        } => "the mysqld has ended: {status}" / "mysqld 已结束：{status}",
        /// A host that has started again has a connection of before.
        ConnectionLeft {
            /// What `ss` shows.
            line: String,
        } => "a connection of before is left: {line}" / "还留有先前的连接：{line}",
        /// The VIP is not where it was moved to.
        OtherVip {
            /// The host that was looked at.
            node: Node,
            /// What `ip addr` shows of the VIP there.
            shows: String,
        } => "`ip addr` on {node} shows of the VIP: {shows}" / "{node} 上的 `ip addr` 显示的 VIP：{shows}",
        /// The bridge's port has another state.
        OtherPortState {
            /// The state that it was to have.
            state: PortState,
            /// What `ip link` shows.
            shown: String,
        } => "the port is not in state {state}: {shown}" / "端口的状态不是 {state}：{shown}",
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
        } => "nft lists no rule `{rule}` in the {chain} chain of {table}: {shown}"
            / "nft 在 {table} 的 {chain} 链中没有列出规则 `{rule}`：{shown}",
        /// The firewall is not empty.
        StillRules {
            /// What nft lists.
            shown: String,
        } => "nft still lists: {shown}" / "nft 仍列出：{shown}",
        /// Connections are still tracked.
        StillTracked {
            /// How many.
            connections: Tracked,
        } => "{connections} still tracked" / "仍有 {connections} 个连接被跟踪",
        /// What tc printed is not what it prints.
        UnreadableQdisc {
            /// What is wrong with it.
            error: String,
            /// What tc printed.
            shown: String,
        } => "tc's answer cannot be read ({error}): {shown}" / "无法读取 tc 的输出（{error}）：{shown}",
        /// The link has no qdisc that delays.
        NoNetem {
            /// The bridge's port to the host.
            port: String,
            /// What tc shows.
            shown: String,
        } => "{port} has no netem: {shown}" / "{port} 没有 netem：{shown}",
        /// The link delays or loses otherwise.
        OtherLink {
            /// The bridge's port to the host.
            port: String,
            /// What tc shows.
            shown: String,
        } => "the qdisc of {port} is another: {shown}" / "{port} 的 qdisc 是另一个：{shown}",
        /// A card has another MTU.
        OtherMtu {
            /// What ip shows.
            shown: String,
        } => "ip shows another MTU: {shown}" / "ip 显示的 MTU 不同：{shown}",
        /// The firewall lacks a rule about the size of packets.
        NoRuleOfSizes {
            /// The rule.
            rule: String,
            /// What nft lists.
            shown: String,
        } => "nft lists no rule `{rule}`: {shown}" / "nft 没有列出规则 `{rule}`：{shown}",
        /// The sysctl reads otherwise.
        OtherSysctl {
            /// What it reads.
            found: String,
            /// What it was set to.
            value: String,
        } => "it reads `{found}`, not `{value}`" / "读出为 `{found}`，不是 `{value}`",
        /// The client's sockets cannot be listed.
        NoSockets {
            /// Why.
            error: String,
        } => "the client's sockets cannot be looked at: {error}" / "无法查看客户端的套接字：{error}",
        /// The client has no new socket.
        NoNewSocket => "no new socket of the client is connected to the service"
            / "客户端没有连接到该服务的新套接字",
        /// The options of the client's socket cannot be read.
        NoOptions {
            /// Why.
            error: String,
        } => "the options of the client's socket: {error}" / "客户端套接字的选项：{error}",
        /// The client program lists the setting otherwise.
        OtherHelp {
            /// What it lists.
            shown: String,
        } => "`--help` with the same options lists: {shown}" / "以同样的选项执行 `--help`，列出的是：{shown}",
        /// A setting has another value.
        Other {
            /// What shows it.
            proof: Box<Proof>,
        } => "{proof}" / "{proof}",
    }
}
