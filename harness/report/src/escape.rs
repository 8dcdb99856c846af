//! The only way for foreign text into a report. Server messages, SQL, console lines and claims are written by
//! others: they may hold markup, escape sequences, marks that reorder text, or what a CI system takes for a
//! command.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Is the character invisible, or does it act instead of showing? Control characters but newline and tab,
/// marks that change the direction of text, zero-width characters, line separators, tags, and the two that
/// XML forbids.
pub(crate) fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' => true,
        '\u{e0000}'..='\u{e007f}' => true,
        other => other.is_control(),
    }
}

/// Nearly all text is ASCII and clean: bytes are looked at before characters.
fn has_hidden(text: &str) -> bool {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
    !text.as_bytes().iter().all(plain) && text.contains(is_hidden)
}

/// Openings of commands that CI systems read from anywhere in a line: GitHub's old form, Azure's and
/// TeamCity's.
const COMMANDS: [&str; 3] = ["##[", "##vso[", "##teamcity["];

/// `text` with every hidden character written as `\u{1b}`, line ends as `\n`, and CI commands broken: `::` at
/// the beginning of a line (GitHub also takes it after blanks) and the forms of [`COMMANDS`]. Plain text
/// otherwise: for blocks, terminals and XML, whose writer does its own quoting.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !has_hidden(text) && !text.contains("::") && !text.contains("##") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
        }
        visible_line(&mut out, line.strip_suffix('\r').unwrap_or(line));
    }
    Cow::Owned(out)
}

fn visible_line(out: &mut String, line: &str) {
    let blanks = line.len() - line.trim_start().len();
    let command_at = line[blanks..].starts_with("::").then_some(blanks);
    for (at, c) in line.char_indices() {
        let opens_command =
            Some(at) == command_at || COMMANDS.iter().any(|command| line[at..].starts_with(command));
        if opens_command || is_hidden(c) {
            // Writing into a String cannot fail.
            let _ = write!(out, "{}", c.escape_unicode());
        } else {
            out.push(c);
        }
    }
}

/// [`visible`] text on one line.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    match visible(text.trim_end_matches(['\n', '\r'])) {
        text if text.contains(['\n', '\t']) => Cow::Owned(text.replace('\n', " ⏎ ").replace('\t', " ")),
        text => text,
    }
}

/// The first `most` characters of `text`, and `…` if there are more: where a page holds many texts of others,
/// one of them must not fill it. What is cut off stands in the cell's own page.
pub(crate) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((at, _)) => Cow::Owned(format!("{}…", text[..at].trim_end())),
        None => Cow::Borrowed(text),
    }
}

/// Text for a markdown paragraph, list item or table cell: nothing in it is markup, and it stays on its line.
pub(crate) fn inline(text: &str) -> Cow<'_, str> {
    let text = one_line(text);
    if !text.contains(is_markup) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // Not `\|`: a table's row is split before backslashes are understood.
            '|' => out.push_str("&#124;"),
            '@' => out.push_str("&#64;"),
            other if is_markup(other) => {
                out.push('\\');
                out.push(other);
            }
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

fn is_markup(c: char) -> bool {
    matches!(
        c,
        '&' | '<' | '>' | '|' | '@' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '$' | '#'
    )
}

/// Text as code within a line, the same in a paragraph and in a table. Text that a span of backticks cannot
/// hold in both places (a backtick, or a `|` that would end the table's cell) is written as `<code>` with
/// character references.
pub(crate) fn code(text: &str) -> String {
    let text = one_line(text);
    if !text.is_empty() && !text.contains(['`', '|', '\\']) && text.trim() == text {
        return format!("`{text}`");
    }
    let mut out = String::from("<code>");
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            let _ = write!(out, "&#{};", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out.push_str("</code>");
    out
}

/// [`xml`] with line ends and tabs as they are, for `<pre>`.
pub(crate) fn html_block(text: &str) -> Cow<'_, str> {
    references(visible(text))
}

fn references(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 32);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// Text as code within a line of HTML.
pub(crate) fn html_code(text: &str) -> String {
    format!("<code>{}</code>", xml(text))
}

/// A fenced block. The fence is longer than any run of backticks in the text, so the text cannot close it.
pub(crate) fn fenced(out: &mut String, language: &str, text: &str) {
    let text = visible(text);
    let fence = "`".repeat(longest_run_of_backticks(&text).max(2) + 1);
    let body = text.trim_end_matches('\n');
    out.push_str(&fence);
    out.push_str(language);
    out.push('\n');
    out.push_str(body);
    if !body.is_empty() {
        out.push('\n');
    }
    out.push_str(&fence);
    out.push('\n');
}

fn longest_run_of_backticks(text: &str) -> usize {
    if !text.contains("```") {
        return 0;
    }
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// JSON text in which every hidden character and CI command is written as `\u001b`: the data is the same to a
/// reader of JSON. Outside of strings JSON is plain ASCII, so only strings are changed.
pub(crate) fn json_text(text: String) -> String {
    if !has_hidden(&text) && !text.contains("##") {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 64);
    for (at, c) in text.char_indices() {
        let opens_command = c == '#' && COMMANDS.iter().any(|command| text[at..].starts_with(command));
        if opens_command || is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Text for the content or a quoted attribute of XML and HTML, on one line.
pub(crate) fn xml(text: &str) -> Cow<'_, str> {
    references(one_line(text))
}

/// Text for a message, note or label of a Mermaid diagram. All punctuation that could be read as syntax (`;`
/// and newlines end a statement, `%%` begins a comment or directive, `$$` a formula, `<` markup) becomes one
/// of Mermaid's own references: `#59;`.
pub(crate) fn mermaid(text: &str) -> String {
    let text = one_line(text);
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if c.is_ascii_punctuation() && !".,:-()/=_*'+?!".contains(c) {
            let _ = write!(out, "#{};", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Text as the message of a GitHub workflow command: its runner unescapes `%25`, `%0D` and `%0A`
/// (src/Runner.Common/ActionCommand.cs of actions/runner).
pub(crate) fn command_data(text: &str) -> String {
    visible(text)
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Text as a property of a GitHub workflow command, which a `,` or `:` would end.
pub(crate) fn command_property(text: &str) -> String {
    command_data(&one_line(text))
        .replace(':', "%3A")
        .replace(',', "%2C")
}

/// A command line to copy into a POSIX shell.
pub(crate) fn shell(argv: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    let mut out = String::new();
    for word in argv {
        if !out.is_empty() {
            out.push(' ');
        }
        if !word.is_empty() && word.chars().all(plain) {
            out.push_str(word);
        } else {
            out.push('\'');
            out.push_str(&word.replace('\'', r"'\''"));
            out.push('\'');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_shown() {
        for (text, shown) in [
            ("plain — text", "plain — text"),
            ("\u{1b}[31mred", r"\u{1b}[31mred"),
            ("a\u{202e}b", r"a\u{202e}b"),
            ("a\r\nb\rc", "a\nb\\u{d}c"),
            ("nul\0", r"nul\u{0}"),
            ("::error::x", r"\u{3a}:error::x"),
            ("a\n \t::set-env", "a\n \t\\u{3a}:set-env"),
            ("x ##[group]", r"x \u{23}#[group]"),
            ("std::fmt ## two", "std::fmt ## two"),
        ] {
            assert_eq!(visible(text), shown, "{text:?}");
        }
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        for (text, most, short) in [
            ("äöü", 3, "äöü"),
            ("äöü", 2, "äö…"),
            ("a  b", 2, "a…"),
            ("", 0, ""),
        ] {
            assert_eq!(cut(text, most), short, "{text:?}");
        }
    }

    #[test]
    fn markup_is_text() {
        for (text, escaped) in [
            ("plain", "plain"),
            ("<script>&", "&lt;script&gt;&amp;"),
            (r"a|b\|c", r"a&#124;b\\&#124;c"),
            (
                "*b* _i_ [l](u) `c` ~s~ $m$",
                r"\*b\* \_i\_ \[l\](u) \`c\` \~s\~ \$m\$",
            ),
            ("two\nlines", "two ⏎ lines"),
        ] {
            assert_eq!(inline(text), escaped, "{text:?}");
        }
    }

    #[test]
    fn code_holds_anything() {
        for (text, escaped) in [
            ("select 1", "`select 1`"),
            ("<b>", "`<b>`"),
            ("a`b", "<code>a&#96;b</code>"),
            ("a|b", "<code>a&#124;b</code>"),
            (r"a\", "<code>a&#92;</code>"),
            ("", "<code></code>"),
        ] {
            assert_eq!(code(text), escaped, "{text:?}");
        }
    }

    #[test]
    fn html_is_text() {
        for (text, escaped) in [
            ("plain", "plain"),
            (
                "<a href='x' b=\"y\">&",
                "&lt;a href=&#39;x&#39; b=&quot;y&quot;&gt;&amp;",
            ),
            ("</noscript>\n\u{202e}", r"&lt;/noscript&gt; ⏎ \u{202e}"),
        ] {
            assert_eq!(xml(text), escaped, "{text:?}");
        }
        assert_eq!(html_block("a\n<b\t\u{0}"), "a\n&lt;b\t\\u{0}");
    }

    #[test]
    fn a_fence_cannot_be_closed_by_its_text() {
        let mut out = String::new();
        fenced(&mut out, "text", "a\n````\nb\n");
        assert_eq!(out, "`````text\na\n````\nb\n`````\n");
    }

    #[test]
    fn json_keeps_the_data() {
        let data = "\u{1b}\u{202e}\u{e0001}##[x";
        let text = json_text(serde_json::to_string(data).unwrap());
        assert!(text.is_ascii(), "{text}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), data);
    }

    #[test]
    fn a_command_stays_one_command() {
        let text = "100 % of a,b:\r\n::error::x\u{1b}";
        assert_eq!(command_data(text), "100 %25 of a,b:%0A\\u{3a}:error::x\\u{1b}");
        assert_eq!(
            command_property(text),
            "100 %25 of a%2Cb%3A ⏎ \\u{3a}%3Aerror%3A%3Ax\\u{1b}"
        );
    }

    #[test]
    fn shell_words_survive() {
        let argv = ["sysctl", "-w", "a.b=1\t2", "it's", ""].map(str::to_owned);
        assert_eq!(shell(&argv), "sysctl -w 'a.b=1\t2' 'it'\\''s' ''");
    }
}
