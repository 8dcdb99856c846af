//! Advice in words.

use super::super::bilingual::{Bilingual, bilingual};
use super::super::cell_view::CellView;
use super::super::rules::with_method;
use super::timeline::{removal, weight};
use super::{
    Advice, Limits, PROBES, RETRIES, SYN_RETRIES, SYNC_REFRESH, SYNC_THRESHOLD, gives_up_after, helps,
    the_other_way, trial,
};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Chain, FirewallVerdict, Node, TableAction};
use lvs_matrix_model::base::GUE_PORT;
use lvs_matrix_model::control::Control;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::keepalived::HealthCheck;
use lvs_matrix_model::ldirectord::CheckType;
use lvs_matrix_model::plan::TunnelEnd;
use lvs_matrix_model::scenario::{Forwarding, Misbuild};

/// The command line by which an operator takes a server out of the scheduler's choice.
fn weight_0(view: &CellView<'_>, server: &Name) -> String {
    typed(view, weight(server, 0))
}

/// The command line by which an operator deletes a server from the table.
fn deletion(view: &CellView<'_>, server: &Name) -> String {
    typed(view, removal(server))
}

fn typed(view: &CellView<'_>, edit: TableAction) -> String {
    let lines = view.plan.command_lines(&edit.into());
    let texts: Vec<String> = lines.iter().map(|(_, argv)| argv.join(" ")).collect();
    texts.join("; ")
}

impl Advice {
    /// What is advised.
    pub(super) fn text(&self, view: &CellView<'_>) -> Bilingual {
        let limits = Limits::of(view.plan);
        match self {
            Self::ExpireNodestConn if view.is_udp() => bilingual!(
                "On the director, set net.ipv4.vs.expire_nodest_conn=1. The entries of a deleted server go \
                 with it. The next datagram of such a flow goes to another server, or is answered with an \
                 ICMP error if there is none, instead of being dropped."
                    / "在调度器上设置 net.ipv4.vs.expire_nodest_conn=1：被删除的真实服务器的条目会随之删除，这类数据流的下一个数据报会被\
                       转发给另一台服务器，没有时得到 ICMP 错误，而不是被丢弃。"
            ),
            Self::ExpireNodestConn if leads_to_weight_0(view) => bilingual!(
                "On the director, set net.ipv4.vs.expire_nodest_conn=1. The entry of a server with weight 0 \
                 goes when a SYN matches it, and the SYN is scheduled."
                    / "在调度器上设置 net.ipv4.vs.expire_nodest_conn=1：SYN 匹配到权重为 0 的真实服务器的条目时，该条目会删除，\
                       SYN 重新调度。"
            ),
            Self::ExpireNodestConn => bilingual!(
                "On the director, set net.ipv4.vs.expire_nodest_conn=1. The entries of a deleted server go \
                 with it, and the next segment of such a connection is answered with an RST instead of being \
                 dropped."
                    / "在调度器上设置 net.ipv4.vs.expire_nodest_conn=1：被删除的真实服务器的条目会随之删除，这类连接的下一个报文段会得到 \
                       RST 应答，而不是被丢弃。"
            ),
            Self::ConnReuseMode => bilingual!(
                "On the director, set net.ipv4.vs.conn_reuse_mode=3. A SYN then takes the place of an entry \
                 in FIN_WAIT, too, which in direct routing is the last state that the director sees."
                    / "在调度器上设置 net.ipv4.vs.conn_reuse_mode=3：这样 SYN 也会取代处于 FIN_WAIT 的条目，而 DR 模式下这是\
                       调度器能看到的最后一个状态。"
            ),
            Self::Drain(server) => drain(view, server),
            Self::StopMysqldFirst(server) => bilingual!(
                "Or stop mysqld on {server} before its table entry is deleted. {with} its FIN reaches the \
                 client {past}, and the client knows at once."
                    / "或者在从表中删除 {server} 之前，先停止它的 mysqld：{with}，它的 FIN {past}到达客户端，客户端立刻就知道。",
                with = with_method(view, server),
                past = match view.method(server) {
                    Forwarding::DirectRouting | Forwarding::Tunneling =>
                        bilingual!("past the director" / "不经过调度器直接"),
                    Forwarding::Masquerading => bilingual!("through the director" / "经过调度器"),
                },
            ),
            Self::UserTimeout => bilingual!(
                "On the client, set TCP_USER_TIMEOUT on its sockets ({limit}, say): TCP gives a connection \
                 up when data stays unacknowledged for so long."
                    / "在客户端的套接字上设置 TCP_USER_TIMEOUT（例如 {limit}）：数据这么久没有得到确认时，TCP 就放弃连接。",
                limit = Human(limits.soon),
            ),
            Self::FewerRetries => bilingual!(
                "On the client, lower net.ipv4.tcp_retries2 ({RETRIES}, say): TCP then gives up after half a \
                 minute at most."
                    / "在客户端调低 net.ipv4.tcp_retries2（例如 {RETRIES}）：TCP 最多半分钟就会放弃。"
            ),
            Self::ReadTimeout => bilingual!(
                "On the client, give the driver a read time-out, above what its statements take: it ends the \
                 wait whatever the reason."
                    / "在客户端为驱动程序设置读超时，长于其语句所需的时间：无论原因是什么，它都会结束等待。"
            ),
            Self::ConnectTimeout => bilingual!(
                "On the client, give the driver a time-out for connecting ({limit}, say) that ends only with \
                 the login: to TCP the connection may be established before the server has said anything."
                    / "在客户端为驱动程序设置连接超时（例如 {limit}），并且要到登录完成才算结束：对 TCP 来说，服务器还没有发送任何数据时\
                       连接就可能已经建立。",
                limit = Human(limits.soon_in_seconds),
            ),
            Self::FewerSynRetries => bilingual!(
                "On the client, lower net.ipv4.tcp_syn_retries ({SYN_RETRIES}, say): a connect that nobody \
                 answers fails sooner."
                    / "在客户端调低 net.ipv4.tcp_syn_retries（例如 {SYN_RETRIES}）：无人应答的连接请求会更早失败。"
            ),
            Self::Keepalive => bilingual!(
                "On the client, switch TCP keepalive on for its sockets, with times far below the default of \
                 two hours ({time} idle, then every {interval}, {probes} probes, say). A client that has \
                 nothing to send then notices a silent host after {sum}; TCP has no other way."
                    / "在客户端为套接字开启 TCP 保活，时间要远低于默认的两小时（例如空闲 {time} 后，每 {interval} 探测一次，共 \
                       {probes} 次）：没有数据要发送的客户端会在 {sum} 后察觉对方主机已无声息；TCP 没有别的办法。",
                time = Human(PROBES.time),
                interval = Human(PROBES.interval),
                probes = PROBES.probes,
                sum = Human(gives_up_after(PROBES)),
            ),
            Self::EntryTimeout(idle) => bilingual!(
                "On the director, keep entries for longer than clients are idle (`ipvsadm --set {seconds} 0 \
                 0`)."
                    / "让调度器保留条目的时间比客户端的空闲时间更长（`ipvsadm --set {seconds} 0 0`）。",
                seconds = trial::longer_than(*idle).as_secs(),
            ),
            Self::ProbesBelowEntry(timeout) => bilingual!(
                "Or switch TCP keepalive on at the client, with an idle time below the {timeout} that the \
                 director keeps an entry ({time}, say): each probe that passes the director restarts the \
                 entry's timer."
                    / "或者在客户端开启 TCP 保活，空闲时间短于调度器保留条目的 {timeout}（例如 {time}）：每个经过调度器的探测都会重置\
                       条目的定时器。",
                timeout = Human(*timeout),
                time = Human(trial::below(*timeout)),
            ),
            Self::WaitTimeout { idle, .. } => bilingual!(
                "On the real servers, set wait_timeout above the time for which the client's pool lets a \
                 connection be idle (above {idle} here); or let the pool close idle connections sooner."
                    / "在真实服务器上，把 wait_timeout 设得比客户端连接池允许的空闲时间更长（此处要长于 {idle}），或者让连接池更早关闭\
                       空闲连接。",
                idle = Human(*idle),
            ),
            Self::Reconnect => bilingual!(
                "Let the client open a new connection and begin its transaction anew: what an error ends is \
                 only the connection. Where a COMMIT failed it must look first whether it was carried out: \
                 the error does not say."
                    / "让客户端新建连接并重新开始事务：错误结束的只是这条连接。如果失败的是 COMMIT，须先查明它是否已经执行：错误本身并不说明\
                       这一点。"
            ),
            Self::KeepAServer(None) => bilingual!(
                "Keep a server with a weight above 0 in the virtual service (ipvsadm -a), if need be one \
                 that only says that it is out of service: new connections are refused as long as there is \
                 none."
                    / "让虚拟服务中始终有一台权重大于 0 的真实服务器（ipvsadm -a），必要时可以是一台只答复“暂停服务”的服务器：一台都没有时，\
                       新建连接都会被拒绝。"
            ),
            Self::KeepAServer(Some(server)) => bilingual!(
                "Put another server into the virtual service, and take {server} out of the table before its \
                 mysqld is stopped (`{command}`): else the director goes on choosing it for new connections."
                    / "在虚拟服务中加入另一台真实服务器，并在停止 {server} 的 mysqld 之前让它不再被调度（`{command}`）：否则调度器会继续为新\
                       连接选中它。",
                command = weight_0(view, server),
            ),
            Self::OutOfTheTable(server) if is_misbuilt(view, server) => bilingual!(
                "Take {server} out of the table as long as it is built like this (`{command}`, or \
                 delete it), \
                 or let a health check do so: else the director goes on choosing it for new connections."
                    / "在 {server} 的配置改好之前，先让它不再被调度（`{command}`，或将其删除），或者由健康检查来做：否则调度器会继续为新连接选中它。",
                command = weight_0(view, server),
            ),
            Self::NoPmtuDisc => bilingual!(
                "On the director, set net.ipv4.vs.pmtu_disc=0: an IPv4 packet that is too large for the \
                 tunnel is not refused, but sent in fragments, which the real server puts together. That \
                 costs both of them work for each large packet, and a fragment that is lost costs all of it."
                    / "在调度器上设置 net.ipv4.vs.pmtu_disc=0：对隧道来说过大的 IPv4 包不会被拒绝，而是以分片发出，由真实服务器重组。每个大\
                       包都会增加两端的开销，丢失一个分片就等于丢失整个包。"
            ),
            Self::NoDropEntry => bilingual!(
                "On the director, set net.ipv4.vs.drop_entry=1: entries are dropped only while memory is \
                 short (net.ipv4.vs.amemthresh). With 0 they never are."
                    / "在调度器上设置 net.ipv4.vs.drop_entry=1：只有内存不足（net.ipv4.vs.amemthresh）时才丢弃条目。设为 0 \
                       则从不丢弃。"
            ),
            Self::Announce => bilingual!(
                "Let the director that gets the VIP say so by gratuitous ARP (`arping -U -c 1 -I eth0 \
                 {vip}`, as often as keepalived does it: five times, and five times more after five \
                 seconds). Then hosts and routers use its Ethernet address at once."
                    / "让得到 VIP 的调度器以免费 ARP 宣告（`arping -U -c 1 -I eth0 {vip}`；keepalived 发送五次，五秒后再发五次）。\
                       这样主机和路由器会立即使用它的以太网地址。",
                vip = view.plan.vip(),
            ),
            Self::Accept => bilingual!(
                "Leave `vrrp_strict` and `no_accept` out of keepalived.conf: a director that is to pass on \
                 what is for the VIP must accept it."
                    / "从 keepalived.conf 中去掉 `vrrp_strict` 和 `no_accept`：要转发发往 VIP 的数据包，调度器必须接受它们。"
            ),
            Self::Sync => bilingual!(
                "Let the director that has the VIP tell the other one of its connections (`lvs_sync_daemon` \
                 in keepalived.conf(5), or `ipvsadm --start-daemon`). By default it tells of a connection's \
                 third packet. The other one then has an entry for it when it gets the VIP."
                    / "让持有 VIP 的调度器把它的连接告知另一台（keepalived.conf(5) 的 `lvs_sync_daemon`，或 \
                       `ipvsadm --start-daemon`）。默认在连接的第三个数据包时告知。这样另一台得到 VIP 时已有它的条目。"
            ),
            Self::SyncRefresh => bilingual!(
                "On the directors, set net.ipv4.vs.sync_threshold=\"{threshold}\" and \
                 net.ipv4.vs.sync_refresh_period={period}. A packet of a connection is then told of when the \
                 last word of it is more than {period} s old, not by the number of packets. That keeps the \
                 other one's entry alive as long as the connection is used."
                    / "在调度器上设置 net.ipv4.vs.sync_threshold=\"{threshold}\" 和 \
                       net.ipv4.vs.sync_refresh_period={period}：距上次告知超过 {period} 秒时，连接的数据包会再次告知，而不是按数据包的个数。\
                       只要连接还在使用，另一台的条目就一直有效。",
                threshold = SYNC_THRESHOLD,
                period = SYNC_REFRESH,
            ),
            Self::NoPreempt { sync: true } => bilingual!(
                "Let the sync daemons run (`lvs_sync_daemon` in keepalived.conf(5)), and let a director that \
                 comes back leave the VIP where it is (`nopreempt`, with `state BACKUP`). The VIP then stays \
                 with the director that was told of the connection, and does not go to one that knows \
                 nothing."
                    / "运行同步守护进程（keepalived.conf(5) 的 `lvs_sync_daemon`），并让恢复的调度器不抢回 VIP（`nopreempt`，配合 \
                       `state BACKUP`）：VIP 会留在已得知连接的调度器上，而不是回到一无所知的那一台。"
            ),
            Self::NoPreempt { sync: false } => bilingual!(
                "Let a director that comes back leave the VIP where it is (`nopreempt` in \
                 keepalived.conf(5), with `state BACKUP`). The VIP then stays with the director that has the \
                 connection's entry."
                    / "让恢复的调度器不抢回 VIP（keepalived.conf(5) 的 `nopreempt`，配合 `state BACKUP`）：VIP 会留在持有连接条目的\
                       调度器上。"
            ),
            Self::BuildRight(node, how) => built_right(view, node, *how),
            Self::OutOfTheTable(server) if view.plan.service().persistence.is_some() => bilingual!(
                "Delete {server} from the table before its mysqld is stopped (`{command}`), or let a health \
                 check do so. Weight 0 is not enough: the templates of a persistent service go on leading to \
                 {server}, unless net.ipv4.vs.expire_quiescent_template=1."
                    / "停止 {server} 的 mysqld 之前，先把它从表中删除（`{command}`），或者由健康检查来做。权重 0 不够：持久服务的模板会继续指向 {server}，\
                       除非 net.ipv4.vs.expire_quiescent_template=1。",
                command = deletion(view, server),
            ),
            Self::OutOfTheTable(server) => bilingual!(
                "Take {server} out of the table before its mysqld is stopped (`{command}`, or delete it), or \
                 let a health check do so: else the director goes on choosing it for new connections."
                    / "停止 {server} 的 mysqld 之前，先让它不再被调度（`{command}`，或将其删除），或者由健康检查来做：否则调度器会继续为\
                       新连接选中它。",
                command = weight_0(view, server),
            ),
            Self::ResetInstead { node, chain } => reset_instead(view, node, *chain),
            Self::ResetTheOtherWay(node) => reset_the_other_way(node),
            Self::HealthCheck(server) => bilingual!(
                "Let a health check delete {server}, which does not answer, from the table, with \
                 net.ipv4.vs.expire_nodest_conn=1: the next segment of its connections draws an RST, and new \
                 connections do not go there."
                    / "让健康检查把没有应答的 {server} 从表中删除，并设置 net.ipv4.vs.expire_nodest_conn=1：其连接的下一个报文段会得到 RST，\
                       新连接也不会再去那里。"
            ),
            Self::AskingHealthCheck(server) if asks_by_itself(view) == Some(Asks::ForEver) => bilingual!(
                "Give the health check a time limit (`checktype: external`, whose program has one): a login \
                 by DBI waits for a frozen mysqld for ever. Let a check that has failed take {server} out of \
                 the table for new connections, and end its mysqld (SIGKILL) for those that are open."
                    / "让健康检查有时间限制（`checktype: external`，其程序有时限）：通过 DBI 的登录会无限期等待冻结的 mysqld。检查失败时，\
                       把 {server} 从表中取出（针对新连接），并结束其 mysqld（SIGKILL，针对已有连接）。"
            ),
            Self::AskingHealthCheck(server) if asks_by_itself(view).is_some() && view.is_connect() => {
                bilingual!(
                    "The lab's health check asks the server something, as it should. Let it be made more \
                     often, or with a shorter time-out: new connections go to {server} until it has \
                     failed."
                        / "该实验环境的健康检查确实会执行查询。请让它更频繁，或缩短其超时：在它失败之前，新连接仍会去往 {server}。"
                )
            }
            Self::AskingHealthCheck(server) if asks_by_itself(view).is_some() => bilingual!(
                "The lab's health check asks the server something, as it should, but it only takes {server} \
                 out of the table. Let what it starts then end the mysqld of {server}, too (SIGKILL): its \
                 kernel closes the connections, and that reaches the clients."
                    / "该实验环境的健康检查确实会执行查询，但它只把 {server} 从表中取出。让检查失败时执行的程序同时结束 {server} 的 \
                       mysqld（SIGKILL）：其内核会关闭这些连接，客户端由此得知。"
            ),
            Self::AskingHealthCheck(server) if view.is_connect() => bilingual!(
                "Let health checks log in and ask the server something: one that only connects finds a \
                 frozen mysqld well. Let them set the weight of {server} to 0 then (`{command}`), so that \
                 new connections do not go there."
                    / "让健康检查登录并执行一次查询：只建立连接的检查会认为冻结的 mysqld 是正常的。检查失败时将 {server} 的权重设为 \
                       0（`{command}`），新连接就不会再去那里。",
                command = weight_0(view, server),
            ),
            Self::AskingHealthCheck(server) => bilingual!(
                "Let health checks log in and ask the server something: one that only connects finds a \
                 frozen mysqld well. Let them end the mysqld of {server} then (SIGKILL): its kernel closes \
                 the connections, and that reaches the clients."
                    / "让健康检查登录并执行一次查询：只建立连接的检查会认为冻结的 mysqld 是正常的。检查失败时结束 {server} 的 \
                       mysqld（SIGKILL）：其内核会关闭这些连接，客户端由此得知。"
            ),
            Self::EndLostSessions(server) => bilingual!(
                "Before {server} is added to the table again, restart its mysqld: that ends what it still \
                 holds for lost clients. Their transactions are rolled back, and their locks are free."
                    / "把 {server} 重新加入之前，先重启它的 mysqld，以结束它仍为已失去的客户端保留的会话：其事务随之回滚，锁随之释放。"
            ),
            Self::ServerKeepalive => bilingual!(
                "On the real servers, lower net.ipv4.tcp_keepalive_time (two hours by default), \
                 tcp_keepalive_intvl and tcp_keepalive_probes ({time} s, {interval} s and {probes}, say): \
                 mysqld sets SO_KEEPALIVE by itself, and a server then notices by itself that a client is \
                 gone."
                    / "在真实服务器上调低 net.ipv4.tcp_keepalive_time（默认两小时）、tcp_keepalive_intvl 和 \
                        tcp_keepalive_probes（例如 \
                       {time} 秒、{interval} 秒和 {probes} 次）：mysqld 自己会设置 SO_KEEPALIVE，服务器就能自行察觉客户端已经不在。",
                time = PROBES.time.as_secs(),
                interval = PROBES.interval.as_secs(),
                probes = PROBES.probes,
            ),
            Self::LetIcmpPass => bilingual!(
                "Let the client's firewall pass ICMP \"fragmentation needed\" (of ICMPv6 \"packet too \
                 big\"): the client's TCP then learns at once how large a packet may be."
                    / "让客户端的防火墙放行 ICMP 的 fragmentation needed（ICMPv6 为 packet too big）：客户端的 TCP 立刻就知道\
                       数据包可以有多大。"
            ),
            Self::MtuProbing => bilingual!(
                "On the client, set net.ipv4.tcp_mtu_probing=1: TCP then tries smaller segments by itself \
                 when larger ones get no answer, after some seconds."
                    / "在客户端设置 net.ipv4.tcp_mtu_probing=1：较大的报文段得不到应答时，TCP 几秒后会自行改用较小的报文段。"
            ),
            Self::ClampMss { server, size } => bilingual!(
                "On {server}, let the firewall lower the MSS in what it sends with SYN (nft(8): `tcp flags \
                 syn tcp option maxseg size set {size}`, in postrouting). The client's TCP sends no larger \
                 segment than its SYN-ACK allows. On the director that changes nothing for it, as the \
                 SYN-ACK does not pass there."
                    / "在 {server} 上让防火墙降低其 SYN-ACK 中的 MSS（nft(8)：postrouting 中的 `tcp flags syn tcp option \
                       maxseg size set {size}`）。客户端的 TCP 发送的报文段不会大于 SYN-ACK 所允许的。在调度器上这样做对它没有作用，因为 SYN-ACK \
                       不经过那里。"
            ),
            Self::ServerMtu(mtu) => bilingual!(
                "Or give the real servers' cards an MTU of {mtu}: their SYN-ACKs then ask for segments that \
                 fit into the tunnel."
                    / "或者把真实服务器网卡的 MTU 设为 {mtu}：它们的 SYN-ACK 会要求放得进隧道的报文段。"
            ),
            Self::SameForwarding(server) => bilingual!(
                "Edit {server} with `{flag}`, as the service's servers are set up. Masquerading (`-m`) needs \
                 the director as the real servers' gateway to the clients, and tunneling (`-i`) a tunnel \
                 device with the VIP on each real server."
                    / "编辑 {server} 时使用 `{flag}`，与服务中真实服务器的设置一致。NAT 模式（`-m`）要求调度器是真实服务器通往客户端的网关，\
                       隧道模式（`-i`）要求每台真实服务器上有带 VIP 的隧道设备。",
                flag = view.plan.service().forwarding_to(server).flag(),
            ),
        }
    }
}

fn drain(view: &CellView<'_>, server: &Name) -> Bilingual {
    if helps::weight_was_0(view, server) {
        return bilingual!(
            "A weight of 0 was not enough: before {server} is deleted from the table or its mysqld is \
             stopped, wait until `ipvsadm -Lnc` shows no connection to it."
                / "仅将权重设为 0 还不够：从表中删除 {server} 或停止其 mysqld 之前，要等到 `ipvsadm -Lnc` 不再显示到它的连接。"
        );
    }
    bilingual!(
        "Before {server} is deleted from the table or its mysqld is stopped, set its weight to 0 \
         (`{command}`) and wait until `ipvsadm -Lnc` shows no connection to it. With weight 0 it gets no new \
         connections, and what belongs to those that it has is still passed on."
            / "从表中删除 {server} 或停止其 mysqld 之前，先将其权重设为 0（`{command}`），等到 `ipvsadm -Lnc` 不再显示到它的连接：\
               权重为 0 时不再接受新连接，已有连接的报文段照常转发。",
        command = weight_0(view, server),
    )
}

fn reset_instead(view: &CellView<'_>, node: &Node, chain: Chain) -> Bilingual {
    let statement = FirewallVerdict::TcpReset.statement();
    let why = if view.is_connect() {
        bilingual!("a connect fails at once then" / "这样连接请求会立刻失败")
    } else {
        bilingual!(
            "an RST ends an established connection, which neither silence nor an ICMP error does"
                / "RST 能结束已建立的连接，而丢弃和 ICMP 错误都不能"
        )
    };
    bilingual!(
        "Let the rule in the {chain} chain of {node} answer with an RST (`{statement}` in nft(8)). What it \
         meets there comes from the client, so the RST goes to the client: {why}."
            / "让 {node} 的 {chain} 链中的规则以 RST 应答（nft(8) 的 `{statement}`）。它在那里遇到的是客户端发送的报文段，RST 因此发给\
               客户端：{why}。",
        chain = chain.as_str(),
        why = why,
    )
}

fn is_misbuilt(view: &CellView<'_>, server: &Name) -> bool {
    let mut wrong = view.plan.misbuilt.iter();
    wrong.any(|wrong| wrong.node.real_server() == Some(server))
}

/// How a host is built as it should be.
fn built_right(view: &CellView<'_>, node: &Node, how: Misbuild) -> Bilingual {
    let vip = view.plan.vip();
    let device = view.plan.host(node).and_then(|host| host.tunnels.first());
    let device = device.map_or("lo", |tunnel| tunnel.name.as_str());
    let bits = if vip.is_ipv6() { 128 } else { 32 };
    match how {
        Misbuild::NoVip => bilingual!(
            "Give {node} the VIP (`ip addr add {vip}/{bits} dev {device}`), so that it takes in \
             what is for the \
             VIP; over IPv4 with arp_ignore=1 and arp_announce=2, so that it does not answer ARP for it."
                / "给 {node} 加上 VIP（`ip addr add {vip}/{bits} dev {device}`），使它收下发往 VIP 的数据包；IPv4 \
                   下还要设置 arp_ignore=1 \
                   和 arp_announce=2，使它不为 VIP 应答 ARP。",
        ),
        Misbuild::AnswersArp => bilingual!(
            "On {node}, set net.ipv4.conf.all.arp_ignore=1 and net.ipv4.conf.all.arp_announce=2, so that it \
             does not answer ARP for the VIP; then let clients and routers forget what it told them \
             (`ip neigh \
             flush`)."
                / "在 {node} 上设置 net.ipv4.conf.all.arp_ignore=1 和 \
                   net.ipv4.conf.all.arp_announce=2，使它不为 VIP 应答 ARP； \
                   然后让客户端和路由器忘记它所说的（`ip neigh flush`）。",
        ),
        Misbuild::WrongGateway => {
            let director = view.plan.host(view.director());
            let address = director.map_or(vip, |host| {
                host.nics
                    .iter()
                    .last()
                    .map_or(vip, |nic| nic.addresses.first().address)
            });
            bilingual!(
                "Let what {node} sends to clients go through the director (`ip route add default via \
                 {address}`), which puts the VIP into its answers."
                    / "让 {node} 发给客户端的数据包经过调度器（`ip route add default via {address}`），由调度器把 VIP 换进应答。",
            )
        }
        Misbuild::WrongTunnelPort => {
            let end = view.plan.host(node).and_then(|host| host.tunnels.first()?.end);
            let port = end.and_then(TunnelEnd::gue_port).unwrap_or(GUE_PORT);
            let over_ipv6 = end.is_some_and(|end| end.local.is_ipv6());
            let option = if over_ipv6 { " -6" } else { "" };
            bilingual!(
                "Let the tunnels of GUE end on {node} at the port that the director sends to (`ip fou add \
                 port {port} gue{option}`), or give the director the port of {node} (`ipvsadm -e … \
                 --tun-port`)."
                    / "让 {node} 上 GUE 隧道的端口与调度器发往的端口一致（`ip fou add port {port} gue{option}`），或者在调度器上改用 \
                       {node} 的端口（`ipvsadm -e … --tun-port`）。",
            )
        }
        Misbuild::NoForwarding => {
            let key = if vip.is_ipv6() {
                "net.ipv6.conf.all.forwarding"
            } else {
                "net.ipv4.ip_forward"
            };
            bilingual!(
                "On the director, set {key}=1: with masquerading it is the router of its real servers."
                    / "在调度器上设置 {key}=1：NAT 模式下它是真实服务器的路由器。",
            )
        }
    }
}

fn reset_the_other_way(node: &Node) -> Bilingual {
    let statement = FirewallVerdict::TcpReset.statement();
    let (here, there) = the_other_way(node);
    bilingual!(
        "Put the rule into the {there} chain of {node} in place of its {here} chain, and let it answer with \
         an RST (`{statement}` in nft(8)). In the {here} chain it meets what the server sends, and its \
         answer would go to the server; in the {there} chain it meets what the client sends, and the RST \
         ends the client's wait."
            / "把规则从 {node} 的 {here} 链移到 {there} 链，并让它以 RST 应答（nft(8) 的 `{statement}`）。在 {here} 链中它遇到的是服务器\
               发送的报文段，应答会发给服务器；在 {there} 链中它遇到的是客户端发送的报文段，RST 会结束客户端的等待。",
        here = here.as_str(),
        there = there.as_str(),
    )
}

/// Was the client's SYN passed on to a server of weight 0, which an old entry led to?
fn leads_to_weight_0(view: &CellView<'_>) -> bool {
    let passed = view.first_passed_on().filter(|_| view.is_connect());
    let to = passed.and_then(|passage| passage.sent_to_server());
    to.is_some_and(|(_, server)| super::helps::weight_was_0(view, server))
}

/// How the lab's own control plane asks its servers something, if it does.
fn asks_by_itself(view: &CellView<'_>) -> Option<Asks> {
    match view.plan.control()? {
        Control::Keepalived(said) => (said.check() == HealthCheck::Query).then_some(Asks::InTime),
        Control::Ldirectord(said) => match said.checktype() {
            CheckType::Negotiate => Some(Asks::ForEver),
            CheckType::External => Some(Asks::InTime),
            CheckType::Connect | CheckType::On => None,
        },
    }
}

/// How long a health check that asks waits for its answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// For as long as it was told.
    InTime,
    /// Nothing ends it: a login by DBI.
    ForEver,
}
