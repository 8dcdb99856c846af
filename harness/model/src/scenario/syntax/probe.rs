//! Probes, and what is expected of them, as typed.

use super::super::place::At;
use super::super::read::Map;
use super::super::scalar::Attempts;
use super::super::table::structure;
use crate::Name;
use crate::probe::Asks;
use std::time::Duration;

structure! {
    /// A client that asks the virtual service again and again: a mysqld its `server_id`, an echo server a
    /// line. A program of your own it only connects to.
    ProbeInput {
        /// On what it asks. `new-connection`: each attempt opens a connection, asks on it, and closes it.
        /// `open-connection`: all attempts ask on one connection; when that is lost the attempt is lost, and
        /// the next one opens another. `pool`: the same, as a pool with a check does it; the attempt that
        /// finds the connection lost opens another and asks on that. Default: `new-connection`.
        optional "asks" asks: At<Asks>;
        /// How long after the beginning of an attempt the next one begins, at least `10ms`. One that asks on
        /// an open connection waits for the end of the attempt before, too. Outages are measured in steps of
        /// this. Default: 100ms.
        optional "every" every: At<Duration>;
        /// How long it waits for an answer. Then the attempt is given up, and its connection closed. Default:
        /// 1s.
        optional "timeout" timeout: At<Duration>;
    }
}

structure! {
    /// What probes live through. An outage lasts from the beginning of an attempt that gets no answer to the
    /// beginning of the first of ten in a row that do, or to the end of the cell. Of the attempts in it all
    /// may get no answer, or some: where every second client is sent to a dead server, every second one does.
    OutageInput {
        /// The longest outage of each probe lasts at least this long.
        optional "at-least" at_least: At<Duration>;
        /// The longest outage of each probe lasts at most this long.
        optional "at-most" at_most: At<Duration>;
        /// At most so many attempts of each probe get no answer. 0: there is no outage.
        optional "lost" lost: At<Attempts>;
        /// What single probes live through, by name.
        optional "of" of: Map<Name, BoundsInput>;
    }
}

structure! {
    /// What a probe lives through.
    BoundsInput {
        /// Its longest outage lasts at least this long.
        optional "at-least" at_least: At<Duration>;
        /// Its longest outage lasts at most this long.
        optional "at-most" at_most: At<Duration>;
        /// At most so many of its attempts get no answer. 0: there is no outage.
        optional "lost" lost: At<Attempts>;
    }
}
