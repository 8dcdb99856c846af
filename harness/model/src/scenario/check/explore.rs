//! What is searched: actions there must be, and something that must never happen.

use crate::scenario::explore::{DEFAULT_LENGTH, Explore, Never};
use crate::scenario::mistake::{Mistake, MistakeKind, Mistakes};
use crate::scenario::place::Span;
use crate::scenario::syntax::{ExploreInput, NeverInput, Placed};
use crate::scenario::table::Structure;

/// What is searched, while it is checked.
pub(super) struct ExploreDraft {
    length: u8,
    /// Every alternative of every action.
    pub(super) actions: Vec<Placed>,
    /// How many alternatives each item of the file has.
    alternatives: Vec<usize>,
    never: Option<Never>,
    /// Where an outage of probes is looked for.
    pub(super) probe_outage: Option<Span>,
    complete: bool,
}

impl ExploreDraft {
    pub(super) fn of(input: &ExploreInput, mistakes: &mut Mistakes) -> Self {
        let items = input.actions.iter().flat_map(|list| &list.items);
        let alternatives: Vec<usize> = items.clone().map(|choice| choice.steps.len()).collect();
        let actions: Vec<Placed> = items.flat_map(|choice| choice.steps.iter().cloned()).collect();
        if let Some(list) = input.actions.as_ref().filter(|list| list.complete) {
            let classified = actions.iter().any(|step| step.action.is_classified());
            if actions.is_empty() {
                mistakes.add(
                    Mistake::new(
                        MistakeKind::NothingToExplore,
                        list.span,
                        "no action of which sequences could be made",
                        "needs at least one of the client's, such as `connect: {}`",
                    )
                    .help("name what the operator and the client may do"),
                );
            } else if !classified {
                mistakes.add(
                    Mistake::new(
                        MistakeKind::NothingToExplore,
                        list.span,
                        "no action of the client's that could be classified",
                        "none of connect, query, request, await-connect, await-result is here",
                    )
                    .help("add an operation of the client's: what a sequence does to it is what is searched"),
                );
            }
        }
        let never = input.never.as_ref().map(|never| asked(&never.0, mistakes));
        Self {
            length: input
                .length
                .as_ref()
                .map_or(DEFAULT_LENGTH, |length| length.value.0),
            actions,
            alternatives,
            never,
            probe_outage: input
                .never
                .as_ref()
                .and_then(|never| never.0.probe_outage.as_ref())
                .map(|time| time.span),
            complete: input.complete(),
        }
    }

    /// What is searched, if all of it could be read.
    pub(super) fn into_explore(self) -> Option<Explore> {
        if !self.complete {
            return None;
        }
        let mut steps = self.actions.into_iter().map(Placed::into_timed);
        let actions = self.alternatives.iter();
        Some(Explore {
            length: self.length,
            actions: actions
                .map(|count| steps.by_ref().take(*count).collect())
                .collect(),
            never: self.never?,
        })
    }
}

fn asked(input: &NeverInput, mistakes: &mut Mistakes) -> Never {
    let never = Never {
        hung: input.hung.is_some(),
        error: input.error.as_ref().map(|error| error.value),
        drained_server_chosen: input.drained_server_chosen.is_some(),
        session_outlives_client: input.session_outlives_client.as_ref().map(|time| time.value),
        probe_outage: input.probe_outage.as_ref().map(|time| time.value),
    };
    if never == Never::default() && input.complete() {
        mistakes.add(
            Mistake::new(
                MistakeKind::NothingToExplore,
                input.span(),
                "nothing that must never happen",
                "at least one of the fields is needed, such as `hung: true`",
            )
            .help("a search needs something to look for"),
        );
    }
    never
}
