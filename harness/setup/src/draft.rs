//! A scenario that does nothing but connect, to ask the model what it says of a lab.

use crate::asked::ask;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, ClientAction, Opening};
use lvs_matrix_model::matrix::cells;
use lvs_matrix_model::plan::{LabPlan, ServerKind, plan};
use lvs_matrix_model::scenario::{
    self, Expectation, Expected, Judged, Observe, Phases, Position, Scenario, load, written,
};
use std::time::Duration;

/// A scenario that does nothing but connect.
pub(crate) fn draft(lab: &scenario::Lab, before: &[Action]) -> Option<Scenario> {
    Some(Scenario {
        name: Name::new("draft").ok()?,
        claim: "A client connects.".to_owned(),
        claim_zh: None,
        source: None,
        lab: lab.clone(),
        axes: Vec::new(),
        steps: Phases::of(before.to_vec(), Vec::new(), asks(lab.server.unwrap_or_default())),
        observe: Observe {
            patience: Duration::from_secs(5),
            until: Duration::from_secs(60),
            judge: Judged::Last,
        },
        expectations: vec![observe_only()],
        fails_without_change: false,
        explore: None,
        warnings: Vec::new(),
    })
}

/// Over UDP a connect sends nothing.
fn asks(kind: ServerKind) -> Vec<Action> {
    let connect = Action::Client(ClientAction::Connect(Opening::default()));
    match kind {
        ServerKind::Mysql | ServerKind::TcpEcho | ServerKind::Program => vec![connect],
        ServerKind::UdpEcho => vec![connect, Action::Client(ask(kind, Duration::ZERO))],
    }
}

/// Nothing is expected.
pub(crate) fn observe_only() -> Expectation {
    Expectation {
        kernels: Vec::new(),
        when: Vec::new(),
        expected: Expected::ObserveOnly,
        position: Position { line: 1, column: 1 },
    }
}

/// The plan of a lab, or the first thing for which `check` refuses it.
pub(crate) fn planned(lab: &scenario::Lab, before: &[Action]) -> Result<LabPlan, String> {
    let draft = draft(lab, before).ok_or("it has no name")?;
    let loaded = load(&written(&draft)).map_err(|mistakes| {
        mistakes.first().map_or_else(String::new, |mistake| {
            format!("{}: {}", mistake.message, mistake.label)
        })
    })?;
    let cells = cells(&loaded);
    cells
        .first()
        .map(|cell| plan(&loaded, cell))
        .ok_or_else(|| "it has no cell".to_owned())
}
