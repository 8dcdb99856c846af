//! Where something stands in an operator's files, and what became of it.

use std::collections::BTreeMap;
use std::fmt;

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name as it was typed, or as an `include` names it.
    pub name: String,
    /// Its text. What is no UTF-8 in it was replaced.
    pub text: String,
}

impl Source {
    /// A line of it.
    pub(crate) fn at(&self, line: usize) -> Place {
        Place {
            file: self.name.clone(),
            line,
        }
    }
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The line, 1 for the first.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", short(&self.file, 200), self.line)
    }
}

/// What became of something that the lab does not have as the file has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It is taken over as something else.
    Changed,
    /// It is not taken over.
    Lost,
}

/// Something that is not taken over as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What became of it.
    pub fate: Fate,
    /// Where it stands; the same thing may stand in several places.
    pub places: Vec<Place>,
    /// What it is, in the file's words.
    pub what: String,
    /// Why, or as what it is taken over.
    pub why: String,
}

impl Note {
    fn add(&mut self, place: &Place) {
        if self.places.last() != Some(place) && self.places.len() < MOST_PLACES {
            self.places.push(place.clone());
        }
    }
}

/// So many different things are told of; a file with more is probably none of this kind.
const MOST_NOTES: usize = 500;
/// So many places of one thing are told.
const MOST_PLACES: usize = 10_000;
/// So many runs of lines are told in a note.
const MOST_RUNS: usize = 40;

/// Notes, the same thing once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes {
    all: Vec<Note>,
    /// Where in `all` a note is, by its own words.
    known: BTreeMap<(Fate, String, String), usize>,
}

impl Notes {
    pub(crate) fn lost(&mut self, place: &Place, what: impl Into<String>, why: impl Into<String>) {
        self.add(Fate::Lost, place, what.into(), why.into());
    }

    pub(crate) fn changed(&mut self, place: &Place, what: impl Into<String>, why: impl Into<String>) {
        self.add(Fate::Changed, place, what.into(), why.into());
    }

    fn add(&mut self, fate: Fate, place: &Place, what: String, why: String) {
        let mut key = (fate, short(&what, 60), short(&why, 240));
        if self.all.len() >= MOST_NOTES && !self.known.contains_key(&key) {
            key = (
                Fate::Lost,
                "more than is told here".to_owned(),
                format!(
                    "{MOST_NOTES} other things are not taken over as they stand; is this the right file?"
                ),
            );
        }
        let next = self.all.len();
        let at = *self.known.entry(key.clone()).or_insert(next);
        if let Some(note) = self.all.get_mut(at) {
            note.add(place);
            return;
        }
        let (fate, what, why) = key;
        self.all.push(Note {
            fate,
            places: vec![place.clone()],
            what,
            why,
        });
    }

    pub(crate) fn append(&mut self, other: Self) {
        for Note {
            fate,
            places,
            what,
            why,
        } in other.all
        {
            for place in &places {
                self.add(fate, place, what.clone(), why.clone());
            }
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Note> {
        self.all
    }
}

/// As much of a text as tells what it is, on one line and without what a terminal would obey.
pub(crate) fn short(text: &str, most: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let clean: String = words.join(" ").chars().filter(|c| !obeyed(*c)).collect();
    if clean.chars().count() <= most {
        return clean;
    }
    let cut: String = clean.chars().take(most).collect();
    format!("{cut}…")
}

/// Would a terminal, or a reader of text that runs both ways, obey it?
fn obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

impl fmt::Display for Note {
    /// `keepalived.conf:12,20: TCP_CHECK: why`; every line of each file, runs of lines as `3-9`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut places = self.places.clone();
        places.sort();
        places.dedup();
        let mut rest = places.as_slice();
        let mut first = true;
        while let Some(Place { file, .. }) = rest.first() {
            let of_file = rest.iter().take_while(|place| &place.file == file).count();
            let (here, others) = rest.split_at(of_file);
            let lines: Vec<usize> = here.iter().map(|place| place.line).collect();
            write!(
                f,
                "{}{}:{}",
                if first { "" } else { ", " },
                short(file, 200),
                runs(&lines)
            )?;
            (rest, first) = (others, false);
        }
        write!(f, ": {}: {}", self.what, self.why)
    }
}

/// `3-5,9` of 3, 4, 5, 9.
fn runs(lines: &[usize]) -> String {
    let mut out: Vec<(usize, usize)> = Vec::new();
    for line in lines {
        match out.last_mut() {
            Some((_, end)) if *end + 1 == *line => *end = *line,
            Some(_) | None => out.push((*line, *line)),
        }
    }
    let run = |(from, to): &(usize, usize)| match to - from {
        0 => from.to_string(),
        1 => format!("{from},{to}"),
        _ => format!("{from}-{to}"),
    };
    let told: Vec<String> = out.iter().take(MOST_RUNS).map(run).collect();
    let more = if out.len() > MOST_RUNS { ", …" } else { "" };
    told.join(",") + more
}
