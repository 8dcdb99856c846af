//! A server that is a program of the author's own, as typed.

use super::super::place::At;
use super::super::read::List;
use super::super::scalar::{Escaped, Text};
use super::super::table::structure;

structure! {
    /// A program of your own on every real server. It listens to the TCP port that it is told, at all
    /// addresses of its host, answers with its own bytes, and is judged without a word of their meaning:
    /// docs/server-programs.md.
    ServerProgramInput {
        /// Program and arguments: `[perl, server.pl, "{port}"]`. `{port}` stands for the port that it is to
        /// listen to, `{name}` for the real server's name. No shell is involved, and it runs in the folder of
        /// this file.
        required "argv" argv: List<At<Text>>;
        /// When it is ready. Without it: when it takes a connection, over its host's loopback device and
        /// through the VIP.
        optional "ready" ready: ReadyInput;
    }
}

structure! {
    /// A question, and what the answer to it must contain.
    ReadyInput {
        /// What is sent to it. `\r`, `\n`, `\t`, `\\` and `\xHH` are the bytes that they stand for.
        required "send" send: At<Escaped>;
        /// What its answer must contain, with the same escapes.
        required "expect" expect: At<Escaped>;
    }
}
