//! How far a search is: on a terminal a line that is drawn anew, elsewhere a line for each generation.

use crate::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lvs_matrix_explore::Search;
use lvs_matrix_model::duration::Human;
use lvs_matrix_report::plural;
use std::time::{Duration, Instant};

/// The line: how many cells, what they gave, how long it took.
const LINE: &str = "{pos} cells  {prefix}{elapsed} gone  {wide_msg}";
const TICK: Duration = Duration::from_secs(1);

/// How far a search is.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    quiet: bool,
    began: Instant,
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template(LINE) {
            bar.set_style(style);
        }
        if !bar.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        let began = Instant::now();
        Self { bar, quiet, began }
    }

    /// A cell is over.
    pub(crate) fn recorded(&self) {
        self.bar.inc(1);
    }

    /// A generation is over, which was for this.
    pub(crate) fn learned(&self, search: &Search<'_>, purpose: &'static str) {
        let found = in_words(search);
        if self.bar.is_hidden() {
            if !self.quiet {
                let gone = Human(Duration::from_secs(self.began.elapsed().as_secs()));
                output::talk(&format!(
                    "{}, {found}, {gone} gone",
                    plural(search.cells(), "cell")
                ));
            }
            return;
        }
        self.bar
            .set_position(u64::try_from(search.cells()).unwrap_or(u64::MAX));
        self.bar.set_prefix(format!("{found}, "));
        self.bar.set_message(purpose);
    }

    /// Says something else while the line is away.
    pub(crate) fn aside(&self, text: &str) {
        self.bar.suspend(|| output::talk(text));
    }

    /// The search is over: the line goes.
    pub(crate) fn over(&self) {
        self.bar.finish_and_clear();
    }
}

/// `131 signatures, 9 findings, 2 of them unexplained`.
pub(crate) fn in_words(search: &Search<'_>) -> String {
    let findings = search.findings();
    let unexplained = findings
        .iter()
        .filter(|finding| !finding.signature.explained)
        .count();
    let unexplained = match unexplained {
        0 => String::new(),
        count => format!(", {count} of them unexplained"),
    };
    format!(
        "{}, {}{unexplained}",
        plural(search.signatures(), "signature"),
        plural(findings.len(), "finding")
    )
}
