//! What the director does with a segment that it has, or makes, an entry for, and with a connect that no
//! server is there for.

use super::super::advice::Advice;
use super::super::bilingual::{Bilingual, bilingual, clauses, doing, listed};
use super::super::cell_view::{CellView, packet};
use super::super::claim;
use super::super::fate::{claims, said};
use super::super::icmp::PORT_UNREACHABLE;
use super::super::passage::Seen;
use super::datagram;
use super::persistent::by_template;
use super::reuse::{Fate, OldEntry};
use super::rule::{Explains, Finding, Rule, core, tcp, tcp_protocol, transmit};
use super::shared::{answer_from, first, with_method};
use super::sloppy::PickedUp;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, Chain, HostAction, Node, TrafficAction};
use lvs_matrix_model::capture::Packet;
use lvs_matrix_model::verdict::{Citation, TerminatorKind};

/// A connect is scheduled, passed on and answered.
pub(super) const SCHEDULED: Rule = Rule {
    name: "scheduled",
    explains: Explains::Answer,
    sources: &[
        core("ip_vs_in_hook"),
        core("ip_vs_schedule"),
        transmit("ip_vs_dr_xmit"),
    ],
    holds: |view| {
        let request = view.first_passed_on().filter(|_| view.is_connect())?;
        let (passed, Node::RealServer(server)) = request.passed_on.as_ref()? else {
            return None;
        };
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
            let passed_over: Vec<Bilingual> = view
                .plan
                .real_servers()
                .filter_map(|(name, _)| match table.weight(name) {
                    None => Some(bilingual!("{name} is not in its table" / "{name} 不在表中")),
                    Some(0) => Some(bilingual!("{name} has a weight of 0" / "{name} 的权重为 0")),
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

/// What was passed on reached the server, perhaps not at its first sending, and was answered.
pub(super) fn served(
    view: &CellView<'_>,
    sent: Seen,
    server: &Name,
    answer: &Packet,
    mut text: Bilingual,
    mut shown_by: Vec<Citation>,
) -> Finding {
    let arrived = view
        .arrived()
        .filter(|arrived| arrived.sent.packet != sent.packet);
    if let Some(again) = arrived
        && let Some((passed, _)) = &again.passed_on
    {
        text.push(&bilingual!(
            " It was lost on its way. The client's TCP sent it again ({again} on client), and the director \
             passed that on by its entry ({passed} on director)."
                / "它在途中丢失。客户端的 TCP 重传了它（client 上的{again}），调度器按其条目转发（director 上的{passed}）。",
            again = first(again.sent),
            passed = first(*passed),
        ));
        shown_by.extend([packet(again.sent), packet(*passed)]);
    }
    text.push(&answered(view, server, answer));
    shown_by.push(Citation::Packet(answer.number));
    Finding {
        at: sent.at,
        text,
        shown_by,
        claims: claims(
            [arrived.map_or(sent.packet, |arrived| arrived.sent.packet)],
            &claim::Fate::Delivered(Node::RealServer(server.clone())),
        ),
        advice: Vec::new(),
    }
}

/// A statement on a connection that the director has an entry for is passed on and answered.
pub(super) const PASSED_ON: Rule = Rule {
    name: "passed-on",
    explains: Explains::Answer,
    sources: &[core("ip_vs_in_hook"), transmit("ip_vs_dr_xmit")],
    holds: |view| {
        let request = view.first_passed_on().filter(|_| !view.is_connect())?;
        if datagram::is_scheduled(view, request) {
            return None;
        }
        let (passed, Node::RealServer(server)) = request.passed_on.as_ref()? else {
            return None;
        };
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

/// The statement was past the director before the change, and the answer does not need the director.
pub(super) const UNDER_WAY: Rule = Rule {
    name: "answer-past-the-director",
    explains: Explains::Answer,
    sources: &[transmit("ip_vs_dr_xmit")],
    holds: |view| {
        let request = view.request().filter(|_| !view.is_connect())?;
        let (reached, Node::RealServer(server)) = request.reached.as_ref()? else {
            return None;
        };
        let answer = answer_from(view, server)?;
        let changes: Vec<_> = changes_between(view, request.sent, answer).collect();
        let at_the_server = |(_, action): &(u32, &Action)| on_the_way_back(action, server);
        if changes.is_empty() || changes.iter().any(at_the_server) || !view.answers_past_the_director() {
            return None;
        }
        let names: Vec<Bilingual> = changes.iter().map(|(_, action)| doing(action)).collect();
        let mut shown_by = vec![packet(request.sent), packet(*reached)];
        shown_by.extend(changes.iter().map(|(step, _)| Citation::Step(*step)));
        shown_by.push(Citation::Packet(answer.number));
        Some(Finding {
            at: request.sent.at,
            text: bilingual!(
                "The client's {what} was past the director before the change ({change}), and reached \
                 {server} ({reached} there). {with} the answer goes from {server} to the client without \
                 passing the director (packet {answer} on client), so what happened meanwhile made no \
                 difference to it."
                    / "客户端{what}在变更（{change}）之前已经过调度器，并到达了 {server}（{server} 上的{reached}）。{with}，应答从 \
                        {server} \
                       直接发给客户端，不经过调度器（client 上的数据包 {answer}），所以期间发生的变更对它没有影响。",
                what = view.carrier(),
                reached = first(*reached),
                with = with_method(view, server),
                change = clauses(&names),
                answer = answer.number,
            ),
            shown_by,
            claims: claims(
                [request.sent.packet],
                &claim::Fate::Delivered(Node::RealServer(server.clone())),
            ),
            advice: Vec::new(),
        })
    },
};

/// Is an action about what makes the answer of a real server or about its way to the client?
fn on_the_way_back(action: &Action, server: &Name) -> bool {
    let ends = |node: &Node| *node == Node::Client || node.real_server() == Some(server);
    match action {
        Action::Mysqld(mysqld) => mysqld.server() == server,
        Action::Host(host) => match host {
            HostAction::PowerOff { server: of, .. } => of == server,
            HostAction::LinkDown { node } | HostAction::LinkUp { node } => ends(node),
            HostAction::SetSysctl { .. } => false,
        },
        Action::Traffic(traffic) => match traffic {
            TrafficAction::AddFirewallRule { node, chain, .. } => match chain {
                Chain::Input => *node == Node::Client,
                Chain::Output => node.real_server() == Some(server),
            },
            TrafficAction::FlushFirewall { node } => ends(node),
            // What is sent to the node is delayed or lost.
            TrafficAction::SetNetem { node, .. } => *node == Node::Client,
        },
        Action::Table(_) | Action::Wait(_) | Action::Client(_) => false,
    }
}

/// The server answers, with an error of its own.
pub(super) const SERVER_SAID: Rule = Rule {
    name: "error-of-the-server",
    explains: Explains::Error,
    sources: &[core("ip_vs_in_hook"), transmit("ip_vs_dr_xmit")],
    holds: |view| {
        let code = view.observed.error.as_ref()?.server?;
        let request = view.request().filter(|_| !view.is_connect())?;
        let (reached, Node::RealServer(server)) = request.reached.as_ref()? else {
            return None;
        };
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
            shown_by: vec![
                packet(request.sent),
                packet(*reached),
                Citation::Packet(answer.number),
            ],
            claims: claims(
                [request.sent.packet],
                &claim::Fate::Delivered(Node::RealServer(server.clone())),
            ),
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
    sources: &[
        tcp_protocol("tcp_conn_schedule"),
        core("ip_vs_leave"),
        tcp("tcp_v4_err"),
    ],
    holds: |view| {
        let request = view.request().filter(|_| view.is_connect())?;
        let arrived = request.stopped_at_director()?;
        let refusal = view
            .terminator(TerminatorKind::Icmp {
                code: PORT_UNREACHABLE,
            })
            .filter(|refusal| refusal.by == Some(Node::Director))?;
        let table = view.table_then(request.sent.at)?;
        if !table.has_service() || table.servers().any(|(_, weight)| weight > 0) {
            return None;
        }
        let names: Vec<&Name> = table.servers().map(|(name, _)| name).collect();
        let servers = if names.is_empty() {
            bilingual!("no real server" / "没有真实服务器")
        } else {
            bilingual!(
                "no real server with a weight above 0 ({names} has 0)"
                    / "没有权重大于 0 的真实服务器（{names} 的权重为 0）",
                names = listed(&names),
            )
        };
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
            shown_by: [
                table.shown_by(),
                vec![
                    packet(request.sent),
                    packet(arrived),
                    Citation::Packet(refusal.packet),
                ],
            ]
            .concat(),
            claims: said(request, claim::Fate::Refused, refusal, claim::Fate::NoServer),
            advice: vec![Advice::KeepAServer { instead_of: None }, Advice::Reconnect],
        })
    },
};

fn answered(view: &CellView<'_>, server: &Name, answer: &Packet) -> Bilingual {
    let way = if view.answers_past_the_director() {
        bilingual!("directly, past the director" / "直接应答，不经过调度器")
    } else {
        bilingual!("through the director" / "经过调度器应答")
    };
    bilingual!(
        " {server} answered {way} (packet {answer} on client)."
            / "{server} {way}（client 上的数据包 {answer}）。",
        way = way,
        answer = answer.number,
    )
}

/// What others than the client did between a request and its answer.
pub(super) fn changes_between<'a>(
    view: &CellView<'a>,
    request: Seen,
    answer: &'a Packet,
) -> impl Iterator<Item = (u32, &'a Action)> {
    view.done(|action| {
        let change = !action.is_of_client() && !matches!(action, Action::Wait(_));
        change.then_some(action)
    })
    .filter(move |(_, began, _)| request.at < *began && *began < answer.at)
    .map(|(step, _, action)| (step.number, action))
}
