//! A program of the author's own as a server: how it is started, when it is ready, and the bytes that are
//! said to it. What it says is nobody's protocol: whatever it sends after a request is the answer.

use crate::Name;
use serde::{Deserialize, Serialize};

/// The word of a command line in whose place the port stands.
const PORT: &str = "{port}";
/// The word of a command line in whose place the real server's name stands.
const NAME: &str = "{name}";
/// What a request has behind its bytes if a healthy server takes its time: nothing that is sent.
pub const TAKES: &str = " takes=";

/// A program that serves on every real server of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ServerProgram {
    /// Program and arguments, with `{port}` and `{name}`; no shell is involved. It runs in the folder of the
    /// scenario's file.
    pub argv: Vec<String>,
    /// When it is ready; without it, when it takes a connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Asked>,
}

/// What a server is asked before the cell begins, and what must come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Asked {
    /// What is sent to it; [`bytes`] has the escapes.
    pub send: String,
    /// What its answer must contain, with the same escapes.
    pub expect: String,
}

impl ServerProgram {
    /// Its command line on the real server of this name.
    #[must_use]
    pub fn words(&self, name: &Name, port: u16) -> Vec<String> {
        let fill = |word: &String| word.replace(PORT, &port.to_string()).replace(NAME, name.as_str());
        self.argv.iter().map(fill).collect()
    }
}

/// The bytes that a text with escapes stands for: `\r`, `\n`, `\t`, `\\`, and `\xHH` for any byte. `None` if
/// an escape is not one of these.
#[must_use]
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            bytes.extend(c.to_string().as_bytes());
            continue;
        }
        bytes.push(match rest.next()? {
            'r' => b'\r',
            'n' => b'\n',
            't' => b'\t',
            '\\' => b'\\',
            'x' => {
                let high = rest.next()?.to_digit(16)?;
                let low = rest.next()?.to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            _ => return None,
        });
    }
    Some(bytes)
}

/// The text that stands for these bytes. What is no readable character of ASCII is an escape.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    let word = |byte: &u8| match byte {
        b'\r' => r"\r".to_owned(),
        b'\n' => r"\n".to_owned(),
        b'\t' => r"\t".to_owned(),
        b'\\' => r"\\".to_owned(),
        b' '..=b'~' => char::from(*byte).to_string(),
        _ => format!(r"\x{byte:02x}"),
    };
    bytes.iter().map(word).collect()
}

/// A request's text without what is said of its time.
#[must_use]
pub fn without_time(request: &str) -> &str {
    request.rsplit_once(TAKES).map_or(request, |(text, _)| text)
}

/// What is sent for a request: the bytes of its text.
#[must_use]
pub fn sent(request: &str) -> Vec<u8> {
    let text = without_time(request);
    bytes(text).unwrap_or_else(|| text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stands_for_bytes_and_bytes_for_a_text() {
        let ping = bytes(r"PING\r\n\x00\\").unwrap();
        assert_eq!(ping, b"PING\r\n\0\\");
        assert_eq!(text(&ping), r"PING\r\n\x00\\");
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(bytes(&text(&all)), Some(all));
        for wrong in [r"\", r"\q", r"\x0", r"\xgg"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_said_of_a_requests_time_is_not_sent() {
        assert_eq!(sent(r"GET\n takes=20s"), b"GET\n");
        assert_eq!(sent(r"GET\n"), b"GET\n");
    }

    #[test]
    fn a_command_line_names_server_and_port() {
        let argv = ["perl", "server.pl", "{port}", "--name={name}"].map(str::to_owned);
        let program = ServerProgram {
            argv: argv.to_vec(),
            ready: None,
        };
        let words = program.words(&Name::new("rs1").unwrap(), 9007);
        assert_eq!(words, ["perl", "server.pl", "9007", "--name=rs1"]);
    }
}
