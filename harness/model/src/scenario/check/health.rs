//! What is said of keepalived, with its places.

use crate::keepalived::Keepalived;
use crate::scenario::place::Span;
use crate::scenario::syntax::KeepalivedInput;
use crate::scenario::table::Structure;

/// What the lab, or a value, says of keepalived.
pub(super) struct Said {
    pub(super) settings: Keepalived,
    /// Where.
    pub(super) span: Span,
    /// What `names` says that words of a configuration are in the lab, with its place.
    pub(super) meant: Vec<(String, Span)>,
    /// Each field that is said, by its key, in words, with its place.
    fields: Vec<(&'static str, String, Span)>,
}

impl Said {
    pub(super) fn of(input: &KeepalivedInput) -> Self {
        let check = input.check.as_ref();
        let times = [
            ("keepalived.delay-loop", &input.delay_loop),
            ("keepalived.connect-timeout", &input.connect_timeout),
            ("keepalived.delay-before-retry", &input.delay_before_retry),
            ("keepalived.advert-int", &input.advert_int),
            ("keepalived.preempt-delay", &input.preempt_delay),
            ("keepalived.garp-master-delay", &input.garp_master_delay),
            ("keepalived.garp-master-refresh", &input.garp_master_refresh),
        ];
        let times = times
            .into_iter()
            .filter_map(|(key, at)| Some((key, at.as_ref()?)));
        let mut fields: Vec<_> = times
            .map(|(key, at)| (key, format!("{:?}", at.value), at.span))
            .collect();
        fields.extend(check.map(|at| ("keepalived.check", at.value.as_str().to_owned(), at.span)));
        let retry = input.retry.as_ref();
        fields.extend(retry.map(|at| ("keepalived.retry", at.value.0.to_string(), at.span)));
        let version = input.vrrp_version.as_ref();
        fields.extend(version.map(|at| ("keepalived.vrrp-version", at.value.0.to_string(), at.span)));
        let repeat = input.garp_master_repeat.as_ref();
        fields.extend(repeat.map(|at| ("keepalived.garp-master-repeat", at.value.0.to_string(), at.span)));
        let sorry = input.sorry_server.as_ref();
        fields.extend(sorry.map(|at| ("keepalived.sorry-server", at.value.to_string(), at.span)));
        let names = || input.names.iter().flat_map(|names| &names.entries);
        let config = input.config.as_ref();
        fields.extend(config.map(|at| ("keepalived.config", at.value.0.text().to_owned(), at.span)));
        Self {
            settings: Keepalived {
                config: config.map(|at| at.value.0.clone()),
                names: names()
                    .map(|(theirs, ours)| (theirs.value.0.clone(), ours.value.0.clone()))
                    .collect(),
                check: check.map(|at| at.value),
                delay_loop: input.delay_loop.as_ref().map(|at| at.value),
                connect_timeout: input.connect_timeout.as_ref().map(|at| at.value),
                retry: retry.map(|at| at.value.0),
                delay_before_retry: input.delay_before_retry.as_ref().map(|at| at.value),
                inhibit_on_failure: input.inhibit_on_failure.is_some(),
                sorry_server: sorry.map(|at| at.value.clone()),
                advert_int: input.advert_int.as_ref().map(|at| at.value),
                vrrp_version: version.map(|at| at.value.0),
                nopreempt: input.nopreempt.is_some(),
                preempt_delay: input.preempt_delay.as_ref().map(|at| at.value),
                garp_master_delay: input.garp_master_delay.as_ref().map(|at| at.value),
                garp_master_repeat: repeat.map(|at| at.value.0),
                garp_master_refresh: input.garp_master_refresh.as_ref().map(|at| at.value),
                sync: input.sync.is_some(),
            },
            span: input.span(),
            meant: names()
                .map(|(_, ours)| (ours.value.0.clone(), ours.span))
                .collect(),
            fields,
        }
    }

    /// What has one value in a cell.
    pub(super) fn single(&self) -> impl Iterator<Item = (&'static str, String, Span)> {
        self.fields.iter().cloned()
    }

    pub(super) fn place(&self, key: &str) -> Option<Span> {
        let mut fields = self.fields.iter();
        fields.find(|(known, ..)| *known == key).map(|(.., span)| *span)
    }
}
