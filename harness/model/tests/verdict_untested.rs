//! A cell that tested nothing says so: its change was made to another server, or came too late.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::Name;
use lvs_matrix_model::action::{
    Action, Chain, ClientAction, FirewallVerdict, Matches, MysqldAction, Node, Opening, StopSignal,
    TableAction, TrafficAction,
};
use lvs_matrix_model::record::{AtEnd, CAPTURE_FILE, ClientEventKind, Proof, StepOutcome, VipChange};
use lvs_matrix_model::scenario::{BehaviourName, Expected, ExpectedBehaviour};
use lvs_matrix_model::verdict::{Behaviour, RunOutcome, Untested, Verdict, is_control, judge, judged};
use std::fs;
use support::cells::*;
use support::stored::stored;
use support::world::*;
use support::{name, s};

fn expects(behaviour: BehaviourName, served_by: &[&str]) -> Expected {
    Expected::Behaviour(ExpectedBehaviour {
        behaviour,
        error: None,
        errno: None,
        ends: None,
        at_least: None,
        at_most: None,
        served_by: served_by.iter().map(|server| name(server)).collect(),
        clients: None,
        outage: None,
    })
}

fn untested(world: &World) -> Option<Untested> {
    world.observe().untested
}

fn names(list: &[&str]) -> Vec<Name> {
    list.iter().map(|text| name(text)).collect()
}

fn stop(server: &str) -> Action {
    Action::Mysqld(MysqldAction::StopMysqld {
        server: name(server),
        signal: StopSignal::Term,
    })
}

fn weight(server: &str) -> Action {
    let server = name(server);
    Action::from(TableAction::SetWeight { server, weight: 0 })
}

/// The client is on rs1, the change is made, and the statement is answered.
fn answered_after(change: Action) -> World {
    let mut world = execute(change, 2.0);
    world.sends(3, 2, 2.0, RS1, "select 1");
    world.answers(2, 2.001);
    world.step(3, 2.0, Some(2.002), done(""));
    world
}

#[test]
fn no_stored_cell_tested_nothing() {
    let mut found = Vec::new();
    for cell in stored() {
        let bytes = fs::read(cell.folder.join(CAPTURE_FILE)).unwrap();
        let cell = judged(cell.record, Some(&bytes));
        if let Some(why) = cell.untested() {
            found.push(format!("{}: {why}", cell.record.plan.cell));
        }
    }
    assert!(found.is_empty(), "{}:\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_change_that_is_made_to_another_server_tests_nothing() {
    for change in [stop("rs2"), weight("rs2")] {
        let world = answered_after(change.clone());
        let why = Untested::OtherServer {
            served_by: names(&["rs1"]),
            changed: names(&["rs2"]),
            step: 2,
        };
        let observed = world.observe();
        assert!(
            matches!(observed.behaviour, Behaviour::Answered { .. }),
            "{observed:?}"
        );
        assert_eq!(observed.untested, Some(why.clone()), "{change}");
        let tested_nothing = Verdict::TestedNothing { why };
        // Neither as expected nor observed: the change had no part in it.
        assert_eq!(judge(&Expected::ObserveOnly, &observed), tested_nothing);
        assert_eq!(
            judge(&expects(BehaviourName::Answered, &[]), &observed),
            tested_nothing
        );
        assert_eq!(RunOutcome::from(&tested_nothing), RunOutcome::Undetermined);
        // What differs from what is expected does so all the same.
        let hung = judge(&expects(BehaviourName::Hung, &[]), &observed);
        assert!(matches!(hung, Verdict::Violated { .. }), "{hung:?}");
        // A scenario that names the server means to show that the connection is left alone.
        let meant = judge(&expects(BehaviourName::Answered, &["rs1"]), &observed);
        assert_eq!(meant, Verdict::Met);
    }
    assert_eq!(
        untested(&answered_after(stop("rs2"))).unwrap().to_string(),
        "the change was made to rs2, and rs1 served the connection that was judged"
    );
}

#[test]
fn a_change_of_the_server_or_of_what_all_pass_is_tested() {
    for change in [
        weight("rs1"),
        Action::from(TableAction::FlushTable),
        Action::from(TableAction::SetScheduler {
            scheduler: "wlc".to_owned(),
        }),
    ] {
        assert_eq!(untested(&answered_after(change.clone())), None, "{change}");
    }
    for world in [answered(), hung(), recovered(), reset(), closed(), timed_out()] {
        assert_eq!(untested(&world), None, "{:?}", world.record.steps);
    }
}

#[test]
fn the_choice_of_a_server_for_a_new_connection_is_made_over_the_changed_table() {
    // rs1 serves them; rs2 was changed.
    let connects = |change| {
        let mut world = World::new(Vec::new(), vec![change], vec![Action::connect()]);
        world.step(1, 1.0, Some(1.1), done("it fired"));
        world.connects(2, 1, 2.0);
        world
    };
    assert_eq!(untested(&connects(weight("rs2"))), None);
    // The director knows nothing of a mysqld: that it chose rs1 has nothing to do with the stop of rs2's.
    let why = untested(&connects(stop("rs2"))).unwrap();
    assert_eq!(why.key(), "other-server");
    for world in [
        refused_by_rst(),
        refused_by_icmp(),
        connected_anew(),
        connect_hung(),
        no_route(),
    ] {
        assert_eq!(untested(&world), None, "{:?}", world.record.steps);
    }
}

/// Steps 1 connect, 2 start query, 3 the change, 4 await result. The statement's fate is decided at 0.3 s.
fn started(change_at: f64) -> World {
    let mut world = World::new(
        vec![Action::connect(), Action::start_query(statement("select 1", 0.0))],
        vec![remove_rs1()],
        vec![Action::await_result()],
    );
    world.connects(1, 1, 0.1);
    world.sends(2, 2, 0.2, RS1, "select 1");
    world.answers(2, 0.3);
    world.step(2, 0.2, Some(0.25), done("it ended already"));
    world.step(3, change_at, Some(change_at + 0.1), done("it fired"));
    world.step(4, change_at + 0.2, Some(change_at + 0.2), done("answered"));
    world.operation(4, 2);
    world
}

#[test]
fn an_operation_that_was_over_before_the_change_tests_nothing() {
    let why = untested(&started(1.0)).unwrap();
    assert_eq!(why.key(), "over-before");
    let text = why.to_string();
    assert!(
        text.starts_with("the operation was over at 300ms")
            || text.starts_with("the operation was over at 301ms"),
        "{text}"
    );
    assert!(
        text.ends_with("before the change: step 3 (remove real server rs1) began at 1s"),
        "{text}"
    );
    // No scenario can mean that.
    let observed = started(1.0).observe();
    for expected in [
        Expected::ObserveOnly,
        expects(BehaviourName::Answered, &[]),
        expects(BehaviourName::Answered, &["rs1"]),
    ] {
        let verdict = judge(&expected, &observed);
        assert!(matches!(verdict, Verdict::TestedNothing { .. }), "{verdict:?}");
    }
    // The change came while the statement was on its way.
    assert_eq!(untested(&started(0.28)), None);
}

#[test]
fn what_the_client_reads_late_had_come_before_all_the_same() {
    // It says so after the change; on the wire it was over before.
    let mut world = started(1.0);
    let end = world.record.client_events.iter_mut().last().unwrap();
    assert!(matches!(end.kind, ClientEventKind::ResultReceived { .. }));
    end.at = s(1.5);
    world.record.ended = s(1.6);
    world.step(4, 1.2, Some(1.5), done("answered"));
    assert_eq!(untested(&world).unwrap().key(), "over-before");
}

#[test]
fn a_fault_that_hits_after_everything_tests_nothing() {
    // Steps 1 connect, 2 query, 3 the fault in `act`.
    let mut world = World::new(
        vec![Action::connect()],
        Vec::new(),
        vec![Action::query(statement("select 1", 0.0)), stop("rs1")],
    );
    world.connects(1, 1, 0.1);
    world.sends(2, 2, 2.0, RS1, "select 1");
    world.answers(2, 2.001);
    world.step(2, 2.0, Some(2.002), done(""));
    world.step(3, 3.0, Some(3.1), done("it fired"));
    let why = untested(&world).unwrap();
    assert_eq!(why.key(), "over-before");
    assert_eq!(why.step(), 3);
}

#[test]
fn a_change_to_what_is_so_already_tests_nothing() {
    let (server, weight) = (name("rs1"), 1);
    let same = Action::from(TableAction::SetWeight { server, weight });
    let world = answered_after(same.clone());
    let why = untested(&world).unwrap();
    let step = world
        .record
        .steps
        .iter()
        .find(|step| step.action == same)
        .unwrap();
    assert_eq!(
        why,
        Untested::NoChange {
            step: step.number,
            action: same
        }
    );
    assert_eq!(why.key(), "no-change");
    // It is no control: somebody meant to change something.
    assert!(!is_control(&world.record));
    let named = judge(&expects(BehaviourName::Answered, &["rs1"]), &world.observe());
    assert_eq!(named, Verdict::TestedNothing { why });
    // The weight of the server that the connection is on becomes another.
    assert_eq!(untested(&answered_after(self::weight("rs1"))), None);
}

/// By the kernel's counter. One that asks the connection tracking makes the host track connections.
#[test]
fn a_rule_that_met_no_packet_tests_nothing() {
    let rule = |matches: &str| {
        Action::from(TrafficAction::AddFirewallRule {
            node: Node::RealServer(name("rs1")),
            chain: Chain::Input,
            matches: Matches::new(matches),
            verdict: FirewallVerdict::Drop,
        })
    };
    let met = |matches: &str, packets: u64| {
        let rule = rule(matches);
        let mut world = answered_after(rule.clone());
        let step = world.record.steps.iter_mut().find(|step| step.action == rule);
        step.unwrap().at_end = Some(AtEnd::InForce {
            shows: Proof::NoRule,
            packets: Some(packets),
        });
        untested(&world).map(|why| why.key())
    };
    assert_eq!(met("tcp dport 1", 0), Some("met-nothing"));
    assert_eq!(met("tcp dport 1", 1), None);
    assert_eq!(met("ct state established", 0), None);
}

#[test]
fn a_connection_that_had_been_ended_before_tests_nothing() {
    let mut world = execute(remove_rs1(), 2.0);
    world.down(s(0.5), RS1, "R", &[]);
    world.event(
        s(2.0),
        2,
        ClientEventKind::StatementBegun {
            sql: "select 1".to_owned(),
        },
    );
    world.operation(3, 2);
    world.event(s(2.001), 2, failed(io(104)));
    world.step(3, 2.0, Some(2.001), StepOutcome::ClientFailed);
    let why = untested(&world).unwrap();
    assert_eq!(why.key(), "connection-ended-before");
    assert!(
        why.to_string()
            .starts_with("the connection had been ended at 500ms"),
        "{why}"
    );
    // The end came by the change.
    let mut world = execute(stop_rs1(), 2.0);
    world.down(s(1.05), RS1, "R", &[]);
    world.event(
        s(2.0),
        2,
        ClientEventKind::StatementBegun {
            sql: "select 1".to_owned(),
        },
    );
    world.operation(3, 2);
    world.event(s(2.001), 2, failed(io(104)));
    world.step(3, 2.0, Some(2.001), StepOutcome::ClientFailed);
    assert_eq!(untested(&world), None);
}

#[test]
fn a_cell_without_a_change_is_a_control_and_no_failure() {
    let mut world = World::new(
        vec![Action::connect()],
        Vec::new(),
        vec![Action::query(statement("select 1", 0.0))],
    );
    world.connects(1, 1, 0.1);
    world.sends(2, 2, 2.0, RS1, "select 1");
    world.answers(2, 2.001);
    world.step(2, 2.0, Some(2.002), done(""));
    assert!(is_control(&world.record));
    assert_eq!(untested(&world), None);
    let verdict = judge(&expects(BehaviourName::Answered, &[]), &world.observe());
    assert_eq!(verdict, Verdict::Met);
    assert!(!is_control(&answered().record));
}

#[test]
fn an_expectation_may_name_the_server() {
    let observed = answered().observe();
    let verdict = |servers: &[&str]| judge(&expects(BehaviourName::Answered, servers), &observed);
    assert_eq!(verdict(&["rs1"]), Verdict::Met);
    assert_eq!(verdict(&["rs2", "rs1"]), Verdict::Met);
    let Verdict::Violated { differences } = verdict(&["rs2"]) else {
        panic!("{:?}", verdict(&["rs2"]));
    };
    let texts: Vec<String> = differences.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["expected rs2 to serve the connection, observed rs1"]);
    let Verdict::Violated { differences } = judge(
        &expects(BehaviourName::FailedFast, &["rs1"]),
        &refused_by_icmp().observe(),
    ) else {
        panic!("nobody served it");
    };
    let texts: Vec<String> = differences.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        ["expected rs1 to serve the connection, observed no server that served it"]
    );
}

#[test]
fn a_connection_that_is_not_where_it_was_to_be_is_a_reason_not_to_know() {
    let seen = |server: &str, director: Node, by: Option<Node>| -> Vec<String> {
        let mut world = answered();
        let hosts = &mut world.record.plan.hosts;
        let own = hosts
            .iter_mut()
            .find(|host| host.node == Node::first_director())
            .unwrap();
        own.node = director.clone();
        // Where the step names a director, the VIP is where the packets went.
        world.record.vip_changes.extend(by.as_ref().map(|_| VipChange {
            node: director,
            at: s(0.0),
            holds: true,
        }));
        let opening = Opening {
            to: Some(name(server)),
            director: by,
            ..Opening::default()
        };
        let action: Action = ClientAction::Connect(opening).into();
        world.record.plan.steps[0].action = action.clone();
        world.record.steps[0].action = action;
        match world.observe().behaviour {
            Behaviour::Undetermined { reasons } => {
                // Nothing was captured on a director of another name.
                let reasons = reasons.iter().map(ToString::to_string);
                reasons
                    .filter(|reason| !reason.ends_with("was not captured"))
                    .collect()
            }
            Behaviour::Answered { .. } | Behaviour::FailedFast { .. } | Behaviour::Hung { .. } => Vec::new(),
        }
    };
    let to = |server, director| seen(server, director, None);
    assert_eq!(to("rs1", Node::first_director()), Vec::<String>::new());
    // What the other director chose is not what the step said of the first one's choice.
    assert_eq!(to("rs2", Node::second_director()), Vec::<String>::new());
    // Nor is a director's that does not have the VIP what the step said of its choice.
    let elsewhere = seen("rs2", Node::second_director(), Some(Node::first_director()));
    for reasons in [to("rs2", Node::first_director()), elsewhere] {
        assert!(
            reasons
                .iter()
                .any(|reason| reason.starts_with("step 1 was to open its connection to rs2, and packet ")),
            "{reasons:?}"
        );
    }
}

/// With `sloppy_tcp` a later segment of the connection may be scheduled anew, to another server.
#[test]
fn a_connection_that_goes_elsewhere_once_it_is_open_is_no_reason_not_to_know() {
    let mut world = execute(weight("rs1"), 2.0);
    let action: Action = ClientAction::Connect(Opening {
        to: Some(name("rs1")),
        ..Opening::default()
    })
    .into();
    world.record.plan.steps[0].action = action.clone();
    world.record.steps[0].action = action;
    world.sends(3, 2, 2.0, RS2, "select 1");
    world.answers(2, 2.001);
    world.step(3, 2.0, Some(2.002), done(""));
    let seen = world.observe();
    assert!(matches!(seen.behaviour, Behaviour::Answered { .. }), "{seen:?}");
}
