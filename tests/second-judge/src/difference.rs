//! Where the report of a cell and the second judge differ.

use crate::capture::Frame;
use crate::judge::{Behaviour, End, Judgement, spread};
use crate::probes;
use crate::record::{Record, list};
use serde_json::Value;
use std::fmt;

/// What a report says of a cell, as far as both judges speak of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The report does not know what the client lived through.
    Undetermined(Vec<String>),
    /// The second judge cannot tell.
    CannotTell(&'static str),
    /// Both know, and differ.
    Otherwise {
        /// In what.
        what: &'static str,
        /// What the report says.
        report: String,
        /// What the second judge says.
        second: String,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undetermined(reasons) => write!(f, "undetermined: {}", reasons.join("; ")),
            Self::CannotTell(why) => write!(f, "the second judge cannot tell: {why}"),
            Self::Otherwise { what, report, second } => {
                write!(f, "{what}: the report says {report}, the second judge {second}")
            }
        }
    }
}

/// The same as the report says it.
fn reported(cell: &Value) -> Vec<Vec<String>> {
    let reached = |client: &Value| {
        let reached = &client["reached"];
        let server = reached["server"].as_str().or(reached.as_str());
        server.unwrap_or_default().to_owned()
    };
    let rounds = list(&cell["spread"]["rounds"]).iter();
    rounds
        .map(|round| list(&round["clients"]).iter().map(reached).collect())
        .collect()
}

/// Two readings of a clock for one moment may differ by this, in nanoseconds.
const SLACK: i64 = 10_000_000;

/// Holds a cell of `report.json` against the judgement.
#[must_use]
pub fn differences(
    cell: &Value,
    (record, frames): (&Record, &[Frame]),
    judgement: &Result<Judgement, &'static str>,
) -> Vec<Difference> {
    let reasons = cell["verdict"]["reasons"].as_array();
    if cell["behaviour"] == "undetermined" || cell["behaviour"].is_null() {
        let texts = reasons.into_iter().flatten().filter_map(Value::as_str);
        return vec![Difference::Undetermined(texts.map(str::to_owned).collect())];
    }
    let judgement = match judgement {
        Ok(judgement) => judgement,
        Err(why) => return vec![Difference::CannotTell(why)],
    };
    let behaviour = match judgement.behaviour {
        Ok(behaviour) => behaviour,
        Err(why) => return vec![Difference::CannotTell(why)],
    };
    let mut found = Vec::new();
    let mut compare = |what, report: Option<&str>, second: Option<&str>| {
        if report != second {
            found.push(Difference::Otherwise {
                what,
                report: report.unwrap_or("nothing").to_owned(),
                second: second.unwrap_or("nothing").to_owned(),
            });
        }
    };
    compare("behaviour", cell["behaviour"].as_str(), Some(behaviour.name()));
    let end = (behaviour == Behaviour::Hung).then(|| judgement.end.name());
    compare("end", cell["ends"].as_str(), end);
    let served_by = cell["operation"]["served-by"].as_str();
    compare("server", served_by, judgement.served_by.as_deref());
    let code = |code: Option<u64>| code.map(|code| code.to_string());
    let said = code(cell["error"]["server"].as_u64());
    compare(
        "server's error",
        said.as_deref(),
        code(judgement.server_error.map(u64::from)).as_deref(),
    );
    let mut times = |what, report: Option<i64>, second: i64| {
        if let Some(report) = report.filter(|report| (report - second).abs() > SLACK) {
            found.push(Difference::Otherwise {
                what,
                report: format!("{report} ns"),
                second: format!("{second} ns"),
            });
        }
    };
    let began = record.operation().map_or(0, |operation| operation.began);
    if judgement.end != End::None {
        times(
            "time of the operation",
            cell["operation"]["time-ns"].as_i64(),
            judgement.ended - began,
        );
    }
    times("silence", cell["silence-ns"].as_i64(), judgement.silence);
    let (report, second) = (probes::reported(cell), probes::probed(record, frames));
    if report != second {
        found.push(Difference::Otherwise {
            what: "what the probes lived through",
            report: format!("{report:?}"),
            second: format!("{second:?}"),
        });
    }
    if !cell["spread"].is_null() {
        let (report, second) = (reported(cell), spread(record, frames));
        if report != second {
            found.push(Difference::Otherwise {
                what: "what each client reached",
                report: format!("{report:?}"),
                second: format!("{second:?}"),
            });
        }
    }
    found
}
