//! The real servers that expectations name (`served-by`): each cell that an expectation covers must have
//! them.

use super::Draft;
use super::findings::Findings;
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes, did_you_mean, listed};

pub(super) fn check(draft: &Draft, sizes: &[usize], mistakes: &mut Mistakes) {
    if draft
        .expectations
        .iter()
        .all(|expectation| expectation.named.is_empty())
    {
        return;
    }
    let mut findings = Findings::default();
    for choice in Draft::cells(sizes) {
        let lab = draft.lab.iter();
        let added = lab.chain(draft.chosen(&choice).map(|(_, value)| &value.added));
        let servers: Vec<&str> = added
            .flat_map(|added| &added.real_servers)
            .map(|server| server.value.name.as_str())
            .collect();
        let covering = draft
            .expectations
            .iter()
            .filter(|expectation| expectation.covers(&choice));
        for named in covering.flat_map(|expectation| &expectation.named) {
            if servers.contains(&named.value.as_str()) {
                continue;
            }
            findings.add(
                || draft.slug(&choice),
                named.span,
                MistakeKind::UnknownServer,
                || {
                    Mistake::new(
                        MistakeKind::UnknownServer,
                        named.span,
                        format!("no real server named `{}` serves these cells", named.value),
                        format!("real servers there: {}", listed(servers.iter().copied())),
                    )
                    .maybe_help(did_you_mean(named.value.as_str(), servers.iter().copied()))
                },
            );
        }
    }
    findings.report(draft, mistakes);
}
