//! The director's tables and what the real servers held at the end.

use crate::escape::{code, fenced, inline};
use crate::stamp::Stamp;
use lvs_matrix_language::phrasing;
use lvs_matrix_language::{Language, SESSION};
use lvs_matrix_model::record::{CellRecord, MysqldState, ServerSession, ServerView};
use lvs_matrix_model::verdict::JudgedCell;
use std::fmt::{Result, Write as _};

pub(super) fn director(out: &mut String, words: Language, record: &CellRecord) -> Result {
    if record.snapshots.is_empty() {
        return Ok(());
    }
    writeln!(out, "## {}\n", words.directors_tables())?;
    for snapshot in &record.snapshots {
        let moment = phrasing::moment(words, snapshot.moment);
        let title = words.snapshot_at(snapshot.number, moment, Stamp(snapshot.at));
        writeln!(out, "{title}\n")?;
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
pub(super) fn left_behind(words: Language, cell: &JudgedCell) -> Vec<String> {
    let orphans = cell.observed.orphaned_sessions.iter();
    let texts = orphans.map(|orphan| inline(&phrasing::orphan(words, orphan)).into_owned());
    texts.collect()
}

pub(super) fn servers(out: &mut String, words: Language, cell: &JudgedCell) -> Result {
    let views = &cell.record.server_views;
    if views.is_empty() {
        return Ok(());
    }
    writeln!(out, "## {}\n", words.servers_at_end())?;
    for view in views {
        let mysqld = match &view.mysqld {
            MysqldState::Running => words.mysqld_runs().to_owned(),
            MysqldState::Frozen => words.mysqld_frozen().to_owned(),
            MysqldState::Ended { status } => words.mysqld_ended(inline(status)),
        };
        writeln!(out, "{}\n", words.server_is(&view.server, view.server_id, mysqld))?;
        sessions(out, words, cell, view)?;
        if view.sockets.is_empty() {
            writeln!(out, "{}\n", words.no_socket())?;
        } else {
            writeln!(out, "{}\n", words.sockets("`ss -tan`"))?;
            fenced(out, "text", &view.sockets.join("\n"));
            out.push('\n');
        }
    }
    Ok(())
}

fn sessions(out: &mut String, words: Language, cell: &JudgedCell, view: &ServerView) -> Result {
    let Some(sessions) = &view.sessions else {
        return writeln!(out, "{}\n", words.not_asked());
    };
    if sessions.is_empty() {
        return writeln!(out, "{}\n", words.no_session());
    }
    writeln!(out, "{}\n", words.sessions(words.count(sessions.len(), SESSION)))?;
    let heads = [
        words.session_id(),
        words.session_host(),
        words.session_command(),
        words.session_seconds(),
        words.session_statement(),
    ];
    writeln!(out, "| {} | |\n|--:|---|---|--:|---|---|", heads.join(" | "))?;
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
                .map_or_else(|| phrasing::NOTHING.to_owned(), code),
            match (lost.contains(&session.id), &session.transaction) {
                (false, None) => String::new(),
                (true, None) => format!("**{}**", words.lost_by_client()),
                (false, Some(open)) => inline(&phrasing::open_transaction(words, open)).into_owned(),
                (true, Some(open)) => {
                    let open = phrasing::open_transaction(words, open);
                    format!("**{}**; {}", words.lost_by_client(), inline(&open))
                }
            }
        )?;
    }
    out.push('\n');
    Ok(())
}

/// Sessions in a server's process list that the client has lost.
pub(crate) fn lost_sessions<'a>(
    cell: &'a JudgedCell,
    view: &'a ServerView,
) -> impl Iterator<Item = &'a ServerSession> {
    let orphans = cell.observed.orphaned_sessions.iter();
    orphans
        .filter(|orphan| orphan.server == view.server)
        .filter_map(|orphan| orphan.session.as_ref())
}
