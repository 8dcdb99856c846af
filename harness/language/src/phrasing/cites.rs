//! Where something can be seen, in words.

use crate::catalogue::Language;
use lvs_matrix_model::verdict::Citation;

/// A statement with what shows it: `the client was refused (event 3, packets 12 and 14)`.
pub fn shown(words: Language, what: &str, shown_by: &[Citation]) -> String {
    if shown_by.is_empty() {
        return what.to_owned();
    }
    words.shown_by(what, citations(words, shown_by))
}

/// `packet 12`.
pub fn citation(words: Language, citation: Citation) -> String {
    let (kind, number) = parts(words, citation);
    words.numbered(kind, number)
}

/// Up to so many numbers of one kind are all listed.
const LISTED_IN_FULL: usize = 5;

/// Citations with neighbours of one kind drawn together: `event 3, packets 32, 34, 36 … 96 (17 in all)`.
fn citations(words: Language, places: &[Citation]) -> String {
    let mut groups: Vec<(&str, Vec<u32>)> = Vec::new();
    for place in places {
        let (kind, number) = parts(words, *place);
        match groups.last_mut() {
            Some((last, numbers)) if *last == kind => {
                if numbers.last() != Some(&number) {
                    numbers.push(number);
                }
            }
            Some(_) | None => groups.push((kind, vec![number])),
        }
    }
    let texts = groups.iter().map(|(kind, numbers)| group(words, kind, numbers));
    texts.collect::<Vec<_>>().join(words.listed())
}

fn group(words: Language, kind: &str, numbers: &[u32]) -> String {
    let list = |numbers: &[u32]| {
        numbers
            .iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(words.listed())
    };
    match numbers {
        [one] => words.numbered(kind, one),
        [first, second, third, .., last] if numbers.len() > LISTED_IN_FULL => {
            let shown = words.many_numbered(list(&[*first, *second, *third]), last, numbers.len());
            words.several_numbered(kind, shown)
        }
        [rest @ .., last] => words.several_numbered(kind, words.last_of(list(rest), last)),
        [] => String::new(),
    }
}

fn parts(words: Language, citation: Citation) -> (&'static str, u32) {
    match citation {
        Citation::Event(number) => (words.event(), number),
        Citation::Packet(number) => (words.packet(), number),
        Citation::Snapshot(number) => (words.snapshot(), number),
        Citation::Step(number) => (words.step(), number),
        Citation::Server(number) => (words.server(), number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_are_drawn_together() {
        let packets = |numbers: &[u32]| {
            numbers
                .iter()
                .map(|number| Citation::Packet(*number))
                .collect::<Vec<_>>()
        };
        for (places, text) in [
            (packets(&[7]), "packet 7"),
            (packets(&[7, 7]), "packet 7"),
            (packets(&[7, 9]), "packets 7 and 9"),
            (packets(&[1, 2, 3, 4, 5]), "packets 1, 2, 3, 4 and 5"),
            (packets(&[1, 2, 3, 4, 5, 6]), "packets 1, 2, 3 … 6 (6 in all)"),
        ] {
            assert_eq!(citations(Language::English, &places), text);
        }
        let mixed = [
            Citation::Event(3),
            Citation::Packet(1),
            Citation::Packet(2),
            Citation::Event(4),
        ];
        assert_eq!(
            citations(Language::English, &mixed),
            "event 3, packets 1 and 2, event 4"
        );
        assert_eq!(
            citations(Language::Chinese, &mixed),
            "事件 3、数据包 1 和 2、事件 4"
        );
    }
}
