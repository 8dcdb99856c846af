//! Tables of a cell: retransmissions, the director's before and after, and what the real servers held at the end.

use super::evidence::{anchor, link};
use super::trace::Traces;
use crate::escape::{html_block, html_code, xml};
use crate::markdown::lost_sessions;
use crate::packet::packet;
use crate::stamp::Stamp;
use crate::totals::plural;
use crate::wording;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::record::{CellRecord, MysqldState, ServerView};
use lvs_matrix_model::verdict::{Citation, JudgedCell};
use std::fmt::{Result, Write as _};

pub(super) fn retransmissions(out: &mut String, cell: &JudgedCell, traces: &Traces) -> Result {
    let repeated = &cell.observed.retransmissions;
    let Some(title) = wording::retransmissions(repeated) else {
        return Ok(());
    };
    writeln!(
        out,
        "<section><h3>{title}</h3>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Retransmissions\">\
         <table class=\"figures\">\n<thead><tr><th scope=\"col\">sent</th><th scope=\"col\">packet</th>\
         <th scope=\"col\">at</th><th scope=\"col\">gap</th></tr></thead>\n<tbody>"
    )?;
    let nothing = || wording::NOTHING.to_owned();
    for (index, number) in repeated.packets.iter().enumerate() {
        let what = if index == 0 {
            "first".to_owned()
        } else {
            format!("again {index}")
        };
        let gap = index
            .checked_sub(1)
            .and_then(|before| repeated.gaps.get(before))
            .map_or_else(nothing, |gap| xml(&Human(*gap).to_string()).into_owned());
        writeln!(
            out,
            "<tr><td>{what}</td><td>{}</td><td>{}</td><td>{gap}</td></tr>",
            link(&cell.record.plan.cell, Citation::Packet(*number), traces),
            packet(cell, *number).map_or_else(nothing, |packet| Stamp(packet.at).to_string()),
        )?;
    }
    writeln!(out, "</tbody></table></div></section>")
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
