//! Time lines: when who did what, and how long the client waited. [`timeline_svg`] has a lane for each of
//! many cells, so that one look shows which are instant, which hang, and how each hang ends;
//! [`cell_timeline_svg`] shows one cell in detail.

mod axis;
mod entries;
mod facts;
mod lanes;
mod strips;
mod tracks;

pub(crate) use entries::{Who, entries, times};
pub use lanes::timeline_svg;
pub use tracks::cell_timeline_svg;

use crate::svg::{Anchor, Glyph, SMALL, Svg, width_of};
use lvs_matrix_language::{Language, Word};

/// What a sign of a time line means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Glyph(Glyph),
    /// The client waits.
    Wait,
    /// It waits in silence, after a healthy server would have answered.
    Silence,
    /// Something was sent again.
    Again,
    /// Within patience.
    Patience,
}

/// The legend's entries in their order.
const LEGEND: [(Sign, Word); 8] = [
    (Sign::Glyph(Glyph::Step), Language::sign_step),
    (Sign::Wait, Language::sign_waits),
    (Sign::Silence, Language::sign_hangs),
    (Sign::Patience, Language::sign_patience),
    (Sign::Again, Language::sign_again),
    (Sign::Glyph(Glyph::Answered), Language::sign_answered),
    (Sign::Glyph(Glyph::Error), Language::sign_error),
    (Sign::Glyph(Glyph::Waiting), Language::sign_waiting),
];

/// The height of a line of the legend.
const LEGEND_LINE: f64 = 18.0;
/// A sign of the legend with its distance to the text.
const LEGEND_SIGN: f64 = 24.0;

fn legend_width(text: &str) -> f64 {
    LEGEND_SIGN + width_of(text, SMALL) + 16.0
}

/// How high the legend is in a drawing of this width.
fn legend_height(words: Language, width: f64) -> f64 {
    let (mut x, mut lines) = (8.0, 1.0);
    for (_, text) in LEGEND {
        let text = text(words);
        if x + legend_width(text) > width {
            (x, lines) = (8.0, lines + 1.0);
        }
        x += legend_width(text);
    }
    lines * LEGEND_LINE
}

fn legend(words: Language, svg: &mut Svg, top: f64, width: f64) {
    let (mut x, mut y) = (8.0, top + LEGEND_LINE / 2.0);
    for (sign, text) in LEGEND {
        let text = text(words);
        if x + legend_width(text) > width {
            (x, y) = (8.0, y + LEGEND_LINE);
        }
        match sign {
            Sign::Glyph(glyph) => glyph.draw(svg, (x + 9.0, y), false),
            Sign::Wait => svg.line("lm-wait", (x, y), (x + 18.0, y)),
            Sign::Silence => svg.line("lm-wait-hang", (x, y), (x + 18.0, y)),
            Sign::Again => again(svg, x + 9.0, y),
            Sign::Patience => svg.rect("lm-band", (x, y - 7.0), (18.0, 14.0)),
        }
        svg.text("lm-small", Anchor::Start, (x + LEGEND_SIGN, y + 3.5), text);
        x += legend_width(text);
    }
}

/// The sign of something that was sent again.
fn again(svg: &mut Svg, x: f64, y: f64) {
    svg.line("lm-tick", (x, y - 7.0), (x, y + 7.0));
}
