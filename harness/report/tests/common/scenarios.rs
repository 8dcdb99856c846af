//! Scenarios, and what is expected of cells.

use super::*;

pub(crate) fn value(text: &str, steps: Phases) -> Value {
    Value {
        name: name(text),
        lab: Lab::default(),
        steps,
    }
}

pub(crate) fn select() -> Statement {
    Statement {
        sql: "select 1".to_owned(),
        takes: Duration::ZERO,
        ..Statement::default()
    }
}

/// Real server present or absent × three things that a client does.
pub(crate) fn scenario() -> Scenario {
    let steps = Phases::of::<Action>;
    let remove = Action::from(TableAction::RemoveRealServer { server: name("rs1") });
    let slow = Statement {
        sql: "select sleep(20)".to_owned(),
        takes: Duration::from_secs(20),
        ..Statement::default()
    };
    Scenario {
        name: name("config-change"),
        claim: "What a client lives through when the table and the server disagree.\nThe article's table."
            .to_owned(),
        claim_zh: None,
        source: Some(Source {
            title: "2013: a *lost* [connection] behind LVS".to_owned(),
            url: Url::new("https://incidents.example/463968?a=1&b=2").unwrap(),
        }),
        lab: Lab {
            real_servers: vec![RealServer::new(name("rs1"), 1)],
            ..Lab::default()
        },
        axes: vec![
            Axis {
                name: name("real-server"),
                values: vec![
                    value("present", Phases::default()),
                    value("absent", steps(vec![], vec![remove], vec![])),
                ],
            },
            Axis {
                name: name("client"),
                values: vec![
                    value("new-connection", steps(vec![], vec![], vec![Action::connect()])),
                    value(
                        "execute-sql",
                        steps(vec![Action::connect()], vec![], vec![Action::query(select())]),
                    ),
                    value(
                        "waiting",
                        steps(
                            vec![Action::connect(), Action::start_query(slow)],
                            vec![],
                            vec![Action::await_result()],
                        ),
                    ),
                ],
            },
        ],
        steps: Phases::default(),
        observe: Observe {
            patience: Duration::from_secs(5),
            until: Duration::from_secs(1200),
            judge: Default::default(),
        },
        expectations: vec![],
        fails_without_change: false,
        explore: None,
        warnings: vec![],
    }
}

/// A scenario without axes, whose only cell will have no record.
pub(crate) fn drain() -> Scenario {
    Scenario {
        name: name("drain"),
        claim: "Weight 0 keeps what is connected.".to_owned(),
        axes: vec![],
        steps: Phases::of(
            vec![Action::connect()],
            vec![Action::from(TableAction::SetWeight {
                server: name("rs1"),
                weight: 0,
            })],
            vec![Action::query(select())],
        ),
        ..scenario()
    }
}

pub(crate) fn expect(behaviour: BehaviourName) -> ExpectedBehaviour {
    ExpectedBehaviour {
        served_by: Vec::new(),
        clients: None,
        outage: None,
        behaviour,
        error: None,
        errno: None,
        ends: None,
        at_least: None,
        at_most: None,
    }
}
