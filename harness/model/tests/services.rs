//! Several virtual services in one lab: what their plan is, and what cannot be said of them.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, ClientAction, ServiceEdit, TableAction};
use lvs_matrix_model::matrix::cells;
use lvs_matrix_model::plan::{LabPlan, plan};
use lvs_matrix_model::scenario::{load, written};

/// Two services with the same echo servers, and one with a server of its own.
const LAB: &str = "server: tcp-echo, services: { web: { port: 9008, scheduler: wlc }, own: { port: 9009 } }, \
    real-servers: { rs1: { services: [service, web] }, rs2: { services: [service, web] }, \
    rs3: { services: [own] } }";

fn text(lab: &str, steps: &str) -> String {
    format!(
        "{{ name: sample, claim: A plan., lab: {{ {lab} }}, {steps}, \
         observe: {{ patience: 5s, until: 1m }}, expect: [{{ observe-only: true }}] }}"
    )
}

fn planned(lab: &str, steps: &str) -> LabPlan {
    let scenario = load(&text(lab, steps)).unwrap();
    plan(&scenario, &cells(&scenario)[0])
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn lines(plan: &LabPlan) -> Vec<String> {
    plan.fill_lines().iter().map(|line| line.join(" ")).collect()
}

fn names(plan: &LabPlan) -> Vec<&str> {
    plan.services.iter().map(|service| service.id.as_str()).collect()
}

#[test]
fn each_service_has_its_own_lines() {
    let plan = planned(LAB, "act: [{ connect: {} }]");
    assert_eq!(names(&plan), ["service", "web", "own"]);
    assert_eq!(
        lines(&plan),
        [
            "ipvsadm -A -t 192.0.2.100:9007 -s rr",
            "ipvsadm -a -t 192.0.2.100:9007 -r 192.0.2.31:9007 -g -w 1",
            "ipvsadm -a -t 192.0.2.100:9007 -r 192.0.2.32:9007 -g -w 1",
            "ipvsadm -A -t 192.0.2.100:9008 -s wlc",
            "ipvsadm -a -t 192.0.2.100:9008 -r 192.0.2.31:9008 -g -w 1",
            "ipvsadm -a -t 192.0.2.100:9008 -r 192.0.2.32:9008 -g -w 1",
            "ipvsadm -A -t 192.0.2.100:9009 -s rr",
            "ipvsadm -a -t 192.0.2.100:9009 -r 192.0.2.33:9009 -g -w 1",
        ]
    );
    let (_, rs1) = plan.real_servers().next().unwrap();
    assert_eq!(
        plan.server_ports(rs1).into_iter().collect::<Vec<_>>(),
        [9007, 9008]
    );
}

/// What is judged is on `web`: there steps without a name are edits of `web`, and others name their service.
#[test]
fn the_service_of_the_classified_operation_comes_first() {
    let steps = "before: [{ connect: { service: web } }, { connect: { as: other } }], change: [\
        { service: web, set-weight: { server: rs1, weight: 0 } }, \
        { set-weight: { server: rs2, weight: 0 } }, { service: own, remove-service: {} }, \
        { remove-service: {} }], act: [{ request: { text: hello } }]";
    let plan = planned(LAB, steps);
    assert_eq!(names(&plan), ["web", "service", "own"]);
    assert_eq!(plan.port(), 9008);
    let weight = |server: &str| TableAction::SetWeight {
        server: name(server),
        weight: 0,
    };
    let (service, edit) = (name("service"), weight("rs2"));
    let actions: Vec<Action> = plan.steps.iter().map(|step| step.action.clone()).collect();
    let [to_web, to_own, edits @ .., _] = actions.as_slice() else {
        unreachable!()
    };
    let opened = |action: &Action| action.of_client().and_then(ClientAction::service).cloned();
    assert_eq!((opened(to_web), opened(to_own)), (None, Some(service.clone())));
    let port = |port| TableAction::RemoveService { port: Some(port) };
    assert_eq!(
        edits,
        [
            weight("rs1").into(),
            ServiceEdit { service, edit }.into(),
            port(9009).into(),
            port(9007).into(),
        ]
    );
    let line = |action: &Action| plan.command_lines(action)[0].1.join(" ");
    let all: Vec<String> = edits.iter().map(line).collect();
    assert_eq!(
        all,
        [
            "ipvsadm -e -t 192.0.2.100:9008 -r 192.0.2.31:9008 -g -w 0",
            "ipvsadm -e -t 192.0.2.100:9007 -r 192.0.2.32:9007 -g -w 0",
            "ipvsadm -D -t 192.0.2.100:9009",
            "ipvsadm -D -t 192.0.2.100:9007",
        ]
    );
    // A table that is folded over them.
    let mut state = plan.state_with_table();
    for (number, step) in (1..).zip(&plan.steps) {
        assert_eq!(state.conflict(&step.action), None, "{}", step.action);
        state.apply(number, &step.action);
    }
    let table = state.table().unwrap();
    assert_eq!(table.others.len(), 0);
    assert_eq!(table.servers[&name("rs1")], 0);
}

/// A cell by itself, and an action in a record, are read as they were written.
#[test]
fn what_is_written_is_read_again() {
    let steps = "before: [{ connect: { service: web, to: rs1 } }, { connect: { as: other, to: rs2 } }], \
        change: [{ service: web, remove-real-server: { server: rs1 } }, \
        { remove-real-server: { server: rs2 } }], \
        act: [{ request: { text: hello } }]";
    let first = planned(LAB, steps);
    let again = load(&written(&first.alone())).unwrap();
    let again = plan(&again, &cells(&again)[0]);
    assert_eq!(again.services, first.services);
    assert_eq!(again.steps, first.steps);
    assert_eq!(again.hosts, first.hosts);
    for step in &first.steps {
        let read: Action = serde_json::from_value(serde_json::to_value(&step.action).unwrap()).unwrap();
        assert_eq!(read, step.action);
    }
}

/// Two ports with one mark are one service.
#[test]
fn ports_of_one_mark_have_one_table() {
    let plan = planned(
        "server: tcp-echo, firewall-mark: 1, persistence: 5m, \
         services: { web: { port: 9008, same-mark: true } }, \
         real-servers: { rs1: { services: [service, web] } }",
        "act: [{ connect: { service: web } }]",
    );
    assert_eq!(
        lines(&plan),
        [
            "ipvsadm -A -f 1 -s rr -p 300",
            "ipvsadm -a -f 1 -r 192.0.2.31 -g -w 1"
        ]
    );
    let director = plan.balancers().next().unwrap();
    let commands = director.commands.iter().map(|line| line.join(" "));
    let marks: Vec<String> = commands.filter(|line| line.contains("meta mark")).collect();
    assert_eq!(marks.len(), 2, "{marks:?}");
    assert!(plan.table().others.is_empty());
}

/// Of mysqlds, which listen to one port, a service has its own; masqueraded they may be in several.
#[test]
fn a_mysqld_listens_to_one_port() {
    let apart = planned(
        "services: { reports: { port: 3307 } }, real-servers: { rs1: {}, rs2: { services: [reports] } }",
        "act: [{ connect: {} }]",
    );
    assert!(lines(&apart).contains(&"ipvsadm -a -t 192.0.2.100:3307 -r 192.0.2.32:3307 -g -w 1".to_owned()));
    let both = planned(
        "forwarding: masquerading, services: { reports: { port: 3307 } }, \
         real-servers: { rs1: { services: [service, reports] } }",
        "act: [{ connect: {} }]",
    );
    assert!(lines(&both).contains(&"ipvsadm -a -t 192.0.2.100:3307 -r 192.0.2.31:3306 -m -w 1".to_owned()));
}

/// Each with the message of its mistake.
#[test]
fn what_does_not_fit_is_a_mistake() {
    let connect = "act: [{ connect: {} }]";
    let cases = [
        (
            "services: { web: { port: 3306 } }, real-servers: { rs1: { services: [service, web] } }",
            connect,
            "port 3306 of the VIP is another service's",
        ),
        (
            "services: { service: { port: 3307 } }, real-servers: { rs1: {} }",
            connect,
            "a further service named `service`",
        ),
        (
            "services: { web: { port: 3307 } }, real-servers: { rs1: {} }",
            connect,
            "the service `web` has no real server",
        ),
        (
            "services: { web: { port: 3307 } }, real-servers: { rs1: { services: [web] } }",
            connect,
            "the lab's own virtual service has no real server",
        ),
        (
            "services: { web: { port: 3307 } }, real-servers: { rs1: { services: [service, web] } }",
            connect,
            "`rs1` listens to port 3306, and `web` has port 3307",
        ),
        (
            "real-servers: { rs1: { services: [] } }",
            connect,
            "`rs1` is in no service",
        ),
        (
            "real-servers: { rs1: { services: [service, web] } }",
            connect,
            "`rs1` is in a service `web` that some cell does not have",
        ),
        (
            "services: { web: { port: 3307, same-mark: true } }, \
             real-servers: { rs1: { services: [service, web] } }",
            connect,
            "`web` has the lab's mark, and the lab has none",
        ),
        (
            "keepalived: {}, services: { web: { port: 3307 } }, \
             real-servers: { rs1: {}, rs2: { services: [web] } }",
            connect,
            "`services` with `keepalived`",
        ),
        (
            LAB,
            "act: [{ connect: { service: nowhere } }]",
            "some cells with this step have no service named `nowhere`",
        ),
        (
            LAB,
            "change: [{ set-weight: { server: rs3, weight: 0 } }], act: [{ connect: {} }]",
            "`rs3` is not in the service `service`",
        ),
        (
            LAB,
            "change: [{ service: web, flush-table: {} }], act: [{ connect: {} }]",
            "`service` beside `flush-table`",
        ),
        (
            LAB,
            "change: [{ service: own, add-real-server: { server: rs3 } }], act: [{ connect: {} }]",
            "`rs3` is already in the table",
        ),
    ];
    for (lab, steps, message) in cases {
        let mistakes = load(&text(lab, steps)).unwrap_err();
        let messages: Vec<&str> = mistakes.iter().map(|mistake| mistake.message.as_str()).collect();
        assert!(messages.contains(&message), "{lab}: {messages:?}");
    }
}
