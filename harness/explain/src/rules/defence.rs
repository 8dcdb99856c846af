//! IPVS's own defence: entries that the director drops before their time is over.

use super::nodest::{entry_was_over, left_to_the_director, reset_by_director};
use super::prelude::*;
use super::shared::OWN_TCP;

const DROP_ENTRY: &str = "net.ipv4.vs.drop_entry";
/// Dropped are entries whose last packet came so long ago (`todrop_entry`).
const IDLE: Duration = Duration::from_secs(60);
/// Dropped are entries that have had so many packets from the client at the most (`todrop_entry`).
const FEW: usize = 8;

/// The director dropped the idle connection's entry.
pub(super) const DROPPED_ENTRY: Rule = Rule {
    name: "entry-dropped-in-defence",
    explains: Explains::Error,
    sources: &[
        connections("ip_vs_random_dropentry"),
        connections("todrop_entry"),
        control("update_defense_level"),
        OWN_TCP[0],
        OWN_TCP[1],
        OWN_TCP[2],
    ],
    holds: |view| {
        let (answered, reset) = reset_by_director(view)?;
        let arrived = answered.arrived?;
        if view.sysctl(view.director(), DROP_ENTRY, arrived.at) != Some("3") {
            return None;
        }
        let table = view.table_then(answered.sent.at)?;
        let server = view.server()?;
        if !table.has_service() || table.has_entry(view.known_as) || entry_was_over(view, answered).is_some()
        {
            return None;
        }
        // An entry whose server has left the table may have gone with it.
        if view.had_been_deleted(server, arrived.at).is_some() {
            return None;
        }
        let (last, _) = view.last_passed_on(arrived.packet)?;
        let idle = arrived.at.since(last.at);
        let passed = |passage: &&Passage<'_>| passage.passed_on.is_some();
        let packets = view.sent.iter().filter(passed).count();
        if idle < IDLE || packets > FEW {
            return None;
        }
        Some(Finding {
            at: answered.sent.at,
            text: bilingual!(
                "The director had passed on {packets} packets of the connection, the last of them {idle} \
                 before ({last}). With {key}=3 the kernel looks through a random part of its table each \
                 second, and drops entries that have been idle for a minute and have had no more than 8 \
                 packets from the client: the table has no entry for the connection, though its time was not \
                 over and {server} is in the table. {left} (packet {reset} on client)."
                    / "调度器转发了该连接的 {packets} 个数据包，最后一个在 {idle} 之前（{last}）。{key}=3 时，内核每秒随机查看连接表的一\
                       部分，丢弃空闲一分钟、且来自客户端的数据包不超过 8 个的条目：表中没有这条连接的条目，尽管它尚未到期，{server} \
                       也在表中。{left}（client 上的数据包 {reset}）。",
                idle = Human(idle),
                last = first(*last),
                key = DROP_ENTRY,
                left = left_to_the_director(view),
                reset = reset.packet,
            ),
            shown_by: [
                table.shown_by(),
                vec![packet(*last), packet(arrived), Citation::Packet(reset.packet)],
            ]
            .concat(),
            claims: said(answered, Fate::LeftToDirector, reset, Fate::NoConnection),
            advice: vec![Advice::NoDropEntry, Advice::Reconnect],
        })
    },
};
