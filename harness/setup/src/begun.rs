//! The scenario that `new --from` writes: the lab of the operator's service, and a first question.

use crate::asked::ask;
use crate::draft::observe_only;
use crate::lab::Lab;
use crate::place::Fate;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{Action, ClientAction, Opening, TableAction};
use lvs_matrix_model::plan::ServerKind;
use lvs_matrix_model::scenario::{Axis, Judged, Observe, Phases, Scenario, Value, load, written};
use std::fmt::Write as _;
use std::time::Duration;

/// The text of a scenario with this lab: what clients feel when its first server leaves the table. Its
/// comments have what became what, and what did not.
///
/// # Errors
/// Why `check` would refuse it: a mistake of this program.
pub fn begun(lab: &Lab, name: &str) -> Result<String, String> {
    let scenario = scenario(lab, name)?;
    let text = format!("{}{}", header(lab), written(&scenario));
    match load(&text) {
        Ok(_) => Ok(text),
        Err(mistakes) => Err(mistakes.first().map_or_else(String::new, |mistake| {
            format!("{}: {}", mistake.message, mistake.label)
        })),
    }
}

fn header(lab: &Lab) -> String {
    let mut out = "# yaml-language-server: $schema=scenario.schema.json\n#\n".to_owned();
    // Writing into a String cannot fail.
    let mut line = |text: &str| {
        let _ = writeln!(out, "# {}", text.replace(['\n', '\r'], " "));
    };
    line("Made by `lvs-matrix new --from`. The addresses are the lab's own:");
    let width = lab
        .table
        .iter()
        .map(|row| row.theirs.chars().count())
        .max()
        .unwrap_or(0);
    for row in &lab.table {
        line(&format!("  {:width$}  ->  {}", row.theirs, row.ours));
    }
    for (fate, heading) in [
        (Fate::Changed, "Taken over as something else:"),
        (Fate::Lost, "Not taken over:"),
    ] {
        let of = || lab.notes.iter().filter(|note| note.fate == fate);
        if of().next().is_some() {
            line(heading);
        }
        for note in of() {
            line(&format!("  {note}"));
        }
    }
    out.push_str(
        "#\n# Say what you expect in the place of `observe-only` below; `lvs-matrix check` knows the rest.\n",
    );
    out
}

fn names(name: &str) -> Result<Name, String> {
    Name::new(name).map_err(|error| error.to_string())
}

fn scenario(lab: &Lab, name: &str) -> Result<Scenario, String> {
    let (server, theirs) = lab
        .server(None)
        .ok()
        .or_else(|| lab.servers.first())
        .ok_or("the lab has no real server")?;
    let remove = Action::from(TableAction::RemoveRealServer {
        server: server.clone(),
    });
    let rest = Action::from(TableAction::SetWeight {
        server: server.clone(),
        weight: 0,
    });
    let value = |name: &str, steps| {
        Ok::<_, String>(Value {
            name: names(name)?,
            lab: lvs_matrix_model::scenario::Lab::default(),
            steps,
        })
    };
    let connect = |to: Option<&Name>| {
        Action::Client(ClientAction::Connect(Opening {
            to: to.cloned(),
            ..Opening::default()
        }))
    };
    let wait = |seconds| Action::wait(Duration::from_secs(seconds));
    let none = Vec::<Action>::new;
    let ask = ask(lab.lab.server.unwrap_or_default(), Duration::ZERO);
    let udp = lab.lab.server == Some(ServerKind::UdpEcho);
    // Over UDP nothing is sent for a connect: the first datagram is what is scheduled.
    let anew = if udp {
        vec![connect(None), Action::Client(ask.clone())]
    } else {
        vec![connect(None)]
    };
    let kept = if udp {
        vec![connect(None), Action::Client(ask.clone()), wait(1)]
    } else {
        vec![connect(Some(server)), wait(1)]
    };
    Ok(Scenario {
        name: names(name)?,
        claim: format!(
            "What clients of {} feel when {} is taken out of the director's table.",
            lab.service.listen, theirs.endpoint
        ),
        claim_zh: None,
        source: None,
        lab: lab.lab.clone(),
        axes: vec![
            Axis {
                name: names("client")?,
                values: vec![
                    value("new-connection", Phases::of(none(), none(), anew))?,
                    value(
                        "kept-connection",
                        Phases::of(kept, none(), vec![Action::Client(ask)]),
                    )?,
                ],
            },
            Axis {
                name: names("operator")?,
                values: vec![
                    value("does-nothing", Phases::default())?,
                    value("weight-0", Phases::of(none(), vec![rest.clone()], none()))?,
                    value("deletes", Phases::of(none(), vec![remove.clone()], none()))?,
                    value(
                        "weight-0-wait-deletes",
                        Phases::of(none(), vec![rest, wait(600), remove], none()),
                    )?,
                ],
            },
        ],
        steps: Phases::of(lab.before.clone(), none(), none()),
        observe: Observe {
            patience: Duration::from_secs(5),
            until: Duration::from_secs(20 * 60),
            judge: Judged::Last,
        },
        expectations: vec![observe_only()],
        fails_without_change: false,
        explore: None,
        warnings: Vec::new(),
    })
}
