//! The tables hold what they promise: every text in every language.

use super::*;
use std::collections::BTreeSet;

/// Each with its name in the code, in English and in Chinese.
fn entries() -> Vec<(&'static str, &'static str, &'static str)> {
    [
        cell::ENTRIES,
        drawing::ENTRIES,
        happens::ENTRIES,
        legend::ENTRIES,
        page::ENTRIES,
        run::ENTRIES,
        script::ENTRIES,
        terms::ENTRIES,
        time_line::ENTRIES,
    ]
    .concat()
}

fn is_chinese(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

/// What is left of a text without what is filled in.
fn own(text: &str) -> String {
    text.split('{')
        .map(|part| part.split_once('}').map_or(part, |(_, rest)| rest))
        .collect()
}

/// The names in braces.
fn places(text: &str) -> BTreeSet<&str> {
    let parts = text.split('{').skip(1);
    parts.filter_map(|part| Some(part.split_once('}')?.0)).collect()
}

#[test]
fn every_text_is_there_and_fills_in_the_same() {
    let mut names = BTreeSet::new();
    for (name, english, chinese) in entries() {
        assert!(names.insert(name), "{name} is there twice");
        assert!(!english.is_empty(), "{name}");
        assert_eq!(places(english), places(chinese), "{name}");
        assert!(!own(english).chars().any(is_chinese), "{name}: {english}");
        let worded = words_of(english).next().is_some();
        assert!(!worded || english != chinese, "{name}");
        // A full stop closes a Chinese sentence with nothing after it.
        assert_eq!(chinese.is_empty(), name == "after_sentence", "{name}");
    }
    for &noun in counts::ALL {
        let one = |language: Language| language.count(2, noun);
        assert!(one(Language::Chinese).chars().any(is_chinese), "{noun:?}");
        assert!(one(Language::English).ends_with('s'), "{noun:?}");
    }
}

/// Words that mean the same to readers of either language, and names of what is the same everywhere.
const SHARED: &str = "FIN RST SYN ACK ARP ICMP IP IPVS TCP VIP OK NG KiB SQLSTATE errno mysql mysqld \
    server_id lvs matrix S T U tcpdump Wireshark capture pcapng MySQL Markdown User mode Linux SIGSTOP Home \
    End Enter Escape LVS explain try keepalived QEMU";

/// The English words of a text that are not shared.
fn words_of(text: &str) -> impl Iterator<Item = String> {
    let own = own(text);
    let words = own.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let english = words.filter(|word| {
        word.contains(|c: char| c.is_ascii_alphabetic()) && !SHARED.split(' ').any(|known| known == *word)
    });
    english.map(str::to_owned).collect::<Vec<_>>().into_iter()
}

#[test]
fn chinese_texts_have_no_english_left() {
    for (name, _, chinese) in entries() {
        assert_eq!(words_of(chinese).next(), None, "{name}");
        // Between Chinese, marks are Chinese.
        let marks = own(chinese).chars().any(|c| ",;:()?!".contains(c));
        assert!(!marks || !chinese.chars().any(is_chinese), "{name}: {chinese}");
    }
}

#[test]
fn languages_have_names() {
    for language in Language::ALL {
        assert_eq!(language.name().parse(), Ok(language));
        assert_eq!(
            serde_json::to_string(&language).unwrap_or_default(),
            format!("\"{language}\"")
        );
    }
    assert_eq!("zh-TW".parse::<Language>(), Err(UnknownLanguage));
}
