//! The client program as typed.

use super::super::mistake::Mistakes;
use super::super::place::At;
use super::super::read::{Input, List, Scalar, wrong_type};
use super::super::scalar::{Probes, ProgramWord, Text};
use super::super::schema_parts::ACCEPTS;
use super::super::table::structure;
use super::super::yaml::{Kind, Node};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::time::Duration;

structure! {
    /// The client program, and how it is set. A setting that the program does not have is a mistake; each one
    /// that it has is shown to be in force, or the cell is undetermined. docs/client-programs.md says more.
    ClientInput {
        /// `mysql-async` (the default): a driver, in the harness itself. `echo-client` (the default with echo
        /// servers): a client of those, in the harness itself. `stream-client` (the default with
        /// `server: program`): sends bytes and takes what comes back, in the harness itself.
        /// `interactive-cli`: the `mariadb` or `mysql` command line in a terminal, typed to like by a person.
        /// `batch-cli`: the same in batch
        /// mode. `{ argv: [python3, driver.py] }`: a program of your own; no shell is involved, and it runs
        /// in the folder of this file.
        optional "program" program: ProgramInput;
        /// How long connecting may take. For the command lines whole seconds.
        optional "connect-timeout" connect_timeout: At<Duration>;
        /// How long an answer may be waited for. For programs of your own.
        optional "read-timeout" read_timeout: At<Duration>;
        /// How long sending may take. For programs of your own.
        optional "write-timeout" write_timeout: At<Duration>;
        /// TCP's keepalive; `{}` turns it on with the kernel's own values. The command lines always turn it
        /// on; for them these values are set by the sysctls of the client's namespace.
        optional "keepalive" keepalive: KeepaliveInput;
        /// `TCP_USER_TIMEOUT`: how long what was sent may stay unacknowledged. Not for the command lines.
        optional "tcp-user-timeout" tcp_user_timeout: At<Duration>;
    }
}

structure! {
    /// When TCP asks whether its peer is still there: tcp(7).
    KeepaliveInput {
        /// How long a connection is idle before it asks; whole seconds.
        default("2h") "time" time: At<Duration>;
        /// How long it waits before it asks again; whole seconds.
        default("75s") "interval" interval: At<Duration>;
        /// How often it asks before it gives up.
        default(9) "probes" probes: At<Probes>;
    }
}

structure! {
    /// A program of the author's own.
    OwnProgramInput {
        /// Program and arguments.
        required "argv" argv: List<At<Text>>;
    }
}

/// A client program: a word, or a map with a command line.
#[derive(Debug, Clone)]
pub(in crate::scenario) enum ProgramInput {
    Word(At<ProgramWord>),
    Own(At<OwnProgramInput>),
}

fn accepts() -> String {
    format!(
        "{}, or `{{ argv: [PROGRAM, ARGUMENT, …] }}`",
        <ProgramWord as Scalar>::accepts()
    )
}

impl Input for ProgramInput {
    fn read(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.kind {
            Kind::Scalar(_) => At::read(node, mistakes).map(Self::Word),
            Kind::Map(_) => OwnProgramInput::read(node, mistakes).map(|value| {
                Self::Own(At {
                    value,
                    span: node.span,
                })
            }),
            Kind::Empty | Kind::List(_) | Kind::Refused => {
                wrong_type(node, &accepts(), mistakes);
                None
            }
        }
    }
}

impl JsonSchema for ProgramInput {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Program".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                generator.subschema_for::<At<ProgramWord>>(),
                generator.subschema_for::<OwnProgramInput>(),
            ],
            (ACCEPTS): accepts(),
        })
    }
}
