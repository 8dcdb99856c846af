//! A connect to a certain real server: the director had no other choice meanwhile.

use super::Done;
use lvs_matrix_model::Name;
use lvs_matrix_model::record::{CommandRecord, Proof, StepOutcome};

/// How the director came to choose a real server, where the scenario says which one.
#[derive(Default)]
pub(super) struct Led {
    /// What became of it; `None` if the scenario leaves the choice to the scheduler.
    pub(super) choice: Option<Choice>,
    /// The command lines that left no other choice, and those that put the table back.
    pub(super) commands: Vec<CommandRecord>,
}

/// The director's choice of a real server, where it had no other.
pub(super) enum Choice {
    /// Its entry for the client's port leads to this server.
    Entry { port: u16, server: Name },
    /// It made no entry.
    NoEntry,
}

impl Led {
    pub(super) fn add_to(self, done: &mut Done) {
        done.commands.extend(self.commands);
        if let (StepOutcome::Done { proof }, Some(choice)) = (&mut done.outcome, self.choice) {
            let shown = Box::new(proof.clone());
            *proof = match choice {
                Choice::Entry { port, server } => Proof::Chosen {
                    proof: shown,
                    port,
                    server,
                },
                Choice::NoEntry => Proof::NotChosen { proof: shown },
            };
        }
    }
}
