//! The time line as a table, and what the client sent again.

use crate::blocks::{Block, Cell, Row, Section, Table};
use crate::schedule::{ScheduleRow, schedule, schedule_svg};
use crate::stamp::Stamp;
use crate::timeline::{Who, entries, times};
use lvs_matrix_language::{Language, phrasing};
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::verdict::{Citation, JudgedCell};
use std::time::Duration;

/// Steps and events have their place in the time line; packets and snapshots have it elsewhere.
pub(crate) fn timeline(words: Language, cell: &JudgedCell) -> Option<Section> {
    let entries = entries(cell, words);
    let rows: Vec<Row> = entries
        .into_iter()
        .map(|entry| {
            let (time, since) = times(cell, entry.at);
            Row::Cells {
                class: class(entry.who),
                place: match entry.place {
                    Some(Citation::Event(_) | Citation::Step(_)) => entry.place,
                    Some(Citation::Packet(_) | Citation::Snapshot(_) | Citation::Server(_)) | None => None,
                },
                data: Vec::new(),
                cells: vec![
                    Cell::Text(time),
                    Cell::Text(since),
                    Cell::SeenIn(entry.place),
                    Cell::Text(entry.what),
                ],
            }
        })
        .collect();
    let columns = [
        (words.time(), true),
        (words.since_act(), true),
        (words.seen_in(), false),
        (words.what(), false),
    ];
    let table = Table::new(words.time_line(), "timeline", columns, rows);
    let note = Block::Note(words.counting_from(words.epoch()));
    (!table.rows.is_empty()).then(|| Section::new(words.time_line(), vec![note, Block::Table(table)]))
}

/// Of the style sheet.
fn class(who: Who) -> &'static str {
    match who {
        Who::ClientStep => "step client",
        Who::OperatorStep => "step operator",
        Who::Packet => "packet",
        Who::Client => "event",
        Who::Director => "snapshot",
        Who::Observation => "end",
    }
}

/// What the client sent again, beside the article's trace if it is a hang.
pub(crate) fn retransmissions(words: Language, cell: &JudgedCell) -> Option<Section> {
    let what = phrasing::retransmissions(words, &cell.observed.retransmissions)?;
    let mut blocks = vec![Block::paragraph(words.by_the_client(&what))];
    let Some(schedule) = schedule(cell) else {
        return Some(Section::new(words.sent_again_title(), blocks));
    };
    let beside = schedule.rows.iter().any(|row| row.article.is_some());
    let mut columns = vec![
        (words.sent(), false),
        (words.packet(), true),
        (words.at(), true),
        (words.gap(), true),
    ];
    if beside {
        blocks.push(Block::Note(words.beside_article().to_owned()));
        columns.extend([(words.article_printed(), true), (words.gap(), true)]);
    }
    let (beginning, left_out, end) = schedule.shown();
    let mut rows: Vec<Row> = beginning.iter().map(|row| sending(words, row, beside)).collect();
    if !end.is_empty() {
        rows.push(Row::LeftOut(words.rows_left_out(left_out)));
        rows.extend(end.iter().map(|row| sending(words, row, beside)));
    }
    let table = Block::Table(Table::new(what, "figures", columns, rows));
    let drawing = Block::Drawing {
        name: words.plot_of_gaps(),
        svg: schedule_svg(words, &schedule),
    };
    blocks.push(Block::Beside("schedule", vec![table, drawing]));
    Some(Section::new(words.sent_again_title(), blocks))
}

fn sending(words: Language, row: &ScheduleRow, beside: bool) -> Row {
    let nothing = || phrasing::NOTHING.to_owned();
    let gap = |gap: Option<Duration>| Cell::Text(gap.map_or_else(nothing, |gap| Human(gap).to_string()));
    let what = match row.number {
        1 => words.first_sent().to_owned(),
        number => words.again_times(number - 1),
    };
    let mut cells = vec![
        Cell::Text(what),
        row.sent
            .map_or_else(|| Cell::Text(nothing()), |sent| Cell::Packet(sent.packet)),
        Cell::Text(row.sent.map_or_else(nothing, |sent| Stamp(sent.at).to_string())),
        gap(row.sent.and_then(|sent| sent.gap)),
    ];
    if beside {
        let printed = row.article.map_or(phrasing::NOTHING, |article| article.printed);
        cells.extend([
            Cell::Text(printed.to_owned()),
            gap(row.article.and_then(|article| article.gap)),
        ]);
    }
    Row::of(cells)
}
