//! What is built wrong on purpose. A lab is made as it should be and shown to be ready; then each of these is
//! done to it. So the one thing that is wrong is all that differs from a lab that works.

use super::host::{Host, TunnelEnd};
use super::service::Service;
use super::words;
use crate::action::Node;
use crate::base::Misbuild;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A host that is built wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Misbuilt {
    /// The host.
    pub node: Node,
    /// What is wrong with it.
    pub how: Misbuild,
    /// The sysctls that it has instead: (key, value).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sysctls: Vec<(String, String)>,
    /// The command lines by which it loses what it should have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<Vec<String>>,
}

impl Misbuilt {
    /// The host with this fault; `service` is that of the client.
    pub(super) fn of(host: &Host, service: &Service, how: Misbuild) -> Self {
        let set = |keys: &[&str]| {
            let keys = keys.iter();
            keys.map(|key| ((*key).to_owned(), "0".to_owned())).collect()
        };
        let (sysctls, commands) = match how {
            Misbuild::AnswersArp => (
                set(&[
                    "net.ipv4.conf.lo.arp_ignore",
                    "net.ipv4.conf.lo.arp_announce",
                    "net.ipv4.conf.all.arp_ignore",
                    "net.ipv4.conf.all.arp_announce",
                ]),
                Vec::new(),
            ),
            Misbuild::NoVip => (Vec::new(), without_vip(host, service.vip())),
            Misbuild::WrongGateway => (Vec::new(), host.without_routes()),
            Misbuild::NoForwarding if service.vip().is_ipv6() => {
                (set(&["net.ipv6.conf.all.forwarding"]), Vec::new())
            }
            Misbuild::NoForwarding => (set(&["net.ipv4.ip_forward"]), Vec::new()),
            Misbuild::WrongTunnelPort => (Vec::new(), at_another_port(host)),
        };
        Self {
            node: host.node.clone(),
            how,
            sysctls,
            commands,
        }
    }
}

/// The lines by which tunnels of GUE end at the port next to theirs.
fn at_another_port(host: &Host) -> Vec<Vec<String>> {
    let ends = host.tunnels.iter().filter_map(|tunnel| tunnel.end);
    let lines = |end: TunnelEnd| {
        let port = end.gue_port()?;
        let other = port.checked_add(1).unwrap_or(port - 1);
        let family = if end.local.is_ipv6() { " -6" } else { "" };
        Some([
            words(&format!("ip fou del port {port}{family}")),
            words(&format!("ip fou add port {other} gue{family}")),
        ])
    };
    ends.filter_map(lines).flatten().collect()
}

/// The lines that take the VIP off the devices by which a real server takes its packets.
fn without_vip(host: &Host, vip: IpAddr) -> Vec<Vec<String>> {
    let on_loopback = host.loopback.iter().map(|cidr| (cidr, "lo"));
    let tunnels = host.tunnels.iter();
    let on_tunnels = tunnels.flat_map(|tunnel| {
        let addresses = tunnel.addresses.iter();
        addresses.map(|cidr| (cidr, tunnel.name.as_str()))
    });
    let all = on_loopback.chain(on_tunnels);
    all.filter(|(cidr, _)| cidr.address == vip)
        .map(|(cidr, device)| words(&format!("ip addr del {cidr} dev {device}")))
        .collect()
}
