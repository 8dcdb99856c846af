//! Answers that come in spite of what stopped them for a while: connections outlive processes that stand
//! still and links that are down.

use super::frozen::{frozen, last};
use super::prelude::*;
use super::shared::with_method;
use lvs_matrix_model::scenario::Forwarding;

/// A mysqld that was stopped runs again.
pub(super) const THAWED: Rule = Rule {
    name: "server-thawed",
    explains: Explains::Answer,
    sources: sources![tcp_common: "tcp_recvmsg", sockets: "inet_csk_accept"],
    holds: |view| {
        let request = view.request()?;
        let (reached, server) = request.at_server()?;
        let answer = answer_from(view, server)?;
        let (thawed, began) = last(view, server, answer.at)
            .filter(|(_, _, frozen)| !frozen)
            .map(|(step, began, _)| (step, began))?;
        if began < reached.at {
            return None;
        }
        // Before it ran again.
        let (stopped, stood) = frozen(view, server, Instant(began.0.checked_sub(1)?))?;
        let waited = if stood < reached.at && view.is_connect() {
            bilingual!(
                "The client's SYN reached {server} ({reached} there) while the mysqld stood still \
                 ({stopped}). To connect needs only the kernel, which answered it and let the connection \
                 wait to be accepted. When the mysqld ran again ({thawed}, {began}) it accepted it, and \
                 greeted the client (packet {answer} on client)."
                    / "客户端的 SYN 到达 {server}（{server} 上的{reached}）时，mysqld 处于停顿状态（{stopped}）。建立连接只需要内核，内核作了\
                       应答，让连接等候接受。mysqld 恢复运行后（{thawed}，{began}）接受了它，并向客户端发送问候报文（client 上的数据包 \
                       {answer}）。",
                reached = first(*reached),
                stopped = doing(&stopped.action),
                thawed = doing(&thawed.action),
                began = moment(began),
                answer = answer.number,
            )
        } else if stood < reached.at {
            bilingual!(
                "The client's {what} reached {server} ({reached} there) while the mysqld stood still \
                 ({stopped}), and waited in its socket. When it ran again ({thawed}, {began}) it read it, \
                 and answered (packet {answer} on client)."
                    / "客户端{what}到达 {server}（{server} 上的{reached}）时，mysqld 处于停顿状态（{stopped}），数据停在其套接字中。mysqld \
                       恢复运行后（{thawed}，{began}）读取它并给出应答（client 上的数据包 {answer}）。",
                what = view.carrier(),
                reached = first(*reached),
                stopped = doing(&stopped.action),
                thawed = doing(&thawed.action),
                began = moment(began),
                answer = answer.number,
            )
        } else {
            bilingual!(
                "The mysqld stood still while it worked on the client's {what} ({stopped}, {stood}). Its \
                 sockets are the kernel's and stayed open; when it ran again ({thawed}, {began}) it went on, \
                 and answered (packet {answer} on client)."
                    / "mysqld 在为客户端{what} 的途中停顿（{stopped}，{stood}）。其套接字属于内核，一直保持打开；恢复运行后（{thawed}，\
                       {began}）它继续执行，并给出应答（client 上的数据包 {answer}）。",
                what = view.what(),
                stopped = doing(&stopped.action),
                stood = moment(stood),
                thawed = doing(&thawed.action),
                began = moment(began),
                answer = answer.number,
            )
        };
        Some(Finding {
            at: stood,
            text: waited,
            shown_by: cites![stopped, thawed, reached, answer],
            claims: claims([request.sent.packet], &Fate::delivered(server)),
            advice: Vec::new(),
        })
    },
};

/// The link of the server was down while the answer was made, and is up again.
pub(super) const LINK_BACK: Rule = Rule {
    name: "link-came-back",
    explains: Explains::Answer,
    sources: sources![tcp_timer: "tcp_retransmit_timer"],
    holds: |view| {
        let request = view.request().filter(|_| !view.is_connect())?;
        let (reached, node) = request.reached.as_ref()?;
        let Node::RealServer(server) = node else {
            return None;
        };
        let answer = answer_from(view, server)?;
        let during: Vec<_> = view
            .links(node)
            .filter(|(_, began, _)| reached.at < *began && *began < answer.at)
            .collect();
        let (down, cut, _) = during.iter().find(|(_, _, down)| *down)?;
        let (up, back, _) = during.iter().rfind(|(_, began, down)| !down && began > cut)?;
        Some(Finding {
            at: *cut,
            text: bilingual!(
                "The client's {what} had reached {server} ({reached} there) when the link of {server} went \
                 down ({cut}). That ends no connection: what {server} had to say meanwhile, its TCP tried \
                 again at gaps that double. The link came back {back} ({step}), and the next try reached the \
                 client {at} (packet {answer} on client). {way}."
                    / "{server} 的链路断开时（{cut}），客户端{what}已经到达 {server}（{server} \
                        上的{reached}）。这不会结束任何连接：{server} \
                       期间要发送的数据，由其 TCP 按加倍的间隔重传。链路{back}恢复（{step}），下一次重传{at}到达客户端（client 上的数据包 \
                       {answer}）。{way}。",
                what = view.carrier(),
                reached = first(*reached),
                cut = moment(*cut),
                back = moment(*back),
                step = doing(&up.action),
                way = match view.method(server) {
                    Forwarding::DirectRouting | Forwarding::Tunneling => bilingual!(
                        "{with} the director is not on that way" / "{with}，调度器不在这条路上",
                        with = with_method(view, server),
                    ),
                    Forwarding::Masquerading => bilingual!(
                        "The director, which is on that way, translated it by its entry"
                            / "调度器在这条路上，按其条目转换了地址"
                    ),
                },
                at = moment(answer.at),
                answer = answer.number,
            ),
            shown_by: cites![reached, down, up, answer],
            claims: claims([request.sent.packet], &Fate::Delivered(node.clone())),
            advice: Vec::new(),
        })
    },
};
