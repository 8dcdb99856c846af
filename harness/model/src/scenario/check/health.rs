//! What is said of a director's control plane, with its places.

use crate::keepalived::Keepalived;
use crate::ldirectord::Ldirectord;
use crate::scenario::place::Span;
use crate::scenario::syntax::{KeepalivedInput, LdirectordInput};
use crate::scenario::table::Structure;

/// What the lab, or a value, says of keepalived or of ldirectord.
pub(super) struct Said<T> {
    pub(super) settings: T,
    /// Where.
    pub(super) span: Span,
    /// What `names` says that words of a configuration are in the lab, with its place.
    pub(super) meant: Vec<(String, Span)>,
    /// Each field that is said, by its key, in words, with its place.
    fields: Vec<(&'static str, String, Span)>,
}

impl Said<Keepalived> {
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
                use_vmac: input.use_vmac.is_some(),
                sync: input.sync.is_some(),
            },
            span: input.span(),
            meant: names()
                .map(|(_, ours)| (ours.value.0.clone(), ours.span))
                .collect(),
            fields,
        }
    }
}

impl Said<Ldirectord> {
    pub(super) fn of(input: &LdirectordInput) -> Self {
        let mut fields = Vec::new();
        let times = [
            ("ldirectord.checkinterval", &input.checkinterval),
            ("ldirectord.checktimeout", &input.checktimeout),
        ];
        let times = times
            .into_iter()
            .filter_map(|(key, at)| Some((key, at.as_ref()?)));
        fields.extend(times.map(|(key, at)| (key, format!("{:?}", at.value.0), at.span)));
        let switches = [
            ("ldirectord.quiescent", &input.quiescent),
            ("ldirectord.fork", &input.fork),
            ("ldirectord.cleanstop", &input.cleanstop),
            ("ldirectord.autoreload", &input.autoreload),
        ];
        let switches = switches
            .into_iter()
            .filter_map(|(key, at)| Some((key, at.as_ref()?)));
        fields.extend(switches.map(|(key, at)| (key, at.value.as_str().to_owned(), at.span)));
        let check = input.checktype.as_ref();
        fields.extend(check.map(|at| ("ldirectord.checktype", at.value.as_str().to_owned(), at.span)));
        let failures = input.failurecount.as_ref();
        fields.extend(failures.map(|at| ("ldirectord.failurecount", at.value.0.to_string(), at.span)));
        let fallback = input.fallback.as_ref();
        fields.extend(fallback.map(|at| ("ldirectord.fallback", at.value.to_string(), at.span)));
        Self {
            settings: Ldirectord {
                checktype: check.map(|at| at.value),
                checkinterval: input.checkinterval.as_ref().map(|at| at.value.0),
                checktimeout: input.checktimeout.as_ref().map(|at| at.value.0),
                failurecount: failures.map(|at| at.value.0),
                quiescent: input.quiescent.as_ref().map(|at| at.value),
                fallback: fallback.map(|at| at.value.clone()),
                fork: input.fork.as_ref().map(|at| at.value),
                cleanstop: input.cleanstop.as_ref().map(|at| at.value),
                autoreload: input.autoreload.as_ref().map(|at| at.value),
            },
            span: input.span(),
            meant: Vec::new(),
            fields,
        }
    }
}

impl<T> Said<T> {
    /// What has one value in a cell.
    pub(super) fn single(&self) -> impl Iterator<Item = (&'static str, String, Span)> {
        self.fields.iter().cloned()
    }

    pub(super) fn place(&self, key: &str) -> Option<Span> {
        let mut fields = self.fields.iter();
        fields.find(|(known, ..)| *known == key).map(|(.., span)| *span)
    }
}
