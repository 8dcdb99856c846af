//! What a rule is, and which files of the kernel rules cite.

pub(super) use super::super::Source;
use super::super::advice::Advice;
use super::super::bilingual::Bilingual;
use super::super::cell_view::CellView;
use super::super::claim::Claim;
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::verdict::Citation;

/// What a rule explains of what the client lived through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Explains {
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
pub(in super::super) struct Rule {
    /// Its name in reports.
    pub(in super::super) name: &'static str,
    /// What it explains.
    pub(in super::super) explains: Explains,
    /// The functions of the kernel that do it.
    pub(in super::super) sources: Sources,
    /// Its conditions, and what it says where they hold.
    pub(in super::super) holds: fn(&CellView<'_>) -> Option<Finding>,
}

/// A rule that holds.
#[derive(Default)]
pub(in super::super) struct Finding {
    /// The moment that it speaks of first.
    pub(in super::super) at: Instant,
    /// One or more sentences.
    pub(in super::super) text: Bilingual,
    /// What shows it.
    pub(in super::super) shown_by: Vec<Citation>,
    /// What it says of single packets.
    pub(in super::super) claims: Vec<Claim>,
    /// What may avoid it: of these, what is not in force in the cell and can help there is told.
    pub(in super::super) advice: Vec<Advice>,
}

/// Functions of the kernel, as [`sources!`] lists them.
pub(in super::super) type Sources = &'static [&'static [Source]];

/// For each file of the kernel that several rules cite the function that names a function of that file.
macro_rules! files {
    ($($name:ident: $file:literal;)+) => {
        pub(super) mod files {
            use super::Source;

            $(pub(in super::super) const fn $name(function: &'static str) -> Source {
                Source::of(function, $file)
            })+
        }
    };
}

files! {
    core: "net/netfilter/ipvs/ip_vs_core.c";
    control: "net/netfilter/ipvs/ip_vs_ctl.c";
    connections: "net/netfilter/ipvs/ip_vs_conn.c";
    tcp_protocol: "net/netfilter/ipvs/ip_vs_proto_tcp.c";
    udp_protocol: "net/netfilter/ipvs/ip_vs_proto_udp.c";
    transmit: "net/netfilter/ipvs/ip_vs_xmit.c";
    sync: "net/netfilter/ipvs/ip_vs_sync.c";
    source_hash: "net/netfilter/ipvs/ip_vs_sh.c";
    maglev: "net/netfilter/ipvs/ip_vs_mh.c";
    lblc: "net/netfilter/ipvs/ip_vs_lblc.c";
    tcp: "net/ipv4/tcp_ipv4.c";
    tcp_common: "net/ipv4/tcp.c";
    tcp_input: "net/ipv4/tcp_input.c";
    tcp_output: "net/ipv4/tcp_output.c";
    tcp_timer: "net/ipv4/tcp_timer.c";
    sockets: "net/ipv4/inet_connection_sock.c";
    udp: "net/ipv4/udp.c";
    route: "net/ipv4/route.c";
    arp: "net/ipv4/arp.c";
    neighbour: "net/core/neighbour.c";
    bridge: "net/bridge/br_forward.c";
    vrrp: "keepalived/vrrp/vrrp.c";
    vrrp_track: "keepalived/vrrp/vrrp_track.c";
    checkers: "keepalived/check/ipwrapper.c";
    ldirectord: "ldirectord";
}

/// `sources![core: "ip_vs_in_hook", "fs/select.c": "do_sys_poll", NFT, ..OWN_TCP]`: functions by their file,
/// which is one of [`files`] or is written out; sources that have a name; and behind `..` all of a list.
macro_rules! sources {
    (@of [$($done:expr),*] $(,)?) => { &[$($done),*] };
    (@of [$($done:expr),*] ..$all:ident $(, $($rest:tt)*)?) => {
        $crate::rules::rule::sources!(@of [$($done,)* &$all] $($($rest)*)?)
    };
    (@of [$($done:expr),*] $file:ident: $function:literal $(, $($rest:tt)*)?) => {
        $crate::rules::rule::sources!(
            @of [$($done,)* &[$crate::rules::rule::files::$file($function)]] $($($rest)*)?
        )
    };
    (@of [$($done:expr),*] $file:literal: $function:literal $(, $($rest:tt)*)?) => {
        $crate::rules::rule::sources!(@of [$($done,)* &[$crate::Source::of($function, $file)]] $($($rest)*)?)
    };
    (@of [$($done:expr),*] $known:ident $(, $($rest:tt)*)?) => {
        $crate::rules::rule::sources!(@of [$($done,)* &[$known]] $($($rest)*)?)
    };
    ($($all:tt)+) => { $crate::rules::rule::sources!(@of [] $($all)+) };
}
pub(super) use sources;
