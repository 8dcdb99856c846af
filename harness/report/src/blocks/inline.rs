//! Text on a line, with marks: what in it is foreign, what is code, what stands out.
//!
//! The catalogue's sentences are filled in by `format!`, so what is filled in must be text, too. The marks
//! are therefore characters: control characters, of which foreign text has none left when it is marked
//! ([`one_line`] writes them as `\u{1b}`). What has no mark is the harness's own, and needs no escaping.

use crate::escape::one_line;

const FOREIGN: char = '\u{1}';
const CODE: char = '\u{2}';
const STRONG: char = '\u{3}';
const ASIDE: char = '\u{4}';
const LINK: char = '\u{5}';
/// Between a link's target or a tag's class, and the text.
const TO: char = '\u{6}';
const END: char = '\u{7}';
const TAG: char = '\u{8}';

/// Text of others.
pub(crate) fn foreign(text: &str) -> String {
    format!("{FOREIGN}{}{END}", one_line(text))
}

/// Text of others, or a name from a program, as code.
pub(crate) fn code(text: &str) -> String {
    format!("{CODE}{}{END}", one_line(text))
}

/// A marked text that stands out.
pub(crate) fn strong(text: &str) -> String {
    format!("{STRONG}{text}{END}")
}

/// A marked text that stands back.
pub(crate) fn aside(text: &str) -> String {
    format!("{ASIDE}{text}{END}")
}

/// A marked text that leads to a place.
pub(crate) fn link(target: &str, text: &str) -> String {
    format!("{LINK}{target}{TO}{text}{END}")
}

/// A word that says how something came out: a behaviour or a verdict, with its name in the style sheet.
pub(crate) fn tag(class: &str, text: &str) -> String {
    format!("{TAG}{class}{TO}{text}{END}")
}

/// A phrase of the harness that quotes foreign text between backticks (``query `select 1` ``): what is
/// between the first backtick and the last is code.
pub(crate) fn phrase(text: &str) -> String {
    match (text.find('`'), text.rfind('`')) {
        (Some(first), Some(last)) if first < last => [
            foreign(&text[..first]),
            code(&text[first + 1..last]),
            foreign(&text[last + 1..]),
        ]
        .concat(),
        _ => foreign(text),
    }
}

/// Sentences of the harness with several quotations: what is between each pair of backticks is code. Where
/// backticks do not come in pairs, a quoted text holds some itself, and they are shown as they are.
pub(crate) fn prose(text: &str) -> String {
    if text.matches('`').count() % 2 == 1 {
        return foreign(text);
    }
    let parts = text.split('`').enumerate();
    parts
        .map(|(index, part)| if index % 2 == 0 { foreign(part) } else { code(part) })
        .collect()
}

/// How a form writes marked text.
pub(super) struct Writer {
    pub(super) foreign: fn(&str) -> String,
    pub(super) code: fn(&str) -> String,
    /// What is before and behind a text that stands out.
    pub(super) strong: (&'static str, &'static str),
    pub(super) aside: (&'static str, &'static str),
    /// From a target and a text that is written already.
    pub(super) link: fn(&str, &str) -> String,
    /// From a class and a text that is written already.
    pub(super) tag: fn(&str, &str) -> String,
}

impl Writer {
    /// `text` in this form.
    pub(super) fn write(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 32);
        let mut rest = text;
        self.until_end(&mut out, &mut rest);
        out
    }

    /// Writes up to the end of the mark that was opened last, or of the text.
    fn until_end(&self, out: &mut String, rest: &mut &str) {
        while let Some(at) = rest.find(|c: char| ('\u{1}'..='\u{8}').contains(&c)) {
            let (own, marked) = rest.split_at(at);
            out.push_str(own);
            let (mark, after) = marked.split_at(1);
            *rest = after;
            let mark = mark.chars().next().unwrap_or(END);
            match mark {
                FOREIGN => out.push_str(&(self.foreign)(leaf(rest, END))),
                CODE => out.push_str(&(self.code)(leaf(rest, END))),
                STRONG => self.around(out, rest, self.strong),
                ASIDE => self.around(out, rest, self.aside),
                LINK => self.led(out, rest, self.link),
                TAG => self.led(out, rest, self.tag),
                _ => return,
            }
        }
        out.push_str(rest);
        *rest = "";
    }

    /// A text behind a word that says what to make of it.
    fn led(&self, out: &mut String, rest: &mut &str, write: fn(&str, &str) -> String) {
        let word = leaf(rest, TO);
        let mut text = String::new();
        self.until_end(&mut text, rest);
        out.push_str(&write(word, &text));
    }

    fn around(&self, out: &mut String, rest: &mut &str, (before, behind): (&str, &str)) {
        out.push_str(before);
        self.until_end(out, rest);
        out.push_str(behind);
    }
}

/// The text up to `end`, and what follows it.
fn leaf<'a>(rest: &mut &'a str, end: char) -> &'a str {
    let (text, after) = rest.split_once(end).unwrap_or((rest, ""));
    *rest = after;
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocks::{html, markdown};

    #[test]
    fn marks_become_what_each_form_has() {
        for (text, as_markdown, as_html) in [
            ("own *text*".to_owned(), "own *text*", "own *text*"),
            (foreign("a*b <i>"), "a\\*b &lt;i&gt;", "a*b &lt;i&gt;"),
            (
                phrase("query `select \u{1}`"),
                "query <code>select &#92;u&#123;1&#125;</code>",
                "query <code>select \\u{1}</code>",
            ),
            (
                phrase("query `a`b<`"),
                "query <code>a&#96;b&#60;</code>",
                "query <code>a`b&lt;</code>",
            ),
            (phrase("query `x"), "query \\`x", "query `x"),
            (strong(&code("x")), "**`x`**", "<b><code>x</code></b>"),
            (
                link("#a", &tag("b-hung", "hung")),
                "[hung](#a)",
                "<a href=\"#a\"><span class=\"tag b-hung\">hung</span></a>",
            ),
            (
                tag("v-violated", "violated"),
                "**violated**",
                "<span class=\"tag v-violated\">violated</span>",
            ),
            (
                format!("{}, {}", link("#a", &foreign("_")), aside("b: ")),
                "[\\_](#a), b: ",
                "<a href=\"#a\">_</a>, <span class=\"phase\">b: </span>",
            ),
            (prose("`a*` *b*"), "`a*` \\*b\\*", "<code>a*</code> *b*"),
            (prose("`a` ` <b>"), "\\`a\\` \\` &lt;b&gt;", "`a` ` &lt;b&gt;"),
        ] {
            assert_eq!(markdown::inline(&text), as_markdown, "{text:?}");
            assert_eq!(html::inline(&text), as_html, "{text:?}");
        }
    }
}
