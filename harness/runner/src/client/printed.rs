//! What the `mariadb` and `mysql` command lines print, understood line by line. Their texts have been the
//! same for decades, but for MariaDB's leaving out the word MySQL (client/mysql.cc in both: `put_error`,
//! `com_go`, `reconnect`, `com_connect`).

use lvs_matrix_model::record::{ClientError, ClientErrorKind};

/// Something that a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Printed {
    /// `Your MariaDB connection id is 4`.
    ConnectionId(u32),
    /// `Server version: 10.11.19-MariaDB-0+deb12u1 Debian 12`.
    ServerVersion(String),
    /// `ERROR 2013 (HY000): Lost connection to server during query`.
    Error(ClientError),
    /// `No connection. Trying to reconnect...`.
    Reconnecting,
    /// `Connection id:    4`.
    Reconnected(Option<u32>),
    /// `1 row in set (5 min 25.57 sec)`, `Empty set (0.00 sec)`, `Query OK, 0 rows affected (0.00 sec)`.
    Result { rows: u64, first_row: Vec<String> },
}

/// Reads lines of one statement's output.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// How many of the three borders of a table have been seen.
    borders: u8,
    /// The first of them. All three are the same, and no line of a value is as long: a column is as wide as
    /// its longest value is with all of its lines (client/mysql.cc, `print_table_data`; `max_length` counts
    /// the whole value).
    border: String,
    first_row: Option<Vec<String>>,
}

impl Reader {
    /// What `line` says, if anything.
    pub(super) fn line(&mut self, line: &str) -> Option<Printed> {
        let is_border = line.starts_with("+-") && line.chars().all(|c| matches!(c, '+' | '-'));
        if is_border && (!self.in_table() || line == self.border) {
            self.borders = self.borders % 3 + 1;
            line.clone_into(&mut self.border);
            return None;
        }
        // Between its borders a table holds what a server sent, which may look like anything.
        if self.in_table() {
            if self.borders == 2 && self.first_row.is_none() {
                self.first_row = cells(line);
            }
            return None;
        }
        if let Some(error) = error(line) {
            return Some(Printed::Error(error));
        }
        if let Some(rows) = rows(line) {
            let first_row = self.first_row.take().unwrap_or_default();
            self.borders = 0;
            return Some(Printed::Result { rows, first_row });
        }
        if line == "No connection. Trying to reconnect..." {
            return Some(Printed::Reconnecting);
        }
        if let Some(id) = line.strip_prefix("Connection id:") {
            return Some(Printed::Reconnected(id.trim().parse().ok()));
        }
        if let Some(version) = line.strip_prefix("Server version:") {
            return Some(Printed::ServerVersion(version.trim().to_owned()));
        }
        let id = line.strip_prefix("Your ")?.split_once(" connection id is ")?.1;
        id.trim().parse().ok().map(Printed::ConnectionId)
    }
}

impl Reader {
    /// Is the table that is being printed not at its end?
    pub(super) fn in_table(&self) -> bool {
        matches!(self.borders, 1 | 2)
    }
}

/// The values of a line of a table: `| 1 | two |`.
fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.strip_prefix("| ")?.strip_suffix(" |")?;
    Some(inner.split(" | ").map(|value| value.trim().to_owned()).collect())
}

/// The number of rows in the line that ends a result: it ends with a time in brackets.
fn rows(line: &str) -> Option<u64> {
    let text = line.split(", ").next()?;
    let timed = |text: &str| text.split_once(" (").is_some_and(|(_, time)| is_time(time));
    if text.starts_with("Query OK") {
        let all = line.strip_prefix("Query OK, ")?;
        return (all.contains(" affected") && timed(all)).then_some(0);
    }
    if !timed(line) {
        return None;
    }
    if line.starts_with("Empty set") {
        return Some(0);
    }
    let (count, rest) = line.split_once(' ')?;
    (rest.starts_with("row in set") || rest.starts_with("rows in set")).then(|| count.parse().ok())?
}

/// `0.00 sec)`, `5 min 25.57 sec)`, `1 hour 2 min 3.45 sec)`, `1 day 0 hours 0 min 3.45 sec)`, perhaps
/// followed by nothing else.
fn is_time(text: &str) -> bool {
    let Some(inner) = text.strip_suffix(" sec)") else {
        return false;
    };
    let words: Vec<&str> = inner.split(' ').collect();
    let [before @ .., seconds] = words.as_slice() else {
        return false;
    };
    let units = before.chunks(2).all(|pair| match pair {
        [number, unit] => {
            number.parse::<u32>().is_ok()
                && matches!(*unit, "day" | "days" | "hour" | "hours" | "min" | "mins")
        }
        _ => false,
    });
    units && seconds.parse::<f64>().is_ok()
}

/// `ERROR 2003 (HY000): Can't connect … (111)`, in batch mode `ERROR 1064 (42000) at line 1: …`.
fn error(line: &str) -> Option<ClientError> {
    let (number, rest) = line.strip_prefix("ERROR ")?.split_once(" (")?;
    let (sqlstate, rest) = rest.split_once(')')?;
    let (_, text) = rest.split_once(": ")?;
    let code: u16 = number.parse().ok()?;
    if sqlstate.len() != 5 {
        return None;
    }
    let kind = if (2000..3000).contains(&code) {
        ClientErrorKind::Library {
            code,
            sqlstate: sqlstate.to_owned(),
            errno: errno(text),
        }
    } else {
        ClientErrorKind::Server {
            code,
            sqlstate: sqlstate.to_owned(),
        }
    };
    Some(ClientError {
        kind,
        message: line.to_owned(),
    })
}

/// The errno at the end of an error's text: `… (111)`, `… (111 "Connection refused")`,
/// `…, system error: 110`.
fn errno(text: &str) -> Option<i32> {
    if let Some((_, number)) = text.rsplit_once("system error: ") {
        let digits = number.split(|c: char| !c.is_ascii_digit()).next()?;
        return digits.parse().ok();
    }
    let (_, inner) = text.strip_suffix(')')?.rsplit_once('(')?;
    inner.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str) -> Vec<Printed> {
        let mut reader = Reader::default();
        lines.lines().filter_map(|line| reader.line(line)).collect()
    }

    fn result(rows: u64, first: &[&str]) -> Printed {
        Printed::Result {
            rows,
            first_row: first.iter().map(|value| (*value).to_owned()).collect(),
        }
    }

    fn library(code: u16, errno: Option<i32>, message: &str) -> Printed {
        Printed::Error(ClientError {
            kind: ClientErrorKind::Library {
                code,
                sqlstate: "HY000".to_owned(),
                errno,
            },
            message: message.to_owned(),
        })
    }

    /// The transcripts of the article, of MySQL's client.
    #[test]
    fn the_articles_transcripts_are_understood() {
        let refused = "ERROR 2003 (HY000): Can't connect to MySQL server on '10.27.113.51' (111)";
        assert_eq!(read(refused), [library(2003, Some(111), refused)]);
        let gone = "ERROR 2006 (HY000): MySQL server has gone away";
        let text = format!(
            "{gone}\nNo connection. Trying to reconnect...\nConnection id:    9911\nCurrent database: *** \
             NONE ***\n\n"
        );
        assert_eq!(
            read(&text),
            [
                library(2006, None, gone),
                Printed::Reconnecting,
                Printed::Reconnected(Some(9911))
            ]
        );
        let lost = "ERROR 2013 (HY000): Lost connection to MySQL server during query";
        assert_eq!(read(lost), [library(2013, None, lost)]);
        let slow = "+---+\n| 1 |\n+---+\n| 1 |\n+---+\n1 row in set (5 min 25.57 sec)\n";
        assert_eq!(read(slow), [result(1, &["1"])]);
        let slept = "+-----------+\n| sleep(10) |\n+-----------+\n|         0 |\n+-----------+\n1 row in set \
            (10.00 sec)\n";
        assert_eq!(read(slept), [result(1, &["0"])]);
    }

    #[test]
    fn mariadbs_wording_and_other_ends_are_understood() {
        let refused = "ERROR 2002 (HY000): Can't connect to server on '192.0.2.100' (115)";
        assert_eq!(read(refused), [library(2002, Some(115), refused)]);
        let greeting = "ERROR 2013 (HY000): Lost connection to server at 'handshake: reading initial \
            communication packet', system error: 110";
        assert_eq!(read(greeting), [library(2013, Some(110), greeting)]);
        assert_eq!(read("Empty set (0.000 sec)"), [result(0, &[])]);
        assert_eq!(
            read("Query OK, 3 rows affected, 1 warning (1 hour 0.012 sec)"),
            [result(0, &[])]
        );
        assert_eq!(
            read("2 rows in set, 1 warning (1 day 2 hours 3 min 4.50 sec)"),
            [result(2, &[])]
        );
        assert_eq!(
            read("Your MariaDB connection id is 12\nServer version: 10.11.19-MariaDB Debian 12"),
            [
                Printed::ConnectionId(12),
                Printed::ServerVersion("10.11.19-MariaDB Debian 12".to_owned())
            ]
        );
        assert_eq!(
            read("ERROR 1064 (42000) at line 1: You have an error in your SQL syntax"),
            [Printed::Error(ClientError {
                kind: ClientErrorKind::Server {
                    code: 1064,
                    sqlstate: "42000".to_owned()
                },
                message: "ERROR 1064 (42000) at line 1: You have an error in your SQL syntax".to_owned()
            })]
        );
    }

    /// What a server sends as data is no word of the client's.
    #[test]
    fn values_that_look_like_messages_are_values() {
        let text = "+---+\n| ERROR 2013 (HY000): no |\n+---+\n| 7 |\nERROR 2006 (HY000): no\n1 row in set \
            (0.00 sec)\nmysql> \n\
                    +---+\n1 row in set (0.00 sec)\n";
        assert_eq!(read(text), [result(1, &["7"])]);
        // A value of several lines that draws a border of its own, and an error below it.
        let drawn = "+------------------------------+\n| v                            \
            |\n+------------------------------+\n| a\n+---+\n\
                     ERROR 2013 (HY000): no\nmysql> \n+---+ |\n+------------------------------+\n1 row in \
                     set (0.00 sec)\n";
        assert_eq!(read(drawn), [result(1, &[])]);
        for line in [
            "ERROR: Can't connect to the server",
            "ERROR x (HY000): y",
            "1 row in set",
            "Query OK",
            "(0.00 sec)",
        ] {
            assert_eq!(read(line), [], "{line}");
        }
    }
}
