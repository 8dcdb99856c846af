//! Hosts that are off, and links that are down, that lose or that delay.

use super::super::cell_view::size;
use super::super::fate::claims as fated;
use super::neighbour::unanswered_arp;
use super::prelude::*;
use super::shared::told_unreachable;
use lvs_matrix_model::action::Percent;
use lvs_matrix_model::record::StepRecord;
use lvs_matrix_model::verdict::Behaviour;

const NETEM: Source = Source::of("netem_enqueue", "net/sched/sch_netem.c");

/// What is passed on to a host that is off or unplugged.
pub(super) const HOST_OFF: Rule = Rule {
    name: "host-off",
    explains: Explains::Silence,
    sources: sources![transmit: "ip_vs_dr_xmit", tcp: "tcp_v4_err"],
    holds: |view| {
        let head = view.request()?;
        // Before it is passed on, a segment may have to wait for an ARP reply that never comes.
        let (node, off) = view.plan.real_servers().find_map(|(name, _)| {
            let node = Node::RealServer(name.clone());
            let (off, began) = view.unplugged(&node, view.end())?;
            (began <= head.sent.at && aimed_at(view, &node)).then_some((node, off))
        })?;
        let sent: Vec<&Passage<'_>> = view
            .sendings()
            .take_while(|passage| view.deleted_by(&node, passage.sent.at).is_none())
            .collect();
        if sent.iter().any(|passage| passage.reached.is_some()) {
            return None;
        }
        let passed_on: Vec<(u32, Seen)> = sent
            .iter()
            .filter_map(|passage| Some((passage.sent.packet, passage.passed_on.as_ref()?)))
            .filter(|(_, (_, to))| *to == node)
            .map(|(sent, (seen, _))| (sent, *seen))
            .collect();
        // What else may have stopped a segment at the director is none of this rule's.
        let waited: Vec<(u32, Seen)> = sent
            .iter()
            .filter(|passage| view.stopped(passage) == Some(Fate::WaitedForNeighbour))
            .filter_map(|passage| Some((passage.sent.packet, passage.arrived?)))
            .collect();
        let mut shown_by = vec![Citation::Step(off.number)];
        let on = passed_on.first().map(|(_, seen)| {
            bilingual!(
                "was passed on to {node} {times} (first {seen} on director)"
                    / "被转发给 {node} {times}（首次为 director 上的{seen}）",
                times = times(passed_on.len()),
                seen = first(*seen),
            )
        });
        let asked = waited
            .first()
            .and_then(|(_, seen)| Some((*seen, view.asked_for(seen.at)?.1)));
        let there = asked.map(|(seen, asked)| {
            shown_by.push(Citation::Packet(asked.number));
            bilingual!(
                "arrived at the director {times} (first {seen} on director) and waited there for the \
                 Ethernet address of {node}, for which nobody answered ({asked} on director)"
                    / "到达调度器 {times}（首次为 director 上的{seen}），在那里等候 {node} 的以太网地址，而无人应答（director 上的{asked}）",
                times = times(waited.len()),
                seen = first(seen),
                asked = first(asked),
            )
        });
        let how = match (on, there) {
            (Some(on), Some(there)) => {
                bilingual!("{on}, and {there}" / "{on}；另外{there}", on = on, there = there)
            }
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => return None,
        };
        let told = match view.is_connect() {
            true => Vec::new(),
            false => told_unreachable(view),
        };
        let told_so = match told.first() {
            None => Bilingual::default(),
            Some(number) => bilingual!(
                " Where nobody answered the director's ARP requests for {node}, it told the client with an \
                 ICMP host unreachable, {times} (first packet {number} on client); to an established \
                 connection that is no more than a note for the error that is reported in the end."
                    / "调度器为 {node} 发出的 ARP 询问无人应答时，它以 ICMP host unreachable 通知客户端，共 {times}（首次为 client 上的\
                       数据包 {number}）；对已建立的连接来说，这只是为最终报告的错误留下的记录。",
                times = times(told.len()),
            ),
        };
        let mut claims = fated(
            passed_on.iter().map(|(sent, _)| *sent),
            &Fate::LostAfter(node.clone()),
        );
        claims.extend(fated(
            waited.iter().map(|(sent, _)| *sent),
            &Fate::WaitedForNeighbour,
        ));
        shown_by.extend(passed_on.iter().chain(&waited).map(|(_, seen)| packet(*seen)));
        shown_by.extend(told.into_iter().map(Citation::Packet));
        Some(Finding {
            at: head.sent.at,
            text: bilingual!(
                "The client's {what} {how}. {node} could not be reached ({step}), and a host that is off or \
                 unplugged sends neither RST nor FIN. IPVS does not notice it, and goes on choosing and \
                 passing on to a silent server until somebody takes it out of the table.{told_so}"
                    / "客户端{what}{how}。{node} 无法到达（{step}），而断电或断开链路的主机既不发送 RST 也不发送 FIN。IPVS \
                       察觉不到，会继续选择并转发给没有应答的真实服务器，直到有人把它从表中删除。{told_so}",
                what = view.carrier(),
                how = how,
                step = doing(&off.action),
                told_so = told_so,
            ),
            shown_by,
            claims,
            advice: and_patience(node.real_server().cloned().map(Advice::HealthCheck)),
        })
    },
};

/// Was the request on its way to this server?
fn aimed_at(view: &CellView<'_>, node: &Node) -> bool {
    let mut passed = view.sendings().filter_map(|passage| passage.passed_on.as_ref());
    match passed.next() {
        Some((_, to)) => to == node,
        None if view.is_connect() => {
            // Not passed on: told by whom the director asked for.
            let address = view.plan.host(node).map(|host| host.address());
            view.request().is_some_and(|request| {
                unanswered_arp(view, view.director(), address, request.sent.at).is_some()
            })
        }
        None => view.server() == node.real_server(),
    }
}

/// The hosts whose links the client's segments take to come to a director.
fn on_the_way(view: &CellView<'_>) -> Vec<Node> {
    let directors = view.plan.balancers().map(|host| host.node.clone());
    directors.chain([Node::Router]).collect()
}

/// The director's link is down.
pub(super) const DIRECTOR_UNPLUGGED: Rule = Rule {
    name: "director-unplugged",
    explains: Explains::Silence,
    sources: sources![bridge: "should_deliver"],
    holds: |view| {
        let at = view.request()?.sent.at;
        if view.unplugged(&Node::Router, at).is_some() {
            return None;
        }
        lost_before(view, view.unplugged(view.director(), at)?.0)
    },
};

/// The router between the client and the director has no link.
pub(super) const ROUTER_UNPLUGGED: Rule = Rule {
    name: "router-unplugged",
    explains: Explains::Silence,
    sources: sources![bridge: "should_deliver"],
    holds: |view| {
        let at = view.request()?.sent.at;
        let before = view.unplugged(&Node::Router, at);
        let before = before.and_then(|(step, ..)| lost_before(view, step));
        before.or_else(|| lost_on_the_way_back(view, view.unplugged(&Node::Router, view.end())?.0))
    },
};

/// The link to the director, or to the router before it, loses or delays what is sent to it.
pub(super) const LOST_BEFORE: Rule = Rule {
    name: "lost-before-the-director",
    explains: Explains::Silence,
    sources: sources![NETEM],
    holds: |view| {
        let at = view.request()?.sent.at;
        let hosts = on_the_way(view);
        if hosts.iter().any(|node| view.unplugged(node, at).is_some()) {
            return None;
        }
        let mut slow = hosts.iter().filter_map(|node| view.netem(node, at));
        let (step, delay, loss) = slow.next()?;
        // What is only delayed is still on its way when the watching ends, or it is not on this link.
        let late = at.plus(delay) > view.end();
        let all = lost_before(view, step).filter(|_| loss != Percent::default() || late);
        all.or_else(|| {
            let since = view.since_request().iter();
            let lost = since.filter(|passage| passage.arrived.is_none() && passage.reached.is_none());
            let lost: Vec<Lost> = lost.map(|passage| (passage.sent, passage.sent)).collect();
            // What is only delayed may still be on its way when the watching ends.
            let lost = Some(lost).filter(|_| loss != Percent::default())?;
            let place = bilingual!(
                "before the director (first {lost} on client; {step})"
                    / "在到达调度器之前丢失（首个为 client 上的{lost}；{step}）",
                lost = first(lost.first()?.1),
                step = doing(&step.action)
            );
            some_lost(view, step, &lost, &place, &Fate::LostBefore)
        })
    },
};

/// A segment of the client's that was lost: as the client sent it, and where it was seen last.
type Lost = (Seen, Seen);

/// Segments since the request were lost on a link that loses them at random.
fn some_lost(
    view: &CellView<'_>,
    step: &StepRecord,
    lost: &[Lost],
    place: &Bilingual,
    fate: &Fate,
) -> Option<Finding> {
    let request = view.request()?;
    let is_lost = |passage: &&Passage<'_>| lost.iter().any(|(sent, _)| sent.packet == passage.sent.packet);
    let mut segments = view.since_request().iter().filter(is_lost);
    let acknowledge = segments.all(|passage| size(passage.segment) == 0);
    let count = lost.len();
    let what = match (count, acknowledge) {
        (1, true) => bilingual!("one segment that only acknowledges was" / " 1 个只作确认的报文段"),
        (1, false) => bilingual!("one segment was" / " 1 个报文段"),
        (_, true) => {
            bilingual!("{count} segments that only acknowledge were" / " {count} 个只作确认的报文段")
        }
        (_, false) => bilingual!("{count} segments were" / " {count} 个报文段"),
    };
    Some(Finding {
        at: request.sent.at,
        text: bilingual!(
            "Of what the client sent from its {request} on (packet {sent} on client), {what} lost \
             {place}. Whichever side misses an acknowledgement sends again, after a second in the \
             handshake and after a few round trips later on, at gaps that double."
                / "从客户端{request}（client 上的数据包 {sent}）起，客户端所发送的有{what}{place}。\
                   没有等到确认的一方会重传：握手时在一秒之后，此后在几个往返时间之后，间隔逐次加倍。",
            request = view.carrier(),
            sent = request.sent.packet,
            what = what,
            place = place,
        ),
        shown_by: cites![step, request.sent, ..lost.iter().map(|(_, seen)| seen)],
        claims: fated(lost.iter().map(|(sent, _)| sent.packet), fate),
        advice: patience(),
    })
}

fn lost_before(view: &CellView<'_>, step: &StepRecord) -> Option<Finding> {
    let request = view.request()?;
    let hosts = on_the_way(view);
    // What goes to another host is none that was lost on its way to the director.
    let to_director: Vec<&Passage<'_>> = view
        .sendings()
        .filter(|passage| {
            passage.reached.is_none() && passage.to.as_ref().is_some_and(|to| hosts.contains(to))
        })
        .collect();
    let lost: Vec<Seen> = to_director
        .iter()
        .filter(|passage| passage.arrived.is_none())
        .map(|passage| passage.sent)
        .collect();
    if lost.len() < to_director.len() {
        return None;
    }
    Some(Finding {
        at: request.sent.at,
        text: bilingual!(
            "The client sent its {what} {times} (first {sent} on client), and none of that arrived at the \
             director ({step})."
                / "客户端{what}共发送 {times}（首次为 client 上的{sent}），都没有到达调度器（{step}）。",
            what = view.carrier(),
            times = times(lost.len()),
            sent = first(*lost.first()?),
            step = doing(&step.action),
        ),
        shown_by: cites![step, ..&lost],
        claims: fated(lost.iter().map(|seen| seen.packet), &Fate::LostBefore),
        advice: patience(),
    })
}

/// The link between director and server loses segments.
pub(super) const LOST_AFTER: Rule = Rule {
    name: "lost-after-the-director",
    explains: Explains::Silence,
    sources: sources![NETEM],
    holds: |view| {
        let request = view.request()?;
        let (_, node) = request.passed_on.as_ref()?;
        // What is only delayed may still be on its way when the watching ends.
        let (step, _, _) = view
            .netem(node, request.sent.at)
            .filter(|(_, _, loss)| *loss != Percent::default())?;
        let since = view
            .since_request()
            .iter()
            .filter(|passage| passage.reached.is_none());
        let lost: Vec<Lost> = since
            .filter_map(|passage| Some((passage.sent, passage.passed_on.as_ref()?.0)))
            .collect();
        let place = bilingual!(
            "between director and {node} (first {lost} on director; {step})"
                / "在调度器与 {node} 之间丢失（首个为 director 上的{lost}；{step}）",
            lost = first(lost.first()?.1),
            step = doing(&step.action),
        );
        some_lost(view, step, &lost, &place, &Fate::LostAfter(node.clone()))
    },
};

/// The answer is lost on its way to the client.
pub(super) const LOST_ON_THE_WAY_BACK: Rule = Rule {
    name: "lost-before-the-client",
    explains: Explains::Silence,
    sources: sources![NETEM],
    holds: |view| {
        let lossy = |node: &Node| Some(view.netem(node, view.end())?.0);
        let step = lossy(&Node::Client).or_else(|| lossy(&Node::Router))?;
        lost_on_the_way_back(view, step)
    },
};

/// Nothing of what the server answered came to the client after this step.
fn lost_on_the_way_back(view: &CellView<'_>, step: &StepRecord) -> Option<Finding> {
    let (server, began, request) = (view.server()?, step.began?, view.request()?);
    let answers: Vec<&Packet> = view
        .sent_by(server)
        .filter(|(packet, segment)| packet.at > began.max(request.sent.at) && size(segment) > 0)
        .map(|(packet, _)| packet)
        .collect();
    let came = view
        .received
        .iter()
        .any(|(packet, _)| packet.at > began.max(request.sent.at));
    // What its kernel did not accept has arrived, too.
    let came = came || !view.observed.discarded.is_empty();
    let head = *answers.first().filter(|_| !came)?;
    Some(Finding {
        at: head.at,
        text: bilingual!(
            "{server} answered the client's {what} {times} (first {answer} on {server}), and nothing of \
             that arrived at the client ({step})."
                / "{server} 对客户端{what}应答了 {times}（首次为 {server} 上的{answer}），都没有到达客户端（{step}）。",
            what = view.carrier(),
            times = times(answers.len()),
            answer = first(head),
            step = doing(&step.action),
        ),
        shown_by: cites![request.sent, step, ..&answers],
        claims: fated([request.sent.packet], &Fate::delivered(server)),
        advice: patience(),
    })
}

/// A link that holds what is sent for a while, and a packet that shows it.
struct Held<'a> {
    node: Node,
    step: &'a StepRecord,
    delay: Duration,
    left: Seen,
    came: Seen,
}

/// The links that held packets of the connection since the request, each with the first packet that shows it.
fn held<'a>(view: &CellView<'a>, at: Instant) -> Vec<Held<'a>> {
    let hosts = on_the_way(view).into_iter();
    let servers = view
        .plan
        .real_servers()
        .map(|(name, _)| Node::RealServer(name.clone()));
    let slow = hosts.chain(servers).chain([Node::Client]).filter_map(|node| {
        let (step, delay, _) = view.netem(&node, at).filter(|(_, delay, _)| !delay.is_zero())?;
        Some((node, step, delay))
    });
    let request = view.request().map_or(u32::MAX, |request| request.sent.packet);
    let sent = view.since_request().iter().map(|passage| passage.sent.packet);
    let received = view.received.iter().map(|(packet, _)| packet.number);
    let numbers: Vec<u32> = sent.chain(received.filter(|number| *number > request)).collect();
    let hops = || {
        let journeys = numbers.iter().filter_map(|number| view.paths.showing(*number));
        journeys.flat_map(|journey| &journey.hops)
    };
    let first = |(node, step, delay): (Node, &'a StepRecord, Duration)| {
        hops().find_map(|hop| {
            let to = view.paths.lab().node(hop.to?.host)?;
            let (left, came) = (hop.sent.as_ref()?, hop.received.as_ref()?);
            let (left, came) = (Seen::from(&**left), Seen::from(&**came));
            let slow = *to == node && came.at.since(left.at) >= delay && came.at <= view.end();
            slow.then(|| Held {
                node: node.clone(),
                step,
                delay,
                left,
                came,
            })
        })
    };
    slow.filter_map(first).collect()
}

/// Links that hold what is sent for a while.
pub(super) const DELAYED: Rule = Rule {
    name: "delayed-on-the-link",
    explains: Explains::Silence,
    sources: sources![NETEM],
    holds: |view| {
        let request = view.request()?;
        let held = held(view, request.sent.at);
        let all = held.iter().map(|held| held.delay).sum::<Duration>();
        // Of a longer silence something else is the reason: a statement goes there and back, perhaps after
        // ARP; a connect has TCP's handshake before the greeting.
        let rounds = if view.is_connect() { 3 } else { 2 };
        let longest = all * rounds + Duration::from_secs(1);
        if let Behaviour::Hung { silence, .. } = &view.observed.behaviour
            && *silence > longest
        {
            return None;
        }
        let mut text = bilingual!(
            "The client's {what} went over a slow way (packet {sent} on client)."
                / "客户端{what}走的是一条慢路（client 上的数据包 {sent}）。",
            what = view.carrier(),
            sent = request.sent.packet,
        );
        let mut shown_by = vec![packet(request.sent)];
        for link in &held {
            text.push(&bilingual!(
                " The link to {node} holds every packet for {delay} ({step}): what was sent as packet {left} \
                 was there {later} later (packet {came} on {node})."
                    / "到 {node} 的链路把每个数据包都延迟 {delay}（{step}）：数据包 {left} 所示的报文在 {later} 后才到达（{node} 上的\
                       数据包 {came}）。",
                node = link.node,
                delay = Human(link.delay),
                step = doing(&link.step.action),
                left = link.left.packet,
                later = Human(link.came.at.since(link.left.at)),
                came = link.came.packet,
            ));
            shown_by.extend([
                Citation::Step(link.step.number),
                packet(link.left),
                packet(link.came),
            ]);
        }
        (!held.is_empty()).then(|| Finding {
            at: request.sent.at,
            text,
            shown_by,
            ..Finding::default()
        })
    },
};
