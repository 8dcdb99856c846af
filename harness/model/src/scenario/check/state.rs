//! Which steps of a time line can work after those before, in words. What the lab is like after each step,
//! [`lab::State`](crate::lab::State) knows.

use crate::Name;
use crate::control::ControlPlane;
use crate::lab::Conflict;
use crate::scenario::mistake::MistakeKind;

/// Why a step cannot work.
pub(super) struct Wrong {
    pub(super) kind: MistakeKind,
    pub(super) message: String,
    pub(super) label: &'static str,
    pub(super) help: &'static str,
}

const ORDER: &str = "steps run in the order before, change, act; in each, the scenario's own come first, \
    then those of each axis in the order of the file";

/// Why a real server is not in the table.
const NOT_THERE: &str = "it was removed before, or stands by since the beginning";

/// Why the director cannot choose this real server for a connection, if it is not in the table.
pub(super) fn not_in_table(server: &Name) -> Wrong {
    Wrong {
        kind: MistakeKind::TableState,
        message: format!("no connection can be opened to `{server}`: it is not in the director's table"),
        label: NOT_THERE,
        help: "add it to the table before, or leave `to` out",
    }
}

impl From<Conflict<'_>> for Wrong {
    fn from(conflict: Conflict<'_>) -> Self {
        use MistakeKind::{FirewallState, HostOff, LinkState, MysqldState, TableState};
        let wrong = |kind, message: String, label| Self {
            kind,
            message,
            label,
            help: ORDER,
        };
        let stopped = "it was stopped before";
        match conflict {
            Conflict::NoService => wrong(
                TableState,
                "the virtual service is not in the table".to_owned(),
                "it was removed before",
            ),
            Conflict::ServiceThere => wrong(
                TableState,
                "the virtual service is already in the table".to_owned(),
                "it is there from the beginning, until it is removed",
            ),
            Conflict::NotInTable(name) => {
                wrong(TableState, format!("`{name}` is not in the table"), NOT_THERE)
            }
            Conflict::InTable(name) => wrong(
                TableState,
                format!("`{name}` is already in the table"),
                "whoever does not stand by is there from the beginning, until it is removed",
            ),
            Conflict::StillInTable(name) => wrong(
                TableState,
                format!("`{name}` is in the table, and nothing will take it out meanwhile"),
                "`remove-real-server` must come before it",
            ),
            Conflict::NoServiceOf(port) => wrong(
                TableState,
                format!("there is no service of port {port}"),
                "`add-service` must come before it",
            ),
            Conflict::ServiceOfThere(port) => wrong(
                TableState,
                format!("there is a service of port {port} already"),
                "it was added before",
            ),
            Conflict::Empty => wrong(
                TableState,
                "the table is empty already".to_owned(),
                "it was emptied before",
            ),
            Conflict::NothingSaved => wrong(
                TableState,
                "no table was saved".to_owned(),
                "`save-table` must come before it",
            ),
            Conflict::SavedStillThere => wrong(
                TableState,
                "a service that was saved is still in the table".to_owned(),
                "`flush-table` or `remove-service` must come before it: ipvsadm -R only adds",
            ),
            Conflict::Off(name) => Self {
                kind: HostOff,
                message: format!("`{name}` is off: nothing can be done on it"),
                label: "it was powered off before",
                help: "`power-on` starts it again",
            },
            Conflict::On(name) => Self {
                kind: HostOff,
                message: format!("`{name}` has power already"),
                label: "no step before this one powers it off",
                help: "`power-on` is for a host that `power-off` took the power of",
            },
            Conflict::Stopped(name) => wrong(
                MysqldState,
                format!("the mysqld on `{name}` is stopped already"),
                stopped,
            ),
            Conflict::CannotObey(name) => wrong(
                MysqldState,
                format!("the mysqld on `{name}` is frozen: it cannot obey SIGTERM"),
                "`thaw-mysqld` must come before it, or `signal: KILL`",
            ),
            Conflict::CannotKill(name) => wrong(
                MysqldState,
                format!("the mysqld on `{name}` is frozen: it cannot end a session"),
                "`thaw-mysqld` must come before it",
            ),
            Conflict::Running(name) => wrong(
                MysqldState,
                format!("the mysqld on `{name}` is running already"),
                "`stop-mysqld` must come before it",
            ),
            Conflict::Frozen(name) => wrong(
                MysqldState,
                format!("the mysqld on `{name}` is frozen already"),
                "it was frozen before",
            ),
            Conflict::NotFrozen(name) => wrong(
                MysqldState,
                format!("the mysqld on `{name}` is not frozen"),
                "`freeze-mysqld` must come before it",
            ),
            Conflict::ClientLink => Self {
                kind: LinkState,
                message: "the client's own link cannot be taken down".to_owned(),
                label: "what it sends then passes no interface, and nothing could show that it was sent",
                help: "take down the director's link, or let the client's lose everything: `set-netem: \
                       { node: client, loss: 100% }`",
            },
            Conflict::LinkDown(node) => wrong(
                LinkState,
                format!("the link of `{node}` is down already"),
                "it was taken down before",
            ),
            Conflict::LinkUp(node) => wrong(
                LinkState,
                format!("the link of `{node}` is up"),
                "`link-down` must come before it",
            ),
            Conflict::PowerUnseen(name) => Self {
                kind: LinkState,
                message: format!("the link of `{name}` is down: nothing would show that its power goes"),
                label: "the link was taken down before",
                help: "`link-up` must come before it; or leave one of the two out, as either makes the host \
                       silent",
            },
            Conflict::NoRule(node) => wrong(
                FirewallState,
                format!("the firewall of `{node}` has no rule"),
                "`add-firewall-rule` must come before it",
            ),
            Conflict::StatefulThere(node, chain) => wrong(
                FirewallState,
                format!("a stateful firewall guards the {chain} chain of `{node}` already"),
                "it was added before",
            ),
            Conflict::NoSynproxy(node) => Self {
                kind: FirewallState,
                message: format!("the firewall of `{node}` answers no SYNs"),
                label: "the firewall of a real server does",
                help: "name a real server",
            },
            Conflict::SynproxyThere(node) => wrong(
                FirewallState,
                format!("the firewall of `{node}` answers SYNs already"),
                "an earlier `add-synproxy` did that",
            ),
            Conflict::StatefulBesideSynproxy(node) => Self {
                kind: FirewallState,
                message: format!("a stateful firewall and a synproxy at `{node}`"),
                label: "each has its own mind of what conntrack does not know",
                help: "leave one of the two out, or put `flush-firewall` between them",
            },
            Conflict::OfProbes => Self {
                kind: MistakeKind::UnknownServer,
                message: "no step is done to the host of the probes".to_owned(),
                label: "`probe` only looks on",
                help: "name `client`, `director` or a real server",
            },
            Conflict::NoRouter => Self {
                kind: MistakeKind::UnknownServer,
                message: "the lab has no router".to_owned(),
                label: "the client is on the director's link",
                help: "`router` is the host between the client and the director: add `client-at: \
                       behind-router` or `client-at: behind-source-nat` to the lab",
            },
            Conflict::NoControl(plane) => {
                let (label, help) = match plane {
                    ControlPlane::Keepalived => (
                        "no keepalived edits the director's table",
                        "add `keepalived: {}` to the lab",
                    ),
                    ControlPlane::Ldirectord => (
                        "no ldirectord edits the director's table",
                        "add `ldirectord: {}` to the lab",
                    ),
                };
                Self {
                    kind: TableState,
                    message: format!("the lab has no {plane}"),
                    label,
                    help,
                }
            }
            Conflict::ControlRuns(plane) => wrong(
                TableState,
                format!("{plane} is running already"),
                "it runs from the beginning, until it is stopped",
            ),
            Conflict::ControlStopped(plane) => {
                wrong(TableState, format!("{plane} is stopped"), "it was stopped before")
            }
            Conflict::NoSuchDirector(node) => Self {
                kind: MistakeKind::UnknownServer,
                message: format!("the lab has no director `{node}`"),
                label: "`directors` says which there are",
                help: "name one that the lab has (`directors: 2` has `director` and `director2`), or name \
                       this one in `directors`",
            },
            Conflict::NoOtherDirector => Self {
                kind: MistakeKind::UnknownServer,
                message: "the lab has one director: the VIP cannot move".to_owned(),
                label: "there is no other director",
                help: "add `directors: 2` to the lab (`ldirectord` does without: its labs have one)",
            },
            Conflict::NoDirector(node) => Self {
                kind: MistakeKind::UnknownServer,
                message: format!("`{node}` is no director"),
                label: "only directors have what this step is about",
                help: "name one of the directors: `director` or `director2`, or as `directors` names them",
            },
            Conflict::VipOfKeepalived => Self {
                kind: TableState,
                message: "keepalived moves the VIP of this lab".to_owned(),
                label: "keepalived's VRRP decides who has the VIP",
                help: "leave `keepalived` out of the lab; or make it move the VIP: `stop-keepalived`, \
                       `power-off`, `link-down`",
            },
            Conflict::HasVip(node) => wrong(
                TableState,
                format!("`{node}` has the VIP already"),
                "the first director has it at the beginning",
            ),
            Conflict::SpeaksNoVrrp(node) => Self {
                kind: FirewallState,
                message: format!("`{node}` speaks no VRRP"),
                label: "the directors of a lab with two speak it",
                help: "name one of two directors: `director` or `director2`, or as `directors` names them",
            },
            Conflict::OnlyDirector => Self {
                kind: HostOff,
                message: "the only director of the lab cannot be powered off".to_owned(),
                label: "nobody would take the VIP over",
                help: "take the director's link down: `link-down: { node: director }`; or add `directors: 2` \
                       to the lab (not with `ldirectord`: its labs have one)",
            },
            Conflict::DirectorOff => wrong(
                HostOff,
                "the director is off: nothing can be done on it".to_owned(),
                "it was powered off before",
            ),
            Conflict::DirectorOn => wrong(
                HostOff,
                "the director has power".to_owned(),
                "nobody powered it off",
            ),
            Conflict::SyncDaemonRuns(state) => wrong(
                TableState,
                format!("the director has a sync daemon that is {state} already"),
                "it was started before",
            ),
            Conflict::NoSyncDaemon(state) => wrong(
                TableState,
                format!("the director has no sync daemon that is {state}"),
                "none was started by a step",
            ),
            Conflict::DirectorStaysOff => Self {
                kind: HostOff,
                message: "a director without keepalived cannot be powered on".to_owned(),
                label: "nothing would fill its table",
                help: "let it come back from less: `link-down` and `link-up`; or give the lab `keepalived`",
            },
            Conflict::DirectorUnseen => wrong(
                LinkState,
                "the link of the director is down: nothing would show that its power goes".to_owned(),
                "the link was taken down before",
            ),
            Conflict::RouterFirewall => Self {
                kind: FirewallState,
                message: "the router's firewall cannot be changed".to_owned(),
                label: "the router passes packets on, both ways",
                help: "give the rule to `client` or to `director`; of the router a step can flush the \
                       connection tracking, clamp the MSS, set its MTU, its sysctls and what its link does",
            },
            Conflict::ClientMatches => Self {
                kind: FirewallState,
                message: "`matches` in a rule of the client".to_owned(),
                label: "what its firewall takes away is told from the packets of the service",
                help: "give the rule to a real server or a director, or leave `matches` out",
            },
            Conflict::NoAddressOf(name) => Self {
                kind: MistakeKind::UnknownServer,
                message: format!("the lab has no host named `{name}`"),
                label: "`$` stands before the name of a host",
                help: "name one that the lab has: `$client`, `$director` (or as `directors` names them), a \
                       real server; or the service's `$vip` or `$port`",
            },
            Conflict::ForwardsNothing(node) => wrong(
                FirewallState,
                format!("`{node}` forwards nothing"),
                "only the director has packets of the service in its forward chain",
            ),
        }
    }
}
