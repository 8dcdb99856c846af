//! What the client does on several connections: the language of it, and what becomes of it in a record.

use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, ClientAction, Closing, Opening, Statement, Timed};
use lvs_matrix_model::scenario::load;

const CONNECTIONS: &str = include_str!("fixtures/connections.yaml");

#[test]
fn steps_of_the_client_are_about_a_connection() {
    let on = |name: &str| Some(Name::new(name).unwrap());
    let opening = |name: &str, to: Option<&str>, may_fail| Opening {
        service: None,
        director: None,
        name: on(name),
        to: to.and_then(on),
        from: None,
        may_fail,
    };
    let select = |on, may_fail| Statement {
        on,
        may_fail,
        sql: "select 1".to_owned(),
        ..Statement::default()
    };
    let large = || Statement {
        sql: "select '{payload}'".to_owned(),
        payload: Some(2048),
        pause_after: Some(3),
        ..select(on("one"), false)
    };
    assert_eq!(large().text(), format!("select '{}'", "x".repeat(2048)));
    assert_eq!(
        (large().beginning(), select(None, false).beginning()),
        ("select '", "select 1")
    );
    let actions = |actions: Vec<ClientAction>| actions.into_iter().map(Timed::from).collect::<Vec<_>>();
    let steps = load(CONNECTIONS).unwrap().steps;
    assert_eq!(
        steps.before,
        actions(vec![
            ClientAction::Connect(opening("one", None, true)),
            ClientAction::StartConnect(opening("two", Some("rs1"), false)),
            ClientAction::StartQuery(large()),
            ClientAction::AwaitConnect { on: on("two") },
            ClientAction::AwaitResult { on: on("one") },
            ClientAction::StartConnect(opening("three", None, false)),
            ClientAction::AbortConnect { on: on("three") },
        ])
    );
    let closed = |name, how| ClientAction::Disconnect { on: on(name), how };
    assert_eq!(
        steps.change,
        actions(vec![closed("two", Closing::Reset), closed("one", Closing::Quit)])
    );
    let plain = ClientAction::Connect(Opening::default());
    assert_eq!(
        steps.act,
        actions(vec![plain, ClientAction::Query(select(None, true))])
    );

    // Records have them with the same words; of the plain connection two are a word alone.
    for timed in [&steps.before, &steps.change, &steps.act].into_iter().flatten() {
        let action = &timed.action;
        let written = serde_json::to_value(action).unwrap();
        assert!(
            written == action.key() || written.get(action.key()).is_some(),
            "{written}"
        );
        assert_eq!(&serde_json::from_value::<Action>(written).unwrap(), action);
    }
    for (word, action) in [
        ("connect", Action::connect()),
        ("await-result", Action::await_result()),
    ] {
        assert_eq!(serde_json::to_value(&action).unwrap(), word);
        assert_eq!(serde_json::from_value::<Action>(word.into()).unwrap(), action);
    }
}
