//! What bounds the size of packets: MTUs, and firewalls that drop what is said of them. And those that drop
//! VRRP.

use super::{Shown, find, firewall};
use crate::error::{Result, Stage};
use crate::lab::Lab;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::plan::{LabPlan, MSS, NO_ICMP, NO_VRRP, SET_MSS, SYN};
use lvs_matrix_model::record::{Instead, Packets, Proof};
use lvs_matrix_netns::CommandLine;

/// Has every card of the host this MTU?
pub(super) fn mtu(plan: &LabPlan, lab: &Lab, node: &Node, mtu: u16) -> Result<Shown> {
    let namespace = lab.namespace(node)?;
    for nic in find(plan, node)?.nics.iter() {
        let look = CommandLine::new(["ip", "-o", "link", "show", "dev", &nic.name]);
        let shown = namespace.check(&look).stage("look at the card")?;
        let mut words = shown.split_whitespace().skip_while(|word| *word != "mtu");
        if words.nth(1) != Some(&mtu.to_string()) {
            return Ok(Err(Instead::OtherMtu { shown }));
        }
    }
    Ok(Ok(Proof::Mtu {
        node: node.clone(),
        mtu,
    }))
}

/// Does the host's firewall drop ICMP?
pub(super) fn filter(plan: &LabPlan, lab: &Lab, node: &Node) -> Result<Shown> {
    let met = rule(lab, node, NO_ICMP, plan.filtered_icmp(), "drop")?;
    Ok(met.map(|packets| Proof::IcmpFiltered {
        node: node.clone(),
        packets,
    }))
}

/// Does the director's firewall drop VRRP?
pub(super) fn vrrp(plan: &LabPlan, lab: &Lab, node: &Node) -> Result<Shown> {
    let met = rule(lab, node, NO_VRRP, plan.vrrp_group(), "drop")?;
    Ok(met.map(|packets| Proof::VrrpBlocked {
        node: node.clone(),
        packets,
    }))
}

/// Does the host's firewall lower the MSS to this size?
pub(super) fn clamp(lab: &Lab, node: &Node, size: u16) -> Result<Shown> {
    let met = rule(lab, node, MSS, SYN, &format!("{SET_MSS} {size}"))?;
    Ok(met.map(|packets| Proof::MssClamped {
        node: node.clone(),
        size,
        packets,
    }))
}

/// How many packets the rule of a chain has met.
fn rule(
    lab: &Lab,
    node: &Node,
    chain: &str,
    matched: &str,
    statement: &str,
) -> Result<std::result::Result<Packets, Instead>> {
    let listed = firewall::list(lab.namespace(node)?)?;
    Ok(rule_in(&listed, chain, matched, statement))
}

fn rule_in(
    listed: &str,
    chain: &str,
    matched: &str,
    statement: &str,
) -> std::result::Result<Packets, Instead> {
    let lines = listed.lines().map(str::trim);
    let mut of_chain = lines
        .skip_while(|line| *line != format!("chain {chain} {{"))
        .skip(1)
        .take_while(|line| !line.starts_with("chain "));
    let met = |line: &str| {
        let (packets, said) = firewall::counted(line, matched)?;
        (said == statement).then_some(packets)
    };
    of_chain
        .find_map(met)
        .map(Packets)
        .ok_or_else(|| Instead::NoRuleOfSizes {
            rule: format!("{matched} … {statement}"),
            shown: listed.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "\
table inet sizes {
\tchain no_icmp {
\t\ttype filter hook input priority filter; policy accept;
\t\tip protocol icmp counter packets 3 bytes 1728 drop
\t}

\tchain mss {
\t\ttype filter hook postrouting priority mangle; policy accept;
\t\ttcp flags syn counter packets 1 bytes 60 tcp option maxseg size set 1400
\t}
}";

    #[test]
    fn a_rule_is_known_by_chain_match_and_statement() {
        let rule = |chain, matched, statement| rule_in(LISTED, chain, matched, statement);
        assert_eq!(rule(NO_ICMP, "ip protocol icmp", "drop"), Ok(Packets(3)));
        assert_eq!(rule(MSS, SYN, "tcp option maxseg size set 1400"), Ok(Packets(1)));
        for (chain, matched, statement) in [
            (MSS, "ip protocol icmp", "drop"),
            (NO_ICMP, "icmpv6 type packet-too-big", "drop"),
            (MSS, SYN, "tcp option maxseg size set 1300"),
        ] {
            assert!(
                rule(chain, matched, statement).is_err(),
                "{chain} {matched} {statement}"
            );
        }
    }
}
