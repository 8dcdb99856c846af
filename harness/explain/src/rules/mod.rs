//! The rules, by what they speak of. Each was read in the kernel's source (7.x; where older kernels differ it
//! is said there) and is held against the stored cells by `tests/explain.rs`.

mod addition;
mod client;
mod director;
mod firewall;
mod frozen;
mod locks;
mod method;
mod neighbour;
mod nodest;
mod outlived;
mod own_firewall;
mod path;
mod reuse;
mod server;
mod service;
mod settings;
mod sloppy;
mod tried;
mod unasked;
mod unheard;

use super::Source;
use super::advice::Advice;
use super::bilingual::Bilingual;
use super::cell_view::CellView;
use super::claim::Claim;
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::verdict::Citation;

/// RFC 792.
pub(super) const HOST_UNREACHABLE: u8 = 1;

/// What a rule explains of what the client lived through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Explains {
    /// Why it was answered.
    Answer,
    /// Why nothing reached it.
    Silence,
    /// Why it got an error.
    Error,
    /// Nothing by itself: how something came about of which another rule says why.
    Circumstance,
}

/// A rule.
pub(super) struct Rule {
    /// Its name in reports.
    pub(super) name: &'static str,
    /// What it explains.
    pub(super) explains: Explains,
    /// The functions of the kernel that do it.
    pub(super) sources: &'static [Source],
    /// Its conditions, and what it says where they hold.
    pub(super) holds: fn(&CellView<'_>) -> Option<Finding>,
}

/// A rule that holds.
pub(super) struct Finding {
    /// The moment that it speaks of first.
    pub(super) at: Instant,
    /// One or more sentences.
    pub(super) text: Bilingual,
    /// What shows it.
    pub(super) shown_by: Vec<Citation>,
    /// What it says of single packets.
    pub(super) claims: Vec<Claim>,
    /// What may avoid it: of these, what is not in force in the cell and can help there is told.
    pub(super) advice: Vec<Advice>,
}

/// All rules. Of rules that speak of the same moment the earlier comes first.
pub(super) const ALL: &[Rule] = &[
    director::SCHEDULED,
    tried::ANOTHER,
    reuse::PASSES_ON,
    sloppy::OVERDUE,
    director::PASSED_ON,
    sloppy::PICKED_UP,
    sloppy::ELSEWHERE,
    director::UNDER_WAY,
    director::SERVER_SAID,
    director::NO_SERVER,
    unasked::PUT_OFF,
    unasked::PROBE,
    service::NO_SERVICE,
    service::NO_HOOKS,
    service::ENTRY_TIMED_OUT,
    nodest::DROPPED,
    nodest::EXPIRED_AT_ONCE,
    nodest::EXPIRED_LATER,
    reuse::DROPS,
    reuse::OVER,
    unheard::HANDSHAKE,
    unheard::WINDOW,
    unheard::GIVEN_UP,
    addition::SERVER_BACK,
    outlived::THAWED,
    outlived::LINK_BACK,
    method::NOT_TRANSLATED_BACK,
    method::NO_TUNNEL,
    method::OTHER_ROUTE,
    firewall::DROPS,
    firewall::REFUSES,
    firewall::RESETS,
    firewall::NOT_FATAL,
    own_firewall::KEEPS_OUT,
    own_firewall::HOLDS_BACK,
    own_firewall::REFUSES,
    own_firewall::GIVES_UP,
    path::HOST_OFF,
    path::DIRECTOR_UNPLUGGED,
    path::LOST_BEFORE,
    path::LOST_AFTER,
    path::LOST_ON_THE_WAY_BACK,
    path::DELAYED,
    neighbour::STILL_REACHABLE,
    neighbour::VIP_TAKEN,
    neighbour::VIP_TAKEN_BY_ANOTHER,
    neighbour::NO_NEIGHBOUR,
    server::NOTHING_LISTENS,
    server::CLOSED,
    server::UNREAD,
    server::WAIT_TIMEOUT,
    server::UNKNOWN_THERE,
    frozen::FROZEN,
    frozen::NOTHING_TO_SEND,
    locks::WAITED,
    locks::FREED,
    locks::GIVEN_UP,
    client::REVERTED,
    client::GAVE_UP,
    client::GAVE_UP_CONNECTING,
    client::GONE,
    client::ENDED_WHILE_IDLE,
    settings::USER_TIMEOUT,
    settings::PROBES_UNANSWERED,
    settings::KEEPALIVE,
    settings::PROGRAM_S_TIMEOUT,
];

const fn core(function: &'static str) -> Source {
    Source {
        function,
        file: "net/netfilter/ipvs/ip_vs_core.c",
    }
}

const fn control(function: &'static str) -> Source {
    Source {
        function,
        file: "net/netfilter/ipvs/ip_vs_ctl.c",
    }
}

const fn connections(function: &'static str) -> Source {
    Source {
        function,
        file: "net/netfilter/ipvs/ip_vs_conn.c",
    }
}

const fn tcp_protocol(function: &'static str) -> Source {
    Source {
        function,
        file: "net/netfilter/ipvs/ip_vs_proto_tcp.c",
    }
}

const fn transmit(function: &'static str) -> Source {
    Source {
        function,
        file: "net/netfilter/ipvs/ip_vs_xmit.c",
    }
}

const fn tcp(function: &'static str) -> Source {
    Source {
        function,
        file: "net/ipv4/tcp_ipv4.c",
    }
}

const fn tcp_output(function: &'static str) -> Source {
    Source {
        function,
        file: "net/ipv4/tcp_output.c",
    }
}

const fn tcp_timer(function: &'static str) -> Source {
    Source {
        function,
        file: "net/ipv4/tcp_timer.c",
    }
}
