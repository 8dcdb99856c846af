//! ldirectord: what a scenario says of it, and the configuration that is made of it.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::ldirectord::{CheckType, Ldirectord, Switch};
use lvs_matrix_model::matrix::cells;
use lvs_matrix_model::plan::{LabPlan, Told};
use lvs_matrix_model::scenario::{load, written};
use std::time::Duration;
use support::{name, plans};

const SAMPLE: &str = "
name: sample
claim: ldirectord edits the table.
lab:
  forwarding: masquerading
  persistence: 5m
  scheduler: wrr
  real-servers: { rs1: {}, rs2: { weight: 7 }, sorry: { stands-by: true } }
  ldirectord: { checkinterval: 6s, failurecount: 3 }
axes:
  check:
    connect: {}
    negotiate: { ldirectord: { checktype: negotiate, checktimeout: 2s, fallback: sorry, quiescent: yes } }
    external:
      family: ipv6
      ldirectord: { checktype: external, fork: yes, cleanstop: no, autoreload: yes, fallback: sorry }
change:
  - reload-ldirectord: { without: rs2 }
  - stop-ldirectord: { signal: KILL }
  - start-ldirectord: {}
  - wait-until: { not-in-table: rs1, at-most: 10s }
act: [{ connect: {} }]
observe: { patience: 5s, until: 1m }
expect: [{ observe-only: true }]
";

#[test]
fn a_lab_and_its_values_each_say_a_part() {
    let plans = plans(SAMPLE);
    let common = Ldirectord {
        checkinterval: Some(Duration::from_secs(6)),
        failurecount: Some(3),
        ..Ldirectord::default()
    };
    let negotiate = Ldirectord {
        checktype: Some(CheckType::Negotiate),
        checktimeout: Some(Duration::from_secs(2)),
        fallback: Some(name("sorry")),
        quiescent: Some(Switch::Yes),
        ..common.clone()
    };
    let external = Ldirectord {
        checktype: Some(CheckType::External),
        fork: Some(Switch::Yes),
        cleanstop: Some(Switch::No),
        autoreload: Some(Switch::Yes),
        fallback: Some(name("sorry")),
        ..common.clone()
    };
    let said: Vec<&Ldirectord> = plans.iter().filter_map(LabPlan::ldirectord).collect();
    assert_eq!(said, [&common, &negotiate, &external]);
    assert!(plans.iter().all(|plan| plan.state_with_table().table().is_none()));
    // A scenario of one cell says the same.
    for plan in &plans {
        let text = written(&plan.alone());
        let again = load(&text).unwrap();
        let cell = &cells(&again)[0];
        assert_eq!(
            lvs_matrix_model::plan::plan(&again, cell).ldirectord(),
            plan.ldirectord()
        );
    }
}

#[test]
fn the_configuration_is_made_from_the_lab() {
    let plans = plans(SAMPLE);
    let config = |place: usize, without: &[&str]| {
        let told = Told {
            without: without.first().map(|server| name(server)),
            config: None,
        };
        plans[place].ldirectord_config(&told).unwrap()
    };
    assert_eq!(
        config(0, &[]),
        "supervised = yes
checkinterval = 6
checktimeout = 5
failurecount = 3

virtual = 192.0.2.100:3306
    protocol = tcp
    scheduler = wrr
    persistent = 300
    real = 192.0.2.31:3306 masq 1
    real = 192.0.2.32:3306 masq 7
    checktype = connect
"
    );
    assert_eq!(
        config(1, &["rs2"]),
        "supervised = yes
checkinterval = 6
checktimeout = 2
failurecount = 3
quiescent = yes

virtual = 192.0.2.100:3306
    protocol = tcp
    scheduler = wrr
    persistent = 300
    real = 192.0.2.31:3306 masq 1
    fallback = 192.0.2.33:3306 masq
    checktype = negotiate
    service = mysql
    login = \"app\"
    passwd = \"lvs-matrix\"
    request = \"SELECT 1\"
"
    );
    let six = config(2, &[]);
    for line in [
        "fork = yes\ncleanstop = no\nautoreload = yes\n",
        "\nvirtual6 = [2001:db8:0:1::100]:3306\n",
        "\n    real6 = [2001:db8:0:1::31]:3306 masq 1\n",
        "\n    fallback6 = [2001:db8:0:1::33]:3306 masq\n",
        "\n    checkcommand = {folder}/check\n",
    ] {
        assert!(six.contains(line), "{line:?} in {six}");
    }
    let check = plans[2].external_check("'/bin/lvs matrix' health-check").unwrap();
    let last = "exec '/bin/lvs matrix' health-check \"$0\" mysql \"$3\" \"$4\" 6000\n";
    assert_eq!(check, format!("#!/bin/sh\n{last}"));
}
