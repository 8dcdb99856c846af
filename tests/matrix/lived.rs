//! What a client lived through, and that the report says so and has what shows it.

use super::{S, cell, run};
use serde_json::Value;

/// What a client lived through.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lived {
    /// The answer of this server, within patience.
    Answered(&'static str),
    /// The classic client's code and errno, and what told the client, in order: (packet, its sender).
    FailedFast(u16, Option<u16>, &'static [(&'static str, &'static str)]),
    /// Silence, and then this.
    Hung(End),
}

/// How a hang ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    /// An answer of this server.
    Answer(&'static str),
    /// Lost connection (2013) with one of these: an RST that the director sent, or the client's own patience.
    /// None are given of a program that does not tell.
    Error(&'static [u16]),
    /// The classic client's code and errno, and what had told the client meanwhile, any number of times:
    /// (packet, its sender).
    GaveUp(u16, Option<u16>, &'static [(&'static str, &'static str)]),
    /// It did not.
    None,
}

pub(crate) use End::{Answer, Error, GaveUp};
pub(crate) use Lived::{Answered, FailedFast, Hung};

pub(crate) const ETIMEDOUT: u16 = 110;
pub(crate) const ECONNRESET: u16 = 104;
pub(crate) const ECONNREFUSED: u16 = 111;
pub(crate) const NO_SERVER: &[(&str, &str)] = &[("ICMP port unreachable", "director")];
pub(crate) const NO_PROCESS: &[(&str, &str)] = &[("RST", "rs1")];
pub(crate) const PROCESS_ENDED: &[(&str, &str)] = &[("FIN", "rs1")];
pub(crate) const NO_ENTRY: &[(&str, &str)] = &[("RST", "director")];

/// The cell's client lived through this, and the report has what shows it.
pub(crate) fn check(id: &str, lived: Lived) {
    let run = run();
    let cell = cell(&run.report, id);
    let context = format!("{id} in {}\n{cell:#}", run.out.display());
    let error = &cell["error"];
    let told = told(cell);

    assert_eq!(cell["verdict"]["result"], "met", "{context}");
    match lived {
        Answered(server) => {
            assert_eq!(cell["behaviour"], "answered", "{context}");
            assert_eq!(cell["article"], "OK", "{context}");
            assert_eq!(cell["operation"]["served-by"], server, "{context}");
            assert!(error.is_null(), "{context}");
            assert!(told.is_empty(), "{context}");
        }
        FailedFast(code, errno, by) => {
            assert_eq!(cell["behaviour"], "failed-fast", "{context}");
            assert_eq!(cell["article"], "OK", "{context}");
            // Within patience, which begins when a healthy server would have answered.
            let number = |key: &str| cell["operation"][key].as_i64().unwrap();
            assert!(number("ended-ns") <= number("due-ns") + 5 * S, "{context}");
            assert_eq!(error["classic"], code, "{context}");
            assert_eq!(error["errno"].as_u64(), errno.map(u64::from), "{context}");
            // What came first told the client; a server that ends may say it again.
            assert!(told.starts_with(by), "{context}");
        }
        Hung(end) => {
            assert_eq!(cell["behaviour"], "hung", "{context}");
            assert_eq!(cell["article"], "NG", "{context}");
            assert!(cell["silence-ns"].as_i64().unwrap() > 5 * S, "{context}");
            match end {
                Answer(server) => {
                    assert_eq!(cell["ends"], "answer", "{context}");
                    assert_eq!(cell["operation"]["served-by"], server, "{context}");
                    assert!(error.is_null() && told.is_empty(), "{context}");
                }
                Error(errnos) => {
                    assert_eq!(cell["ends"], "error", "{context}");
                    assert_eq!(error["classic"], 2013, "{context}");
                    let errno = error["errno"].as_u64().map(|errno| u16::try_from(errno).unwrap());
                    match errno {
                        None => assert!(
                            errnos.is_empty() && (told.is_empty() || told == NO_ENTRY),
                            "{context}"
                        ),
                        Some(errno) => {
                            assert!(errnos.contains(&errno), "{context}");
                            let by: &[(&str, &str)] = if errno == ECONNRESET { NO_ENTRY } else { &[] };
                            assert_eq!(told, by, "{context}");
                        }
                    }
                }
                GaveUp(code, errno, by) => {
                    assert_eq!(cell["ends"], "error", "{context}");
                    assert_eq!(error["classic"], code, "{context}");
                    assert_eq!(error["errno"].as_u64(), errno.map(u64::from), "{context}");
                    assert!(by.iter().all(|by| told.contains(by)), "{context}");
                    assert!(told.iter().all(|told| by.contains(told)), "{context}");
                }
                End::None => {
                    assert_eq!(cell["ends"], "none", "{context}");
                    assert!(error.is_null() && told.is_empty(), "{context}");
                }
            }
        }
    }
}

/// What ended or refused the connection, with its sender, in order.
pub(crate) fn told(cell: &Value) -> Vec<(&str, &str)> {
    let list = cell["terminators"].as_array().unwrap().iter();
    list.map(|item| (item["kind"].as_str().unwrap(), item["by"].as_str().unwrap()))
        .collect()
}
