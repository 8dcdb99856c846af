//! What happens to the process of a mysqld, or of the server of another kind that is in its place.

use super::entry::actions;
use crate::Name;
use serde::{Deserialize, Serialize};

/// A signal that ends a server.
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

    /// Something done to the mysqld of a real server, or to the server of another kind that is in its place.
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

        /// The operator ends every session of a client on a mysqld: `KILL` for each, as `root` and past the
        /// network; done when the process list has none left.
        "kill-sessions" KillSessions {
            /// A real server of the lab.
            required "server" server: Name;
        } says {
            { server } => en("kill the sessions on {server}") zh("终止 {server} 上的会话");
        }

        /// A server, of whatever kind, is ended by a signal; done when the process is gone.
        "stop-server" StopServer {
            /// The real server it runs on.
            required "server" server: Name;
            /// `TERM`: as `systemctl stop` does it. `KILL`: the process is gone at once, and its kernel
            /// closes the sockets. The echo servers end by both at once.
            default("TERM") "signal" signal: StopSignal;
        } says {
            { server, signal: StopSignal::Term } =>
                en("stop the server on {server} (SIGTERM)") zh("停止 {server} 的服务程序（SIGTERM）");
            { server, signal: StopSignal::Kill } =>
                en("stop the server on {server} (SIGKILL)") zh("停止 {server} 的服务程序（SIGKILL）");
        }

        /// A server that was stopped is started again; done when it answers.
        "start-server" StartServer {
            /// A real server of the lab.
            required "server" server: Name;
        } says {
            { server } => en("start the server on {server}") zh("启动 {server} 的服务程序");
        }

        /// A server is stopped by SIGSTOP: none of its threads runs any more, while its kernel still
        /// acknowledges segments, accepts connections, and queues datagrams.
        "freeze-server" FreezeServer {
            /// A real server of the lab.
            required "server" server: Name;
        } says {
            { server } => en("freeze the server on {server} (SIGSTOP)") zh("冻结 {server} 的服务程序（SIGSTOP）");
        }

        /// A server that was frozen goes on (SIGCONT); done when it answers.
        "thaw-server" ThawServer {
            /// A real server of the lab.
            required "server" server: Name;
        } says {
            { server } => en("thaw the server on {server} (SIGCONT)") zh("恢复 {server} 的服务程序（SIGCONT）");
        }
    }
}

/// What is done to a server's process, whatever the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerDeed {
    /// It is ended by a signal.
    Stop(StopSignal),
    /// It is started.
    Start,
    /// None of its threads runs any more.
    Freeze,
    /// It goes on.
    Thaw,
    /// It goes on running, and ends its sessions.
    KillSessions,
}

impl MysqldAction {
    /// The real server that it runs on.
    #[must_use]
    pub fn server(&self) -> &Name {
        match self {
            Self::StopMysqld { server, .. }
            | Self::StartMysqld { server }
            | Self::FreezeMysqld { server }
            | Self::ThawMysqld { server }
            | Self::KillSessions { server }
            | Self::StopServer { server, .. }
            | Self::StartServer { server }
            | Self::FreezeServer { server }
            | Self::ThawServer { server } => server,
        }
    }

    /// What it does to the server's process.
    #[must_use]
    pub fn deed(&self) -> ServerDeed {
        match self {
            Self::StopMysqld { signal, .. } | Self::StopServer { signal, .. } => ServerDeed::Stop(*signal),
            Self::StartMysqld { .. } | Self::StartServer { .. } => ServerDeed::Start,
            Self::FreezeMysqld { .. } | Self::FreezeServer { .. } => ServerDeed::Freeze,
            Self::ThawMysqld { .. } | Self::ThawServer { .. } => ServerDeed::Thaw,
            Self::KillSessions { .. } => ServerDeed::KillSessions,
        }
    }

    /// Does it speak of a mysqld, which every real server must have then?
    #[must_use]
    pub fn is_of_mysqld(&self) -> bool {
        match self {
            Self::StopMysqld { .. }
            | Self::StartMysqld { .. }
            | Self::FreezeMysqld { .. }
            | Self::ThawMysqld { .. }
            | Self::KillSessions { .. } => true,
            Self::StopServer { .. }
            | Self::StartServer { .. }
            | Self::FreezeServer { .. }
            | Self::ThawServer { .. } => false,
        }
    }
}
