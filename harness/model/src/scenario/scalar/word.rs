//! Scalars that are one of a few words.

use super::super::mistake::{MistakeKind, did_you_mean, listed, quoted};
use super::super::read::{Refusal, Scalar};
use super::super::{
    BehaviourName, ClientAt, ErrorsOf, Family, Forwarding, HangEndName, Judged, Misbuild, ServerKind,
    TunnelType, Vip, Wiring,
};
use crate::action::{
    Chain, Closing, Counted, FirewallVerdict, Neighbours, NewConnections, Reaction, StopSignal, SyncState,
};
use crate::client::Program;
use crate::keepalived::HealthCheck;
use crate::ldirectord::{CheckType, Switch};
use crate::probe::Asks;
use schemars::{Schema, json_schema};

/// A scalar that is one of a few words.
pub(in crate::scenario) trait Word: Sized + Clone + 'static {
    /// What it is, with its article.
    const WHAT: &'static str;
    /// The words and what they mean.
    const WORDS: &'static [(&'static str, Self)];
}

impl<T: Word> Scalar for T {
    fn accepts() -> String {
        listed(T::WORDS.iter().map(|(word, _)| *word))
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        let words = || T::WORDS.iter().map(|(word, _)| *word);
        T::WORDS
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| value.clone())
            .ok_or_else(|| Refusal {
                help: did_you_mean(text, words()),
                ..Refusal::new(
                    MistakeKind::UnknownWord,
                    format!("{} is not {}", quoted(text), T::WHAT),
                )
            })
    }
    fn schema() -> Schema {
        let words: Vec<_> = T::WORDS.iter().map(|(word, _)| *word).collect();
        json_schema!({ "type": "string", "enum": words })
    }
}

impl Word for ErrorsOf {
    const WHAT: &'static str = "a kind of operations";
    const WORDS: &'static [(&'static str, Self)] = &[("connect", Self::Connect), ("any", Self::Any)];
}

impl Word for Forwarding {
    const WHAT: &'static str = "a packet-forwarding method";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("direct-routing", Self::DirectRouting),
        ("masquerading", Self::Masquerading),
        ("tunneling", Self::Tunneling),
    ];
}

impl Word for TunnelType {
    const WHAT: &'static str = "a type of tunnel";
    const WORDS: &'static [(&'static str, Self)] =
        &[("ipip", Self::Ipip), ("gue", Self::Gue), ("gre", Self::Gre)];
}

impl Word for Wiring {
    const WHAT: &'static str = "a way to join the hosts";
    const WORDS: &'static [(&'static str, Self)] =
        &[("one-armed", Self::OneArmed), ("two-armed", Self::TwoArmed)];
}

impl Word for Vip {
    const WHAT: &'static str = "a way into IPVS";
    const WORDS: &'static [(&'static str, Self)] =
        &[("on-director", Self::OnDirector), ("routed", Self::Routed)];
}

impl Word for ClientAt {
    const WHAT: &'static str = "a place of the client";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("on-link", Self::OnLink),
        ("behind-router", Self::BehindRouter),
        ("behind-source-nat", Self::BehindSourceNat),
    ];
}

impl Word for HealthCheck {
    const WHAT: &'static str = "a health check";
    const WORDS: &'static [(&'static str, Self)] =
        &[("tcp", Self::Tcp), ("query", Self::Query), ("none", Self::None)];
}

impl Word for CheckType {
    const WHAT: &'static str = "a type of check";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("connect", Self::Connect),
        ("negotiate", Self::Negotiate),
        ("external", Self::External),
        ("on", Self::On),
    ];
}

impl Word for Switch {
    const WHAT: &'static str = "one of two words";
    const WORDS: &'static [(&'static str, Self)] = &[("yes", Self::Yes), ("no", Self::No)];
}

impl Word for Asks {
    const WHAT: &'static str = "a way for a probe to ask";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("new-connection", Self::NewConnection),
        ("open-connection", Self::OpenConnection),
        ("pool", Self::Pool),
    ];
}

impl Word for Judged {
    const WHAT: &'static str = "a choice of the operation that is classified";
    const WORDS: &'static [(&'static str, Self)] = &[("last", Self::Last), ("worst", Self::Worst)];
}

impl Word for Misbuild {
    const WHAT: &'static str = "a way to build a host wrong";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("answers-arp", Self::AnswersArp),
        ("no-vip", Self::NoVip),
        ("wrong-gateway", Self::WrongGateway),
        ("no-forwarding", Self::NoForwarding),
        ("wrong-tunnel-port", Self::WrongTunnelPort),
    ];
}

impl Word for Family {
    const WHAT: &'static str = "an address family";
    const WORDS: &'static [(&'static str, Self)] = &[("ipv4", Self::Ipv4), ("ipv6", Self::Ipv6)];
}

/// A scheduler of IPVS.
#[derive(Debug, Clone, Copy)]
pub(in crate::scenario) struct Scheduler(pub(in crate::scenario) &'static str);

impl Word for Scheduler {
    const WHAT: &'static str = "a scheduler of ipvsadm(8)";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("rr", Self("rr")),
        ("wrr", Self("wrr")),
        ("lc", Self("lc")),
        ("wlc", Self("wlc")),
        ("lblc", Self("lblc")),
        ("lblcr", Self("lblcr")),
        ("dh", Self("dh")),
        ("sh", Self("sh")),
        ("sed", Self("sed")),
        ("nq", Self("nq")),
        ("fo", Self("fo")),
        ("ovf", Self("ovf")),
        ("mh", Self("mh")),
        ("twos", Self("twos")),
    ];
}

/// A flag of a scheduler (ipvsadm(8), `--sched-flags`).
#[derive(Debug, Clone, Copy)]
pub(in crate::scenario) struct SchedulerFlag(pub(in crate::scenario) &'static str);

impl Word for SchedulerFlag {
    const WHAT: &'static str = "a flag of a scheduler of ipvsadm(8)";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("sh-fallback", Self("sh-fallback")),
        ("sh-port", Self("sh-port")),
        ("mh-fallback", Self("mh-fallback")),
        ("mh-port", Self("mh-port")),
    ];
}

/// A client program that has a name.
#[derive(Debug, Clone)]
pub(in crate::scenario) struct ProgramWord(pub(in crate::scenario) Program);

impl Word for ProgramWord {
    const WHAT: &'static str = "a client program";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("mysql-async", Self(Program::MysqlAsync)),
        ("echo-client", Self(Program::EchoClient)),
        ("stream-client", Self(Program::StreamClient)),
        ("interactive-cli", Self(Program::InteractiveCli)),
        ("batch-cli", Self(Program::BatchCli)),
    ];
}

impl Word for ServerKind {
    const WHAT: &'static str = "a kind of server";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("mysql", Self::Mysql),
        ("tcp-echo", Self::TcpEcho),
        ("udp-echo", Self::UdpEcho),
        ("program", Self::Program),
    ];
}

impl Word for StopSignal {
    const WHAT: &'static str = "a signal that stops a server";
    const WORDS: &'static [(&'static str, Self)] = &[("TERM", Self::Term), ("KILL", Self::Kill)];
}

impl Word for Closing {
    const WHAT: &'static str = "a way of closing a connection";
    const WORDS: &'static [(&'static str, Self)] = &[("quit", Self::Quit), ("reset", Self::Reset)];
}

impl Word for Reaction {
    const WHAT: &'static str = "what an echo server can do with a request";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("answer", Self::Answer),
        ("close", Self::Close),
        ("reset", Self::Reset),
    ];
}

impl Word for Counted {
    const WHAT: &'static str = "a count of connections";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("active", Self::Active),
        ("inactive", Self::Inactive),
        ("both", Self::Both),
    ];
}

impl Word for Neighbours {
    const WHAT: &'static str = "a kind of neighbour entry";
    const WORDS: &'static [(&'static str, Self)] =
        &[("permanent", Self::Permanent), ("dynamic", Self::Dynamic)];
}

impl Word for SyncState {
    const WHAT: &'static str = "a state of a sync daemon";
    const WORDS: &'static [(&'static str, Self)] = &[("master", Self::Master), ("backup", Self::Backup)];
}

impl Word for Chain {
    const WHAT: &'static str = "a chain of a host's firewall";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("input", Self::Input),
        ("output", Self::Output),
        ("forward", Self::Forward),
    ];
}

impl Word for NewConnections {
    const WHAT: &'static str = "what may begin a connection";
    const WORDS: &'static [(&'static str, Self)] =
        &[("any", Self::Any), ("syn", Self::Syn), ("none", Self::None)];
}

impl Word for FirewallVerdict {
    const WHAT: &'static str = "a verdict of a firewall";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("drop", Self::Drop),
        ("reject", Self::Reject),
        ("tcp-reset", Self::TcpReset),
    ];
}

impl Word for BehaviourName {
    const WHAT: &'static str = "a behaviour";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("answered", Self::Answered),
        ("failed-fast", Self::FailedFast),
        ("hung", Self::Hung),
    ];
}

impl Word for HangEndName {
    const WHAT: &'static str = "an end of a hang";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("answer", Self::Answer),
        ("error", Self::Error),
        ("none", Self::None),
    ];
}

/// The only thing that can be said of a field like `observe-only`: leaving it out says the opposite.
#[derive(Debug, Clone, Copy)]
pub(in crate::scenario) struct Yes;

impl Scalar for Yes {
    fn accepts() -> String {
        "true".to_owned()
    }
    fn parse(text: &str) -> Result<Self, Refusal> {
        if text == "true" {
            return Ok(Self);
        }
        Err(Refusal {
            help: Some("leave the field out to say the opposite".to_owned()),
            ..Refusal::new(
                MistakeKind::UnknownWord,
                format!("{} says nothing here", quoted(text)),
            )
        })
    }
    fn schema() -> Schema {
        json_schema!({ "type": "boolean", "const": true })
    }
}
