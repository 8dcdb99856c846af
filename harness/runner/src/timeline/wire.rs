//! What is seen on the wire of the client's steps, before they are over.

use super::Timeline;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::capture::decode::{DecodedFrame, frame as decode};
use lvs_matrix_model::capture::flow::at_or_after;
use lvs_matrix_model::capture::{Body, Flags, Frame, Segment, Transport};
use lvs_matrix_model::plan::Mac;
use lvs_matrix_model::record::MysqldState;
use std::net::IpAddr;

impl Timeline<'_> {
    /// The host whose frames servers see: the router, if the client is behind one, or the client.
    pub(super) fn next_to_servers(&self) -> &'static Node {
        match self.plan.router() {
            Some(_) => &Node::Router,
            None => &Node::Client,
        }
    }

    /// The source ports and sequence numbers of the SYNs to the service after the first `from` frames of a
    /// host's interface.
    pub(super) fn ports_opened(&self, of: &Node, from: usize) -> Vec<(u16, u32)> {
        let ports = self.captures.look(of, from, |frames| {
            let syns = frames
                .iter()
                .filter(|frame| self.is_sent(frame, |flags| flags.syn && !flags.ack));
            Some(
                syns.filter_map(segment)
                    .map(|found| (found.segment.source_port, found.segment.sequence))
                    .collect(),
            )
        });
        ports.unwrap_or_default()
    }

    /// Is it a segment of the client's to a virtual service with such flags?
    pub(super) fn is_sent(&self, frame: &Frame, flags: impl Fn(&Flags) -> bool) -> bool {
        let to_service = |found: &Found| {
            found.to == self.plan.vip() && self.plan.is_virtual(found.segment.destination_port)
        };
        segment(frame).is_some_and(|found| to_service(&found) && flags(&found.segment.flags))
    }

    /// The real server whose kernel has acknowledged the statement that was sent after the first `from`
    /// frames of the interface of the host next to the servers, and what its mysqld does.
    pub(super) fn acknowledged_by(
        &mut self,
        from: usize,
        is_it: impl Fn(&Frame) -> bool,
    ) -> Option<(&Name, MysqldState)> {
        let mac = self.captures.look(self.next_to_servers(), from, |frames| {
            let at = frames.iter().position(is_it)?;
            let sent = segment(frames.get(at)?)?.segment;
            let end = sent.sequence.wrapping_add(sent.payload_length);
            let acknowledges = |found: &Found| {
                let Segment {
                    destination_port,
                    acknowledgement,
                    flags,
                    ..
                } = found.segment;
                destination_port == sent.source_port && flags.ack && at_or_after(acknowledgement, end)
            };
            let later = frames.iter().skip(at).filter_map(segment);
            later.filter(acknowledges).map(|found| found.source_mac).next()
        })?;
        let name = self.plan.host_by_mac(mac)?.node.real_server()?;
        let server = self.lab.servers.iter_mut().find(|server| server.name == *name)?;
        Some((name, server.state()))
    }

    /// Is it a packet for the service?
    pub(super) fn is_for_service(&self, frame: &Frame) -> bool {
        match decode(&frame.bytes, frame.length).body {
            Body::Ip { destination, .. } => destination == self.plan.vip(),
            Body::Sentinel { .. } | Body::Arp { .. } | Body::Other { .. } | Body::Malformed { .. } => false,
        }
    }
}

/// A TCP segment, where it came from and goes to.
struct Found {
    source_mac: Mac,
    to: IpAddr,
    segment: Segment,
}

fn segment(frame: &Frame) -> Option<Found> {
    let DecodedFrame { source_mac, body, .. } = decode(&frame.bytes, frame.length);
    match body {
        Body::Ip {
            destination: to,
            transport: Transport::Tcp(segment),
            ..
        } => Some(Found {
            source_mac,
            to,
            segment,
        }),
        Body::Ip { .. }
        | Body::Sentinel { .. }
        | Body::Arp { .. }
        | Body::Other { .. }
        | Body::Malformed { .. } => None,
    }
}
