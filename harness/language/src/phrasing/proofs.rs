//! In Chinese: what showed that a step had its effect, what was found instead, and what a client program did
//! that no client may do. In English these have their `Display`.

use lvs_matrix_model::record::{Instead, Listed, Misconduct, Proof};

/// What showed something. A sentence of a record of format 1 that is of no known form stays as it is.
pub(super) fn proof(proof: &Proof) -> String {
    match proof {
        Proof::Chosen {
            proof: shown,
            port,
            server,
        } => format!("{}；调度器中端口 {port} 的条目指向 {server}", self::proof(shown)),
        Proof::NotChosen { proof: shown } => format!("{}；调度器没有为它建立条目", self::proof(shown)),
        Proof::Connected => "已连接".to_owned(),
        Proof::Answered => "已得到应答".to_owned(),
        Proof::Waited => "已等待".to_owned(),
        Proof::CameTrue { took, seen } => format!("{took} 后：{}", self::proof(seen)),
        Proof::NotInTime { waited, seen } => format!("{waited} 内未满足：{}", self::proof(seen)),
        Proof::Connections {
            active,
            inactive,
            server,
        } => format!(
            "/proc/net/ip_vs 中 {server} 有 {active} 个活动连接和 {} 个非活动连接",
            inactive.0
        ),
        Proof::Entries { entries } => {
            format!("客户端在 /proc/net/ip_vs_conn 中有 {} 个条目", entries.0)
        }
        Proof::Closed => "已关闭".to_owned(),
        Proof::GivenUp => "客户端放弃了连接，并关闭了套接字".to_owned(),
        Proof::HasServer {
            server,
            weight,
            method,
        } => format!("/proc/net/ip_vs 中有 {server}，权重 {weight}，转发方式 {method}"),
        Proof::NoSuchService => "/proc/net/ip_vs 中没有这个虚拟服务".to_owned(),
        Proof::NoService => "/proc/net/ip_vs 中没有虚拟服务".to_owned(),
        Proof::NoServer { server } => format!("/proc/net/ip_vs 中没有 {server}"),
        Proof::EmptyService => "/proc/net/ip_vs 中有该虚拟服务，没有真实服务器".to_owned(),
        Proof::HasScheduler { scheduler } => {
            format!("/proc/net/ip_vs 中有该虚拟服务，调度算法为 {scheduler}")
        }
        Proof::Restored => "/proc/net/ip_vs 与保存表时相同".to_owned(),
        Proof::Saved { lines } => format!("ipvsadm 保存了 {lines}"),
        Proof::Timeouts { tcp, fin } => format!("超时为 {tcp} 秒，FIN 之后为 {fin} 秒"),
        Proof::KeepalivedRuns { listed } => {
            format!("keepalived 在运行，/proc/net/ip_vs 中{}", self::listed(listed))
        }
        Proof::KeepalivedReloaded { listed } => format!(
            "keepalived 在日志中写下 `Reload complete`，/proc/net/ip_vs 中{}",
            self::listed(listed)
        ),
        Proof::KeepalivedEnded { status, listed } => format!(
            "keepalived 的所有进程都已结束（{status}），/proc/net/ip_vs 中{}",
            self::listed(listed)
        ),
        Proof::SyncDaemon { line } => format!("ipvsadm 列出守护进程 `{line}`"),
        Proof::NoSyncDaemon { state } => format!("ipvsadm 没有列出 {state} 同步守护进程"),
        Proof::NoKeepalived { status } => format!("没有 keepalived 在运行（{status}）"),
        Proof::ProcessEnded { status, port } => format!("进程已结束（{status}），端口 {port} 上没有监听"),
        Proof::NoMysqld { status } => format!("没有 mysqld 在运行（{status}）"),
        Proof::ProcessFrozen { port } => format!("监听端口 {port} 的进程的所有线程都处于状态 T"),
        Proof::StillFrozen => "mysqld 的所有线程都处于状态 T".to_owned(),
        Proof::RunsAgain { id } => format!("它在运行，并以 server_id {id} 应答"),
        Proof::Started { id } => format!("它以 server_id {id} 应答"),
        Proof::Zeroed { before, after } => {
            format!("/proc/net/ip_vs_stats 计有 {after} 个数据包，之前为 {before} 个")
        }
        Proof::VipMoved { to, shows, from } => {
            format!("{to} 上的 `ip addr` 显示 {shows}，{from} 上已没有")
        }
        Proof::VipTaken { to, shows, from } => {
            format!("{to} 上的 `ip addr` 显示 {shows}；{from} 已断开，仍持有该地址")
        }
        Proof::Booted { port, seen } => {
            format!("{port} 的状态为 UP，先前的连接已全部消失，{}", self::proof(seen))
        }
        Proof::Port { port, state } => format!("{port} 的状态为 {state}"),
        Proof::Sysctl { key, value, node } => format!("{node} 上的 {key} 读出为 {value}"),
        Proof::Mtu { node, mtu } => format!("{node} 的所有网卡的 MTU 为 {mtu}"),
        Proof::IcmpFiltered { node, packets } => {
            format!(
                "nft 列出 {node} 丢弃 ICMP 的规则；它已匹配 {} 个数据包",
                packets.0
            )
        }
        Proof::VrrpBlocked { node, packets } => {
            format!(
                "nft 列出 {node} 丢弃 VRRP 的规则；它已匹配 {} 个数据包",
                packets.0
            )
        }
        Proof::MssClamped { node, size, packets } => format!(
            "nft 列出 {node} 将 MSS 限制为 {size} 的规则；它已匹配 {} 个数据包",
            packets.0
        ),
        Proof::NoRule => "nft 没有列出规则".to_owned(),
        Proof::Rule {
            chain,
            table,
            packets,
        } => format!(
            "nft 在 {table} 的 {chain} 链中列出该规则；它已匹配 {} 个数据包",
            packets.0
        ),
        Proof::Link {
            port,
            delay,
            loss,
            packets,
        } => format!(
            "{port} 的 qdisc 延迟 {delay}，丢包 {loss}；已丢掉 {} 个数据包",
            packets.0
        ),
        Proof::SynSent => "其 SYN 已在链路上".to_owned(),
        Proof::SynHeldBack => "其 SYN 遇到了客户端自己的防火墙".to_owned(),
        Proof::ClosingSent { packet } => format!("其 {packet} 已在链路上"),
        Proof::ClosedUnheard { packet } => format!("已关闭，链路上没有 {packet}"),
        Proof::EndedAlready => "它已经结束".to_owned(),
        Proof::Stateful {
            node,
            chain,
            known,
            new,
            dropped,
        } => format!(
            "nft 列出 {node} 的 {chain} 链中的有状态防火墙；已知连接的数据包 {known} 个，新连接的 {new} 个，丢弃 {dropped} 个",
            known = known.0,
            new = new.0,
            dropped = dropped.0,
        ),
        Proof::Forgotten { node, connections } => {
            format!("{node} 的内核忘掉了它所跟踪的 {connections} 个连接")
        }
        Proof::HeldBack => "它遇到了客户端自己的防火墙".to_owned(),
        Proof::SentAgain => "它被重发，没有得到确认".to_owned(),
        Proof::TimeoutsWithUdp { tcp, fin, udp } => {
            format!("超时为 {tcp} 秒，FIN 之后 {fin} 秒，UDP {udp} 秒")
        }
        Proof::SessionsEnded { sessions } => {
            format!("它曾有 {} 个客户端会话，现在一个也没有", sessions.0)
        }
        Proof::AnswersAs { server } => format!("它以 {server} 的名义应答"),
        Proof::NoServerRuns { status } => format!("没有服务程序在运行（{status}）"),
        Proof::ServerStillFrozen => "服务程序的所有线程都处于状态 T".to_owned(),
        Proof::ReachedServer { server } => format!("它已到达 {server}"),
        Proof::DatagramSent => "数据报已发出".to_owned(),
        Proof::Runs { server } => format!("它在 {server} 的进程列表中"),
        Proof::KernelHasIt { server } => format!("{server} 的 mysqld 已冻结，其内核已确认它"),
        Proof::KernelHasBeginning { server } => format!("{server} 的内核已确认其开头"),
        Proof::StoppedReading { rows } => format!("客户端读取 {} 行后停止", rows.0),
        Proof::Keepalive {
            port,
            on,
            idle,
            interval,
            probes,
        } => format!(
            "端口 {port} 的 getsockopt：SO_KEEPALIVE {on}, TCP_KEEPIDLE {idle}, TCP_KEEPINTVL {interval}, \
             TCP_KEEPCNT {probes}"
        ),
        Proof::UserTimeout { port, millis } => {
            format!("端口 {port} 的 getsockopt：TCP_USER_TIMEOUT {millis} ms")
        }
        Proof::Help { setting } => format!("以同样的选项执行 `--help`，列出 {setting}"),
        Proof::ByWord { said } => format!("据程序自己所说：{said}"),
        Proof::Text { text } => text.clone(),
    }
}

/// What the virtual service has in the director's table.
fn listed(listed: &Listed) -> String {
    let Some(servers) = &listed.0 else {
        return "没有这个虚拟服务".to_owned();
    };
    if servers.is_empty() {
        return "有该虚拟服务，没有真实服务器".to_owned();
    }
    let servers = servers
        .iter()
        .map(|(name, weight)| format!("{name}（权重 {weight}）"));
    format!("有 {}", servers.collect::<Vec<_>>().join("、"))
}

/// What was found instead.
pub(super) fn instead(found: &Instead) -> String {
    match found {
        Instead::OtherVip { node, shows } => format!("{node} 上的 `ip addr` 显示的 VIP：{shows}"),
        Instead::KeepalivedRuns => "keepalived 在运行".to_owned(),
        Instead::OtherSyncDaemons { listed } => format!("ipvsadm 列出的同步守护进程是：{listed}"),
        Instead::ServerRuns => "有服务程序在运行".to_owned(),
        Instead::ServerNotFrozen => "服务程序在运行".to_owned(),
        Instead::ServerEnded { status } => format!("服务程序已结束：{status}"),
        Instead::MysqldRuns => "有 mysqld 在运行".to_owned(),
        Instead::MysqldNotFrozen => "mysqld 在运行".to_owned(),
        Instead::MysqldEnded { status } => format!("mysqld 已结束：{status}"),
        Instead::ConnectionLeft { line } => format!("还留有先前的连接：{line}"),
        Instead::OtherPortState { state, shown } => format!("端口的状态不是 {state}：{shown}"),
        Instead::NoSuchRule {
            rule,
            chain,
            table,
            shown,
        } => format!("nft 在 {table} 的 {chain} 链中没有列出规则 `{rule}`：{shown}"),
        Instead::StillTracked { connections } => format!("仍有 {} 个连接被跟踪", connections.0),
        Instead::StillRules { shown } => format!("nft 仍列出：{shown}"),
        Instead::UnreadableQdisc { error, shown } => format!("无法读取 tc 的输出（{error}）：{shown}"),
        Instead::NoNetem { port, shown } => format!("{port} 没有 netem：{shown}"),
        Instead::OtherLink { port, shown } => format!("{port} 的 qdisc 是另一个：{shown}"),
        Instead::OtherMtu { shown } => format!("ip 显示的 MTU 不同：{shown}"),
        Instead::NoRuleOfSizes { rule, shown } => format!("nft 没有列出规则 `{rule}`：{shown}"),
        Instead::OtherSysctl { found, value } => format!("读出为 `{found}`，不是 `{value}`"),
        Instead::NoSockets { error } => format!("无法查看客户端的套接字：{error}"),
        Instead::NoNewSocket => "客户端没有连接到该服务的新套接字".to_owned(),
        Instead::NoOptions { error } => format!("客户端套接字的选项：{error}"),
        Instead::OtherHelp { shown } => format!("以同样的选项执行 `--help`，列出的是：{shown}"),
        Instead::Other { proof } => self::proof(proof),
        Instead::Text { text } => text.clone(),
    }
}

/// What a client program did.
pub(super) fn misconduct(what: &Misconduct) -> String {
    match what {
        Misconduct::LeftProcesses => "留下了无法结束的进程".to_owned(),
        Misconduct::LongStandardError => "在标准错误上输出了超过 1 MiB".to_owned(),
        Misconduct::LongOutput { mib } => format!("为一个操作输出了超过 {mib} MiB"),
        Misconduct::LongLine => "输出了超过 1 MiB 的一行".to_owned(),
        Misconduct::SaidUnasked => "在没有被要求时输出了内容".to_owned(),
        Misconduct::NotOfProtocol { start, error } => format!("输出了不属于协议的一行：`{start}`（{error}）"),
        Misconduct::ManyLines { lines } => format!("为一个操作输出了 {lines} 行而没有结束它"),
        Misconduct::Ended { how } => format!("在应执行操作时结束了：{how}"),
        Misconduct::OtherAnswer { answer } => format!("对应执行的操作回答了 `{answer}`"),
        Misconduct::UnknownSetting { setting } => format!("提到了不存在的设置 `{setting}`"),
        Misconduct::Text { text } => text.clone(),
    }
}
