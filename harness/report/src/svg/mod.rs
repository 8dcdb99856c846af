//! Drawings: a writer of SVG that escapes whatever it is given, and the one style of all drawings.
//!
//! A drawing has classes and no ids, so hundreds of them can stand in one page, and no colours: those come
//! from [`style`], once for a page, or with [`stand_alone`] for a file. Widths of text are computed for a
//! monospaced font, so that what must not overlap can be laid out without a browser.

mod glyph;
mod style;

pub(crate) use glyph::Glyph;
pub use style::{stand_alone, style};

use crate::escape::xml;
use std::fmt::{Display, Write as _};

/// The height of text, in pixels; all text of a drawing but its smallest has it.
pub(crate) const FONT: f64 = 12.0;
/// The height of the smallest text: packet numbers and notes.
pub(crate) const SMALL: f64 = 10.0;
/// The advance of a monospaced character by the height of the font. DejaVu Sans Mono, Menlo and Courier have
/// 0.602; a bit of air.
const ADVANCE: f64 = 0.61;

/// The width of `text` in a font of height `font`, in pixels. What is not ASCII may come from another font
/// than the rest: it counts twice, which is what the widest take.
pub(crate) fn width_of(text: &str, font: f64) -> f64 {
    let columns: usize = text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
    // No text of a drawing has 2^31 columns.
    f64::from(u32::try_from(columns).unwrap_or(u32::MAX)) * font * ADVANCE
}

/// `text` on one line, and cut with an ellipsis if it is wider than `room` pixels.
pub(crate) fn fitted(text: &str, font: f64, room: f64) -> String {
    let text = crate::escape::one_line(text);
    if width_of(&text, font) <= room {
        return text.into_owned();
    }
    let room = room - width_of("…", font);
    let mut width = 0.0;
    let fits = |(_, c): &(usize, char)| {
        width += width_of(c.encode_utf8(&mut [0; 4]), font);
        width > room
    };
    let end = text.char_indices().find(fits).map_or(text.len(), |(at, _)| at);
    format!("{}…", &text[..end])
}

/// `text` broken at blanks into lines of at most `room` pixels; a word that is wider is cut.
pub(crate) fn wrapped(text: &str, font: f64, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width_of(line, font) + width_of(word, font) + font * ADVANCE <= room => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(fitted(word, font, room)),
        }
    }
    lines
}

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A coordinate as drawings write it: tenths of a pixel, none where they are zero. Coarse enough that the
/// last bit of a logarithm, in which platforms differ, does not show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Px(pub(crate) f64);

impl Display for Px {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rounded = (self.0 * 10.0).round() / 10.0;
        // Without `-0`.
        write!(f, "{}", if rounded == 0.0 { 0.0 } else { rounded })
    }
}

/// A drawing under construction. Writing into a `String` cannot fail, so results of `write!` are dropped.
pub(crate) struct Svg {
    out: String,
}

impl Svg {
    /// Begins a drawing of `width` by `height` pixels with a name and a description for those who do not see
    /// it.
    pub(crate) fn new(width: f64, height: f64, title: &str, description: &str) -> Self {
        let (width, height) = (Px(width), Px(height));
        let mut out = String::with_capacity(8 * 1024);
        let _ = write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"lm\" role=\"img\" width=\"{width}\" \
             height=\"{height}\" viewBox=\"0 0 {width} {height}\"><title>{}</title><desc>{}</desc><rect \
             class=\"lm-paper\" width=\"{width}\" height=\"{height}\"/>",
            xml(title),
            xml(description)
        );
        Self { out }
    }

    /// Begins a group with a text that browsers show when pointed at.
    pub(crate) fn group(&mut self, class: &str, tip: &str) {
        let _ = write!(self.out, "\n<g class=\"{class}\">");
        if !tip.is_empty() {
            let _ = write!(self.out, "<title>{}</title>", xml(tip));
        }
    }

    /// Ends the group begun last.
    pub(crate) fn end_group(&mut self) {
        self.out.push_str("</g>");
    }

    pub(crate) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let _ = write!(
            self.out,
            "<path class=\"{class}\" d=\"M{} {}L{} {}\"/>",
            Px(from.0),
            Px(from.1),
            Px(to.0),
            Px(to.1)
        );
    }

    /// A path; `d` is made of numbers and letters by the caller.
    pub(crate) fn path(&mut self, class: &str, d: &str) {
        let _ = write!(self.out, "<path class=\"{class}\" d=\"{d}\"/>");
    }

    pub(crate) fn rect(&mut self, class: &str, at: (f64, f64), size: (f64, f64)) {
        let _ = write!(
            self.out,
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
            Px(at.0),
            Px(at.1),
            Px(size.0),
            Px(size.1)
        );
    }

    /// A text whose baseline is at `at`. The caller has seen to it that it fits ([`fitted`]).
    pub(crate) fn text(&mut self, class: &str, anchor: Anchor, at: (f64, f64), text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let _ = write!(
            self.out,
            "<text class=\"{class}\" x=\"{}\" y=\"{}\"{anchor}>{}</text>",
            Px(at.0),
            Px(at.1),
            xml(text)
        );
    }

    /// The whole drawing.
    pub(crate) fn finish(mut self) -> String {
        self.out.push_str("\n</svg>\n");
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_wide_is_cut() {
        assert_eq!(fitted("select 1", FONT, 8.0 * FONT * ADVANCE), "select 1");
        let cut = fitted("select 12345", FONT, 8.0 * FONT * ADVANCE);
        assert_eq!(cut, "select…");
        // A wide character takes two columns.
        assert_eq!(fitted("数据库", FONT, 5.0 * FONT * ADVANCE), "数…");
    }

    #[test]
    fn nothing_foreign_is_markup() {
        let mut svg = Svg::new(1.0, 1.0, "a<b>", "\"&\u{1b}");
        svg.text("lm-text", Anchor::Start, (0.04, -0.04), "</text><script>");
        let out = svg.finish();
        assert!(
            out.contains("<title>a&lt;b&gt;</title><desc>&quot;&amp;\\u{1b}</desc>"),
            "{out}"
        );
        assert!(out.contains(">&lt;/text&gt;&lt;script&gt;</text>"), "{out}");
        assert!(out.contains("x=\"0\" y=\"0\""), "{out}");
    }
}
