//! What the language says: one scenario with every field and every action, and what becomes of each.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use lvs_matrix_model::Name;
use lvs_matrix_model::action::{
    Action, Chain, Counted, FirewallVerdict, HostAction, MysqldAction, Neighbours, NewConnections, Node,
    Percent, Statement, StopSignal, TableAction, Timed, TrafficAction, Until, WatchAction,
};
use lvs_matrix_model::client::{ClientChoice, Keepalive, Program, Settings};
use lvs_matrix_model::mysqld::MysqldSetup;
use lvs_matrix_model::probe::{Asks, Probe};
use lvs_matrix_model::scenario::{
    Axis, BehaviourName, ClientAt, Expectation, Expected, ExpectedBehaviour, ExpectedOutage, Family,
    Forwarding, HangEndName, Judged, Lab, Misbuild, Observe, OutageBounds, Phases, Position, RealServer,
    Scenario, Source, Style, TunnelType, Url, Value, Vip, Wiring, load, load_bytes, render, schema,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// What only a driver can be told to do: client_actions.rs.
const CONNECTIONS: &str = include_str!("fixtures/connections.yaml");

/// What only echo servers understand: servers.rs.
const ECHO: &str = include_str!("fixtures/echo.yaml");

/// What needs many addresses: clients.rs.
const CLIENTS: &str = include_str!("fixtures/clients.yaml");

/// Steps of keepalived.
const KEEPALIVED: &str = include_str!("fixtures/keepalived.yaml");
/// Steps of ldirectord: ldirectord.rs.
const LDIRECTORD: &str = "{ name: ldirectord, claim: It is told., lab: { ldirectord: {}, \
    real-servers: { rs1: {}, rs2: {} } }, change: [{ reload-ldirectord: { without: rs2 } }, \
    { stop-ldirectord: {} }, { start-ldirectord: {} }], act: [{ connect: {} }], \
    observe: { patience: 5s, until: 1m }, expect: [{ behaviour: answered }] }";
/// What needs two directors without keepalived: keepalived.rs.
const MOVES: &str = "{ name: moves, claim: It moves., lab: { directors: 2, real-servers: { rs1: {} } }, \
    change: [{ move-vip: { to: director2 } }], act: [{ connect: {} }], observe: { patience: 5s, until: 1m }, \
    expect: [{ behaviour: answered }] }";

/// What needs several services: services.rs.
const SERVICES: &str = "{ name: services, claim: It edits., lab: { server: tcp-echo, \
    services: { web: { port: 9008 } }, real-servers: { rs1: { services: [service, web] } } }, \
    change: [{ service: web, set-weight: { server: rs1, weight: 0 } }], act: [{ connect: {} }], \
    observe: { patience: 5s, until: 1m }, expect: [{ behaviour: answered }] }";

const EVERYTHING: &str = r#"
name: everything
claim: >-
  Every field has
  a meaning.
claim-zh: "每个字段\
  都有含义。"
source: { title: "An incident: IPVS and Kubernetes", url: "https://incidents.example/81775?a=1#b" }
lab:
  forwarding: masquerading
  tunnel-type: gre
  tunnel-port: 6090
  tunnel-family: ipv4
  wiring: one-armed
  vip: routed
  client-at: on-link
  persistence: 5m
  persistence-prefix: 24
  firewall-mark: 7
  scheduler-flags: [sh-port, sh-fallback]
  family: ipv4
  server-port: 3306
  server-mtu: 1400
  probes: { slow: { asks: pool, every: 1h, timeout: 2s } }
  scheduler: sh
  real-servers:
    rs2: { weight: 7, upper-threshold: 20, lower-threshold: 10 }
    rs1: { forwarding: tunneling, tunnel-type: gue, tunnel-port: 6091, tunnel-family: ipv4, port: 3306 }
    spare: { stands-by: true }
  misbuilt: { rs1: no-vip, director: no-forwarding }
  client: { program: { argv: [python3, driver.py] }, connect-timeout: 3s, keepalive: {} }
  mysqld: { innodb: true, name-resolve: true, sql: [create database shop] }
  director-sysctls: { net.ipv4.vs.expire_nodest_conn: 1, net.ipv4.ip_local_port_range: "1024 60999" }
  client-sysctls: { net.ipv4.tcp_retries2: 8 }
  server-sysctls: { net.ipv4.tcp_fin_timeout: 30 }
before:
  - connect: {}
  - start-query: { sql: select sleep(20), takes: 20s }
  - await-result: {}
change:
  - remove-real-server: { server: rs1 }
  - { after: 50ms, add-real-server: { server: rs1 } }
  - set-weight: { server: rs1, weight: 0 }
  - stop-mysqld: { server: rs1 }
  - start-mysqld: { server: rs1 }
  - stop-mysqld: { server: rs1, signal: KILL }
  - set-sysctl: { node: client, key: net.ipv4.tcp_sack, value: 0 }
  - set-sysctl: { node: director, key: net.ipv4.ip_forward, value: "0" }
  - set-sysctl: { node: rs2, key: net.ipv4.tcp_sack, value: 0 }
  - set-forwarding: { server: rs1, method: masquerading }
  - set-scheduler: { scheduler: sh }
  - wait-until: { no-connections-to: rs1, counted: active, at-most: 5m, may-fail: true }
  - wait-until: { no-entry: true, at-most: 16m }
  - wait-until: { in-table: rs2, at-most: 1s }
  - set-timeouts: { tcp: 60s, tcp-fin: 10s }
  - zero-counters: {}
  - add-service: { port: 80 }
  - save-table: {}
  - remove-service: {}
  - after: 0s
    add-service: {}
  - flush-table: {}
  - { after: 20ms, restore-table: {} }
  - remove-service: { port: 80 }
  - start-mysqld: { server: rs1 }
  - kill-sessions: { server: rs1 }
  - freeze-mysqld: { server: rs1 }
  - thaw-mysqld: { server: rs1 }
  - link-down: { node: director }
  - link-up: { node: director }
  - add-firewall-rule: { node: client, chain: output, verdict: tcp-reset }
  - add-stateful-firewall: { node: director, chain: forward, new: syn }
  - add-synproxy: { node: rs1 }
  - flush-conntrack: { node: director }
  - flush-firewall: { node: client }
  - set-netem: { node: rs2, delay: 200ms, loss: 12.5% }
  - set-netem: { node: rs2 }
  - set-mtu: { node: rs2, mtu: 1400 }
  - filter-icmp: { node: rs2 }
  - clamp-mss: { node: rs2, size: 1360 }
  - power-off: { server: rs1 }
  - power-off: { server: rs2, neighbours: dynamic }
  - power-on: { server: rs1 }
act:
  - wait: 1m 30s
  - query: { sql: "select 1" }
axes:
  more:
    0: {}
    rs3:
      forwarding: tunneling
      wired-for: [masquerading, tunneling]
      scheduler: lc
      scheduler-flags: []
      real-servers: { rs3: { weight: 65535 } }
      mysqld: { sql: [use shop] }
      client:
        program: { argv: [./driver] }
        connect-timeout: 4s
        read-timeout: 5s
        write-timeout: 1500ms
        keepalive: { time: 10s, interval: 2s, probes: 3 }
        tcp-user-timeout: 30s
      director-sysctls: { net.ipv4.vs.sloppy_tcp: 1 }
      client-sysctls: { net.ipv4.tcp_syn_retries: 2 }
      server-sysctls: { net.ipv4.tcp_ecn: 0 }
      before: [{ wait: 1s }]
      change:
        - remove-real-server: { server: rs3 }
        - { after: 1s, add-real-server: { server: rs3, weight: 2 } }
      act: [{ connect: {} }]
observe: { patience: 500ms, until: 6h, judge: worst }
expect:
  - when: { more: "0" }
    behaviour: hung
    ends: error
    error: 2013
    errno: 104
    at-least: 10m
    at-most: 17m
    served-by: [rs2, rs1]
    outage: { at-least: 1s, at-most: 7h, lost: 9, of: { slow: { lost: 8 } } }
  - when: { more: [rs3] }
    observe-only: true
"#;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn server(text: &str, weight: u16) -> RealServer {
    RealServer::new(name(text), weight)
}

fn sysctls(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn set(node: Node, key: &str, value: &str) -> Action {
    Action::Host(HostAction::SetSysctl {
        node,
        key: key.to_owned(),
        value: value.to_owned(),
    })
}

fn statement(sql: &str, takes: u64) -> Statement {
    Statement {
        sql: sql.to_owned(),
        takes: Duration::from_secs(takes),
        ..Statement::default()
    }
}

fn own(argv: &[&str]) -> Program {
    Program::Own {
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
    }
}

fn loaded(text: &str) -> Scenario {
    load(text).unwrap_or_else(|mistakes| panic!("{}", render(&mistakes, "here", text, Style::Plain)))
}

fn netem(delay: Duration, loss: Percent) -> Action {
    Action::Traffic(TrafficAction::SetNetem {
        node: Node::RealServer(name("rs2")),
        delay,
        loss,
    })
}

fn until(until: Until) -> Action {
    Action::Watch(WatchAction::WaitUntil(until))
}

fn common_steps() -> Phases {
    let rs1 = || name("rs1");
    let mut steps = Phases::of(
        vec![
            Action::connect(),
            Action::start_query(statement("select sleep(20)", 20)),
            Action::await_result(),
        ],
        vec![
            Action::from(TableAction::RemoveRealServer { server: rs1() }),
            Action::from(TableAction::AddRealServer {
                server: rs1(),
                weight: 1,
            }),
            Action::from(TableAction::SetWeight {
                server: rs1(),
                weight: 0,
            }),
            Action::Mysqld(MysqldAction::StopMysqld {
                server: rs1(),
                signal: StopSignal::Term,
            }),
            Action::Mysqld(MysqldAction::StartMysqld { server: rs1() }),
            Action::Mysqld(MysqldAction::StopMysqld {
                server: rs1(),
                signal: StopSignal::Kill,
            }),
            set(Node::Client, "net.ipv4.tcp_sack", "0"),
            set(Node::first_director(), "net.ipv4.ip_forward", "0"),
            set(Node::RealServer(name("rs2")), "net.ipv4.tcp_sack", "0"),
            Action::from(TableAction::SetForwarding {
                server: rs1(),
                method: Forwarding::Masquerading,
                weight: 1,
            }),
            Action::from(TableAction::SetScheduler {
                scheduler: "sh".to_owned(),
            }),
            until(Until {
                no_connections_to: Some(rs1()),
                counted: Counted::Active,
                at_most: Duration::from_secs(300),
                may_fail: true,
                ..Until::default()
            }),
            until(Until {
                no_entry: true,
                at_most: Duration::from_secs(960),
                ..Until::default()
            }),
            until(Until {
                in_table: Some(name("rs2")),
                at_most: Duration::from_secs(1),
                ..Until::default()
            }),
            Action::from(TableAction::SetTimeouts {
                tcp: Duration::from_secs(60),
                tcp_fin: Some(Duration::from_secs(10)),
                udp: None,
            }),
            Action::from(TableAction::ZeroCounters),
            Action::from(TableAction::AddService { port: Some(80) }),
            Action::from(TableAction::SaveTable),
            Action::from(TableAction::RemoveService { port: None }),
            Action::from(TableAction::AddService { port: None }),
            Action::from(TableAction::FlushTable),
            Action::from(TableAction::RestoreTable),
            Action::from(TableAction::RemoveService { port: Some(80) }),
            Action::Mysqld(MysqldAction::StartMysqld { server: rs1() }),
            Action::Mysqld(MysqldAction::KillSessions { server: rs1() }),
            Action::Mysqld(MysqldAction::FreezeMysqld { server: rs1() }),
            Action::Mysqld(MysqldAction::ThawMysqld { server: rs1() }),
            Action::Host(HostAction::LinkDown {
                node: Node::first_director(),
            }),
            Action::Host(HostAction::LinkUp {
                node: Node::first_director(),
            }),
            Action::Traffic(TrafficAction::AddFirewallRule {
                node: Node::Client,
                chain: Chain::Output,
                verdict: FirewallVerdict::TcpReset,
                matches: None,
            }),
            Action::Traffic(TrafficAction::AddStatefulFirewall {
                node: Node::first_director(),
                chain: Chain::Forward,
                new: NewConnections::Syn,
            }),
            Action::Traffic(TrafficAction::AddSynproxy {
                node: Node::RealServer(name("rs1")),
            }),
            Action::Traffic(TrafficAction::FlushConntrack {
                node: Node::first_director(),
            }),
            Action::Traffic(TrafficAction::FlushFirewall { node: Node::Client }),
            netem(Duration::from_millis(200), Percent(1250)),
            netem(Duration::ZERO, Percent(0)),
            Action::Traffic(TrafficAction::SetMtu {
                node: Node::RealServer(name("rs2")),
                mtu: 1400,
            }),
            Action::Traffic(TrafficAction::FilterIcmp {
                node: Node::RealServer(name("rs2")),
            }),
            Action::Traffic(TrafficAction::ClampMss {
                node: Node::RealServer(name("rs2")),
                size: 1360,
            }),
            Action::Host(HostAction::PowerOff {
                server: rs1().into(),
                neighbours: Neighbours::Permanent,
            }),
            Action::Host(HostAction::PowerOff {
                server: name("rs2").into(),
                neighbours: Neighbours::Dynamic,
            }),
            Action::Host(HostAction::PowerOn { server: rs1().into() }),
        ],
        vec![
            Action::wait(Duration::from_secs(90)),
            Action::query(statement("select 1", 0)),
        ],
    );
    for (key, gap) in [("add-real-server", 50), ("add-service", 0), ("restore-table", 20)] {
        let step = steps.change.iter_mut().rfind(|timed| timed.action.key() == key);
        step.unwrap().after = Some(Duration::from_millis(gap));
    }
    steps
}

#[test]
fn every_field_has_its_effect() {
    let with_rs3 = Value {
        name: name("rs3"),
        lab: Lab {
            forwarding: Some(Forwarding::Tunneling),
            wired_for: Some(vec![Forwarding::Masquerading, Forwarding::Tunneling]),
            scheduler: Some("lc".to_owned()),
            scheduler_flags: Some(Vec::new()),
            mysqld: MysqldSetup {
                innodb: false,
                name_resolve: false,
                sql: vec!["use shop".to_owned()],
            },
            real_servers: vec![server("rs3", 65535)],
            client: ClientChoice {
                program: Some(own(&["./driver"])),
                settings: Settings {
                    connect_timeout: Some(Duration::from_secs(4)),
                    read_timeout: Some(Duration::from_secs(5)),
                    write_timeout: Some(Duration::from_millis(1500)),
                    keepalive: Some(Keepalive {
                        time: Duration::from_secs(10),
                        interval: Duration::from_secs(2),
                        probes: 3,
                    }),
                    tcp_user_timeout: Some(Duration::from_secs(30)),
                },
            },
            director_sysctls: sysctls(&[("net.ipv4.vs.sloppy_tcp", "1")]),
            client_sysctls: sysctls(&[("net.ipv4.tcp_syn_retries", "2")]),
            server_sysctls: sysctls(&[("net.ipv4.tcp_ecn", "0")]),
            ..Lab::default()
        },
        steps: Phases::of(
            vec![Timed::from(Action::wait(Duration::from_secs(1)))],
            vec![
                TableAction::RemoveRealServer { server: name("rs3") }.into(),
                Timed {
                    after: Some(Duration::from_secs(1)),
                    action: Action::from(TableAction::AddRealServer {
                        server: name("rs3"),
                        weight: 2,
                    }),
                },
            ],
            vec![Action::connect().into()],
        ),
    };
    let without = Value {
        name: name("0"),
        lab: Lab::default(),
        steps: Phases::default(),
    };
    let position_of = |text: &str| {
        let before = &EVERYTHING[..EVERYTHING.find(text).unwrap()];
        // After `  - `.
        let line = before.matches('\n').count() + 1;
        Position { line, column: 5 }
    };
    let expected = Scenario {
        name: name("everything"),
        claim: "Every field has a meaning.".to_owned(),
        claim_zh: Some("每个字段都有含义。".to_owned()),
        source: Some(Source {
            title: "An incident: IPVS and Kubernetes".to_owned(),
            url: Url::new("https://incidents.example/81775?a=1#b").unwrap(),
        }),
        lab: Lab {
            forwarding: Some(Forwarding::Masquerading),
            tunnel_type: Some(TunnelType::Gre),
            tunnel_port: Some(6090),
            tunnel_family: Some(Family::Ipv4),
            wired_for: None,
            wiring: Some(Wiring::OneArmed),
            vip: Some(Vip::Routed),
            client_at: Some(ClientAt::OnLink),
            persistence: Some(Duration::from_secs(300)),
            persistence_prefix: Some(24),
            firewall_mark: Some(7),
            scheduler_flags: Some(vec!["sh-port".to_owned(), "sh-fallback".to_owned()]),
            family: Some(Family::Ipv4),
            server: None,
            server_program: None,
            server_port: Some(3306),
            server_mtu: Some(1400),
            keepalived: None,
            ldirectord: None,
            directors: None,
            clients: None,
            probes: vec![Probe {
                name: name("slow"),
                asks: Asks::Pool,
                every: Duration::from_secs(3600),
                timeout: Duration::from_secs(2),
            }],
            one_packet: false,
            scheduler: Some("sh".to_owned()),
            services: Vec::new(),
            real_servers: vec![
                RealServer {
                    upper_threshold: Some(20),
                    lower_threshold: Some(10),
                    ..server("rs2", 7)
                },
                RealServer {
                    forwarding: Some(Forwarding::Tunneling),
                    tunnel_type: Some(TunnelType::Gue),
                    tunnel_port: Some(6091),
                    tunnel_family: Some(Family::Ipv4),
                    port: Some(3306),
                    ..server("rs1", 1)
                },
                RealServer {
                    stands_by: true,
                    ..server("spare", 1)
                },
            ],
            misbuilt: vec![
                (name("rs1"), Misbuild::NoVip),
                (name("director"), Misbuild::NoForwarding),
            ],
            client: ClientChoice {
                program: Some(own(&["python3", "driver.py"])),
                settings: Settings {
                    connect_timeout: Some(Duration::from_secs(3)),
                    keepalive: Some(Keepalive::default()),
                    ..Settings::default()
                },
            },
            mysqld: MysqldSetup {
                innodb: true,
                name_resolve: true,
                sql: vec!["create database shop".to_owned()],
            },
            director_sysctls: sysctls(&[
                ("net.ipv4.vs.expire_nodest_conn", "1"),
                ("net.ipv4.ip_local_port_range", "1024 60999"),
            ]),
            client_sysctls: sysctls(&[("net.ipv4.tcp_retries2", "8")]),
            server_sysctls: sysctls(&[("net.ipv4.tcp_fin_timeout", "30")]),
        },
        axes: vec![Axis {
            name: name("more"),
            values: vec![without, with_rs3],
        }],
        steps: common_steps(),
        observe: Observe {
            patience: Duration::from_millis(500),
            until: Duration::from_secs(6 * 3600),
            judge: Judged::Worst,
        },
        expectations: vec![
            Expectation {
                kernels: Vec::new(),
                when: vec![(name("more"), vec![name("0")])],
                expected: Expected::Behaviour(ExpectedBehaviour {
                    behaviour: BehaviourName::Hung,
                    error: Some(2013),
                    errno: Some(104),
                    ends: Some(HangEndName::Error),
                    at_least: Some(Duration::from_secs(600)),
                    at_most: Some(Duration::from_secs(1020)),
                    served_by: vec![name("rs2"), name("rs1")],
                    clients: None,
                    outage: Some(ExpectedOutage {
                        each: OutageBounds {
                            at_least: Some(Duration::from_secs(1)),
                            at_most: Some(Duration::from_secs(7 * 3600)),
                            lost: Some(9),
                        },
                        of: vec![(
                            name("slow"),
                            OutageBounds {
                                lost: Some(8),
                                ..OutageBounds::default()
                            },
                        )],
                    }),
                }),
                position: position_of("when: { more: \"0\" }"),
            },
            Expectation {
                kernels: Vec::new(),
                when: vec![(name("more"), vec![name("rs3")])],
                expected: Expected::ObserveOnly,
                position: position_of("when: { more: [rs3] }"),
            },
        ],
        fails_without_change: false,
        explore: None,
        warnings: Vec::new(),
    };
    assert_eq!(loaded(EVERYTHING), expected);
}

#[test]
fn actions_are_called_what_reports_call_them() {
    let all = [
        EVERYTHING,
        CONNECTIONS,
        ECHO,
        CLIENTS,
        KEEPALIVED,
        LDIRECTORD,
        MOVES,
        SERVICES,
    ];
    let steps = all.map(|text| loaded(text).steps);
    let phases = steps
        .iter()
        .flat_map(|steps| [&steps.before, &steps.change, &steps.act]);
    let used: Vec<_> = phases.flatten().collect();
    let used: BTreeSet<_> = used
        .iter()
        .map(|timed| timed.action.key())
        .chain(used.iter().filter_map(|timed| timed.after.map(|_| "after")))
        .chain(
            used.iter()
                .filter_map(|timed| matches!(timed.action, Action::Other(_)).then_some("service")),
        )
        // For labs of two directors: keepalived.rs.
        .chain(["on"])
        .collect();
    let schema = schema();
    let known: BTreeSet<_> = schema["$defs"]["Step"]["properties"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(used, known);
}

#[test]
fn what_is_left_out_has_its_default() {
    let scenario = loaded(
        "name: small\nclaim: It is small.\nlab: { real-servers: { rs1: {} } }\nact: [{ connect: {} }]\n\
         observe: { patience: 5s, until: 1m }\nexpect: [{ behaviour: answered }]\n",
    );
    assert_eq!(scenario.lab.forwarding, None);
    assert_eq!(scenario.lab.scheduler, None);
    assert_eq!(scenario.lab.real_servers, [server("rs1", 1)]);
    assert_eq!(scenario.axes, []);
    assert_eq!(lvs_matrix_model::matrix::cells(&scenario).len(), 1);
}

#[test]
fn a_byte_order_mark_and_line_ends_of_windows_change_nothing() {
    let windows = format!("\u{feff}{}", EVERYTHING.trim_start().replace('\n', "\r\n"));
    assert_eq!(
        load_bytes(windows.as_bytes()).unwrap(),
        loaded(EVERYTHING.trim_start())
    );
}

#[test]
fn the_example_for_authors_is_a_scenario() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scenarios.md");
    let text = std::fs::read_to_string(path).unwrap();
    let example = text
        .split("```yaml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    assert_eq!(loaded(example).name.as_str(), "other-server");
}

/// Records keep actions; what is written is what is read, whatever group an action is in.
#[test]
fn actions_are_written_with_their_keys_and_read_again() {
    let steps = loaded(EVERYTHING).steps;
    for timed in [steps.before, steps.change, steps.act].into_iter().flatten() {
        let action = timed.action;
        let written = serde_json::to_value(&action).unwrap();
        let key = written
            .as_str()
            .or_else(|| written.as_object()?.keys().next().map(String::as_str));
        assert_eq!(key, Some(action.key()), "{written}");
        assert_eq!(
            serde_json::from_value::<Action>(written.clone()).unwrap(),
            action,
            "{written}"
        );
    }
}
