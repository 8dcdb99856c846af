//! What a rule says of every cell in which it holds: a sentence without names, moments and packets, by which
//! cells with one cause can be told of at once.

use lvs_matrix_language::Language;

/// A rule that says why a client hung or got an error: its name, and its sentence in each language.
type Cause = (&'static str, &'static str, &'static str);

/// The sentence of a rule; `None` if it says neither why a client hung nor why it got an error.
pub(super) fn cause(words: Language, rule: &str) -> Option<&'static str> {
    let (_, english, chinese) = CAUSES.iter().find(|(name, ..)| *name == rule)?;
    Some(match words {
        Language::English => english,
        Language::Chinese => chinese,
    })
}

/// The table of [`CAUSES`]: `"rule": "English" / "Chinese";`.
macro_rules! causes {
    ($($rule:literal: $english:literal / $chinese:literal;)+) => {
        const CAUSES: &[Cause] = &[$(($rule, $english, $chinese)),+];
    };
}

causes! {
    // Of the director and its table.
    "entry-without-server": "The real server was deleted from the director's table while the director kept \
        its entry of the connection: with expire_nodest_conn=0 what matches that entry is dropped in \
        silence."
        / "真实服务器已从调度器的表中删除，而调度器仍保留着这条连接的条目：expire_nodest_conn=0 时，匹配该条目的数据包被静默丢弃。";
    "old-entry-without-server": "The client's port was that of an earlier connection, whose entry outlived \
        its deleted real server: with expire_nodest_conn=0 the SYN is dropped in silence."
        / "客户端用了一条旧连接的端口，旧条目比被删除的真实服务器存在得更久：expire_nodest_conn=0 时，SYN 被静默丢弃。";
    "entry-expired-with-its-server": "The real server was deleted from the director's table, and with \
        expire_nodest_conn=1 its entries went with it: the director answers the client's next segment with \
        an RST."
        / "真实服务器已从调度器的表中删除，expire_nodest_conn=1 时其条目随之删除：调度器以 RST 应答客户端的下一个报文段。";
    "entry-expired-by-a-segment": "The real server was deleted from the director's table. With \
        expire_nodest_conn=1 the client's next segment ended the entry and was dropped, as before Linux \
        5.9: the director answers its repetition with an RST."
        / "真实服务器已从调度器的表中删除。expire_nodest_conn=1 时，客户端的下一个报文段使条目消失，自身也被丢弃（Linux 5.9 之前）：调度器以 RST 应答它的重传。";
    "entry-expired-in-the-end": "The entry of a deleted real server came to the end of its time: the \
        director answers the next segment with an RST."
        / "被删除的真实服务器的条目到期：调度器以 RST 应答下一个报文段。";
    "unknown-to-the-new-director": "The other director had taken the VIP over and knew nothing of the \
        connection: its own TCP answers with an RST."
        / "另一台调度器接管了 VIP，却不知道这条连接：它自己的 TCP 以 RST 应答。";
    "sent-to-the-old-director": "The client sent to a director that was gone, until the other one took the \
        VIP over and the client's TCP sent again."
        / "客户端一直发往已不在的调度器，直到另一台接管 VIP 且客户端的 TCP 重传。";
    "refused-while-nobody-had-the-vip": "A director had given the VIP up with its link: a director looked \
        for the VIP in vain, and refused the connect."
        / "一台调度器因链路断开而放弃了 VIP：收到连接请求的调度器徒劳地寻找 VIP，然后拒绝了它。";
    "keepalived-drops-for-the-vip": "keepalived's own firewall rule drops what is for the VIP (vrrp_strict \
        or no_accept), before IPVS sees it."
        / "keepalived 自己的防火墙规则（vrrp_strict 或 no_accept）在 IPVS 看到之前丢弃发往 VIP 的数据包。";
    "vip-given-up-with-the-link": "A director had given the VIP up with its link, and came back as a \
        backup: nobody had the VIP until one of the directors took it."
        / "一台调度器因链路断开而放弃了 VIP，恢复后成为备机：在某台调度器接管之前没有主机持有 VIP。";
    "refused-by-a-backup": "The switch had forgotten where the VIP's own Ethernet address is: a backup took \
        the connect, looked for the VIP in vain, and refused it."
        / "交换机已忘记 VIP 自己的以太网地址在哪里：备机收下连接请求，徒劳地寻找 VIP，然后拒绝了它。";
    "told-unreachable-by-a-backup": "The switch had forgotten where the VIP's own Ethernet address is: a \
        backup took what the client sent, looked for the VIP in vain, and said so; the client's TCP went on \
        repeating."
        / "交换机已忘记 VIP 自己的以太网地址在哪里：备机收下客户端发送的报文段，徒劳地寻找 VIP 并告知不可达；客户端的 TCP 继续重传。";
    "dropped-by-a-backup": "The switch had forgotten where the VIP's own Ethernet address is: a backup took \
        what the client sent, and dropped it until it had the VIP."
        / "交换机已忘记 VIP 自己的以太网地址在哪里：备机收下客户端发送的报文段并丢弃，直到它自己持有 VIP。";
    "flooded-to-nobody": "The switch had forgotten where the VIP's own Ethernet address is, and no director \
        had it any more: what the client sent was lost."
        / "交换机已忘记 VIP 自己的以太网地址在哪里，而且已没有调度器持有它：客户端发送的报文段都丢失了。";
    "entry-lost-in-a-boot": "The director had been started anew, and its entries were lost: its own TCP \
        answers with an RST."
        / "调度器重新启动过，其条目已丢失：它自己的 TCP 以 RST 应答。";
    "not-told-of-the-move": "The VIP was moved to the other director by hand, and the client sent to the \
        old one until it learnt of that."
        / "VIP 被手工移到另一台调度器，客户端在得知之前一直发往旧的那一台。";
    "entry-timed-out": "The connection had been idle for longer than the director keeps an entry: the \
        director answers its next segment with an RST."
        / "连接空闲的时间超过了调度器保留条目的时间：调度器以 RST 应答它的下一个报文段。";
    "answer-refused-without-entry": "The director had forgotten the masqueraded connection, and with \
        nat_icmp_send=1 it dropped the answer and told the real server alone."
        / "调度器已忘记 NAT 模式的连接；nat_icmp_send=1 时它丢弃应答，并且只告知真实服务器。";
    "entry-dropped-in-defence": "With drop_entry=3 the director dropped the entry of an idle connection \
        that had had few packets: it answers the next segment with an RST."
        / "drop_entry=3 时，调度器丢弃了数据包很少的空闲连接的条目：它以 RST 应答下一个报文段。";
    "last-service-gone": "The director had no virtual service left, so IPVS looked at no packet: the \
        director's own TCP answers with an RST."
        / "调度器上已没有任何虚拟服务，IPVS 不再处理任何数据包：调度器自己的 TCP 以 RST 应答。";
    "no-server-for-a-syn": "The virtual service had no real server that takes new connections: IPVS refuses \
        the connect."
        / "虚拟服务中没有接受新连接的真实服务器：IPVS 拒绝连接。";
    "no-service-for-a-syn": "The director had no virtual service for the connect: its own TCP refuses it."
        / "调度器没有这个连接请求所对应的虚拟服务：调度器自己的 TCP 拒绝连接。";
    "no-mark-on-a-syn": "No firewall rule marked the connect, so no virtual service took it in: the \
        director's own TCP refuses it."
        / "没有防火墙规则给连接请求打标记，因此没有虚拟服务接收它：调度器自己的 TCP 拒绝连接。";
    "passed-on-without-a-mark": "No firewall rule marked the connect, and nobody has the VIP: the director \
        passes it on like a router, and finds nobody."
        / "没有防火墙规则给连接请求打标记，也没有主机拥有 VIP：调度器像路由器一样转发它，却找不到目标主机。";
    "statement-without-a-mark": "No firewall rule marked what the client sent, and nobody has the VIP: the \
        director passes it on like a router, finds nobody, and a connected socket goes on repeating."
        / "没有防火墙规则给客户端发送的数据打标记，也没有主机拥有 VIP：调度器像路由器一样转发，找不到目标主机，而已连接的套接字会不断重传。";
    "unmarked-and-no-router": "No firewall rule marked what the client sent, and the director, which does \
        not have the VIP, is no router: it drops the packet in silence."
        / "没有防火墙规则给客户端发送的数据打标记，而调度器既没有 VIP，也不是路由器：数据包被静默丢弃。";
    "answer-from-nobodys-address": "The director was to answer with an RST from the VIP, which is no \
        address of the director: the answer finds no way out."
        / "调度器本应以 VIP 为源地址回复 RST，但 VIP 不是它的地址：应答发不出去。";
    "scheduled-to-another-server": "With sloppy_tcp=1 the director chose a server anew for an old \
        connection, and it chose another one: that server answers with an RST."
        / "sloppy_tcp=1 时，调度器为旧连接重新选择了服务器，选中的是另一台：那台服务器以 RST 应答。";
    "no-server-for-a-datagram": "The virtual service had no real server for the datagram: IPVS refuses it."
        / "虚拟服务中没有可接收该数据报的真实服务器：IPVS 拒绝它。";
    "no-service-for-a-datagram": "The director had no virtual service for the datagram: its own UDP refuses \
        it."
        / "调度器没有这个数据报所对应的虚拟服务：调度器自己的 UDP 拒绝它。";
    // Of real servers.
    "nothing-listens-behind-the-firewall": "Nothing listened, and the server's firewall had answered the \
        SYN: the client was connected, and then reset."
        / "端口上没有监听，而服务器的防火墙已应答 SYN：客户端先连接成功，随后被重置。";
    "acknowledgement-with-a-wrong-timestamp": "The server's TCP did not take its own firewall's \
        acknowledgement, and was connected only when it had sent its SYN-ACK again."
        / "服务器的 TCP 不接受自己防火墙的确认，直到重传 SYN-ACK 才建立连接。";
    "unknown-to-the-synproxy": "The firewall that answers SYNs knew nothing of the connection, and dropped \
        what belonged to it."
        / "应答 SYN 的防火墙不认识这条连接，丢弃了属于它的报文段。";
    "answer-with-the-numbers-of-the-server": "The answer left with the server's own sequence numbers: nobody \
        translated them into those of the firewall that had answered the SYN."
        / "应答带着服务器自己的序号发出：没有人把它们转换成曾应答 SYN 的防火墙的序号。";
    "numbers-translated-no-more": "The firewall that had answered the SYN was gone, and nobody translated \
        its sequence numbers any more."
        / "曾应答 SYN 的防火墙已不在，没有人再转换它的序号。";
    "nothing-listens": "The director chose a real server on which nothing listens: that host's kernel \
        refuses the connect."
        / "调度器选中了没有进程监听的真实服务器：该主机的内核拒绝连接。";
    "nothing-listens-to-datagrams": "The director chose a real server on which nothing listens: that host's \
        kernel refuses the datagram."
        / "调度器选中了没有进程监听的真实服务器：该主机的内核拒绝这个数据报。";
    "datagram-unread": "The server process does not run: the datagram waits in its socket."
        / "服务器进程没有运行：数据报停留在它的套接字里。";
    "server-ended": "The server process ended, and its kernel closed the connection."
        / "服务器进程已结束，其内核关闭了连接。";
    "closed-with-unread-data": "The server process ended without having read what had arrived: its kernel \
        ended the connection by an RST."
        / "服务器进程结束时还有未读取的数据：其内核以 RST 结束连接。";
    "server-frozen": "The server process is frozen: its host's kernel accepts connections and acknowledges \
        data, and nobody answers."
        / "服务器进程被冻结：主机内核照样接受连接并确认数据，却没有进程应答。";
    "session-killed": "The operator ended the session: the mysqld closed the connection."
        / "操作者结束了会话：mysqld 关闭了连接。";
    "told-to-end-the-connection": "The server was told to end the connection instead of answering."
        / "服务器按指示结束连接，而不是应答。";
    "wait-timeout": "The connection had been idle for longer than the server's wait_timeout: the mysqld \
        closed it."
        / "连接空闲的时间超过了服务器的 wait_timeout：mysqld 关闭了它。";
    "connection-unknown-at-the-server": "The client's data reached a server that does not know the \
        connection: its kernel answers with RST."
        / "客户端的数据到达了不认识这条连接的服务器：其内核以 RST 应答。";
    "started-anew": "The real server's host had started anew and knows nothing of the connection: its \
        kernel answers with an RST."
        / "真实服务器的主机重新启动过，不认识这条连接：其内核以 RST 应答。";
    "statement-forgotten": "The real server's host lost its power after it had acknowledged the statement: \
        the client has nothing to send again, so it learns nothing."
        / "真实服务器确认收到语句之后断电：客户端没有数据需要重传，因此无从得知。";
    "error-of-the-server": "The server answered with an error of its own." / "服务器自己返回了错误。";
    "row-locked-by-an-orphan": "The statement waits for a lock of a session that its client has lost and \
        nobody ends."
        / "语句在等待一个锁，持有它的会话已被其客户端丢失，而没有谁会结束该会话。";
    "lost-session-ended-by-keepalive": "A lost session held the lock until TCP keepalive of the real server \
        ended that session."
        / "失去客户端的会话一直持有锁，直到真实服务器的 TCP 保活结束该会话。";
    "lock-wait-timeout": "The server gave up waiting for a lock (innodb_lock_wait_timeout)."
        / "服务器放弃了等待锁（innodb_lock_wait_timeout）。";
    "server-gave-up": "The server heard nothing of the client for its own time-out, and ended the connection."
        / "服务器在自己的超时时间内没有收到客户端的数据，结束了连接。";
    "handshake-half-done": "The real server was deleted from the director's table in the middle of the \
        handshake: to the client the connection is there, to the server it is not."
        / "真实服务器在握手过程中从调度器的表中被删除：客户端认为连接已建立，服务器却不这样认为。";
    "window-update-dropped": "The real server was deleted from the director's table while the client's \
        window was full: the server never learns that it is open again."
        / "真实服务器在客户端窗口已满时从调度器的表中被删除：服务器始终不知道窗口已重新打开。";
    // Of hosts and links.
    "host-off": "The real server's host is off or unplugged, and stayed in the director's table: IPVS does \
        not notice, and goes on sending to it."
        / "真实服务器的主机已断电或断网，却仍留在调度器的表中：IPVS 并不知道，继续向它转发。";
    "off-for-a-while": "The real server's host was off for a while: the client waits for its TCP's next \
        retransmission."
        / "真实服务器的主机断电过一段时间：客户端要等到自己的 TCP 下一次重传。";
    "nothing-to-send": "The client only waits for a result, and the host that owes it is gone: a client \
        that sends nothing learns nothing."
        / "客户端只在等待结果，而应当给出结果的主机已经消失：不发送数据的客户端什么也不会知道。";
    "director-unplugged": "The director's link is down: what the client sends reaches nobody."
        / "调度器的链路中断：客户端发送的数据无法到达。";
    "router-unplugged": "The links of the router between the client and the director are down: what the \
        client sends reaches nobody."
        / "客户端与调度器之间的路由器的链路中断：客户端发送的数据无法到达。";
    "answer-ends-at-the-router": "A router that translates the client's address had forgotten the \
        connection: the answer ends at the router, which refuses it, and the client waits for nothing."
        / "转换客户端地址的路由器已忘记这条连接：应答到路由器为止并被拒绝，客户端白白等待。";
    "passed-on-untranslated": "A router that translates the client's address had forgotten the connection, \
        and with nf_conntrack_tcp_loose=0 passed the segment on as it was: the director knows no such \
        connection."
        / "转换客户端地址的路由器已忘记这条连接，nf_conntrack_tcp_loose=0 时把报文段原样转发：调度器没有这条连接。";
    "lost-before-the-director": "The link to the director loses packets." / "通往调度器的链路丢包。";
    "lost-after-the-director": "The link between director and real server loses packets."
        / "调度器与真实服务器之间的链路丢包。";
    "lost-before-the-client": "The answer is lost on its way to the client." / "应答在返回客户端的途中丢失。";
    "delayed-on-the-link": "A link delays every packet." / "链路使每个数据包都延迟到达。";
    "no-neighbour": "The director does not find the real server's Ethernet address: it answers with host \
        unreachable."
        / "调度器找不到真实服务器的以太网地址：它以“主机不可达”应答。";
    "nobody-has-the-vip": "Nobody on the client's link has the VIP: the client's own kernel gives the \
        connect up."
        / "客户端所在链路上没有主机拥有 VIP：客户端自己的内核放弃连接。";
    "vip-answered-by-another-server": "A real server answers ARP for the VIP in the director's place, and \
        does not know the connection."
        / "一台真实服务器代替调度器应答了对 VIP 的 ARP 请求，但它不认识这条连接。";
    "vip-answered-by-a-silent-server": "A real server answered ARP for the VIP in the director's place, and \
        cannot be reached any more."
        / "一台真实服务器曾代替调度器应答对 VIP 的 ARP 请求，如今已无法到达。";
    "vip-back-at-the-director": "The client finds the director again, which does not know the connection: \
        it answers with an RST."
        / "客户端重新找到了调度器，但调度器不认识这条连接：它以 RST 应答。";
    // Of forwarding methods and hosts that are built wrong.
    "answer-not-translated-back": "The director translates addresses, and the server's answer does not come \
        back through the director: it reaches the client from an address to which the client has no \
        connection."
        / "调度器做了地址转换，而服务器的应答没有经调度器返回：应答到达客户端时，源地址与客户端的连接不符。";
    "no-tunnel": "The director sends into a tunnel, and the real server has no tunnel device: its kernel \
        answers with an ICMP error."
        / "调度器把数据包送入隧道，而真实服务器没有隧道设备：其内核以 ICMP 错误应答。";
    "route-of-another-method": "The director still uses the route that it had cached for another forwarding \
        method."
        / "调度器仍在使用为另一种转发方式缓存的路由。";
    "answer-without-entry": "The answer came to a director that had no entry for the connection, or none any \
        more: it passes the answer on with the real server's own address, which the client does not know."
        / "应答来到没有（或不再有）这条连接条目的调度器：它把应答按真实服务器自己的地址转发，而客户端不认识这个地址。";
    "server-without-the-vip": "The real server does not have the VIP: it drops in silence what the director \
        passes on."
        / "真实服务器没有配置 VIP：它静默丢弃调度器转发来的数据包。";
    "wrong-gateway": "The director is not the gateway of a masqueraded real server: its answers do not come \
        back through the director."
        / "NAT 模式的真实服务器没有把调度器设为网关：它的应答不经调度器返回。";
    "director-is-no-router": "The director has ip_forward=0: it drops the answers of masqueraded real \
        servers."
        / "调度器的 ip_forward=0：它丢弃 NAT 模式真实服务器的应答。";
    "reverse-path-filter": "The real server has rp_filter=1, and drops in silence what comes out of its \
        tunnel."
        / "真实服务器的 rp_filter=1，静默丢弃从隧道出来的数据包。";
    "wrong-tunnel-port": "The real server's tunnel of GUE ends at another port than the one that the \
        director sends to: what comes there is refused."
        / "真实服务器的 GUE 隧道端口与调度器发往的端口不同：发到那里的数据包被拒绝。";
    "wrong-tunnel-port-unsaid": "The real server's tunnel of GUE ends at another port than the one that the \
        director sends to: it is refused, and with IPv6 in the tunnel the director tells no client."
        / "真实服务器的 GUE 隧道端口与调度器发往的端口不同：数据包被拒绝，而隧道内是 IPv6 时调度器不通知客户端。";
    "wrong-tunnel-port-dropped": "The real server's tunnel of GUE over IPv6 ends at another port than the \
        one that the director sends to: it drops in silence what comes there."
        / "真实服务器的 IPv6 GUE 隧道端口与调度器发往的端口不同：它静默丢弃发到那里的数据包。";
    "icmp-filtered": "The client's segments are too large for the tunnel, and a firewall drops the ICMP \
        error that would say so."
        / "客户端的报文段对隧道来说太大，而说明这一点的 ICMP 错误被防火墙丢弃。";
    // Of firewalls.
    "firewall-drops": "A firewall rule drops packets in silence." / "防火墙规则静默丢弃数据包。";
    "stateful-firewall-drops": "A stateful firewall does not know the connection, and drops its packets in \
        silence."
        / "有状态防火墙不认识这条连接，静默丢弃其数据包。";
    "firewall-rejects": "A firewall rule answers with an ICMP error, which does not end an established \
        connection."
        / "防火墙规则以 ICMP 错误应答，而这不会结束已建立的连接。";
    "firewall-refuses-a-datagram": "A firewall rule refuses the datagram: the client's kernel reports \
        that as an error of its socket."
        / "防火墙规则拒绝了数据报：客户端内核将其作为套接字的错误报告。";
    "firewall-refuses-a-syn": "A firewall rule refuses the connect." / "防火墙规则拒绝连接。";
    "firewall-resets": "A firewall rule answers with an RST." / "防火墙规则以 RST 应答。";
    "own-firewall-keeps-out": "The client's own firewall drops what answers."
        / "客户端自己的防火墙丢弃了应答。";
    "own-firewall-holds-back": "The client's own firewall lets nothing out, and its TCP tries again in \
        silence."
        / "客户端自己的防火墙不放行任何数据，其 TCP 只是静默重试。";
    "own-firewall-refuses": "The client's own firewall refuses what the client sends."
        / "客户端自己的防火墙拒绝了客户端发送的数据。";
    "own-firewall-until-tcp-gives-up": "The client's own firewall let nothing out until the client's TCP \
        gave up."
        / "客户端自己的防火墙一直不放行，直到客户端的 TCP 放弃。";
    // Of the client.
    "retransmissions-exhausted": "The client's TCP gave up after its last retransmission (tcp_retries2)."
        / "客户端的 TCP 在最后一次重传之后放弃（tcp_retries2）。";
    "syn-retries-exhausted": "Nobody answered the client's SYN until its TCP gave up (tcp_syn_retries)."
        / "没有谁应答客户端的 SYN，直到其 TCP 放弃（tcp_syn_retries）。";
    "connection-lost-before": "An earlier operation had lost the connection."
        / "连接在之前的操作中已经丢失。";
    "connection-ended-while-idle": "The client's own TCP had ended the connection while the client was idle."
        / "客户端空闲时，其自己的 TCP 已结束了连接。";
    "no-port-left": "The client has no port left for another connection." / "客户端没有可用于新连接的端口。";
    "user-timeout": "The client's TCP_USER_TIMEOUT ran out." / "客户端的 TCP_USER_TIMEOUT 到期。";
    "probes-unanswered": "Nobody answers the client's keepalive probes." / "没有谁应答客户端的保活探测。";
    "keepalive-exhausted": "The client's TCP keepalive found nobody, and gave up."
        / "客户端的 TCP 保活没有得到任何应答，放弃了连接。";
    "time-out-of-the-program": "The client program's own time-out ran out." / "客户端程序自己的超时到期。";
}

#[cfg(test)]
mod tests {
    use super::super::rules::{ALL, Explains};
    use super::*;

    #[test]
    fn rules_that_say_why_a_client_hung_or_failed_have_one_sentence() {
        let asked = ALL.iter().filter(|rule| match rule.explains {
            Explains::Silence | Explains::Error => true,
            Explains::Answer | Explains::Circumstance => false,
        });
        let mut rules: Vec<&str> = asked.map(|rule| rule.name).collect();
        let mut named: Vec<&str> = CAUSES.iter().map(|(name, ..)| *name).collect();
        rules.sort_unstable();
        named.sort_unstable();
        assert_eq!(named, rules);
    }

    #[test]
    fn sentences_are_whole_and_speak_of_no_cell() {
        for (rule, english, chinese) in CAUSES {
            assert!(english.ends_with('.') && chinese.ends_with('。'), "{rule}");
            assert!(!english.contains("rs1") && !english.contains('{'), "{rule}");
        }
    }
}
