//! What the harness asks a mysqld by itself, over the mysqld's own socket.

use super::{ADMIN_DEADLINE, RealServer};
use crate::clock::poll_for;
use crate::error::{LabError, Result};
use crate::template::Template;
use lvs_matrix_model::record::{OpenTransaction, ServerSession};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// The global variables that say how long a server waits for a client.
const TIMEOUTS: [&str; 5] = [
    "connect_timeout",
    "interactive_timeout",
    "net_read_timeout",
    "net_write_timeout",
    "wait_timeout",
];

impl RealServer {
    /// Ends every session of a client, and waits until they are gone. Gives how many there were.
    pub(crate) fn end_sessions(&self, deadline: Duration, between: Duration) -> Result<u32> {
        // Those that came over the network: the lab's own come over the socket.
        const OTHERS: &str = "select id from information_schema.processlist where host like '%:%'";
        let stage = || format!("end the sessions of {}", self.name);
        let failed = |error| LabError::new(stage(), error);
        let mut known = BTreeSet::new();
        let ended = poll_for(deadline, between, || {
            let others = self.ask(OTHERS).map_err(failed)?;
            for id in others.iter().filter_map(|row| row.get::<u64, _>(0)) {
                known.insert(id);
                // It may have ended by itself meanwhile; the next look shows it.
                let _ = self.ask(&format!("kill {id}"));
            }
            Ok(others.is_empty().then_some(()))
        })?;
        let sessions = u32::try_from(known.len()).unwrap_or(u32::MAX);
        let still = || LabError::new(stage(), "some are still there");
        ended.map(|()| sessions).ok_or_else(still)
    }

    /// A schema or a table that the server did not come with, if there is any.
    pub(crate) fn made_by_a_client(&self) -> Result<Option<String>> {
        const OWN: &str = "'information_schema', 'mysql', 'performance_schema', 'sys'";
        let stage = || format!("look for what clients made in {}", self.name);
        let made = self.ask(&format!(
            "select schema_name from information_schema.schemata where schema_name not in ({OWN}, 'test') \
             union all \
             select table_name from information_schema.tables where table_schema not in ({OWN})"
        ));
        let made = made.map_err(|error| LabError::new(stage(), error))?;
        Ok(made.first().and_then(|row| row.get(0)))
    }

    /// Makes the server forget which hosts failed to connect.
    pub(crate) fn forget_hosts(&self) -> Result<()> {
        let stage = || format!("make {} forget its clients", self.name);
        let flushed = self.ask("flush hosts").map(drop);
        flushed.map_err(|error| LabError::new(stage(), error))
    }

    /// The sessions that come from `client`, if the server answers. One that is no mysqld has no list.
    pub(crate) fn sessions(&self, client: IpAddr) -> std::result::Result<Vec<ServerSession>, String> {
        if !self.is_mysql() {
            return Err("it lists no sessions".to_owned());
        }
        let prefix = format!("{client}:");
        let mut transactions = self.transactions()?;
        let sessions = self
            .ask("show full processlist")?
            .into_iter()
            .map(|row| ServerSession {
                transaction: row.get(0).and_then(|id: u64| transactions.remove(&id)),
                id: row.get(0).unwrap_or_default(),
                host: row.get::<Option<String>, _>(2).flatten().unwrap_or_default(),
                command: row.get::<Option<String>, _>(4).flatten().unwrap_or_default(),
                seconds: row.get::<Option<i64>, _>(5).flatten().unwrap_or_default(),
                info: row.get::<Option<String>, _>(7).flatten(),
            });
        Ok(sessions
            .filter(|session| session.host.starts_with(&prefix))
            .collect())
    }

    /// What InnoDB has of open transactions, by the session's id; nothing where it is off.
    fn transactions(&self) -> std::result::Result<BTreeMap<u64, OpenTransaction>, String> {
        if !self.template.as_ref().is_some_and(Template::has_innodb) {
            return Ok(BTreeMap::new());
        }
        let rows = self.ask(
            "select trx_mysql_thread_id, trx_state, timestampdiff(second, trx_started, now()), \
             trx_rows_locked, trx_rows_modified from information_schema.innodb_trx",
        )?;
        let read = |row: Row| {
            let (session, state, seconds, rows_locked, rows_modified) =
                mysql_async::from_row_opt(row).ok()?;
            let transaction = OpenTransaction {
                state,
                seconds,
                rows_locked,
                rows_modified,
            };
            Some((session, transaction))
        };
        let read = rows.into_iter().map(read).collect::<Option<_>>();
        read.ok_or_else(|| "a line of information_schema.innodb_trx that cannot be read".to_owned())
    }

    /// Has the server execute the lab's own statements.
    pub(crate) fn set_up(&self) -> Result<()> {
        for sql in &self.sql {
            let stage = || format!("execute `{sql}` (lab.mysqld.sql) on {}", self.name);
            self.ask(sql).map_err(|error| LabError::new(stage(), error))?;
        }
        Ok(())
    }

    /// Reads how long the server waits for its clients. A server that does not say so is asked for nothing
    /// more: an explanation then lacks the value, and says so.
    pub(crate) fn read_timeouts(&mut self) {
        if !self.is_mysql() {
            return;
        }
        let list = TIMEOUTS.map(|name| format!("'{name}'")).join(", ");
        let rows = self.ask(&format!("show global variables where variable_name in ({list})"));
        let read = |row: Row| {
            let (name, value): (String, String) = mysql_async::from_row_opt(row).ok()?;
            Some((name, value.parse().ok()?))
        };
        self.timeouts = rows.unwrap_or_default().into_iter().filter_map(read).collect();
    }

    /// Asks the server over its own socket, which is no part of the lab's network.
    pub(super) fn ask(&self, sql: &str) -> std::result::Result<Vec<Row>, String> {
        let options = OptsBuilder::default()
            .socket(Some(self.socket().to_string_lossy()))
            .user(Some("root"))
            .max_allowed_packet(Some(16 << 20))
            .wait_timeout(Some(28_800));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        runtime.block_on(async {
            let ask = async {
                let mut connection = Conn::new(options).await?;
                let rows: Vec<Row> = connection.query(sql).await?;
                connection.disconnect().await?;
                Ok::<_, mysql_async::Error>(rows)
            };
            match tokio::time::timeout(ADMIN_DEADLINE, ask).await {
                Ok(answer) => answer.map_err(|error| error.to_string()),
                Err(_) => Err(format!("no answer within {} s", ADMIN_DEADLINE.as_secs())),
            }
        })
    }
}
