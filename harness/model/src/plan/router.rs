//! The router between the client and the director.

use super::segment::{Cidr, Segment};
use super::{Host, LabPlan, Nic, words};
use crate::Name;
use crate::action::Node;
use crate::base::ClientAt;
use std::net::IpAddr;
use std::time::Duration;

/// The name and family of the router's table in nft(8) that translates addresses.
pub const SOURCE_NAT: &str = "inet source_nat";

/// The link of a client that is not on the director's.
pub(super) fn outside(delay: Duration) -> Segment {
    Segment {
        id: outside_id(),
        bridge: "br2".to_owned(),
        delay,
    }
}

/// Its name in the plan.
pub(super) fn outside_id() -> Name {
    Name::of_our_own("outside")
}

/// The lines by which the router puts its own address in the place of the sources of what it passes on by
/// this card.
pub(super) fn translate(card: &str) -> Vec<Vec<String>> {
    let mut chain = words(&format!("nft add chain {SOURCE_NAT} postrouting"));
    chain.push("{ type nat hook postrouting priority srcnat; policy accept; }".to_owned());
    vec![
        words(&format!("nft add table {SOURCE_NAT}")),
        chain,
        words(&format!(
            "nft add rule {SOURCE_NAT} postrouting oifname {card} counter masquerade"
        )),
    ]
}

impl LabPlan {
    /// The router between the client and the director, if there is one.
    #[must_use]
    pub fn router(&self) -> Option<&Host> {
        self.host(&Node::Router)
    }

    /// Where the client is.
    #[must_use]
    pub fn client_at(&self) -> ClientAt {
        match self.router() {
            None => ClientAt::OnLink,
            Some(router) if translates(router) => ClientAt::BehindSourceNat,
            Some(_) => ClientAt::BehindRouter,
        }
    }

    /// The router's card on the director's link, if it puts the address of that card in the place of the
    /// client's.
    #[must_use]
    pub fn source_nat(&self) -> Option<&Nic> {
        let router = self.router().filter(|router| translates(router))?;
        Some(router.nic())
    }

    /// The address by which director and servers know the client: its own, or that of the router which
    /// translates it.
    #[must_use]
    pub fn client_known_as(&self) -> Option<IpAddr> {
        let translated = self.source_nat().map(|nic| nic.addresses.first().address);
        translated.or_else(|| self.client_host().map(Host::address))
    }

    /// Is it an address by which director and servers know a client?
    #[must_use]
    pub fn knows_as_client(&self, address: IpAddr) -> bool {
        match self.source_nat() {
            Some(nic) => nic.addresses.first().address == address,
            None => self.is_clients(address),
        }
    }

    /// The address whose Ethernet address the client needs to send anything to the virtual service: that of
    /// its router, or the VIP itself.
    #[must_use]
    pub fn first_hop(&self) -> IpAddr {
        let routes = self.client_host().into_iter().flat_map(|host| &host.routes);
        let mut gateway = routes.filter(|route| route.to.is_none()).map(|route| route.via);
        gateway.next_back().unwrap_or_else(|| self.vip())
    }
}

fn translates(router: &Host) -> bool {
    let table = words(&format!("nft add table {SOURCE_NAT}"));
    router.commands.contains(&table)
}

/// A default route by a router.
pub(super) fn by(router: Option<Cidr>) -> Option<super::Route> {
    router.map(|router| super::Route {
        from: None,
        to: None,
        via: router.address,
    })
}
