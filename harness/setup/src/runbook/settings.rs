//! Settings that would make more procedures safe: what `explain` advises for the cells in which somebody is
//! hurt, each to be tried.

use super::timeline::{accepted_as, alone};
use super::{Client, Feel, Harm, Procedure, Question};
use lvs_matrix_explain::{Trial as Tried, explain};
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::scenario::load;
use lvs_matrix_model::verdict::JudgedCell;

/// A cell in which somebody is hurt, with a setting that may help.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The name of its scenario.
    pub name: String,
    /// Its scenario's text.
    pub file: String,
    /// The kind of the advice, the same for the same setting.
    pub kind: String,
    /// The advice in a sentence.
    pub text: String,
    /// What an operator types for it; `None` if it is a matter of the client's program.
    pub command: Option<String>,
    /// Whose cell.
    pub client: Client,
    /// Of which procedure.
    pub procedure: Procedure,
}

/// Advice that is a setting, and no other procedure: the name of its kind in `explain`.
const SETTINGS: [&str; 12] = [
    "expire-nodest-conn",
    "conn-reuse-mode",
    "tcp-user-timeout",
    "tcp-retries2",
    "read-timeout",
    "connect-timeout",
    "tcp-syn-retries",
    "keepalive",
    "entry-timeout",
    "keepalive-below-entry",
    "wait-timeout",
    "server-keepalive",
];
/// More are not tried: the answer is to come soon.
const MOST: usize = 60;

/// The client and the procedure of a cell of [`scenarios`](super::scenarios).
pub(super) fn who(cell: &CellRef) -> Option<(Client, Procedure)> {
    let client = Client::ALL
        .into_iter()
        .find(|client| client.as_str() == cell.scenario.as_str())?;
    let (_, value) = cell.values.first()?;
    let procedure = Procedure::ALL
        .into_iter()
        .find(|procedure| procedure.as_str() == value.as_str())?;
    Some((client, procedure))
}

/// What is to be tried for the cells of a run.
#[must_use]
pub fn trials(question: &Question, cells: &[JudgedCell]) -> Vec<Trial> {
    let mut out: Vec<Trial> = Vec::new();
    for cell in cells {
        let Some((client, procedure)) = who(&cell.record.plan.cell) else {
            continue;
        };
        let feel = Feel::of(cell, client);
        if feel.harm == Harm::Unknown {
            continue;
        }
        if !feel.is_harmless() {
            for advised in explain(cell).advice {
                let Tried::Scenario { file, .. } = advised.trial else {
                    continue;
                };
                if !SETTINGS.contains(&advised.kind) {
                    continue;
                }
                let name = format!("try-{}", out.len() + 1);
                let Some(file) = load(&file).ok().and_then(|scenario| accepted_as(&name, scenario)) else {
                    continue;
                };
                out.push(Trial {
                    name,
                    file,
                    kind: advised.kind.to_owned(),
                    command: command(advised.kind),
                    text: advised.text,
                    client,
                    procedure,
                });
            }
        }
        // A client that persistence sends to a server of weight 0 arrives while it is drained.
        if feel.harm > Harm::None
            && client == Client::New
            && procedure.rests()
            && question.lab.lab.persistence.is_some()
            && !sets(question, QUIESCENT)
        {
            let name = format!("try-{}", out.len() + 1);
            let file = alone(question, client, procedure, &name, (QUIESCENT, "1"));
            out.extend(file.ok().map(|file| {
                Trial {
                    name,
                    file,
                    kind: "expire-quiescent-template".to_owned(),
                    text:
                        "On the director, let persistence forget a server of weight 0: a client that comes \
                       back while it is drained is then sent to another one (`ip_vs_check_template`, \
                       net/netfilter/ipvs/ip_vs_conn.c)."
                            .to_owned(),
                    command: Some(format!("sysctl -w {QUIESCENT}=1")),
                    client,
                    procedure,
                }
            }));
        }
        if out.len() >= MOST {
            break;
        }
    }
    out.truncate(MOST);
    out
}

const QUIESCENT: &str = "net.ipv4.vs.expire_quiescent_template";

fn sets(question: &Question, key: &str) -> bool {
    let set = &question.lab.lab.director_sysctls;
    set.iter().any(|(known, value)| known == key && value != "0")
}

fn command(kind: &str) -> Option<String> {
    match kind {
        "expire-nodest-conn" => Some("sysctl -w net.ipv4.vs.expire_nodest_conn=1".to_owned()),
        "conn-reuse-mode" => Some("sysctl -w net.ipv4.vs.conn_reuse_mode=1".to_owned()),
        _ => None,
    }
}
