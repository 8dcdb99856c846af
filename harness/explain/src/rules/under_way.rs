//! Statements that were past the director before a change, and were answered after it.

use super::super::bilingual::clauses;
use super::prelude::*;
use super::shared::{changes_between, with_method};
use super::translated::{came_to_another, sent_on};
use lvs_matrix_model::action::{Action, Chain, TrafficAction};

/// The answer does not need the director.
pub(super) const PAST_THE_DIRECTOR: Rule = Rule {
    name: "answer-past-the-director",
    explains: Explains::Answer,
    sources: sources![transmit: "ip_vs_dr_xmit"],
    holds: |view| {
        let under_way = UnderWay::of(view)?;
        let server = under_way.server;
        let at_the_server = |(_, action): &(u32, &Action)| on_the_way_back(action, server);
        if under_way.changes.iter().any(at_the_server) || !view.answers_past_the_director() {
            return None;
        }
        let text = bilingual!(
            "The client's {what} was past the director before the change ({change}), and reached {server} \
             ({reached} there). {with} the answer goes from {server} to the client without passing the \
             director (packet {answer} on client), so what happened meanwhile made no difference to it."
                / "客户端{what}在变更（{change}）之前已经过调度器，并到达了 {server}（{server} 上的{reached}）。{with}，应答从 {server} \
                   直接发给客户端，不经过调度器（client 上的数据包 {answer}），所以期间发生的变更对它没有影响。",
            what = view.carrier(),
            reached = first(under_way.reached),
            with = with_method(view, server),
            change = under_way.change(),
            answer = under_way.answer.number,
        );
        Some(under_way.finding(text, None))
    },
};

/// The director translates the answer by the connection's entry.
pub(super) const BY_ITS_ENTRY: Rule = Rule {
    name: "answer-by-its-entry",
    explains: Explains::Answer,
    sources: sources![core: "ip_vs_out_hook", core: "handle_response", transmit: "ip_vs_nat_xmit"],
    holds: |view| {
        let under_way = UnderWay::of(view)?;
        let server = under_way.server;
        let (translated, _) = sent_on(view, under_way.answer).filter(|(_, translated)| *translated)?;
        let leaves_the_entry = |(_, action): &(u32, &Action)| match action {
            Action::Table(_) | Action::Other(_) => true,
            // What conntrack forgets is not IPVS's entry, nor is what a server's firewall lets in.
            Action::Traffic(TrafficAction::FlushConntrack { .. }) => true,
            Action::Traffic(traffic) => traffic.server() == Some(server) && !traffic.is_about(Chain::Output),
            Action::Mysqld(_) | Action::Host(_) | Action::Client(_) | Action::Wait(_) | Action::Watch(_) => {
                false
            }
        };
        if !under_way.changes.iter().all(leaves_the_entry) {
            return None;
        }
        let text = bilingual!(
            "The client's {what} was past the director before the change ({change}), and reached {server} \
             ({reached} there). With masquerading the answer goes back through the director. The director \
             still had the connection's entry, by which it gave the answer the VIP as its source \
             ({translated} on director): for an answer it does not ask whether {server} is still in its \
             table (packet {answer} on client)."
                / "客户端{what}在变更（{change}）之前已经过调度器，并到达了 {server}（{server} 上的{reached}）。NAT \
                   模式下，应答经过调度器返回。调度器仍有该连接的条目，按条目把应答的源地址换成 VIP（director \
                   上的{translated}）：对于应答，它不检查 {server} 是否还在表中（client 上的数据包 {answer}）。",
            what = view.carrier(),
            change = under_way.change(),
            reached = first(under_way.reached),
            translated = first(translated),
            answer = under_way.answer.number,
        );
        Some(under_way.finding(text, Some(translated)))
    },
};

/// The director that has the servers' gateway now translates it by the entry that the other one told it of.
pub(super) const BY_A_SYNCED_ENTRY: Rule = Rule {
    name: "answer-by-a-synced-entry",
    explains: Explains::Answer,
    sources: sources![core: "ip_vs_out_hook", core: "handle_response", sync: "ip_vs_proc_conn"],
    holds: |view| {
        let under_way = UnderWay::of(view)?;
        let (server, answer) = (under_way.server, under_way.answer);
        let (translated, _) = sent_on(view, answer).filter(|(_, translated)| *translated)?;
        let (to, table) = came_to_another(view, answer.into())?;
        let entry = table.entry_from(view.known_as)?;
        // What passes a director makes an entry there without anybody's word.
        let passed = |passage: &Passage<'_>| passage.director.as_ref() == Some(to);
        let mut before = view
            .sent
            .iter()
            .filter(|passage| passage.sent.packet < answer.number);
        if before.any(passed) {
            return None;
        }
        let text = bilingual!(
            "The client's {what} was past {from} before the change ({change}), and reached {server} \
             ({reached} there). With masquerading the answer goes back through the director that has the \
             servers' gateway, and that was {to} then. The sync daemon of {from} had told it of the \
             connection, so its table had an entry for it ({state}), by which it gave the answer the VIP as \
             its source ({translated} on {to}; packet {answer} on client)."
                / "客户端{what}在变更（{change}）之前已经过 {from}，并到达了 {server}（{server} 上的{reached}）。NAT \
                   模式下，应答经过持有真实服务器网关的调度器返回，此时是 {to}。{from} 的同步守护进程已把这条连接告知 {to}，{to} \
                   的表中有它的条目（{state}），并按条目把应答的源地址换成 VIP（{to} 上的{translated}；client 上的数据包 {answer}）。",
            what = view.carrier(),
            from = view.director(),
            change = under_way.change(),
            reached = first(under_way.reached),
            state = entry.state(),
            translated = first(translated),
            answer = answer.number,
        );
        let mut finding = under_way.finding(text, Some(translated));
        finding.shown_by.extend(table.shown_by());
        Some(finding)
    },
};

/// A statement that reached a server before something was changed, and its answer after that.
struct UnderWay<'v, 'a> {
    request: &'v Passage<'a>,
    /// Where it reached the server.
    reached: Seen,
    server: &'v Name,
    answer: &'a Packet,
    /// What was done in between, at least one thing, each with its step.
    changes: Vec<(u32, &'a Action)>,
}

impl<'v, 'a> UnderWay<'v, 'a> {
    fn of(view: &'v CellView<'a>) -> Option<Self> {
        let request = view.request().filter(|_| !view.is_connect())?;
        let (reached, server) = request.at_server()?;
        let answer = answer_from(view, server)?;
        let changes: Vec<_> = changes_between(view, request.sent, answer).collect();
        (!changes.is_empty()).then_some(Self {
            request,
            reached: *reached,
            server,
            answer,
            changes,
        })
    }

    fn change(&self) -> Bilingual {
        let names: Vec<Bilingual> = self.changes.iter().map(|(_, action)| doing(action)).collect();
        clauses(&names)
    }

    /// What a rule says of it; `also` shows it, too.
    fn finding(&self, text: Bilingual, also: Option<Seen>) -> Finding {
        let changes = self.changes.iter().map(|(step, _)| Citation::Step(*step));
        Finding {
            at: self.request.sent.at,
            text,
            shown_by: cites![self.request.sent, self.reached, ..changes, ..also, self.answer],
            claims: claims([self.request.sent.packet], &Fate::delivered(self.server)),
            advice: Vec::new(),
        }
    }
}

/// Is an action about what makes the answer of a real server or about its way to the client?
fn on_the_way_back(action: &Action, server: &Name) -> bool {
    match action {
        Action::Mysqld(mysqld) => mysqld.server() == server,
        Action::Host(host) => {
            let ends = host.node() == Node::Client || host.server() == Some(server);
            ends && host.cuts_off().is_some()
        }
        Action::Traffic(traffic) => {
            let comes_to_client = *traffic.node() == Node::Client && traffic.is_about(Chain::Input);
            let passes_director = matches!(
                traffic,
                TrafficAction::AddFirewallRule {
                    chain: Chain::Forward,
                    ..
                } | TrafficAction::AddStatefulFirewall {
                    chain: Chain::Forward,
                    ..
                }
            );
            let from_server = traffic.server() == Some(server) && traffic.is_about(Chain::Output);
            comes_to_client || passes_director || from_server
        }
        Action::Table(_) | Action::Other(_) | Action::Wait(_) | Action::Watch(_) | Action::Client(_) => false,
    }
}
