//! Places in a scenario's text.

use serde::{Deserialize, Serialize};

/// A stretch of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Line of the first byte, 1 for the first.
    pub line: usize,
    /// Column of the first byte in characters, 1 for the first.
    pub column: usize,
}

impl Span {
    /// Where it begins, as editors count.
    pub(super) fn position(self) -> Position {
        Position {
            line: self.line,
            column: self.column,
        }
    }
}

/// A place in the text as editors count: the same for any line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Position {
    /// The line, 1 for the first.
    pub line: usize,
    /// The column in characters, 1 for the first.
    pub column: usize,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

/// Finds line and column of a byte.
#[derive(Debug)]
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self { text, starts }
    }

    /// The stretch from `start` to `end`, cut off at the end of its first line: a mark under one line says
    /// where something stands; one along many lines hides what is meant.
    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        let start = self.floor(start.min(self.text.len()));
        let end = self.floor(end.min(self.text.len())).max(start);
        let line = self.starts.partition_point(|first| *first <= start).max(1);
        let line_start = self.starts.get(line - 1).copied().unwrap_or(0);
        let head = &self.text[start..end];
        let head = head.split(['\n', '\r']).next().unwrap_or(head).trim_end();
        Span {
            start,
            end: start + head.len(),
            line,
            column: self.text[line_start..start].chars().count() + 1,
        }
    }

    /// The text from byte `at` on.
    pub(super) fn at(&self, at: usize) -> &'t str {
        self.text.get(at..).unwrap_or("")
    }

    /// The nearest character boundary at or before `at`.
    fn floor(&self, mut at: usize) -> usize {
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let text = "a: é b\r\nc: d\n";
        let lines = Lines::new(text);
        let at = |start, end| {
            let span = lines.span(start, end);
            (&text[span.start..span.end], span.line, span.column)
        };
        assert_eq!(at(0, 1), ("a", 1, 1));
        assert_eq!(at(6, 7), ("b", 1, 6));
        assert_eq!(at(3, 20), ("é b", 1, 4), "cut off at the end of the line");
        assert_eq!(at(9, 10), ("c", 2, 1));
        assert_eq!(at(4, 4), ("", 1, 4), "inside a character: at its beginning");
        assert_eq!(at(99, 99), ("", 3, 1), "behind the end: at the end");
    }
}
