//! Mistakes of cells, gathered into mistakes of the file.

use super::Draft;
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes};
use crate::scenario::place::Span;
use indexmap::IndexMap;

/// A mistake, and the cells that have it.
struct Finding {
    mistake: Mistake,
    first: String,
    count: usize,
}

/// Findings by place and kind: a step that is wrong in a hundred cells is one mistake.
#[derive(Default)]
pub(super) struct Findings(IndexMap<(usize, MistakeKind), Finding>);

impl Findings {
    /// Adds a cell's finding; what is the same mistake in another cell is only counted.
    pub(super) fn add(
        &mut self,
        slug: impl FnOnce() -> String,
        span: Span,
        kind: MistakeKind,
        mistake: impl FnOnce() -> Mistake,
    ) {
        self.0
            .entry((span.start, kind))
            .or_insert_with(|| Finding {
                mistake: mistake(),
                first: slug(),
                count: 0,
            })
            .count += 1;
    }

    /// Adds them to the mistakes, each with the cells that have it.
    pub(super) fn report(self, draft: &Draft, mistakes: &mut Mistakes) {
        self.each(draft, |mistake| mistakes.add(mistake));
    }

    /// The same as warnings.
    pub(super) fn warn(self, draft: &Draft, mistakes: &mut Mistakes) {
        self.each(draft, |mistake| mistakes.warn(mistake));
    }

    fn each(self, draft: &Draft, mut add: impl FnMut(Mistake)) {
        for finding in self.0.into_values() {
            let mut mistake = finding.mistake;
            if !draft.axes.is_empty() {
                let more = match finding.count {
                    0 | 1 => String::new(),
                    count => format!(" and {} more", count - 1),
                };
                mistake.label = format!("{} (in cell {}{more})", mistake.label, finding.first);
            }
            add(mistake);
        }
    }
}
