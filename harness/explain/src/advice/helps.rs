//! Where advice is given: not where it is in force already, nor where it cannot help.

use super::super::cell_view::CellView;
use super::super::circumstances::forwards;
use super::super::rules::{Full, by_its_scheduler, own_match, synced_by_hand};
use super::timeline::{deletes, takes_away};
use super::{Advice, HUNG, PROBES, RETRIES, SHORTER, SYN_RETRIES, gives_up_after, lived};
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{
    Action, Chain, FirewallVerdict, HostAction, Node, Percent, ServerDeed, TableAction,
};
use lvs_matrix_model::client::{Program, Setting};
use lvs_matrix_model::duration::Instant;
use lvs_matrix_model::record::Moment;
use lvs_matrix_model::scenario::{Forwarding, Misbuild};
use std::time::Duration;

/// The longest time that [`RETRIES`] retransmissions can take: the limit of `tcp_model_timeout`, and the
/// timer that runs out after it.
const RETRIES_TAKE: Duration = Duration::from_secs(26);
/// The longest time that [`SYN_RETRIES`] take, `tcp_syn_linear_timeouts` (4) included.
const SYN_RETRIES_TAKE: Duration = Duration::from_secs(16);
/// Below it there is no IPv6 (RFC 8200, 5), and scenarios have none.
const SMALLEST_MTU: u16 = 1280;
/// A keepalive that finds a silent host within this is no matter of advice.
const SOON_ENOUGH: Duration = Duration::from_secs(120);

impl Advice {
    /// Does it help in this cell?
    pub(super) fn helps(&self, view: &CellView<'_>) -> bool {
        let Some((lived, silence)) = lived(&view.observed.behaviour) else {
            return false;
        };
        let (failed, hung, without_answer) = (lived > 0, lived >= HUNG, lived > HUNG);
        // Where an answer comes in the end, giving up is no gain; else it must be worth it.
        let far_sooner = |limit: Duration| without_answer && limit * SHORTER <= silence;
        let settings = &view.plan.client().settings;
        let at = view
            .request()
            .map_or(view.operation.began, |request| request.sent.at);
        // Over UDP only the director can do something for a client that waits.
        let for_datagrams = matches!(
            self,
            Self::ExpireNodestConn | Self::Drain { .. } | Self::BuildRight(..)
        );
        let fits = for_datagrams || !view.is_udp();
        failed
            && fits
            && match self {
                Self::ExpireNodestConn => {
                    let key = "net.ipv4.vs.expire_nodest_conn";
                    // What it makes of a silence is an error.
                    hung && view.sysctl(view.director(), key, at) == Some("0")
                }
                Self::ConnReuseMode => {
                    let mode = view.sysctl(view.director(), "net.ipv4.vs.conn_reuse_mode", at);
                    mode.and_then(|mode| mode.parse::<u8>().ok())
                        .is_some_and(|mode| mode & 2 == 0)
                }
                Self::Drain(server) => {
                    let gone = first_step(view, |action| takes_away(action, server));
                    gone.is_some() && answers_by_itself(view, server) && nothing_else_in_its_way(view)
                }
                Self::StopMysqldFirst(server) => {
                    let gone = first_step(view, |action| deletes(action, server));
                    let runs = gone.is_some_and(|gone| mysqld_runs(view, server, gone));
                    hung && runs && answers_by_itself(view, server) && nothing_else_in_its_way(view)
                }
                Self::UserTimeout => {
                    // Programs set their sockets when these are connected and the server has spoken.
                    let has = has(view, Setting::TcpUserTimeout) && !view.is_connect();
                    let unset = settings.tcp_user_timeout.is_none();
                    hung && has && unset && waits_for(view) == Waits::Acknowledgement
                }
                Self::FewerRetries => {
                    let allowed = number(view, &Node::Client, "net.ipv4.tcp_retries2", at);
                    let own = settings.tcp_user_timeout.is_some();
                    let lower = allowed.is_some_and(|allowed| allowed > RETRIES) && !own;
                    lower && far_sooner(RETRIES_TAKE) && waits_for(view) == Waits::Acknowledgement
                }
                Self::ConnectTimeout => {
                    let set = settings.connect_timeout.is_some();
                    let bounded = !waits_for_a_greeting_by_itself(view);
                    let has = has(view, Setting::ConnectTimeout) || nothing_else(view);
                    hung && view.is_connect() && bounded && !set && has
                }
                Self::FewerSynRetries => {
                    let allowed = number(view, &Node::Client, "net.ipv4.tcp_syn_retries", at);
                    let lower = allowed.is_some_and(|allowed| allowed > SYN_RETRIES);
                    lower && far_sooner(SYN_RETRIES_TAKE) && waits_for(view) == Waits::SynAck
                }
                Self::Keepalive => {
                    let set = settings.keepalive.map(gives_up_after);
                    let in_force = set.is_some_and(|time| time <= SOON_ENOUGH);
                    let silent = waits_for(view) == Waits::Nothing && probes_find_nobody(view);
                    !view.is_connect() && !in_force && silent && far_sooner(gives_up_after(PROBES))
                }
                Self::ReadTimeout => {
                    let set = settings.read_timeout.is_some();
                    let reads = !view.is_connect() || waits_for_a_greeting_by_itself(view);
                    let has = has(view, Setting::ReadTimeout) || nothing_else(view);
                    hung && reads && !set && has
                }
                Self::EntryTimeout(idle) => {
                    view.entry_timeout(at).is_none_or(|timeout| timeout <= *idle) && server_is_there(view)
                }
                Self::ProbesBelowEntry(timeout) => {
                    settings
                        .keepalive
                        .is_none_or(|keepalive| keepalive.time >= *timeout)
                        && server_is_there(view)
                }
                Self::WaitTimeout { server, idle } => {
                    // Else the deletion, the stop or the end of the entry is next in its way.
                    let kept = view.entry_timeout(at).is_none_or(|timeout| timeout > *idle);
                    kept && mysqld_runs(view, server, at) && view.deleted(server, at).is_none()
                }
                Self::Reconnect => view.operation.ended.is_some() && a_new_connection_is_served(view),
                Self::KeepAServer(instead_of) => {
                    // Where a hash leads after a server more is in the table is not known.
                    view.is_connect()
                        && by_its_scheduler(view, at).is_none()
                        && match instead_of {
                            None => true,
                            Some(server) => !others_serve(view, server, at),
                        }
                }
                Self::OutOfTheTable(server) => view.is_connect() && others_serve(view, server, at),
                Self::ResetInstead { node, chain } => {
                    let from_the_client = match (node, chain) {
                        (Node::RealServer(_) | Node::Director(_), Chain::Input)
                        | (Node::Director(_) | Node::Client, Chain::Output) => true,
                        (Node::RealServer(_), Chain::Output)
                        | (Node::Client, Chain::Input)
                        | (Node::Router | Node::Probe, _)
                        | (_, Chain::Forward) => false,
                    };
                    hung && from_the_client && met_by_the_client(view, node, *chain)
                }
                Self::ResetTheOtherWay(node) => {
                    let chain = match node {
                        Node::RealServer(_) => Chain::Output,
                        Node::Client => Chain::Input,
                        Node::Director(_) | Node::Probe | Node::Router => return false,
                    };
                    hung && met_by_the_client(view, node, chain)
                }
                Self::HealthCheck(server) => {
                    let node = Node::RealServer(server.clone());
                    let silent = view.unplugged(&node, view.end()).is_some();
                    silent && view.deleted(server, at).is_none() && waits_for(view) != Waits::Nothing
                }
                Self::AskingHealthCheck(server) => {
                    let frozen =
                        first_step(view, |action| action.deed_on(server) == Some(ServerDeed::Freeze));
                    let node = Node::RealServer(server.clone());
                    let reachable = view.unplugged(&node, view.end()).is_none();
                    // Nor by weight nor by deletion is a client that goes past the director kept off it.
                    let asked = view
                        .request()
                        .is_none_or(|request| request.to.as_ref() != Some(&node));
                    hung && asked && frozen.is_some() && reachable && view.firewall(view.end()).is_empty()
                }
                Self::EndLostSessions(server) => {
                    first_step(view, |action| action.adds().is_some_and(|(of, _)| of == server))
                        .is_some_and(|added| mysqld_runs(view, server, added))
                }
                Self::ServerKeepalive => {
                    let mut servers = view
                        .plan
                        .real_servers()
                        .map(|(name, _)| Node::RealServer(name.clone()));
                    let key = "net.ipv4.tcp_keepalive_time";
                    let late = |time: u32| Duration::from_secs(u64::from(time)) > SOON_ENOUGH;
                    servers.all(|node| number(view, &node, key, at).is_some_and(late))
                }
                Self::LetIcmpPass => hung && view.filters_icmp(view.end()).is_some(),
                Self::MtuProbing => {
                    let set = number(view, &Node::Client, "net.ipv4.tcp_mtu_probing", at);
                    hung && set.is_none_or(|value| value == 0)
                }
                // Of an IPv6 packet the size is asked for all the same (`ensure_mtu_is_adequate`).
                Self::NoPmtuDisc => {
                    let key = "net.ipv4.vs.pmtu_disc";
                    let set = number(view, view.director(), key, at);
                    let tunnelled = view
                        .server()
                        .is_some_and(|server| view.method(server) == Forwarding::Tunneling);
                    hung && tunnelled && view.plan.vip().is_ipv4() && set.is_none_or(|value| value != 0)
                }
                Self::ClampMss { server, size } => {
                    let node = Node::RealServer(server.clone());
                    let clamped = view.record.state_at(view.end()).clamped(&node);
                    hung && clamped.is_none_or(|(known, _)| known > *size)
                }
                Self::ServerMtu(mtu) => {
                    let mut servers = view.plan.real_servers();
                    let mut larger =
                        || servers.all(|(_, host)| host.nic().mtu.is_none_or(|known| known > *mtu));
                    hung && *mtu >= SMALLEST_MTU && larger()
                }
                Self::SameForwarding { .. } => true,
                Self::NoDropEntry => view.sysctl(view.director(), "net.ipv4.vs.drop_entry", at) == Some("3"),
                Self::Announce => super::timeline::is_untold(view.plan),
                Self::Accept => true,
                Self::Sync => !view.plan.keepalived().is_some_and(|said| said.sync) && !synced_by_hand(view),
                Self::SyncRefresh => {
                    let set = number(view, view.director(), "net.ipv4.vs.sync_refresh_period", at);
                    // Daemons by hand may run the wrong way.
                    let synced = view.plan.keepalived().is_some_and(|said| said.sync);
                    synced && set.is_none_or(|value| value == 0)
                }
                Self::NoPreempt { .. } => view.plan.keepalived().is_some_and(|said| !said.nopreempt),
                // A client that goes past the director is served by what the director chooses then.
                Self::BuildRight(Node::RealServer(server), Misbuild::AnswersArp) => {
                    view.is_connect() && others_serve(view, server, at)
                }
                Self::BuildRight(node, how) => {
                    let chosen = view.server().or(node.real_server());
                    chosen.is_some_and(|server| serves_but(view, server, at, Some((node, *how))))
                }
            }
    }
}

/// What the client's TCP waits for at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// For the answer to its SYN.
    SynAck,
    /// That what it sent is acknowledged.
    Acknowledgement,
    /// For nothing: all that it sent is acknowledged.
    Nothing,
}

fn waits_for(view: &CellView<'_>) -> Waits {
    // What its own firewall holds back is not in the capture, and waits all the same.
    if view.observed.held_back.is_some() && view.request().is_none() {
        return if view.is_connect() {
            Waits::SynAck
        } else {
            Waits::Acknowledgement
        };
    }
    match view.unacknowledged() {
        Some(passage) if passage.segment.flags.syn => Waits::SynAck,
        Some(_) => Waits::Acknowledgement,
        None => Waits::Nothing,
    }
}

/// Does a program of the author's wait for the server's greeting? Of many drivers the connect time-out ends
/// with the TCP handshake, and the read time-out bounds that wait (PyMySQL's `connect` is one).
fn waits_for_a_greeting_by_itself(view: &CellView<'_>) -> bool {
    let own = matches!(view.plan.client().program, Program::Own { .. });
    own && view.is_connect() && waits_for(view) != Waits::SynAck
}

/// Does the client's program have this setting?
fn has(view: &CellView<'_>, setting: Setting) -> bool {
    view.plan.client().program.settings().contains(&setting)
}

/// Does nothing else at the client end the wait? Then a time-out is advised although this program has none.
fn nothing_else(view: &CellView<'_>) -> bool {
    let others = [
        Advice::UserTimeout,
        Advice::FewerRetries,
        Advice::FewerSynRetries,
        Advice::Keepalive,
    ];
    !others.iter().any(|advice| advice.helps(view))
}

fn number(view: &CellView<'_>, node: &Node, key: &str, at: Instant) -> Option<u32> {
    view.sysctl(node, key, at)?.parse().ok()
}

/// When the first step that is one of these began.
fn first_step(view: &CellView<'_>, wanted: impl Fn(&Action) -> bool) -> Option<Instant> {
    view.done(|action| wanted(action).then_some(()))
        .map(|(_, began, ())| began)
        .next()
}

/// Was the server's weight 0 before it was taken away?
pub(super) fn weight_was_0(view: &CellView<'_>, server: &Name) -> bool {
    let gone = first_step(view, |action| takes_away(action, server)).unwrap_or(view.end());
    let weights = view
        .edits(|_, edit| {
            let TableAction::SetWeight { server: of, weight } = edit else {
                return None;
            };
            (of == server).then_some(*weight)
        })
        .filter(|(_, began, _)| *began <= gone);
    weights.last().is_some_and(|(_, _, weight)| weight == 0)
}

/// Could this server answer as long as nobody takes it away: is its host reachable, and was its mysqld never
/// frozen?
fn answers_by_itself(view: &CellView<'_>, server: &Name) -> bool {
    let frozen = first_step(view, |action| action.deed_on(server) == Some(ServerDeed::Freeze));
    let reachable = view
        .unplugged(&Node::RealServer(server.clone()), view.end())
        .is_none();
    frozen.is_none() && reachable
}

/// Is there no other fault of the packets' way? What the advice keeps alive would meet it: an end that comes
/// at once could become a hang.
fn nothing_else_in_its_way(view: &CellView<'_>) -> bool {
    let takes = |action: &Action| matches!(action, Action::Traffic(action) if action.takes_packets());
    first_step(view, takes).is_none()
}

/// Could the connection's server still answer at the end, if what the client sends reached it?
fn server_is_there(view: &CellView<'_>) -> bool {
    let end = view.end();
    view.server().is_none_or(|server| {
        let kept = view.deleted(server, end).is_none();
        kept && answers_by_itself(view, server) && mysqld_runs(view, server, end)
    })
}

/// Did the mysqld of this server run at that moment?
fn mysqld_runs(view: &CellView<'_>, server: &Name, at: Instant) -> bool {
    let states = view
        .done(|action| {
            Some(match action.deed_on(server)? {
                ServerDeed::Start | ServerDeed::Thaw => true,
                ServerDeed::Stop(_) | ServerDeed::Freeze => false,
                ServerDeed::KillSessions => return None,
            })
        })
        .filter(|(_, began, _)| *began < at);
    states.last().is_none_or(|(_, _, runs)| runs)
}

/// Does nobody answer the client's keepalive probes (or is the answer an RST)? A frozen mysqld's kernel
/// answers them.
fn probes_find_nobody(view: &CellView<'_>) -> bool {
    let end = view.end();
    let server = view.server().map(|server| Node::RealServer(server.clone()));
    let hosts = || {
        [Node::Client, Node::Router, view.director().clone()]
            .into_iter()
            .chain(server.clone())
    };
    let cut = hosts().any(|node| view.unplugged(&node, end).is_some());
    let deleted = view
        .server()
        .is_some_and(|server| view.deleted(server, end).is_some());
    let lost = hosts().any(|node| {
        view.netem(&node, end)
            .is_some_and(|(_, _, loss)| loss == Percent(10_000))
    });
    // A host that has started anew answers them with an RST.
    let anew = view.server().is_some_and(|server| {
        let on = HostAction::PowerOn {
            server: server.clone().into(),
        };
        first_step(view, |action| *action == Action::Host(on.clone())).is_some()
    });
    cut || deleted || lost || anew || !view.firewall(end).is_empty()
}

/// Did something that the client sent for the operation meet this rule of a firewall, which drops or rejects?
fn met_by_the_client(view: &CellView<'_>, node: &Node, chain: Chain) -> bool {
    let rules = view.firewall(view.end());
    let rule = rules.iter().find(|(_, of, hook, verdict)| {
        let silent = match verdict {
            FirewallVerdict::Drop | FirewallVerdict::Reject => true,
            FirewallVerdict::TcpReset => false,
        };
        *of == node && *hook == chain && silent
    });
    let held_back = view.observed.held_back.map(|held_back| held_back.step);
    if rule.is_some_and(|(step, ..)| held_back == Some(step.number)) {
        return true;
    }
    let began = rule.and_then(|(step, _, _, _)| step.began);
    began.is_some_and(|began| {
        view.since_request()
            .iter()
            .any(|passage| passage.sent.at >= began)
    })
}

/// Is there another server in the table that could serve a new connection, and none that could not?
fn others_serve(view: &CellView<'_>, server: &Name, at: Instant) -> bool {
    let Some(table) = view.table_at(at) else {
        return false;
    };
    let mut others = table
        .servers()
        .filter(|(name, weight)| *name != server && *weight > 0)
        .peekable();
    others.peek().is_some() && others.all(|(name, _)| serves(view, name, at))
}

/// Would a new connection be served as the lab was when the observation ended? Whichever server the director
/// chooses.
fn a_new_connection_is_served(view: &CellView<'_>) -> bool {
    let Some(table) = view.table(Moment::End) else {
        return false;
    };
    let end = view.record.ended;
    let mut chosen = table.servers().filter(|(_, weight)| *weight > 0).peekable();
    table.has_service() && chosen.peek().is_some() && chosen.all(|(name, _)| serves(view, name, end))
}

/// Would this server have served a new connection at that moment?
fn serves(view: &CellView<'_>, server: &Name, at: Instant) -> bool {
    serves_but(view, server, at, None)
}

/// The same, if a host did not have this fault.
fn serves_but(view: &CellView<'_>, server: &Name, at: Instant, cured: Option<(&Node, Misbuild)>) -> bool {
    let node = Node::RealServer(server.clone());
    let full = view.table_then(at).is_some_and(|table| {
        let full = Full::all(view, &table, at);
        full.iter().any(|full| full.server == server)
    });
    let wrong = view.plan.misbuilt.iter();
    // Of two directors the one that has the VIP now.
    let director = view.director();
    let mut wrong = wrong.filter(|wrong| Some((&wrong.node, wrong.how)) != cured);
    if full || wrong.any(|wrong| wrong.node == node || wrong.node == *director) {
        return false;
    }
    let hosts = || [&Node::Client, &Node::Router, director, &node].into_iter();
    let plugged = hosts().all(|host| view.unplugged(host, at).is_none());
    let lossless = hosts().all(|host| {
        view.netem(host, at)
            .is_none_or(|(_, _, loss)| loss == Percent::default())
    });
    let rules = view.firewall(at);
    let open = !rules.iter().any(|(_, of, _, _)| hosts().any(|host| host == *of));
    let forwarded = view
        .edits(|_, edit| forwards(edit).filter(|(of, _)| *of == server))
        .filter(|(_, began, _)| *began <= at)
        .last()
        .is_none_or(|(_, _, (_, method))| method == view.plan.service().forwarding_to(server));
    // What a lost client has locked there would be in the way.
    let locked = view.observed.orphaned_sessions.iter().any(|orphan| {
        let transaction = orphan
            .session
            .as_ref()
            .and_then(|session| session.transaction.as_ref());
        orphan.server == *server && transaction.is_some_and(|transaction| transaction.rows_locked > 0)
    });
    mysqld_runs(view, server, at) && plugged && lossless && open && forwarded && !locked
}

/// Rules of a firewall that were in force, for the rules that give advice about them. What a rule of its
/// author's own words looks at may be nothing that an RST can answer, or nothing that goes the other way.
pub(crate) fn about_firewalls(view: &CellView<'_>) -> Vec<Advice> {
    let rules = view.firewall(view.end()).into_iter();
    rules
        .filter(|(step, ..)| own_match(step).is_none())
        .flat_map(|(_, node, chain, _)| {
            [
                Advice::ResetInstead {
                    node: node.clone(),
                    chain,
                },
                Advice::ResetTheOtherWay(node.clone()),
            ]
        })
        .collect()
}
