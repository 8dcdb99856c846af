//! The author's own keepalived.conf: read from a file, held against the lab, and given the lab's addresses.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

#[path = "keepalived_config/vmac.rs"]
mod vmac;

use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, HostAction, Node};
use lvs_matrix_model::base::DEFAULT_LINE;
use lvs_matrix_model::keepalived::HealthCheck;
use lvs_matrix_model::matrix::cells;
use lvs_matrix_model::plan::{LabPlan, Told, plan};
use lvs_matrix_model::scenario::{Mistake, Scenario, load, load_with, written};
use std::time::Duration;

const SCENARIO: &str = "
name: own
claim: A configuration of one's own.
lab:
  directors: 2
  scheduler: wrr
  real-servers: { rs1: { weight: 3 }, rs2: {}, rs3: { stands-by: true } }
  keepalived:
    config: lb/keepalived.conf
    names: { 10.1.2.3: vip, 10.1.2.11: rs1, 10.1.2.12: rs2, 10.1.2.13: rs3, bond0: eth0 }
change: [{ reload-keepalived: { config: lb/later.conf, node: director2 } }]
act: [{ connect: {} }]
observe: { patience: 5s, until: 1m }
expect: [{ observe-only: true }]
";

const CONF: &str = "! as it is on lb1 and lb2
global_defs {
    lvs_sync_daemon bond0 VI_1
}
vrrp_instance VI_1 {
    interface bond0
    virtual_router_id 51
    @director priority 150
    @director2 priority 100
    advert_int 2
    virtual_ipaddress {
        10.1.2.3/24 dev bond0
    }
}
virtual_server 10.1.2.3 3306 {
    delay_loop 7
    lb_algo wrr
    lb_kind DR
    protocol TCP
    sorry_server 10.1.2.13 3306
    real_server 10.1.2.11 3306 {
        weight 3
        TCP_CHECK {
            connect_timeout 2
            retry 4
        }
    }
    real_server 10.1.2.12 3306 {
        alpha
        TCP_CHECK {
        }
    }
}
";

fn loaded(scenario: &str, conf: &str) -> Result<Scenario, Vec<Mistake>> {
    let mut files = |name: &str| match name {
        "lb/keepalived.conf" => Ok(conf.to_owned()),
        "lb/later.conf" => Ok(CONF.replace("weight 3", "weight 9").replace("    alpha\n", "")),
        other => Err(format!("{other}: no such file")),
    };
    load_with(scenario.as_bytes(), &[DEFAULT_LINE], &mut files)
}

fn planned() -> LabPlan {
    let scenario = loaded(SCENARIO, CONF).unwrap();
    plan(&scenario, &cells(&scenario)[0])
}

#[test]
fn the_file_is_what_keepalived_gets_with_the_labs_addresses() {
    let plan = planned();
    let of = |node: &Node| plan.keepalived_config(node, &Told::default()).unwrap();
    let first = of(&Node::first_director());
    for line in [
        "    lvs_sync_daemon eth0 VI_1\n",
        "        192.0.2.100/24 dev eth0\n",
        "virtual_server 192.0.2.100 3306 {\n    delay_loop 7\n",
        "    sorry_server 192.0.2.33 3306\n",
        "    real_server 192.0.2.31 3306 {\n        weight 3\n",
        // The lines of one director alone are left to its keepalived.
        "    @director2 priority 100\n",
        // What the lab adds.
        "    }\n    warmup 0\n}\n",
        "global_defs {\n    router_id director\n}\n",
        "global_defs {\n    script_user root\n}\n",
    ] {
        assert!(first.contains(line), "{line}in\n{first}");
    }
    assert!(!first.contains("10.1.2"), "{first}");
    // Before what the lab adds each line has its number.
    let numbered = |text: &str| text.lines().position(|line| line.contains("lb_kind DR"));
    assert_eq!(numbered(&first), numbered(CONF));
    assert!(of(&Node::second_director()).contains("router_id director2"));
    let own = CONF
        .replace(
            "global_defs {",
            "global_defs {\n    router_id LVS\n    script_user nobody",
        )
        .replace("delay_loop 7", "warmup 3");
    let scenario = loaded(SCENARIO, &own).unwrap();
    let all = plan_of(&scenario)
        .keepalived_config(&Node::first_director(), &Told::default())
        .unwrap();
    assert!(
        !all.contains("warmup 0") && !all.contains("router_id director"),
        "{all}"
    );
    assert!(!all.contains("script_user root"), "{all}");
}

fn plan_of(scenario: &Scenario) -> LabPlan {
    plan(scenario, &cells(scenario)[0])
}

#[test]
fn what_it_says_is_known() {
    let plan = planned();
    let said = plan.keepalived().unwrap();
    assert_eq!(said.check(), HealthCheck::Tcp);
    assert_eq!(said.delay_loop(), Duration::from_secs(7));
    assert_eq!(
        (said.retry(), said.connect_timeout()),
        (4, Duration::from_secs(2))
    );
    assert_eq!(said.advert_int(), Duration::from_secs(2));
    assert_eq!(said.sorry_server, Name::new("rs3").ok());
    assert!(said.sync && !said.nopreempt && !said.inhibit_on_failure);
    let listed = |told: &Told| {
        let servers = plan.configured(&Node::first_director(), told).into_iter();
        let servers = servers.map(|server| (server.name.to_string(), server.weight, server.alpha));
        servers.collect::<Vec<_>>()
    };
    let named = |name: &str, weight, alpha| (name.to_owned(), weight, alpha);
    assert_eq!(
        listed(&Told::default()),
        [named("rs1", 3, false), named("rs2", 1, true)]
    );
    let Action::Host(HostAction::ReloadKeepalived { config, node, .. }) = &plan.steps[0].action else {
        panic!("{:?}", plan.steps)
    };
    assert_eq!(*node, Some(Node::second_director()));
    let text = plan.steps[0].action.to_string();
    assert_eq!(text, "reload keepalived on director2 with lb/later.conf (SIGHUP)");
    let later = Told {
        without: None,
        config: config.clone(),
    };
    assert_eq!(listed(&later), [named("rs1", 9, false), named("rs2", 1, false)]);
}

/// The text of the file goes with the cell, which needs no file any more.
#[test]
fn a_cell_by_itself_has_the_text_in_it() {
    let plan = planned();
    let again = load(&written(&plan.alone())).unwrap();
    let again = plan_of(&again);
    assert_eq!((&again.hosts, &again.steps), (&plan.hosts, &plan.steps));
    assert_eq!(
        again.keepalived().unwrap().config.as_ref().unwrap().file(),
        Some("lb/keepalived.conf")
    );
}

#[test]
fn what_the_lab_does_not_have_is_a_mistake_with_its_line() {
    for case in [
        (
            "10.1.2.11 3306",
            "10.1.2.14 3306",
            "lb/keepalived.conf:21: the lab has no 10.1.2.14",
            "own network",
        ),
        (
            "interface bond0",
            "interface eth7",
            "lb/keepalived.conf:6: the director has no interface `eth7`",
            "eth0",
        ),
        (
            "10.1.2.11 3306",
            "{rs7} 3306",
            "lb/keepalived.conf:21: the lab has no `rs7`",
            "vip, check, client",
        ),
        (
            "lb_algo wrr",
            "lb_algo rr",
            "lb/keepalived.conf:17: `lvs_sched rr`",
            "the lab has `wrr`",
        ),
        (
            "    lb_algo wrr\n",
            "",
            "lb/keepalived.conf:15: no `lvs_sched`",
            "the lab has `wrr`",
        ),
        (
            "lb_kind DR",
            "lb_kind NAT",
            "lb/keepalived.conf:18: `lvs_method NAT`",
            "the lab has `DR`",
        ),
        (
            "weight 3",
            "weight 4",
            "lb/keepalived.conf:21: rs1 with weight 4",
            "weight: 3",
        ),
        (
            "10.1.2.12 3306",
            "10.1.2.12 3307",
            "lb/keepalived.conf:28: rs2 with port 3307",
            "3306",
        ),
        (
            "10.1.2.12 3306",
            "10.1.2.13 3306",
            "lb/keepalived.conf:28: rs3 in the table",
            "it stands by",
        ),
        (
            "10.1.2.12 3306",
            "10.1.2.13 3306",
            "lb/keepalived.conf:15: no `real_server` for rs2",
            "the lab has it",
        ),
        (
            "10.1.2.12 3306",
            "10.1.2.11 3306",
            "lb/keepalived.conf:21: rs1 twice",
            "once",
        ),
        (
            "10.1.2.12 3306",
            "10.1.2.3 3306",
            "lb/keepalived.conf:28: `vip` is no real server",
            "of the lab",
        ),
        (
            "10.1.2.3 3306",
            "10.1.2.3 3307",
            "no `virtual_server` of the VIP with port 3306",
            "of the lab",
        ),
        (
            "10.1.2.3/24",
            "224.0.0.5/24",
            "no `vrrp_instance` that moves the VIP, for director",
            "one of the",
        ),
        (
            "delay_loop 7",
            "persistence_timeout 9",
            "another `persistence_timeout`",
            "no persistence",
        ),
        (
            "delay_loop 7",
            "include x.conf",
            "lb/keepalived.conf:16: `include`",
            "put the text",
        ),
        (
            "delay_loop 7",
            "includer x.conf",
            "lb/keepalived.conf:16: `includer`",
            "put the text",
        ),
        (
            "    lb_algo wrr\n",
            "    lb_algo wrr\n    lvs_sched rr\n",
            "lb/keepalived.conf:18: `lvs_sched` said twice",
            "the last",
        ),
        (
            "weight 3\n",
            "weight 3\n        weight 5\n",
            "lb/keepalived.conf:23: `weight` said twice",
            "the last",
        ),
        (
            "weight 3",
            "weight 65536",
            "lb/keepalived.conf:22: `weight 65536` is no weight",
            "0 to 65535",
        ),
        (
            "delay_loop 7",
            "weight -1",
            "lb/keepalived.conf:16: `weight -1` is no weight",
            "0 to 65535",
        ),
        (
            "weight 3",
            "weight 3\n lb_kind NAT",
            "lb/keepalived.conf:23: `lb_kind` of a real server",
            "of the `virtual_server`",
        ),
        (
            "weight 3",
            "weight 3\n uthreshold 9",
            "lb/keepalived.conf:23: `uthreshold`",
            "no thresholds",
        ),
        (
            "delay_loop 7",
            "persistence_granularity 255.255.255.0",
            "lb/keepalived.conf:16: `persistence_granularity`",
            "single clients",
        ),
        (
            "advert_int 2",
            "track_interface {\n eth7 weight 3\n }",
            "lb/keepalived.conf:11: the director has no interface `eth7`",
            "eth0",
        ),
        (
            "virtual_server 10.1.2.3 3306 {",
            "virtual_server {vip} 3306 { }\nvirtual_server 10.1.2.3 3306 {",
            "lb/keepalived.conf:16: another `virtual_server` of the VIP with port 3306",
            "one virtual service",
        ),
        (
            "        10.1.2.3/24",
            "        10.1.2.11-12\n        10.1.2.3/24",
            "lb/keepalived.conf:12: the lab has no range of addresses `10.1.2.11-12`",
            "each address",
        ),
        (
            "delay_loop 7",
            "quorum_up \"nc 10.1.2.14:3306\"",
            "lb/keepalived.conf:16: the lab has no 10.1.2.14",
            "own network",
        ),
        (
            "advert_int 2",
            "advert_int 2\n}",
            "lb/keepalived.conf:15: a `}` that closes nothing",
            "the form",
        ),
        (
            "virtual_server 10",
            "virtual_server fwmark 10",
            "a service of a firewall mark",
            "of an address",
        ),
    ] {
        refused(case);
    }
}

/// With `to` in place of `from` the configuration is refused: what the mistake says, and its label.
fn refused((from, to, says, label): (&str, &str, &str, &str)) {
    let conf = CONF.replacen(from, to, 1);
    assert_ne!(conf, CONF, "{from}");
    let mistakes = loaded(SCENARIO, &conf).err().unwrap_or_default();
    let found = mistakes.iter().find(|one| one.message.contains(says));
    let labelled = found.is_some_and(|found| found.label.contains(label));
    assert!(labelled, "{says} with {label}: {mistakes:#?}");
}

/// Of one director keepalived is started with `--check` alone.
#[test]
fn an_instance_of_vrrp_needs_two_directors() {
    let one = SCENARIO
        .replace("  directors: 2\n", "")
        .replace(", node: director2", "");
    let mistakes = loaded(&one, CONF).unwrap_err();
    let says = "lb/keepalived.conf:5: a `vrrp_instance` with one director";
    let found = mistakes.iter().find(|one| one.message == says);
    let help = found.and_then(|found| found.help.as_deref());
    assert_eq!(help, Some("say `directors: 2`, or leave it out"), "{mistakes:#?}");
}

#[test]
fn a_warmup_of_one_check_leaves_that_of_the_others_to_the_lab() {
    let own = CONF.replacen("retry 4", "retry 4\n            warmup 9", 1);
    let config = |conf: &str| {
        let plan = plan_of(&loaded(SCENARIO, conf).unwrap());
        plan.keepalived_config(&Node::first_director(), &Told::default())
            .unwrap()
    };
    assert!(config(&own).contains("    }\n    warmup 0\n}\n"));
    let other = CONF.replacen("delay_loop 7", "@director2 warmup 3", 1);
    assert!(config(&other).contains("    }\n    warmup 0\n}\n"));
}

#[test]
fn what_is_quoted_and_what_has_a_port_is_replaced_too() {
    let said = "quorum_up \"/bin/echo } 10.1.2.11:3306\"\n    quorum_down \"/bin/echo {\"";
    let own = CONF.replacen("delay_loop 7", said, 1);
    let plan = plan_of(&loaded(SCENARIO, &own).unwrap());
    let text = plan
        .keepalived_config(&Node::first_director(), &Told::default())
        .unwrap();
    assert!(
        text.contains("quorum_up \"/bin/echo } 192.0.2.31:3306\"\n    quorum_down \"/bin/echo {\"\n"),
        "{text}"
    );
}

/// In `explore` a list stands for alternatives: each name is read as a file, and each file is checked.
#[test]
fn the_files_of_searched_actions_are_read() {
    let searched = |action: &str| {
        let explore = "explore:\n  actions: [{ACTION}, { connect: {} }]\n  never: { hung: true }\n";
        let text = SCENARIO.replace(
            "expect: [{ observe-only: true }]",
            "expect: [{ behaviour: answered }]",
        );
        loaded(&format!("{text}{}", explore.replace("{ACTION}", action)), CONF)
    };
    for action in [
        "{ reload-keepalived: { config: [lb/keepalived.conf, lb/later.conf] } }",
        "{ reload-keepalived: [{ config: lb/keepalived.conf }, { config: lb/later.conf }] }",
    ] {
        let scenario = searched(action).unwrap();
        let actions = &scenario.explore.as_ref().unwrap().actions[0];
        let files: Vec<_> = actions
            .iter()
            .map(|step| {
                let Action::Host(HostAction::ReloadKeepalived { config, .. }) = &step.action else {
                    panic!("{step:?}")
                };
                config.as_ref().unwrap().file()
            })
            .collect();
        assert_eq!(files, [Some("lb/keepalived.conf"), Some("lb/later.conf")]);
    }
    for (action, says) in [
        (
            "{ reload-keepalived: { config: [lb/later.conf, lb/none.conf] } }",
            "the configuration `lb/none.conf` cannot be read",
        ),
        (
            "{ reload-keepalived: { config: [lb/later.conf, \"a {\\n b\"] } }",
            "line 1 of the configuration: a `{` that is never closed",
        ),
    ] {
        let mistakes = searched(action).unwrap_err();
        let found = mistakes.iter().any(|one| one.message == says);
        assert!(found, "{says}: {mistakes:#?}");
    }
}

/// What one cell has and another has not may be named in both.
#[test]
fn names_are_of_what_some_cell_has() {
    let of_two = SCENARIO.replace("bond0: eth0", "bond0: eth0, 10.1.2.2: director2");
    loaded(&of_two, CONF).unwrap();
    let own = "    config: lb/keepalived.conf\n";
    let varied = of_two.replace("  directors: 2\n", "").replace(own, "").replace(
        "change: [{ reload-keepalived: { config: lb/later.conf, node: director2 } }]",
        "change: []\naxes: { n: { one: {}, two: { directors: 2 } } }",
    );
    loaded(&varied, CONF).unwrap();
    let none = varied.replace("two: { directors: 2 }", "two: {}");
    assert_ne!(none, varied);
    let mistakes = loaded(&none, CONF).unwrap_err();
    let found = mistakes
        .iter()
        .any(|one| one.message == "the lab has no `director2`");
    assert!(found, "{mistakes:#?}");
}

#[test]
fn a_configuration_says_what_the_lab_would_say() {
    for (from, to, says) in [
        ("names:", "retry: 2\n    names:", "`retry` beside `config`"),
        ("names:", "sync: true\n    names:", "settings beside `config`"),
        (
            "config: lb/later.conf",
            "without: rs1",
            "`without` with a configuration of your own",
        ),
        (
            "config: lb/later.conf",
            "config: lb/later.conf, without: rs1",
            "`without` and `config` in one reload",
        ),
        (
            "lb/later.conf",
            "../later.conf",
            "the configuration `../later.conf` cannot be read",
        ),
        (
            "lb/later.conf",
            "lb/none.conf",
            "the configuration `lb/none.conf` cannot be read",
        ),
        (
            "bond0: eth0",
            "\"bond 0\": eth0",
            "`bond 0` is neither an address nor an interface",
        ),
        (
            "bond0: eth0",
            "bond0: eth0, 10.7.7.7: nobody",
            "the lab has no `nobody`",
        ),
        (
            "bond0: eth0",
            "bond0: eth0, eth7: wlan0",
            "the lab has no `wlan0`",
        ),
    ] {
        let text = SCENARIO.replacen(from, to, 1);
        assert_ne!(text, SCENARIO, "{from}");
        let mistakes = loaded(&text, CONF).unwrap_err();
        let found = mistakes.iter().any(|one| one.message.contains(says));
        assert!(found, "{says}: {mistakes:#?}");
    }
    let alone = load(SCENARIO).unwrap_err();
    assert!(
        alone.iter().all(|one| one.label == "no file can be read here"),
        "{alone:?}"
    );
}
