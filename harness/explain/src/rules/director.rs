//! What the director does with a segment that it has, or makes, an entry for, and with a connect that no
//! server is there for.

use super::super::bilingual::listed;
use super::super::claim;
use super::super::icmp::PORT_UNREACHABLE;
use super::datagram;
use super::persistent::by_template;
use super::prelude::*;
use super::reuse::{Fate, OldEntry};
use super::shared::{changes_between, served, with_table};
use super::sloppy::PickedUp;
use super::thresholds::{Full, nobody_to_choose};

/// A connect is scheduled, passed on and answered.
pub(super) const SCHEDULED: Rule = Rule {
    name: "scheduled",
    explains: Explains::Answer,
    sources: sources![core: "ip_vs_in_hook", core: "ip_vs_schedule", transmit: "ip_vs_dr_xmit"],
    holds: |view| {
        let request = view.first_passed_on().filter(|_| view.is_connect())?;
        let (passed, server) = request.sent_to_server()?;
        let answer = answer_from(view, server)?;
        // A template of persistence decides without the scheduler, which chooses no server of weight 0.
        let table = view.table_then(request.sent.at);
        let chosen = table.is_none_or(|table| table.weight(server) != Some(0));
        if !chosen || by_template(view).is_some_and(|(template, _)| template == *server) {
            return None;
        }
        let mut shown_by = vec![packet(request.sent), packet(*passed)];
        let why = match OldEntry::of(view) {
            None => bilingual!(
                "belonged to no connection that the director knows, so the director"
                    / "不属于调度器已知的任何连接，于是调度器"
            ),
            // What it had lived for is over, and the SYN did not go where it led.
            Some(old) if *server != *old.server && old.is_over_by(view, passed.at) => {
                shown_by.push(old.place());
                bilingual!(
                    "came from the port of an earlier connection, whose entry ({entry}) had ended meanwhile, \
                     so the director"
                        / "来自先前一条连接用过的端口，那条连接的条目（{entry}）已经过期，于是调度器",
                    entry = old.text(),
                )
            }
            Some(old) => match old.fate {
                Fate::MakesPlace | Fate::ExpiresNow => {
                    let (text, place) = old.made_place();
                    shown_by.push(place);
                    text
                }
                Fate::Drops | Fate::PassesOn => return None,
            },
        };
        let mut text = bilingual!(
            "The client's SYN ({sent} on client) {why} chose a real server for it, {server}, and passed it \
             on (packet {passed} on director)."
                / "客户端的 SYN（client 上的{sent}）{why}为它选择了一台真实服务器 {server} 并转发（director 上的数据包 {passed}）。",
            sent = first(request.sent),
            why = why,
            passed = passed.packet,
        );
        if let Some(table) = view.table_then(request.sent.at) {
            let full = Full::all(view, &table, request.sent.at);
            let full: Vec<&Name> = full.iter().map(|full| full.server).collect();
            let passed_over: Vec<Bilingual> = view
                .plan
                .real_servers()
                .filter(|(name, _)| *name != server)
                .filter_map(|(name, _)| match table.weight(name) {
                    None => Some(bilingual!("{name} is not in its table" / "{name} 不在表中")),
                    Some(0) => Some(bilingual!("{name} has a weight of 0" / "{name} 的权重为 0")),
                    Some(_) if full.contains(&name) => Some(bilingual!(
                        "{name} is at its upper threshold" / "{name} 已达连接数上限"
                    )),
                    Some(_) => None,
                })
                .collect();
            if !passed_over.is_empty() {
                text.push(&bilingual!(
                    " Others it could not choose: {others}." / "其他的不能选择：{others}。",
                    others = listed(&passed_over),
                ));
                shown_by.extend(table.shown_by());
            }
        }
        Some(served(view, request.sent, server, answer, text, shown_by))
    },
};

/// A statement on a connection that the director has an entry for is passed on and answered.
pub(super) const PASSED_ON: Rule = Rule {
    name: "passed-on",
    explains: Explains::Answer,
    sources: sources![core: "ip_vs_in_hook", transmit: "ip_vs_dr_xmit"],
    holds: |view| {
        let request = view.first_passed_on().filter(|_| !view.is_connect())?;
        if datagram::is_scheduled(view, request) {
            return None;
        }
        let (passed, server) = request.sent_to_server()?;
        let answer = answer_from(view, server)?;
        let begun = view.request()?.sent;
        // Without an entry another rule says why it was passed on.
        if changes_between(view, begun, answer).next().is_some() || PickedUp::of(view).is_some() {
            return None;
        }
        let mut text = bilingual!(
            "The client's {what} ({sent} on client) belonged to a connection that the director has an entry \
             for, and was passed on to {server} (packet {passed} on director)."
                / "客户端{what}（client 上的{sent}）属于调度器有条目的连接，被转发给 {server}（director 上的数据包 {passed}）。",
            what = view.carrier(),
            sent = first(request.sent),
            passed = passed.packet,
        );
        let mut shown_by = vec![packet(request.sent), packet(*passed)];
        if let Some(table) = view
            .table_at(request.sent.at)
            .filter(|table| table.weight(server) == Some(0))
        {
            text.push(&bilingual!(
                " That the weight of {server} is 0 keeps it from being chosen for new connections only; what \
                 has an entry is passed on as before."
                    / "{server} 的权重为 0，只是不再为新连接选中它；有条目的连接照常转发。"
            ));
            shown_by.push(Citation::Snapshot(table.snapshot));
        }
        Some(served(view, request.sent, server, answer, text, shown_by))
    },
};

/// The server answers, with an error of its own.
pub(super) const SERVER_SAID: Rule = Rule {
    name: "error-of-the-server",
    explains: Explains::Error,
    sources: sources![core: "ip_vs_in_hook", transmit: "ip_vs_dr_xmit"],
    holds: |view| {
        let code = view.observed.error.as_ref()?.server?;
        let request = view.request().filter(|_| !view.is_connect())?;
        let (reached, server) = request.at_server()?;
        let answer = answer_from(view, server)?;
        // What is said of a lock has a story of its own.
        if LOCKS.contains(&code) {
            return None;
        }
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The client's {what} reached {server} ({reached} there), and the mysqld answered with its \
                 error {code} (packet {answer} on client). That is an answer: neither the director nor the \
                 network had a part in it."
                    / "客户端{what}到达了 {server}（{server} 上的{reached}），mysqld 以错误 {code} 应答（client 上的数据包 \
                        {answer}）。这就是一个应答：\
                       与调度器和网络都没有关系。",
                what = view.carrier(),
                reached = first(*reached),
                answer = answer.number,
            ),
            shown_by: cites![request.sent, reached, answer],
            claims: claims([request.sent.packet], &claim::Fate::delivered(server)),
            advice: Vec::new(),
        })
    },
};

/// `ER_LOCK_WAIT_TIMEOUT` and `ER_LOCK_DEADLOCK`.
const LOCKS: [u16; 2] = [1205, 1213];

/// A SYN that no server is there for.
pub(super) const NO_SERVER: Rule = Rule {
    name: "no-server-for-a-syn",
    explains: Explains::Error,
    sources: sources![tcp_protocol: "tcp_conn_schedule", core: "ip_vs_leave", tcp: "tcp_v4_err"],
    holds: |view| {
        let refusal = view
            .terminator(TerminatorKind::Icmp {
                code: PORT_UNREACHABLE,
            })
            .filter(|refusal| view.is_connect() && refusal.by.as_ref() == Some(view.director()))?;
        // Refusals of its first sendings may have been held back.
        let sendings = view.sendings();
        let request = sendings
            .take_while(|sent| sent.sent.packet < refusal.packet)
            .last()?;
        let arrived = request.stopped_at_director()?;
        let (table, servers) = nobody_to_choose(view, view.request()?.sent)?;
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The client's SYN arrived at the director ({arrived} on director), whose virtual service had \
                 {servers}: there was nobody to choose. In this case IPVS answers itself, with an ICMP port \
                 unreachable (packet {refusal} on client), and drops the SYN. A socket that is connecting \
                 takes that message as final and reports ECONNREFUSED at once, as it would for an RST."
                    / "客户端的 SYN 到达调度器（director 上的{arrived}），而其虚拟服务中{servers}：无可选择。这时 IPVS 自己以 ICMP \
                       port unreachable 应答（client 上的数据包 {refusal}），并丢弃该 SYN。正在建立连接的套接字把这个报文当作最终\
                       结果，立刻报告 ECONNREFUSED，与收到 RST 时一样。",
                arrived = first(arrived),
                servers = servers,
                refusal = refusal.packet,
            ),
            shown_by: with_table(&table, [request.sent, arrived], refusal),
            // Which of several sendings an ICMP error quotes, it does not say.
            claims: match view.request() {
                Some(first) if first.sent.packet == request.sent.packet => {
                    said(request, claim::Fate::Refused, refusal, claim::Fate::NoServer)
                }
                Some(_) | None => claims([refusal.packet], &claim::Fate::NoServer),
            },
            advice: vec![Advice::KeepAServer(None), Advice::Reconnect],
        })
    },
};
