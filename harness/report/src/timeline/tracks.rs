//! One cell in detail: a track for each of those who do something.

use super::axis::{Axis, Relative};
use super::facts::{Facts, relative};
use super::strips::Strips;
use super::{again, legend, legend_height};
use crate::ladder::error_text;
use crate::svg::{Anchor, FONT, Glyph, Svg, fitted, width_of};
use lvs_matrix_language::{Language, phrasing};
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::record::ClientEventKind;
use lvs_matrix_model::verdict::JudgedCell;
use std::time::Duration;

/// Where the axis begins and ends; right of it is room for the texts of what comes last.
const AXIS: (f64, f64) = (132.0, 560.0);
const WIDTH: f64 = 860.0;
const TOP: f64 = 44.0;
/// A line of text.
const TEXT: f64 = 16.0;
/// From a track's line to its lowest text, and to its bottom.
const ABOVE: f64 = 12.0;
const BELOW: f64 = 14.0;
/// A track has so many lines of text; what would need more is not labelled.
const MOST_LINES: usize = 5;

/// Something on a track.
struct Item {
    at: Relative,
    /// `None` for a tick.
    glyph: Option<Glyph>,
    hung: bool,
    text: String,
}

impl Item {
    fn tick(at: Relative, text: String) -> Self {
        Self {
            at,
            glyph: None,
            hung: false,
            text,
        }
    }
}

/// Who does something.
struct Track {
    name: &'static str,
    /// Is it the client's, on which the waiting is drawn?
    waits: bool,
    items: Vec<Item>,
    /// The line of each item's text, counted from the track's own upwards; `None` if it has none.
    lines: Vec<Option<usize>>,
}

/// The time line of one cell as SVG, to be put into a page with [`crate::svg_style`] or into a file with
/// [`crate::stand_alone`]; `None` if nothing happened in it.
#[must_use]
pub fn cell_timeline_svg(words: Language, cell: &JudgedCell) -> Option<String> {
    let facts = Facts::of(words, cell);
    let mut tracks = vec![
        operator(words, &facts),
        director(words, cell, &facts),
        client(words, cell, &facts),
        sent_again(words, &facts),
        reached(words, cell, &facts),
    ];
    tracks.retain(|track| !track.items.is_empty());
    let strips = Strips::of(cell, &facts);
    if tracks.is_empty() {
        return None;
    }
    let items = tracks
        .iter()
        .flat_map(|track| track.items.iter().map(|item| item.at));
    let axis = Axis::new(AXIS.0, AXIS.1, items.chain(facts.times()));
    for track in &mut tracks {
        track.place(&axis);
    }
    let bottom = tracks.iter().map(Track::height).sum::<f64>() + TOP;
    let id = &cell.record.plan.cell;
    let mut svg = Svg::new(
        WIDTH,
        bottom + legend_height(words, WIDTH) + 12.0 + strips.height(),
        &words.time_line_of(id),
        &(phrasing::observed(words, cell) + words.stop()),
    );
    let since = match &cell.observed.operation {
        Some(operation) => {
            words.since_client_began(phrasing::operation(words, &operation.what).replace('`', ""))
        }
        None => words.since_act_phase().to_owned(),
    };
    svg.text(
        "lm-small",
        Anchor::Start,
        (AXIS.0, 12.0),
        &fitted(&since, 10.0, WIDTH - AXIS.0 - 8.0),
    );
    if let Some(wait) = &facts.wait {
        wait.band(&mut svg, &axis, TOP - 6.0, bottom - TOP + 6.0);
    }
    axis.draw(&mut svg, TOP - 6.0, bottom, false);
    let mut top = TOP;
    for track in &tracks {
        track.draw(words, &mut svg, &axis, &facts, top);
        top += track.height();
    }
    legend(words, &mut svg, bottom + 4.0, WIDTH);
    let top = bottom + legend_height(words, WIDTH) + 8.0;
    strips.draw(words, &mut svg, AXIS, top);
    Some(svg.finish())
}

fn operator(words: Language, facts: &Facts) -> Track {
    let items = facts.changes.iter().map(|change| Item {
        at: change.at,
        glyph: Some(change.glyph),
        hung: false,
        text: change.text.clone(),
    });
    Track::new(words.track_steps(), items.collect())
}

fn director(words: Language, cell: &JudgedCell, facts: &Facts) -> Track {
    let plane = cell.record.plan.control_plane().unwrap_or_default();
    let items = cell.record.snapshots.iter().map(|snapshot| {
        let moment = words.and_also(phrasing::moment(words, plane, snapshot.moment));
        let text = format!("{}{moment}", snapshot.number);
        Item::tick(relative(snapshot.at, facts.zero), text)
    });
    Track::new(words.track_snapshots(), items.collect())
}

fn client(words: Language, cell: &JudgedCell, facts: &Facts) -> Track {
    let judged = cell.observed.operation.as_ref().map(|operation| operation.number);
    let items = cell.events().map(|event| {
        let (glyph, text) = match &event.kind {
            ClientEventKind::ConnectBegun => (Glyph::Begun, words.connect().to_owned()),
            ClientEventKind::Connected { .. } => (Glyph::Answered, words.connected().to_owned()),
            ClientEventKind::StatementBegun { sql } if !cell.record.plan.server_kind().is_mysql() => {
                (Glyph::Begun, words.request(sql))
            }
            ClientEventKind::StatementBegun { sql } => (Glyph::Begun, words.query(sql)),
            ClientEventKind::ResultReceived { .. } => (Glyph::Answered, words.sign_answered().to_owned()),
            ClientEventKind::Failed(error) => (Glyph::Error, error_text(words, error)),
            ClientEventKind::StillWaiting => (Glyph::Waiting, words.sign_waiting().to_owned()),
            ClientEventKind::ReadingPaused { rows } => {
                (Glyph::Waiting, words.reading_paused(words.rows(*rows)))
            }
            ClientEventKind::DisconnectBegun => (Glyph::Begun, words.disconnect().to_owned()),
            ClientEventKind::Disconnected => (Glyph::Answered, words.disconnected().to_owned()),
            ClientEventKind::ReconnectBegun => (Glyph::Begun, words.connect_anew().to_owned()),
            ClientEventKind::Reconnected { .. } => (Glyph::Answered, words.connected_again().to_owned()),
        };
        let text = match cell.record.connection_of(event.operation) {
            None => text,
            Some(name) => words.on_connection(text, name),
        };
        let hung = facts.hung && judged == Some(event.operation);
        let own = relative(event.at, facts.zero);
        let text = match facts
            .wait
            .as_ref()
            .filter(|wait| wait.end == own && glyph != Glyph::Begun)
        {
            Some(_) => text + &words.and_also(Human(Duration::from_nanos(own.unsigned_abs()))),
            None => text,
        };
        Item {
            at: own,
            glyph: Some(glyph),
            hung,
            text,
        }
    });
    Track {
        waits: true,
        ..Track::new(words.track_client(), items.collect())
    }
}

fn sent_again(words: Language, facts: &Facts) -> Track {
    let (first, last) = (facts.again.first().copied(), facts.again.last().copied());
    let items = facts.again.iter().enumerate().map(|(index, at)| {
        let after = Human(Duration::from_nanos(at.unsigned_abs()));
        let is_end = Some(*at) == first || Some(*at) == last;
        let text = if is_end {
            words.nth_at(index + 1, after)
        } else {
            String::new()
        };
        Item::tick(*at, text)
    });
    Track::new(words.track_again(), items.collect())
}

/// What reached the client that ended something.
fn reached(words: Language, cell: &JudgedCell, facts: &Facts) -> Track {
    let items = cell.observed.terminators.iter().map(|terminator| {
        let text = words.at_packet(phrasing::terminator(words, terminator), terminator.packet);
        Item::tick(relative(terminator.at, facts.zero), text)
    });
    Track::new(words.track_reached(), items.collect())
}

impl Track {
    fn new(name: &'static str, mut items: Vec<Item>) -> Self {
        items.sort_by_key(|item| item.at);
        Self {
            name,
            waits: false,
            items,
            lines: Vec::new(),
        }
    }

    /// Gives each text a line above the track's own. From right to left, each on the first line on which it
    /// ends before what is there: so the stroke from a sign up to its text crosses no other text, and texts
    /// are read from top to bottom in the order of time.
    fn place(&mut self, axis: &Axis) {
        let mut begins: Vec<f64> = Vec::new();
        let lines = self.items.iter().rev().map(|item| {
            if item.text.is_empty() {
                return None;
            }
            let left = axis.x(item.at) - 6.0;
            let right = axis.x(item.at) + 5.0 + width_of(&label(axis, item), FONT) + 6.0;
            let first = begins.iter().position(|begin| right <= *begin);
            let line = first.unwrap_or(begins.len());
            if line >= MOST_LINES {
                return None;
            }
            if line == begins.len() {
                begins.push(left);
            }
            // Its stroke passes the lines below, and no text further to the left may cross it.
            for begin in &mut begins[..=line] {
                *begin = begin.min(left);
            }
            Some(line)
        });
        let mut lines: Vec<Option<usize>> = lines.collect();
        lines.reverse();
        self.lines = lines;
    }

    fn height(&self) -> f64 {
        let lines = self.lines.iter().flatten().max().map_or(0, |line| line + 1);
        ABOVE + TEXT * f64::from(u32::try_from(lines).unwrap_or(u32::MAX)) + BELOW
    }

    fn draw(&self, words: Language, svg: &mut Svg, axis: &Axis, facts: &Facts, top: f64) {
        let y = top + self.height() - BELOW;
        svg.text("lm-muted", Anchor::End, (AXIS.0 - 14.0, y + 4.0), self.name);
        let pairs = || self.items.iter().zip(&self.lines);
        let unnamed = pairs()
            .filter(|(item, line)| line.is_none() && !item.text.is_empty())
            .count();
        if unnamed > 0 {
            let at = (AXIS.0 - 14.0, y + 16.0);
            svg.text("lm-small", Anchor::End, at, &words.not_named(unnamed));
        }
        svg.line("lm-grid", (AXIS.0, y), (AXIS.1, y));
        if self.waits
            && let Some(wait) = &facts.wait
        {
            wait.draw(svg, axis, y, facts.hung);
        }
        for (item, line) in pairs() {
            let x = axis.x(item.at);
            svg.group("lm-item", &item.text);
            if let Some(line) = line {
                let line = f64::from(u32::try_from(*line).unwrap_or(u32::MAX));
                let baseline = y - ABOVE - TEXT * line;
                svg.line("lm-leader", (x, y), (x, baseline - 9.0));
                svg.text("lm-text", Anchor::Start, (x + 5.0, baseline), &label(axis, item));
            }
            match item.glyph {
                Some(glyph) => glyph.draw(svg, (x, y), item.hung),
                None => again(svg, x, y),
            }
            svg.end_group();
        }
    }
}

fn label(axis: &Axis, item: &Item) -> String {
    fitted(&item.text, FONT, WIDTH - 8.0 - axis.x(item.at) - 5.0)
}
