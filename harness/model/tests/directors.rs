//! Two directors: with keepalived, which moves the VIP between them by VRRP, and without, where the first one
//! has the VIP and steps move it.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[path = "directors/named.rs"]
mod named;
mod support;

use lvs_matrix_model::action::{Action, HostAction, Node, StopSignal, TrafficAction};
use lvs_matrix_model::control::ControlPlane;
use lvs_matrix_model::lab::{Conflict, State};
use lvs_matrix_model::matrix::cells;
use lvs_matrix_model::plan::{LabPlan, Told, plan};
use lvs_matrix_model::scenario::{Mistake, load, written};
use support::name;

const TWO: &str = "
name: two
claim: keepalived moves the VIP.
lab:
  directors: 2
  real-servers: { rs1: {} }
  keepalived: { sync: true, vrrp-version: 3, advert-int: 200ms, nopreempt: true, garp-master-repeat: 2 }
change: [{ stop-keepalived: { node: director2 } }, { power-off: { server: director } }]
act: [{ connect: {} }]
observe: { patience: 5s, until: 1m }
expect: [{ observe-only: true }]
";

#[test]
fn two_directors_have_no_vip_by_themselves_and_each_a_configuration() {
    let scenario = load(TWO).unwrap();
    let plan = plan(&scenario, &cells(&scenario)[0]);
    let balancers: Vec<_> = plan.balancers().map(|host| host.node.clone()).collect();
    assert_eq!(balancers, [Node::first_director(), Node::second_director()]);
    assert_eq!(plan.service().balancers, balancers);
    for node in &balancers {
        let host = plan.host(node).unwrap();
        assert!(host.addresses().all(|address| address != plan.vip()), "{node}");
    }
    let config = |node: &Node| plan.keepalived_config(node, &Told::default()).unwrap();
    let (first, second) = (config(&Node::first_director()), config(&Node::second_director()));
    for line in [
        "    router_id director\n",
        "    vrrp_version 3\n",
        "    lvs_sync_daemon eth0 VI_1 id 1\n",
        "    state BACKUP\n",
        "    priority 150\n",
        "    advert_int 0.200\n",
        "    nopreempt\n",
        "    garp_master_delay 5\n    garp_master_repeat 2\n",
        "        192.0.2.100/32 dev eth0\n",
    ] {
        assert!(first.contains(line), "{line}{first}");
    }
    let differing = first
        .lines()
        .zip(second.lines())
        .filter(|(one, other)| one != other);
    let differing: Vec<_> = differing.collect();
    let expected = [
        ("    router_id director", "    router_id director2"),
        ("    priority 150", "    priority 100"),
    ];
    assert_eq!(differing, expected);
    // Without `nopreempt` the first one is the master from the beginning.
    let preempts = load(&TWO.replace("nopreempt: true, ", "")).unwrap();
    let preempts = lvs_matrix_model::plan::plan(&preempts, &cells(&preempts)[0]);
    let first = preempts
        .keepalived_config(&Node::first_director(), &Told::default())
        .unwrap();
    assert!(
        first.contains("    state MASTER\n") && !first.contains("nopreempt"),
        "{first}"
    );
}

/// Without a device the VIP goes to the interface that has the virtual router's Ethernet address.
#[test]
fn the_vip_may_have_an_ethernet_address_of_its_own() {
    let text = TWO.replace("nopreempt: true", "use-vmac: true");
    let scenario = load(&text).unwrap();
    let planned = plan(&scenario, &cells(&scenario)[0]);
    assert!(planned.keepalived().unwrap().use_vmac);
    let config = planned.keepalived_config(&Node::second_director(), &Told::default());
    let config = config.unwrap();
    assert!(config.contains("    interface eth0\n    use_vmac\n"), "{config}");
    assert!(config.contains("{\n        192.0.2.100/32\n    }"), "{config}");
    let one = load(
        &text
            .replace("  directors: 2\n", "")
            .replace("node: director2", ""),
    )
    .unwrap_err();
    assert!(
        format!("{one:?}").contains("without a second director"),
        "{one:?}"
    );
}

#[test]
fn a_cell_with_two_directors_alone_has_the_same_plan() {
    let scenario = load(TWO).unwrap();
    let planned = plan(&scenario, &cells(&scenario)[0]);
    let alone = planned.alone();
    let again = load(&written(&alone)).unwrap();
    let again = plan(&again, &cells(&again)[0]);
    assert_eq!(
        (&again.hosts, &again.services),
        (&planned.hosts, &planned.services)
    );
}

#[test]
fn a_director_loses_its_power_and_its_keepalived_and_gets_both_back() {
    let scenario = load(TWO).unwrap();
    let plan = plan(&scenario, &cells(&scenario)[0]);
    let mut state = plan.state();
    let off = HostAction::PowerOff {
        server: name("director").into(),
        neighbours: Default::default(),
    }
    .into();
    let on = HostAction::PowerOn {
        server: name("director").into(),
    }
    .into();
    let stop = |node| {
        HostAction::StopKeepalived {
            signal: StopSignal::Term,
            node,
        }
        .into()
    };
    let (first, second) = (stop(None), stop(Some(Node::second_director())));
    assert_eq!(state.conflict(&off), None);
    assert_eq!(state.conflict(&on), Some(Conflict::DirectorOn));
    state.apply(1, &off);
    assert!(state.lasts(1) && !state.control_runs());
    assert_eq!(state.unplugged(&Node::first_director()), Some(1));
    assert_eq!(state.unplugged(&Node::second_director()), None);
    assert_eq!(state.conflict(&first), Some(Conflict::DirectorOff));
    assert_eq!(state.conflict(&second), None);
    assert_eq!(state.conflict(&on), None);
    state.apply(2, &on);
    assert!(!state.lasts(1) && state.control_runs());
    assert_eq!((state.conflict(&first), state.conflict(&off)), (None, None));
    let servers = [name("rs1")];
    let alone = State::new(servers.iter()).with_control(Some(ControlPlane::Keepalived));
    assert_eq!(alone.conflict(&off), Some(Conflict::OnlyDirector));
    assert_eq!(
        alone.conflict(&second),
        Some(Conflict::NoSuchDirector(&Node::second_director()))
    );
}

#[test]
fn only_directors_that_speak_vrrp_can_be_parted() {
    let scenario = load(TWO).unwrap();
    let plan = plan(&scenario, &cells(&scenario)[0]);
    let block = |node: Node| TrafficAction::BlockVrrp { node }.into();
    let [first, second] = [Node::first_director(), Node::second_director()].map(block);
    let server = block(Node::RealServer(name("rs1")));
    let heal = TrafficAction::FlushFirewall {
        node: Node::second_director(),
    };
    let heal = heal.into();
    let mut state = plan.state();
    assert_eq!((state.conflict(&first), state.conflict(&second)), (None, None));
    let rs1 = Node::RealServer(name("rs1"));
    assert_eq!(state.conflict(&server), Some(Conflict::SpeaksNoVrrp(&rs1)));
    assert_eq!(
        state.conflict(&heal),
        Some(Conflict::NoRule(&Node::second_director()))
    );
    state.apply(3, &second);
    assert!(state.lasts(3) && state.is_so(&second) && !state.is_so(&first));
    assert_eq!(state.conflict(&heal), None);
    state.apply(4, &heal);
    assert!(!state.lasts(3));
    let lines = plan.command_lines(&second);
    let rule = "nft add rule inet vrrp no_vrrp ip daddr 224.0.0.18 counter drop";
    assert!(
        lines
            .iter()
            .any(|(node, argv)| { *node == Some(Node::second_director()) && argv.join(" ") == rule })
    );
    let servers = [name("rs1")];
    let alone = State::new(servers.iter()).with_control(Some(ControlPlane::Keepalived));
    assert_eq!(
        alone.conflict(&first),
        Some(Conflict::SpeaksNoVrrp(&Node::first_director()))
    );
}

#[test]
fn two_directors_are_refused_where_they_are_not_understood() {
    let refused = |from: &str, to: &str, says: &str| {
        let text = TWO.replace(from, to);
        assert_ne!(text, TWO, "{from}");
        let mistakes = load(&text).unwrap_err();
        assert!(
            mistakes.iter().any(|mistake| mistake.message.contains(says)),
            "{says}: {mistakes:?}"
        );
    };
    let lab = "  directors: 2\n";
    let with = |more: &str| format!("{lab}  {more}\n");
    let routed = "client-at: behind-router\n  firewall-mark: 1\n  vip: routed";
    refused(lab, &with(routed), "two directors with `routed`");
    let ipv6 = with("family: ipv6");
    let old = TWO
        .replace(lab, &ipv6)
        .replace("vrrp-version: 3", "vrrp-version: 2");
    let mistakes = load(&old).unwrap_err();
    let says = |mistake: &Mistake| mistake.message == "VRRP of version 2 over IPv6";
    assert!(mistakes.iter().any(says), "{mistakes:?}");
    refused(lab, "", "VRRP, or the sync daemon, without a second director");
    refused(
        "vrrp-version: 3, ",
        "",
        "VRRP of version 2 with an interval of 200ms",
    );
}

/// keepalived would replace these by other values, and the cells would not be what they say.
#[test]
fn what_keepalived_would_not_take_is_a_mistake() {
    let two = |said: &str| {
        format!(
            "name: two\nclaim: One takes over.\nlab: {{ directors: 2, real-servers: {{ rs1: {{}} }}, \
             keepalived: {{ {said} }} }}\nact: [{{ connect: {{}} }}]\n\
             observe: {{ patience: 5s, until: 1m }}\nexpect: [{{ behaviour: answered }}]\n"
        )
    };
    for good in [
        "advert-int: 255s",
        "advert-int: 10ms, vrrp-version: 3",
        "preempt-delay: 1000s",
        "garp-master-delay: 0s, garp-master-repeat: 1",
    ] {
        assert!(load(&two(good)).is_ok(), "{good}");
    }
    for (wrong, takes) in [
        ("advert-int: 256s", "from 1s to 255s"),
        ("advert-int: 0s", "from 1s to 255s"),
        ("advert-int: 15ms, vrrp-version: 3", "in steps of 10ms"),
        ("advert-int: 41s, vrrp-version: 3", "to 40.95s"),
        ("preempt-delay: 1001s", "at most 1000s"),
        ("nopreempt: true, preempt-delay: 5s", "nothing to delay"),
        ("garp-master-delay: 500ms", "whole seconds"),
        ("garp-master-repeat: 0", "at least 1"),
        ("garp-master-refresh: 0s", "whole seconds, at least 1s"),
    ] {
        let mistakes = load(&two(wrong)).unwrap_err();
        assert!(
            mistakes.iter().any(|one| one.label.contains(takes)),
            "{wrong}: {mistakes:#?}"
        );
    }
    // With a delay both begin as backups: an instance that begins as the master has none
    // (keepalived/vrrp/vrrp.c, `vrrp_complete_instance`).
    let scenario = load(&two("preempt-delay: 20s")).unwrap();
    let plan = plan(&scenario, &cells(&scenario)[0]);
    let config = plan
        .keepalived_config(&Node::first_director(), &Told::default())
        .unwrap();
    assert!(
        config.contains("state BACKUP") && config.contains("preempt_delay 20"),
        "{config}"
    );
}

/// Masqueraded real servers have a gateway that moves as the VIP does.
#[test]
fn the_gateway_of_masqueraded_real_servers_moves_with_the_vip() {
    let config = |more: &str| {
        let text = TWO.replace(
            "  directors: 2\n",
            &format!("  directors: 2\n  forwarding: masquerading\n{more}"),
        );
        let scenario = load(&text).unwrap();
        let planned = plan(&scenario, &cells(&scenario)[0]);
        let (_, server) = planned.real_servers().next().unwrap();
        let gateway = server.routes[0].via;
        let moving = planned.moving();
        assert_eq!((moving.len(), moving[1].0.address), (2, gateway), "{more}");
        let mut addresses = planned.hosts.iter().flat_map(|host| host.addresses());
        assert!(
            addresses.all(|address| address != gateway),
            "keepalived gives it to one: {more}"
        );
        let again = load(&written(&planned.alone())).unwrap();
        assert_eq!(planned.hosts, plan(&again, &cells(&again)[0]).hosts, "{more}");
        let config = planned.keepalived_config(&Node::second_director(), &Told::default());
        (config.unwrap(), planned.hosts.clone())
    };
    // On one link one instance has both.
    let (one_link, _) = config("");
    let both = "        192.0.2.100/32 dev eth0\n        192.0.2.101/32 dev eth0\n";
    assert!(
        one_link.contains(both) && !one_link.contains("vrrp_sync_group"),
        "{one_link}"
    );
    // On two links each has one, and a group keeps them together.
    let (two_links, hosts) = config("  wiring: two-armed\n");
    for part in [
        "vrrp_sync_group VG_1 {\n    group {\n        VI_1\n        VI_2\n    }\n}\n",
        "    interface eth1\n    virtual_router_id 52\n    priority 100\n",
        "        198.51.100.100/32 dev eth1\n",
        "    lvs_sync_daemon eth0 VI_1 id 1\n",
    ] {
        assert!(two_links.contains(part), "{part}{two_links}");
    }
    let second = hosts
        .iter()
        .find(|host| host.node == Node::second_director())
        .unwrap();
    assert_eq!(second.nics.iter().count(), 2);
    // IPv6 has VRRP 3, and a group of its own for the sync daemons.
    let (ipv6, _) = config("  wiring: two-armed\n  family: ipv6\n");
    for part in [
        "    vrrp_version 3\n",
        "    lvs_sync_daemon eth0 VI_1 id 1 group ff02::81\n",
        "        2001:db8:0:1::100/128 dev eth0\n",
        "        2001:db8:0:2::100/128 dev eth1\n",
    ] {
        assert!(ipv6.contains(part), "{part}{ipv6}");
    }
}

/// Each director has a table of its own, and an edit is one of its director's.
#[test]
fn an_edit_is_made_to_the_table_of_the_director_that_it_names() {
    let text = MOVES.replace(
        "change: [{ move-vip: { to: director } }]",
        "change: [{ on: director2, remove-real-server: { server: rs1 } }, { move-vip: { to: director } }]",
    );
    let plan = planned_moves(&text);
    let edit = &plan.steps[1].action;
    assert_eq!(edit.to_string(), "remove real server rs1, on director2");
    let json = serde_json::to_value(edit).unwrap();
    assert_eq!(
        json,
        serde_json::json!({ "on": "director2", "remove-real-server": { "server": "rs1" } })
    );
    assert_eq!(serde_json::from_value::<Action>(json).unwrap(), *edit);
    let lines = plan.command_lines(edit);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].0, Some(Node::second_director()));
    let mut state = plan.state_with_table();
    assert_eq!(state.conflict(edit), None);
    state.apply(1, edit);
    let servers = |node: &Node| state.table_of(node).unwrap().servers.len();
    assert_eq!(
        (
            servers(&Node::first_director()),
            servers(&Node::second_director())
        ),
        (1, 0)
    );
    assert_eq!(state.conflict(edit), Some(Conflict::NotInTable(&name("rs1"))));
    // One without fields is a map, too, and is written as authors write it.
    let flush: Action = serde_json::from_str(r#"{ "on": "director2", "flush-table": null }"#).unwrap();
    assert_eq!(serde_json::to_value(&flush).unwrap()["on"], "director2");
    let again = planned_moves(&written(&plan.alone()));
    assert_eq!(plan.steps, again.steps);
    let flushed = planned_moves(&text.replace("remove-real-server: { server: rs1 }", "flush-table: {}"));
    assert_eq!(flushed.steps[1].action, flush);
    assert_eq!(flushed.steps, planned_moves(&written(&flushed.alone())).steps);
    // Without a second director there is no such table; a host that is none has none.
    for (from, to, says) in [
        ("directors: 2, ", "", "the lab has no director `director2`"),
        ("on: director2", "on: rs1", "`rs1` is no director"),
        (
            "remove-real-server: { server: rs1 }",
            "wait: 1s",
            "`wait` with `on`",
        ),
    ] {
        let mistakes = load(&text.replace(from, to)).unwrap_err();
        let mut messages = mistakes.iter().map(|mistake| &mistake.message);
        assert!(
            messages.any(|message| message.contains(says)),
            "{says}: {mistakes:?}"
        );
    }
}

const MOVES: &str = "
name: moves
claim: An operator moves the VIP.
lab: { directors: 2, real-servers: { rs1: {} } }
before: [{ move-vip: { to: director2, gratuitous-arp: true } }]
change: [{ move-vip: { to: director } }]
act: [{ connect: {} }]
observe: { patience: 5s, until: 1m }
expect: [{ behaviour: answered }]
";

fn planned_moves(text: &str) -> LabPlan {
    let scenario = load(text).unwrap();
    plan(&scenario, &cells(&scenario)[0])
}

fn moved(to: &Node, gratuitous_arp: bool) -> Action {
    HostAction::MoveVip {
        to: to.clone(),
        gratuitous_arp,
    }
    .into()
}

#[test]
fn the_first_director_has_the_vip_and_both_have_the_table() {
    let plan = planned_moves(MOVES);
    let has_vip = |node: &Node| {
        let host = plan.host(node).unwrap();
        host.addresses().any(|address| address == plan.vip())
    };
    assert!(has_vip(&Node::first_director()) && !has_vip(&Node::second_director()));
    let table = |node: &Node| plan.host(node).unwrap().commands.clone();
    assert_eq!(table(&Node::first_director()), table(&Node::second_director()));
    assert!(!table(&Node::first_director()).is_empty());
}

#[test]
fn a_move_is_three_command_lines_and_two_without_a_word() {
    let plan = planned_moves(MOVES);
    let lines = |action: &Action| -> Vec<String> {
        let lines = plan.command_lines(action).into_iter();
        let line =
            |(node, argv): (Option<Node>, Vec<String>)| format!("{}: {}", node.unwrap(), argv.join(" "));
        lines.map(line).collect()
    };
    assert_eq!(
        lines(&moved(&Node::second_director(), true)),
        [
            "director: ip addr del 192.0.2.100/32 dev eth0",
            "director2: ip addr add 192.0.2.100/32 dev eth0",
            "director2: arping -U -c 1 -I eth0 192.0.2.100",
        ]
    );
    assert_eq!(
        lines(&moved(&Node::first_director(), false)),
        [
            "director2: ip addr del 192.0.2.100/32 dev eth0",
            "director: ip addr add 192.0.2.100/32 dev eth0",
        ]
    );
}

#[test]
fn whoever_has_the_vip_cannot_get_it() {
    let plan = planned_moves(MOVES);
    let (to, back) = (
        moved(&Node::second_director(), false),
        moved(&Node::first_director(), false),
    );
    let mut state = plan.state();
    assert!(state.vip_is_at_home());
    assert_eq!(
        state.conflict(&back),
        Some(Conflict::HasVip(&Node::first_director()))
    );
    state.apply(1, &to);
    assert!(!state.vip_is_at_home());
    assert_eq!(
        state.conflict(&to),
        Some(Conflict::HasVip(&Node::second_director()))
    );
    state.apply(2, &back);
    assert!(state.vip_is_at_home() && !state.lasts(1));
}

/// A host that nobody reaches cannot be told to give its address up.
#[test]
fn a_director_that_is_cut_off_keeps_the_vip() {
    let plan = planned_moves(MOVES);
    let cut: Action = HostAction::LinkDown {
        node: Node::first_director(),
    }
    .into();
    let (to, back) = (
        moved(&Node::second_director(), true),
        moved(&Node::first_director(), true),
    );
    let mut state = plan.state();
    state.apply(1, &cut);
    assert_eq!(state.conflict(&to), None);
    state.apply(2, &to);
    // Nobody reaches the first one to give it the VIP, and it has it still.
    assert_eq!(
        state.conflict(&back),
        Some(Conflict::LinkDown(&Node::first_director()))
    );
    let plug: Action = HostAction::LinkUp {
        node: Node::first_director(),
    }
    .into();
    state.apply(3, &plug);
    assert_eq!(
        state.conflict(&back),
        Some(Conflict::HasVip(&Node::first_director()))
    );
    assert!(!state.vip_is_at_home(), "both have it");
}

#[test]
fn a_cell_that_moves_the_vip_can_be_written_alone() {
    let plan = planned_moves(MOVES);
    let again = planned_moves(&written(&plan.alone()));
    assert_eq!(plan.hosts, again.hosts);
    assert_eq!(plan.steps, again.steps);
}
