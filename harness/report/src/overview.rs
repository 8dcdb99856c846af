//! What the page of a run holds, made once for every form: what needs a look, where clients were left
//! waiting, the sums, the table of each scenario, where the cells ran, and how to read all that.
//!
//! What grows with what went wrong is bounded, so that a run in which everything went wrong can still be
//! opened.

use crate::blocks::{Block, Cell, Column, Folded, Row as Line, Section, Statement, Table};
use crate::blocks::{beyond, code, foreign, link, phrase, prose, strong, tag};
use crate::causes::{Cause, Found};
use crate::escape::cut;
use crate::repeat;
use crate::row::{Merged, Row};
use crate::run::{RunReport, ScenarioSummary};
use crate::totals::{Totals, nobody_waited};
use crate::view::{Lies, View};
use lvs_matrix_language::{CELL, Language, Length, Noun, RUN, Word, phrasing};
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::matrix::{CellRef, FIRST};
use lvs_matrix_model::verdict::{JudgedCell, Verdict};

/// The longest text of others in the page of a run, in characters. Cells' pages have it whole.
pub(crate) const LONGEST: usize = 400;
/// What reached a client may be many things; a cell of a table holds the first of them.
const LONGEST_ENDINGS: usize = 120;
/// A claim is a sentence or two; what is longer is cut off.
const LONGEST_CLAIM: usize = 2000;
/// So many cells of a kind are listed with their reasons.
const LISTED: usize = 100;
/// So many cells are listed in which a client was left waiting; the tables have all of them.
const LISTED_AS_WAITING: usize = 40;
/// So many of these are listed at once; the others are folded, so that the tables stay near.
const OPEN: usize = 8;

/// What is to be said below the one sentence on the run.
pub(crate) fn notes(words: Language, report: &RunReport) -> Vec<Block> {
    let dry = report.dry().iter();
    let dry = dry.map(|dry| strong(&prose(&cut(&dry.line(), 2 * LONGEST))));
    let filter = report.run().filter.iter();
    let filter = filter.map(|filter| words.only_selected(code(&cut(filter, LONGEST))));
    let part = report.run().part.iter();
    let part = part.map(|part| words.only_part(code(&part.partition.to_string()), code("lvs-matrix merge")));
    dry.chain(filter).chain(part).map(Block::Note).collect()
}

/// So many causes are listed; `report.json` has all of them.
const LISTED_AS_CAUSES: usize = 40;
/// So many kinds of advice are named for a cause.
const NAMED: usize = 8;

/// What was found: each cause with its cells and what avoids it, then each piece of advice once; `None` if no
/// client hung or failed.
pub(crate) fn found(view: View<'_>, report: &RunReport, found: &Found<'_>) -> Option<Section> {
    let words = view.words;
    let (hung, failed) = found.counts();
    let noun = if report.repetitions() > 1 { RUN } else { CELL };
    let all = words.count(found.answered + hung + failed, noun);
    let mut blocks = vec![Block::paragraph(words.how_clients_fared(
        all,
        found.answered,
        failed,
        hung,
    ))];
    let mut items: Vec<Statement> = found
        .causes
        .iter()
        .take(LISTED_AS_CAUSES)
        .map(|one| Statement::from(cause(view, noun, one)))
        .collect();
    let more = beyond(LISTED_AS_CAUSES, found.causes.len());
    items.extend(more.map(|more| Statement::from(words.more_causes_in(more, code("report.json")))));
    blocks.extend(Block::folded_list(items, OPEN, || {
        words.more_causes(found.causes.len() - OPEN)
    }));
    if !found.advice.is_empty() {
        blocks.push(Block::Heading(words.what_avoids_it().to_owned()));
        let advice = found.advice.iter().map(|advice| {
            let text = words.in_so_many(prose(advice.text()), words.count(advice.cells, noun));
            (code(advice.kind), text)
        });
        blocks.push(Block::Facts(advice.collect()));
        blocks.push(Block::Note(words.advice_of_one_cell().to_owned()));
    }
    let section = Section {
        id: "causes",
        class: "found",
        ..Section::new(words.what_was_found(), blocks)
    };
    (!found.causes.is_empty()).then_some(section)
}

/// A cause in a few sentences: how many cells, why, one of them, and what avoids it.
fn cause(view: View<'_>, noun: Noun, cause: &Cause<'_>) -> String {
    let words = view.words;
    let count = words.count(cause.cells.len(), noun);
    let (class, said) = if cause.hung {
        ("b-hung", words.cells_hung(count))
    } else {
        ("b-failed-fast", words.cells_failed_fast(count))
    };
    let counted = view.cells_of_cause(&tag(class, &strong(&said)), &cause.key());
    let mut sentences = vec![words.keyed(counted, prose(&cause.why(words)))];
    if let Some(first) = cause.cells.first() {
        let observed = phrasing::observed(words, first);
        let cell = view.cell(&first.record.plan.cell);
        sentences.push(words.for_example(cell, foreign(&cut(&observed, LONGEST))));
    }
    if !cause.advice.is_empty() {
        let all = cause.cells.len();
        let kinds = cause.advice.iter().take(NAMED).map(|(kind, cells)| {
            if *cells == all {
                code(kind)
            } else {
                words.in_so_many(code(kind), words.part_of(cells, all))
            }
        });
        let kinds: Vec<String> = kinds.collect();
        sentences.push(words.avoided_by(kinds.join(words.listed())));
    }
    sentences.join(words.after_sentence())
}

/// What needs a look: what may be another way tomorrow, what is not as expected, then what is not known. Each
/// line is a marked text, with the cell that it is about if that cell was judged.
pub(crate) fn needing_a_look<'a>(
    view: View<'_>,
    report: &'a RunReport,
) -> Vec<(String, Option<&'a JudgedCell>)> {
    let words = view.words;
    let line = |class: &str, word: &str, cell: String, text: &str| {
        let text = words.keyed(cell, phrase(&cut(text, LONGEST)));
        format!("{} {text}", tag(&format!("v-{class}"), word))
    };
    let more = |count: usize| beyond(LISTED, count).map(|more| (words.more_in_tables(more), None));
    let mut lines = Vec::new();
    let disagreements = report.disagreements();
    lines.extend(disagreements.iter().take(LISTED).map(|disagreement| {
        let outcomes = repeat::outcomes(words, disagreement).join(words.clauses());
        let (cell, word) = (view.cell(&disagreement.cell), words.repetitions_disagree());
        (line("disagreeing", word, cell, &outcomes), None)
    }));
    lines.extend(more(disagreements.len()));
    let judged: Vec<&JudgedCell> = report.needing_a_look().collect();
    lines.extend(judged.iter().take(LISTED).map(|cell| {
        let reasons = phrasing::reasons(words, cell).join(words.clauses());
        let (class, word) = (
            verdict_class(&cell.verdict),
            phrasing::verdict(words, &cell.verdict),
        );
        let place = view.cell(&cell.record.plan.cell);
        (line(class, word, place, &reasons), Some(*cell))
    }));
    lines.extend(more(judged.len()));
    let missing = report.missing();
    lines.extend(missing.iter().take(LISTED).map(|missing| {
        let place = view.missing(&missing.cell.to_string(), &missing.cell);
        let reason = phrasing::missing(words, &missing.reason);
        (line("missing", words.no_record(), place, &reason), None)
    }));
    lines.extend(more(missing.len()));
    lines
}

/// The article's NG cells, the list that an operator came for, and the cells in it; `None` if no cell was
/// judged.
pub(crate) fn left_waiting<'a>(
    view: View<'_>,
    report: &'a RunReport,
) -> Option<(Section, Vec<&'a JudgedCell>)> {
    let words = view.words;
    let waiting: Vec<&JudgedCell> = report.cells().iter().filter(|cell| cell.left_waiting()).collect();
    let mut items: Vec<Statement> = waiting
        .iter()
        .take(LISTED_AS_WAITING)
        .map(|cell| {
            let observed = phrasing::observed(words, cell);
            let observed = foreign(&cut(&observed, LONGEST));
            Statement::from(words.keyed(view.cell(&cell.record.plan.cell), observed))
        })
        .collect();
    let more = beyond(LISTED_AS_WAITING, waiting.len());
    items.extend(more.map(|more| Statement::from(words.more_with_ng(more))));
    let mut blocks = Block::folded_list(items, OPEN, || words.and_more(waiting.len() - OPEN));
    if blocks.is_empty() {
        blocks.push(Block::paragraph(nobody_waited(words, report)));
    }
    let section = Section {
        id: "waiting",
        ..Section::new(words.where_left_waiting(), blocks)
    };
    (!report.cells().is_empty()).then_some((section, waiting))
}

/// A column of the table of sums.
type Sum = (Word, fn(&Totals) -> usize);

/// What was run, scenario by scenario.
pub(crate) fn sums(view: View<'_>, report: &RunReport) -> Section {
    const SUMS: [Sum; 8] = [
        (Language::met, |sums| sums.met),
        (Language::violated, |sums| sums.violated),
        (Language::tested_nothing, |sums| sums.tested_nothing),
        (Language::undetermined, |sums| sums.undetermined),
        (Language::observed_only, |sums| sums.observed_only),
        (Language::without_a_record, |sums| sums.missing),
        (|_| "OK", |sums| sums.ok),
        (|_| "NG", |sums| sums.ng),
    ];
    let words = view.words;
    let all = Totals::of(report);
    // A page of zeros hides the figures that are not.
    let shown: Vec<&Sum> = SUMS.iter().filter(|(_, count)| count(&all) > 0).collect();
    let times = report.repetitions();
    let row = |name: String, expected: usize, sums: &Totals| {
        let own = sums.cells / times;
        let mut cells = if own == expected {
            own.to_string()
        } else {
            words.part_of(own, expected)
        };
        if times > 1 {
            cells += &format!(" × {times}");
        }
        let counts = shown.iter().map(|(_, count)| Cell::Count(count(sums)));
        Line::of(
            [Cell::Head(name), Cell::Text(cells)]
                .into_iter()
                .chain(counts)
                .collect(),
        )
    };
    let scenarios = &report.run().scenarios;
    let mut rows: Vec<Line> = scenarios
        .iter()
        .map(|scenario| {
            let sums = Totals::of_rows(report.all_rows(&scenario.name));
            let expected = scenario.cell_count() * report.run().kernels.len().max(1);
            row(view.section(&scenario.name), expected, &sums)
        })
        .collect();
    if scenarios.len() > 1 {
        rows.push(row(words.all().to_owned(), all.cells / times, &all));
    }
    let titles = [(words.scenario(), false), (words.cells(), true)].into_iter();
    let titles = titles.chain(shown.iter().map(|(title, _)| (title(words), true)));
    let table = Table::new(words.sums_of_scenarios(), "sums", titles, rows);
    Section {
        id: "run",
        ..Section::new(words.what_was_run(), vec![Block::Table(table)])
    }
}

/// How the run was called, and where the cells ran. More than a few places do not come from one run, and each
/// cell's page has its own.
pub(crate) fn places(words: Language, report: &RunReport) -> Vec<Block> {
    let invocation = report.invocation().into_iter();
    let mut blocks: Vec<Block> = invocation.map(|invocation| invocation.block(words)).collect();
    blocks.extend(environments(words, report));
    blocks
}

/// Where the cells ran.
pub(crate) fn environments(words: Language, report: &RunReport) -> Vec<Block> {
    let environments = report.environments();
    let mut blocks = Vec::new();
    for (environment, count) in environments.iter().take(8) {
        if environments.len() > 1 {
            blocks.push(Block::paragraph(words.heads(words.count(*count, CELL))));
        }
        blocks.push(Block::Facts(crate::cell::environment(words, environment)));
    }
    blocks
}

/// How to read the page, folded: it stands at the top, where it is looked for.
pub(crate) fn legend(view: View<'_>) -> Block {
    let words = view.words;
    let mut behaviour = words.meaning_of_behaviour().to_owned();
    let mut keys = None;
    match view.lies {
        Lies::InTheFolder => behaviour = [&behaviour, words.link_to_page()].join(words.after_sentence()),
        Lies::InTheFile => keys = Some((words.keys(), words.meaning_of_keys().to_owned())),
        Lies::Elsewhere | Lies::AmongPages { .. } => {}
    }
    let terms = [
        (words.behaviour(), behaviour),
        (words.time(), words.meaning_of_time().to_owned()),
        (words.error(), words.meaning_of_error().to_owned()),
        (words.server(), words.meaning_of_server().to_owned()),
        (words.ended_or_refused_by(), words.meaning_of_ending().to_owned()),
        (words.ok_ng(), words.meaning_of_ok_ng().to_owned()),
        (words.verdict(), words.meaning_of_verdict().to_owned()),
        (words.packets_and_times(), words.meaning_of_packets(words.epoch())),
    ];
    let terms = terms.into_iter().chain(keys);
    let terms = terms.map(|(term, meaning)| (term.to_owned(), meaning));
    Block::Folded(Folded {
        id: "legend".to_owned(),
        class: "legend",
        summary: words.how_to_read().to_owned(),
        in_markdown: true,
        blocks: vec![Block::Facts(terms.collect())],
        ..Folded::default()
    })
}

/// The claim of a scenario, as a quotation.
pub(crate) fn claim(words: Language, scenario: &ScenarioSummary) -> Block {
    let claim = cut(scenario.claim_in(words).trim(), LONGEST_CLAIM);
    Block::Quote(claim.lines().map(foreign).collect())
}

/// The claim as the end of a line.
pub(crate) fn claim_in_a_line(words: Language, scenario: &ScenarioSummary) -> String {
    let parts: Vec<&str> = scenario.claim_in(words).split_whitespace().collect();
    foreign(&cut(&parts.join(" "), LONGEST_CLAIM))
}

/// What the scenario reproduces, with a link to it, if its author says so.
pub(crate) fn source(words: Language, scenario: &ScenarioSummary) -> Option<String> {
    source_link(scenario).map(|source| words.reproduces(source))
}

/// The title of what the scenario reproduces, as a link to it, if its author says so.
pub(crate) fn source_link(scenario: &ScenarioSummary) -> Option<String> {
    let source = scenario.source.as_ref()?;
    let title = foreign(&cut(source.title.trim(), LONGEST));
    Some(link(source.url.as_str(), &title))
}

/// How the cells of a scenario are watched.
pub(crate) fn watched(words: Language, scenario: &ScenarioSummary) -> String {
    words.watched(Human(scenario.observe.patience), Human(scenario.observe.until))
}

/// The article's table of a scenario: the axes, then what was observed, then what it means. A row for each of
/// `rows`.
pub(crate) fn cells(view: View<'_>, scenario: &ScenarioSummary, rows: &[Merged<'_>]) -> Table {
    let words = view.words;
    let repeated = rows.iter().any(|row| row.row.cell().repetition != FIRST);
    let on_kernels = rows.iter().any(|row| !row.kernels.is_empty());
    let of_axis = |title: String, axis: String| Column {
        title,
        numbers: false,
        axis,
    };
    let axes = scenario.axes.iter();
    let axes = axes.map(|axis| of_axis(axis.name.to_string(), axis.name.to_string()));
    // No axis has these names: names have no `@`.
    let kernel = on_kernels.then(|| of_axis(words.kernel_axis().to_owned(), "@kernel".to_owned()));
    let run = repeated.then(|| of_axis(words.run_axis().to_owned(), "@run".to_owned()));
    let titles = [
        words.behaviour(),
        words.time(),
        words.error(),
        words.server(),
        words.ended_or_refused_by(),
        words.retransmissions(),
        words.ok_ng(),
        words.expected(),
        words.verdict(),
    ];
    let titles = titles.into_iter().map(|title| Column::from((title, false)));
    let row = |merged: &Merged<'_>| {
        let row = merged.row;
        let cell = row.cell();
        let mut cells: Vec<String> = cell.values.iter().map(|(_, value)| value.to_string()).collect();
        cells.extend(on_kernels.then(|| merged.kernels(words)));
        cells.extend(repeated.then(|| cell.repetition.to_string()));
        match row {
            Row::Judged(judged) => cells.extend(outcome(view, judged)),
            Row::Missing(_) => cells.extend(no_record(view, cell)),
        }
        Line::of(cells.into_iter().map(Cell::Text).collect())
    };
    Table {
        name: words.cells_of(&scenario.name),
        class: "cells",
        columns: axes.chain(kernel).chain(run).chain(titles).collect(),
        rows: rows.iter().map(row).collect(),
    }
}

fn outcome(view: View<'_>, cell: &JudgedCell) -> [String; 9] {
    let (observed, words) = (&cell.observed, view.words);
    let nothing = || phrasing::NOTHING.to_owned();
    let behaviour = phrasing::behaviour(words, &observed.behaviour);
    let verdict = format!("v-{}", verdict_class(&cell.verdict));
    [
        view.link(
            &tag(&format!("b-{}", behaviour_class(cell)), &behaviour),
            &cell.record.plan.cell,
        ),
        Length::of(cell).map_or_else(nothing, |length| phrasing::length(words, length)),
        foreign(&cut(&phrasing::error_and_besides(words, cell), LONGEST)),
        served_by(cell).unwrap_or_else(nothing),
        cut(
            &phrasing::terminators(words, &observed.terminators),
            LONGEST_ENDINGS,
        )
        .into_owned(),
        phrasing::retransmissions(words, &observed.retransmissions)
            .map_or_else(nothing, |_| observed.retransmissions.count.to_string()),
        phrasing::article(cell.article()).to_owned(),
        phrasing::expected(words, &cell.record.plan.expected),
        tag(&verdict, phrasing::verdict(words, &cell.verdict)),
    ]
}

/// Which host had the connection that was judged, or took the connect.
pub(crate) fn served_by(cell: &JudgedCell) -> Option<String> {
    let operation = cell.observed.operation.as_ref()?;
    operation.served_by.as_ref().map(ToString::to_string)
}

fn no_record(view: View<'_>, cell: &CellRef) -> [String; 9] {
    let mut cells: [String; 9] = std::array::from_fn(|_| phrasing::NOTHING.to_owned());
    let [behaviour, .., verdict] = &mut cells;
    *behaviour = view.missing(&tag("b-undetermined", view.words.no_record()), cell);
    *verdict = tag("v-missing", view.words.undetermined());
    cells
}

/// A verdict's name in the style sheet.
pub(crate) fn verdict_class(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "met",
        Verdict::ObservedOnly => "observed",
        Verdict::TestedNothing { .. } => "untested",
        Verdict::Violated { .. } => "violated",
        Verdict::Undetermined { .. } => "undetermined",
    }
}

/// `answered`, `failed-fast`, `hung`, `undetermined`: a behaviour's name in the style sheet and in the
/// filter.
pub(crate) fn behaviour_class(cell: &JudgedCell) -> &'static str {
    let name = cell.observed.behaviour.name();
    name.map_or(phrasing::UNDETERMINED, |name| name.as_str())
}
