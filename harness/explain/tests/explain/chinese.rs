//! Explanations in Chinese: they say the same, and nothing of ours is left in English.

use super::*;
use lvs_matrix_explain::{Status, explain, explain_in};
use lvs_matrix_language::Language;
use lvs_matrix_report::{RunReport, markdown_cell};
use std::collections::BTreeSet;

/// So many Latin words in a row are a name (`ICMP port unreachable`); more are a sentence.
const NAME: usize = 3;

#[test]
fn every_stored_cell_is_explained_in_chinese() {
    for cell in all() {
        in_chinese(&cell);
    }
}

/// What is found is the same in both languages, and it is said in Chinese.
pub(crate) fn in_chinese(cell: &JudgedCell) {
    let (english, chinese) = (explain(cell), explain_in(Language::Chinese, cell));
    let id = &cell.record.plan.cell;
    let found = |explanation: &Explanation| -> Vec<_> {
        let paragraphs = explanation.paragraphs.iter();
        paragraphs
            .map(|paragraph| {
                (
                    paragraph.rule,
                    paragraph.shown_by.clone(),
                    paragraph.sources.clone(),
                )
            })
            .collect()
    };
    assert_eq!(found(&english), found(&chinese), "{id}");
    assert_eq!(english.known, chinese.known, "{id}");
    let (said, told) = (texts(&english), texts(&chinese));
    assert_eq!(said.len(), told.len(), "{id}");
    for (english, chinese) in said.iter().zip(&told) {
        assert!(chinese.contains(is_chinese), "{id}: {chinese}");
        assert_eq!(
            longest_run_of_words(chinese).len().max(NAME),
            NAME,
            "{id}: {chinese}"
        );
        assert!(!english.contains(is_chinese), "{id}: {english}");
        assert_eq!(numbers(english), numbers(chinese), "{id}:\n{english}\n{chinese}");
        assert!(
            !chinese.contains("  ") && !chinese.contains("。 "),
            "{id}: {chinese}"
        );
        let plain: Vec<char> = prose(chinese).chars().collect();
        let close = plain.windows(2).find(|two| {
            two[0].is_ascii_alphanumeric() && is_chinese(two[1])
                || is_chinese(two[0]) && two[1].is_ascii_alphanumeric()
        });
        assert_eq!(close, None, "{id}: a blank is missing in {chinese}");
    }
}

/// All that we say: paragraphs, advice, and what is not explained.
fn texts(explanation: &Explanation) -> Vec<String> {
    let mut texts: Vec<String> = explanation
        .paragraphs
        .iter()
        .map(|one| one.text.clone())
        .collect();
    texts.extend(explanation.advice.iter().map(|advised| advised.text.clone()));
    if let Status::Unexplained { questions } = &explanation.status {
        texts.extend(questions.iter().map(|question| (*question).to_owned()));
    }
    texts
}

fn is_chinese(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

/// `text` without what stands between backticks.
fn prose(text: &str) -> String {
    text.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// Of the words that stand side by side with nothing but blanks between them, the longest run.
fn longest_run_of_words(text: &str) -> Vec<String> {
    let prose = prose(text);
    let runs = prose.split(|c: char| !(c.is_ascii_alphanumeric() || " _.-/'".contains(c)));
    let words = |run: &str| -> Vec<String> {
        run.split(' ')
            .filter(|word| word.contains(|c: char| c.is_ascii_alphabetic()))
            .map(str::to_owned)
            .collect()
    };
    runs.map(words).max_by_key(Vec::len).unwrap_or_default()
}

/// The numbers in a text, sorted, but for those up to three, which English says in words (`once`,
/// `three requests`).
fn numbers(text: &str) -> Vec<u64> {
    let digits = text.split(|c: char| !c.is_ascii_digit());
    let mut numbers: Vec<u64> = digits
        .filter_map(|digits| digits.parse().ok())
        .filter(|number| *number > 3)
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// Ways to make a record that nobody should believe.
const DOUBTFUL: &[fn(&mut CellRecord)] = &[
    |record| record.format = 99,
    |record| record.capture = None,
    |record| drop(record.capture.as_mut().unwrap().points.pop()),
    |record| record.capture.as_mut().unwrap().points[0].dropped = 3,
    |record| record.capture.as_mut().unwrap().points[0].first_sentinel = false,
    |record| record.capture.as_mut().unwrap().points[0].last_sentinel = false,
    |record| drop(record.plan.steps.pop()),
    |record| record.steps[0].outcome = StepOutcome::NotReached,
    |record| record.steps[0].outcome = StepOutcome::Unfinished,
    |record| record.steps[0].outcome = StepOutcome::ClientFailed,
    |record| {
        record
            .steps
            .iter_mut()
            .for_each(|step| step.outcome = StepOutcome::Done { proof: "".into() })
    },
    |record| {
        let reason = "the mysqld runs".into();
        record.steps[0].at_end = Some(lvs_matrix_model::record::AtEnd::Gone { reason });
    },
    |record| record.client_events.reverse(),
    |record| drop(record.client_events.pop()),
    |record| record.ended = lvs_matrix_model::duration::Instant(1),
    |record| {
        record
            .server_views
            .iter_mut()
            .for_each(|view| view.server_id += 100)
    },
    |record| record.client_events.clear(),
    |record| record.steps.iter_mut().for_each(|step| step.operation = None),
    |record| {
        record
            .steps
            .iter_mut()
            .for_each(|step| step.outcome = StepOutcome::NotReached)
    },
    |record| record.plan.observe.patience = std::time::Duration::from_secs(1_000_000),
];

/// Also, the forms by which they are known are those that the judge uses.
#[test]
fn doubts_are_chinese() {
    let mut said = BTreeSet::new();
    for id in [
        "config-change/absent_up_execute-sql_0",
        "config-change/present_up_new-connection_0",
    ] {
        let bytes = fs::read(kept().join(id).join(CAPTURE_FILE)).unwrap();
        for damage in DOUBTFUL {
            let mut record = stored(id).record;
            damage(&mut record);
            let cell = judged(record, Some(&bytes));
            let (english, chinese) = (explain(&cell), explain_in(Language::Chinese, &cell));
            let (Status::Undetermined { reasons: english }, Status::Undetermined { reasons: chinese }) =
                (english.status, chinese.status)
            else {
                // Not every cell has what is damaged.
                continue;
            };
            for (english, chinese) in english.iter().zip(&chinese) {
                assert!(
                    longest_run_of_words(chinese).len() <= NAME && chinese.contains(is_chinese),
                    "{english}: {chinese}"
                );
            }
            said.extend(english);
        }
    }
    assert!(said.len() > 20, "{said:#?}");
}

/// Pages are Chinese but for the author's claim, names, and what others said or printed: messages stand in
/// quotation marks, code between backticks and in blocks.
#[test]
fn every_stored_page_is_chinese() {
    let summary: RunSummary = serde_json::from_slice(&fs::read(run().join("run.json")).unwrap()).unwrap();
    let scenarios = || summary.scenarios.iter();
    let titles = scenarios().filter_map(|one| Some(one.source.as_ref()?.title.clone()));
    let claims: Vec<String> = scenarios().map(|one| one.claim.clone()).chain(titles).collect();
    let report = RunReport::new(summary, all(), Vec::new()).in_language(Language::Chinese);
    for cell in report.cells() {
        let left = english_left(&markdown_cell(&report, cell), &claims);
        assert_eq!(left, None, "{}", cell.record.plan.cell);
    }
    let english = report.in_language(Language::English);
    for cell in english.cells() {
        let left = english_left(&markdown_cell(&english, cell), &claims);
        assert!(left.is_some(), "{}", cell.record.plan.cell);
    }
}

/// The first line of a page that has an English sentence outside all that.
fn english_left(page: &str, claims: &[String]) -> Option<String> {
    let mut block = false;
    let mut lines = page.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        block ^= fence;
        !fence && !block
    });
    let line = lines.find(|line| {
        let plain = line.replace('\\', "");
        let ours: String = plain
            .split('“')
            .map(|part| part.split_once('”').map_or(part, |(_, rest)| rest))
            .collect();
        !claims.iter().any(|claim| plain.contains(claim.as_str())) && longest_run_of_words(&ours).len() > NAME
    });
    line.map(str::to_owned)
}

#[test]
fn an_english_sentence_is_found() {
    assert_eq!(longest_run_of_words("以 ICMP port unreachable 应答").len(), NAME);
    assert_eq!(
        longest_run_of_words("客户端 was answered by `select 1 as one` rs1").len(),
        3
    );
    assert!(longest_run_of_words("（The client's SYN was lost）").len() > NAME);
    assert_ne!(numbers("packet 17, at 2.5s"), numbers("数据包 17，在 2s 时"));
}
