//! The rules, by what they speak of. Each was read in the kernel's source (7.x; where older kernels differ it
//! is said there) and is held against the stored cells by `tests/explain.rs`.

mod addition;
mod booted;
mod chosen;
mod client;
mod control;
mod datagram;
mod director;
mod failover;
mod firewall;
mod frozen;
mod given_up;
mod killed;
mod limited;
mod locks;
mod logged;
mod method;
mod misbuilt;
mod neighbour;
mod nodest;
mod outlived;
mod own_firewall;
mod path;
mod persistent;
mod power;
mod prelude;
mod reuse;
mod routed;
mod router;
mod rule;
mod server;
mod service;
mod settings;
mod shared;
mod sloppy;
mod spread;
mod stateful;
mod stopped;
mod synproxy;
mod thresholds;
mod too_big;
mod translated;
mod tried;
mod two_directors;
mod unasked;
mod under_way;
mod unheard;
mod virtual_mac;

pub(super) use chosen::own_match;
pub(super) use rule::{Explains, Finding, Rule};
pub(super) use shared::with_method;
pub(super) use thresholds::{Full, by_its_scheduler};
pub(super) use two_directors::synced_by_hand;

/// All rules. Of rules that speak of the same moment the earlier comes first.
pub(super) const ALL: &[Rule] = &[
    director::SCHEDULED,
    persistent::BY_TEMPLATE,
    tried::ANOTHER,
    reuse::PASSES_ON,
    sloppy::OVERDUE,
    director::PASSED_ON,
    sloppy::PICKED_UP,
    sloppy::ELSEWHERE,
    under_way::PAST_THE_DIRECTOR,
    under_way::BY_ITS_ENTRY,
    under_way::BY_A_SYNCED_ENTRY,
    director::SERVER_SAID,
    limited::HELD_BACK,
    thresholds::FULL,
    thresholds::KEPT_IN_CACHE,
    thresholds::PASSED_BY,
    thresholds::HASHED,
    director::NO_SERVER,
    spread::BY_SOURCE_HASH,
    spread::BY_MAGLEV,
    spread::BY_DESTINATION,
    spread::BY_TURN_OR_COUNT,
    router::ONE_ADDRESS,
    control::TAKEN_OUT,
    control::TAKEN_OUT_BY_LDIRECTORD,
    control::NOT_YET,
    control::NOT_YET_BY_LDIRECTORD,
    control::PUT_BACK,
    control::SEES_NO_FREEZE,
    control::CONNECT_SEES_NO_FREEZE,
    control::CHECK_WAITS,
    stopped::WITH_KEEPALIVED,
    stopped::WITH_LDIRECTORD,
    failover::VIP_MOVED,
    logged::TWO_MASTERS,
    logged::DROPS_FOR_THE_VIP,
    virtual_mac::SAME_ADDRESS,
    virtual_mac::REFUSED,
    virtual_mac::TOLD,
    virtual_mac::DROPPED,
    virtual_mac::NOBODY,
    failover::KNOWN_BY_SYNC,
    failover::UNKNOWN_TO_IT,
    booted::FORGOT,
    failover::SENT_TO_THE_OLD,
    given_up::SILENT,
    given_up::REFUSED,
    failover::BY_HAND,
    failover::ROUTED_ON,
    failover::NOT_TOLD,
    datagram::SCHEDULED,
    datagram::NO_SERVER,
    datagram::NO_SERVICE,
    datagram::NOTHING_LISTENS,
    firewall::REFUSES_A_DATAGRAM,
    datagram::UNREAD,
    unasked::PUT_OFF,
    unasked::PROBE,
    service::OTHER_SERVICE,
    service::NO_SERVICE,
    service::NO_HOOKS,
    service::UNMARKED,
    routed::MUTE,
    routed::NO_ROUTER,
    routed::REFUSED,
    routed::UNREACHABLE,
    service::ENTRY_TIMED_OUT,
    service::DROPPED_ENTRY,
    nodest::DROPPED,
    nodest::EXPIRED_AT_ONCE,
    nodest::EXPIRED_BY_A_SEGMENT,
    nodest::EXPIRED_LATER,
    reuse::DROPS,
    reuse::LEADS,
    reuse::OVER,
    reuse::EXPIRED,
    unheard::HANDSHAKE,
    unheard::WINDOW,
    unheard::GIVEN_UP,
    addition::SERVER_BACK,
    outlived::THAWED,
    outlived::LINK_BACK,
    translated::NO_ENTRY,
    translated::REFUSED,
    router::KEPT_ANEW,
    router::ANSWER_ENDS,
    router::UNTRANSLATED,
    too_big::LEARNED,
    too_big::UNHEARD,
    too_big::PROBED,
    too_big::IN_PIECES,
    too_big::UNASKED,
    method::NOT_TRANSLATED_BACK,
    method::NO_TUNNEL,
    method::OTHER_ROUTE,
    misbuilt::NO_VIP,
    misbuilt::WRONG_GATEWAY,
    misbuilt::NO_FORWARDING,
    misbuilt::REVERSE_PATH,
    misbuilt::REFUSED_TUNNEL,
    misbuilt::REFUSED_UNSAID,
    misbuilt::DROPPED_TUNNEL,
    firewall::DROPS,
    chosen::LETS_PASS,
    stateful::DROPS,
    firewall::REFUSES,
    firewall::RESETS,
    firewall::NOT_FATAL,
    own_firewall::KEEPS_OUT,
    own_firewall::HOLDS_BACK,
    own_firewall::REFUSES,
    own_firewall::GIVES_UP,
    path::HOST_OFF,
    power::OFF_FOR_A_WHILE,
    power::UNKNOWN_NOW,
    power::FORGOTTEN,
    path::DIRECTOR_UNPLUGGED,
    path::ROUTER_UNPLUGGED,
    path::LOST_BEFORE,
    path::LOST_AFTER,
    path::LOST_ON_THE_WAY_BACK,
    path::DELAYED,
    neighbour::STILL_REACHABLE,
    neighbour::VIP_TAKEN,
    neighbour::VIP_TAKEN_BY_ANOTHER,
    neighbour::VIP_UNKNOWN,
    neighbour::TAKEN_AND_SILENT,
    neighbour::BACK_AT_THE_DIRECTOR,
    neighbour::NO_NEIGHBOUR,
    synproxy::ANSWERED,
    synproxy::RESET,
    synproxy::LATE,
    synproxy::UNKNOWN,
    synproxy::GONE,
    synproxy::NOT_TRANSLATED,
    server::NOTHING_LISTENS,
    server::CLOSED,
    killed::KILLED,
    server::TOLD_TO,
    server::UNREAD,
    server::WAIT_TIMEOUT,
    server::UNKNOWN_THERE,
    frozen::FROZEN,
    frozen::NOTHING_TO_SEND,
    locks::WAITED,
    locks::FREED,
    locks::GIVEN_UP,
    client::REVERTED,
    client::NO_PORT,
    client::GAVE_UP,
    client::GAVE_UP_CONNECTING,
    client::GONE,
    client::ENDED_WHILE_IDLE,
    settings::USER_TIMEOUT,
    settings::PROBES_UNANSWERED,
    settings::KEEPALIVE,
    settings::PROGRAM_S_TIMEOUT,
];
