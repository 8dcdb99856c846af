//! What the model itself says in English, in Chinese.

use super::{behaviour_name, moment, sender};
use crate::catalogue::Language;
use lvs_matrix_model::action::{FirewallVerdict, Node};
use lvs_matrix_model::duration::{Human, Instant};
use lvs_matrix_model::record::{OpenTransaction, SocketTimer};
use lvs_matrix_model::scenario::HangEndName;
use lvs_matrix_model::verdict::{
    Bound, ConnectionEntry, Counted, Difference, Discarded, DiscardedKind, Fact, HangEnd, HeldBack,
    HeldServer, OperationEnd, OrphanedSession, Sent, named_gaps,
};
use std::time::Duration;

const ZH: Language = Language::Chinese;

pub(super) fn fact(fact: &Fact) -> String {
    match fact {
        Fact::Done { at, action, proof } => {
            format!("{}：{}（{}）", time(*at), action.in_chinese(), proof.in_chinese())
        }
        Fact::Table {
            edited: Some(edited),
            by,
            director,
            servers,
            entry,
            ..
        } => format!(
            "{}：{by} 修改之后，{}的表中{}{}",
            time(*edited),
            named(director),
            held(servers),
            entry.as_ref().map_or_else(String::new, self::entry)
        ),
        Fact::Table {
            moment: when,
            edited: None,
            by,
            director,
            servers,
            entry,
        } => format!(
            "{}{}的表中{}{}",
            moment(ZH, *by, *when),
            named(director),
            held(servers),
            entry.as_ref().map_or_else(String::new, self::entry)
        ),
        Fact::Began { at, operation, sent } => format!(
            "{}：客户端开始{}{}",
            time(*at),
            self::operation(operation),
            sent.as_ref()
                .map_or_else(String::new, |sent| format!("；{}", self::sent(sent)))
        ),
        Fact::ServedBy(node) => format!("该连接由 {node} 提供服务"),
        Fact::Tried(server) => format!("在此之前，客户端的报文段到达过 {server}，它没有应答"),
        Fact::HeldBack(held_back) => self::held_back(*held_back),
        Fact::Discarded { first, times } => discarded(first, *times),
        Fact::SentAgain {
            payload_length,
            times,
            gaps,
        } => sent_again(*payload_length, *times, gaps),
        Fact::Reached(terminator) => format!(
            "{}：{} 发出的 {} 到达客户端",
            time(terminator.at),
            sender(ZH, terminator.by.as_ref()),
            terminator.kind
        ),
        Fact::ReachedOften { first, until, times } => format!(
            "从 {} 到 {}：{} 发出的 {} 到达客户端，共 {times} 次",
            after_epoch(first.at),
            after_epoch(*until),
            sender(ZH, first.by.as_ref()),
            first.kind
        ),
        Fact::Silence { from, lasted, end } => format!(
            "从 {} 起的 {} 内，没有任何应答到达客户端，{}",
            after_epoch(*from),
            Human(*lasted),
            match end {
                HangEnd::Answer => "之后得到应答",
                HangEnd::Error => "之后操作失败",
                HangEnd::None => "观察结束时仍未结束",
            }
        ),
        Fact::InParts { from, to, longest } => format!(
            "应答从 {} 到 {} 分段到达，其间最长 {} 没有任何数据",
            after_epoch(*from),
            after_epoch(*to),
            Human(*longest)
        ),
        Fact::Contradicted(contradiction) => contradiction.in_chinese(),
        Fact::LostBefore { at, message } => format!(
            "{}：之前的操作已因“{message}”失去该连接，因此本次操作没有发送任何数据",
            time(*at)
        ),
        Fact::EndedByClientBefore { at } => format!(
            "{}：客户端自己的内核已结束该连接，因此本次操作没有发送任何数据",
            time(*at)
        ),
        Fact::Ended { at, how } => format!("{}：{}", time(*at), ended(how)),
        Fact::Probed {
            probe,
            attempts,
            lost,
            longest,
        } => match longest {
            None => format!("探测 {probe} 的 {attempts} 次尝试全部得到应答"),
            Some(longest) => format!(
                "探测 {probe} 的 {attempts} 次尝试中有 {} 次没有得到应答（{}）；最长的中断始于 {}，持续 {}{}",
                lost.values().sum::<u32>(),
                super::losses(ZH, lost),
                after_epoch(longest.from),
                Human(longest.lasted()),
                if longest.to_the_end {
                    "，直到观察结束"
                } else {
                    ""
                }
            ),
        },
        Fact::StillInForce { action, shows } => {
            format!("结束时，{}：{}", action.in_chinese(), shows.in_chinese())
        }
        Fact::Orphaned(orphan) => format!("结束时，{}", self::orphan(orphan)),
    }
}

/// The name of an operation: `connect`, or a statement.
pub(super) fn operation(what: &str) -> String {
    match what.strip_prefix("query ") {
        Some(statement) => format!("执行 sql {statement}"),
        None if what == "connect" => "新建连接".to_owned(),
        None => format!("执行 sql `{what}`"),
    }
}

fn time(at: Instant) -> String {
    format!("在 {} 时", after_epoch(at))
}

fn after_epoch(at: Instant) -> Human {
    Human(at.since(Instant(0)))
}

fn held_back(held_back: HeldBack) -> String {
    let HeldBack {
        step,
        verdict,
        segments,
    } = held_back;
    let did = match verdict {
        FirewallVerdict::Drop => "丢弃",
        FirewallVerdict::Reject => "拒绝（向客户端自己发 ICMP 错误）",
        FirewallVerdict::TcpReset => "拒绝（向客户端自己发 RST）",
    };
    format!("按内核的计数，客户端自己的防火墙（步骤 {step}）在其网卡之前{did}了客户端的 {segments} 个报文段")
}

fn discarded(first: &Discarded, times: usize) -> String {
    let kind = match first.kind {
        DiscardedKind::SynAck | DiscardedKind::Rst | DiscardedKind::Fin => first.kind.to_string(),
        DiscardedKind::Acknowledgement => "确认".to_owned(),
        DiscardedKind::Payload { length } => format!("{length} 字节的报文段"),
    };
    let why = first.why.in_chinese();
    let times = if times > 1 {
        format!("共 {times} 次，")
    } else {
        String::new()
    };
    format!(
        "{}：{} 发出的 {kind} 到达客户端的网卡，{times}但其内核没有接受：{why}",
        time(first.at),
        sender(ZH, first.by.as_ref()),
    )
}

/// Whose table it is. Of one director, or of the first one, no name is said.
fn named(director: &Node) -> String {
    match director.goes_without_saying() {
        true => "调度器".to_owned(),
        false => format!(" {director} "),
    }
}

fn held(servers: &[HeldServer]) -> String {
    if servers.is_empty() {
        return "没有真实服务器".to_owned();
    }
    let each = servers
        .iter()
        .map(|held| format!(" {}（权重 {}）", held.server, held.weight));
    format!("有{}", each.collect::<Vec<_>>().join("、"))
}

fn entry(entry: &ConnectionEntry) -> String {
    match entry {
        ConnectionEntry::Absent => "，没有该连接的条目".to_owned(),
        ConnectionEntry::Held {
            server,
            state,
            expires,
        } => {
            format!("，并有该连接到 {server} 的条目（{state}，{expires} 后过期）")
        }
    }
}

fn sent(sent: &Sent) -> String {
    match sent {
        Sent::Syn => "客户端发出了 SYN".to_owned(),
        Sent::Arp => "客户端询问 VIP 的以太网地址，无人应答".to_owned(),
        Sent::ArpForRouter => "客户端询问其路由器的以太网地址，无人应答".to_owned(),
        Sent::Statement => "客户端发出了语句".to_owned(),
        Sent::Command(name) => format!("客户端先发出了 {name}"),
    }
}

fn sent_again(payload_length: u32, times: usize, gaps: &[Duration]) -> String {
    let what = match payload_length {
        0 => " SYN".to_owned(),
        length => format!("同样的 {length} 字节"),
    };
    let (named, last) = named_gaps(gaps);
    let named: Vec<String> = named.iter().map(|gap| Human(*gap).to_string()).collect();
    let rest = last.map_or_else(String::new, |last| {
        format!(" … {}（共 {} 个间隔）", Human(last), gaps.len())
    });
    format!("客户端将{what}重发了 {times} 次，间隔 {}{rest}", named.join("、"))
}

fn ended(how: &OperationEnd) -> String {
    match how {
        OperationEnd::Error(message) => format!("客户端得到错误“{message}”"),
        OperationEnd::Answer => "客户端得到应答".to_owned(),
        OperationEnd::Waiting => "客户端仍在等待".to_owned(),
    }
}

pub(super) fn orphan(orphan: &OrphanedSession) -> String {
    let OrphanedSession {
        server,
        server_id: _,
        client_port,
        session,
        socket,
    } = orphan;
    let mut text = format!("{server} 仍保持着客户端已失去的连接（孤儿会话；客户端端口为 {client_port}）");
    if let Some(session) = session {
        text += &format!(
            "；其进程列表中为会话 {}，{} 已 {} 秒",
            session.id, session.command, session.seconds
        );
        if let Some(transaction) = &session.transaction {
            text += &format!("，且有{}", open_transaction(transaction));
        }
    }
    if let Some(socket) = socket {
        text += &format!(
            "；其套接字状态为 {}，待发送 {} 字节，待读取 {} 字节",
            socket.state, socket.send_queue, socket.receive_queue
        );
        if let Some(timer) = &socket.timer {
            text += &format!("，{}", self::timer(timer));
        }
    }
    text
}

pub(super) fn open_transaction(transaction: &OpenTransaction) -> String {
    let OpenTransaction {
        state,
        seconds,
        rows_locked,
        rows_modified,
    } = transaction;
    format!("未结束的事务：已修改 {rows_modified} 行，已锁定 {rows_locked} 行，状态 {state} 已 {seconds} 秒")
}

fn timer(timer: &SocketTimer) -> String {
    let SocketTimer { name, expires, count } = timer;
    let what = match name.as_str() {
        "on" => "重传定时器",
        "keepalive" => "保活定时器",
        "persist" => "持续定时器",
        "timewait" => "TIME-WAIT 定时器",
        _ => "定时器",
    };
    match count {
        _ if expires.is_empty() => format!("{what}已到期"),
        0 => format!("{what} {expires} 后到期"),
        count => format!("{what} {expires} 后到期（第 {count} 次）"),
    }
}

pub(super) fn difference(difference: &Difference) -> String {
    let number = |found: Option<u16>| found.map_or_else(|| "无".to_owned(), |found| found.to_string());
    match difference {
        Difference::Behaviour { expected, observed } => format!(
            "预期{}，实测{}",
            behaviour_name(ZH, *expected),
            observed.map_or(ZH.undetermined(), |observed| behaviour_name(ZH, observed))
        ),
        Difference::Error { expected, observed } => {
            format!("预期错误 {expected}，实测 {}", number(*observed))
        }
        Difference::Errno { expected, observed } => {
            format!("预期 errno {expected}，实测 {}", number(*observed))
        }
        Difference::Ends { expected, observed } => format!(
            "预期等待以{}告终，实测{}",
            end(*expected),
            observed.map_or("没有等待", end)
        ),
        Difference::AtLeast { expected, observed } => {
            format!("预期操作至少持续 {}，实测 {}", Human(*expected), Human(*observed))
        }
        Difference::AtMost { expected, observed } => {
            format!("预期操作至多持续 {}，实测 {}", Human(*expected), Human(*observed))
        }
        Difference::ServedBy { expected, observed } => {
            let expected: Vec<&str> = expected.iter().map(lvs_matrix_model::Name::as_str).collect();
            let observed = observed
                .as_ref()
                .map_or_else(|| "没有服务器".to_owned(), ToString::to_string);
            format!("预期连接由 {} 提供服务，实测为 {observed}", expected.join(" 或 "))
        }
        Difference::Outage {
            probe,
            expected,
            longest,
            lost,
        } => {
            let expected = match expected {
                Bound::AtLeast(time) => format!("中断至少 {}", Human(*time)),
                Bound::AtMost(time) => format!("中断至多 {}", Human(*time)),
                Bound::Lost(0) => "每次尝试都得到应答".to_owned(),
                Bound::Lost(count) => format!("至多 {count} 次失败"),
            };
            let longest = Human(*longest);
            format!("预期探测 {probe} {expected}，实测失败 {lost} 次，最长的中断 {longest}")
        }
        Difference::Clients {
            counted,
            expected,
            observed,
        } => {
            let counted = match counted {
                Counted::Moved => "移走的客户端".to_owned(),
                Counted::Failed => "出错的客户端".to_owned(),
                Counted::Served(server) => format!("在 {server} 上的客户端"),
            };
            let observed = observed.map_or_else(|| "无".to_owned(), |count| count.to_string());
            format!("预期{counted}：{expected}，实测 {observed}")
        }
    }
}

fn end(end: HangEndName) -> &'static str {
    match end {
        HangEndName::Answer => "应答",
        HangEndName::Error => "错误",
        HangEndName::None => "观察期内不结束",
    }
}
