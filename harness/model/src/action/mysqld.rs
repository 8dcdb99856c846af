//! What happens to a mysqld's process.

use super::entry::actions;
use crate::Name;
use serde::{Deserialize, Serialize};

/// A signal that ends a mysqld.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum StopSignal {
    /// An orderly shutdown, as `systemctl stop` does.
    Term,
    /// The process is gone at once; its kernel closes the sockets.
    Kill,
}

actions! {
    $ mysqld_actions;

    /// Something done to the mysqld of a real server.
    MysqldAction {
        /// A mysqld is ended by a signal; done when the process is gone.
        "stop-mysqld" StopMysqld {
            /// The real server it runs on.
            required "server" server: Name;
            /// `TERM`: an orderly shutdown, as `systemctl stop` does it. `KILL`: the process is gone at once,
            /// and its kernel closes the sockets.
            default("TERM") "signal" signal: StopSignal;
        } says {
            { server, signal: StopSignal::Term } =>
                en("stop mysqld on {server} (SIGTERM)") zh("停止 {server} 的 mysqld（SIGTERM）");
            { server, signal: StopSignal::Kill } =>
                en("stop mysqld on {server} (SIGKILL)") zh("停止 {server} 的 mysqld（SIGKILL）");
        }

        /// A mysqld that was stopped is started again; done when it answers.
        "start-mysqld" StartMysqld {
            /// A real server of the lab.
            required "server" server: Name;
        } says {
            { server } => en("start mysqld on {server}") zh("启动 {server} 的 mysqld");
        }

        /// A mysqld is stopped by SIGSTOP: none of its threads runs any more, while its kernel still
        /// acknowledges segments and accepts connections.
        "freeze-mysqld" FreezeMysqld {
            /// A real server of the lab.
            required "server" server: Name;
        } says {
            { server } => en("freeze mysqld on {server} (SIGSTOP)") zh("冻结 {server} 的 mysqld（SIGSTOP）");
        }

        /// A mysqld that was frozen goes on (SIGCONT); done when it answers.
        "thaw-mysqld" ThawMysqld {
            /// A real server of the lab.
            required "server" server: Name;
        } says {
            { server } => en("thaw mysqld on {server} (SIGCONT)") zh("恢复 {server} 的 mysqld（SIGCONT）");
        }
    }
}

impl MysqldAction {
    /// The real server that it runs on.
    #[must_use]
    pub fn server(&self) -> &Name {
        match self {
            Self::StopMysqld { server, .. }
            | Self::StartMysqld { server }
            | Self::FreezeMysqld { server }
            | Self::ThawMysqld { server } => server,
        }
    }
}
