//! What shows what a rule says, cited.

use super::circumstances::Deletion;
use super::table::Table;
use lvs_matrix_model::capture::{Packet, Seen};
use lvs_matrix_model::record::{ClientEvent, StepRecord};
use lvs_matrix_model::verdict::{Citation, Discarded, HeldBack, Terminator};

/// What can be cited.
pub(super) trait Shows {
    fn citation(&self) -> Citation;
}

/// What shows something, each with its citation.
macro_rules! shows {
    ($($what:ty: |$one:ident| $citation:expr;)+) => {
        $(impl Shows for $what {
            fn citation(&self) -> Citation {
                let $one = self;
                $citation
            }
        })+
    };
}

shows! {
    Citation: |it| *it;
    Packet: |packet| Citation::Packet(packet.number);
    Seen: |seen| Citation::Packet(seen.packet);
    Terminator: |end| Citation::Packet(end.packet);
    Discarded: |segment| Citation::Packet(segment.packet);
    ClientEvent: |event| Citation::Event(event.number);
    StepRecord: |step| Citation::Step(step.number);
    HeldBack: |held_back| Citation::Step(held_back.step);
    Deletion: |deletion| deletion.shown_by;
    Table: |table| Citation::Snapshot(table.snapshot);
}

impl<T: Shows + ?Sized> Shows for &T {
    fn citation(&self) -> Citation {
        (**self).citation()
    }
}

/// The citations of [`cites!`], as it finds them.
#[derive(Default)]
pub(super) struct Cited(pub(super) Vec<Citation>);

impl Cited {
    pub(super) fn add(&mut self, one: &impl Shows) {
        self.0.push(one.citation());
    }

    pub(super) fn add_all<T: Shows>(&mut self, all: impl IntoIterator<Item = T>) {
        self.0.extend(all.into_iter().map(|one| one.citation()));
    }
}

/// `cites![step, request.sent, ..answers]`: the citations of what [`Shows`], and behind `..` of each of them.
macro_rules! cites {
    (@add $cited:ident $(,)?) => {};
    (@add $cited:ident, .. $all:expr $(, $($rest:tt)*)?) => {
        $cited.add_all($all);
        $($crate::citing::cites!(@add $cited, $($rest)*);)?
    };
    (@add $cited:ident, $one:expr $(, $($rest:tt)*)?) => {
        $cited.add(&$one);
        $($crate::citing::cites!(@add $cited, $($rest)*);)?
    };
    ($($items:tt)+) => {{
        let mut cited = $crate::citing::Cited::default();
        $crate::citing::cites!(@add cited, $($items)+);
        cited.0
    }};
}
pub(super) use cites;
