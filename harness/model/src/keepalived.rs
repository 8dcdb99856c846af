//! keepalived(8) on the director: it fills the director's table, checks the real servers, and edits the table
//! by what it finds. On two directors it moves the VIP between them by VRRP, too. Here is what a lab says of
//! it; its configuration is made in `plan::keepalived`.

mod complaint;
mod config;
mod own;
mod refused;
pub mod text;
mod vmac;

pub use complaint::Complaint;
pub use config::{CHECK, Config, GATEWAY, Names, Parsed, VIP};
pub use own::{LabFacts, Own, OwnServer};
pub use text::Statement;

use crate::Name;
use crate::base::Family;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How many times keepalived tries again at the most.
pub const MAX_RETRIES: u8 = 20;

/// How keepalived finds out whether a real server works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HealthCheck {
    /// `TCP_CHECK`: it connects, and closes the connection at once.
    #[default]
    Tcp,
    /// `MISC_CHECK`: a program asks the server something, and waits for the answer.
    Query,
    /// It checks nothing.
    None,
}

impl HealthCheck {
    /// Its name in scenarios.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Query => "query",
            Self::None => "none",
        }
    }
}

/// What a scenario says of keepalived. What it does not say has the value of keepalived.conf(5), where that
/// has one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Keepalived {
    /// The author's own configuration, in place of one that is made from the lab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Config>,
    /// What the words of the author's configurations are in the lab.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub names: Names,
    /// How real servers are checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<HealthCheck>,
    /// How long after a check the next one begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_loop: Option<Duration>,
    /// How long a check may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_timeout: Option<Duration>,
    /// How often a check that failed is made again before the server counts as failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<u8>,
    /// How long before it is made again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_before_retry: Option<Duration>,
    /// Does a server that has failed stay in the table, with weight 0?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inhibit_on_failure: bool,
    /// The real server to which clients go when all others have failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sorry_server: Option<Name>,
    /// How far apart the adverts of VRRP are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advert_int: Option<Duration>,
    /// The version of VRRP: 2 or 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vrrp_version: Option<u8>,
    /// Does a director that comes back leave the VIP where it is, whatever its priority?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nopreempt: bool,
    /// How long after it has come back a director takes the VIP from one of lower priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preempt_delay: Option<Duration>,
    /// How long after the first gratuitous ARP requests of a new master they are repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub garp_master_delay: Option<Duration>,
    /// How many gratuitous ARP requests a new master sends at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub garp_master_repeat: Option<u8>,
    /// How far apart a master repeats its gratuitous ARP requests, as long as it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub garp_master_refresh: Option<Duration>,
    /// Does the VIP have an Ethernet address of its own, which all directors have (`use_vmac`)?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub use_vmac: bool,
    /// Do the directors tell each other of their connections (`lvs_sync_daemon`)?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sync: bool,
}

impl Keepalived {
    /// The same with what `later` says; its word counts.
    #[must_use]
    pub fn with(&self, later: &Self) -> Self {
        let names = self.names.iter().chain(&later.names);
        Self {
            config: later.config.clone().or_else(|| self.config.clone()),
            names: names
                .map(|(theirs, ours)| (theirs.clone(), ours.clone()))
                .collect(),
            check: later.check.or(self.check),
            delay_loop: later.delay_loop.or(self.delay_loop),
            connect_timeout: later.connect_timeout.or(self.connect_timeout),
            retry: later.retry.or(self.retry),
            delay_before_retry: later.delay_before_retry.or(self.delay_before_retry),
            inhibit_on_failure: later.inhibit_on_failure || self.inhibit_on_failure,
            sorry_server: later.sorry_server.clone().or_else(|| self.sorry_server.clone()),
            advert_int: later.advert_int.or(self.advert_int),
            vrrp_version: later.vrrp_version.or(self.vrrp_version),
            nopreempt: later.nopreempt || self.nopreempt,
            preempt_delay: later.preempt_delay.or(self.preempt_delay),
            garp_master_delay: later.garp_master_delay.or(self.garp_master_delay),
            garp_master_repeat: later.garp_master_repeat.or(self.garp_master_repeat),
            garp_master_refresh: later.garp_master_refresh.or(self.garp_master_refresh),
            use_vmac: later.use_vmac || self.use_vmac,
            sync: later.sync || self.sync,
        }
    }

    /// How real servers are checked.
    #[must_use]
    pub fn check(&self) -> HealthCheck {
        self.check.unwrap_or_default()
    }

    /// How long after a check the next one begins.
    #[must_use]
    pub fn delay_loop(&self) -> Duration {
        self.delay_loop.unwrap_or(DELAY_LOOP)
    }

    /// How long a check may take.
    #[must_use]
    pub fn connect_timeout(&self) -> Duration {
        self.connect_timeout.unwrap_or(CONNECT_TIMEOUT)
    }

    /// How often a check that failed is made again.
    #[must_use]
    pub fn retry(&self) -> u8 {
        self.retry.unwrap_or(RETRY)
    }

    /// How long before it is made again.
    #[must_use]
    pub fn delay_before_retry(&self) -> Duration {
        self.delay_before_retry.unwrap_or(DELAY_BEFORE_RETRY)
    }

    /// How far apart the adverts of VRRP are.
    #[must_use]
    pub fn advert_int(&self) -> Duration {
        self.advert_int.unwrap_or(ADVERT_INT)
    }

    /// The version of VRRP. Only 3 has IPv6 (RFC 5798).
    #[must_use]
    pub fn vrrp_version(&self, family: Family) -> u8 {
        self.vrrp_version.unwrap_or(match family {
            Family::Ipv4 => VRRP_VERSION,
            Family::Ipv6 => 3,
        })
    }

    /// How long after the first gratuitous ARP requests of a new master they are repeated.
    #[must_use]
    pub fn garp_master_delay(&self) -> Duration {
        self.garp_master_delay.unwrap_or(GARP_MASTER_DELAY)
    }

    /// How many gratuitous ARP requests a new master sends at a time.
    #[must_use]
    pub fn garp_master_repeat(&self) -> u8 {
        self.garp_master_repeat.unwrap_or(GARP_MASTER_REPEAT)
    }

    /// Is anything said of VRRP or of the sync daemon, which needs two directors?
    #[must_use]
    pub fn says_of_vrrp(&self) -> bool {
        self.advert_int.is_some()
            || self.vrrp_version.is_some()
            || self.nopreempt
            || self.preempt_delay.is_some()
            || self.garp_master_delay.is_some()
            || self.garp_master_repeat.is_some()
            || self.garp_master_refresh.is_some()
            || self.use_vmac
            || self.sync
    }
}

/// Stated in every configuration. keepalived's own is 60 s (`KEEPALIVED_DEFAULT_DELAY` of
/// keepalived/include/check_data.h), and a lab would wait for that long before anything happens.
const DELAY_LOOP: Duration = Duration::from_secs(2);
/// keepalived.conf(5): a check may take 5 s.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// keepalived.conf(5): `TCP_CHECK` tries once more. `MISC_CHECK` would not; labs have one number for both.
const RETRY: u8 = 1;
/// keepalived.conf(5): a second later.
const DELAY_BEFORE_RETRY: Duration = Duration::from_secs(1);
/// keepalived.conf(5): an advert each second.
const ADVERT_INT: Duration = Duration::from_secs(1);
/// keepalived.conf(5): version 2.
const VRRP_VERSION: u8 = 2;
/// keepalived.conf(5): they are repeated after 5 s.
const GARP_MASTER_DELAY: Duration = Duration::from_secs(5);
/// keepalived.conf(5): five at a time.
const GARP_MASTER_REPEAT: u8 = 5;
