//! ldirectord on the director, as typed.

use super::super::place::At;
use super::super::scalar::{Failures, Seconds};
use super::super::table::structure;
use crate::Name;
use crate::ldirectord::{CheckType, Switch};

structure! {
    /// ldirectord(8) runs on the director: it fills the table, checks the real servers one after another, and
    /// edits the table by what it finds. A lab and its values may each say a part of this, in the words of
    /// ldirectord.cf. Its configuration is made from the lab; the log and every change of the table are kept
    /// in the cell's record.
    LdirectordInput {
        /// How real servers are checked: `connect`, it connects and closes the connection; `negotiate`, it
        /// logs in to the mysqld and asks `SELECT 1` (`service = mysql`), for which nothing sets a time
        /// limit; `external`, a program asks the server something and waits for the answer; `on`, not at all.
        /// Default: `connect`; ldirectord's own is `negotiate`.
        optional "checktype" checktype: At<CheckType>;
        /// How long it sleeps after a round of checks: whole seconds. Default: 10s.
        optional "checkinterval" checkinterval: At<Seconds>;
        /// How long a check may take, if it is `connect` or `external`: whole seconds. Default: 5s.
        optional "checktimeout" checktimeout: At<Seconds>;
        /// How many checks in a row fail before the real server counts as failed. Default: 1.
        optional "failurecount" failurecount: At<Failures>;
        /// `yes`: a real server that has failed stays in the table with weight 0. `no`: it is deleted.
        /// Default: `no`.
        optional "quiescent" quiescent: At<Switch>;
        /// The real server that is put into the table when all others have failed, and only then. It stands
        /// by (`stands-by`), and is not checked.
        optional "fallback" fallback: At<Name>;
        /// `yes`: a process of its own checks the real servers of the virtual service. Default: `no`.
        optional "fork" fork: At<Switch>;
        /// `yes`: when it is told to end it takes the virtual service out of the table. Default: `yes`.
        optional "cleanstop" cleanstop: At<Switch>;
        /// `yes`: it looks after each round of checks whether its configuration has changed, and reads it
        /// then. `reload-ldirectord` sends no signal in such a lab. Default: `no`.
        optional "autoreload" autoreload: At<Switch>;
    }
}
