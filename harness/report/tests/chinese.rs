//! Reports in Simplified Chinese: all of it is Chinese but what others wrote and what other programs print.

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test says that its input was not what it needs"
)]

mod common;

use lvs_matrix_report::{Language, RunReport, html, json, junit, markdown, markdown_cell, summary, terminal};
use std::collections::BTreeSet;

fn chinese() -> RunReport {
    common::report().in_language(Language::Chinese)
}

#[test]
fn chinese_form() {
    insta::assert_snapshot!("chinese_markdown", markdown(&chinese()));
    let report = chinese();
    let hang = report.cell("config-change/absent_execute-sql").unwrap();
    insta::assert_snapshot!("chinese_page_of_a_hang", markdown_cell(&report, hang));
}

/// Whatever the language, programs read the same.
#[test]
fn reports_for_programs_stay_english() {
    let (english, chinese) = (common::report(), chinese());
    assert_eq!(json(&english).unwrap(), json(&chinese).unwrap());
    assert_eq!(junit(&english).unwrap(), junit(&chinese).unwrap());
    assert_eq!(terminal(&english), terminal(&chinese));
    assert!(html(&chinese).starts_with("<!doctype html>\n<html lang=\"zh-CN\">"));
}

/// What programs and authors wrote, names, and words that are the same in both languages.
fn known(report: &RunReport) -> BTreeSet<String> {
    let mut texts = vec![
        "OK NG FIN RST SYN ACK ICMP port unreachable IPVS LVS VIP TCP IP errno sql mysql MySQL mysqld \
         server_id lvs matrix tcpdump Wireshark capture pcapng record json report md junit xml User mode \
         Linux Home End Enter Escape KiB GET select Sleep ESTABLISHED ECONNREFUSED ECONNRESET ETIMEDOUT \
         Markdown SIGINT client director rs1 eth0 ESTAB"
            .to_owned(),
    ];
    let run = report.run();
    for scenario in &run.scenarios {
        texts.extend([scenario.claim.clone(), scenario.name.to_string()]);
        if let Some(source) = &scenario.source {
            texts.extend([source.title.clone(), source.url.to_string()]);
        }
        for axis in &scenario.axes {
            texts.push(axis.name.to_string());
            texts.extend(axis.values.iter().map(ToString::to_string));
        }
    }
    // Everything that was recorded: messages, proofs, reasons of a failure, versions.
    for cell in report.cells() {
        texts.push(serde_json::to_string(&cell.record).unwrap());
    }
    let missing = report.missing().iter();
    texts.extend(missing.map(|missing| serde_json::to_string(&missing.reason).unwrap()));
    texts.iter().flat_map(|text| words(text)).collect()
}

/// Runs of ASCII letters.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.chars().filter(char::is_ascii_alphabetic).count() > 1)
        // Times and counts: `15m32s`.
        .filter(|word| !word.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
}

/// Markdown without code, blocks and targets of links.
fn prose(markdown: &str) -> String {
    let mut out = String::new();
    let mut fence: Option<&str> = None;
    for line in markdown.lines() {
        let mark = line.trim_start();
        match fence {
            Some(open) if mark == open => fence = None,
            Some(_) => {}
            None if mark.starts_with("```") => {
                fence = Some(&mark[..mark.len() - mark.trim_start_matches('`').len()])
            }
            None => {
                out.push_str(&without(&without(&without(line, "`", "`"), "](", ")"), "<", ">"));
                out.push('\n');
            }
        }
    }
    out
}

/// `text` without what stands between `open` and `close`.
fn without(text: &str, open: &str, close: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, inside)) = rest.split_once(open) {
        out.push_str(before);
        out.push(' ');
        rest = inside.split_once(close).map_or("", |(_, after)| after);
    }
    out + rest
}

#[test]
fn nothing_english_is_left_in_markdown() {
    let report = chinese();
    let known = known(&report);
    let mut pages = vec![
        markdown(&report),
        summary(&report, usize::MAX),
        summary(&report, 3000),
    ];
    pages.extend(report.cells().iter().map(|cell| markdown_cell(&report, cell)));
    for page in pages {
        assert!(page.contains("客户端"), "{page}");
        let left: BTreeSet<String> = words(&prose(&page))
            .filter(|word| !known.contains(word))
            .collect();
        assert_eq!(left, BTreeSet::new(), "{page}");
    }
}

#[test]
fn nothing_english_is_left_in_html() {
    let report = chinese();
    let known = known(&report);
    let page = html(&report);
    let body = &page[page.find("<body>").unwrap()..];
    // What is not prose: blocks and code.
    let mut text = body.to_owned();
    for (open, close) in [("<pre", "</pre>"), ("<code>", "</code>")] {
        text = without(&text, open, close);
    }
    // Names for those who do not see, and hints, are attributes.
    let named: String = ["aria-label=\"", "placeholder=\"", "title=\""]
        .iter()
        .flat_map(|name| text.split(name).skip(1))
        .filter_map(|rest| rest.split_once('"'))
        .map(|(value, _)| format!("{value} "))
        .collect();
    let shown = without(&text, "<", ">")
        .replace("&#39;", "'")
        .replace("&quot;", "\"");
    let left: BTreeSet<String> = words(&(shown + &named))
        .filter(|word| !known.contains(word))
        .collect();
    assert_eq!(left, BTreeSet::new());
}

#[test]
fn foreign_text_is_as_harmless() {
    let report = common::hostile::report().in_language(Language::Chinese);
    let page = html(&report);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !page.contains("<script>alert"));
    // What is between backticks in markdown is code; elsewhere nothing of it is markup.
    let pages = report.cells().iter().map(|cell| markdown_cell(&report, cell));
    for page in pages.chain([markdown(&report)]) {
        assert!(
            !prose(&page).contains("](javascript") && !page.contains("\u{1b}") && !page.contains("\n::error")
        );
    }
}
