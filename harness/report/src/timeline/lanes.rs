//! Many cells: a lane for each over a shared axis.

use super::axis::{Axis, Relative};
use super::facts::Facts;
use super::{again, legend, legend_height};
use crate::count::counted;
use crate::svg::{Anchor, FONT, Glyph, Svg, fitted, width_of};
use lvs_matrix_language::{CELL, Language, phrasing};
use lvs_matrix_model::verdict::{ArticleResult, JudgedCell};

/// No time line has more lanes: a page of it can still be taken in.
const MAX_LANES: usize = 120;
/// The longest name of a cell that is not cut, and the longest outcome.
const MOST_TEXT: f64 = 380.0;
/// From so many lanes on the axis has its names at the bottom, too.
const LONG: usize = 24;
/// The width of the axis.
const AXIS: f64 = 440.0;
/// Two signs beside one another.
const BESIDE: f64 = 14.0;
const TOP: f64 = 44.0;
const LANE: f64 = 24.0;

/// The time lines of cells as SVG, to be put into a page with [`crate::svg_style`] or into a file with
/// [`crate::stand_alone`]; `None` without a cell. Lanes are in the order of `cells`, and named by what
/// follows the scenario's name in their ids. Of more than 120 cells those that hung or are not known are
/// drawn first, and how many are not drawn is said.
#[must_use]
pub fn timeline_svg(words: Language, cells: &[&JudgedCell]) -> Option<String> {
    if cells.is_empty() {
        return None;
    }
    let drawn = chosen(cells);
    let left_out = cells.len() - drawn.len();
    let lanes: Vec<(String, Facts)> = drawn
        .iter()
        .map(|cell| (name(cells, cell), Facts::of(words, cell)))
        .collect();
    let widest = |text: fn(&(String, Facts)) -> &str| {
        let widths = lanes.iter().map(|lane| width_of(text(lane), FONT));
        widths.fold(0.0, f64::max).min(MOST_TEXT)
    };
    let (names, outcomes) = (widest(|lane| &lane.0), widest(|lane| &lane.1.outcome));
    let left = 8.0 + names + 16.0;
    let outcome_at = left + AXIS + 22.0;
    let width = outcome_at + outcomes + 8.0;
    let bottom = TOP + LANE * f64::from(u32::try_from(lanes.len()).unwrap_or(u32::MAX)) + 4.0;
    let names_below = if lanes.len() >= LONG { 16.0 } else { 0.0 };
    let remark = names_below + if left_out > 0 { 20.0 } else { 0.0 };
    let title = words.time_lines_of(words.count(cells.len(), CELL));
    let mut svg = Svg::new(
        width,
        bottom + remark + legend_height(words, width) + 12.0,
        &title,
        &sums(words, cells),
    );
    let axis = Axis::new(
        left,
        left + AXIS,
        lanes.iter().flat_map(|(_, facts)| facts.times()),
    );
    let caption = words.since_operation();
    svg.text("lm-small", Anchor::Start, (left, 12.0), caption);
    // Bands under the lines of the axis, everything else over them.
    for (index, (_, facts)) in (0_u32..).zip(&lanes) {
        if let Some(wait) = &facts.wait {
            let y = TOP + LANE * f64::from(index);
            wait.band(&mut svg, &axis, y + 2.0, LANE - 4.0);
        }
    }
    axis.draw(&mut svg, TOP - 6.0, bottom, lanes.len() >= LONG);
    for (index, (name, facts)) in (0_u32..).zip(&lanes) {
        let y = TOP + LANE * (f64::from(index) + 0.5);
        svg.group("lm-row", &format!("{name}: {}", facts.outcome));
        svg.text(
            "lm-text",
            Anchor::Start,
            (8.0, y + 4.0),
            &fitted(name, FONT, names + 1.0),
        );
        lane(&mut svg, &axis, facts, y);
        let outcome = fitted(&facts.outcome, FONT, outcomes + 1.0);
        let class = if facts.hung {
            "lm-hang"
        } else {
            facts.glyph.class()
        };
        svg.text(class, Anchor::Start, (outcome_at, y + 4.0), &outcome);
        svg.end_group();
    }
    if left_out > 0 {
        let text = words.not_drawn(words.count(left_out, CELL));
        svg.text(
            "lm-muted",
            Anchor::Start,
            (8.0, bottom + names_below + 14.0),
            &fitted(&text, FONT, width - 16.0),
        );
    }
    legend(words, &mut svg, bottom + remark + 4.0, width);
    Some(svg.finish())
}

/// Those that are drawn, in their order.
fn chosen<'a>(cells: &[&'a JudgedCell]) -> Vec<&'a JudgedCell> {
    let hung = |cell: &JudgedCell| cell.observed.behaviour.article() != Some(ArticleResult::Ok);
    let mut room = MAX_LANES - cells.iter().filter(|cell| hung(cell)).count().min(MAX_LANES);
    let mut hangs = MAX_LANES - room;
    let has_room = |cell: &&&JudgedCell| {
        let left = if hung(cell) { &mut hangs } else { &mut room };
        let has = *left > 0;
        *left = left.saturating_sub(1);
        has
    };
    cells.iter().filter(has_room).copied().collect()
}

/// The cell's values; with its scenario if the cells are of several.
fn name(cells: &[&JudgedCell], cell: &JudgedCell) -> String {
    let id = &cell.record.plan.cell;
    let one_scenario = cells
        .iter()
        .all(|other| other.record.plan.cell.scenario == id.scenario);
    if one_scenario { id.slug() } else { id.to_string() }
}

fn lane(svg: &mut Svg, axis: &Axis, facts: &Facts, y: f64) {
    svg.line("lm-grid", (axis.left(), y), (axis.right(), y));
    if let Some(wait) = &facts.wait {
        wait.draw(svg, axis, y, facts.hung);
    }
    for x in apart(axis, facts.again.iter().copied(), 2.0) {
        again(svg, x, y);
    }
    let end = axis.x(facts.wait.as_ref().map_or(0, |wait| wait.end));
    let mut outcome_at = end;
    for x in apart(axis, facts.changes.iter().map(|change| change.at), 4.0) {
        Glyph::Step.draw(svg, (x, y), false);
        // What happened just before the outcome must not hide under its sign.
        if x <= end {
            outcome_at = outcome_at.max(x + BESIDE);
        }
    }
    facts.glyph.draw(svg, (outcome_at, y), facts.hung);
}

/// The places of `times`, those that would lie on top of each other once.
fn apart(axis: &Axis, times: impl Iterator<Item = Relative>, distance: f64) -> Vec<f64> {
    let mut places: Vec<f64> = Vec::new();
    for time in times {
        let x = axis.x(time);
        if places.last().is_none_or(|last| (x - last).abs() >= distance) {
            places.push(x);
        }
    }
    places
}

/// The sums in words, for those who do not see the drawing.
fn sums(words: Language, cells: &[&JudgedCell]) -> String {
    let behaviours = cells.iter().map(|cell| &cell.observed.behaviour);
    let sums = counted(behaviours.map(|behaviour| phrasing::behaviour(words, behaviour)));
    let texts: Vec<String> = sums
        .iter()
        .map(|(behaviour, count)| words.sum_of(count, behaviour))
        .collect();
    texts.join(words.clauses()) + words.stop()
}
