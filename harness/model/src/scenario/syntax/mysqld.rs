//! The real servers' mysqld, as typed.

use super::super::place::At;
use super::super::read::List;
use super::super::scalar::{Text, Yes};
use super::super::table::structure;

structure! {
    /// How every mysqld of the lab is set up.
    MysqldInput {
        /// MariaDB runs with InnoDB, so that there are transactions and locks. A start takes longer then.
        /// MySQL always has it.
        optional "innodb" innodb: At<Yes>;
        /// mysqld looks for the names of its clients: it runs without `--skip-name-resolve`, which all others
        /// have. It finds the hosts of the lab by their names, in an /etc/hosts of its own. In guests only.
        optional "name-resolve" name_resolve: At<Yes>;
        /// SQL statements that each server executes by itself before the cell begins, as `root` and past the
        /// network: databases, tables, rights of the client's account `app`. A statement that fails is a
        /// failure of the lab.
        optional "sql" sql: List<At<Text>>;
    }
}
