//! Segments that the client's TCP sends by itself, without a word of the program: acknowledgements that it
//! had put off, and keepalive probes. They may meet what the program does not know of yet.

use super::super::cell_view::size;
use super::nodest::reset_by_director;
use super::prelude::*;
use super::server::{ended_by_its_server, last_at};
use lvs_matrix_model::capture::flow::at_or_after;

/// What is later than this was put off: `TCP_DELACK_MIN` is 40 ms (include/net/tcp.h).
const AT_ONCE: Duration = Duration::from_millis(10);

/// An acknowledgement that TCP put off meets the change, and draws an RST.
pub(super) const PUT_OFF: Rule = Rule {
    name: "acknowledgement-put-off",
    explains: Explains::Circumstance,
    sources: sources![tcp_input: "__tcp_ack_snd_check", tcp_timer: "tcp_delack_timer"],
    holds: |view| {
        let answered = match reset_by_director(view) {
            Some((answered, _)) => answered,
            None => {
                let (server, reset) = ended_by_its_server(view, TerminatorKind::Rst)?;
                // One that is sent of the sender's own accord answers nothing.
                let answers = view.is_active(reset) == Some(false);
                last_at(view, server, reset).filter(|_| answers)?.0
            }
        };
        let own = answered.segment;
        if size(own) > 0 || own.flags.fin || view.is_probe(answered) {
            return None;
        }
        let (heard, _) = view.received.iter().rfind(|(packet, segment)| {
            let end = segment.sequence.wrapping_add(segment.payload_length);
            packet.number < answered.sent.packet
                && segment.payload_length > 0
                && at_or_after(own.acknowledgement, end)
        })?;
        let later = answered.sent.at.since(heard.at);
        if later < AT_ONCE {
            return None;
        }
        Some(Finding {
            at: heard.at,
            text: bilingual!(
                "The last that the server had said reached the client {at} (packet {heard} on client). The \
                 program had nothing to send, so the client's TCP put its acknowledgement off for {later} \
                 ({sent} on client), to let it go with the next data. By then the change had come."
                    / "真实服务器最后发送的数据{at}到达客户端（client 上的数据包 {heard}）。程序没有数据要发送，于是客户端的 TCP 把确认推迟了 \
                       {later}（client 上的{sent}），以便随下一段数据一起发送。而这时变更已经发生。",
                at = moment(heard.at),
                heard = heard.number,
                later = Human(later),
                sent = first(answered.sent),
            ),
            shown_by: cites![heard, answered.sent],
            ..Finding::default()
        })
    },
};

/// A client that only waits asks by itself after a time, and gets an RST.
pub(super) const PROBE: Rule = Rule {
    name: "keepalive-probe-answered",
    explains: Explains::Circumstance,
    sources: sources![tcp_timer: "tcp_keepalive_timer", tcp_output: "tcp_xmit_probe_skb"],
    holds: |view| {
        let (answered, reset) = reset_by_director(view)?;
        if !view.is_probe(answered) {
            return None;
        }
        let keepalive = view.keepalive()?;
        let (heard, _) = view
            .received
            .iter()
            .rfind(|(packet, _)| packet.number < answered.sent.packet)?;
        let idle = answered.sent.at.since(heard.at);
        if idle < keepalive.time {
            return None;
        }
        let others = view.sent.iter().filter(|passage| {
            let number = passage.sent.packet;
            heard.number < number && number < answered.sent.packet && view.is_probe(passage)
        });
        let others = others.count();
        let which = if others == 0 {
            bilingual!(
                "That probe was the first segment of the client's since then, and what it met"
                    / "这个探测是此后客户端的第一个报文段，它所遇到的"
            )
        } else {
            bilingual!(
                "It had asked {often} before, and nobody had answered; what this probe met"
                    / "此前它已询问 {often}，都没有应答；这个探测所遇到的",
                often = times(others),
            )
        };
        Some(Finding {
            at: answered.sent.at,
            text: bilingual!(
                "All that the client had sent was acknowledged, and it only waited. Its socket has \
                 SO_KEEPALIVE with a TCP_KEEPIDLE of {time}: {idle} after the last sign of the other side \
                 (packet {heard} on client) its TCP asked by itself whether that is still there ({sent} on \
                 client). {which} ended the wait (packet {reset} on client)."
                    / "客户端发送的都已得到确认，它只是在等待。其套接字开启了 SO_KEEPALIVE，TCP_KEEPIDLE 为 {time}：在对方最后一次有动静\
                       （client 上的数据包 {heard}）{idle} 之后，其 TCP 自行询问对方是否还在（client 上的{sent}）。{which}\
                       结束了等待（client 上的数据包 {reset}）。",
                time = Human(keepalive.time),
                idle = Human(idle),
                heard = heard.number,
                sent = first(answered.sent),
                which = which,
                reset = reset.packet,
            ),
            shown_by: cites![heard, answered.sent, reset],
            claims: Vec::new(),
            advice: vec![super::super::advice::Advice::Keepalive],
        })
    },
};
