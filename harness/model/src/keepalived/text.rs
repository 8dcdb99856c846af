//! The form of keepalived.conf(5): statements of words, each perhaps with a block in braces; comments,
//! quotes, definitions, and lines for some machines only. The configuration of a scenario is read by it, and
//! so are an operator's own files, with what these include.

use std::collections::BTreeMap;

/// The longest line that definitions may make, in bytes. Without a bound a few lines could fill the memory.
const LONGEST_LINE: usize = 16 * 1024;
/// The most definitions of a configuration; each line is looked through for all of them.
const MOST_DEFINITIONS: usize = 200;
/// The most blocks in each other.
const DEEPEST: usize = 16;
/// The most words that are read.
const MOST_WORDS: usize = 500_000;

/// A statement of a configuration. `P` is a place in it: the number of a line, or a file with that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement<P = usize> {
    /// Where it begins.
    pub line: P,
    /// Where its block ends; the same without one.
    pub end: P,
    /// Its words.
    pub words: Vec<String>,
    /// What is in its braces; `None` if it has none.
    pub block: Option<Vec<Statement<P>>>,
}

impl<P> Statement<P> {
    /// The word at this place; empty if there is none.
    #[must_use]
    pub fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", String::as_str)
    }

    /// What is in its braces; nothing if it has none.
    #[must_use]
    pub fn inner(&self) -> &[Self] {
        self.block.as_deref().unwrap_or_default()
    }

    /// Its words as a text.
    #[must_use]
    pub fn said(&self) -> String {
        self.words.join(" ")
    }

    /// The first statement of its block that begins with one of these words.
    #[must_use]
    pub fn find(&self, keys: &[&str]) -> Option<&Self> {
        self.inner().iter().find(|one| keys.contains(&one.word(0)))
    }

    /// It, and all that is in its block.
    pub fn all(&self) -> Vec<&Self> {
        let mut found = vec![self];
        found.extend(self.inner().iter().flat_map(Self::all));
        found
    }
}

/// What is no keepalived.conf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A brace is never closed: the block was read to the end.
    NotClosed,
    /// A brace closes nothing.
    ClosesNothing,
    /// A block has no statement that it could be of.
    OfNothing,
    /// A statement has a second block. It was read as more of the first.
    SecondBlock,
    /// Blocks are in each other too deeply.
    TooDeep,
    /// Definitions make too long a line, or one is too long.
    TooLong,
    /// There are more definitions than a configuration has. They were forgotten.
    ManyDefinitions,
    /// A definition goes on in the next line, which keepalived takes.
    SeveralLines,
    /// There are more words than a configuration has. What follows was left out.
    TooMuch,
}

/// A fault with its place, and what stands there.
pub type Found<P> = (P, String, Fault);

/// Reads a configuration line by line.
#[derive(Debug)]
pub struct Reader<P> {
    /// Is `{rs1}` a word of the lab, and no block?
    lab_words: bool,
    definitions: BTreeMap<String, String>,
    /// A definition that goes on in the next line: its name, and what it has so far.
    unfinished: Option<(String, String)>,
    /// Statements whose braces are open, the outermost first, each with those before it around it.
    open: Vec<(Vec<Statement<P>>, Statement<P>)>,
    here: Vec<Statement<P>>,
    /// Has the last statement of `here` ended? A brace may stand on the next line all the same.
    ended: bool,
    words: usize,
    faults: Vec<Found<P>>,
}

impl<P: Clone> Reader<P> {
    /// A reader of nothing yet. With `lab_words`, `{rs1}` is a word.
    #[must_use]
    pub fn new(lab_words: bool) -> Self {
        Self {
            lab_words,
            definitions: BTreeMap::new(),
            unfinished: None,
            open: Vec::new(),
            here: Vec::new(),
            ended: true,
            words: 0,
            faults: Vec::new(),
        }
    }

    /// What a line is with the values of its definitions: a line, or several if a definition has them; none
    /// if it is a definition itself.
    pub fn expanded(&mut self, line: &str, at: &P) -> Vec<String> {
        let (code, _) = split_comment(line);
        let code = code.trim();
        if let Some((name, so_far)) = self.unfinished.take() {
            let more = self.defined(code, at).unwrap_or_default();
            self.define(name, so_far + "\n" + &more, at);
            return Vec::new();
        }
        match definition(code) {
            Some((name, value)) => {
                let value = self.defined(value, at).unwrap_or_default();
                self.define(name.to_owned(), value, at);
                Vec::new()
            }
            None => {
                let line = self.defined(code, at);
                let lines = line.as_deref().into_iter().flat_map(|line| line.split('\n'));
                lines.map(str::to_owned).collect()
            }
        }
    }

    /// Reads a line as [`expanded`](Self::expanded) gives it.
    pub fn read(&mut self, line: &str, at: &P) {
        for token in tokens(line, self.lab_words) {
            match token {
                Token::Word(word) => self.word(word, at),
                Token::Open => self.open(at),
                Token::Close => self.close(at),
            }
        }
        self.ended = true;
    }

    /// The files of this name end here.
    pub fn end_of_file(&mut self) {
        if let Some((name, value)) = self.unfinished.take() {
            self.definitions.insert(name, value);
        }
    }

    /// What was found to be wrong since this was last asked.
    pub fn faults(&mut self) -> Vec<Found<P>> {
        std::mem::take(&mut self.faults)
    }

    /// The statements in their order, and what was found to be wrong since that was last asked.
    #[must_use]
    pub fn end(mut self) -> (Vec<Statement<P>>, Vec<Found<P>>) {
        while let Some((_, own)) = self.open.last() {
            let (at, said) = (own.line.clone(), own.said());
            self.faults.push((at.clone(), said, Fault::NotClosed));
            self.close(&at);
        }
        (self.here, self.faults)
    }

    fn word(&mut self, word: String, at: &P) {
        self.words += 1;
        if self.words > MOST_WORDS {
            if self.words == MOST_WORDS + 1 {
                self.faults.push((at.clone(), word, Fault::TooMuch));
            }
            return;
        }
        let going_on = !self.ended;
        match self
            .here
            .last_mut()
            .filter(|last| going_on && last.block.is_none())
        {
            Some(last) => last.words.push(word),
            None => self.here.push(Statement {
                line: at.clone(),
                end: at.clone(),
                words: vec![word],
                block: None,
            }),
        }
        self.ended = false;
    }

    fn open(&mut self, at: &P) {
        let mut own = self.here.pop().unwrap_or_else(|| {
            self.faults.push((at.clone(), "{".to_owned(), Fault::OfNothing));
            Statement {
                line: at.clone(),
                end: at.clone(),
                words: Vec::new(),
                block: None,
            }
        });
        self.ended = true;
        if self.open.len() >= DEEPEST {
            self.faults.push((own.line.clone(), own.said(), Fault::TooDeep));
            self.here.push(own);
            return;
        }
        if own.block.is_some() {
            self.faults.push((at.clone(), "{".to_owned(), Fault::SecondBlock));
        }
        let within = own.block.take().unwrap_or_default();
        let before = std::mem::replace(&mut self.here, within);
        self.open.push((before, own));
    }

    fn close(&mut self, at: &P) {
        let Some((before, own)) = self.open.pop() else {
            self.faults
                .push((at.clone(), "}".to_owned(), Fault::ClosesNothing));
            return;
        };
        let within = std::mem::replace(&mut self.here, before);
        self.here.push(Statement {
            end: at.clone(),
            block: Some(within),
            ..own
        });
        self.ended = true;
    }

    fn define(&mut self, name: String, value: String, at: &P) {
        let mut fault = |fault| self.faults.push((at.clone(), format!("${name}"), fault));
        if value.len() > LONGEST_LINE {
            fault(Fault::TooLong);
            self.definitions.insert(name, String::new());
        } else if let Some(so_far) = value.strip_suffix('\\') {
            fault(Fault::SeveralLines);
            self.unfinished = Some((name, so_far.trim_end().to_owned()));
        } else {
            let lines = value.split('\n').map(str::trim).filter(|line| !line.is_empty());
            let value = lines.collect::<Vec<_>>().join("\n");
            self.definitions.insert(name.clone(), value);
            if self.definitions.len() > MOST_DEFINITIONS {
                self.faults
                    .push((at.clone(), format!("${name}"), Fault::ManyDefinitions));
                self.definitions.clear();
            }
        }
    }

    /// A text with what is defined in the place of `$NAME` and `${NAME}`; nothing if that is too long. What
    /// is not defined stays.
    fn defined(&mut self, code: &str, at: &P) -> Option<String> {
        let mut out = String::new();
        let mut rest = code;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            let braced = after.strip_prefix('{').and_then(|after| after.split_once('}'));
            let end = after.find(|c| !is_of_name(c)).unwrap_or(after.len());
            let (name, left) = braced.unwrap_or_else(|| after.split_at(end));
            match self.definitions.get(name) {
                Some(value) => {
                    out.push_str(value);
                    rest = left;
                }
                None => {
                    out.push('$');
                    rest = after;
                }
            }
            if out.len() > LONGEST_LINE {
                break;
            }
        }
        out.push_str(rest);
        if out.len() > LONGEST_LINE {
            let what = code.chars().take(40).collect();
            self.faults.push((at.clone(), what, Fault::TooLong));
            return None;
        }
        Some(out)
    }
}

/// What a line is for one machine alone, or for all but one, by keepalived's `--config-id`: `@node1 …`,
/// `@^node1 …` (keepalived.conf(5), "Conditional configuration"). `None`: for all.
#[must_use]
pub fn conditional(line: &str) -> Option<Conditional<'_>> {
    let (of, rest) = line.trim().strip_prefix('@').map(|rest| {
        let parts = rest.split_once(char::is_whitespace);
        parts.unwrap_or((rest, ""))
    })?;
    let not = of.strip_prefix('^');
    Some(Conditional {
        but_for: not.is_some(),
        id: not.unwrap_or(of),
        rest,
    })
}

/// A line that is not for all machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conditional<'l> {
    /// Is it for all but that one?
    pub but_for: bool,
    /// The machine.
    pub id: &'l str,
    /// What the line says.
    pub rest: &'l str,
}

/// The pattern of files that a line includes, if it does that and nothing else.
#[must_use]
pub fn included(line: &str) -> Option<String> {
    match tokens(line, false).as_slice() {
        [Token::Word(word), Token::Word(pattern)] if word == "include" => Some(pattern.clone()),
        _ => None,
    }
}

/// A line up to its comment, and the comment. In quotes there is none.
pub(super) fn split_comment(line: &str) -> (&str, &str) {
    let mut quoted = false;
    let at = line.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        matches!(c, '#' | '!') && !quoted
    });
    line.split_at(at.map_or(line.len(), |(at, _)| at))
}

/// `$NAME=value`.
fn definition(code: &str) -> Option<(&str, &str)> {
    let (name, value) = code.strip_prefix('$')?.split_once('=')?;
    let name = name.trim();
    (!name.is_empty() && name.chars().all(is_of_name)).then_some((name, value.trim()))
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[derive(Debug)]
enum Token {
    Word(String),
    Open,
    Close,
}

/// The tokens of a line. Blanks end a word, also in quotes, where a brace is text.
fn tokens(line: &str, lab_words: bool) -> Vec<Token> {
    let mut out = Vec::new();
    for (part, quoted) in line.split('"').zip([false, true].into_iter().cycle()) {
        for mut rest in part.split_whitespace() {
            let mut word = String::new();
            while let Some(at) = rest.find(['{', '}']).filter(|_| !quoted) {
                let (before, brace) = rest.split_at(at);
                word.push_str(before);
                let lab_word = lab_word_at(brace).filter(|_| lab_words);
                rest = brace.split_at(lab_word.map_or(1, str::len)).1;
                if let Some(text) = lab_word {
                    word.push_str(text);
                    continue;
                }
                if !word.is_empty() {
                    out.push(Token::Word(std::mem::take(&mut word)));
                }
                let opens = brace.starts_with('{');
                out.push(if opens { Token::Open } else { Token::Close });
            }
            word.push_str(rest);
            if !word.is_empty() {
                out.push(Token::Word(word));
            }
        }
    }
    out
}

/// `{rs1}` at the beginning of a text.
fn lab_word_at(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('{')?.split_once('}')?;
    let is_name = !name.is_empty() && name.chars().all(|c| is_of_name(c) || matches!(c, '-' | '.'));
    is_name.then(|| text.split_at(name.len() + 2).0)
}
