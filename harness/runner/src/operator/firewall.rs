//! A host's firewall, by nft(8).

use super::Shown;
use crate::error::{Result, Stage};
use lvs_matrix_model::action::{Chain, FirewallVerdict, Matches, NewConnections, Node};
use lvs_matrix_model::plan::{FIREWALL, LabPlan, STATEFUL, SYNPROXY, StatefulRule};
use lvs_matrix_model::record::{Instead, Packets, Proof, Tracked};
use lvs_matrix_netns::{CommandLine, Namespace, flush_conntrack, tracked_connections};

/// Is the rule in the kernel's list, and how many packets has it met?
pub(super) fn rule_shown(
    plan: &LabPlan,
    namespace: &Namespace,
    node: &Node,
    chain: Chain,
    verdict: FirewallVerdict,
    matches: Option<&Matches>,
) -> Result<Shown> {
    // The whole ruleset, because a chain that is not there is an error of nft and no answer.
    let listed = list(namespace)?;
    let what = match matches {
        Some(own) => What::Commented(own),
        None => What::Service(plan.matched(node, chain)),
    };
    Ok(rule_in(&listed, &what, chain, verdict))
}

/// What a rule looks at, as the kernel's list shows it.
enum What<'a> {
    /// The packets of the virtual service.
    Service(String),
    /// What an author wrote. nft lists that in words of its own, and the rule's comment as it was written.
    Commented(&'a Matches),
}

/// Are the rules of the stateful firewall in the kernel's list, in their order, and how many packets has each
/// met?
pub(super) fn stateful_shown(
    plan: &LabPlan,
    namespace: &Namespace,
    node: &Node,
    chain: Chain,
    new: NewConnections,
) -> Result<Shown> {
    let listed = list(namespace)?;
    let rules = plan.stateful_rules(node, chain, new);
    let shown = counted_in(&listed, (STATEFUL, chain), &plan.matched(node, chain), &rules);
    Ok(shown.map(|met| Proof::Stateful {
        node: node.clone(),
        chain,
        known: met.first,
        new: met.between,
        dropped: met.last,
    }))
}

/// Are the rules of the synproxy in the kernel's list, in their order, and how many packets has each met?
pub(super) fn synproxy_shown(plan: &LabPlan, namespace: &Namespace, node: &Node) -> Result<Shown> {
    let listed = list(namespace)?;
    let (rules, chain) = (plan.synproxy_rules(node), Chain::Input);
    let shown = counted_in(&listed, (SYNPROXY, chain), &plan.matched(node, chain), &rules);
    Ok(shown.map(|met| Proof::Synproxy {
        node: node.clone(),
        answered: met.first,
        dropped: met.last,
    }))
}

/// What the rules of a firewall have met.
#[derive(Debug, PartialEq, Eq)]
struct Met {
    /// The first one.
    first: Packets,
    /// Those between the first and the last one.
    between: Packets,
    /// The last one.
    last: Packets,
}

fn counted_in(
    listed: &str,
    (table, chain): (&str, Chain),
    matched: &str,
    rules: &[StatefulRule],
) -> std::result::Result<Met, Instead> {
    let mut listed_rules = rules_of(listed, table, chain.as_str());
    let met: Option<Vec<u64>> = rules
        .iter()
        .map(|rule| {
            let (_, rest) = listed_rules
                .next()?
                .strip_prefix(matched)?
                .split_once(" counter packets ")?;
            let (packets, said) = after_counter(rest)?;
            let wanted = format!("{} comment \"{}\"", rule.verdict, rule.comment);
            (said == wanted).then_some(packets)
        })
        .collect();
    match (met.as_deref(), listed_rules.next()) {
        (Some([first, between @ .., last]), None) => Ok(Met {
            first: Packets(*first),
            between: Packets(between.iter().sum()),
            last: Packets(*last),
        }),
        _ => Err(Instead::NoSuchRule {
            rule: rules
                .iter()
                .map(|rule| format!("{} … {}; ", rule.matched, rule.verdict))
                .collect(),
            chain,
            table: table.to_owned(),
            shown: listed.to_owned(),
        }),
    }
}

/// Makes the connection tracking forget all connections, and looks that those that it knew are gone. Others
/// may have come meanwhile.
pub(super) fn forget(namespace: &Namespace, node: &Node) -> Result<Shown> {
    let look = || tracked_connections(namespace).stage("list the tracked connections");
    let known = look()?;
    flush_conntrack(namespace).stage("forget the tracked connections")?;
    let left = look()?.intersection(&known).count();
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    Ok(match left {
        0 => Ok(Proof::Forgotten {
            node: node.clone(),
            connections: number(known.len()),
        }),
        left => Err(Instead::StillTracked {
            connections: Tracked(number(left)),
        }),
    })
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

/// The rules of a chain of a table, as nft lists them: other tables may have a chain of the same name.
pub(super) fn rules_of<'l>(listed: &'l str, table: &str, chain: &str) -> impl Iterator<Item = &'l str> {
    let (begins, heading) = (format!("table {table} {{"), format!("chain {chain} {{"));
    let lines = listed.lines().map(str::trim);
    let of_table = lines.skip_while(move |line| *line != begins).skip(1);
    let of_table = of_table.take_while(|line| !line.starts_with("table "));
    let of_chain = of_table.skip_while(move |line| *line != heading).skip(1);
    of_chain
        .take_while(|line| *line != "}")
        .filter(|line| !line.starts_with("type "))
}

/// The rule in the chain, as nft lists it: `tcp dport 3306 counter packets 0 bytes 0 drop`. The same rule
/// twice counts as one.
fn rule_in(listed: &str, what: &What<'_>, chain: Chain, verdict: FirewallVerdict) -> Shown {
    let table = FIREWALL.to_owned();
    let of_chain = rules_of(listed, FIREWALL, chain.as_str());
    let counters: Vec<u64> = of_chain.filter_map(|line| counter(line, what, verdict)).collect();
    if counters.is_empty() {
        let what = match what {
            What::Service(matched) => matched.clone(),
            What::Commented(own) => own.to_string(),
        };
        return Err(Instead::NoSuchRule {
            rule: format!("{what} … {}", verdict.statement()),
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
fn counter(line: &str, what: &What<'_>, verdict: FirewallVerdict) -> Option<u64> {
    let (packets, statement) = match what {
        What::Service(matched) => counted(line, matched)?,
        What::Commented(own) => {
            let (packets, said) = after_counter(line.split_once(" counter packets ")?.1)?;
            (packets, said.strip_suffix(&format!(" comment \"{own}\""))?)
        }
    };
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
    after_counter(line.strip_prefix(matched)?.strip_prefix(" counter packets ")?)
}

/// `17 bytes 1105 drop` as 17 and `drop`.
fn after_counter(text: &str) -> Option<(u64, &str)> {
    let (packets, rest) = text.split_once(" bytes ")?;
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

    /// The chains of a synproxy have the names of the others, and are listed first if they came first.
    #[test]
    fn a_rule_is_looked_for_in_its_own_table() {
        let proxy =
            "table inet syns {\n\tchain input {\n\t\ttcp dport 3306 counter packets 2 bytes 9 drop\n\t}\n}\n";
        for listed in [format!("{proxy}{LISTED}"), format!("{LISTED}\n{proxy}")] {
            let what = What::Service("tcp dport 3306".to_owned());
            let found = rule_in(&listed, &what, Chain::Input, FirewallVerdict::Drop);
            assert_eq!(found.map(|proof| proof.packets()), Ok(Some(17)));
        }
    }

    #[test]
    fn a_rule_is_known_by_chain_match_and_verdict() {
        let rule = |matched: &str, chain, verdict| {
            let what = What::Service(matched.to_owned());
            rule_in(LISTED, &what, chain, verdict).map(|proof| proof.packets())
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
            rule_in(
                "",
                &What::Service(dport.to_owned()),
                Chain::Input,
                FirewallVerdict::Drop
            )
            .is_err(),
            "no firewall at all"
        );
    }

    #[test]
    fn a_rule_of_an_author_is_known_by_its_comment() {
        let listed = "\
table inet filter {
\tchain input {
\t\ttype filter hook input priority filter; policy accept;
\t\ttcp flags syn / syn,ack counter packets 3 bytes 180 drop comment \"tcp flags & (syn|ack) == syn\"
\t}
}";
        let rule = |matches: &str, verdict| {
            let own = Matches::new(matches).unwrap();
            rule_in(listed, &What::Commented(&own), Chain::Input, verdict).map(|proof| proof.packets())
        };
        let own = "tcp flags & (syn|ack) == syn";
        assert_eq!(rule(own, FirewallVerdict::Drop), Ok(Some(3)));
        assert!(rule(own, FirewallVerdict::Reject).is_err(), "another verdict");
        assert!(
            rule("tcp flags syn", FirewallVerdict::Drop).is_err(),
            "another match"
        );
    }

    #[test]
    fn a_stateful_firewall_is_known_by_all_its_rules_in_their_order() {
        let rule = |matched: &str, counted: &str, comment: &str| {
            format!("\t\ttcp dport 3306{matched} counter {counted} comment \"{comment}\"\n")
        };
        let rules = [
            rule(
                " ct state established,related",
                "packets 5 bytes 300 accept",
                "known-connection",
            ),
            rule(
                " tcp flags syn / fin,syn,rst,ack ct state new",
                "packets 2 bytes 120 accept",
                "new-connection",
            ),
            rule("", "packets 1 bytes 52 drop", "all-else"),
        ];
        let hook = "type filter hook input priority filter; policy accept;";
        let listed = format!(
            "table inet stateful {{\n\tchain input {{\n\t\t{hook}\n{}\t}}\n}}",
            rules.concat()
        );
        let rule = |verdict, comment| StatefulRule {
            matched: "tcp dport 3306 …".to_owned(),
            verdict,
            comment,
        };
        let rules = |new: bool| {
            let known = rule("accept", "known-connection");
            let new = new.then(|| rule("accept", "new-connection"));
            let all = [known].into_iter().chain(new).chain([rule("drop", "all-else")]);
            all.collect::<Vec<_>>()
        };
        let stateful_in =
            |rules: &[StatefulRule], chain| counted_in(&listed, (STATEFUL, chain), "tcp dport 3306", rules);
        let met = Met {
            first: Packets(5),
            between: Packets(2),
            last: Packets(1),
        };
        assert_eq!(stateful_in(&rules(true), Chain::Input), Ok(met));
        assert!(
            stateful_in(&rules(false), Chain::Input).is_err(),
            "one rule too many"
        );
        assert!(stateful_in(&rules(true), Chain::Output).is_err(), "another chain");
        let mut turned = rules(true);
        turned.reverse();
        assert!(stateful_in(&turned, Chain::Input).is_err(), "another order");
    }
}
