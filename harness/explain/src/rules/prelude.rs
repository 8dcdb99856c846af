//! What nearly every rule names: the cell and its packets, what a rule is made of, and words.

pub(super) use super::super::advice::{Advice, and_patience, patience};
pub(super) use super::super::bilingual::{Bilingual, bilingual, doing};
pub(super) use super::super::cell_view::{CellView, packet};
pub(super) use super::super::citing::cites;
pub(super) use super::super::claim::Fate;
pub(super) use super::super::fate::{claims, said};
pub(super) use super::super::moment;
pub(super) use super::super::passage::{Passage, Seen};
pub(super) use super::rule::{Explains, Finding, Rule, Source, Sources, files, sources};
pub(super) use super::shared::{answer_from, first, times, times_more};
pub(super) use lvs_matrix_model::Name;
pub(super) use lvs_matrix_model::action::Node;
pub(super) use lvs_matrix_model::capture::Packet;
pub(super) use lvs_matrix_model::duration::{Human, Instant};
pub(super) use lvs_matrix_model::verdict::{Citation, TerminatorKind};
pub(super) use std::time::Duration;
