//! One bad file per message, with its rendered text beside it, in `tests/fixtures/invalid.txt`. The texts
//! are reviewed like code: `UPDATE_FIXTURES=1 cargo test -p lvs-matrix-model --test invalid` writes them
//! anew.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; its helpers are no production code"
)]

mod support;

use lvs_matrix_model::scenario::{MistakeKind, Severity, Style, load, load_bytes, render};
use std::collections::BTreeSet;
use support::fixtures::{cases, differing};

/// Kinds whose file would be too large to keep; `limits.rs` makes them.
const MADE_BY_TESTS: [MistakeKind; 3] = [
    MistakeKind::TooLarge,
    MistakeKind::TooManyNodes,
    MistakeKind::More,
];

/// `unknown-field` for [`MistakeKind::UnknownField`].
fn name(kind: MistakeKind) -> String {
    serde_json::to_value(kind).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn every_bad_file_gives_its_message() {
    let mut said = Vec::new();
    for case in cases("invalid") {
        let stem = &case.stem;
        let mistakes = load_bytes(&case.bytes).expect_err(stem);
        assert!(!mistakes.is_empty(), "{stem} is refused without a mistake");
        let text = String::from_utf8_lossy(&case.bytes);
        let rendered = render(&mistakes, &format!("{stem}.yaml"), &text, Style::Plain);
        let controls = rendered.chars().filter(|c| c.is_control() && *c != '\n').count();
        assert_eq!(controls, 0, "{stem} brings control characters to the terminal");
        said.push((case, rendered));
    }
    assert!(said.len() > 100, "{} cases", said.len());
    let differing = differing("invalid", &said);
    assert!(
        differing.is_empty(),
        "these texts changed; if that is right, run with UPDATE_FIXTURES=1\n{}",
        differing.join("\n")
    );
}

#[test]
fn every_file_that_is_warned_of_is_accepted_with_its_warning() {
    let mut said = Vec::new();
    for case in cases("warned") {
        let stem = &case.stem;
        let text = String::from_utf8_lossy(&case.bytes).into_owned();
        let warnings = load(&text).expect(stem).warnings;
        let fits = |kind| stem.starts_with(&name(kind));
        assert!(
            warnings
                .iter()
                .all(|warning| warning.severity == Severity::Warning && fits(warning.kind)),
            "{stem} is named for its warnings: {warnings:#?}"
        );
        let rendered = render(&warnings, &format!("{stem}.yaml"), &text, Style::Plain);
        assert!(rendered.starts_with("warning: "), "{rendered}");
        said.push((case, rendered));
    }
    assert!(!said.is_empty());
    let differing = differing("warned", &said);
    assert!(
        differing.is_empty(),
        "these texts changed; if that is right, run with UPDATE_FIXTURES=1\n{}",
        differing.join("\n")
    );
}

#[test]
fn every_kind_has_a_bad_file() {
    let mut missing: BTreeSet<_> = MistakeKind::ALL.iter().copied().collect();
    for kind in MADE_BY_TESTS {
        missing.remove(&kind);
    }
    for case in cases("invalid") {
        let stem = case.stem;
        let mistakes = load_bytes(&case.bytes).expect_err(&stem);
        if stem == "many-at-once" {
            continue;
        }
        let named = mistakes
            .iter()
            .find(|mistake| stem.starts_with(&name(mistake.kind)));
        let kind = named
            .unwrap_or_else(|| panic!("{stem} has no mistake of the kind it is named for: {mistakes:?}"));
        assert!(
            mistakes.iter().all(|mistake| mistake.kind == kind.kind),
            "{stem} has other mistakes as well: {mistakes:#?}"
        );
        missing.remove(&kind.kind);
    }
    for case in cases("warned") {
        let text = String::from_utf8_lossy(&case.bytes).into_owned();
        missing.retain(|kind| {
            load(&text)
                .unwrap()
                .warnings
                .iter()
                .all(|warning| warning.kind != *kind)
        });
    }
    assert!(missing.is_empty(), "no bad file for {missing:?}");
}

#[test]
fn all_mistakes_of_a_file_are_found_at_once() {
    let mut cases = cases("invalid").into_iter();
    let case = cases.find(|case| case.stem == "many-at-once").unwrap();
    let mistakes = load_bytes(&case.bytes).unwrap_err();
    let kinds: BTreeSet<_> = mistakes.iter().map(|mistake| mistake.kind).collect();
    assert!(mistakes.len() >= 10 && kinds.len() >= 8, "{mistakes:#?}");
    assert!(
        mistakes.is_sorted_by_key(|mistake| mistake.span.start),
        "in the order of the file"
    );
}

#[test]
fn places_far_apart_are_named_and_not_all_shown() {
    let between = "# a long comment that is repeated\n".repeat(1000);
    let text = format!("name: a\n{between}name: b\n");
    let rendered = render(&load(&text).unwrap_err(), "far.yaml", &text, Style::Plain);
    assert!(rendered.contains(" --> far.yaml:1002:1\n"), "{rendered}");
    assert!(rendered.contains("= note: line 1: the first one\n"), "{rendered}");
    assert!(!rendered.contains("repeated"), "{rendered}");
}

#[test]
fn colours_are_only_added() {
    let text = "name: A\n";
    let mistakes = load(text).unwrap_err();
    let coloured = render(&mistakes, "a.yaml", text, Style::Coloured);
    assert!(coloured.contains("\u{1b}["));
    // SGR sequences and hyperlinks are all that colours add.
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some(at) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..at]);
        rest = rest[at..].split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    assert_eq!(plain, render(&mistakes, "a.yaml", text, Style::Plain));
}
