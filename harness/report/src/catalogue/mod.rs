//! The catalogue: what happens if. For each change that the cells of runs made, what each kind of client got,
//! with which settings, on which kernels, and which settings helped.
//!
//! ```text
//! JudgedCell ─▶ case::Case ─▶ gathered::Change ─▶ blocks ─▶ markdown │ HTML
//! ```

mod case;
mod gathered;

use crate::blocks::html::Printer;
use crate::blocks::{Block, Cell, Folded, Row, Section, Statement, Table, code, foreign, link, markdown};
use crate::blocks::{phrase, strong, tag};
use crate::escape::xml;
use crate::html::{page_end, scripted_head};
use crate::overview;
use crate::row::listed_texts;
use crate::run::RunReport;
use crate::view::page_of_scenario;
use case::{Case, Chapter};
use gathered::{Change, Help, Line, gathered};
use lvs_matrix_language::{CELL, CHANGE, Language, phrasing};
use lvs_matrix_model::Name;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::matrix::Line as KernelLine;
use std::collections::BTreeSet;
use std::fmt::{Result, Write as _};

/// The script of the page: its search.
const SCRIPT: &str = include_str!("search.js");

/// The file of the catalogue for the browser in this language; they lie beside each other.
#[must_use]
pub fn catalogue_file(words: Language) -> &'static str {
    match words {
        Language::English => "index.html",
        Language::Chinese => "index.zh.html",
    }
}

/// The file of a scenario's report for the browser in this language, in the folder of its run's pages.
#[must_use]
pub fn scenario_file(words: Language, scenario: &Name) -> String {
    match words {
        Language::English => format!("{scenario}.html"),
        Language::Chinese => format!("{scenario}.zh.html"),
    }
}

/// A run of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct CataloguedRun<'a> {
    /// Its cells.
    pub report: &'a RunReport,
    /// The folder of its pages, relative to the catalogue: one for each scenario, as [`crate::Pages`] names
    /// them for the catalogue in markdown, and as [`scenario_file`] does for that in HTML.
    pub pages: &'a str,
}

/// The catalogue as markdown, ending with a newline.
#[must_use]
pub fn catalogue_markdown(words: Language, runs: &[CataloguedRun<'_>]) -> String {
    let page = |pages: &str, name: &Name| format!("{pages}/{}", page_of_scenario(name));
    markdown::whole(|out| as_markdown(out, words, &sections(words, runs, &page)))
}

/// The catalogue as one HTML file, ending with a newline. It can be searched, and asks for nothing.
#[must_use]
pub fn catalogue_html(words: Language, runs: &[CataloguedRun<'_>]) -> String {
    let page = |pages: &str, name: &Name| format!("{pages}/{}", scenario_file(words, name));
    let mut out = String::new();
    let _ = as_html(&mut out, words, &sections(words, runs, &page));
    out
}

/// Where the page of a scenario is, of a run whose pages are in this folder.
type PageOf<'a> = &'a dyn Fn(&str, &Name) -> String;

/// What is above the chapters, and the chapters.
struct Contents {
    top: Vec<Block>,
    chapters: Vec<Section>,
}

fn sections(words: Language, runs: &[CataloguedRun<'_>], page: PageOf<'_>) -> Contents {
    let all = runs
        .iter()
        .flat_map(|run| run.report.cells().iter().map(|cell| (cell, run.pages)));
    let total = all.clone().count();
    let cases: Vec<Case<'_>> = all
        .filter_map(|(cell, pages)| Case::of(words, cell, pages))
        .collect();
    let changes = gathered(words, &cases);
    let mut top = vec![
        Block::paragraph(
            words.happens_intro(words.count(cases.len(), CELL), words.count(changes.len(), CHANGE)),
        ),
        Block::Note(words.happens_reading().to_owned()),
        Block::Note(words.happens_left_out(words.count(total.saturating_sub(cases.len()), CELL))),
    ];
    let missing: usize = runs.iter().map(|run| run.report.missing().len()).sum();
    if missing > 0 {
        top.push(Block::Note(strong(
            &words.happens_missing(words.count(missing, CELL)),
        )));
    }
    let mut chapters: Vec<Section> = Chapter::ALL
        .into_iter()
        .filter_map(|chapter| {
            let own = changes.iter().filter(|change| change.chapter == chapter);
            let blocks: Vec<Block> = own.map(|change| block(words, change, page)).collect();
            (!blocks.is_empty()).then(|| titled(chapter.title(words), chapter.anchor(), blocks))
        })
        .collect();
    chapters.extend(incidents(words, runs, page));
    let mut places = Vec::new();
    for run in runs {
        if runs.len() > 1 {
            places.push(Block::Heading(foreign(run.pages)));
        }
        places.extend(overview::environments(words, run.report));
    }
    chapters.push(titled(words.chapter_places(), "places", places));
    Contents { top, chapters }
}

/// So many steps of a change are told.
const STEPS: usize = 6;

fn block(words: Language, change: &Change<'_>, page: PageOf<'_>) -> Block {
    let mut steps: Vec<String> = change.steps.iter().take(STEPS).map(|step| phrase(step)).collect();
    let more = change.steps.len().saturating_sub(STEPS);
    if more > 0 {
        steps.push(words.more_steps(more));
    }
    let columns = [
        (words.column_client(), false),
        (words.column_gets(), false),
        (words.column_longest(), true),
        (words.column_where(), false),
        (words.column_seen_on(), false),
        (words.column_helps(), false),
        (words.column_scenarios(), false),
    ];
    let rows = change.lines.iter().map(|line| row(words, line, page)).collect();
    let table = Table::new(words.what_happens_if(), "catalogue", columns, rows);
    Block::Folded(Folded {
        class: "change",
        summary: strong(&steps.join(words.clauses())),
        open: true,
        blocks: vec![Block::Table(table)],
        ..Folded::default()
    })
}

fn row(words: Language, line: &Line<'_>, page: PageOf<'_>) -> Row {
    let longest = line.cases.iter().map(|case| case.time()).max();
    let longest = longest.unwrap_or_default();
    let first = line.cases.first();
    let class = first.map_or("", |case| overview::behaviour_class(case.cell));
    let scenarios = line.scenarios().into_iter().map(|(pages, name, count)| {
        let to = link(&page(pages, name), name.as_str());
        format!("{to} ({count})")
    });
    Row::of(vec![
        Cell::Head(line.kind.words(words)),
        Cell::Text(tag(class, &line.result) + &errors(words, line)),
        Cell::Text(foreign(&Human(longest).to_string())),
        Cell::Text(apart(words, line)),
        Cell::Text(seen_on(words, line)),
        Cell::Text(helps(words, &line.helps)),
        Cell::Text(listed_texts(words, scenarios)),
    ])
}

/// `family=ipv6`; of a host `director net.ipv4.vs.expire_nodest_conn=1`.
fn setting((key, value): &(String, String)) -> String {
    let text = match key.split_once("-sysctls ") {
        Some((host, name)) => format!("{host} {name}={value}"),
        None => format!("{key}={value}"),
    };
    code(&text)
}

fn of_settings(words: Language, settings: &[(String, String)]) -> String {
    listed_texts(words, settings.iter().map(setting))
}

/// The methods, families, protocols and kernels of these cells.
fn seen_on(words: Language, line: &Line<'_>) -> String {
    let [methods, families] = ["forwarding", "family"].map(|key| line.values(key));
    let own = methods.into_iter().chain(families).map(foreign);
    let kernels: BTreeSet<KernelLine> = line.cases.iter().filter_map(|case| case.kernel).collect();
    let kernels = listed_texts(words, kernels.iter().map(ToString::to_string));
    listed_texts(words, own.chain([words.of_kernels(kernels)]))
}

/// So many errors are told, and so many settings that set cells apart.
const MOST: usize = 3;

fn errors(words: Language, line: &Line<'_>) -> String {
    let told = line.errors.iter().take(MOST).map(|error| foreign(error));
    let told = listed_texts(words, told);
    if told.is_empty() {
        told
    } else {
        words.in_brackets(told)
    }
}

fn apart(words: Language, line: &Line<'_>) -> String {
    let told = line.apart.iter().take(MOST).map(|apart| {
        let all = line.cases.len();
        words.set_apart_by(
            setting(&apart.setting),
            apart.here,
            all,
            apart.elsewhere,
            apart.others,
        )
    });
    phrasing::or_nothing(told.collect::<Vec<_>>().join(words.clauses()))
}

/// So many settings that help are told.
const HELPS: usize = 3;

fn helps(words: Language, helps: &[Help]) -> String {
    let told = helps.iter().take(HELPS).map(|help| {
        let settings = of_settings(words, &help.settings);
        words.helped_in(settings, &help.result, help.helped, help.of)
    });
    phrasing::or_nothing(told.collect::<Vec<_>>().join(words.clauses()))
}

/// The incidents that scenarios reproduce.
fn incidents(words: Language, runs: &[CataloguedRun<'_>], page: PageOf<'_>) -> Option<Section> {
    let mut known: Vec<(String, Vec<String>)> = Vec::new();
    for run in runs {
        for scenario in &run.report.run().scenarios {
            let Some(source) = overview::source_link(scenario) else {
                continue;
            };
            let to = link(&page(run.pages, &scenario.name), scenario.name.as_str());
            match known.iter_mut().find(|(one, _)| *one == source) {
                Some((_, scenarios)) if scenarios.contains(&to) => {}
                Some((_, scenarios)) => scenarios.push(to),
                None => known.push((source, vec![to])),
            }
        }
    }
    let items: Vec<Statement> = known
        .iter()
        .map(|(source, scenarios)| {
            words
                .incident_of(source, listed_texts(words, scenarios.clone()))
                .into()
        })
        .collect();
    let blocks = vec![Block::List(items)];
    (!known.is_empty()).then(|| titled(words.chapter_incidents(), "incidents", blocks))
}

fn titled(title: &'static str, id: &'static str, blocks: Vec<Block>) -> Section {
    Section {
        id,
        ..Section::new(title, blocks)
    }
}

fn as_markdown(out: &mut String, words: Language, contents: &Contents) -> Result {
    writeln!(out, "# {}\n", words.what_happens_if())?;
    markdown::blocks(out, words, &contents.top)?;
    for chapter in &contents.chapters {
        markdown::section(out, words, chapter)?;
    }
    Ok(())
}

fn as_html(out: &mut String, words: Language, contents: &Contents) -> Result {
    let title = words.what_happens_if();
    scripted_head(out, words, &xml(title), SCRIPT)?;
    writeln!(
        out,
        "<main class=\"catalogue\">\n<h1>{}</h1>\n<p class=\"note\">",
        xml(title)
    )?;
    for other in Language::ALL.into_iter().filter(|other| *other != words) {
        writeln!(
            out,
            "<a href=\"{}\" hreflang=\"{}\">{}</a>",
            catalogue_file(other),
            other.tag(),
            xml(other.own_name())
        )?;
    }
    out.push_str("</p>\n");
    let printer = Printer::of_run(words);
    printer.blocks(out, &contents.top)?;
    writeln!(
        out,
        "<form class=\"search scripted\" role=\"search\">\n<label for=\"search\">{0}</label>\n\
         <input type=\"search\" id=\"search\" placeholder=\"{0}\" autocomplete=\"off\" \
         spellcheck=\"false\">\n\
         </form>\n<p class=\"note\" role=\"status\" id=\"none\" hidden>{1}</p>",
        xml(words.happens_search()),
        xml(words.happens_none()),
    )?;
    for chapter in &contents.chapters {
        printer.section(out, Some(chapter))?;
    }
    out.push_str("</main>\n");
    page_end(out);
    Ok(())
}
