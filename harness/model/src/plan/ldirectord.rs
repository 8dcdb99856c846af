//! ldirectord's configuration, made from the lab.

use super::checker::{CHECKER, CONTROL_FOLDER, asks};
use super::{CLIENT_PASSWORD, CLIENT_USER, LabPlan, Process, Told};
use crate::base::{Family, Forwarding};
use crate::control::{Control, ControlPlane};
use crate::ldirectord::{CheckType, Ldirectord};
use std::fmt::{self, Write as _};

impl LabPlan {
    /// What the lab says of ldirectord, if the director has one.
    #[must_use]
    pub fn ldirectord(&self) -> Option<&Ldirectord> {
        let mut processes = self.hosts.iter().flat_map(|host| &host.runs);
        processes.find_map(|process| match process {
            Process::Ldirectord(ldirectord) => Some(ldirectord),
            Process::Ipvs
            | Process::Keepalived(_)
            | Process::Client(_)
            | Process::Probes(_)
            | Process::Server(_) => None,
        })
    }

    /// What the lab says of the program that edits the table by its checks, if there is one.
    #[must_use]
    pub fn control(&self) -> Option<Control<'_>> {
        let keepalived = self.keepalived().map(Control::Keepalived);
        keepalived.or_else(|| self.ldirectord().map(Control::Ldirectord))
    }

    /// Which program that is.
    #[must_use]
    pub fn control_plane(&self) -> Option<ControlPlane> {
        self.control().map(Control::plane)
    }

    /// The configuration of the director's ldirectord: the service with the real servers that are in its
    /// table at the beginning, without the one that it was told to leave out.
    #[must_use]
    pub fn ldirectord_config(&self, told: &Told) -> Option<String> {
        let said = self.ldirectord()?;
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _ = write(self, said, told, &mut out);
        Some(out)
    }

    /// The program of a check of type `external`. ldirectord calls it with the addresses and ports of the
    /// virtual service and of the real server (`check_external`), and `{checker}` stands for the program that
    /// asks. What takes too long ldirectord ends itself, so the program has a second more.
    #[must_use]
    pub fn external_check(&self, checker: &str) -> Option<String> {
        let said = self.ldirectord()?;
        let asks = asks(self.server_kind());
        let millis = said.checktimeout().as_millis().saturating_add(1000);
        Some(format!(
            "#!/bin/sh\nexec {checker} \"$0\" {asks} \"$3\" \"$4\" {millis}\n"
        ))
    }
}

/// `supervised`: it stays in the foreground, and logs to its standard output.
fn write(plan: &LabPlan, said: &Ldirectord, told: &Told, out: &mut String) -> fmt::Result {
    let service = plan.service();
    let six = match plan.family() {
        Family::Ipv4 => "",
        Family::Ipv6 => "6",
    };
    writeln!(out, "supervised = yes")?;
    writeln!(out, "checkinterval = {}", said.checkinterval().as_secs())?;
    writeln!(out, "checktimeout = {}", said.checktimeout().as_secs())?;
    writeln!(out, "failurecount = {}", said.failurecount())?;
    let switches = [
        ("quiescent", said.quiescent),
        ("fork", said.fork),
        ("cleanstop", said.cleanstop),
        ("autoreload", said.autoreload),
    ];
    for (key, switch) in switches {
        if let Some(switch) = switch {
            writeln!(out, "{key} = {}", switch.as_str())?;
        }
    }
    writeln!(out, "\nvirtual{six} = {}", service.address)?;
    // In small letters (`read_config`).
    writeln!(
        out,
        "    protocol = {}",
        service.protocol.to_string().to_lowercase()
    )?;
    writeln!(out, "    scheduler = {}", service.scheduler)?;
    if let Some(time) = service.persistence {
        writeln!(out, "    persistent = {}", time.as_secs())?;
    }
    let method = method(service.forwarding());
    for backend in service.configured(told.without.as_ref()) {
        if let Some(host) = plan.host(&backend.host) {
            let weight = backend.weight;
            writeln!(
                out,
                "    real{six} = {} {method} {weight}",
                service.destination(host)
            )?;
        }
    }
    let mut servers = plan.real_servers();
    let fallback = servers.find(|(name, _)| said.fallback.as_ref() == Some(*name));
    if let Some((_, host)) = fallback {
        writeln!(out, "    fallback{six} = {} {method}", service.destination(host))?;
    }
    writeln!(out, "    checktype = {}", said.checktype().as_str())?;
    match said.checktype() {
        CheckType::Connect | CheckType::On => Ok(()),
        // A `/` comes before the request, and is taken away again (`read_config`, `check_sql`).
        CheckType::Negotiate => writeln!(
            out,
            "    service = mysql\n    login = \"{CLIENT_USER}\"\n    passwd = \"{CLIENT_PASSWORD}\"\n    \
             request = \"SELECT 1\""
        ),
        CheckType::External => writeln!(out, "    checkcommand = {CONTROL_FOLDER}/{CHECKER}"),
    }
}

/// ldirectord's word for how packets reach the real servers.
fn method(forwarding: Forwarding) -> &'static str {
    match forwarding {
        Forwarding::DirectRouting => "gate",
        Forwarding::Tunneling => "ipip",
        Forwarding::Masquerading => "masq",
    }
}
