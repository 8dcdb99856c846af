//! Reports of a run: values in, text out. Nothing here judges, reads a file or looks at a clock, so the same
//! records give the same reports to the byte, today and in a year, with no privilege at all.
//!
//! ```text
//! run.json ─▶ RunSummary ┐
//!                        ├─▶ RunReport ─▶ markdown │ html │ json │ junit │ terminal
//! records ──▶ JudgedCell ┘     (markdown: a page for the run, and one for each cell)
//! ```
//!
//! What a cell's page holds is built once (`cell`), as `blocks`, which markdown and HTML print.
//! Two things keep the forms in step: the crate `lvs-matrix-language` holds the only printer of expectations,
//! observations and evidence, and the module `escape` the only way for foreign text (server messages, SQL,
//! console lines) into a report.

mod annotations;
mod blocks;
mod catalogue;
mod causes;
mod cell;
mod count;
mod diff;
mod error;
mod escape;
mod events;
mod exploration;
mod html;
mod invocation;
mod json;
mod junit;
mod kernels;
mod ladder;
mod markdown;
mod overview;
mod packet;
mod part;
mod plain;
mod repeat;
mod row;
mod run;
mod schedule;
mod schema;
mod stamp;
mod svg;
mod terminal;
mod timeline;
mod totals;
mod view;

pub use annotations::annotations;
pub use catalogue::{CataloguedRun, catalogue_file, catalogue_html, catalogue_markdown, scenario_file};
pub use diff::{Aspect, DIFF_FORMAT, DiffOutcome, NamedRun, RunDiff, Tolerance};
pub use error::ReportError;
pub use events::{CellMilestone, EVENTS_FORMAT, RunEvent, event_line};
pub use exploration::{Again, Exploration, Found, Knowledge, exploration_html, exploration_markdown};
pub use html::html;
pub use invocation::{INVOCATION_FILE, INVOCATION_FORMAT, Invocation};
pub use json::{FORMAT, json};
pub use junit::junit;
pub use ladder::{ladder_mermaid, ladder_svg};
pub use lvs_matrix_language::phrasing::expectation;
pub use lvs_matrix_language::{Language, UnknownLanguage, plural};
pub use markdown::{Pages, markdown, markdown_cell, summary};
pub use part::{DealtBy, Part, Partition};
pub use plain::{explanation, plain};
pub use row::MissingCell;
pub use run::{
    AxisSummary, DryReport, ExpectationPlace, HTML_FILE, KernelSummary, REPORT_FILE, RUN_FILE, RUN_FORMAT,
    RunReport, RunState, RunSummary, ScenarioSummary, capture_path, cell_report_path, record_path,
};
pub use schedule::{ArticleSending, Schedule, ScheduleRow, Sending, schedule, schedule_svg};
pub use schema::{diff_schema, events_schema, record_schema, report_schema};
pub use svg::{stand_alone, style as svg_style};
pub use terminal::{terminal, terminal_coloured};
pub use timeline::{cell_timeline_svg, timeline_svg};
pub use totals::Totals;
