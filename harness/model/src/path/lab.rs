//! What must be known of a lab to follow a packet through it: hosts with their addresses, interfaces, and
//! where packets were captured.

use crate::action::Node;
use crate::capture::{Packet, Way, is_virtual_router};
use crate::plan::{Mac, Nic, Service};
use crate::record::CellRecord;
use std::net::IpAddr;

/// The place of a host in [`Lab::hosts`]; of a lab made from a record it is the place in
/// [`crate::plan::LabPlan::hosts`], too.
pub type HostIndex = usize;

/// A host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Which one.
    pub node: Node,
    /// The addresses that it has.
    pub addresses: Vec<IpAddr>,
    /// The VIPs that it balances, whether it has them or takes in what is for them by policy routing. It is
    /// not their end: it passes on what is for a virtual service. What it refuses has the VIP as its source.
    pub virtual_addresses: Vec<IpAddr>,
}

impl Host {
    /// Does a packet for this address end here?
    fn is_end(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address) && !self.virtual_addresses.contains(&address)
    }
}

/// The place of a link in [`crate::plan::LabPlan::segments`].
pub type SegmentIndex = usize;

/// A network card of a host: where a frame leaves or arrives. A host may have several, each on a segment of
/// its own or on the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct End {
    /// Which host.
    pub host: HostIndex,
    /// Which card: its place in [`Lab::interfaces`].
    pub interface: usize,
}

/// A network interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interface {
    /// Whose.
    pub host: HostIndex,
    /// On which segment.
    pub segment: SegmentIndex,
    /// Its Ethernet address. Two interfaces may have the same one.
    pub mac: Mac,
    /// May it have the addresses of virtual routers, too? Several directors have them at a time (RFC 5798,
    /// 7.3).
    pub of_virtual_router: bool,
}

impl Interface {
    /// Is it an Ethernet address of this interface?
    fn has(&self, mac: Mac) -> bool {
        self.mac == mac || self.of_virtual_router && is_virtual_router(mac)
    }
}

/// Where packets were captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The place of the interface in [`Lab::interfaces`]; `None` if it is none of the lab's.
    pub interface: Option<usize>,
    /// Does the capture have every frame that passed? What it does not have then did not pass.
    pub whole: bool,
}

/// A lab as far as packets are concerned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lab {
    /// Its hosts.
    pub hosts: Vec<Host>,
    /// Their interfaces.
    pub interfaces: Vec<Interface>,
    /// The capture points, in the order of [`crate::capture::Packet::point`].
    pub points: Vec<Point>,
}

impl Lab {
    /// The lab of a record.
    #[must_use]
    pub fn of(record: &CellRecord) -> Self {
        let plan = &record.plan;
        let host = |host: &crate::plan::Host| {
            let balanced = plan
                .services
                .iter()
                .filter(|service| service.balancers.contains(&host.node));
            Host {
                node: host.node.clone(),
                addresses: host.addresses().collect(),
                virtual_addresses: balanced.map(Service::vip).collect(),
            }
        };
        let all = || {
            let hosts = (0..).zip(&plan.hosts);
            hosts
                .flat_map(|(index, host): (HostIndex, _)| host.nics.iter().map(move |nic| (index, host, nic)))
        };
        // A record may name a segment that its plan does not have: the card is then on a link of its own.
        let segment = |nic: &Nic| {
            let mut segments = plan.segments.iter();
            let known = segments.position(|segment| segment.id == nic.segment);
            known.unwrap_or(plan.segments.len())
        };
        let interface = |(index, host, nic): (HostIndex, &crate::plan::Host, &Nic)| Interface {
            host: index,
            segment: segment(nic),
            mac: nic.mac,
            of_virtual_router: plan.gives_virtual_addresses(&host.node),
        };
        let points = record.capture.iter().flat_map(|capture| &capture.points);
        Self {
            hosts: plan.hosts.iter().map(host).collect(),
            interfaces: all().map(interface).collect(),
            points: points
                .map(|point| Point {
                    interface: all()
                        .position(|(_, host, nic)| host.node == point.node && nic.name == point.interface),
                    whole: point.failure.is_none()
                        && point.dropped == 0
                        && point.first_sentinel
                        && point.last_sentinel,
                })
                .collect(),
        }
    }

    /// Which host this is.
    #[must_use]
    pub fn node(&self, host: HostIndex) -> Option<&Node> {
        self.hosts.get(host).map(|host| &host.node)
    }

    /// The card that captured a packet; `None` if it is none of the lab's.
    #[must_use]
    pub fn end_at(&self, packet: &Packet) -> Option<End> {
        self.end(self.points.get(packet.point)?.interface?)
    }

    /// The card that a host has on the segment of another card.
    #[must_use]
    pub fn card_near(&self, host: HostIndex, other: End) -> Option<End> {
        let segment = self.interfaces.get(other.interface)?.segment;
        let mut interfaces = self.interfaces.iter();
        let near = |own: &Interface| own.host == host && own.segment == segment;
        self.end(interfaces.position(near)?)
    }

    fn end(&self, interface: usize) -> Option<End> {
        let host = self.interfaces.get(interface)?.host;
        Some(End { host, interface })
    }

    /// Which way a packet passed the interface that captured it, by the addresses of the frame. `None` if the
    /// interface is none of the lab's.
    #[must_use]
    pub fn way(&self, packet: &Packet) -> Option<Way> {
        let own = self.end_at(packet)?;
        let interface = self.interfaces.get(own.interface)?;
        Some(Way::of(packet, |mac| interface.has(mac)))
    }

    /// Does a packet for this address end at the host?
    pub(super) fn is_end(&self, host: HostIndex, address: IpAddr) -> bool {
        self.hosts.get(host).is_some_and(|host| host.is_end(address))
    }

    /// May the host have made a packet with this source?
    pub(super) fn may_speak_as(&self, host: HostIndex, address: IpAddr) -> bool {
        let host = self.hosts.get(host);
        host.is_some_and(|host| {
            host.addresses.contains(&address) || host.virtual_addresses.contains(&address)
        })
    }

    /// Is each interface of the host captured, and captured whole?
    pub(super) fn is_whole(&self, host: HostIndex) -> bool {
        let own = |interface: Option<usize>| {
            interface
                .and_then(|index| self.interfaces.get(index))
                .map(|own| own.host)
                == Some(host)
        };
        let mut points = self.points.iter().filter(|point| own(point.interface)).peekable();
        points.peek().is_some() && points.all(|point| point.whole)
    }

    /// Is the card captured, and captured whole?
    pub(super) fn is_card_whole(&self, end: End) -> bool {
        let own = |point: &&Point| point.interface == Some(end.interface);
        self.points.iter().find(own).is_some_and(|point| point.whole)
    }

    /// The cards of a segment that have this Ethernet address. On two segments the same address is no other
    /// card's business.
    pub(super) fn cards(&self, segment: SegmentIndex, mac: Mac) -> Cards {
        let mut interfaces = (0..).zip(&self.interfaces);
        let mut found = interfaces.by_ref().filter_map(|(index, interface)| {
            let is_it = interface.segment == segment && interface.has(mac);
            is_it.then(|| self.end(index)).flatten()
        });
        match (found.next(), found.next()) {
            (None, _) => Cards::None,
            (Some(one), None) => Cards::One(one),
            (Some(_), Some(_)) => Cards::Several,
        }
    }
}

/// Which cards have an Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cards {
    /// None of the lab's.
    None,
    /// This one alone.
    One(End),
    /// Several.
    Several,
}
