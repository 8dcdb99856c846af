//! An operator's keepalived.conf(5) with the files that it includes. Its form is read by
//! [`lvs_matrix_model::keepalived::text`].

use super::Resolve;
use crate::place::{Notes, Place, Source};
use crate::read::Include;
use lvs_matrix_model::keepalived::text::{self, Fault, Found, Reader, conditional, included};

/// A statement.
pub(super) type Statement = text::Statement<Place>;

/// Files that include each other end somewhere.
const MOST_FILES: usize = 200;
const DEEPEST: usize = 16;
const LONGEST_LINE: usize = 16_384;

/// A file with those that it includes in their places.
struct Files<'r, 'n> {
    reader: Reader<Place>,
    names: Vec<String>,
    /// The files whose lines are being read, each included by the one before.
    within: Vec<String>,
    resolve: &'r mut Resolve<'n>,
}

/// The statements of a file, and the names of the files that it includes.
pub(super) fn parse(
    source: &Source,
    resolve: &mut Resolve<'_>,
    notes: &mut Notes,
) -> (Vec<Statement>, Vec<String>) {
    let mut files = Files {
        reader: Reader::new(false),
        names: Vec::new(),
        within: Vec::new(),
        resolve,
    };
    files.read(source, notes);
    let (statements, faults) = files.reader.end();
    tell(faults, notes);
    (statements, files.names)
}

impl Files<'_, '_> {
    fn read(&mut self, source: &Source, notes: &mut Notes) {
        self.within.push(source.name.clone());
        for (number, line) in (1..).zip(source.text.lines()) {
            let place = source.at(number);
            if line.len() > LONGEST_LINE {
                notes.lost(&place, "the rest", TOO_LONG);
                break;
            }
            let line = match conditional(line) {
                None => line,
                Some(others) if others.but_for => others.rest,
                Some(_) => {
                    let why = "a line for one machine only (keepalived's --config-id)";
                    notes.lost(&place, line.trim(), why);
                    continue;
                }
            };
            for line in self.reader.expanded(line, &place) {
                match included(&line) {
                    Some(pattern) => self.include(&pattern, &place, notes),
                    None => self.reader.read(&line, &place),
                }
            }
            tell(self.reader.faults(), notes);
        }
        self.reader.end_of_file();
        self.within.pop();
    }

    fn include(&mut self, pattern: &str, place: &Place, notes: &mut Notes) {
        let what = format!("include {pattern}");
        if self.within.len() > DEEPEST || self.names.len() >= MOST_FILES {
            let why = format!("files include each other more than {DEEPEST} deep, or more than {MOST_FILES}");
            notes.lost(place, what, why);
            return;
        }
        let by = place.file.as_str();
        match (self.resolve)(Include { pattern, by }) {
            Ok(sources) if sources.is_empty() => notes.lost(place, what, "there is no such file"),
            Ok(sources) => {
                for source in sources {
                    if self.within.contains(&source.name) {
                        let why = format!("a circle: {} is being read already", source.name);
                        notes.lost(place, what.clone(), why);
                        continue;
                    }
                    self.names.push(source.name.clone());
                    self.read(&source, notes);
                }
            }
            Err(why) => notes.lost(place, what, why),
        }
    }
}

const TOO_LONG: &str = "it is too long for a keepalived.conf";

/// Notes what is no keepalived.conf.
fn tell(faults: Vec<Found<Place>>, notes: &mut Notes) {
    for (place, what, fault) in faults {
        let why = match fault {
            Fault::NotClosed => "its brace is not closed; it was read to the end of the file",
            Fault::ClosesNothing => "a brace that closes nothing",
            Fault::OfNothing => "a brace without a word before it",
            Fault::SecondBlock => "a second block of one statement; it was read as more of the first",
            Fault::TooDeep => "blocks are in each other too deeply",
            Fault::TooLong => "the definitions make it too long",
            Fault::ManyDefinitions => "more definitions than a configuration has: all of them were forgotten",
            // keepalived takes it, and so does the reader.
            Fault::SeveralLines => continue,
            Fault::TooMuch => TOO_LONG,
        };
        notes.lost(&place, what, why);
    }
}
