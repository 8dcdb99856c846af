//! Dry cells: which there are, what is done in them, and what follows where one fails.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::action::Action;
use lvs_matrix_model::dry::{plans, take_verdicts, trouble};
use lvs_matrix_model::matrix::cells;
use lvs_matrix_model::path::Journeys;
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_model::record::{ClientErrorKind, LabOutcome};
use lvs_matrix_model::scenario::{BehaviourName, Expected, ExpectedBehaviour, Scenario, load};
use lvs_matrix_model::verdict::{JudgedCell, Verdict, judge};
use std::time::Duration;
use support::cells::*;
use support::world::*;

const MISSPELT: &str = "
name: misspelt
claim: A slip of the pen in a statement is not taken for what a change does.
lab:
  real-servers: { rs1: {}, rs2: { weight: 0 } }
  client: { program: batch-cli }
before: [{ connect: {} }, { wait: 20m }]
change: [{ set-weight: { server: rs2, weight: 1 } }, { freeze-mysqld: { server: rs1 } }]
axes:
  client:
    plain: { act: [{ query: { sql: select 1 } }] }
    misspelt: { act: [{ query: { sql: selct 1 } }] }
    new-connection: { act: [{ connect: {} }] }
observe: { patience: 5s, until: 1m }
expect:
  - { when: { client: [plain, new-connection] }, behaviour: hung }
  - { when: { client: misspelt }, behaviour: hung }
";

fn dry(text: &str) -> Vec<LabPlan> {
    let scenario: Scenario = load(text).unwrap();
    plans(&scenario, &cells(&scenario))
}

#[test]
fn a_dry_cell_does_what_the_client_does_and_nothing_else() {
    let plans = dry(MISSPELT);
    let [plan] = plans.as_slice() else {
        unreachable!("{plans:?}")
    };
    assert_eq!(plan.cell.to_string(), "misspelt/misspelt@dry");
    let keys: Vec<&str> = plan.steps.iter().map(|step| step.action.key()).collect();
    assert_eq!(keys, ["connect", "wait", "query"]);
    assert!(
        plan.steps
            .iter()
            .any(|step| step.action == Action::wait(Duration::from_secs(120)))
    );
    assert!(plan.client().is_default());
    let director: Vec<String> = plan.hosts[1].commands.iter().map(|argv| argv.join(" ")).collect();
    let weight_1 = director.iter().filter(|line| line.ends_with("-w 1")).count();
    assert_eq!(weight_1, 2, "{director:?}");
}

#[test]
fn a_scenario_can_say_that_it_is_meant_so() {
    let until = "until: 1m";
    assert!(dry(&MISSPELT.replace(until, "until: 1m, fails-without-change: true")).is_empty());
    let expected = "{ when: { client: misspelt }, behaviour: hung }";
    let error = "{ when: { client: misspelt }, behaviour: failed-fast, error: 1064 }";
    assert!(dry(&MISSPELT.replace(expected, error)).is_empty());
}

#[test]
fn a_statement_that_takes_longer_than_it_says_is_tried() {
    let slow =
        |takes: &str| dry(&MISSPELT.replace("selct 1 }", &format!("select sleep(30){takes} }}"))).len();
    assert_eq!(slow(""), 1);
    assert_eq!(slow(", takes: 30s"), 0);
    assert_eq!(slow(", takes: 29s"), 1);
}

/// As few as can be: one for each scenario with statements of its own.
#[test]
fn shipped_scenarios_need_few() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut found: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let plans = dry(&std::fs::read_to_string(&path).unwrap());
            found.extend(plans.iter().map(|plan| plan.cell.to_string()));
        }
    }
    found.sort();
    assert_eq!(found, SHIPPED);
}

const SHIPPED: &[&str] = &[
    "client-actions/present_large-result_0@dry",
    "client-actions/present_large-upload_0@dry",
    "drain/closed-by-wait-timeout_weight-0@dry",
    "firewall-rules/checks_upload_0@dry",
    "orphaned-locks/commits_read@dry",
    "transactions/stays_next-update_0@dry",
    "tunnel-mtu/direct-routing_ipv4_passes_none_large@dry",
    "tunnels/ipip_4-in-4_large-statement_delete@dry",
];

fn judged(world: &World) -> JudgedCell {
    let observed = world.observe();
    JudgedCell {
        verdict: judge(&world.record.plan.expected, &observed),
        journeys: Journeys::of(&world.record, world.packets()),
        record: world.record.clone(),
        observed,
    }
}

#[test]
fn what_rests_on_a_statement_that_fails_is_not_known() {
    let as_expected = || {
        let mut world = reset();
        world.record.plan.expected = Expected::Behaviour(ExpectedBehaviour {
            served_by: Vec::new(),
            clients: None,
            outage: None,
            behaviour: BehaviourName::FailedFast,
            error: Some(2013),
            errno: None,
            ends: None,
            at_least: None,
            at_most: None,
        });
        world
    };
    let mut world = as_expected();
    let mut cells = [judged(&world)];
    assert_eq!(cells[0].verdict, Verdict::Met, "or the test shows nothing");
    world.record.plan.cell = world.record.plan.cell.dry();
    world.record.client_events.last_mut().unwrap().kind = failed(ClientErrorKind::Server {
        code: 1064,
        sqlstate: "42000".to_owned(),
    });
    let found = trouble(&world.record).unwrap().unwrap();
    assert_eq!(found.statement.as_deref(), Some("select 1"));
    assert!(
        found.what.starts_with("the server answers with error 1064"),
        "{found:?}"
    );

    assert_eq!(take_verdicts(std::slice::from_ref(&found), &mut cells), [1]);
    let Verdict::Undetermined { reasons } = &cells[0].verdict else {
        unreachable!("{:?}", cells[0].verdict)
    };
    assert_eq!(reasons, &[found.doubt()]);

    let mut other = found.clone();
    other.statement = Some("select 2".to_owned());
    let mut cells = [judged(&as_expected())];
    assert_eq!(take_verdicts(&[other], &mut cells), [0]);
    assert_eq!(cells[0].verdict, Verdict::Met);
}

#[test]
fn a_lab_that_failed_shows_nothing() {
    let mut record = reset().record;
    record.lab = LabOutcome::Failed {
        stage: "make the lab".to_owned(),
        reason: "no memory".to_owned(),
        log: Vec::new(),
    };
    assert_eq!(trouble(&record), Err("make the lab: no memory".to_owned()));
}
