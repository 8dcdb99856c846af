//! What a record says in sentences: what showed that a step had its effect. They are data, with
//! the words of each language. Records of format 1 held the English sentences.

use super::things::{Entries, Inactive, Listed, Packets, PortState, Rows, Sessions};
use crate::Name;
use crate::action::{Chain, Node, Percent};
use crate::control::ControlPlane;
use crate::duration::Human;
use crate::ipvs::Method;
use crate::sentence::{InChinese as _, readable_sentences};

readable_sentences! {
    /// What showed that a step had its effect, that it still has its effect, or that a setting is in force.
    pub enum Proof {
        /// The director chose the real server that the scenario names.
        Chosen {
            /// What showed that the client connects.
            proof: Box<Proof>,
            /// The client's port.
            port: u16,
            /// The real server to which the director's entry leads.
            server: Name,
        } => "{proof}; the director's entry for port {port} leads to {server}"
            / "{proof}；调度器中端口 {port} 的条目指向 {server}",
        /// The director was to choose a certain real server, and the client's SYN did not come so far.
        NotChosen {
            /// What showed that the client connects.
            proof: Box<Proof>,
        } => "{proof}; the director made no entry for it" / "{proof}；调度器没有为它建立条目",
        /// The client is logged in.
        Connected => "connected" / "已连接",
        /// The client has the whole answer.
        Answered => "answered" / "已得到应答",
        /// The time has passed.
        Waited => "waited" / "已等待",
        /// What was waited for has come true.
        CameTrue {
            /// How long it took.
            took: Human,
            /// What shows it.
            seen: Box<Proof>,
        } => "after {took}: {seen}" / "{took} 后：{seen}",
        /// What was waited for had not come true when the time for it was over.
        NotInTime {
            /// How long it was waited for.
            waited: Human,
            /// What was seen last.
            seen: Box<Proof>,
        } => "not so within {waited}: {seen}" / "{waited} 内未满足：{seen}",
        /// What was seen in the table of one of several directors.
        TableOf {
            /// Which one.
            director: Node,
            /// What was seen.
            seen: Box<Proof>,
        } => "{seen}, on {director}" / "{seen}（{director}）",
        /// The connections to a real server, as the director counts them.
        Connections {
            /// Those in state ESTABLISHED.
            active: u32,
            /// All others.
            inactive: Inactive,
            /// The real server.
            server: Name,
        } => "/proc/net/ip_vs counts {active} active and {inactive} to {server}"
            / "/proc/net/ip_vs 中 {server} 有 {active} 个活动连接和 {inactive} 个非活动连接",
        /// The director's entries of the client.
        Entries {
            /// How many there are.
            entries: Entries,
        } => "the client has {entries} in /proc/net/ip_vs_conn"
            / "客户端在 /proc/net/ip_vs_conn 中有 {entries} 个条目",
        /// The client has closed its connection.
        Closed => "closed" / "已关闭",
        /// The client has given its connect up.
        GivenUp => "the client gave the connect up, and closed its socket"
            / "客户端放弃了连接，并关闭了套接字",
        /// The table has the real server as it was to be.
        HasServer {
            /// The real server.
            server: Name,
            /// Its weight.
            weight: u16,
            /// Its packet-forwarding method.
            method: Method,
        } => "/proc/net/ip_vs has {server} with weight {weight} and {method}"
            / "/proc/net/ip_vs 中有 {server}，权重 {weight}，转发方式 {method}",
        /// The virtual service of the step is not in the table.
        NoSuchService => "/proc/net/ip_vs has no such service" / "/proc/net/ip_vs 中没有这个虚拟服务",
        /// The table is empty.
        NoService => "/proc/net/ip_vs has no service" / "/proc/net/ip_vs 中没有虚拟服务",
        /// The real server is not in the table.
        NoServer {
            /// The real server.
            server: Name,
        } => "/proc/net/ip_vs has no {server}" / "/proc/net/ip_vs 中没有 {server}",
        /// The virtual service is in the table, and it is empty.
        EmptyService => "/proc/net/ip_vs has the service, without real servers"
            / "/proc/net/ip_vs 中有该虚拟服务，没有真实服务器",
        /// The virtual service has this scheduler.
        HasScheduler {
            /// The scheduler, by its name in ipvsadm(8).
            scheduler: String,
        } => "/proc/net/ip_vs has the service with scheduler {scheduler}"
            / "/proc/net/ip_vs 中有该虚拟服务，调度算法为 {scheduler}",
        /// Every service of the saved table is there again.
        Restored => "/proc/net/ip_vs is as it was when the table was saved"
            / "/proc/net/ip_vs 与保存表时相同",
        /// `ipvsadm -S` printed a line for each service and destination of the kernel's table.
        Saved {
            /// The lines, with `; ` between them.
            lines: String,
        } => "ipvsadm saved {lines}" / "ipvsadm 保存了 {lines}",
        /// IPVS has begun to count anew.
        Zeroed {
            /// The packets that it had counted.
            before: u64,
            /// Those that it counts now.
            after: u64,
        } => "/proc/net/ip_vs_stats counts {after} packets, after {before}"
            / "/proc/net/ip_vs_stats 计有 {after} 个数据包，之前为 {before} 个",
        /// The VIP was moved from one director to another.
        VipMoved {
            /// Who has it now.
            to: Node,
            /// What `ip addr` shows of it there.
            shows: String,
            /// Who had it.
            from: Node,
        } => "`ip addr` on {to} shows {shows}, and none on {from}"
            / "{to} 上的 `ip addr` 显示 {shows}，{from} 上已没有",
        /// The VIP was given to a director. The other one is cut off, and keeps it.
        VipTaken {
            /// Who has it now.
            to: Node,
            /// What `ip addr` shows of it there.
            shows: String,
            /// Who has it still.
            from: Node,
        } => "`ip addr` on {to} shows {shows}; {from} is cut off, and has it still"
            / "{to} 上的 `ip addr` 显示 {shows}；{from} 已断开，仍持有该地址",
        /// A host has started again.
        Booted {
            /// The bridge's port to it.
            port: String,
            /// What its server says.
            seen: Box<Proof>,
        } => "{port} is in state UP, no connection of before is left, and {seen}"
            / "{port} 的状态为 UP，先前的连接已全部消失，{seen}",
        /// The time-outs of connection entries, in seconds.
        Timeouts {
            /// Of established TCP connections.
            tcp: u64,
            /// Of TCP connections after a FIN.
            fin: u64,
        } => "the time-outs are {tcp} s, after a FIN {fin} s" / "超时为 {tcp} 秒，FIN 之后为 {fin} 秒",
        /// The time-outs of connection entries, in seconds, where that of UDP was set.
        TimeoutsWithUdp {
            /// Of established TCP connections.
            tcp: u64,
            /// Of TCP connections after a FIN.
            fin: u64,
            /// Of UDP.
            udp: u64,
        } => "the time-outs of TCP, after a FIN and of UDP are {tcp} s, {fin} s and {udp} s"
            / "超时为 {tcp} 秒，FIN 之后 {fin} 秒，UDP {udp} 秒",
        /// The control plane runs, and the director's table is as its configuration says.
        #[serde(alias = "keepalived-runs")]
        ControlRuns {
            /// Which program it is.
            #[serde(default, skip_serializing_if = "ControlPlane::is_keepalived")]
            by: ControlPlane,
            /// What the service has.
            listed: Listed,
        } => "{by} runs, and /proc/net/ip_vs has {listed}"
            / "{by} 在运行，/proc/net/ip_vs 中{listed}",
        /// The control plane has read its configuration again.
        #[serde(alias = "keepalived-reloaded")]
        ControlReloaded {
            /// Which program it is.
            #[serde(default, skip_serializing_if = "ControlPlane::is_keepalived")]
            by: ControlPlane,
            /// What it logged then.
            #[serde(default = "reload_complete")]
            line: String,
            /// What the service has.
            listed: Listed,
        } => "{by} logged `{line}`, and /proc/net/ip_vs has {listed}"
            / "{by} 在日志中写下 `{line}`，/proc/net/ip_vs 中{listed}",
        /// The director has such a sync daemon.
        SyncDaemon {
            /// The line of `ipvsadm -l --daemon` that lists it.
            line: String,
        } => "ipvsadm lists the daemon `{line}`" / "ipvsadm 列出守护进程 `{line}`",
        /// The director has no such sync daemon.
        NoSyncDaemon {
            /// Which one: `master` or `backup`.
            state: String,
        } => "ipvsadm lists no {state} sync daemon" / "ipvsadm 没有列出 {state} 同步守护进程",
        /// Every process of the control plane has ended.
        #[serde(alias = "keepalived-ended")]
        ControlEnded {
            /// Which program it is.
            #[serde(default, skip_serializing_if = "ControlPlane::is_keepalived")]
            by: ControlPlane,
            /// How (`exit 0`, `signal 9`).
            status: String,
            /// What it left in the service.
            listed: Listed,
        } => "every process of {by} has ended ({status}), and /proc/net/ip_vs has {listed}"
            / "{by} 的所有进程都已结束（{status}），/proc/net/ip_vs 中{listed}",
        /// The mysqld has ended.
        ProcessEnded {
            /// How (`exit 0`, `signal 9`).
            status: String,
            /// The port on which the mysqld listened.
            port: u16,
        } => "the process ended ({status}), and nothing listens on port {port}"
            / "进程已结束（{status}），端口 {port} 上没有监听",
        /// The mysqld that was stopped is still not there.
        NoMysqld {
            /// How it ended.
            status: String,
        } => "no mysqld runs ({status})" / "没有 mysqld 在运行（{status}）",
        /// The mysqld is frozen.
        ProcessFrozen {
            /// The port on which it listens.
            port: u16,
        } => "every thread of the process that listens on port {port} is in state T"
            / "监听端口 {port} 的进程的所有线程都处于状态 T",
        /// The mysqld that was frozen is still frozen.
        StillFrozen => "every thread of the mysqld is in state T" / "mysqld 的所有线程都处于状态 T",
        /// The mysqld that was frozen runs.
        RunsAgain {
            /// The `server_id` that it answered with.
            id: u32,
        } => "it runs, and answers with server_id {id}" / "它在运行，并以 server_id {id} 应答",
        /// The mysqld was started.
        Started {
            /// The `server_id` that it answered with.
            id: u32,
        } => "it answers with server_id {id}" / "它以 server_id {id} 应答",
        /// The mysqld has ended the sessions of clients.
        SessionsEnded {
            /// How many it had.
            sessions: Sessions,
        } => "it had {sessions}, and has none any more" / "它曾有 {sessions} 个客户端会话，现在一个也没有",
        /// A server that names itself was started, or goes on.
        AnswersAs {
            /// The name that it answered with.
            server: Name,
        } => "it answers as {server}" / "它以 {server} 的名义应答",
        /// The server that was stopped is still not there.
        NoServerRuns {
            /// How it ended.
            status: String,
        } => "no server runs ({status})" / "没有服务程序在运行（{status}）",
        /// The control plane that was stopped is still not there.
        #[serde(alias = "no-keepalived")]
        NoControl {
            /// Which program it is.
            #[serde(default, skip_serializing_if = "ControlPlane::is_keepalived")]
            by: ControlPlane,
            /// How it ended.
            status: String,
        } => "no {by} runs ({status})" / "没有 {by} 在运行（{status}）",
        /// The server that was frozen is still frozen.
        ServerStillFrozen => "every thread of the server is in state T" / "服务程序的所有线程都处于状态 T",
        /// The state of the bridge's port to the host.
        Port {
            /// The port.
            port: String,
            /// Its state.
            state: PortState,
        } => "{port} is in state {state}" / "{port} 的状态为 {state}",
        /// A sysctl was read back.
        Sysctl {
            /// Its name, with dots.
            key: String,
            /// What it reads.
            value: String,
            /// On which node.
            node: Node,
        } => "{key} reads {value} on {node}" / "{node} 上的 {key} 读出为 {value}",
        /// The firewall is empty.
        NoRule => "nft lists no rule" / "nft 没有列出规则",
        /// The firewall has the rule.
        Rule {
            /// In which chain.
            chain: Chain,
            /// In which table, by its family and its name.
            table: String,
            /// The packets that the rule has met so far.
            packets: Packets,
        } => "nft lists the rule in the {chain} chain of {table}; it has met {packets}"
            / "nft 在 {table} 的 {chain} 链中列出该规则；它已匹配 {packets} 个数据包",
        /// The firewall is a stateful one.
        Stateful {
            /// On which host.
            node: Node,
            /// In which chain.
            chain: Chain,
            /// What passed so far because its connection was known.
            known: Packets,
            /// What passed so far as the beginning of a connection.
            new: Packets,
            /// What was dropped so far.
            dropped: Packets,
        } => "nft lists the stateful firewall in the {chain} chain of {node}; of known connections it has \
              met {known}, of new ones {new}, and it has dropped {dropped}"
            / "nft 列出 {node} 的 {chain} 链中的有状态防火墙；已知连接的数据包 {known} 个，新连接的 {new} 个，丢弃 {dropped} 个",
        /// The firewall answers SYNs.
        Synproxy {
            /// On which host.
            node: Node,
            /// The SYNs, and the acknowledgements of its answers to them, that it has met so far.
            answered: Packets,
            /// What was dropped so far, because it belonged to no connection that is known.
            dropped: Packets,
        } => "nft lists the synproxy of {node}; it has met {answered}, and has dropped {dropped} of unknown \
              connections"
            / "nft 列出 {node} 的 synproxy；它已处理 {answered} 个数据包，丢弃未知连接的 {dropped} 个",
        /// The connection tracking has forgotten all connections.
        Forgotten {
            /// On which host.
            node: Node,
            /// How many it knew.
            connections: u64,
        } => "conntrack of {node} has forgotten all connections; how many it had tracked: {connections}"
            / "{node} 的内核忘掉了它所跟踪的 {connections} 个连接",
        /// The MTU of the cards of a host.
        Mtu {
            /// Which host.
            node: Node,
            /// The MTU.
            mtu: u16,
        } => "every card of {node} has an MTU of {mtu}" / "{node} 的所有网卡的 MTU 为 {mtu}",
        /// The firewall drops ICMP.
        IcmpFiltered {
            /// On which host.
            node: Node,
            /// The packets that the rule has met so far.
            packets: Packets,
        } => "nft lists the rule of {node} against ICMP; it has met {packets}"
            / "nft 列出 {node} 丢弃 ICMP 的规则；它已匹配 {packets} 个数据包",
        /// The firewall drops VRRP.
        VrrpBlocked {
            /// On which host.
            node: Node,
            /// The packets that the rule has met so far.
            packets: Packets,
        } => "nft lists the rule of {node} against VRRP; it has met {packets}"
            / "nft 列出 {node} 丢弃 VRRP 的规则；它已匹配 {packets} 个数据包",
        /// The firewall lowers the MSS.
        MssClamped {
            /// On which host.
            node: Node,
            /// To how many bytes.
            size: u16,
            /// The packets that the rule has met so far.
            packets: Packets,
        } => "nft lists the rule of {node} for an MSS of {size}; it has met {packets}"
            / "nft 列出 {node} 将 MSS 限制为 {size} 的规则；它已匹配 {packets} 个数据包",
        /// The link delays and loses as it was told.
        Link {
            /// The bridge's port to the host.
            port: String,
            /// How long each packet is held, the link's own delay included.
            delay: Human,
            /// The share of packets that is lost.
            loss: Percent,
            /// How many were lost so far.
            packets: Packets,
        } => "the qdisc of {port} delays by {delay} and loses {loss}; it has lost {packets}"
            / "{port} 的 qdisc 延迟 {delay}，丢包 {loss}；已丢掉 {packets} 个数据包",
        /// The client began to connect.
        SynSent => "its SYN is on the wire" / "其 SYN 已在链路上",
        /// The client began to connect, and its own firewall let no SYN out.
        SynHeldBack => "its SYN has met the client's own firewall" / "其 SYN 遇到了客户端自己的防火墙",
        /// What ends the client's connection was sent.
        ClosingSent {
            /// `FIN` or `RST`.
            packet: String,
        } => "its {packet} is on the wire" / "其 {packet} 已在链路上",
        /// The client's connection was closed, and had nothing more to send.
        ClosedUnheard {
            /// `FIN` or `RST`.
            packet: String,
        } => "closed, without a {packet} on the wire" / "已关闭，链路上没有 {packet}",
        /// The operation that was started has an end.
        EndedAlready => "it ended already" / "它已经结束",
        /// The client's own firewall held the statement back.
        HeldBack => "it has met the client's own firewall" / "它遇到了客户端自己的防火墙",
        /// The statement was sent a second time.
        SentAgain => "it was sent again, not acknowledged" / "它被重发，没有得到确认",
        /// The statement runs.
        Runs {
            /// On which real server.
            server: Name,
        } => "it is in the process list of {server}" / "它在 {server} 的进程列表中",
        /// The request arrived at a real server's interface.
        ReachedServer {
            /// Which real server.
            server: Name,
        } => "it reached {server}" / "它已到达 {server}",
        /// The request left the client; nobody would acknowledge it.
        DatagramSent => "the datagram was sent" / "数据报已发出",
        /// The kernel has the statement that the frozen mysqld does not read.
        KernelHasIt {
            /// Of which real server.
            server: Name,
        } => "the kernel of {server}, whose mysqld is frozen, has acknowledged it"
            / "{server} 的 mysqld 已冻结，其内核已确认它",
        /// The server has the beginning of a long statement.
        KernelHasBeginning {
            /// Which real server.
            server: Name,
        } => "the kernel of {server} has acknowledged its beginning" / "{server} 的内核已确认其开头",
        /// The client has stopped reading, as it was told.
        StoppedReading {
            /// After how many rows.
            rows: Rows,
        } => "the client has read {rows} and stopped" / "客户端读取 {rows} 行后停止",
        /// How a socket of the client is kept alive.
        Keepalive {
            /// The client's port.
            port: u16,
            /// `SO_KEEPALIVE`: 0 or 1.
            on: u8,
            /// `TCP_KEEPIDLE`, in seconds.
            idle: u64,
            /// `TCP_KEEPINTVL`, in seconds.
            interval: u64,
            /// `TCP_KEEPCNT`.
            probes: u8,
        } => "getsockopt on port {port}: SO_KEEPALIVE {on}, TCP_KEEPIDLE {idle}, TCP_KEEPINTVL {interval}, \
              TCP_KEEPCNT {probes}"
            / "端口 {port} 的 getsockopt：SO_KEEPALIVE {on}, TCP_KEEPIDLE {idle}, TCP_KEEPINTVL {interval}, \
               TCP_KEEPCNT {probes}",
        /// The patience of a socket of the client.
        UserTimeout {
            /// The client's port.
            port: u16,
            /// `TCP_USER_TIMEOUT`, in milliseconds.
            millis: u64,
        } => "getsockopt on port {port}: TCP_USER_TIMEOUT {millis} ms"
            / "端口 {port} 的 getsockopt：TCP_USER_TIMEOUT {millis} ms",
        /// The client program lists the setting.
        Help {
            /// The setting and its value (`connect-timeout 10`).
            setting: String,
        } => "`--help` with the same options lists {setting}" / "以同样的选项执行 `--help`，列出 {setting}",
        /// The author's program says that the setting is in force.
        ByWord {
            /// What it says.
            said: String,
        } => "by the program's own word: {said}" / "据程序自己所说：{said}",
    }
}

/// What keepalived logs: the line of records that do not say it (keepalived/check/check_daemon.c,
/// `reload_check_thread`).
fn reload_complete() -> String {
    "Reload complete".to_owned()
}

impl Proof {
    /// The packets that a fault has met so far, where the kernel counts them: a firewall's rule, a link that
    /// loses.
    #[must_use]
    pub fn packets(&self) -> Option<u64> {
        match self {
            Self::Rule { packets, .. }
            | Self::Stateful { dropped: packets, .. }
            | Self::Synproxy {
                answered: packets, ..
            }
            | Self::IcmpFiltered { packets, .. }
            | Self::VrrpBlocked { packets, .. }
            | Self::MssClamped { packets, .. } => Some(packets.0),
            Self::Link { packets, loss, .. } => (*loss != Percent(0)).then_some(packets.0),
            Self::Chosen { .. }
            | Self::NotChosen { .. }
            | Self::Connected
            | Self::Answered
            | Self::Waited
            | Self::CameTrue { .. }
            | Self::NotInTime { .. }
            | Self::TableOf { .. }
            | Self::Connections { .. }
            | Self::Entries { .. }
            | Self::Closed
            | Self::GivenUp
            | Self::HasServer { .. }
            | Self::NoSuchService
            | Self::NoService
            | Self::NoServer { .. }
            | Self::EmptyService
            | Self::HasScheduler { .. }
            | Self::Restored
            | Self::Saved { .. }
            | Self::Timeouts { .. }
            | Self::Zeroed { .. }
            | Self::Booted { .. }
            | Self::ControlRuns { .. }
            | Self::VipMoved { .. }
            | Self::VipTaken { .. }
            | Self::ControlReloaded { .. }
            | Self::ControlEnded { .. }
            | Self::SyncDaemon { .. }
            | Self::NoSyncDaemon { .. }
            | Self::NoControl { .. }
            | Self::ProcessEnded { .. }
            | Self::NoMysqld { .. }
            | Self::ProcessFrozen { .. }
            | Self::StillFrozen
            | Self::RunsAgain { .. }
            | Self::Started { .. }
            | Self::SessionsEnded { .. }
            | Self::Port { .. }
            | Self::Sysctl { .. }
            | Self::Mtu { .. }
            | Self::Forgotten { .. }
            | Self::NoRule
            | Self::SynSent
            | Self::SynHeldBack
            | Self::ClosingSent { .. }
            | Self::ClosedUnheard { .. }
            | Self::EndedAlready
            | Self::HeldBack
            | Self::SentAgain
            | Self::Runs { .. }
            | Self::AnswersAs { .. }
            | Self::TimeoutsWithUdp { .. }
            | Self::NoServerRuns { .. }
            | Self::ServerStillFrozen
            | Self::ReachedServer { .. }
            | Self::DatagramSent
            | Self::KernelHasIt { .. }
            | Self::KernelHasBeginning { .. }
            | Self::StoppedReading { .. }
            | Self::Keepalive { .. }
            | Self::UserTimeout { .. }
            | Self::Help { .. }
            | Self::ByWord { .. }
            | Self::Text { .. } => None,
        }
    }

    /// Does it show nothing? A record of format 1 could hold an empty sentence.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        matches!(self, Self::Text { text } if text.trim().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Instead, Misconduct};

    /// What the runs under `reports/` hold, and what a runner of format 1 could also have written.
    #[test]
    fn sentences_of_format_1_are_read_as_what_they_say() {
        for text in [
            "connected; the director's entry for port 59138 leads to rs1",
            "its SYN is on the wire; the director made no entry for it",
            "/proc/net/ip_vs has rs1 with weight 1 and Masq",
            "/proc/net/ip_vs has no such service",
            "/proc/net/ip_vs has no service",
            "/proc/net/ip_vs has no rs1",
            "/proc/net/ip_vs has the service, without real servers",
            "ipvsadm saved -A -t 192.0.2.100:80 -s rr; -a -t 192.0.2.100:80 -r 192.0.2.31:3306 -g -w 1",
            "the time-outs are 2 s, after a FIN 120 s",
            "the process ended (signal 9), and nothing listens on port 3306",
            "port31 is in state DOWN",
            "net.ipv4.tcp_retries2 reads 5 on client",
            "nft lists the rule in the input chain of inet filter; it has met 1 packet",
            "nft lists the rule in the output chain of inet filter; it has met 17 packets",
            "the qdisc of port31 delays by <1ms and loses 5%; it has lost 0 packets",
            "the qdisc of port31 delays by 200ms and loses 0%; it has lost 1 packet",
            "its FIN is on the wire",
            "its SYN is on the wire",
            "its SYN has met the client's own firewall",
            "closed, without a RST on the wire",
            "closed",
            "getsockopt on port 47570: SO_KEEPALIVE 1, TCP_KEEPIDLE 60, TCP_KEEPINTVL 10, TCP_KEEPCNT 3",
            "getsockopt on port 56982: TCP_USER_TIMEOUT 30000 ms",
            "`--help` with the same options lists connect-timeout 10",
        ] {
            let read = Proof::read(text);
            assert_eq!(read.to_string(), text);
            assert!(!matches!(read, Proof::Text { .. }), "{read:?}");
        }
        assert_eq!(Proof::read("its SYN is on the wire"), Proof::SynSent);
        assert_eq!(Proof::read("/proc/net/ip_vs has no service"), Proof::NoService);
        for other in [
            "",
            " ",
            "Segmentation fault",
            "/proc/net/ip_vs has no Server",
            "port31 is in state ",
        ] {
            let text = other.to_owned();
            assert_eq!(Proof::read(other), Proof::Text { text });
        }
        let other = Instead::read("getsockopt on port 56982: TCP_USER_TIMEOUT 0 ms");
        assert!(matches!(other, Instead::Other { .. }), "{other:?}");
    }

    /// A form that is more general stands after those that it would hide.
    #[test]
    fn no_form_hides_a_later_one() {
        for forms in [Proof::FORMS, Instead::FORMS, Misconduct::FORMS] {
            for (index, form) in forms.iter().enumerate() {
                let earlier = forms[..index]
                    .iter()
                    .find(|earlier| crate::sentence::fitted(earlier, form).is_some());
                assert_eq!(earlier, None, "hides {form}");
            }
        }
    }
}
