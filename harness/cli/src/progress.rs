//! How far a run is: on a terminal a line that is drawn anew, elsewhere a line for each cell that is over.

use crate::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::verdict::{JudgedCell, Verdict};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The line: how many cells, what was found, how long it took and will take, and the cell that began last.
const LINE: &str = "{pos}/{len}  {prefix}{elapsed} gone, {eta} to go  {wide_msg}";
/// How often the times in it are drawn anew.
const TICK: Duration = Duration::from_secs(1);

/// How far a run is.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    quiet: bool,
    count: usize,
    over: AtomicUsize,
    hung: AtomicUsize,
    violated: AtomicUsize,
}

impl Progress {
    /// Of a run of so many cells.
    pub(crate) fn of(count: usize, quiet: bool) -> Self {
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(u64::try_from(count).ok(), target);
        if let Ok(style) = ProgressStyle::with_template(LINE) {
            bar.set_style(style);
        }
        if !bar.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        Self {
            bar,
            quiet,
            count,
            over: AtomicUsize::new(0),
            hung: AtomicUsize::new(0),
            violated: AtomicUsize::new(0),
        }
    }

    /// Is there a line that shows what was found?
    pub(crate) fn is_shown(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// A cell has begun.
    pub(crate) fn begun(&self, cell: &CellRef) {
        self.bar.set_message(cell.to_string());
    }

    /// A cell is over; `judged` if it was looked at.
    pub(crate) fn recorded(&self, cell: &CellRef, judged: Option<&JudgedCell>) {
        let over = self.over.fetch_add(1, Ordering::Relaxed) + 1;
        if self.bar.is_hidden() {
            if !self.quiet {
                output::talk(&format!("{over}/{}  {cell}", self.count));
            }
            return;
        }
        let counted = |counter: &AtomicUsize, more: bool| {
            counter.fetch_add(usize::from(more), Ordering::Relaxed) + usize::from(more)
        };
        let hung = counted(&self.hung, judged.is_some_and(JudgedCell::left_waiting));
        let is_violated = judged.is_some_and(|cell| matches!(cell.verdict, Verdict::Violated { .. }));
        let violated = counted(&self.violated, is_violated);
        let part = |count: usize, word: &str| match count {
            0 => String::new(),
            count => format!("{count} {word}, "),
        };
        self.bar
            .set_prefix(part(hung, "hung") + &part(violated, "violated"));
        self.bar.inc(1);
    }

    /// Says something else while the line is away.
    pub(crate) fn aside(&self, say: impl FnOnce()) {
        self.bar.suspend(say);
    }

    /// The run is over: the line goes.
    pub(crate) fn over(&self) {
        self.bar.finish_and_clear();
    }
}
