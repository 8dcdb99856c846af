//! The article's rows with the real command line: what its terminal showed, held against the article's words.
//! Where MariaDB's program has other words or another code than the article's MySQL 5.6, both are named here.

use super::lived::*;
use super::{cell, record, run};
use rstest::rstest;
use std::fs;

const EINPROGRESS: u16 = 115;

/// `ERROR 2003 (HY000): Can't connect to MySQL server on '10.27.113.51' (111)`.
const REFUSED: &str = "ERROR 2003 (HY000): Can't connect to MySQL server on '192.0.2.100' (111)";
const GONE: &str = "ERROR 2006 (HY000): MySQL server has gone away";
const LOST: &str = "ERROR 2013 (HY000): Lost connection to MySQL server during query";
const CONNECTED: &str = "Your MySQL connection id is ";
const ONE_ROW: &str = "1 row in set (0.00";

/// What MariaDB's program says instead.
const MARIADB_SAYS: [(&str, &str); 4] = [
    (
        REFUSED,
        "ERROR 2002 (HY000): Can't connect to server on '192.0.2.100' (115)",
    ),
    (GONE, "ERROR 2006 (HY000): Server has gone away"),
    (LOST, "ERROR 2013 (HY000): Lost connection to server during query"),
    (CONNECTED, "Your MariaDB connection id is "),
];

// Each with what lines of the terminal begin with, in their order, in the article's words.
#[rstest]
#[case("article/present-up-new-connection", Answered("rs1"), &[CONNECTED])]
#[case("article/present-up-execute-sql", Answered("rs1"), &["mysql> select 1;", "| 1 |", ONE_ROW])]
#[case(
    "article/present-down-new-connection",
    FailedFast(2002, Some(EINPROGRESS), NO_PROCESS),
    &[REFUSED]
)]
// The article has 2006 and a new connection here.
#[case(
    "article/present-down-execute-sql",
    FailedFast(2013, None, PROCESS_ENDED),
    &["mysql> select 1;", LOST]
)]
#[case(
    "article/present-down-execute-sql-again",
    FailedFast(2006, None, PROCESS_ENDED),
    &[
        "mysql> select 1;",
        LOST,
        "mysql> select 1;",
        GONE,
        "No connection. Trying to reconnect...",
        "Connection id:    ",
        "Current database: *** NONE ***",
        "| 1 |",
        ONE_ROW,
    ]
)]
#[case(
    "article/present-down-execute-sql-reconnects",
    FailedFast(2006, None, &[("FIN", "rs1"), ("FIN", "rs1"), ("RST", "rs1")]),
    &[
        "mysql> select 1;",
        GONE,
        "No connection. Trying to reconnect...",
        "Connection id:    ",
        "Current database: *** NONE ***",
        "| 1 |",
        ONE_ROW,
    ]
)]
#[case(
    "article/present-down-waiting",
    FailedFast(2013, None, PROCESS_ENDED),
    &["mysql> select sleep(20);", LOST]
)]
#[case(
    "article/absent-up-new-connection",
    FailedFast(2002, Some(EINPROGRESS), NO_SERVER),
    &[REFUSED]
)]
#[case(
    "article/absent-up-new-connection-other-server",
    Answered("rs2"),
    &["select @@server_id", "| @@server_id |", "|         102 |", ONE_ROW]
)]
#[case("article/absent-up-execute-sql", Hung(Error(&[])), &["mysql> select 1;", LOST])]
#[case(
    "article/absent-up-execute-sql-re-added",
    Hung(Answer("rs1")),
    &["mysql> select 1;", "| 1 |", "1 row in set (5 min "]
)]
#[case(
    "article/absent-up-execute-sql-expire-nodest",
    FailedFast(2013, None, NO_ENTRY),
    &["mysql> select 1;", LOST]
)]
#[case(
    "article/absent-up-waiting",
    Answered("rs1"),
    &["mysql> select sleep(10);", "| sleep(10) |", "|         0 |", "1 row in set (10.00"]
)]
fn row_of_the_article(#[case] id: &str, #[case] lived: Lived, #[case] phrases: &[&str]) {
    check(id, lived);
    let cell = cell(&run().report, id);
    let record = record(cell);
    let transcripts = record["client"]["transcripts"].as_array().unwrap();
    let lines: Vec<&str> = transcripts
        .iter()
        .flat_map(|transcript| transcript["lines"].as_array().unwrap())
        .map(|line| line["text"].as_str().unwrap())
        .collect();
    let said =
        in_order(&lines, phrases).unwrap_or_else(|missing| panic!("{id}: no {missing:?} in {lines:#?}"));
    // An error ends what an operation says, and nothing but the article's is in it.
    let errors = |lines: &[&str]| lines.iter().filter(|line| line.starts_with("ERROR")).count();
    assert_eq!(errors(&lines), errors(&said), "{id}: {lines:#?}");

    // The report shows it, and so does the file beside it.
    let folder = run().out.join(id);
    let page = fs::read_to_string(folder.join("report.md")).unwrap();
    let file = fs::read_to_string(folder.join("transcript.txt")).unwrap();
    for line in said {
        assert!(page.contains(line), "{id}: report.md has no {line:?}");
        assert!(file.contains(line), "{id}: transcript.txt has no {line:?}");
    }
}

/// The lines that begin with the phrases, in their order; or the phrase that no later line begins with.
fn in_order<'a, 'p>(lines: &[&'a str], phrases: &[&'p str]) -> Result<Vec<&'a str>, &'p str> {
    let mut lines = lines.iter();
    let found = phrases.iter().map(|phrase| {
        let mariadb_s = MARIADB_SAYS.iter().find(|(article, _)| article == phrase);
        let line = lines.find(|line| {
            line.starts_with(phrase) || mariadb_s.is_some_and(|(_, mariadb_s)| line.starts_with(mariadb_s))
        });
        line.copied().ok_or(*phrase)
    });
    found.collect()
}

/// The article's hang of 5 min 25.57 sec: the terminal, the client's events and its packets give the same
/// time.
#[test]
fn the_terminal_s_minutes_are_those_of_the_packets() {
    let cell = cell(&run().report, "article/absent-up-execute-sql-re-added");
    let record = record(cell);
    let lines = record["client"]["transcripts"][0]["lines"].as_array().unwrap();
    let text = lines.iter().map(|line| line["text"].as_str().unwrap());
    let printed = text
        .filter_map(|text| text.strip_prefix("1 row in set (5 min "))
        .next();
    let seconds: f64 = printed.unwrap().strip_suffix(" sec)").unwrap().parse().unwrap();
    let felt = cell["operation"]["time-ns"].as_f64().unwrap() / 1e9;
    assert!(
        (felt - 300.0 - seconds).abs() < 0.1,
        "{felt} s, printed {seconds} s"
    );
    let gaps = cell["retransmissions"]["gaps-ns"].as_array().unwrap();
    let again: f64 = gaps.iter().map(|gap| gap.as_f64().unwrap() / 1e9).sum();
    assert!(
        (felt - again).abs() < 0.1,
        "{felt} s, retransmitted for {again} s: the last one is answered"
    );
}
