//! A client of many addresses: what a scenario says of it, what its lab has, and how its connections are
//! counted.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use lvs_matrix_model::Name;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::matrix::cells;
use lvs_matrix_model::plan::{LabPlan, Phase, plan};
use lvs_matrix_model::scenario::{ClientAt, Expected, ExpectedSpread, Range, load, written};
use lvs_matrix_model::verdict::{Landed, Reached, Round, Spread};

const CLIENTS: &str = include_str!("fixtures/clients.yaml");

fn plans(text: &str) -> Vec<LabPlan> {
    let scenario = load(text).unwrap();
    cells(&scenario)
        .iter()
        .map(|cell| plan(&scenario, cell))
        .collect()
}

#[test]
fn the_client_has_so_many_addresses_after_its_own() {
    let all = plans(CLIENTS);
    let addresses = |plan: &LabPlan| -> Vec<String> {
        plan.client_addresses()
            .map(|address| address.to_string())
            .collect()
    };
    let sixty = addresses(&all[0]);
    assert_eq!(sixty.len(), 60);
    assert_eq!(
        (sixty[0].as_str(), sixty[1].as_str()),
        ("192.0.2.10", "192.0.2.111")
    );
    assert_eq!(sixty[59], "192.0.2.169");
    assert!(all[0].is_clients("192.0.2.169".parse().unwrap()));
    assert!(!all[0].is_clients("192.0.2.170".parse().unwrap()));
    assert_eq!(addresses(&all[1]).len(), 3);
    let ipv6 = plans(&CLIENTS.replace("server: tcp-echo", "server: tcp-echo, family: ipv6"));
    assert_eq!(
        addresses(&ipv6[1]),
        ["2001:db8:0:1::10", "2001:db8:0:1::111", "2001:db8:0:1::112"]
    );
    let one = plans(
        "{ name: one, claim: One., lab: { real-servers: { rs1: {} } }, act: [{ connect: {} }], \
         observe: { patience: 5s, until: 1m }, expect: [{ observe-only: true }] }",
    );
    assert_eq!(addresses(&one[0]), ["192.0.2.10"]);
}

/// A client behind a router is on a link of its own. What is for it goes by the router, also from real
/// servers that answer past the director.
#[test]
fn a_client_behind_a_router_is_on_a_link_of_its_own() {
    let lab = |more: &str| {
        let text = format!(
            "{{ name: one, claim: One., lab: {{ real-servers: {{ rs1: {{}} }}, {more} }}, \
             act: [{{ connect: {{}} }}], observe: {{ patience: 5s, until: 1m }}, \
             expect: [{{ observe-only: true }}] }}"
        );
        plans(&text).remove(0)
    };
    let routes = |plan: &LabPlan, node: &str| -> Vec<String> {
        let host = plan.host(&Node::from(Name::new(node).unwrap())).unwrap();
        let lines = host.ip.iter().filter(|line| line.contains("route add"));
        lines.cloned().collect()
    };
    let plan = lab("client-at: behind-router");
    assert_eq!(routes(&plan, "client"), ["route add default via 203.0.113.200"]);
    assert_eq!(routes(&plan, "director"), ["route add default via 192.0.2.200"]);
    assert_eq!(routes(&plan, "rs1"), ["route add default via 192.0.2.200"]);
    assert_eq!(routes(&plan, "router"), Vec::<String>::new());
    let known = |plan: &LabPlan| plan.client_known_as().unwrap().to_string();
    assert_eq!(
        (plan.client_at(), known(&plan).as_str()),
        (ClientAt::BehindRouter, "203.0.113.10")
    );
    assert_eq!(plan.first_hop().to_string(), "203.0.113.200");

    // What is masqueraded answers by the director, and the director by the router.
    let plan = lab("client-at: behind-source-nat, forwarding: masquerading");
    let own = [
        "route add default via 192.0.2.20 table 100",
        "route add default via 192.0.2.200",
    ];
    assert_eq!(routes(&plan, "rs1"), own);
    assert_eq!(
        (plan.client_at(), known(&plan).as_str()),
        (ClientAt::BehindSourceNat, "192.0.2.200")
    );
    let nat = &plan.router().unwrap().commands;
    let rule = "nft add rule inet source_nat postrouting oifname eth0 counter masquerade";
    assert_eq!(nat.last().unwrap().join(" "), rule);

    // A second link behind the director has no part in that.
    let plan = lab("client-at: behind-router, forwarding: masquerading, wiring: two-armed, family: ipv6");
    assert_eq!(routes(&plan, "rs1"), ["route add default via 2001:db8:0:2::20"]);
    assert_eq!(
        routes(&plan, "director"),
        ["route add default via 2001:db8:0:1::200"]
    );
    for plan in [
        plan,
        lab("client-at: behind-source-nat, vip: routed, firewall-mark: 1"),
    ] {
        let alone = plan.alone();
        let again = lvs_matrix_model::plan::plan(&alone, &cells(&alone)[0]);
        assert_eq!((again.segments, again.hosts), (plan.segments, plan.hosts));
    }
}

#[test]
fn what_is_said_of_clients_is_written_and_read_again() {
    let scenario = load(CLIENTS).unwrap();
    let Expected::Behaviour(expected) = &scenario.expectations[0].expected else {
        panic!("nothing is expected");
    };
    let name = |text: &str| Name::new(text).unwrap();
    let exactly = |number| Range {
        least: number,
        most: number,
    };
    let wanted = ExpectedSpread {
        moved: Some(Range { least: 0, most: 4 }),
        failed: Some(exactly(0)),
        served: vec![(name("rs1"), exactly(60)), (name("rs2"), exactly(0))],
    };
    assert_eq!(expected.clients, Some(wanted));
    let mut again = load(&written(&scenario)).unwrap();
    for (known, new) in scenario.expectations.iter().zip(&mut again.expectations) {
        new.position = known.position;
    }
    assert_eq!(again, scenario);
    for cell in plans(CLIENTS) {
        let alone = load(&written(&cell.alone())).unwrap();
        let of_it = plan(&alone, &cells(&alone)[0]);
        assert_eq!(of_it.hosts, cell.hosts);
        assert_eq!(of_it.expected, cell.expected);
    }
}

/// Clients with these fates, each with an address of its own.
fn round(phase: Phase, step: u32, reached: &[Reached]) -> Round {
    let clients = (1..).zip(reached).map(|(number, reached)| Landed {
        address: [192, 0, 2, number].into(),
        port: 1000 + u16::from(number),
        packet: Some(step * 10 + u32::from(number)),
        reached: reached.clone(),
    });
    Round {
        step,
        phase,
        clients: clients.collect(),
    }
}

#[test]
fn only_clients_whose_server_has_stayed_can_move() {
    let on = |text: &str| Reached::Server(Name::new(text).unwrap());
    let before = [
        on("rs1"),
        on("rs1"),
        on("rs2"),
        on("rs2"),
        on("rs3"),
        Reached::Error,
    ];
    let meanwhile = [on("rs2"), on("rs2"), on("rs2"), on("rs2"), on("rs2"), on("rs2")];
    let last = [
        on("rs1"),
        on("rs2"),
        Reached::Error,
        Reached::Silence,
        on("rs1"),
        on("rs1"),
    ];
    let spread = Spread {
        rounds: vec![
            round(Phase::Before, 1, &before),
            round(Phase::Change, 3, &meanwhile),
            round(Phase::Act, 5, &last),
        ],
        stayed: ["rs1", "rs2"].map(|text| Name::new(text).unwrap()).to_vec(),
    };
    assert_eq!(spread.before().unwrap().step, 1);
    assert_eq!(spread.of_stayed().count(), 4);
    assert_eq!(spread.moved(), 1);
    let last = spread.last().unwrap();
    assert_eq!(last.count(&on("rs1")), 3);
    assert_eq!(
        (last.count(&Reached::Error), last.count(&Reached::Silence)),
        (1, 1)
    );
    // With nothing before nobody has moved.
    let alone = Spread {
        rounds: vec![last.clone()],
        ..spread
    };
    assert_eq!((alone.before(), alone.moved()), (None, 0));
}
