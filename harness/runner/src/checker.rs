//! The program of keepalived's `MISC_CHECK` and of ldirectord's `checkcommand`: it asks a real server
//! something, and waits for the answer. It is this binary again, called with
//! [`HEALTH_CHECK`](crate::control::HEALTH_CHECK).

use crate::client::answers;
use crate::echo_server;
use lvs_matrix_model::ipvs::Protocol;
use std::ffi::OsString;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

/// What a process does that was called as a health check. 0 says that the server has answered
/// (keepalived.conf(5), `MISC_CHECK`; ldirectord(8), `checkcommand`).
#[must_use]
pub fn check(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<String> = words
        .into_iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    match ask(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // If nobody hears it, the exit code is left.
            let _ = writeln!(std::io::stderr(), "{why}");
            ExitCode::FAILURE
        }
    }
}

fn ask(words: &[String]) -> Result<(), String> {
    let wrong = || "a health check is started by keepalived or ldirectord, not by hand".to_owned();
    // The script whose interpreter this program is comes first.
    let [_, kind, address, port, millis] = words else {
        return Err(wrong());
    };
    // ldirectord has an address of IPv6 in brackets (its `get_real_id_str`).
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let deadline = Duration::from_millis(millis.parse().map_err(|_| wrong())?);
    match kind.as_str() {
        "mysql" => answers(address, port, deadline),
        "echo" => {
            let asked = echo_server::ask(SocketAddr::new(address, port), Protocol::Tcp, deadline);
            asked.map(drop).map_err(|error| error.to_string())
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};

    /// A server that accepts connections and says nothing is not one that answers.
    #[test]
    fn a_server_that_is_silent_has_failed() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        for kind in ["echo", "mysql"] {
            let words = ["check", kind, "127.0.0.1", port.as_str(), "50"].map(str::to_owned);
            ask(&words).unwrap_err();
        }
        drop(listener);
        for words in [
            &["check", "echo", "127.0.0.1", "1", "50"][..],
            &["what"],
            &["echo", "there", "1", "1"],
        ] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            ask(&words).unwrap_err();
        }
    }
}
