//! How advice is tried: the change of the cell's scenario.

use super::super::bilingual::{Bilingual, bilingual};
use super::super::cell_view::CellView;
use super::timeline::{Timeline, deletes, removal, rules, stops, takes_away, weight};
use super::{
    Advice, Limits, PROBES, RETRIES, SYN_RETRIES, SYNC_REFRESH, SYNC_THRESHOLD, Trial, the_other_way,
};
use lvs_matrix_language::Language;
use lvs_matrix_model::Name;
use lvs_matrix_model::action::{
    Action, ClientAction, Closing, Edit, FirewallVerdict, HostAction, MysqldAction, Node, Opening, Request,
    ServerDeed, Statement, StopSignal, SyncState, TableAction, TrafficAction,
};
use lvs_matrix_model::client::{Keepalive, Setting, Settings};
use lvs_matrix_model::lab::Table;
use lvs_matrix_model::scenario::{Expected, RealServer, Scenario, difference, written};
use std::collections::BTreeMap;
use std::time::Duration;

/// The name of a server that is added for a trial.
const SPARE: &str = "spare";

impl Advice {
    /// How this advice is tried in this cell.
    pub(super) fn trial(&self, view: &CellView<'_>, words: Language) -> Trial {
        if let Some(reason) = self.not_tried(view) {
            let reason = reason.into_words(words);
            return Trial::Not { reason };
        }
        let mut cell = view.plan.alone();
        for expectation in &mut cell.expectations {
            expectation.expected = Expected::ObserveOnly;
        }
        cell.claim = format!(
            "Cell {} with what this advice changes: {}.",
            view.plan.cell,
            self.kind()
        );
        let changed = self.changed(view, &cell);
        Trial::Scenario {
            file: written(&changed),
            change: difference(&cell, &changed),
        }
    }

    /// Why lvs-matrix cannot try it in this cell, if it cannot.
    fn not_tried(&self, view: &CellView<'_>) -> Option<Bilingual> {
        if self.edits_the_table() && view.plan.said_service().is_some() {
            return Some(bilingual!(
                "it edits the table of another service than the lab's own"
                    / "它修改的不是实验环境自己的服务的表"
            ));
        }
        let own = view.plan.keepalived().is_some_and(|said| said.config.is_some());
        if own && matches!(self, Self::Accept | Self::Sync | Self::NoPreempt { .. }) {
            return Some(bilingual!(
                "the lab's keepalived has a configuration of your own"
                    / "实验环境的 keepalived 使用自备的配置"
            ));
        }
        let lacks = |setting| !view.plan.client().program.settings().contains(&setting);
        if *self == Self::ReadTimeout && lacks(Setting::ReadTimeout) {
            return Some(bilingual!(
                "the cell's client program has no read time-out; programs of your own are told one"
                    / "该单元的客户端程序没有读超时；自己的程序会被告知一个"
            ));
        }
        let lacking = *self == Self::ConnectTimeout && lacks(Setting::ConnectTimeout);
        lacking.then(|| {
            bilingual!(
                "the cell's client program has no connect time-out; the command lines have one, and programs \
                 of your own are told one"
                    / "该单元的客户端程序没有连接超时；命令行程序有，自己的程序会被告知一个"
            )
        })
    }

    /// Is the trial an edit of the lab's own service?
    fn edits_the_table(&self) -> bool {
        matches!(
            self,
            Self::Drain { .. }
                | Self::StopMysqldFirst { .. }
                | Self::KeepAServer { .. }
                | Self::OutOfTheTable { .. }
                | Self::HealthCheck { .. }
                | Self::AskingHealthCheck { .. }
                | Self::SameForwarding { .. }
        )
    }

    /// The cell's scenario with what this advice changes.
    fn changed(&self, view: &CellView<'_>, cell: &Scenario) -> Scenario {
        let limits = Limits::of(view.plan);
        let mut line = Timeline::of(cell.clone());
        match self {
            Self::ExpireNodestConn => sysctl(&mut line, Role::Director, "net.ipv4.vs.expire_nodest_conn", 1),
            Self::ConnReuseMode => sysctl(&mut line, Role::Director, "net.ipv4.vs.conn_reuse_mode", 3),
            Self::Drain(server) => drain(view, &mut line, server),
            Self::StopMysqldFirst(server) => {
                if let Some(place) = line.first(|action| deletes(action, server)) {
                    line.remove(place, |action| stops(action, server));
                    line.insert(place, stop(view, server, StopSignal::Term));
                }
            }
            Self::UserTimeout => settings(&mut line).tcp_user_timeout = Some(limits.soon),
            Self::FewerRetries => sysctl(&mut line, Role::Client, "net.ipv4.tcp_retries2", RETRIES),
            Self::ReadTimeout => {
                let takes = view.record.start_of(view.operation.number);
                let takes = takes.map_or(Duration::ZERO, |(_, action)| action.own_time());
                settings(&mut line).read_timeout = Some(takes + limits.soon);
            }
            Self::ConnectTimeout => settings(&mut line).connect_timeout = Some(limits.soon_in_seconds),
            Self::FewerSynRetries => sysctl(&mut line, Role::Client, "net.ipv4.tcp_syn_retries", SYN_RETRIES),
            Self::Keepalive => settings(&mut line).keepalive = Some(PROBES),
            Self::EntryTimeout(idle) => {
                let tcp = longer_than(*idle);
                let (tcp_fin, udp) = (None, None);
                let sets = |edit: &Edit| matches!(edit.action, TableAction::SetTimeouts { .. });
                line.steps
                    .retain(|step| !matches!(&step.action, Action::Table(edit) if sets(edit)));
                line.insert(0, TableAction::SetTimeouts { tcp, tcp_fin, udp });
            }
            Self::ProbesBelowEntry(timeout) => {
                settings(&mut line).keepalive = Some(Keepalive {
                    time: below(*timeout),
                    ..PROBES
                });
            }
            Self::WaitTimeout { idle, .. } => wait_timeout(&mut line, longer_than(*idle)),
            Self::Reconnect => reconnect(view, &mut line),
            Self::KeepAServer(instead_of) => keep_a_server(view, &mut line, instead_of.as_ref()),
            Self::OutOfTheTable(server) => out_of_the_table(view, &mut line, server),
            Self::BuildRight(node, how) => {
                let host = node.to_string();
                let misbuilt = &mut line.scenario.lab.misbuilt;
                misbuilt.retain(|(of, wrong)| of.as_str() != host || wrong != how);
            }
            Self::ResetInstead { node, chain } => {
                for (of, hook, verdict) in rules(&mut line) {
                    if of == node && *hook == *chain {
                        *verdict = FirewallVerdict::TcpReset;
                    }
                }
            }
            Self::ResetTheOtherWay(node) => {
                let (here, there) = the_other_way(node);
                for (of, hook, verdict) in rules(&mut line) {
                    if of == node && *hook == here {
                        (*hook, *verdict) = (there, FirewallVerdict::TcpReset);
                    }
                }
            }
            Self::HealthCheck(server) => {
                sysctl(&mut line, Role::Director, "net.ipv4.vs.expire_nodest_conn", 1);
                if let Some(place) = line.first(|action| cuts_off(action, server)) {
                    let removal = Action::from(removal(server));
                    line.remove(place, |action| *action == removal);
                    line.insert_after(place, removal);
                }
            }
            Self::AskingHealthCheck(server) => {
                let freezes = |action: &Action| action.deed_on(server) == Some(ServerDeed::Freeze);
                if let Some(place) = line.first(freezes) {
                    if view.is_connect() {
                        line.insert_after(place, weight(server, 0));
                    } else {
                        line.remove(place, |action| action.deed_on(server) == Some(ServerDeed::Thaw));
                        line.remove(place, |action| stops(action, server));
                        line.insert_after(place, stop(view, server, StopSignal::Kill));
                    }
                }
            }
            Self::EndLostSessions(server) => {
                let adds = |action: &Action| action.adds().is_some_and(|(of, _)| of == server);
                if let Some(place) = line.first(adds) {
                    line.insert(place, start(view, server));
                    line.insert(place, stop(view, server, StopSignal::Term));
                }
            }
            Self::ServerKeepalive => {
                for (key, value) in [
                    ("net.ipv4.tcp_keepalive_time", PROBES.time.as_secs()),
                    ("net.ipv4.tcp_keepalive_intvl", PROBES.interval.as_secs()),
                    ("net.ipv4.tcp_keepalive_probes", u64::from(PROBES.probes)),
                ] {
                    sysctl(&mut line, Role::Servers, key, value);
                }
            }
            Self::LetIcmpPass => line
                .steps
                .retain(|step| !matches!(step.action, Action::Traffic(TrafficAction::FilterIcmp { .. }))),
            Self::MtuProbing => sysctl(&mut line, Role::Client, "net.ipv4.tcp_mtu_probing", 1),
            Self::NoPmtuDisc => sysctl(&mut line, Role::Director, "net.ipv4.vs.pmtu_disc", 0),
            Self::ClampMss { server, size } => {
                let (node, size) = (Node::RealServer(server.clone()), *size);
                line.insert(0, TrafficAction::ClampMss { node, size });
            }
            Self::NoDropEntry => sysctl(&mut line, Role::Director, "net.ipv4.vs.drop_entry", 1),
            Self::Announce => line.announce_the_vip(),
            // Only a configuration of the author's own has what it takes out.
            Self::Accept => {}
            Self::Sync => sync(view, &mut line),
            Self::SyncRefresh => {
                sysctl(
                    &mut line,
                    Role::Director,
                    "net.ipv4.vs.sync_threshold",
                    SYNC_THRESHOLD,
                );
                sysctl(
                    &mut line,
                    Role::Director,
                    "net.ipv4.vs.sync_refresh_period",
                    SYNC_REFRESH,
                );
            }
            Self::NoPreempt { sync } => {
                if let Some(said) = &mut line.scenario.lab.keepalived {
                    said.nopreempt = true;
                    said.sync |= sync;
                }
            }
            Self::ServerMtu(mtu) => line.scenario.lab.server_mtu = Some(*mtu),
            Self::SameForwarding(server) => {
                let usual = line.scenario.lab.forwarding.unwrap_or_default();
                for step in &mut line.steps {
                    if let Action::Table(edit) = &mut step.action
                        && let TableAction::SetForwarding {
                            server: of, method, ..
                        } = &mut edit.action
                        && of == server
                    {
                        *method = usual;
                    }
                }
            }
        }
        line.into_scenario()
    }
}

/// Twice as long as this, in whole minutes.
pub(super) fn longer_than(idle: Duration) -> Duration {
    Duration::from_secs((idle.as_secs() * 2).div_ceil(60) * 60)
}

/// Half of this, in whole seconds, at least one.
pub(super) fn below(timeout: Duration) -> Duration {
    Duration::from_secs((timeout.as_secs() / 2).max(1))
}

/// Whose sysctls.
#[derive(Clone, Copy)]
enum Role {
    Client,
    Director,
    Servers,
}

/// The lab begins with this value, and no step writes another.
fn sysctl(line: &mut Timeline, role: Role, key: &str, value: impl ToString) {
    let lab = &mut line.scenario.lab;
    let list = match role {
        Role::Client => &mut lab.client_sysctls,
        Role::Director => &mut lab.director_sysctls,
        Role::Servers => &mut lab.server_sysctls,
    };
    list.retain(|(known, _)| known != key);
    list.push((key.to_owned(), value.to_string()));
    line.steps.retain(
        |step| !matches!(&step.action, Action::Host(HostAction::SetSysctl { key: of, .. }) if of == key),
    );
}

/// The sync daemons run from the beginning: keepalived's, or else started by hand.
fn sync(view: &CellView<'_>, line: &mut Timeline) {
    if let Some(said) = &mut line.scenario.lab.keepalived {
        said.sync = true;
        return;
    }
    for (host, number) in view.plan.balancers().zip(0..) {
        let state = if number == 0 {
            SyncState::Master
        } else {
            SyncState::Backup
        };
        let node = Some(host.node.clone());
        line.insert(0, HostAction::StartSyncDaemon { state, node });
    }
}

fn settings(line: &mut Timeline) -> &mut Settings {
    &mut line.scenario.lab.client.settings
}

/// The step that stops what serves on a real server, in the words that fit it.
fn stop(view: &CellView<'_>, server: &Name, signal: StopSignal) -> MysqldAction {
    let server = server.clone();
    match view.plan.mysqlds().next() {
        Some(_) => MysqldAction::StopMysqld { server, signal },
        None => MysqldAction::StopServer { server, signal },
    }
}

/// The step that starts it.
fn start(view: &CellView<'_>, server: &Name) -> MysqldAction {
    let server = server.clone();
    match view.plan.mysqlds().next() {
        Some(_) => MysqldAction::StartMysqld { server },
        None => MysqldAction::StartServer { server },
    }
}

fn cuts_off(action: &Action, server: &Name) -> bool {
    let Action::Host(action) = action else {
        return false;
    };
    action.cuts_off() == Some(true) && action.server() == Some(server)
}

/// What takes the server away waits until the client is done and has closed its connection; its weight is 0
/// instead.
fn drain(view: &CellView<'_>, line: &mut Timeline, server: &Name) {
    let mut moved = Vec::new();
    let mut kept = Vec::new();
    let already = super::helps::weight_was_0(view, server);
    for mut step in std::mem::take(&mut line.steps) {
        let away = takes_away(&step.action, server);
        if away && moved.is_empty() && !already {
            kept.push(lvs_matrix_model::plan::Step::of(step.phase, weight(server, 0)));
        }
        if away || !moved.is_empty() && comes_after(&step.action, server) {
            step.phase = lvs_matrix_model::plan::Phase::Act;
            moved.push(step);
        } else {
            kept.push(step);
        }
    }
    line.steps = kept;
    if view.plan.client().program.does_as_told() {
        let on = view.record.connection_of(view.operation.number).cloned();
        let close = ClientAction::Disconnect {
            on,
            how: Closing::Quit,
        };
        line.insert(usize::MAX, close);
    }
    line.steps.extend(moved);
}

/// Does this step speak of what a step before it has taken away?
fn comes_after(action: &Action, server: &Name) -> bool {
    match action {
        Action::Table(edit) => edit.action.depends_on(server),
        Action::Mysqld(mysqld) => mysqld.server() == server,
        Action::Client(_)
        | Action::Other(_)
        | Action::Host(_)
        | Action::Traffic(_)
        | Action::Wait(_)
        | Action::Watch(_) => false,
    }
}

/// Where the operation that was classified begins, and where it is awaited.
fn places(view: &CellView<'_>) -> Option<(usize, usize)> {
    let of = |step: &lvs_matrix_model::record::StepRecord| step.operation == Some(view.operation.number);
    let begins = view.record.steps.iter().position(of)?;
    let awaited = view.record.steps.iter().rposition(of)?;
    Some((begins, awaited))
}

/// The client goes on after the error: it connects anew, and does its transaction (or its statement) again.
fn reconnect(view: &CellView<'_>, line: &mut Timeline) {
    let Some((begins, awaited)) = places(view) else {
        return;
    };
    let Some(Action::Client(action)) = line.steps.get(begins).map(|step| step.action.clone()) else {
        return;
    };
    let on = action.connection().cloned();
    let again = statements(line, begins, on.as_ref());
    if let Some(step) = line.steps.get_mut(begins) {
        step.action = may_fail(action).into();
    }
    for query in again.into_iter().rev() {
        line.insert_after(awaited, query);
    }
    let connect = ClientAction::Connect(Opening {
        to: None,
        director: None,
        name: on,
        service: view.plan.said_service(),
        may_fail: false,
        from: None,
    });
    line.insert_after(awaited, connect);
}

/// What sends again the statement that begins at this place, with those before it that belong to its
/// transaction.
fn statements(line: &Timeline, begins: usize, on: Option<&Name>) -> Vec<ClientAction> {
    let of_connection = line.steps.iter().take(begins + 1).filter_map(|step| {
        let action = step.action.of_client()?;
        (action.connection() == on)
            .then(|| awaited_at_once(action))
            .flatten()
    });
    let mut all: Vec<ClientAction> = of_connection.collect();
    let sql = |action: &ClientAction| {
        let statement = action.statement();
        statement.map_or_else(String::new, |statement| statement.sql.to_ascii_lowercase())
    };
    let begin = |action: &ClientAction| {
        let sql = sql(action);
        sql.starts_with("begin") || sql.starts_with("start transaction")
    };
    let ends = |action: &ClientAction| {
        let sql = sql(action);
        sql.starts_with("commit") || sql.starts_with("rollback")
    };
    let own = all.len().saturating_sub(1);
    // A transaction that was over before the statement is no part of it.
    let over = all.iter().take(own).rposition(ends).map_or(0, |place| place + 1);
    let from = all
        .iter()
        .skip(over)
        .position(begin)
        .map_or(own, |place| over + place);
    if line
        .steps
        .get(begins)
        .is_some_and(|step| step.action.statement().is_none())
    {
        return Vec::new();
    }
    all.split_off(from.min(all.len()))
}

/// What sends the same, reads the whole answer, and ends the cell if that fails.
fn awaited_at_once(action: &ClientAction) -> Option<ClientAction> {
    match action {
        ClientAction::Query(statement) | ClientAction::StartQuery(statement) => {
            Some(ClientAction::Query(Statement {
                may_fail: false,
                pause_after: None,
                ..statement.clone()
            }))
        }
        ClientAction::Request(request) | ClientAction::StartRequest(request) => {
            Some(ClientAction::Request(Request {
                may_fail: false,
                ..request.clone()
            }))
        }
        ClientAction::Connect(_)
        | ClientAction::ConnectEach { .. }
        | ClientAction::StartConnect(_)
        | ClientAction::AwaitConnect { .. }
        | ClientAction::AbortConnect { .. }
        | ClientAction::AwaitResult { .. }
        | ClientAction::Disconnect { .. } => None,
    }
}

/// The same, but an error does not end the cell.
fn may_fail(mut action: ClientAction) -> ClientAction {
    let may_fail = match &mut action {
        ClientAction::Connect(opening) | ClientAction::StartConnect(opening) => &mut opening.may_fail,
        ClientAction::ConnectEach { may_fail, .. } => may_fail,
        ClientAction::Query(statement) | ClientAction::StartQuery(statement) => &mut statement.may_fail,
        ClientAction::Request(request) | ClientAction::StartRequest(request) => &mut request.may_fail,
        ClientAction::AwaitConnect { .. }
        | ClientAction::AbortConnect { .. }
        | ClientAction::AwaitResult { .. }
        | ClientAction::Disconnect { .. } => return action,
    };
    *may_fail = true;
    action
}

/// A name that no server of the cell has.
fn free_name(view: &CellView<'_>) -> Option<Name> {
    let numbered = (2..).map(|number: u32| format!("{SPARE}-{number}"));
    let mut names = std::iter::once(SPARE.to_owned()).chain(numbered);
    let taken = |name: &str| view.plan.real_servers().any(|(known, _)| known.as_str() == name);
    let free = names.find(|name| !taken(name))?;
    Name::new(&free).ok()
}

/// Another server is ready from the beginning, and takes new connections when the client's operation begins.
fn keep_a_server(view: &CellView<'_>, line: &mut Timeline, instead_of: Option<&Name>) {
    let (Some(spare), Some((begins, _))) = (free_name(view), places(view)) else {
        return;
    };
    line.scenario
        .lab
        .real_servers
        .push(RealServer::new(spare.clone(), 0));
    // What the table has at that place.
    let mut table = Table {
        service: true,
        servers: BTreeMap::from([(spare.clone(), 0)]),
        ..Table::default()
    };
    let mut saved = None;
    for step in line.steps.iter().take(begins) {
        if let Action::Table(Edit { on, action }) = &step.action
            && *on == view.plan.first_director()
        {
            table.edit(action, saved.as_ref());
            if *action == TableAction::SaveTable {
                saved = Some(table.clone());
            }
        }
    }
    // A control plane that ends may take the service with it.
    let asked = view
        .request()
        .and_then(|request| view.table_then(request.sent.at));
    if asked.is_some_and(|table| !table.has_service()) {
        table = Table::default();
    }
    let takes = if table.servers.contains_key(&spare) {
        weight(&spare, 1)
    } else {
        TableAction::AddRealServer {
            server: spare,
            weight: 1,
        }
    };
    line.insert(begins, takes);
    if !table.service {
        line.insert(begins, TableAction::AddService { port: None });
    }
    if let Some(server) = instead_of {
        out_of_the_table(view, line, server);
    }
}

/// The server leaves the table before it is stopped; or before the operation begins, where it never served.
fn out_of_the_table(view: &CellView<'_>, line: &mut Timeline, server: &Name) {
    let stopped = line.first(|action| stops(action, server));
    let Some(place) = stopped.or_else(|| Some(places(view)?.0)) else {
        return;
    };
    // A template of persistence leads to a server of weight 0, too.
    let edit = match line.scenario.lab.persistence {
        None => weight(server, 0),
        Some(_) => removal(server),
    };
    line.insert(place, edit);
}

/// Every statement that sets `wait_timeout` sets this.
fn wait_timeout(line: &mut Timeline, to: Duration) {
    let mut found = false;
    let mut changed = |sql: &mut String| {
        if let Some((before, _)) = sql.split_once("wait_timeout") {
            *sql = format!("{before}wait_timeout = {}", to.as_secs());
            found = true;
        }
    };
    line.scenario.lab.mysqld.sql.iter_mut().for_each(&mut changed);
    for step in &mut line.steps {
        if let Action::Client(ClientAction::Query(statement) | ClientAction::StartQuery(statement)) =
            &mut step.action
        {
            changed(&mut statement.sql);
        }
    }
    if !found {
        let sql = format!("set global wait_timeout = {}", to.as_secs());
        line.scenario.lab.mysqld.sql.push(sql);
    }
}
