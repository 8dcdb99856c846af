//! What keepalived made of the director's table, and when: how it came about that a server was there, or was
//! not, when the client asked.

use super::super::circumstances::Deletion;
use super::super::table::Table;
use super::frozen::frozen;
use super::prelude::*;
use lvs_matrix_model::action::Action;
use lvs_matrix_model::capture::flow::segment;
use lvs_matrix_model::keepalived::{HealthCheck, Keepalived};
use lvs_matrix_model::record::{LoggedLine, Moment, StepRecord};

/// How long after its last word on a server keepalived edits the table at the latest: the edit follows in the
/// same turn of its loop, and the table is looked at a millisecond later.
const SAME_TURN: Duration = Duration::from_millis(20);

/// keepalived's own functions: a server that has failed is deleted, or gets weight 0.
const FAILED: Sources = sources![checkers: "update_svr_checker_state", checkers: "perform_svr_state"];

/// keepalived had found the server failed before the client asked.
pub(super) const TAKEN_OUT: Rule = Rule {
    name: "taken-out-by-keepalived",
    explains: Explains::Circumstance,
    sources: FAILED,
    holds: |view| {
        let asked = view.request()?.sent.at;
        let out = TakenOut::last(view, |at| at <= asked)?;
        Some(out.finding(view, &Bilingual::default()))
    },
};

/// The client asked before keepalived had found the server failed.
pub(super) const NOT_YET: Rule = Rule {
    name: "not-yet-taken-out",
    explains: Explains::Circumstance,
    sources: FAILED,
    holds: |view| {
        let request = view.request()?;
        let asked = request.sent.at;
        let (_, to) = request.passed_on.as_ref()?;
        let out =
            TakenOut::first(view, |at| at > asked).filter(|out| to.real_server() == Some(out.server))?;
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
        Some(out.finding(view, &earlier))
    },
};

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
        let mut outs = TakenOut::all(view);
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
        let found_well = view.record.keepalived_log.iter().any(|line| {
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
    holds: |view| {
        let said = view.plan.keepalived()?;
        if said.check() != HealthCheck::Tcp {
            return None;
        }
        let request = view.request()?;
        let (_, to) = request.passed_on.as_ref()?;
        let server = to.real_server()?;
        let (step, since) = frozen(view, server, request.sent.at)?;
        let table = view.table_then(request.sent.at)?;
        table.weight(server).filter(|weight| *weight > 0)?;
        // The handshake of a check that came after.
        let host = view.plan.host(to)?;
        let checked = view.plan.destination(host);
        let director = view.plan.host(view.director())?;
        let accepted = view.seen_on(view.director()).find(|packet| {
            let found = segment(packet).is_some_and(|(from, for_whom, segment)| {
                let accepts = segment.flags.syn && segment.flags.ack;
                let from_checked = (from, segment.source_port) == (checked.ip(), checked.port());
                accepts && from_checked && director.addresses().any(|own| own == for_whom)
            });
            found && since < packet.at && packet.at <= request.sent.at
        })?;
        Some(Finding {
            at: accepted.at,
            text: bilingual!(
                "After step {number} ({step}) keepalived had checked {server}, and had found it well: a \
                 TCP_CHECK only connects, and the kernel of {server} accepts connections for a server that \
                 is frozen, as long as its queue has room. So {server} stayed in the table. A check that \
                 asks the server something (MISC_CHECK) would have had no answer."
                    / "步骤 {number}（{step}）之后 keepalived 检查过 {server}，认为它正常：TCP_CHECK 只建立连接，而 {server} \
                       的内核会替被冻结的服务程序接受连接，只要队列未满。因此 {server} 留在表中。向服务程序提问的检查（MISC_CHECK）则得不到应答。",
                number = step.number,
                step = doing(&step.action),
            ),
            shown_by: cites![step, ..table.shown_by(), accepted],
            ..Finding::default()
        })
    },
};

/// A real server that keepalived took out of the table, or gave weight 0.
struct TakenOut<'a> {
    server: &'a Name,
    /// When the table was seen to be so.
    at: Instant,
    shown_by: Citation,
    /// Was it deleted, and not kept with weight 0?
    deleted: bool,
    /// What keepalived had said of its check.
    said: Option<&'a LoggedLine>,
    /// The step for which the check failed.
    cause: Option<(&'a StepRecord, Instant)>,
}

impl<'a> TakenOut<'a> {
    /// The first time after the change began of those within the time.
    fn first(view: &CellView<'a>, within: impl Fn(Instant) -> bool) -> Option<Self> {
        let mut all = Self::all(view);
        all.retain(|out| within(out.at));
        all.into_iter().next()
    }

    /// The last time, if the server has not come back by the end of the time.
    fn last(view: &CellView<'a>, within: impl Fn(Instant) -> bool) -> Option<Self> {
        let mut all = Self::all(view);
        all.retain(|out| within(out.at));
        let asked = view.request()?.sent.at;
        // Without the service another rule says what becomes of the request.
        let table = view.table_then(asked).filter(Table::has_service)?;
        all.pop().filter(|out| table.weight(out.server).unwrap_or(0) == 0)
    }

    fn all(view: &CellView<'a>) -> Vec<Self> {
        let mut all = Vec::new();
        if view.plan.keepalived().is_none() {
            return all;
        }
        for (name, host) in view.plan.real_servers() {
            for (Deletion { at, shown_by }, deleted) in view.taken_out_by_keepalived(name) {
                let destination = view.plan.destination(host);
                let word = format!("[{}]:", destination.ip());
                let said = view.record.keepalived_log.iter().rfind(|line| {
                    let failed = line.text.contains("failed") && line.text.contains(&word);
                    failed && line.node == *view.director() && line.at <= at && at.since(line.at) < SAME_TURN
                });
                // A check that failed has its cause in what was done to the server; else keepalived was told.
                let causes = view.done(|action| {
                    let of_server = action.server() == Some(name);
                    let fault = matches!(action, Action::Mysqld(_) | Action::Host(_) | Action::Traffic(_));
                    let told = matches!(action, Action::Host(action) if action.is_of_keepalived());
                    if said.is_some() { of_server && fault } else { told }.then_some(())
                });
                let cause = causes.filter(|(_, began, ())| *began <= at).last();
                if said.is_none() && cause.is_none() {
                    continue;
                }
                all.push(Self {
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

    fn finding(self, view: &CellView<'_>, more: &Bilingual) -> Finding {
        let Self { server, at, .. } = self;
        let mut text = match (self.said, self.cause) {
            (Some(line), Some((step, began))) => bilingual!(
                "keepalived logged `{line}` {when}, {later} after step {number} ({step}), and"
                    / "keepalived {when}在日志中写下 `{line}`，那是步骤 {number}（{step}）之后 {later}，并",
                when = moment(line.at),
                later = Human(line.at.since(began)),
                number = step.number,
                step = doing(&step.action),
                line = line.text,
            ),
            (Some(line), None) => bilingual!(
                "keepalived logged `{line}` {when}, and" / "keepalived {when}在日志中写下 `{line}`，并",
                when = moment(line.at),
                line = line.text,
            ),
            (None, cause) => bilingual!(
                "keepalived did what it was told {when} (step {number}): it"
                    / "keepalived {when}执行了步骤 {number}：它",
                when = moment(at),
                number = cause.map_or(0, |(step, _)| step.number),
            ),
        };
        text.push(&if self.deleted {
            bilingual!(" deleted {server} from the director's table." / "从调度器的表中删除了 {server}。")
        } else {
            bilingual!(
                " set the weight of {server} to 0 (inhibit_on_failure): what has an entry is still passed \
                 on to it."
                    / "把 {server} 的权重设为 0（inhibit_on_failure）：有条目的报文段仍转发给它。",
            )
        });
        // Of the author's own configuration each server may have checks of its own, and a reload others.
        let own = |said: &&Keepalived| said.config.is_none();
        if let (Some(_), Some(said)) = (self.said, view.plan.keepalived().filter(own)) {
            let delay = Human(said.delay_loop());
            text.push(&match usize::from(said.retry()) {
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
            });
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
    /// When keepalived deleted this real server from the table (true), or set its weight to 0 (false).
    fn taken_out_by_keepalived(&self, server: &Name) -> Vec<(Deletion, bool)> {
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
