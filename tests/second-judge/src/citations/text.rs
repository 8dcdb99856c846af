//! What a text names: packets in brackets, times as far as they were rounded, and counts.

/// A packet that a text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention<'t> {
    /// The words before it.
    pub(super) clause: &'t str,
    /// Its number.
    pub(super) packet: u32,
    /// The last packet of a range that begins with it.
    pub(super) to: Option<u32>,
    /// The time that the text gives.
    pub(super) at: Option<&'t str>,
    /// The host on whose interface it was, by the text.
    pub(super) host: Option<&'t str>,
    /// Is it the second of `packet A to packet B`?
    pub(super) again: bool,
}

/// The packets that a text names in brackets.
pub(super) fn mentions(text: &str) -> Vec<Mention<'_>> {
    let mut found = Vec::new();
    let mut clause_from = 0;
    for (open, close) in brackets(text) {
        let inside = text.get(open + 1..close).unwrap_or_default();
        let clause = text.get(clause_from..open).unwrap_or_default();
        // After a paragraph's last sentence, what shows it is listed.
        let listed = ["step", "snapshot", "event", "server"]
            .iter()
            .any(|word| inside.starts_with(word));
        let said = clause.trim_end().trim_end_matches(')').ends_with('.');
        if listed || (said && inside.starts_with("packet")) {
            continue;
        }
        let before = found.len();
        read(clause, inside, &mut found);
        if found.len() > before {
            clause_from = close + 1;
        }
    }
    found
}

/// Outermost brackets.
fn brackets(text: &str) -> Vec<(usize, usize)> {
    let (mut found, mut depth, mut open, mut quoted) = (Vec::new(), 0, 0, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '`' => quoted = !quoted,
            '(' if !quoted => {
                if depth == 0 {
                    open = at;
                }
                depth += 1;
            }
            ')' if !quoted && depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    found.push((open, at));
                }
            }
            _ => {}
        }
    }
    found
}

/// `packet 33, at 1s on director, to packet 97, at 14m2s`, `packets 32 to 96 on client`,
/// `packet 3, 4, 5 on client`.
fn read<'t>(clause: &'t str, inside: &'t str, found: &mut Vec<Mention<'t>>) {
    let words: Vec<&'t str> = inside.split_whitespace().collect();
    let bare = |at: usize| {
        words
            .get(at)
            .map(|word: &&'t str| word.trim_end_matches([',', ';']))
    };
    let number = |at: usize| bare(at).and_then(|word| word.parse::<u32>().ok());
    let mut at = 0;
    let first_of_group = found.len();
    while at < words.len() {
        let named = matches!(words.get(at), Some(&"packet" | &"packets"));
        at += 1;
        let Some(packet) = number(at).filter(|_| named) else {
            continue;
        };
        let again = at >= 2 && words.get(at - 2) == Some(&"to");
        // What stands before the packet within the brackets is part of what is said of it.
        let clause = if at >= 2
            && found.len() == first_of_group
            && !matches!(words.first(), Some(&"packet" | &"packets" | &"first" | &"last"))
        {
            inside.split("packet").next().unwrap_or(clause)
        } else {
            clause
        };
        let mut mention = Mention {
            clause,
            packet,
            to: None,
            at: None,
            host: None,
            again,
        };
        at += 1;
        let mut more = Vec::new();
        if words.get(at) == Some(&"to") && number(at + 1).is_some() {
            mention.to = number(at + 1);
            at += 2;
        }
        while let Some(next) = number(at) {
            more.push(next);
            at += 1;
        }
        if words.get(at) == Some(&"at") {
            mention.at = bare(at + 1);
            at += 2;
        }
        if words.get(at) == Some(&"on") {
            mention.host = bare(at + 1);
        } else if bare(at) == Some("there") {
            mention.host = Some("there");
        }
        if again && let Some(first) = found.get_mut(first_of_group..).and_then(<[_]>::first_mut) {
            first.to = Some(packet);
            mention.host = mention.host.or(first.host);
        }
        let others = more.into_iter().map(|packet| Mention {
            packet,
            ..mention.clone()
        });
        let others: Vec<_> = others.collect();
        found.push(mention);
        found.extend(others);
    }
}

pub(super) fn tail(text: &str) -> &str {
    let from = text.char_indices().rev().nth(60).map_or(0, |(at, _)| at);
    text.get(from..).unwrap_or(text)
}

/// `once`, `twice`, `16 times`.
pub(super) fn count(text: &str) -> Option<usize> {
    match text {
        "once" => Some(1),
        "twice" => Some(2),
        _ => text.strip_suffix(" times")?.parse().ok(),
    }
}

/// Is this the time that the text says, as far as it was rounded?
pub(super) fn same_span(nanos: i64, text: &str) -> Result<(), String> {
    let (said, slack) = span(text).ok_or_else(|| format!("`{text}` is no time"))?;
    ((nanos - said).abs() <= slack)
        .then_some(())
        .ok_or_else(|| format!("{nanos} ns are not {text}"))
}

/// A time as reports write it, and by how much it may have been rounded: both in nanoseconds.
pub(super) fn span(text: &str) -> Option<(i64, i64)> {
    const MS: i64 = 1_000_000;
    match text {
        "<1ms" => return Some((0, MS)),
        "0s" => return Some((0, MS)),
        _ => {}
    }
    if let Some(millis) = text.strip_suffix("ms") {
        return Some((millis.parse::<i64>().ok()? * MS, MS / 2 + 1));
    }
    let (mut sum, mut number, mut coarse) = (0, String::new(), false);
    for letter in text.chars() {
        let unit = match letter {
            'h' => 3600.0,
            'm' => 60.0,
            's' => 1.0,
            '0'..='9' | '.' => {
                number.push(letter);
                continue;
            }
            _ => return None,
        };
        coarse |= letter != 's';
        #[expect(clippy::cast_possible_truncation, reason = "a day has 86,400 seconds")]
        let nanos = (number.parse::<f64>().ok()? * unit * 1e9).round() as i64;
        sum += nanos;
        number.clear();
    }
    let slack = if coarse { 500 * MS } else { 5 * MS };
    number.is_empty().then_some((sum, slack + 1))
}

#[cfg(test)]
mod tests {
    use super::{Mention, mentions, span};

    #[test]
    fn packets_are_found_in_brackets() {
        let text = "It arrived twice (packet 3, at 1s on director, to packet 5, at 2s), `(packet 9)`, twice \
            more (packets 7 to 8 on client).";
        let found: Vec<_> = mentions(text)
            .iter()
            .map(
                |Mention {
                     packet, to, at, host, ..
                 }| (*packet, *to, *at, *host),
            )
            .collect();
        assert_eq!(
            found,
            [
                (3, Some(5), Some("1s"), Some("director")),
                (5, None, Some("2s"), Some("director")),
                (7, Some(8), None, Some("client")),
            ]
        );
    }

    #[test]
    fn times_are_read_as_far_as_they_were_rounded() {
        assert_eq!(span("219ms"), Some((219_000_000, 500_001)));
        assert_eq!(span("3.05s"), Some((3_050_000_000, 5_000_001)));
        assert_eq!(span("16m5s"), Some((965_000_000_000, 500_000_001)));
        assert_eq!(span("soon"), None);
    }
}
