//! The form of keepalived.conf(5): statements of words, each perhaps with a block in braces; comments,
//! quotes, includes, definitions, and lines of one machine only.

use super::Resolve;
use crate::place::{Notes, Place, Source};
use crate::read::Include;
use std::collections::BTreeMap;

/// A statement.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) words: Vec<String>,
    pub(super) place: Place,
    /// What is between its braces; `None` if it has none.
    pub(super) block: Option<Vec<Statement>>,
}

impl Statement {
    pub(super) fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", String::as_str)
    }

    pub(super) fn line(&self) -> String {
        self.words.join(" ")
    }
}

/// Files that include each other end somewhere.
const MOST_FILES: usize = 200;
const DEEPEST: usize = 16;
/// What definitions may make of a file.
const MOST_TOKENS: usize = 500_000;
const LONGEST_LINE: usize = 16_384;

enum Token {
    Word(String),
    Open,
    Close,
    End,
}

/// The tokens of a file with those that it includes in their places.
struct Tokens<'r, 'n> {
    out: Vec<(Token, Place)>,
    files: Vec<String>,
    /// The files whose lines are being read, each included by the one before.
    within: Vec<String>,
    definitions: BTreeMap<String, String>,
    resolve: &'r mut Resolve<'n>,
}

/// The statements of a file, and the names of the files that it includes.
pub(super) fn parse(
    source: &Source,
    resolve: &mut Resolve<'_>,
    notes: &mut Notes,
) -> (Vec<Statement>, Vec<String>) {
    let mut tokens = Tokens {
        out: Vec::new(),
        files: Vec::new(),
        within: Vec::new(),
        definitions: BTreeMap::new(),
        resolve,
    };
    tokens.of(source, notes);
    (statements(tokens.out, notes), tokens.files)
}

impl Tokens<'_, '_> {
    fn of(&mut self, source: &Source, notes: &mut Notes) {
        self.within.push(source.name.clone());
        self.lines_of(source, notes);
        self.within.pop();
    }

    fn lines_of(&mut self, source: &Source, notes: &mut Notes) {
        let mut lines = (1..).zip(source.text.lines());
        while let Some((number, line)) = lines.next() {
            let place = source.at(number);
            if self.out.len() > MOST_TOKENS || line.len() > LONGEST_LINE {
                notes.lost(&place, "the rest", "it is too long for a keepalived.conf");
                return;
            }
            let trimmed = line.trim();
            // `@^node2 …` is for all but node2, `@node1 …` for node1 only, by keepalived's `--config-id`.
            let line = match trimmed.strip_prefix("@^") {
                Some(rest) => rest.split_once(char::is_whitespace).map_or("", |(_, rest)| rest),
                None if trimmed.starts_with('@') => {
                    notes.lost(
                        &place,
                        trimmed,
                        "a line for one machine only (keepalived's --config-id)",
                    );
                    continue;
                }
                None => line,
            };
            let line = self.defined(uncommented(line));
            if let Some((name, value)) = definition(&line) {
                // A definition goes on where its line ends with a backslash.
                let mut all = vec![value];
                while let Some(last) = all.last_mut()
                    && let Some(part) = last.strip_suffix('\\')
                {
                    *last = part.trim().to_owned();
                    let Some((_, next)) = lines.next() else { break };
                    all.push(self.defined(uncommented(next)).trim().to_owned());
                }
                all.retain(|part| !part.is_empty());
                let mut value = all.join("\n");
                if value.len() > LONGEST_LINE {
                    notes.lost(&place, format!("${name}"), "the definition is too long");
                    value.clear();
                }
                self.definitions.insert(name, value);
                continue;
            }
            for line in line.split('\n') {
                self.line(line, &place, notes);
            }
        }
    }

    /// A line without comments and definitions.
    fn line(&mut self, line: &str, place: &Place, notes: &mut Notes) {
        let mut words = split(line);
        if let [Token::Word(first), Token::Word(pattern)] = words.as_slice()
            && first == "include"
        {
            let pattern = pattern.clone();
            self.include(&pattern, place, notes);
            return;
        }
        words.push(Token::End);
        self.out
            .extend(words.into_iter().map(|token| (token, place.clone())));
    }

    fn include(&mut self, pattern: &str, place: &Place, notes: &mut Notes) {
        let what = format!("include {pattern}");
        if self.within.len() > DEEPEST || self.files.len() >= MOST_FILES {
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
                    self.files.push(source.name.clone());
                    self.of(&source, notes);
                }
            }
            Err(why) => notes.lost(place, what, why),
        }
    }

    /// The line with what is defined in the place of `$NAME` and `${NAME}`.
    fn defined(&self, line: &str) -> String {
        let mut out = String::new();
        let mut rest = line;
        while let Some(at) = rest.find('$') {
            let (before, after) = rest.split_at(at);
            out.push_str(before);
            let after = &after[1..];
            let (name, braces) = match after.strip_prefix('{') {
                Some(inner) => (name_of(inner), true),
                None => (name_of(after), false),
            };
            let closed = !braces || after[1 + name.len()..].starts_with('}');
            // A definition of its own name is not replaced.
            let defines = before.trim().is_empty() && after[name.len()..].starts_with('=');
            match self.definitions.get(name) {
                Some(value) if closed && !defines && out.len() < LONGEST_LINE => {
                    out.push_str(value);
                    rest = &after[name.len() + if braces { 2 } else { 0 }..];
                }
                Some(_) | None => {
                    out.push('$');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        out
    }
}

fn name_of(text: &str) -> &str {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    &text[..end]
}

/// `$NAME=value`.
fn definition(line: &str) -> Option<(String, String)> {
    let rest = line.trim().strip_prefix('$')?;
    let name = name_of(rest);
    let value = rest[name.len()..].strip_prefix('=')?;
    (!name.is_empty()).then(|| (name.to_owned(), value.trim().to_owned()))
}

/// The line without its comment.
fn uncommented(line: &str) -> &str {
    let mut quoted = false;
    let end = line.find(|c| {
        quoted ^= c == '"';
        !quoted && matches!(c, '#' | '!')
    });
    end.and_then(|end| line.get(..end)).unwrap_or(line)
}

/// The tokens of a line: `!` and `#` begin a comment, unless they are in quotes.
fn split(line: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    let mut was_quoted = false;
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                was_quoted = true;
            }
            _ if quoted => word.push(c),
            '#' | '!' => break,
            _ if c.is_whitespace() || matches!(c, '{' | '}') => {
                if !word.is_empty() || was_quoted {
                    out.push(Token::Word(std::mem::take(&mut word)));
                    was_quoted = false;
                }
                match c {
                    '{' => out.push(Token::Open),
                    '}' => out.push(Token::Close),
                    _ => {}
                }
            }
            _ => word.push(c),
        }
    }
    if !word.is_empty() || was_quoted {
        out.push(Token::Word(word));
    }
    out
}

/// A block that is being read: the statements before it in the block around it, and its own statement.
struct Open {
    before: Vec<Statement>,
    own: Statement,
}

fn statements(tokens: Vec<(Token, Place)>, notes: &mut Notes) -> Vec<Statement> {
    let mut blocks: Vec<Open> = Vec::new();
    let mut here: Vec<Statement> = Vec::new();
    // Has the statement at the end of `here` ended? A brace may stand on the next line all the same.
    let mut ended = true;
    for (token, place) in tokens {
        match token {
            Token::End => ended = true,
            Token::Word(word) => match here.last_mut() {
                Some(last) if !ended && last.block.is_none() => last.words.push(word),
                Some(_) | None => {
                    here.push(Statement {
                        words: vec![word],
                        place,
                        block: None,
                    });
                    ended = false;
                }
            },
            Token::Open => {
                let own = match here.pop() {
                    Some(own) if own.block.is_none() => own,
                    other => {
                        here.extend(other);
                        notes.lost(&place, "{", "a brace without a word before it");
                        Statement {
                            words: Vec::new(),
                            place,
                            block: None,
                        }
                    }
                };
                if blocks.len() >= DEEPEST {
                    notes.lost(&own.place, own.line(), "blocks are in each other too deeply");
                    here.push(own);
                    continue;
                }
                blocks.push(Open {
                    before: std::mem::take(&mut here),
                    own,
                });
                ended = true;
            }
            Token::Close => match blocks.pop() {
                Some(open) => {
                    here = closed(open, here);
                    ended = true;
                }
                None => notes.lost(&place, "}", "a brace that closes nothing"),
            },
        }
    }
    while let Some(open) = blocks.pop() {
        notes.lost(
            &open.own.place,
            open.own.line(),
            "its brace is not closed; it was read to the end of the file",
        );
        here = closed(open, here);
    }
    here
}

fn closed(open: Open, within: Vec<Statement>) -> Vec<Statement> {
    let Open { mut before, mut own } = open;
    own.block = Some(within);
    before.push(own);
    before
}
