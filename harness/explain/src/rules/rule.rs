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
    pub(in super::super) sources: &'static [Source],
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

/// For each file of the kernel the function that names a function of that file.
macro_rules! files {
    ($($name:ident: $file:literal;)+) => {
        $(pub(super) const fn $name(function: &'static str) -> Source {
            Source::of(function, $file)
        })+
    };
}

files! {
    core: "net/netfilter/ipvs/ip_vs_core.c";
    control: "net/netfilter/ipvs/ip_vs_ctl.c";
    connections: "net/netfilter/ipvs/ip_vs_conn.c";
    tcp_protocol: "net/netfilter/ipvs/ip_vs_proto_tcp.c";
    udp_protocol: "net/netfilter/ipvs/ip_vs_proto_udp.c";
    udp: "net/ipv4/udp.c";
    transmit: "net/netfilter/ipvs/ip_vs_xmit.c";
    tcp: "net/ipv4/tcp_ipv4.c";
    tcp_output: "net/ipv4/tcp_output.c";
    tcp_timer: "net/ipv4/tcp_timer.c";
}
