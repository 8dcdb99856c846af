//! From packets to hops: the same frame is captured where it leaves and where it arrives, and is one thing.

use super::content::{FrameKey, frame_key, same_frame};
use super::lab::{Cards, End, Lab, SegmentIndex};
use super::{Hop, PacketRef, Rewrite, near};
use crate::capture::{Packet, Way};
use crate::plan::Mac;
use std::collections::HashMap;

/// How many of the frames that look alike are compared: a transfer of thousands of segments has as many bare
/// acknowledgements alike.
pub(super) const RECENT: usize = 64;

/// What a packet shows of its hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It leaves the host that sent it.
    Sent,
    /// It arrives at the host that it is addressed to.
    Received,
    /// It arrives at another host: it is for a group, or was flooded.
    Overheard,
}

/// Hops in the order in which they were first seen.
pub(super) struct Hops<'l> {
    lab: &'l Lab,
    /// Which cards have an address, once that was asked.
    cards: HashMap<(SegmentIndex, Mac), Cards>,
    /// Of the cards that have an address, the one that last sent a frame from it. A bridge sends what is for
    /// the address there (net/bridge/br_fdb.c, `br_fdb_update`).
    last: HashMap<(SegmentIndex, Mac), End>,
    alike: HashMap<(Option<SegmentIndex>, FrameKey), Vec<usize>>,
    pub(super) hops: Vec<Hop>,
}

impl<'l> Hops<'l> {
    pub(super) fn new(lab: &'l Lab) -> Self {
        Self {
            lab,
            cards: HashMap::new(),
            last: HashMap::new(),
            alike: HashMap::new(),
            hops: Vec::new(),
        }
    }

    /// The cards of a segment that have an address.
    fn cards(&mut self, segment: Option<SegmentIndex>, mac: Mac) -> Cards {
        let Some(segment) = segment else {
            return Cards::None;
        };
        let known = self.cards.entry((segment, mac));
        *known.or_insert_with(|| self.lab.cards(segment, mac))
    }

    /// The hop that a packet shows, and what it shows of it.
    pub(super) fn add(&mut self, packet: PacketRef) -> (usize, Role) {
        let here = self.lab.end_at(&packet);
        let segment = here.and_then(|here| Some(self.lab.interfaces.get(here.interface)?.segment));
        let (from, to) = (packet.source_mac, packet.destination_mac);
        let [senders, addressees] = [from, to].map(|mac| self.cards(segment, mac));
        let key = (segment, frame_key(&packet));
        let recent = self.alike.get(&key).map_or(&[][..], |alike| {
            alike
                .get(alike.len().saturating_sub(RECENT)..)
                .unwrap_or_default()
        });
        let taken = |hop: &usize| {
            let elsewhere = |known: &PacketRef| {
                known.point != packet.point && near(known.at, packet.at) && same_frame(known, &packet)
            };
            self.hops[*hop].received.as_ref().is_some_and(elsewhere)
        };
        let role = match self.lab.way(&packet) {
            Some(Way::Out) => {
                // Two interfaces may have the same address. Then time tells: a frame is seen first where it
                // leaves, and every later sighting of it is an arrival.
                let shared = senders == Cards::Several;
                let left_elsewhere = |hop: &usize| {
                    let hop = &self.hops[*hop];
                    hop.from != here
                        && hop.sent.as_ref().is_some_and(|sent| {
                            near(sent.at, packet.at) && sent.at < packet.at && same_frame(sent, &packet)
                        })
                        && hop.packets().all(|known| known.point != packet.point)
                };
                match shared && recent.iter().any(left_elsewhere) {
                    false => Role::Sent,
                    true if here.is_some_and(|here| addressees == Cards::One(here)) => Role::Received,
                    true => Role::Overheard,
                }
            }
            // A frame for an address that several cards have may be flooded to all of them. The first has it.
            Some(Way::In) if addressees == Cards::Several && recent.iter().any(taken) => Role::Overheard,
            Some(Way::In) => Role::Received,
            Some(Way::Group | Way::Past) | None => Role::Overheard,
        };
        if let (Role::Sent, Some(segment), Some(here)) = (role, segment, here) {
            self.last.insert((segment, from), here);
        }
        if let Some(index) = self.partner(recent, &packet, role) {
            let hop = &mut self.hops[index];
            match role {
                Role::Sent => hop.from = here,
                Role::Received => hop.to = here,
                Role::Overheard => {}
            }
            hop.show(packet, role);
            return (index, role);
        }
        let index = self.hops.len();
        self.alike.entry(key).or_default().push(index);
        let addressee = match addressees {
            Cards::None => None,
            Cards::One(card) => Some(card),
            Cards::Several => segment.and_then(|segment| self.last.get(&(segment, to)).copied()),
        };
        self.hops.push(Hop {
            from: match (role, senders) {
                (Role::Sent, _) => here,
                (Role::Received | Role::Overheard, Cards::One(card)) => Some(card),
                (Role::Received | Role::Overheard, Cards::None | Cards::Several) => None,
            },
            to: match role {
                Role::Received => here,
                Role::Sent | Role::Overheard => addressee,
            },
            sent: None,
            received: None,
            overheard: Vec::new(),
            rewrite: Rewrite::None,
        });
        self.hops[index].show(packet, role);
        (index, role)
    }

    /// The hop that `packet` shows another end of. Of several alike it is the first within the time that a
    /// link takes; without one, and for an arrival only, the last before it: a link may be made slow. On a
    /// real clock the two ends may be written down in either order.
    fn partner(&self, recent: &[usize], packet: &Packet, role: Role) -> Option<usize> {
        let open = |index: &&usize| {
            let hop = &self.hops[**index];
            let free = match role {
                Role::Sent => hop.sent.is_none(),
                Role::Received => hop.received.is_none(),
                Role::Overheard => hop.packets().all(|known| known.point != packet.point),
            };
            free && hop.packet().is_some_and(|known| same_frame(known, packet))
        };
        let first = recent.iter().filter(open).find(|index| {
            let hop = &self.hops[**index];
            near(hop.began(), packet.at)
        });
        first
            .or_else(|| recent.iter().rev().find(open).filter(|_| role != Role::Sent))
            .copied()
    }
}

impl Hop {
    /// One more packet shows it.
    fn show(&mut self, packet: PacketRef, role: Role) {
        match role {
            Role::Sent => self.sent = Some(packet),
            Role::Received => self.received = Some(packet),
            Role::Overheard => self.overheard.push(packet),
        }
    }
}
