//! What a ladder is made of, before it is drawn.

use super::journey::{Host, Journey};
use super::marks::Mark;
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::plan::Phase;
use std::time::Duration;

/// A row.
#[derive(Debug, Clone)]
pub(super) enum Row<'a> {
    /// A phase of the time line begins.
    Phase { at: Instant, phase: Phase },
    /// Something on one lane.
    Mark(Mark),
    /// A packet.
    Arrow(Journey<'a>),
    /// The pattern of the rows before, so many times more.
    Again {
        journeys: Vec<Journey<'a>>,
        times: usize,
        /// The shortest and the longest time between two repetitions.
        gaps: (Duration, Duration),
    },
    /// Many packets soon after one another, all of which arrived.
    Transfer(Vec<Journey<'a>>),
    /// Nothing for so long.
    Silence(Duration),
    /// So many rows that a bounded drawing has no room for.
    LeftOut {
        rows: usize,
        packets: usize,
        from: Instant,
        to: Instant,
    },
}

impl Row<'_> {
    pub(super) fn began(&self) -> Option<Instant> {
        match self {
            Self::Phase { at, .. } => Some(*at),
            Self::Mark(mark) => Some(mark.at),
            Self::Arrow(journey) => Some(journey.began()),
            Self::Again { journeys, .. } | Self::Transfer(journeys) => {
                journeys.first().map(|journey| journey.began())
            }
            Self::Silence(_) => None,
            Self::LeftOut { from, .. } => Some(*from),
        }
    }

    pub(super) fn ended(&self) -> Option<Instant> {
        match self {
            Self::Phase { .. } | Self::Mark(_) | Self::Silence(_) => self.began(),
            Self::Arrow(journey) => Some(journey.ended()),
            Self::Again { journeys, .. } | Self::Transfer(journeys) => {
                journeys.iter().map(|journey| journey.ended()).max()
            }
            Self::LeftOut { to, .. } => Some(*to),
        }
    }

    /// The journeys that it shows or stands for.
    pub(super) fn journeys(&self) -> &[Journey<'_>] {
        match self {
            Self::Arrow(journey) => std::slice::from_ref(journey),
            Self::Again { journeys, .. } | Self::Transfer(journeys) => journeys,
            Self::Phase { .. } | Self::Mark(_) | Self::Silence(_) | Self::LeftOut { .. } => &[],
        }
    }

    /// The hosts whose lanes it needs.
    pub(super) fn hosts(&self) -> Vec<Host> {
        match self {
            Self::Mark(mark) => vec![mark.host],
            Self::Phase { .. }
            | Self::Arrow(_)
            | Self::Again { .. }
            | Self::Transfer(_)
            | Self::Silence(_)
            | Self::LeftOut { .. } => self
                .journeys()
                .iter()
                .flat_map(|journey| journey.hosts())
                .collect(),
        }
    }
}

/// A ladder before it is drawn.
#[derive(Debug)]
pub(super) struct Ladder<'a> {
    pub(super) rows: Vec<Row<'a>>,
    /// Connections of the client that are not shown.
    pub(super) other_connections: usize,
}
