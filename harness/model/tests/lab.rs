//! The lab after some steps: what lasts, which step gave each value, which step can work.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use lvs_matrix_model::Name;
use lvs_matrix_model::action::{
    Action, Chain, FirewallVerdict, HostAction, Matches, MysqldAction, Neighbours, NewConnections, Node,
    Percent, StopSignal, TableAction, TrafficAction, Until, WatchAction,
};
use lvs_matrix_model::base::TCP_LOOSE;
use lvs_matrix_model::lab::{Conflict, State, Table};
use lvs_matrix_model::scenario::Forwarding;
use std::time::Duration;

fn rs1() -> Name {
    Name::new("rs1").unwrap()
}

fn node() -> Node {
    Node::RealServer(rs1())
}

fn rule(chain: Chain) -> Action {
    let (node, verdict) = (node(), FirewallVerdict::Drop);
    TrafficAction::AddFirewallRule {
        node,
        chain,
        verdict,
        matches: None,
    }
    .into()
}

#[test]
fn a_rule_looks_at_what_its_author_says() {
    let matched = |text: &str| Matches::new(text).unwrap();
    let own = matched("ip saddr $director tcp dport { $port, 22 }");
    assert_eq!(own.hosts().collect::<Vec<_>>(), ["director"]);
    assert_eq!(
        own.with(|name| format!("<{name}>")),
        "ip saddr <director> tcp dport { <port>, 22 }"
    );
    assert_eq!(matched("$vip").with(str::to_uppercase), "VIP");
    assert!(matched("ct state new").asks_conntrack());
    assert!(!matched("tcp flags syn").asks_conntrack());
    let longest = "x".repeat(Matches::LONGEST);
    assert!(Matches::new(&longest).is_some());
    assert!(Matches::new("ct status { snat, dnat }").is_some());
    // Nothing that would end the rule, or its comment, no second verdict, and no statement that changes a
    // packet.
    for bad in [
        "",
        " tcp flags syn",
        "tcp flags syn; flush ruleset",
        "iifname \"eth0\"",
        "tcp\nflags syn",
        "tcp flags syn drop",
        "tcp flags syn # all",
        "tcp dport 1 meta mark set 1",
        "notrack",
        "tcp dport 1 log",
        "ip daddr set 192.0.2.99 tcp dport 1",
        "tcp dport { 1, 2",
        "ip daddr ${vip}",
        "tcp dport $",
        &format!("{longest}x"),
    ] {
        assert_eq!(Matches::new(bad), None, "{bad:?}");
    }
}

#[test]
fn a_host_has_one_synproxy() {
    let name = rs1();
    let mut state = State::new(std::iter::once(&name));
    let proxy: Action = TrafficAction::AddSynproxy { node: node() }.into();
    assert_eq!(state.conflict(&proxy), None);
    state.apply(1, &proxy);
    assert_eq!(state.conflict(&proxy), Some(Conflict::SynproxyThere(&node())));
}

#[test]
fn a_rule_of_a_client_looks_at_the_service_and_hosts_are_of_the_lab() {
    let name = rs1();
    let state = State::new(std::iter::once(&name));
    let rule = |node: Node, matches: &str| -> Action {
        let (chain, verdict) = (Chain::Input, FirewallVerdict::Drop);
        let matches = Matches::new(matches);
        TrafficAction::AddFirewallRule {
            node,
            chain,
            verdict,
            matches,
        }
        .into()
    };
    let of_client = rule(Node::Client, "tcp flags syn");
    assert_eq!(state.conflict(&of_client), Some(Conflict::ClientMatches));
    let stranger = rule(node(), "ip saddr $rs3");
    assert_eq!(state.conflict(&stranger), Some(Conflict::NoAddressOf("rs3")));
    for known in ["$client", "$director", "$rs1", "$vip", "$port"] {
        let good = rule(node(), &format!("ip saddr {known}"));
        assert_eq!(state.conflict(&good), None, "{known}");
    }
}

fn netem(loss: u16) -> Action {
    let (node, delay, loss) = (node(), Duration::ZERO, Percent(loss));
    TrafficAction::SetNetem { node, delay, loss }.into()
}

fn stop() -> Action {
    let (server, signal) = (rs1(), StopSignal::Kill);
    MysqldAction::StopMysqld { server, signal }.into()
}

fn sysctl(value: &str) -> Action {
    let (node, key, value) = (Node::Client, "net.x".to_owned(), value.to_owned());
    HostAction::SetSysctl { node, key, value }.into()
}

/// After each list of steps, which of them are still in force; their numbers count from 1.
#[test]
fn a_fault_lasts_until_a_step_undoes_it_or_does_the_same_anew() {
    let freeze = || -> Action { MysqldAction::FreezeMysqld { server: rs1() }.into() };
    let thaw = || -> Action { MysqldAction::ThawMysqld { server: rs1() }.into() };
    let start = || -> Action { MysqldAction::StartMysqld { server: rs1() }.into() };
    let down = || -> Action { HostAction::LinkDown { node: node() }.into() };
    let up = || -> Action { HostAction::LinkUp { node: node() }.into() };
    let flush = || -> Action { TrafficAction::FlushFirewall { node: node() }.into() };
    let (server, neighbours) = (rs1().into(), Neighbours::Permanent);
    let off: Action = HostAction::PowerOff { server, neighbours }.into();
    let on: Action = HostAction::PowerOn { server: rs1().into() }.into();
    let kill = || -> Action { MysqldAction::KillSessions { server: rs1() }.into() };
    let guard = || -> Action {
        let (node, chain, new) = (node(), Chain::Input, NewConnections::Any);
        TrafficAction::AddStatefulFirewall { node, chain, new }.into()
    };
    let forget = || -> Action { TrafficAction::FlushConntrack { node: node() }.into() };
    let proxy = || -> Action { TrafficAction::AddSynproxy { node: node() }.into() };
    let cases: [(Vec<Action>, &[u32]); 18] = [
        (vec![proxy(), forget()], &[1]),
        (vec![proxy(), proxy()], &[1]),
        (vec![proxy(), flush(), rule(Chain::Input)], &[3]),
        (vec![guard(), forget()], &[1]),
        (vec![guard(), flush(), guard()], &[3]),
        (vec![kill()], &[]),
        (vec![stop()], &[1]),
        (vec![stop(), start()], &[]),
        (vec![freeze(), thaw()], &[]),
        (vec![freeze(), stop()], &[2]),
        (vec![down()], &[1]),
        (vec![down(), up(), down()], &[3]),
        (vec![rule(Chain::Input), rule(Chain::Output)], &[1, 2]),
        (vec![rule(Chain::Input), flush(), rule(Chain::Output)], &[3]),
        (vec![netem(100), netem(0)], &[2]),
        (vec![stop(), off.clone()], &[1, 2]),
        // Its server starts with it.
        (vec![stop(), off, on], &[]),
        (vec![sysctl("1"), Action::wait(Duration::ZERO)], &[]),
    ];
    for (steps, lasting) in &cases {
        let name = rs1();
        let mut state = State::new(std::iter::once(&name));
        let numbered = || steps.iter().zip(1..);
        numbered().for_each(|(action, step)| state.apply(step, action));
        let found: Vec<u32> = numbered()
            .map(|(_, step)| step)
            .filter(|step| state.lasts(*step))
            .collect();
        assert_eq!(found, *lasting, "{steps:?}");
    }
}

#[test]
fn a_value_knows_the_step_that_gave_it() {
    let (name, planned) = (rs1(), [("net.x".to_owned(), "0".to_owned())]);
    let (netem, write) = (netem(100), sysctl("2"));
    let mut state = State::new(std::iter::once(&name)).with_sysctls(&Node::Client, &planned);
    let value = |state: &State<'_>| {
        let found = state.sysctl(&Node::Client, "net.x")?;
        Some((found.value.to_owned(), found.step))
    };
    assert_eq!(value(&state), Some(("0".to_owned(), None)));
    assert_eq!(state.link(&node()), None);
    state.apply(4, &write);
    state.apply(5, &netem);
    assert_eq!(value(&state), Some(("2".to_owned(), Some(4))));
    assert_eq!(state.link(&node()).map(|link| link.step), Some(5));
    assert_eq!(state.sysctl(&node(), "net.x"), None, "another host");
    assert_eq!(state.table(), None, "nobody said what is in it");
    assert_eq!(state.refuses(), None, "so nothing is certain");
}

/// What a step sets, it sets anew only if it was otherwise.
#[test]
fn what_is_so_already_is_known() {
    let (name, planned) = (rs1(), [("net.x".to_owned(), "1\t2".to_owned())]);
    let mut state = State::new(std::iter::once(&name))
        .with_sysctls(&Node::Client, &planned)
        .with_table(&table(&[(&name, 3)]));
    let weight = |weight| {
        let server = rs1();
        Action::from(TableAction::SetWeight { server, weight })
    };
    let timeouts = |tcp_fin| {
        let tcp = Duration::from_secs(60);
        Action::from(TableAction::SetTimeouts {
            tcp,
            tcp_fin,
            udp: None,
        })
    };
    let only_tcp = timeouts(None);
    assert!(state.is_so(&weight(3)) && !state.is_so(&weight(0)));
    assert!(state.is_so(&sysctl("1 2")) && !state.is_so(&sysctl("1")));
    assert!(state.is_so(&netem(0)) && !state.is_so(&netem(100)));
    assert!(!state.is_so(&only_tcp), "nobody said what it was");
    let (zero, cut) = (weight(0), netem(100));
    for (action, step) in [&zero, &cut, &only_tcp].into_iter().zip(1..) {
        state.apply(step, action);
    }
    assert!(state.is_so(&weight(0)) && !state.is_so(&weight(3)));
    assert!(state.is_so(&netem(100)) && !state.is_so(&netem(0)));
    assert!(state.is_so(&only_tcp));
    assert!(!state.is_so(&timeouts(Some(Duration::from_secs(5)))));
    // A rule that is added once more, and a table that is saved, are not looked at.
    assert!(!state.is_so(&Action::from(TableAction::SaveTable)));
}

#[test]
fn nothing_is_done_on_a_host_without_power() {
    let (server, neighbours) = (rs1().into(), Neighbours::Permanent);
    let (off, stop): (Action, _) = (HostAction::PowerOff { server, neighbours }.into(), stop());
    let name = rs1();
    let mut state = State::new(std::iter::once(&name));
    state.apply(1, &off);
    assert_eq!(state.conflict(&stop), Some(Conflict::Off(&name)));
    state.apply(2, &stop);
    assert!(state.lasts(1) && !state.lasts(2));
    assert_eq!(state.unplugged(&node()), Some(1));
    assert!(state.is_silent());
    let on = HostAction::PowerOn { server: rs1().into() }.into();
    assert_eq!(state.conflict(&on), None);
    state.apply(3, &on);
    assert_eq!(state.conflict(&on), Some(Conflict::On(&name)));
    assert_eq!((state.conflict(&stop), state.unplugged(&node())), (None, None));
    assert!(!state.lasts(1) && !state.is_silent());
}

fn table(servers: &[(&Name, u16)]) -> Table {
    let weights = servers.iter().map(|(name, weight)| ((*name).clone(), *weight));
    Table {
        service: true,
        servers: weights.collect(),
        ..Table::default()
    }
}

/// The steps that cannot work after those before, each with why; the others are done.
#[test]
fn the_table_says_which_edit_can_work() {
    let name = rs1();
    let (server, weight) = (rs1(), 1);
    let add = TableAction::AddRealServer { server, weight };
    let remove = TableAction::RemoveRealServer { server: rs1() };
    let steps: [(TableAction, Option<Conflict<'_>>); 14] = [
        (TableAction::RestoreTable, Some(Conflict::NothingSaved)),
        (TableAction::SaveTable, None),
        (TableAction::RestoreTable, Some(Conflict::SavedStillThere)),
        (add.clone(), Some(Conflict::InTable(&name))),
        (remove.clone(), None),
        (remove.clone(), Some(Conflict::NotInTable(&name))),
        (add, None),
        (TableAction::AddService { port: Some(80) }, None),
        (
            TableAction::AddService { port: Some(80) },
            Some(Conflict::ServiceOfThere(80)),
        ),
        (TableAction::FlushTable, None),
        (TableAction::FlushTable, Some(Conflict::Empty)),
        (remove.clone(), Some(Conflict::NoService)),
        (TableAction::RestoreTable, None),
        (remove, None),
    ];
    let steps = steps.map(|(edit, conflict)| (Action::from(edit), conflict));
    let mut state = State::new(std::iter::once(&name)).with_table(&table(&[(&name, 3)]));
    for (step, (action, conflict)) in (1..).zip(&steps) {
        assert_eq!(state.conflict(action), *conflict, "step {step}: {action}");
        if conflict.is_none() {
            state.apply(step, action);
        }
        assert!(!state.lasts(step), "the last snapshot shows the table");
        if step == 13 {
            assert_eq!(state.table(), Some(&table(&[(&name, 3)])), "as it was saved");
        }
    }
    let empty = table(&[]);
    assert_eq!(state.table(), Some(&empty));
}

#[test]
fn no_new_connection_is_answered_without_a_server_that_is_chosen_and_can_answer() {
    let (name, other) = (rs1(), Name::new("rs2").unwrap());
    let lab = |weights: &[(&Name, u16)]| State::new([&name, &other].into_iter()).with_table(&table(weights));
    let both = [(&name, 1), (&other, 1)];
    assert_eq!(lab(&both).refuses(), None);
    assert_eq!(
        lab(&[]).refuses(),
        Some("no real server is in the table"),
        "though both of them run"
    );
    assert_eq!(
        lab(&[(&name, 0), (&other, 0)]).refuses(),
        Some("every real server in the table has weight 0")
    );
    let stop = stop();
    let mut state = lab(&both);
    state.apply(1, &stop);
    assert_eq!(state.refuses(), None, "rs2 answers");
    let mut state = lab(&[(&name, 1), (&other, 0)]);
    state.apply(1, &stop);
    assert!(state.refuses().is_some_and(|why| why.contains("can answer")));
    assert!(!state.is_silent(), "rs2 is not chosen, but it runs");
    let down = HostAction::LinkDown {
        node: Node::first_director(),
    }
    .into();
    let mut state = lab(&both);
    state.apply(1, &down);
    assert_eq!(state.refuses(), Some("the director's link is down"));
    assert_eq!(state.unplugged(&Node::first_director()), Some(1));
}

/// Nobody but the steps edits the table, so some waits could never end.
#[test]
fn a_wait_for_what_cannot_come_true_is_known() {
    let name = rs1();
    let until = |until: Until| Action::Watch(WatchAction::WaitUntil(until));
    let (counted, present, absent) = (
        until(Until {
            no_connections_to: Some(rs1()),
            ..Until::default()
        }),
        until(Until {
            in_table: Some(rs1()),
            ..Until::default()
        }),
        until(Until {
            not_in_table: Some(rs1()),
            ..Until::default()
        }),
    );
    let entry = until(Until {
        no_entry: true,
        ..Until::default()
    });
    let mut state = State::new(std::iter::once(&name)).with_table(&table(&[(&name, 1)]));
    let of = |state: &State<'_>| {
        [&counted, &present, &absent, &entry].map(|action| format!("{:?}", state.conflict(action)))
    };
    let none = "None".to_owned();
    let still = format!("{:?}", Some(Conflict::StillInTable(&name)));
    assert_eq!(of(&state), [none.clone(), none.clone(), still, none.clone()]);
    let remove = TableAction::RemoveRealServer { server: rs1() }.into();
    state.apply(1, &remove);
    let gone = format!("{:?}", Some(Conflict::NotInTable(&name)));
    assert_eq!(of(&state), [gone.clone(), gone, none.clone(), none]);
}

/// An edit that repeats what is there is known to change nothing; where it is not known what is there, it is
/// not said.
#[test]
fn an_edit_that_repeats_what_is_there_is_known() {
    let name = rs1();
    let scheduler = |name: &str| TableAction::SetScheduler {
        scheduler: name.to_owned(),
    };
    let method = |method, weight| TableAction::SetForwarding {
        server: rs1(),
        method,
        weight,
    };
    let mut held = table(&[(&name, 1)]);
    assert!(!held.is_so(&scheduler("rr")), "nobody said which it is");
    held.scheduler = Some("rr".to_owned());
    held.methods.insert(rs1(), Forwarding::DirectRouting);
    assert!(held.is_so(&scheduler("rr")) && !held.is_so(&scheduler("wrr")));
    assert!(held.is_so(&method(Forwarding::DirectRouting, 1)));
    assert!(!held.is_so(&method(Forwarding::DirectRouting, 2)));
    assert!(!held.is_so(&method(Forwarding::Masquerading, 1)));

    let before = held.clone();
    held.edit(&scheduler("wrr"), None);
    held.edit(&method(Forwarding::Masquerading, 1), None);
    assert!(held.is_so(&scheduler("wrr")) && held.is_so(&method(Forwarding::Masquerading, 1)));
    held.edit(&TableAction::FlushTable, None);
    held.edit(&TableAction::RestoreTable, Some(&before));
    assert_eq!(held, before);
    held.edit(&TableAction::RemoveService { port: None }, None);
    held.edit(&TableAction::AddService { port: None }, None);
    assert!(!held.is_so(&scheduler("rr")), "a service that was added anew");
}

/// The sysctl that a synproxy needs stays when its rules go.
#[test]
fn a_synproxy_leaves_its_sysctl() {
    let node = node();
    let (key, value) = (TCP_LOOSE, Some("0"));
    let steps: [Action; 2] = [
        TrafficAction::AddSynproxy { node: node.clone() }.into(),
        TrafficAction::FlushFirewall { node: node.clone() }.into(),
    ];
    let name = rs1();
    let mut state = State::new([&name].into_iter());
    assert!(state.sysctl(&node, key).is_none());
    for (number, action) in (1..).zip(&steps) {
        state.apply(number, action);
        assert_eq!(state.sysctl(&node, key).map(|sysctl| sysctl.value), value);
    }
    assert!(state.answers_syns(&node).is_none());
}
