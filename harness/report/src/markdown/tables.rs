//! The director's tables and what the real servers held at the end.

use crate::escape::{code, fenced, inline};
use crate::stamp::Stamp;
use crate::totals::plural;
use crate::wording;
use lvs_matrix_model::record::{CellRecord, MysqldState, ServerSession, ServerView};
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};

pub(super) fn director(out: &mut String, record: &CellRecord) -> Result {
    if record.snapshots.is_empty() {
        return Ok(());
    }
    writeln!(out, "## The director's tables\n")?;
    for snapshot in &record.snapshots {
        writeln!(
            out,
            "Snapshot {}, {}, at {}:\n",
            snapshot.number,
            wording::moment(snapshot.moment),
            Stamp(snapshot.at)
        )?;
        let text = format!(
            "# ipvsadm -Ln\n{}\n\n# ipvsadm -Lnc\n{}\n",
            snapshot.services.trim_end(),
            snapshot.connections.trim_end()
        );
        fenced(out, "text", &text);
        out.push('\n');
    }
    Ok(())
}

/// What the client has lost and a server still holds, a phrase each.
pub(super) fn left_behind(cell: &JudgedCell) -> Vec<String> {
    let orphans = cell.observed.orphaned_sessions.iter();
    orphans.map(|orphan| inline(&orphan.to_string()).into_owned()).collect()
}

pub(super) fn servers(out: &mut String, cell: &JudgedCell) -> Result {
    let views = &cell.record.server_views;
    if views.is_empty() {
        return Ok(());
    }
    writeln!(out, "## The real servers at the end\n")?;
    for view in views {
        let mysqld = match &view.mysqld {
            MysqldState::Running => "mysqld runs".to_owned(),
            MysqldState::Frozen => "mysqld is frozen (SIGSTOP)".to_owned(),
            MysqldState::Ended { status } => format!("mysqld has ended ({})", inline(status)),
        };
        writeln!(out, "{} (server_id {}): {mysqld}.\n", view.server, view.server_id)?;
        sessions(out, cell, view)?;
        if view.sockets.is_empty() {
            writeln!(out, "No TCP socket of the client in its kernel.\n")?;
        } else {
            writeln!(out, "TCP sockets of the client in its kernel (`ss -tan`):\n")?;
            fenced(out, "text", &view.sockets.join("\n"));
            out.push('\n');
        }
    }
    Ok(())
}

fn sessions(out: &mut String, cell: &JudgedCell, view: &ServerView) -> Result {
    let Some(sessions) = &view.sessions else {
        return writeln!(out, "Its process list could not be asked.\n");
    };
    if sessions.is_empty() {
        return writeln!(out, "No session of the client in its process list.\n");
    }
    writeln!(
        out,
        "{} of the client in its process list:\n",
        plural(sessions.len(), "session")
    )?;
    writeln!(
        out,
        "| id | host | command | seconds | statement | |\n|--:|---|---|--:|---|---|"
    )?;
    let lost: Vec<u64> = lost_sessions(cell, view).map(|session| session.id).collect();
    for session in sessions {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            session.id,
            code(&session.host),
            code(&session.command),
            session.seconds,
            session
                .info
                .as_deref()
                .map_or_else(|| wording::NOTHING.to_owned(), code),
            if lost.contains(&session.id) {
                "**lost by the client**"
            } else {
                ""
            }
        )?;
    }
    out.push('\n');
    Ok(())
}

/// Sessions in a server's process list that the client has lost.
pub(crate) fn lost_sessions<'a>(cell: &'a JudgedCell, view: &'a ServerView) -> impl Iterator<Item = &'a ServerSession> {
    let orphans = cell.observed.orphaned_sessions.iter();
    orphans
        .filter(|orphan| orphan.server == view.server)
        .filter_map(|orphan| orphan.session.as_ref())
}
