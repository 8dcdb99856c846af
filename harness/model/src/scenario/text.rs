//! What is accepted as text at all, before it is read as YAML.

use super::mistake::{Mistake, MistakeKind};
use super::place::{Lines, Span};

/// The largest file in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Characters that show a reader another text than the one that is run: overrides of the writing direction,
/// line ends that only some programs know, byte order marks within a text; and what is no character at all,
/// which XML cannot have either.
pub(super) fn is_misleading(c: char) -> bool {
    let number = u32::from(c);
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        || matches!(c, '\u{fdd0}'..='\u{fdef}')
        || number & 0xFFFE == 0xFFFE
}

/// What makes a text no text at all.
pub(super) fn unreadable(text: &str, lines: &Lines<'_>) -> Option<Mistake> {
    if text.len() > MAX_BYTES {
        return Some(too_large(text.len(), lines.span(0, 0)));
    }
    let (at, found) = text.char_indices().find(|(at, c)| match c {
        '\n' | '\t' => false,
        // The mark of UTF-8 files of some systems.
        '\u{feff}' => *at > 0,
        '\r' => !text[*at..].starts_with("\r\n"),
        c => c.is_control() || is_misleading(*c),
    })?;
    let what = match found {
        '\r' => "a carriage return without a line feed".to_owned(),
        '\0' => "a NUL character".to_owned(),
        other => format!("the control character U+{:04X}", u32::from(other)),
    };
    Some(
        Mistake::new(
            MistakeKind::ControlCharacter,
            lines.span(at, at + found.len_utf8()),
            format!("{what} in the file"),
            "only text, line ends and tabs are accepted",
        )
        .help("save the file as UTF-8 text with line ends of Unix or Windows"),
    )
}

/// The mistake of a file of `size` bytes.
pub(super) fn too_large(size: usize, span: Span) -> Mistake {
    Mistake::new(
        MistakeKind::TooLarge,
        span,
        format!("the file has {size} bytes"),
        format!("at most {MAX_BYTES} bytes are accepted"),
    )
    .help("is it a scenario? Split a large one into several files")
}

/// The mistake of a file that is not UTF-8 from the byte `at` on, in its lossy conversion.
pub(super) fn not_utf8(lossy: &str, at: usize) -> Mistake {
    // Up to the first bad byte both are the same; there the lossy text has U+FFFD, which is three bytes long.
    let span = Lines::new(lossy).span(at, at + char::REPLACEMENT_CHARACTER.len_utf8());
    Mistake::new(
        MistakeKind::NotUtf8,
        span,
        format!("the file is not UTF-8 text: byte {at} is not a part of any character"),
        "only UTF-8 text is accepted",
    )
    .help("save the file as UTF-8")
}
