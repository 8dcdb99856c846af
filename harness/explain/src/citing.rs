//! What shows what a rule says, cited.

use lvs_matrix_model::capture::{Packet, Seen};
use lvs_matrix_model::record::StepRecord;
use lvs_matrix_model::verdict::{Citation, Terminator};

/// What can be cited.
pub(super) trait Shows {
    fn citation(&self) -> Citation;
}

impl Shows for Citation {
    fn citation(&self) -> Citation {
        *self
    }
}

impl Shows for Packet {
    fn citation(&self) -> Citation {
        Citation::Packet(self.number)
    }
}

impl Shows for Seen {
    fn citation(&self) -> Citation {
        Citation::Packet(self.packet)
    }
}

impl Shows for Terminator {
    fn citation(&self) -> Citation {
        Citation::Packet(self.packet)
    }
}

impl Shows for StepRecord {
    fn citation(&self) -> Citation {
        Citation::Step(self.number)
    }
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
