//! Retransmission schedules.

use crate::stored::{assert_texts_apart, cell, elements};
use lvs_matrix_report::{Language, schedule, schedule_svg};
use std::time::Duration;

#[test]
fn the_schedule_of_a_hang_stands_beside_the_articles() {
    let cell = cell("config-change/absent_up_execute-sql_0");
    let schedule = schedule(&cell).unwrap();
    let sent = cell.observed.retransmissions.packets.len();
    assert!(sent > 12, "a hang until TCP gives up has more than the article's");
    assert_eq!((schedule.payload_length, schedule.rows.len()), (13, sent));
    let gaps: Vec<Duration> = schedule.rows.iter().filter_map(|row| row.sent?.gap).collect();
    assert_eq!(gaps, cell.observed.retransmissions.gaps);
    assert_eq!(
        schedule.rows.iter().filter(|row| row.article.is_some()).count(),
        12
    );
    let last = schedule.rows[11].article.unwrap();
    assert_eq!(
        (last.printed, last.gap.unwrap().as_micros()),
        ("25:47.932934", 119_999_993)
    );
    let svg = schedule_svg(Language::English, &schedule);
    let elements = elements(&svg);
    assert_texts_apart("schedule", &elements);
    let dots = |class: &str| elements.iter().filter(|element| element.is(class)).count();
    // One more of each is in the legend.
    assert_eq!((dots("lm-ours-dot"), dots("lm-article-dot")), (sent, 12));
}

#[test]
fn a_hang_that_ended_early_still_stands_beside_all_of_the_article() {
    let cell = cell("hang-to-the-end/890s");
    let sent = cell.observed.retransmissions.packets.len();
    assert!(sent < 12);
    let schedule = schedule(&cell).unwrap();
    assert_eq!(schedule.rows.len(), 12);
    assert_eq!(
        schedule.rows.iter().filter(|row| row.sent.is_some()).count(),
        sent
    );
    assert_eq!(schedule.rows[11].sent, None);
}

#[test]
fn without_retransmissions_there_is_no_schedule() {
    assert_eq!(schedule(&cell("config-change/present_up_waiting_0")), None);
}
