//! Mistakes as text for a terminal.

use super::mistake::{Mistake, Severity};
use super::text::is_misleading;
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use std::borrow::Cow;
use std::ops::Range;

/// Source lines longer than this together are not shown: the place and the label stand for them.
const LONGEST_EXCERPT: usize = 16 * 1024;

/// How mistakes are rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Plain text.
    Plain,
    /// With ANSI colours.
    Coloured,
}

/// The mistakes as reports with place, excerpt, label and hint, a blank line between them and a line end at
/// the end.
///
/// `file_name` is shown as the place; `text` is what was loaded (for bytes that were not UTF-8: its lossy
/// conversion). No control character of either reaches the output.
#[must_use]
pub fn render(mistakes: &[Mistake], file_name: &str, text: &str, style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    let file_name = visible(file_name).into_owned();
    let reports: Vec<_> = mistakes
        .iter()
        .map(|mistake| report(&renderer, mistake, &file_name, text))
        .collect();
    let mut all = reports.join("\n\n");
    if !all.is_empty() {
        all.push('\n');
    }
    all
}

fn report(renderer: &Renderer, mistake: &Mistake, file_name: &str, text: &str) -> String {
    let first = mistake.span.start..mistake.span.end;
    let second = mistake.second.as_ref().map(|(span, _)| span.start..span.end);
    let together = Excerpt::new(text, &first, second.as_ref());
    // Two places that are far apart: the second one is named, not shown.
    let apart = if together.is_none() {
        Excerpt::new(text, &first, None)
    } else {
        None
    };
    let level = match mistake.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level
        .primary_title(&*mistake.message)
        .elements(None::<Origin<'_>>);
    if let Some(excerpt) = together.as_ref().or(apart.as_ref()) {
        let mut snippet = Snippet::source(excerpt.text.as_str())
            .line_start(excerpt.line)
            .path(file_name)
            .annotation(
                AnnotationKind::Primary
                    .span(excerpt.place(&first))
                    .label(&*mistake.label),
            );
        if let (Some((_, label)), Some(second), Some(_)) = (&mistake.second, &second, &together) {
            let place = excerpt.place(second);
            snippet = snippet.annotation(AnnotationKind::Context.span(place).label(&**label));
        }
        group = group.element(snippet);
    } else {
        let origin = Origin::path(file_name)
            .line(mistake.span.line)
            .char_column(mistake.span.column);
        group = group
            .element(origin)
            .element(Level::NOTE.message(&*mistake.label));
    }
    if let (Some((span, label)), None) = (&mistake.second, &together) {
        group = group.element(Level::NOTE.message(format!("line {}: {label}", span.line)));
    }
    if let Some(help) = &mistake.help {
        group = group.element(Level::HELP.message(&**help));
    }
    renderer.render(&[group])
}

/// Whole lines of the text around the marked places, fit to be shown.
struct Excerpt {
    text: String,
    /// The number of its first line.
    line: usize,
    /// Where it begins in the whole text.
    start: usize,
    /// Characters that were replaced: where they end in the whole text, and how much longer the excerpt is
    /// from there on.
    longer: Vec<(usize, usize)>,
}

impl Excerpt {
    fn new(text: &str, first: &Range<usize>, second: Option<&Range<usize>>) -> Option<Self> {
        let from = second.map_or(first.start, |second| second.start.min(first.start));
        let to = second.map_or(first.end, |second| second.end.max(first.end));
        let start = text.get(..from)?.rfind('\n').map_or(0, |at| at + 1);
        let end = text.get(to..)?.find('\n').map_or(text.len(), |at| to + at);
        if end - start > LONGEST_EXCERPT {
            return None;
        }
        let source = text.get(start..end)?;
        let mut shown = String::with_capacity(source.len());
        let mut longer = Vec::new();
        let mut sum = 0;
        for (at, c) in source.char_indices() {
            let new = visible_char(c);
            shown.push(new);
            if new != c {
                sum += new.len_utf8() - c.len_utf8();
                longer.push((start + at + c.len_utf8(), sum));
            }
        }
        Some(Self {
            text: shown,
            line: text.get(..start)?.matches('\n').count() + 1,
            start,
            longer,
        })
    }

    /// A place of the whole text in the excerpt.
    fn place(&self, range: &Range<usize>) -> Range<usize> {
        let moved = |at: usize| {
            let before = self.longer.partition_point(|(end, _)| *end <= at);
            let longer = before
                .checked_sub(1)
                .and_then(|last| self.longer.get(last))
                .map_or(0, |(_, sum)| *sum);
            at - self.start + longer
        };
        moved(range.start)..moved(range.end)
    }
}

/// What may be shown for a character: controls that the renderer leaves alone become U+FFFD.
///
/// The replacement is never shorter in UTF-8 than the character was.
fn visible_char(c: char) -> char {
    let line_end = matches!(c, '\n' | '\r' | '\t');
    if (c.is_control() && !line_end) || is_misleading(c) {
        char::REPLACEMENT_CHARACTER
    } else {
        c
    }
}

fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().any(|c| c.is_control() || visible_char(c) != c) {
        Cow::Owned(
            text.chars()
                .map(|c| {
                    if c.is_control() {
                        char::REPLACEMENT_CHARACTER
                    } else {
                        visible_char(c)
                    }
                })
                .collect(),
        )
    } else {
        Cow::Borrowed(text)
    }
}
