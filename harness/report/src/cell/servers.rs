//! The director's tables and what the real servers held at the end.

use crate::blocks::{Block, Cell, Code, Line, Row, Section, Statement, Table, code, foreign, strong};
use crate::stamp::Stamp;
use lvs_matrix_language::{Language, SESSION, phrasing};
use lvs_matrix_model::record::{CellRecord, MysqldState, ServerSession, ServerView};
use lvs_matrix_model::verdict::{Citation, JudgedCell};

/// The director's tables at each snapshot.
pub(crate) fn director(words: Language, record: &CellRecord) -> Option<Section> {
    let plane = record.plan.control_plane().unwrap_or_default();
    let tables = record.snapshots.iter().map(|snapshot| {
        let head = |command: &str| Line {
            remark: format!("# ipvsadm {command}"),
            ..Line::from("")
        };
        let lines = |text: &str| Code::text("text", text.trim_end()).lines;
        let moment = phrasing::moment(words, plane, snapshot.moment);
        Block::Code(Code {
            language: "text",
            titled: Some((
                Citation::Snapshot(snapshot.number),
                match record.plan.names_directors() {
                    false => words.snapshot_at(snapshot.number, moment, Stamp(snapshot.at)),
                    true => words.snapshot_of(&snapshot.node, snapshot.number, moment, Stamp(snapshot.at)),
                },
            )),
            lines: [
                vec![head("-Ln")],
                lines(&snapshot.services),
                vec![Line::from(""), head("-Lnc")],
                lines(&snapshot.connections),
            ]
            .concat(),
        })
    });
    let tables = Block::Beside("snapshots", tables.collect());
    (!record.snapshots.is_empty()).then(|| Section::new(words.directors_tables(), vec![tables]))
}

/// What each real server held at the end.
pub(crate) fn servers(words: Language, cell: &JudgedCell) -> Option<Section> {
    let views = &cell.record.server_views;
    let mut blocks = Vec::new();
    for view in views {
        let mysqld = match &view.mysqld {
            MysqldState::Running => words.mysqld_runs().to_owned(),
            MysqldState::Frozen => words.mysqld_frozen().to_owned(),
            MysqldState::Ended { status } => words.mysqld_ended(foreign(status)),
        };
        blocks.push(Block::Paragraph(Statement {
            place: Some(Citation::Server(view.server_id)),
            ..Statement::from(words.server_is(&view.server, view.server_id, mysqld))
        }));
        if view.earlier_cells > 0 {
            blocks.push(Block::Note(words.lent(view.earlier_cells)));
        }
        sessions(&mut blocks, words, cell, view);
        if view.sockets.is_empty() {
            blocks.push(Block::paragraph(words.no_socket()));
        } else {
            blocks.push(Block::paragraph(words.sockets(code("ss -tan"))));
            blocks.push(Block::Code(Code::text("text", &view.sockets.join("\n"))));
        }
    }
    (!views.is_empty()).then(|| Section::new(words.servers_at_end(), blocks))
}

fn sessions(blocks: &mut Vec<Block>, words: Language, cell: &JudgedCell, view: &ServerView) {
    let Some(sessions) = &view.sessions else {
        return blocks.push(Block::paragraph(words.not_asked()));
    };
    if sessions.is_empty() {
        return blocks.push(Block::paragraph(words.no_session()));
    }
    let count = words.count(sessions.len(), SESSION);
    blocks.push(Block::paragraph(words.sessions(count)));
    let orphans = cell.observed.orphaned_sessions.iter();
    let lost: Vec<u64> = orphans
        .filter(|orphan| orphan.server == view.server)
        .filter_map(|orphan| orphan.session.as_ref())
        .map(|session| session.id)
        .collect();
    let columns = [
        (words.session_id(), true),
        (words.session_host(), false),
        (words.session_command(), false),
        (words.session_seconds(), true),
        (words.session_statement(), false),
        (words.for_the_client(), false),
    ];
    let rows = sessions
        .iter()
        .map(|session| self::session(words, session, lost.contains(&session.id)));
    let name = words.sessions_on(&view.server);
    blocks.push(Block::Table(Table::new(name, "", columns, rows.collect())));
}

fn session(words: Language, session: &ServerSession, lost: bool) -> Row {
    let open = session
        .transaction
        .as_ref()
        .map(|open| foreign(&phrasing::open_transaction(words, open)));
    let lost = lost.then(|| strong(words.lost_by_client()));
    let left: Vec<String> = lost.into_iter().chain(open).collect();
    let statement = session.info.as_deref();
    let cells = [
        session.id.to_string(),
        code(&session.host),
        code(&session.command),
        session.seconds.to_string(),
        statement.map_or_else(|| phrasing::NOTHING.to_owned(), code),
        phrasing::or_nothing(left.join("; ")),
    ];
    Row::of(cells.into_iter().map(Cell::Text).collect())
}
