//! Tables of a cell: retransmissions, the director's before and after, and what the real servers held at the
//! end.

use super::evidence::{anchor, link};
use super::trace::Traces;
use crate::escape::{html_block, html_code, xml};
use crate::markdown::lost_sessions;
use crate::schedule::{ScheduleRow, Sending, schedule, schedule_svg};
use crate::stamp::Stamp;
use lvs_matrix_language::phrasing;
use lvs_matrix_language::{Language, SESSION};
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::record::{CellRecord, MysqldState, ServerView};
use lvs_matrix_model::verdict::{Citation, JudgedCell};
use std::fmt::{Result, Write as _};
use std::time::Duration;

/// What the client sent again, beside the article's trace if it is a hang.
pub(super) fn retransmissions(
    out: &mut String,
    words: Language,
    cell: &JudgedCell,
    traces: &Traces,
) -> Result {
    let Some((title, schedule)) =
        phrasing::retransmissions(words, &cell.observed.retransmissions).zip(schedule(cell))
    else {
        return Ok(());
    };
    let beside = schedule.rows.iter().any(|row| row.article.is_some());
    writeln!(out, "<section><h3>{title}</h3>")?;
    let titles = [
        words.sent(),
        words.packet(),
        words.at(),
        words.gap(),
        words.article_printed(),
        words.gap(),
    ];
    if beside {
        writeln!(out, "<p class=\"note\">{}</p>", words.beside_article())?;
    }
    writeln!(
        out,
        "<div class=\"schedule\"><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{title}\">\
         <table class=\"figures\">\n<thead><tr>{}</tr></thead>\n<tbody>",
        heads(if beside { &titles } else { &titles[..4] })
    )?;
    let (beginning, left_out, end) = schedule.shown();
    for (index, row) in beginning.iter().chain(end).enumerate() {
        if index == beginning.len() {
            let columns = if beside { 6 } else { 4 };
            writeln!(
                out,
                "<tr><td colspan=\"{columns}\">… {}</td></tr>",
                words.rows_left_out(left_out)
            )?;
        }
        sending(out, words, cell, row, beside, traces)?;
    }
    writeln!(
        out,
        "</tbody></table></div>\n<div class=\"drawing\" tabindex=\"0\" role=\"region\" \
         aria-label=\"{}\">{}</div></div>\
         </section>",
        words.plot_of_gaps(),
        schedule_svg(words, &schedule)
    )
}

/// Heads of columns.
fn heads(titles: &[&str]) -> String {
    let heads = titles
        .iter()
        .map(|title| format!("<th scope=\"col\">{title}</th>"));
    heads.collect()
}

fn sending(
    out: &mut String,
    words: Language,
    cell: &JudgedCell,
    row: &ScheduleRow,
    beside: bool,
    traces: &Traces,
) -> Result {
    let nothing = || phrasing::NOTHING.to_owned();
    let gap =
        |gap: Option<Duration>| gap.map_or_else(nothing, |gap| xml(&Human(gap).to_string()).into_owned());
    let what = match row.number {
        1 => words.first_sent().to_owned(),
        number => words.again_times(number - 1),
    };
    let packet = |sent: Sending| {
        link(
            &cell.record.plan.cell,
            Citation::Packet(sent.packet),
            traces,
            words,
        )
    };
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
            row.article.map_or(phrasing::NOTHING, |article| article.printed),
            gap(row.article.and_then(|article| article.gap))
        )?;
    }
    writeln!(out, "</tr>")
}

pub(super) fn director(out: &mut String, words: Language, record: &CellRecord) -> Result {
    if record.snapshots.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<section><h3>{}</h3>\n<div class=\"snapshots\">",
        words.directors_tables()
    )?;
    for snapshot in &record.snapshots {
        writeln!(
            out,
            "<figure id=\"{}\"><figcaption>{} <span>{}</span></figcaption>\n\
             <pre tabindex=\"0\"><b>ipvsadm -Ln</b>\n{}\n\n<b>ipvsadm -Lnc</b>\n{}</pre></figure>",
            anchor(&record.plan.cell, Citation::Snapshot(snapshot.number)),
            phrasing::moment(words, snapshot.moment),
            words.snapshot_figure(snapshot.number, Stamp(snapshot.at)),
            html_block(snapshot.services.trim_end()),
            html_block(snapshot.connections.trim_end())
        )?;
    }
    writeln!(out, "</div></section>")
}

/// What the client has lost and a server still holds, a phrase each, escaped.
pub(super) fn left_behind(words: Language, cell: &JudgedCell) -> Vec<String> {
    let orphans = cell.observed.orphaned_sessions.iter();
    let texts = orphans.map(|orphan| xml(&phrasing::orphan(words, orphan)).into_owned());
    texts.collect()
}

pub(super) fn servers(out: &mut String, words: Language, cell: &JudgedCell) -> Result {
    let views = &cell.record.server_views;
    if views.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section><h3>{}</h3>", words.servers_at_end())?;
    for view in views {
        let mysqld = match &view.mysqld {
            MysqldState::Running => words.mysqld_runs().to_owned(),
            MysqldState::Frozen => words.mysqld_frozen().to_owned(),
            MysqldState::Ended { status } => words.mysqld_ended(xml(status)),
        };
        writeln!(
            out,
            "<h4 id=\"{}\">{}</h4>\n<p>{}</p>",
            anchor(&cell.record.plan.cell, Citation::Server(view.server_id)),
            view.server,
            words.server_id_and(view.server_id, mysqld)
        )?;
        sessions(out, words, cell, view)?;
        if view.sockets.is_empty() {
            writeln!(out, "<p>{}</p>", words.no_socket())?;
        } else {
            writeln!(
                out,
                "<p>{}</p>\n<pre tabindex=\"0\">{}</pre>",
                words.sockets("<code>ss -tan</code>"),
                html_block(&view.sockets.join("\n"))
            )?;
        }
    }
    writeln!(out, "</section>")
}

fn sessions(out: &mut String, words: Language, cell: &JudgedCell, view: &ServerView) -> Result {
    let Some(sessions) = &view.sessions else {
        return writeln!(out, "<p>{}</p>", words.not_asked());
    };
    if sessions.is_empty() {
        return writeln!(out, "<p>{}</p>", words.no_session());
    }
    writeln!(
        out,
        "<p>{}</p>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" \
         aria-label=\"{}\"><table>\n<thead><tr>{}</tr></thead>\n\
         <tbody>",
        words.sessions(words.count(sessions.len(), SESSION)),
        words.sessions_on(&view.server),
        heads(&[
            words.session_id(),
            words.session_host(),
            words.session_command(),
            words.session_seconds(),
            words.session_statement(),
            words.for_the_client(),
        ])
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
                .map_or_else(|| phrasing::NOTHING.to_owned(), html_code),
            match (lost.contains(&session.id), &session.transaction) {
                (false, None) => phrasing::NOTHING.to_owned(),
                (true, None) => format!("<b>{}</b>", words.lost()),
                (false, Some(open)) => xml(&phrasing::open_transaction(words, open)).into_owned(),
                (true, Some(open)) => {
                    let open = phrasing::open_transaction(words, open);
                    format!("<b>{}</b>; {}", words.lost(), xml(&open))
                }
            }
        )?;
    }
    writeln!(out, "</tbody></table></div>")
}
