//! Which rules are true of some kernels only, each with the commit of Linux that changed it. What is not here
//! is the same in every kernel that was looked at, from 5.4 on.

use super::cell_view::CellView;
use lvs_matrix_model::matrix::{DEFAULT_LINE, Line, Lines};

/// Of which kernels a rule is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernels {
    /// The lines of Linux.
    pub lines: Lines,
    /// The commit that made it so from its line on, or ended it.
    pub commit: &'static str,
}

/// IPVS registers its hooks with the first service of a network namespace and takes them out with the last;
/// before, they were there for good (`__ip_vs_dev_init`).
pub(super) const HOOKS_ONLY_WITH_SERVICES: &str = "857ca89711de";
/// Entries go with their server by a work of its own, and a segment that matches one that is still there is
/// looked at as if there were none; before, such a segment was dropped, and ended the entry (`ip_vs_in`).
pub(super) const EXPIRED_WITH_THE_SERVER: &str = "35dfb013149f";

/// What acknowledges a SYN-ACK must have a timestamp of it (`tcp_check_req`). The stable lines of 6.14
/// got it, too.
pub(super) const TSECR_LOOKED_AT: &str = "3ba075278c11";

/// Linux 5.9, in which the first two came.
const CHANGED: Line = Line::new(5, 9);

/// A rule, the lines of Linux that it is true of, and the commit.
const ON_SOME: [(&str, &str, &str); 5] = [
    (
        "acknowledgement-with-a-wrong-timestamp",
        ">=6.15",
        TSECR_LOOKED_AT,
    ),
    ("last-service-gone", ">=5.9", HOOKS_ONLY_WITH_SERVICES),
    ("entry-expired-with-its-server", ">=5.9", EXPIRED_WITH_THE_SERVER),
    ("entry-expired-by-a-segment", "<5.9", EXPIRED_WITH_THE_SERVER),
    ("scheduled-after-a-dropped-syn", "<5.9", EXPIRED_WITH_THE_SERVER),
];

/// Of which kernels a rule is true; `None`: of all.
pub(super) fn of(rule: &str) -> Option<Kernels> {
    let (_, lines, commit) = ON_SOME.into_iter().find(|(name, ..)| *name == rule)?;
    let lines = lines.parse().ok()?;
    Some(Kernels { lines, commit })
}

impl CellView<'_> {
    /// The line of the director's kernel, which is every host's.
    pub(super) fn line(&self) -> Line {
        Line::in_text(&self.record.environment.kernel).unwrap_or(DEFAULT_LINE)
    }

    /// Is the rule true of the cell's kernel?
    pub(super) fn has_kernel_for(&self, rule: &str) -> bool {
        of(rule).is_none_or(|kernels| kernels.lines.has(self.line()))
    }

    /// Do the hooks of IPVS stay when the last service goes?
    pub(super) fn hooks_stay(&self) -> bool {
        self.line() < CHANGED
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules;
    use super::*;

    #[test]
    fn every_rule_of_some_kernels_is_a_rule() {
        for (name, lines, commit) in ON_SOME {
            assert!(rules::ALL.iter().any(|rule| rule.name == name), "{name}");
            let kernels = of(name).unwrap();
            assert_eq!(kernels.lines.to_string(), lines);
            assert_eq!(commit.len(), 12);
            assert_ne!(
                kernels.lines.has(Line::new(5, 8)),
                kernels.lines.has(DEFAULT_LINE),
                "{name}"
            );
        }
        assert_eq!(of("scheduled"), None);
    }
}
