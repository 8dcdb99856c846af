//! The program by which a control plane checks a real server, and where it lies.

use crate::base::ServerKind;

/// What stands in a configuration in place of the folder that the control plane runs in.
pub const CONTROL_FOLDER: &str = "{folder}";
/// The name of the program in that folder that asks a real server (`MISC_CHECK`, `checkcommand`).
pub const CHECKER: &str = "check";

/// What a program that asks servers of this kind is called with.
pub(super) fn asks(kind: ServerKind) -> &'static str {
    match kind {
        ServerKind::Mysql => "mysql",
        ServerKind::TcpEcho | ServerKind::UdpEcho | ServerKind::Program => "echo",
    }
}
