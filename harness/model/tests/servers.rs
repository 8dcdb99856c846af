//! What serves on the real servers of a lab: mysqlds, echo servers over TCP and UDP, programs of the
//! author's own.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

use lvs_matrix_model::action::{Action, ClientAction, MysqldAction, Orders, Reaction, Request, ServerDeed};
use lvs_matrix_model::client::Program;
use lvs_matrix_model::ipvs::Protocol;
use lvs_matrix_model::matrix::cells;
use lvs_matrix_model::plan::{Echo, LabPlan, OwnServer, Server, ServerKind, plan};
use lvs_matrix_model::scenario::{Scenario, load, written};
use lvs_matrix_model::serving::{Asked, ServerProgram};
use std::time::Duration;

const ECHO: &str = include_str!("fixtures/echo.yaml");

/// The same with two datagrams, in a lab with `more`.
fn udp(more: &str) -> String {
    format!(
        "name: udp\nclaim: Datagrams.\nlab: {{ server: udp-echo, real-servers: {{ rs1: {{}} }}{more} }}\n\
         act: [{{ connect: {{}} }}, {{ request: {{}} }}]\nobserve: {{ patience: 5s, until: 1m }}\n\
         expect: [{{ behaviour: answered }}]\n"
    )
}

/// Programs of the author's own.
const OWN: &str = include_str!("fixtures/own-server.yaml");

fn loaded(text: &str) -> Scenario {
    load(text).unwrap()
}

fn only(text: &str) -> LabPlan {
    let scenario = loaded(text);
    plan(&scenario, &cells(&scenario)[0])
}

fn fill(plan: &LabPlan) -> Vec<String> {
    let director = plan.balancers().next().unwrap();
    director.commands.iter().map(|argv| argv.join(" ")).collect()
}

#[test]
fn an_echo_server_has_a_service_a_port_and_a_client_of_its_own() {
    let plan = only(ECHO);
    assert_eq!(plan.server_kind(), ServerKind::TcpEcho);
    assert_eq!(plan.client().program, Program::EchoClient);
    assert_eq!(plan.port(), 9007);
    let (_, host) = plan.real_servers().next().unwrap();
    let wanted = Server::Echo(Echo {
        server_id: 101,
        protocol: Protocol::Tcp,
    });
    assert_eq!(host.server(), Some(&wanted));
    assert_eq!(host.mysqld(), None);
    assert_eq!(
        fill(&plan)[1..],
        [
            "ipvsadm -A -t 192.0.2.100:9007 -s rr",
            "ipvsadm -a -t 192.0.2.100:9007 -r 192.0.2.31:9007 -g -w 1",
        ]
    );
}

#[test]
fn a_program_of_the_authors_own_can_serve() {
    let plan = only(OWN);
    assert_eq!(plan.server_kind(), ServerKind::Program);
    assert!(!plan.server_kind().is_mysql() && plan.runs_own_programs());
    assert_eq!(plan.client().program, Program::StreamClient);
    assert_eq!((plan.port(), plan.service().protocol), (9007, Protocol::Tcp));
    let wanted = Server::Program(OwnServer {
        server_id: 101,
        program: ServerProgram {
            argv: ["./server.pl", "{port}"].map(str::to_owned).to_vec(),
            ready: Some(Asked {
                send: r"PING\r\n".to_owned(),
                expect: "+PONG".to_owned(),
            }),
        },
    });
    let (_, host) = plan.real_servers().next().unwrap();
    assert_eq!((host.server(), host.mysqld()), (Some(&wanted), None));
    let Action::Client(ClientAction::StartRequest(request)) = &plan.steps[1].action else {
        unreachable!("the second step starts a request");
    };
    let sent = lvs_matrix_model::serving::sent(&request.statement().sql);
    assert_eq!(sent, b"WORK 20\r\n", "how long it takes is not sent");
}

#[test]
fn a_udp_service_may_schedule_each_packet() {
    let plain = only(&udp(""));
    assert_eq!(plain.service().protocol, Protocol::Udp);
    assert_eq!(fill(&plain)[1], "ipvsadm -A -u 192.0.2.100:9007 -s rr");
    let each = only(&udp(", one-packet: true"));
    assert_eq!(fill(&each)[1], "ipvsadm -A -u 192.0.2.100:9007 -s rr -o");
    // An edit without the flag would take it away.
    let action = "{ \"set-scheduler\": { \"scheduler\": \"sh\" } }";
    let edit: Action = serde_json::from_str(action).unwrap();
    let lines: Vec<String> = each
        .command_lines(&edit)
        .iter()
        .map(|(_, argv)| argv.join(" "))
        .collect();
    assert_eq!(lines, ["ipvsadm -E -u 192.0.2.100:9007 -s sh -o"]);
}

#[test]
fn what_a_request_says_is_what_the_server_reads() {
    let scenario = loaded(ECHO);
    let Action::Client(ClientAction::StartRequest(request)) = &scenario.steps.before[2].action else {
        unreachable!("the third step starts a request");
    };
    let wanted = Request {
        text: "a line".to_owned(),
        takes: Duration::from_millis(1500),
        then: Reaction::Answer,
        answer: Some(4096),
        payload: Some(2048),
        on: None,
        may_fail: true,
    };
    assert_eq!(*request, wanted);
    let orders = Orders::read(&Orders::line(2, &request.statement().text())).unwrap();
    assert_eq!(
        (orders.text.as_str(), orders.takes, orders.answer),
        ("a line", request.takes, 4096)
    );
    assert_eq!(
        scenario.steps.before[1].action,
        Action::from(ClientAction::Request(Request {
            text: "ping".to_owned(),
            ..Request::default()
        }))
    );
}

#[test]
fn steps_that_name_the_mysqld_and_the_server_do_the_same() {
    let deeds: Vec<ServerDeed> = loaded(ECHO)
        .steps
        .change
        .iter()
        .filter_map(|timed| match &timed.action {
            Action::Mysqld(action) => Some(action.deed()),
            Action::Client(_)
            | Action::Table(_)
            | Action::Other(_)
            | Action::Host(_)
            | Action::Traffic(_)
            | Action::Wait(_)
            | Action::Watch(_) => None,
        })
        .collect();
    let of_mysqld = [
        "stop-mysqld\": {\"signal\": \"TERM\"",
        "start-mysqld\": {\"server\": \"rs1\"",
        "freeze-mysqld\": {\"server\": \"rs1\"",
        "thaw-mysqld\": {\"server\": \"rs1\"",
        "stop-mysqld\": {\"signal\": \"KILL\"",
    ];
    let of_mysqld: Vec<ServerDeed> = of_mysqld
        .iter()
        .map(|text| {
            let server = if text.contains("signal") {
                ", \"server\": \"rs1\""
            } else {
                ""
            };
            let action: MysqldAction = serde_json::from_str(&format!("{{\"{text}{server}}}}}")).unwrap();
            action.deed()
        })
        .collect();
    assert_eq!(deeds, of_mysqld);
}

#[test]
fn a_cell_with_other_servers_is_written_as_a_scenario_that_makes_the_same_cell() {
    for text in [
        ECHO.to_owned(),
        OWN.to_owned(),
        udp(""),
        udp(", one-packet: true"),
    ] {
        let first = only(&text);
        let again = only(&written(&first.alone()));
        assert_eq!(again.hosts, first.hosts);
        assert_eq!(again.services, first.services);
        assert_eq!(again.steps, first.steps);
    }
}
