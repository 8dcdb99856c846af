//! A real server whose server is a program of the author's own.

use super::{ADMIN_DEADLINE, RealServer};
use crate::error::{LabError, Result, Stage};
use lvs_matrix_model::Name;
use lvs_matrix_model::serving::{self, Asked};
use rustix::net::sockopt::set_socket_linger;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// So much of an answer is read to find what is expected.
const MOST_OF_ANSWER: usize = 1 << 20;

/// A program of the author's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnPlan {
    /// Program and arguments.
    pub(crate) words: Vec<String>,
    /// What shows that it is ready; else that it takes a connection.
    pub(crate) ready: Option<Asked>,
    /// Where it runs.
    pub(crate) folder: Option<PathBuf>,
}

impl OwnPlan {
    /// Its command, in a PID namespace of its own.
    pub(super) fn command(
        &self,
        name: &Name,
        port: u16,
        own: &Path,
        limit: &[String],
    ) -> io::Result<Command> {
        let enclosed = crate::enclosed::command(&self.words)?;
        let mut words = limit.iter();
        let mut command = Command::new(words.next().ok_or(io::ErrorKind::InvalidInput)?);
        command
            .args(words)
            .arg(enclosed.get_program())
            .args(enclosed.get_args());
        command
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8")
            .env("HOME", "/nonexistent")
            .env("LVS_MATRIX_NAME", name.as_str())
            .env("LVS_MATRIX_PORT", port.to_string())
            .env("LVS_MATRIX_FOLDER", own)
            .current_dir(self.folder.as_deref().unwrap_or(Path::new("/")));
        Ok(command)
    }

    /// Asks the server at `address`, from the calling thread's namespace. Nothing is left of the connection:
    /// it ends by an RST.
    pub(crate) fn ask(&self, address: SocketAddr, deadline: Duration) -> io::Result<()> {
        let mut stream = TcpStream::connect_timeout(&address, deadline)?;
        set_socket_linger(&stream, Some(Duration::ZERO))?;
        let Some(Asked { send, expect }) = &self.ready else {
            return Ok(());
        };
        stream.set_read_timeout(Some(deadline))?;
        let wrong = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text.to_owned());
        let bytes = |text: &str| serving::bytes(text).ok_or_else(|| wrong("an escape that is none"));
        let expected = bytes(expect)?;
        stream.write_all(&bytes(send)?)?;
        let (mut answer, mut chunk) = (Vec::new(), [0; 4096]);
        while answer.len() < MOST_OF_ANSWER {
            let said = |answer: &[u8]| {
                let begin = answer.get(..200).unwrap_or(answer);
                format!("it answered `{}`, without `{expect}`", serving::text(begin))
            };
            let count = match stream.read(&mut chunk) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) if !answer.is_empty() => return Err(wrong(&said(&answer))),
                Err(error) => return Err(error),
            };
            answer.extend(chunk.iter().take(count));
            let found = answer.windows(expected.len().max(1)).any(|part| part == expected);
            if found {
                return Ok(());
            }
            if count == 0 {
                return Err(wrong(&said(&answer)));
            }
        }
        Err(wrong("its answer has no end"))
    }
}

impl RealServer {
    /// Asks the author's program over its host's own loopback device.
    pub(super) fn ask_own(&self, own: &OwnPlan) -> std::result::Result<(), String> {
        let loopback = match self.listen {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let (own, address) = (own.clone(), SocketAddr::new(loopback, self.listen.port()));
        let asked = self.namespace.run(move || own.ask(address, ADMIN_DEADLINE));
        asked
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())
    }
}

/// Asks the author's program through the VIP.
pub(crate) fn ask_through(
    client: &lvs_matrix_netns::Namespace,
    own: &OwnPlan,
    vip: SocketAddr,
    deadline: Duration,
    stage: &str,
) -> Result<()> {
    let own = own.clone();
    let asked = client.run(move || own.ask(vip, deadline)).stage(stage)?;
    asked.map_err(|error| {
        let hint = "the program must listen to its port at all addresses, the VIP among them";
        LabError::new(stage, format!("{error}; {hint}"))
    })
}
