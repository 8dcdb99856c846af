//! What keepalived or ldirectord made of the director's table, and when: how it came about that a server was
//! there, or was not, when the client asked.

use super::super::circumstances::Deletion;
use super::super::table::Table;
use super::frozen::frozen;
use super::prelude::*;
use lvs_matrix_model::action::{Action, ControlStep};
use lvs_matrix_model::capture::Segment;
use lvs_matrix_model::capture::flow::segment;
use lvs_matrix_model::control::{Control, ControlPlane};
use lvs_matrix_model::keepalived::Keepalived;
use lvs_matrix_model::ldirectord::{CheckType, Ldirectord};
use lvs_matrix_model::record::{LoggedLine, Moment, StepRecord};
use std::net::IpAddr;

/// How far apart the edit of the table and the word on the server are at the most: keepalived says it before
/// the edit in the same turn of its loop, ldirectord right after it, and the table is looked at a millisecond
/// later.
const SAME_TURN: Duration = Duration::from_millis(20);

/// keepalived's own functions: a server that has failed is deleted, or gets weight 0.
const FAILED: Sources = sources![checkers: "update_svr_checker_state", checkers: "perform_svr_state"];

/// The same of ldirectord, a script of that name; and what takes out a server that its configuration has no
/// more.
const FAILED_LDIRECTORD: Sources = sources![
    ldirectord: "_service_down",
    ldirectord: "_remove_service",
    ldirectord: "purge_untracked_service"
];

/// keepalived had found the server failed before the client asked.
pub(super) const TAKEN_OUT: Rule = Rule {
    name: "taken-out-by-keepalived",
    explains: Explains::Circumstance,
    sources: FAILED,
    holds: |view| taken_out(view, ControlPlane::Keepalived),
};

/// ldirectord had.
pub(super) const TAKEN_OUT_BY_LDIRECTORD: Rule = Rule {
    name: "taken-out-by-ldirectord",
    explains: Explains::Circumstance,
    sources: FAILED_LDIRECTORD,
    holds: |view| taken_out(view, ControlPlane::Ldirectord),
};

fn taken_out(view: &CellView<'_>, plane: ControlPlane) -> Option<Finding> {
    let asked = view.request()?.sent.at;
    let out = TakenOut::last(view, plane, |at| at <= asked)?;
    Some(out.finding(&Bilingual::default()))
}

/// The client asked before keepalived had found the server failed.
pub(super) const NOT_YET: Rule = Rule {
    name: "not-yet-taken-out",
    explains: Explains::Circumstance,
    sources: FAILED,
    holds: |view| not_yet(view, ControlPlane::Keepalived),
};

/// The client asked before ldirectord had.
pub(super) const NOT_YET_BY_LDIRECTORD: Rule = Rule {
    name: "not-yet-found-by-ldirectord",
    explains: Explains::Circumstance,
    sources: FAILED_LDIRECTORD,
    holds: |view| not_yet(view, ControlPlane::Ldirectord),
};

fn not_yet(view: &CellView<'_>, plane: ControlPlane) -> Option<Finding> {
    let request = view.request()?;
    let asked = request.sent.at;
    let (_, to) = request.passed_on.as_ref()?;
    let out =
        TakenOut::first(view, plane, |at| at > asked).filter(|out| to.real_server() == Some(out.server))?;
    let (step, _) = out.cause.filter(|(_, began)| *began <= asked)?;
    if PutBack::of(view, out.server, asked).is_some() {
        return None;
    }
    let earlier = bilingual!(
        " The client had asked {before} before that, when step {number} was done: IPVS chooses by its \
         table, and the table still had {server}."
            / "客户端在此之前 {before} 就已请求，那时步骤 {number} 已经发生：IPVS 按表选择，而表中还有 {server}。",
        before = Human(out.at.since(asked)),
        number = step.number,
        server = out.server,
    );
    Some(out.finding(&earlier))
}

/// keepalived had found the server failed, and put it back into the table when it read another configuration.
pub(super) const PUT_BACK: Rule = Rule {
    name: "put-back-by-reload",
    explains: Explains::Circumstance,
    sources: sources![checkers: "migrate_checkers", checkers: "perform_svr_state"],
    holds: |view| {
        let request = view.request()?;
        let (_, to) = request.passed_on.as_ref()?;
        let server = to.real_server()?;
        let PutBack {
            out,
            step,
            at,
            shown_by,
        } = PutBack::of(view, server, request.sent.at)?;
        let line = out.said?;
        Some(Finding {
            at,
            text: bilingual!(
                "keepalived had taken {server} out of the director's table (it logged `{line}` {when}). In \
                 step {number} ({step}) it put {server} back {again}, unchecked: it keeps what a check has \
                 found only where the new configuration has the same check. A check with another setting is \
                 a new one, which has not failed yet, and a server none of whose checks has failed is put \
                 in. So IPVS sent new clients to {server} until the new check had failed."
                    / "keepalived 曾把 {server} 从调度器的表中取出（它{when}在日志中写下 `{line}`）。在步骤 {number}（{step}）中它{again}\
                       未经检查就把 {server} 放回表中：只有新配置中的检查与原来相同，它才保留检查的结果。换了设置的检查是新的检查，尚未失败，\
                       而没有任何检查失败的服务器会被放入表中。因此在新的检查失败之前，IPVS 会把新客户端送到 {server}。",
                line = line.text,
                when = moment(line.at),
                number = step.number,
                step = doing(&step.action),
                again = moment(at),
            ),
            shown_by: vec![out.shown_by, Citation::Step(step.number), shown_by],
            ..Finding::default()
        })
    },
};

/// A real server that had failed, and that keepalived put back because it was given another configuration.
struct PutBack<'a> {
    /// How it had been taken out.
    out: TakenOut<'a>,
    /// The step that gave the configuration.
    step: &'a StepRecord,
    /// When the table was seen to have it again.
    at: Instant,
    shown_by: Citation,
}

impl<'a> PutBack<'a> {
    /// The last time by then, if the server is in the table since.
    fn of(view: &CellView<'a>, server: &Name, by: Instant) -> Option<Self> {
        let mut outs = TakenOut::all(view, ControlPlane::Keepalived);
        outs.retain(|out| out.server == server && out.at <= by);
        let out = outs.pop().filter(|out| out.said.is_some())?;
        let snapshots = || view.record.snapshots_of(view.director());
        let weight = |snapshot| view.listed_in(snapshot)?.weight(server);
        let mut later = snapshots().filter(|snapshot| out.at < snapshot.at && snapshot.at <= by);
        let back = later.find(|snapshot| weight(snapshot).is_some_and(|weight| weight > 0))?;
        if back.moment != Moment::Changed {
            return None;
        }
        // While the step lasted, and without a check that had succeeded.
        let reloads = view.done(|action| match action {
            Action::Host(host) if host.key() == "reload-keepalived" => Some(host.node()),
            Action::Host(_)
            | Action::Table(_)
            | Action::Other(_)
            | Action::Mysqld(_)
            | Action::Traffic(_)
            | Action::Client(_)
            | Action::Wait(_)
            | Action::Watch(_) => None,
        });
        let mut reloads = reloads.filter(|(_, _, node)| node == view.director());
        let (step, _, _) = reloads.find(|(step, began, _)| {
            *began <= back.at && step.ended.is_some_and(|ended| back.at <= ended.plus(SAME_TURN))
        })?;
        let host = view.plan.host(&Node::RealServer(server.clone()))?;
        let word = format!("[{}]:", view.plan.destination(host).ip());
        let found_well = view.record.control_log.iter().any(|line| {
            let succeeded = line.text.contains("success") && line.text.contains(&word);
            succeeded && line.node == *view.director() && out.at <= line.at && line.at <= back.at
        });
        (!found_well).then_some(Self {
            out,
            step,
            at: back.at,
            shown_by: Citation::Snapshot(back.number),
        })
    }
}

/// A check that connects, and asks nothing, finds a frozen server well.
pub(super) const SEES_NO_FREEZE: Rule = Rule {
    name: "check-sees-no-freeze",
    explains: Explains::Circumstance,
    sources: sources!["keepalived/check/check_tcp.c": "tcp_check_thread", tcp_input: "tcp_conn_request"],
    holds: |view| sees_no_freeze(view, ControlPlane::Keepalived),
};

/// The same of ldirectord.
pub(super) const CONNECT_SEES_NO_FREEZE: Rule = Rule {
    name: "connect-sees-no-freeze",
    explains: Explains::Circumstance,
    sources: sources![ldirectord: "check_connect", tcp_input: "tcp_conn_request"],
    holds: |view| sees_no_freeze(view, ControlPlane::Ldirectord),
};

fn sees_no_freeze(view: &CellView<'_>, plane: ControlPlane) -> Option<Finding> {
    let by = view.plan.control().filter(|by| by.plane() == plane)?;
    if !by.only_connects() {
        return None;
    }
    let request = view.request()?;
    let (_, to) = request.passed_on.as_ref()?;
    let server = to.real_server()?;
    let (step, since) = frozen(view, server, request.sent.at)?;
    let table = view.table_then(request.sent.at)?;
    table.weight(server).filter(|weight| *weight > 0)?;
    // The handshake of a check that came after.
    let accepts = |segment: &Segment, sent: bool| !sent && segment.flags.syn && segment.flags.ack;
    let accepted = of_checks(view, server, since, accepts).filter(|it| it.at <= request.sent.at)?;
    let (check, other) = match plane {
        ControlPlane::Keepalived => (bilingual!("TCP_CHECK" / "TCP_CHECK"), "MISC_CHECK"),
        ControlPlane::Ldirectord => {
            let check = bilingual!("check of type connect" / "connect 类型的检查");
            (check, "external")
        }
    };
    Some(Finding {
        at: accepted.at,
        text: bilingual!(
            "After step {number} ({step}) {plane} had checked {server}, and had found it well: a \
                 {check} only connects, and the kernel of {server} accepts connections for a server that \
                 is frozen, as long as its queue has room. So {server} stayed in the table. A check that \
                 asks the server something ({other}) would have had no answer."
                / "步骤 {number}（{step}）之后 {plane} 检查过 {server}，认为它正常：{check} 只建立连接，而 {server} \
                       的内核会替被冻结的服务程序接受连接，只要队列未满。因此 {server} 留在表中。向服务程序提问的检查（{other}）则得不到应答。",
            number = step.number,
            step = doing(&step.action),
            check = check,
        ),
        shown_by: cites![step, ..table.shown_by(), accepted],
        ..Finding::default()
    })
}

/// The first segment of its director's checks of this real server that `wanted` takes, as the director saw
/// it after a moment: `true` for one that the director sent.
fn of_checks<'a>(
    view: &CellView<'a>,
    server: &Name,
    since: Instant,
    wanted: impl Fn(&Segment, bool) -> bool,
) -> Option<&'a Packet> {
    let host = view.plan.host(&Node::RealServer(server.clone()))?;
    let checked = view.plan.destination(host);
    let director = view.plan.host(view.director())?;
    let own = |address: IpAddr| director.addresses().any(|own| own == address);
    view.seen_on(view.director()).find(|packet| {
        let found = segment(packet).is_some_and(|(from, to, segment)| {
            let sent = own(from) && (to, segment.destination_port) == (checked.ip(), checked.port());
            let came = own(to) && (from, segment.source_port) == (checked.ip(), checked.port());
            (sent || came) && wanted(segment, sent)
        });
        found && since < packet.at
    })
}

/// A check that logs in has no time limit: ldirectord waits for a server that is silent, and checks nothing
/// more.
pub(super) const CHECK_WAITS: Rule = Rule {
    name: "check-waits-for-ever",
    explains: Explains::Circumstance,
    sources: sources![ldirectord: "check_sql", ldirectord: "_ld_main_check_all"],
    holds: |view| {
        let said = view.plan.ldirectord()?;
        if said.checktype() != CheckType::Negotiate {
            return None;
        }
        let request = view.request()?;
        let (_, to) = request.passed_on.as_ref()?;
        let server = to.real_server()?;
        let faults = view.done(|action| {
            let fault = matches!(action, Action::Mysqld(_) | Action::Host(_));
            (fault && action.server() == Some(server)).then_some(())
        });
        let (step, since, ()) = faults.filter(|(_, began, ())| *began <= request.sent.at).last()?;
        let table = view.table_then(request.sent.at)?;
        table.weight(server).filter(|weight| *weight > 0)?;
        // No check begins after the first one that nobody answered.
        let begins = |segment: &Segment, sent: bool| sent && segment.flags.syn;
        let first = of_checks(view, server, since, begins)?;
        let (_, _, waits) = segment(first)?;
        let another =
            |segment: &Segment, sent| begins(segment, sent) && segment.source_port != waits.source_port;
        let went_on = view
            .plan
            .real_servers()
            .any(|(name, _)| of_checks(view, name, first.at, another).is_some());
        let long = said.checkinterval().saturating_mul(2);
        if went_on || view.record.ended.since(first.at) < long {
            return None;
        }
        let answered = |segment: &Segment, sent: bool| {
            !sent && segment.flags.syn && segment.destination_port == waits.source_port
        };
        let accepted = of_checks(view, server, first.at, answered);
        let how = match accepted {
            Some(_) => bilingual!(
                "the kernel of {server} accepted its connection, and nobody sent a greeting"
                    / "{server} 的内核接受了它的连接，但没有谁发送问候报文",
            ),
            None => bilingual!("nothing answered its SYN" / "没有谁应答它的 SYN"),
        };
        Some(Finding {
            at: first.at,
            text: bilingual!(
                "After step {number} ({step}) ldirectord began to check {server}: {how}. A login by DBI has \
                 no time limit here (checktimeout and negotiatetimeout are none for it), so ldirectord \
                 waited, and checked no other real server either until the observation ended: {server} \
                 stayed in the table."
                    / "步骤 {number}（{step}）之后 ldirectord 开始检查 {server}：{how}。通过 DBI 的登录在这里没有时限\
                       （checktimeout 和 negotiatetimeout 对它都不起作用），因此 ldirectord 一直等待，直到观察结束\
                       也没有再检查其他真实服务器：{server} 留在表中。",
                number = step.number,
                step = doing(&step.action),
                how = how,
            ),
            shown_by: cites![step, ..table.shown_by(), first, ..accepted],
            ..Finding::default()
        })
    },
};

/// How keepalived checks, for who reads when it noticed.
fn loops(said: &Keepalived) -> Bilingual {
    let delay = Human(said.delay_loop());
    match usize::from(said.retry()) {
        0 => bilingual!(
            " It checks every {delay}, and believes the first check that fails."
                / "它每 {delay} 检查一次，一次失败就算数。",
        ),
        retry => bilingual!(
            " It checks every {delay}, and makes a check that failed again {retry}, {pause} apart."
                / "它每 {delay} 检查一次，失败后再试 {retry}，间隔 {pause}。",
            retry = times(retry),
            pause = Human(said.delay_before_retry()),
        ),
    }
}

/// How ldirectord checks, for who reads when it noticed.
fn rounds(said: &Ldirectord) -> Bilingual {
    let sleep = Human(said.checkinterval());
    match usize::from(said.failurecount()) {
        1 => bilingual!(
            " It sleeps {sleep} after each round of checks, and believes the first check that fails."
                / "它每轮检查之后休眠 {sleep}，一次失败就算数。",
        ),
        count => bilingual!(
            " It sleeps {sleep} after each round of checks, and believes what {count} in a row have found."
                / "它每轮检查之后休眠 {sleep}，连续失败 {count} 次才算数。",
        ),
    }
}

/// A real server that the control plane took out of the table, or gave weight 0.
struct TakenOut<'a> {
    /// By which program.
    by: Control<'a>,
    server: &'a Name,
    /// When the table was seen to be so.
    at: Instant,
    shown_by: Citation,
    /// Was it deleted, and not kept with weight 0?
    deleted: bool,
    /// What it said of the check that had failed.
    said: Option<&'a LoggedLine>,
    /// The step for which the check failed.
    cause: Option<(&'a StepRecord, Instant)>,
}

impl<'a> TakenOut<'a> {
    /// The first time after the change began of those within the time.
    fn first(view: &CellView<'a>, plane: ControlPlane, within: impl Fn(Instant) -> bool) -> Option<Self> {
        let mut all = Self::all(view, plane);
        all.retain(|out| within(out.at));
        all.into_iter().next()
    }

    /// The last time that the client's own server was taken out, or else any, if that has not come back by
    /// the end of the time.
    fn last(view: &CellView<'a>, plane: ControlPlane, within: impl Fn(Instant) -> bool) -> Option<Self> {
        let mut all = Self::all(view, plane);
        all.retain(|out| within(out.at));
        let asked = view.request()?.sent.at;
        // Without the service another rule says what becomes of the request.
        let table = view.table_then(asked).filter(Table::has_service)?;
        let gone = |out: &Self| table.weight(out.server).unwrap_or(0) == 0;
        let own = |out: &Self| view.server() == Some(out.server);
        match all.iter().rposition(|out| own(out) && gone(out)) {
            Some(of_client) => Some(all.swap_remove(of_client)),
            None => all.pop().filter(gone),
        }
    }

    fn all(view: &CellView<'a>, plane: ControlPlane) -> Vec<Self> {
        let mut all = Vec::new();
        let Some(by) = view.plan.control().filter(|control| control.plane() == plane) else {
            return all;
        };
        // The server for when all others have failed goes when one is back, and comes and goes at a start:
        // that is no failure of its own.
        let of_clients = view
            .plan
            .real_servers()
            .filter(|(name, _)| by.last_resort() != Some(*name));
        for (name, host) in of_clients {
            for (Deletion { at, shown_by }, deleted) in view.taken_out_by_its_control(name) {
                let destination = view.plan.destination(host);
                let failed = |line: &LoggedLine| match plane {
                    ControlPlane::Keepalived => {
                        let word = format!("[{}]:", destination.ip());
                        line.text.contains("failed") && line.text.contains(&word) && line.at <= at
                    }
                    ControlPlane::Ldirectord => ["Deleted", "Quiescent"].iter().any(|what| {
                        let word = format!("{what} real server: {destination} ");
                        line.text.starts_with(&word)
                    }),
                };
                // ldirectord logs the same of a server that the configuration is without.
                let told = view.done(|action| {
                    let Action::Host(action) = action else {
                        return None;
                    };
                    Some(action.of_control()?.1)
                });
                let left_out = told.filter(|(_, began, _)| *began <= at).last().is_some_and(|(_, _, step)| {
                    matches!(step, ControlStep::Reload { without: Some(gone), .. } if gone == name)
                });
                let said = view.record.control_log.iter().rfind(|line| {
                    let apart = at.since(line.at).max(line.at.since(at));
                    !left_out && failed(line) && line.node == *view.director() && apart < SAME_TURN
                });
                // A check that failed has its cause in what was done to the server; else it was told. A rule
                // that has met nothing is no cause.
                let causes = view.done(|action| {
                    let of_server = action.server() == Some(name);
                    let fault = matches!(action, Action::Mysqld(_) | Action::Host(_) | Action::Traffic(_));
                    let told = matches!(action, Action::Host(action) if action.of_control().is_some());
                    if said.is_some() { of_server && fault } else { told }.then_some(())
                });
                let cause = causes
                    .filter(|(step, began, ())| *began <= at && step.met() != Some(0))
                    .last();
                if said.is_none() && cause.is_none() {
                    continue;
                }
                all.push(Self {
                    by,
                    server: name,
                    at,
                    shown_by,
                    deleted,
                    said,
                    cause: cause.map(|(step, began, ())| (step, began)),
                });
            }
        }
        all.sort_by_key(|out| out.at);
        all
    }

    fn finding(self, more: &Bilingual) -> Finding {
        let Self { server, at, by, .. } = self;
        let plane = by.plane();
        let mut text = match (self.said, self.cause) {
            (Some(line), Some((step, began))) => bilingual!(
                "{plane} logged `{line}` {when}, {later} after step {number} ({step}), and"
                    / "{plane} {when}在日志中写下 `{line}`，那是步骤 {number}（{step}）之后 {later}，并",
                when = moment(line.at),
                later = Human(line.at.since(began)),
                number = step.number,
                step = doing(&step.action),
                line = line.text,
            ),
            (Some(line), None) => bilingual!(
                "{plane} logged `{line}` {when}, and" / "{plane} {when}在日志中写下 `{line}`，并",
                when = moment(line.at),
                line = line.text,
            ),
            (None, cause) => bilingual!(
                "{plane} did what it was told {when} (step {number}): it"
                    / "{plane} {when}执行了步骤 {number}：它",
                when = moment(at),
                number = cause.map_or(0, |(step, _)| step.number),
            ),
        };
        text.push(&if self.deleted {
            bilingual!(" deleted {server} from the director's table." / "从调度器的表中删除了 {server}。")
        } else {
            bilingual!(
                " set the weight of {server} to 0 ({option}): what has an entry is still passed \
                 on to it."
                    / "把 {server} 的权重设为 0（{option}）：有条目的报文段仍转发给它。",
                option = match plane {
                    ControlPlane::Keepalived => "inhibit_on_failure",
                    ControlPlane::Ldirectord => "quiescent",
                },
            )
        });
        if self.said.is_some() {
            match by {
                Control::Ldirectord(said) => text.push(&rounds(said)),
                Control::Keepalived(said) if said.config.is_none() => text.push(&loops(said)),
                // By the author's own configuration each server may have checks of its own, and others after
                // a reload.
                Control::Keepalived(_) => {}
            }
        }
        text.push(more);
        Finding {
            at,
            text,
            shown_by: cites![self.shown_by, ..self.cause.map(|(step, _)| step)],
            ..Finding::default()
        }
    }
}

impl CellView<'_> {
    /// When its control plane deleted this real server from the table (true), or set its weight to 0 (false).
    fn taken_out_by_its_control(&self, server: &Name) -> Vec<(Deletion, bool)> {
        let snapshots = || self.record.snapshots_of(self.director());
        let pairs = snapshots().zip(snapshots().skip(1));
        let out = pairs.filter_map(|(before, after)| {
            if after.moment != Moment::Changed {
                return None;
            }
            let weight = |snapshot| Some(self.listed_in(snapshot)?.weight(server));
            weight(before)?.filter(|weight| *weight > 0)?;
            let is = weight(after)?;
            let (at, shown_by) = (after.at, Citation::Snapshot(after.number));
            (is.unwrap_or(0) == 0).then_some((Deletion { at, shown_by }, is.is_none()))
        });
        out.collect()
    }
}
