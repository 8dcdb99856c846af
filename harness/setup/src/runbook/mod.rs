//! How a real server is taken out of an operator's set-up: the procedures that people use, what clients feel
//! of each, and which one hurts nobody.

mod answer;
mod commands;
mod feel;
mod moves;
mod procedure;
mod settings;
mod timeline;

pub use answer::{Answer, Cell, Evidence, answer};
pub use feel::{Feel, Harm};
pub use procedure::Procedure;
pub use settings::{Trial, trials};
pub use timeline::{Scenarios, scenarios};

use crate::lab::Lab;
use crate::service::Server;
use lvs_matrix_model::Name;
use lvs_matrix_model::plan::ServerKind;
use std::fmt;
use std::time::Duration;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// The lab that is like the operator's.
    pub lab: Lab,
    /// The real server that is to leave.
    pub server: (Name, Server),
    /// Whose view of it is wanted.
    pub clients: Vec<Client>,
    /// How long an operator waits for work to end.
    pub wait: Duration,
}

impl Question {
    /// The kind of the servers.
    pub(crate) fn kind(&self) -> ServerKind {
        self.lab.lab.server.unwrap_or_default()
    }

    /// The procedures that there are for this set-up.
    #[must_use]
    pub fn procedures(&self) -> Vec<Procedure> {
        let kind = self.kind();
        let all = Procedure::ALL.into_iter();
        all.filter(|procedure| procedure.fits(kind)).collect()
    }

    /// The clients that there are for this set-up.
    #[must_use]
    pub fn clients_here(&self) -> Vec<Client> {
        let kind = self.kind();
        let asked = self.clients.iter().copied();
        asked.filter(|client| client.fits(kind)).collect()
    }
}

/// A client whose view is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Client {
    /// It has a connection to the server, and nothing to ask for long. Then it asks.
    Idle,
    /// It waits for an answer of the server when the operator begins.
    InFlight,
    /// It is in the middle of a transaction when the operator begins.
    Transaction,
    /// It connects while the operator is at work, and asks when he is done.
    New,
    /// It has two connections and asks something on both each minute; then it uses the first.
    Pool,
}

impl Client {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Idle,
        Self::InFlight,
        Self::Transaction,
        Self::New,
        Self::Pool,
    ];

    /// Its name on the command line and in scenarios.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::InFlight => "in-flight",
            Self::Transaction => "transaction",
            Self::New => "new",
            Self::Pool => "pool",
        }
    }

    /// What it is, for a legend.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Idle => "has a connection and nothing to ask until the procedure is over; then it asks",
            Self::InFlight => "waits for an answer that takes 60 s when the operator begins",
            Self::Transaction => "began a transaction a second before, and commits it 30 s later",
            Self::New => "was here before, connects while the operator is at work, and asks when all is done",
            Self::Pool => {
                "has two connections and asks on both each minute; the first is used when all is done"
            }
        }
    }

    /// Echo servers have no transactions.
    fn fits(self, kind: ServerKind) -> bool {
        match self {
            Self::Transaction => kind == ServerKind::Mysql,
            Self::Idle | Self::InFlight | Self::New | Self::Pool => true,
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
