//! What keepalived logged of what it does, that a packet does not show: it keeps what is for the VIP out, and
//! it takes an advert for none.

use super::failover::{Moved, announcement};
use super::prelude::*;
use lvs_matrix_model::record::LoggedLine;

/// What it logs when it has put its own firewall's rule in, and when it has taken it out
/// (keepalived/vrrp/vrrp.c, `vrrp_handle_accept_mode`).
const PUT_IN: &str = ") setting firewall drop rule";
const TAKEN_OUT: &str = ") removing firewall drop rule";

/// What it logs of adverts that are none to it (keepalived/vrrp/vrrp.c, `vrrp_check_packet` and
/// `vrrp_state_backup`).
const NO_ADVERT: [&str; 10] = [
    " Received AH header but auth type not AH",
    " No AH header but auth type is AH",
    " invalid TTL/HL. Received ",
    " wrong version. Received ",
    " auth, expecting ",
    " received an invalid passwd!",
    " advertisement interval mismatch mine=",
    " VIPs but received ",
    " not present in MASTER advert",
    " received lower priority (",
];
/// A backup that takes none of them for an advert waits for three intervals and its skew time, which the log
/// of them lies within.
const LATELY: Duration = Duration::from_secs(5);

/// The director with the VIP drops what is for it: `vrrp_strict`, or `no_accept`.
pub(super) const DROPS_FOR_THE_VIP: Rule = Rule {
    name: "keepalived-drops-for-the-vip",
    explains: Explains::Silence,
    sources: sources![
        vrrp: "vrrp_handle_accept_mode", "keepalived/vrrp/vrrp_nftables.c": "nft_add_addresses",
        core: "ip_vs_in_hook",
    ],
    holds: |view| {
        let director = view.director();
        let mut dropped = Vec::new();
        for passage in view.sendings() {
            let here = passage.director.as_ref() == Some(director);
            if let Some(arrived) = passage.stopped_at_director().filter(|_| here) {
                dropped.push((passage.sent, arrived));
            }
        }
        let (_, arrived) = *dropped.first()?;
        let log = view.record.control_log.iter();
        let mut own = log.filter(|line| line.node == *director && line.at <= arrived.at);
        let of_the_rule = |line: &&LoggedLine| line.text.ends_with(PUT_IN) || line.text.ends_with(TAKEN_OUT);
        let last = own
            .rfind(of_the_rule)
            .filter(|line| line.text.ends_with(PUT_IN))?;
        Some(Finding {
            at: arrived.at,
            text: bilingual!(
                "The client's {what} came to {director} {times} (first {arrived} there). keepalived had \
                 put a rule of its own into the firewall of {director} when it took the VIP (it logged \
                 `{line}`): with vrrp_strict or no_accept what is for the VIP is dropped there, before IPVS \
                 sees it, and nobody is told."
                    / "客户端{what}到达 {director} 共 {times}（首次为 {director} 上的{arrived}）。keepalived 接管 VIP 时在 \
                       {director} 的防火墙中加入了自己的规则（日志为 `{line}`）：使用 vrrp_strict 或 no_accept 时，发往 VIP 的数据包在 \
                       IPVS 看到之前就被丢弃，不通知任何人。",
                what = view.carrier(),
                times = times(dropped.len()),
                arrived = first(arrived),
                line = last.text,
            ),
            shown_by: cites![..dropped.iter().map(|(_, arrived)| arrived)],
            claims: claims(dropped.iter().map(|(sent, _)| sent.packet), &Fate::Dropped),
            advice: and_patience([Advice::Accept]),
        })
    },
};

/// Two directors have the VIP at a time, for the one that took it later does not take the other one's adverts
/// for any.
pub(super) const TWO_MASTERS: Rule = Rule {
    name: "two-masters",
    explains: Explains::Circumstance,
    sources: sources![vrrp: "vrrp_check_packet", vrrp: "vrrp_state_become_master"],
    holds: |view| {
        view.plan.keepalived()?;
        let holders = view.record.vip_holders(view.operation.began);
        let moved = Moved::of(view)?;
        let to = view.director();
        let kept = holders.iter().copied().find(|holder| *holder != to)?;
        if !holders.contains(&to) {
            return None;
        }
        let taken = moved.announced.at;
        // Nobody hears the address of a host that is off, or cut off.
        if view.unplugged(kept, taken).is_some() || view.unplugged(kept, view.operation.began).is_some() {
            return None;
        }
        let log = view.record.control_log.iter();
        let mut lately =
            log.filter(|line| line.node == *to && line.at <= taken && taken.since(line.at) < LATELY);
        let refused = lately.rfind(|line| NO_ADVERT.iter().any(|words| line.text.contains(words)));
        let why = match refused {
            Some(line) => bilingual!(
                "{to} had logged `{line}`: what it does not take for an advert keeps it from nothing"
                    / "{to} 曾记录 `{line}`：它不当作通告的数据包，不会让它继续做备机",
                line = line.text,
            ),
            None => bilingual!(
                "{to} had taken nothing that it heard for an advert of {kept}"
                    / "{to} 没有听到它当作 {kept} 的通告的数据包",
            ),
        };
        Some(Finding {
            at: taken,
            text: bilingual!(
                "When {to} took the VIP over, and said so by {how} (packet {packet} on client), {kept} did \
                 not give it up: both had it when the client began. {why}. A host that asks the link for the \
                 VIP \
                 hears both, and one that knows it sends to the director that spoke up last."
                    / "{to} 接管 VIP 并以{how}宣告（client 上的数据包 {packet}）时，{kept} 没有放弃它：客户端开始时两者都持有 VIP。{why}。\
                       在链路上询问 VIP 的主机会听到两者，已知 VIP 的主机则发往最后宣告的调度器。",
                how = announcement(view),
                packet = moved.announced.number,
                why = why,
            ),
            shown_by: cites![moved.announced],
            ..Finding::default()
        })
    },
};
