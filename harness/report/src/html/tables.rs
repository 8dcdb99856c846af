//! Tables of a cell: retransmissions, the director's before and after, and what the real servers held at the end.

use super::evidence::{anchor, link};
use super::trace::Traces;
use crate::escape::{html_block, html_code, xml};
use crate::markdown::lost_sessions;
use crate::schedule::{ScheduleRow, Sending, schedule, schedule_svg};
use crate::stamp::Stamp;
use crate::totals::plural;
use crate::wording;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::record::{CellRecord, MysqldState, ServerView};
use lvs_matrix_model::verdict::{Citation, JudgedCell};
use std::fmt::{Result, Write as _};
use std::time::Duration;

/// What the client sent again, beside the article's trace if it is a hang.
pub(super) fn retransmissions(out: &mut String, cell: &JudgedCell, traces: &Traces) -> Result {
    let Some((title, schedule)) = wording::retransmissions(&cell.observed.retransmissions).zip(schedule(cell)) else {
        return Ok(());
    };
    let beside = schedule.rows.iter().any(|row| row.article.is_some());
    writeln!(out, "<section><h3>{title}</h3>")?;
    if beside {
        writeln!(
            out,
            "<p class=\"note\">Beside them the trace that the article prints (minutes and seconds of its tcpdump; an older kernel, \
             which had no tail-loss probe). Compare the shapes, not the constants.</p>"
        )?;
    }
    writeln!(
        out,
        "<div class=\"schedule\"><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Retransmissions\">\
         <table class=\"figures\">\n<thead><tr><th scope=\"col\">sent</th><th scope=\"col\">packet</th><th scope=\"col\">at</th>\
         <th scope=\"col\">gap</th>{}</tr></thead>\n<tbody>",
        if beside {
            "<th scope=\"col\">article</th><th scope=\"col\">gap</th>"
        } else {
            ""
        }
    )?;
    for row in &schedule.rows {
        sending(out, cell, row, beside, traces)?;
    }
    writeln!(
        out,
        "</tbody></table></div>\n<div class=\"drawing\" tabindex=\"0\" role=\"region\" aria-label=\"Plot of the gaps\">{}</div></div>\
         </section>",
        schedule_svg(&schedule)
    )
}

fn sending(out: &mut String, cell: &JudgedCell, row: &ScheduleRow, beside: bool, traces: &Traces) -> Result {
    let nothing = || wording::NOTHING.to_owned();
    let gap = |gap: Option<Duration>| gap.map_or_else(nothing, |gap| xml(&Human(gap).to_string()).into_owned());
    let what = match row.number {
        1 => "first".to_owned(),
        number => format!("again {}", number - 1),
    };
    let packet = |sent: Sending| link(&cell.record.plan.cell, Citation::Packet(sent.packet), traces);
    write!(
        out,
        "<tr><td>{what}</td><td>{}</td><td>{}</td><td>{}</td>",
        row.sent.map_or_else(nothing, packet),
        row.sent.map_or_else(nothing, |sent| Stamp(sent.at).to_string()),
        gap(row.sent.and_then(|sent| sent.gap))
    )?;
    if beside {
        write!(
            out,
            "<td>{}</td><td>{}</td>",
            row.article.map_or(wording::NOTHING, |article| article.printed),
            gap(row.article.and_then(|article| article.gap))
        )?;
    }
    writeln!(out, "</tr>")
}

pub(super) fn director(out: &mut String, record: &CellRecord) -> Result {
    if record.snapshots.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<section><h3>The director’s tables</h3>\n<div class=\"snapshots\">"
    )?;
    for snapshot in &record.snapshots {
        writeln!(
            out,
            "<figure id=\"{}\"><figcaption>{} <span>snapshot {}, {}</span></figcaption>\n\
             <pre tabindex=\"0\"><b>ipvsadm -Ln</b>\n{}\n\n<b>ipvsadm -Lnc</b>\n{}</pre></figure>",
            anchor(&record.plan.cell, Citation::Snapshot(snapshot.number)),
            wording::moment(snapshot.moment),
            snapshot.number,
            Stamp(snapshot.at),
            html_block(snapshot.services.trim_end()),
            html_block(snapshot.connections.trim_end())
        )?;
    }
    writeln!(out, "</div></section>")
}

/// What the client has lost and a server still holds, a phrase each, escaped.
pub(super) fn left_behind(cell: &JudgedCell) -> Vec<String> {
    let orphans = cell.observed.orphaned_sessions.iter();
    orphans.map(|orphan| xml(&orphan.to_string()).into_owned()).collect()
}

pub(super) fn servers(out: &mut String, cell: &JudgedCell) -> Result {
    let views = &cell.record.server_views;
    if views.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section><h3>What the real servers held at the end</h3>")?;
    for view in views {
        let mysqld = match &view.mysqld {
            MysqldState::Running => "mysqld runs".to_owned(),
            MysqldState::Frozen => "mysqld is frozen (SIGSTOP)".to_owned(),
            MysqldState::Ended { status } => format!("mysqld has ended ({})", xml(status)),
        };
        writeln!(
            out,
            "<h4 id=\"{}\">{}</h4>\n<p>server_id {}; {mysqld}.</p>",
            anchor(&cell.record.plan.cell, Citation::Server(view.server_id)),
            view.server,
            view.server_id
        )?;
        sessions(out, cell, view)?;
        if view.sockets.is_empty() {
            writeln!(out, "<p>No TCP socket of the client in its kernel.</p>")?;
        } else {
            writeln!(
                out,
                "<p>TCP sockets of the client in its kernel (<code>ss -tan</code>):</p>\n<pre tabindex=\"0\">{}</pre>",
                html_block(&view.sockets.join("\n"))
            )?;
        }
    }
    writeln!(out, "</section>")
}

fn sessions(out: &mut String, cell: &JudgedCell, view: &ServerView) -> Result {
    let Some(sessions) = &view.sessions else {
        return writeln!(out, "<p>Its process list could not be asked.</p>");
    };
    if sessions.is_empty() {
        return writeln!(out, "<p>No session of the client in its process list.</p>");
    }
    writeln!(
        out,
        "<p>{} of the client in its process list:</p>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" \
         aria-label=\"Sessions on {}\"><table>\n<thead><tr><th scope=\"col\">id</th><th scope=\"col\">host</th>\
         <th scope=\"col\">command</th><th scope=\"col\">seconds</th><th scope=\"col\">statement</th>\
         <th scope=\"col\">for the client</th></tr></thead>\n<tbody>",
        plural(sessions.len(), "session"),
        view.server
    )?;
    let lost: Vec<u64> = lost_sessions(cell, view).map(|session| session.id).collect();
    for session in sessions {
        writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            session.id,
            html_code(&session.host),
            html_code(&session.command),
            session.seconds,
            session
                .info
                .as_deref()
                .map_or_else(|| wording::NOTHING.to_owned(), html_code),
            if lost.contains(&session.id) {
                "<b>lost</b>"
            } else {
                wording::NOTHING
            }
        )?;
    }
    writeln!(out, "</tbody></table></div>")
}
