//! The stored cells, judged, and a reader of drawings.

use lvs_matrix_archive::kept;
use lvs_matrix_model::record::{CAPTURE_FILE, CellRecord, RECORD_FILE};
use lvs_matrix_model::verdict::{JudgedCell, judged};
use quick_xml::Reader;
use quick_xml::events::Event;
use std::fs;
use std::path::{Path, PathBuf};

fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn load(folder: &Path) -> JudgedCell {
    let record: CellRecord = serde_json::from_slice(&fs::read(folder.join(RECORD_FILE)).unwrap()).unwrap();
    judged(record, Some(&fs::read(folder.join(CAPTURE_FILE)).unwrap()))
}

/// Every cell of the fixtures, or of the run whose folder `LVS_MATRIX_CELLS` names.
pub(crate) fn all() -> Vec<JudgedCell> {
    let run = std::env::var_os("LVS_MATRIX_CELLS").map_or_else(|| kept().to_owned(), PathBuf::from);
    let cells: Vec<JudgedCell> = folders(&run)
        .iter()
        .flat_map(|scenario| folders(scenario))
        .filter(|folder| folder.join(RECORD_FILE).is_file() && !folder.to_string_lossy().ends_with("@dry"))
        .map(|folder| load(&folder))
        .collect();
    assert!(cells.len() >= 34, "only {} stored cells", cells.len());
    cells
}

/// The stored cell with this id: `config-change/absent_up_execute-sql_0`.
pub(crate) fn cell(id: &str) -> JudgedCell {
    load(&kept().join(id))
}

/// An element of a drawing: its name, its attributes, and its own text.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) text: String,
}

impl Element {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn number(&self, name: &str) -> f64 {
        self.get(name).unwrap().parse().unwrap()
    }

    pub(crate) fn is(&self, class: &str) -> bool {
        self.get("class") == Some(class)
    }
}

/// The elements of a well-formed drawing, in order.
pub(crate) fn elements(svg: &str) -> Vec<Element> {
    let mut reader = Reader::from_str(svg);
    reader.config_mut().check_end_names = true;
    let mut elements: Vec<Element> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    loop {
        let event = reader
            .read_event()
            .unwrap_or_else(|error| panic!("{error}: {svg}"));
        let empty = matches!(event, Event::Empty(_));
        match event {
            Event::Start(tag) | Event::Empty(tag) => {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                let attributes = tag.attributes().map(|attribute| {
                    let attribute = attribute.unwrap();
                    (text(attribute.key.as_ref()), text(&attribute.value))
                });
                elements.push(Element {
                    name: text(tag.name().as_ref()),
                    attributes: attributes.collect(),
                    text: String::new(),
                });
                if !empty {
                    open.push(elements.len() - 1);
                }
            }
            Event::End(_) => {
                open.pop().unwrap();
            }
            Event::Text(text) => {
                if let Some(index) = open.last() {
                    elements[*index].text.push_str(&text.decode().unwrap());
                }
            }
            Event::GeneralRef(reference) => {
                let name = String::from_utf8(reference.to_vec()).unwrap();
                let c = match reference.resolve_char_ref().unwrap() {
                    Some(c) => c.to_string(),
                    None => quick_xml::escape::resolve_predefined_entity(&name)
                        .unwrap()
                        .to_owned(),
                };
                elements[*open.last().unwrap()].text.push_str(&c);
            }
            Event::Eof => break,
            Event::CData(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {
                panic!("nothing else is in a drawing: {svg}")
            }
        }
    }
    assert!(open.is_empty());
    elements
}

/// The texts of a drawing as rectangles (left, top, right, bottom), by the widths that the layout promises.
pub(crate) fn boxes(elements: &[Element]) -> Vec<(String, [f64; 4])> {
    let texts = elements.iter().filter(|element| element.name == "text");
    let boxes = texts.map(|element| {
        let font = if element.is("lm-small") { 10.0 } else { 12.0 };
        let columns: usize = element
            .text
            .chars()
            .map(|c| if c.is_ascii() { 1 } else { 2 })
            .sum();
        // DejaVu Sans Mono's advance. What is not ASCII may come from another font, and be wider.
        let width = 0.602 * font * f64::from(u32::try_from(columns).unwrap());
        let (x, y) = (element.number("x"), element.number("y"));
        let left = match element.get("text-anchor") {
            Some("middle") => x - width / 2.0,
            Some("end") => x - width,
            _ => x,
        };
        (
            element.text.clone(),
            [left, y - 0.76 * font, left + width, y + 0.24 * font],
        )
    });
    boxes.collect()
}

/// Fails if two texts of the drawing overlap, or if one leaves the drawing.
pub(crate) fn assert_texts_apart(what: &str, elements: &[Element]) {
    let (width, height) = (elements[0].number("width"), elements[0].number("height"));
    let boxes = boxes(elements);
    for (index, (text, one)) in boxes.iter().enumerate() {
        assert!(
            one[0] >= 0.0 && one[1] >= 0.0 && one[2] <= width && one[3] <= height,
            "{what}: {text:?} at {one:?} leaves the drawing of {width} by {height}"
        );
        for (other_text, other) in &boxes[index + 1..] {
            let apart = one[2] <= other[0] || other[2] <= one[0] || one[3] <= other[1] || other[3] <= one[1];
            assert!(
                apart,
                "{what}: {text:?} at {one:?} overlaps {other_text:?} at {other:?}"
            );
        }
    }
}
