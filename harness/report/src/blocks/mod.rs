//! What a page holds, whatever its form: sections of paragraphs, lists, tables, code and drawings. Pages
//! are built once from the judged data ([`crate::overview`], [`crate::cell`]); [`markdown`] and [`html`]
//! print them.

pub(crate) mod html;
mod inline;
pub(crate) mod markdown;

pub(crate) use inline::{aside, code, foreign, link, phrase, prose, strong, tag};

use lvs_matrix_model::verdict::Citation;

/// A part of a page under a title.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// For the style sheet; may be empty.
    pub(crate) class: &'static str,
    /// The anchor of a part of a run's page; empty for a part of a cell's page.
    pub(crate) id: &'static str,
    pub(crate) blocks: Vec<Block>,
}

impl Section {
    pub(crate) fn new(title: &'static str, blocks: Vec<Block>) -> Self {
        Self {
            title,
            class: "",
            id: "",
            blocks,
        }
    }
}

/// What a section is made of. All texts are [inline texts](inline).
pub(crate) enum Block {
    /// One or more sentences, with what shows them.
    Paragraph(Statement),
    /// What the author of a scenario claims: a paragraph a line.
    Quote(Vec<String>),
    /// A sentence on how to read what follows.
    Note(String),
    /// A title within the section.
    Heading(String),
    /// A bulleted list.
    List(Vec<Statement>),
    /// A list of what the judge saw.
    Evidence(Vec<Statement>),
    /// Terms, each with what is said of it.
    Facts(Vec<(String, String)>),
    Table(Table),
    Code(Code),
    /// What is shown when somebody asks for it.
    Folded(Folded),
    /// Blocks that a wide page shows beside each other; its class for the style sheet.
    Beside(&'static str, Vec<Block>),
    /// A drawing with its name. Only HTML has it; the tables beside it say the same.
    Drawing {
        name: &'static str,
        svg: String,
    },
}

/// A text with what shows it.
pub(crate) struct Statement {
    pub(crate) text: String,
    pub(crate) shown_by: Vec<Citation>,
    /// In small type below it.
    pub(crate) note: Option<String>,
    /// What is cited elsewhere and shown here.
    pub(crate) place: Option<Citation>,
}

impl From<String> for Statement {
    fn from(text: String) -> Self {
        Self {
            text,
            shown_by: Vec::new(),
            note: None,
            place: None,
        }
    }
}

impl Block {
    /// A paragraph that cites nothing.
    pub(crate) fn paragraph(text: impl Into<String>) -> Self {
        Self::Paragraph(Statement::from(text.into()))
    }

    /// A list of which only so many items are shown at once; the others are folded under what `more` says.
    /// None without items.
    pub(crate) fn folded_list(
        mut items: Vec<Statement>,
        open: usize,
        more: impl FnOnce() -> String,
    ) -> Vec<Self> {
        let folded = items.split_off(items.len().min(open));
        let list = (!items.is_empty()).then_some(Self::List(items));
        let rest = (!folded.is_empty()).then(|| {
            Self::Folded(Folded {
                summary: more(),
                in_markdown: true,
                blocks: vec![Self::List(folded)],
                ..Folded::default()
            })
        });
        list.into_iter().chain(rest).collect()
    }
}

/// How many there are more than the `most` that are shown, if there are.
pub(crate) fn beyond(most: usize, count: usize) -> Option<usize> {
    count.checked_sub(most).filter(|more| *more > 0)
}

pub(crate) struct Table {
    /// What it is a table of, for who does not see it.
    pub(crate) name: String,
    pub(crate) class: &'static str,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
}

impl Table {
    /// A table with these titles; is the column one of numbers?
    pub(crate) fn new(
        name: impl Into<String>,
        class: &'static str,
        columns: impl IntoIterator<Item = (&'static str, bool)>,
        rows: Vec<Row>,
    ) -> Self {
        Self {
            name: name.into(),
            class,
            columns: columns.into_iter().map(Column::from).collect(),
            rows,
        }
    }
}

pub(crate) struct Column {
    pub(crate) title: String,
    /// Does it hold numbers?
    pub(crate) numbers: bool,
    /// The axis whose values it holds: for the page's script. May be empty.
    pub(crate) axis: String,
}

impl From<(&'static str, bool)> for Column {
    fn from((title, numbers): (&'static str, bool)) -> Self {
        Self::new(title.to_owned(), numbers)
    }
}

impl Column {
    /// A column that holds no axis; is it one of numbers?
    pub(crate) fn new(title: String, numbers: bool) -> Self {
        let axis = String::new();
        Self { title, numbers, axis }
    }
}

pub(crate) enum Row {
    Cells {
        class: &'static str,
        /// What is cited elsewhere and shown in this row.
        place: Option<Citation>,
        /// What the page's script knows of the row: names of attributes, with their values not escaped.
        data: Vec<(&'static str, String)>,
        cells: Vec<Cell>,
    },
    /// In place of rows that are not shown: a text that says how many.
    LeftOut(String),
}

impl Row {
    /// A row that nothing cites.
    pub(crate) fn of(cells: Vec<Cell>) -> Self {
        Self::Cells {
            class: "",
            place: None,
            data: Vec::new(),
            cells,
        }
    }
}

pub(crate) enum Cell {
    Text(String),
    /// What the row is about.
    Head(String),
    /// How many there are: none stands back.
    Count(usize),
    /// Where the row's matter is seen.
    SeenIn(Option<Citation>),
    /// The number of a packet.
    Packet(u32),
}

/// Lines to be shown as they are.
pub(crate) struct Code {
    /// For highlighting in markdown.
    pub(crate) language: &'static str,
    /// What is cited elsewhere and shown here, with a title.
    pub(crate) titled: Option<(Citation, String)>,
    pub(crate) lines: Vec<Line>,
}

impl Code {
    /// Foreign text, line by line.
    pub(crate) fn text(language: &'static str, text: &str) -> Self {
        let lines = text.trim_end_matches('\n').split('\n');
        Self {
            language,
            titled: None,
            lines: lines.map(Line::from).collect(),
        }
    }
}

/// A line of code; foreign text, not escaped.
#[derive(Clone)]
pub(crate) struct Line {
    /// The packet that it shows.
    pub(crate) packet: Option<u32>,
    pub(crate) text: String,
    /// What the harness says of it, after the text.
    pub(crate) remark: String,
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self {
            packet: None,
            text: text.to_owned(),
            remark: String::new(),
        }
    }
}

#[derive(Default)]
pub(crate) struct Folded {
    /// Its anchor; may be empty.
    pub(crate) id: String,
    pub(crate) class: &'static str,
    pub(crate) summary: String,
    pub(crate) open: bool,
    /// In markdown, too? If not, the summary is a paragraph there.
    pub(crate) in_markdown: bool,
    pub(crate) blocks: Vec<Block>,
}
