//! keepalived: what a scenario says of it, the configuration that is made of it, and what steps can do to it.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, HostAction, Node, StopSignal};
use lvs_matrix_model::control::ControlPlane;
use lvs_matrix_model::keepalived::{HealthCheck, Keepalived};
use lvs_matrix_model::lab::{Conflict, State};
use lvs_matrix_model::matrix::cells;
use lvs_matrix_model::plan::{LabPlan, Process, Told, plan};
use lvs_matrix_model::scenario::{load, written};
use std::time::Duration;
use support::{name, plans};

const SAMPLE: &str = "
name: sample
claim: keepalived edits the table.
lab:
  forwarding: masquerading
  persistence: 5m
  scheduler: wrr
  real-servers: { rs1: {}, rs2: { weight: 7 }, sorry: { stands-by: true } }
  keepalived: { delay-loop: 6s, retry: 3 }
axes:
  check:
    tcp: {}
    query: { keepalived: { check: query, connect-timeout: 1500ms, sorry-server: sorry } }
    none: { keepalived: { check: none, delay-before-retry: 4s, inhibit-on-failure: true } }
change:
  - reload-keepalived: { without: rs2 }
  - stop-keepalived: { signal: KILL }
  - start-keepalived: {}
  - wait-until: { not-in-table: rs1, at-most: 10s }
act: [{ connect: {} }]
observe: { patience: 5s, until: 1m }
expect: [{ observe-only: true }]
";

#[test]
fn a_lab_and_its_values_each_say_a_part() {
    let plans = plans(SAMPLE);
    let said: Vec<&Keepalived> = plans.iter().filter_map(LabPlan::keepalived).collect();
    let common = Keepalived {
        delay_loop: Some(Duration::from_secs(6)),
        retry: Some(3),
        ..Keepalived::default()
    };
    let query = Keepalived {
        check: Some(HealthCheck::Query),
        connect_timeout: Some(Duration::from_millis(1500)),
        sorry_server: Some(name("sorry")),
        ..common.clone()
    };
    let none = Keepalived {
        check: Some(HealthCheck::None),
        delay_before_retry: Some(Duration::from_secs(4)),
        inhibit_on_failure: true,
        ..common.clone()
    };
    assert_eq!(said, [&common, &query, &none]);
    let bare = load(&SAMPLE.replace("  keepalived: { delay-loop: 6s, retry: 3 }\n", "")).unwrap_err();
    let says = |text: &str| bare.iter().any(|mistake| mistake.message.contains(text));
    assert!(says("the lab has no keepalived"), "{bare:?}");
}

#[test]
fn the_configuration_has_the_tunnels_of_the_lab() {
    for (tunnels, method) in [
        ("tunnel-type: ipip", "TUN"),
        ("tunnel-type: gre", "TUN type gre"),
        ("tunnel-type: gue", "TUN type gue port 6080"),
        ("tunnel-type: gue, tunnel-port: 6090", "TUN type gue port 6090"),
    ] {
        let lab = format!(
            "lab: {{ forwarding: tunneling, {tunnels}, keepalived: {{}}, real-servers: {{ rs1: {{}} }} }}"
        );
        let rest =
            "act: [{ connect: {} }]\nobserve: { patience: 5s, until: 1m }\nexpect: [{ observe-only: true }]";
        let scenario = load(&format!("name: sample\nclaim: A tunnel.\n{lab}\n{rest}\n")).unwrap();
        let plan = plan(&scenario, &cells(&scenario)[0]);
        let told = Told {
            without: None,
            config: None,
        };
        let config = plan.keepalived_config(&Node::first_director(), &told).unwrap();
        let line = config
            .lines()
            .find_map(|line| line.trim().strip_prefix("lvs_method "));
        assert_eq!(line, Some(method), "{tunnels}");
    }
}

#[test]
fn the_configuration_is_made_from_the_lab() {
    let plans = plans(SAMPLE);
    let config = |place: usize, without: Option<&Name>| {
        let told = Told {
            without: without.cloned(),
            config: None,
        };
        plans[place]
            .keepalived_config(&Node::first_director(), &told)
            .unwrap()
    };
    assert_eq!(
        config(0, None),
        "global_defs {
    router_id director
    script_user root
}

virtual_server 192.0.2.100 3306 {
    delay_loop 6
    lvs_sched wrr
    lvs_method NAT
    persistence_timeout 300
    protocol TCP
    real_server 192.0.2.31 3306 {
        weight 1
        TCP_CHECK {
            connect_timeout 5
            retry 3
            delay_before_retry 1
            warmup 0
        }
    }
    real_server 192.0.2.32 3306 {
        weight 7
        TCP_CHECK {
            connect_timeout 5
            retry 3
            delay_before_retry 1
            warmup 0
        }
    }
}
"
    );
    let query = config(1, Some(&name("rs2")));
    assert!(!query.contains("192.0.2.32"), "{query}");
    for line in [
        "    sorry_server 192.0.2.33 3306\n",
        "            misc_path \"{folder}/check mysql 192.0.2.31 3306 1500\"\n",
        "            misc_timeout 2.500\n",
    ] {
        assert!(query.contains(line), "{line} in {query}");
    }
    let none = config(2, None);
    assert!(
        none.contains("        inhibit_on_failure\n") && !none.contains("CHECK"),
        "{none}"
    );
}

#[test]
fn a_cell_by_itself_keeps_it() {
    for plan in plans(SAMPLE) {
        let alone = plan.alone();
        let again = load(&written(&alone)).unwrap();
        assert_eq!(again.lab.keepalived.as_ref(), plan.keepalived());
        let runs = |plan: &LabPlan| {
            let processes = plan.hosts.iter().flat_map(|host| host.runs.clone());
            processes
                .filter(|process| matches!(process, Process::Keepalived(_)))
                .count()
        };
        assert_eq!(runs(&plan), 1, "one keepalived");
    }
}

/// What keepalived makes of the table no step says.
#[test]
fn what_is_in_the_table_is_not_known() {
    let plans = plans(SAMPLE);
    assert_eq!(plans[0].state_with_table().table(), None);
    let mut without = plans[0].clone();
    for host in &mut without.hosts {
        host.runs
            .retain(|process| !matches!(process, Process::Keepalived(_)));
    }
    assert_eq!(without.state_with_table().table(), Some(&without.table()));
}

#[test]
fn a_control_plane_runs_or_is_stopped() {
    let servers = [name("rs1")];
    let bare = || State::new(servers.iter());
    let (signal, node, without, config) = (StopSignal::Term, None, None, None);
    let keepalived: [Action; 3] = [
        HostAction::StopKeepalived {
            signal,
            node: node.clone(),
        }
        .into(),
        HostAction::StartKeepalived { node: node.clone() }.into(),
        HostAction::ReloadKeepalived {
            without: without.clone(),
            config,
            node,
        }
        .into(),
    ];
    let ldirectord: [Action; 3] = [
        HostAction::StopLdirectord { signal, node: None }.into(),
        HostAction::StartLdirectord { node: None }.into(),
        HostAction::ReloadLdirectord { without, node: None }.into(),
    ];
    let planes = [
        (ControlPlane::Keepalived, keepalived, ControlPlane::Ldirectord),
        (ControlPlane::Ldirectord, ldirectord, ControlPlane::Keepalived),
    ];
    for (plane, [stop, start, reload], other) in planes {
        for state in [bare(), bare().with_control(Some(other))] {
            for action in [&stop, &start, &reload] {
                assert_eq!(state.conflict(action), Some(Conflict::NoControl(plane)));
            }
        }
        let mut state = bare().with_control(Some(plane));
        assert!(state.control_runs());
        assert_eq!(state.conflict(&start), Some(Conflict::ControlRuns(plane)));
        assert_eq!((state.conflict(&stop), state.conflict(&reload)), (None, None));
        state.apply(4, &stop);
        assert!(state.lasts(4) && !state.lasts(5) && !state.control_runs());
        for action in [&stop, &reload] {
            assert_eq!(state.conflict(action), Some(Conflict::ControlStopped(plane)));
        }
        assert_eq!(state.conflict(&start), None);
        state.apply(5, &start);
        assert!(!state.lasts(4) && state.control_runs());
    }
}
