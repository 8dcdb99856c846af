//! A host's firewall, by nft(8).

use super::Shown;
use crate::error::{Result, Stage};
use lvs_matrix_model::action::{Chain, FirewallVerdict, Node};
use lvs_matrix_model::plan::{FIREWALL, LabPlan};
use lvs_matrix_model::record::{Instead, Packets, Proof};
use lvs_matrix_netns::{CommandLine, Namespace};

/// Is the rule in the kernel's list, and how many packets has it met?
pub(super) fn rule_shown(
    plan: &LabPlan,
    namespace: &Namespace,
    node: &Node,
    chain: Chain,
    verdict: FirewallVerdict,
) -> Result<Shown> {
    // The whole ruleset, because a chain that is not there is an error of nft and no answer.
    let listed = list(namespace)?;
    Ok(rule_in(&listed, &plan.matched(node, chain), chain, verdict))
}

/// Is the ruleset empty?
pub(super) fn empty_shown(namespace: &Namespace) -> Result<Shown> {
    let listed = list(namespace)?;
    Ok(if listed.is_empty() {
        Ok(Proof::NoRule)
    } else {
        Err(Instead::StillRules { shown: listed })
    })
}

pub(super) fn list(namespace: &Namespace) -> Result<String> {
    let list = CommandLine::new(["nft", "list", "ruleset"]);
    namespace.check(&list).stage("list the firewall's rules")
}

/// The rule in the chain, as nft lists it: `tcp dport 3306 counter packets 0 bytes 0 drop`. The same rule
/// twice counts as one.
fn rule_in(listed: &str, matched: &str, chain: Chain, verdict: FirewallVerdict) -> Shown {
    let name = chain.as_str();
    let table = FIREWALL.to_owned();
    let of_chain = listed
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != format!("chain {name} {{"))
        .skip(1)
        .take_while(|line| !line.starts_with("chain "));
    let counters: Vec<u64> = of_chain
        .filter_map(|line| counter(line, matched, verdict))
        .collect();
    if counters.is_empty() {
        return Err(Instead::NoSuchRule {
            rule: format!("{matched} … {}", verdict.statement()),
            chain,
            table,
            shown: listed.to_owned(),
        });
    }
    let packets = Packets(counters.iter().sum());
    Ok(Proof::Rule {
        chain,
        table,
        packets,
    })
}

/// The packets that the rule has met, if the line is the rule.
fn counter(line: &str, matched: &str, verdict: FirewallVerdict) -> Option<u64> {
    let (packets, statement) = counted(line, matched)?;
    let same = match verdict {
        FirewallVerdict::Drop => statement == "drop",
        // nft may name the ICMP type that `reject` stands for.
        FirewallVerdict::Reject => statement == "reject" || statement.starts_with("reject with icmp"),
        FirewallVerdict::TcpReset => statement == "reject with tcp reset",
    };
    same.then_some(packets)
}

/// The packets that a rule has met, and its statement, if the line is one for what is `matched`.
pub(super) fn counted<'l>(line: &'l str, matched: &str) -> Option<(u64, &'l str)> {
    let rest = line.strip_prefix(matched)?.strip_prefix(" counter packets ")?;
    let (packets, rest) = rest.split_once(" bytes ")?;
    let (_, statement) = rest.split_once(' ')?;
    Some((packets.parse().ok()?, statement))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "\
table inet filter {
\tchain input {
\t\ttype filter hook input priority filter; policy accept;
\t\ttcp dport 3306 counter packets 17 bytes 1105 drop
\t}

\tchain output {
\t\ttype filter hook output priority filter; policy accept;
\t\ttcp sport 3306 counter packets 1 bytes 60 reject with tcp reset
\t}
}";

    #[test]
    fn a_rule_is_known_by_chain_match_and_verdict() {
        let rule = |matched: &str, chain, verdict| {
            rule_in(LISTED, matched, chain, verdict).map(|proof| proof.packets())
        };
        let (dport, sport) = ("tcp dport 3306", "tcp sport 3306");
        assert_eq!(rule(dport, Chain::Input, FirewallVerdict::Drop), Ok(Some(17)));
        assert_eq!(rule(sport, Chain::Output, FirewallVerdict::TcpReset), Ok(Some(1)));
        assert!(
            rule(dport, Chain::Output, FirewallVerdict::Drop).is_err(),
            "another chain"
        );
        assert!(
            rule(sport, Chain::Input, FirewallVerdict::Drop).is_err(),
            "another match"
        );
        assert!(
            rule(dport, Chain::Input, FirewallVerdict::Reject).is_err(),
            "another verdict"
        );
        assert!(
            rule_in("", dport, Chain::Input, FirewallVerdict::Drop).is_err(),
            "no firewall at all"
        );
    }
}
