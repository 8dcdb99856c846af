//! Each rule has something that decides it.

use super::cases::DECIDES;
use super::faults::FAULTS;
use super::made::MADE;
use super::recorded::RECORDED;
use super::said::SAID;
use super::stored::known;
use super::table::TABLE;
use super::*;
use lvs_matrix_explain::{Status, explain};
use std::collections::BTreeSet;

/// Rules beside which another explains the same.
const BESIDE: &[&str] = &["answer-past-the-director", "delayed-on-the-link"];

#[test]
fn a_rule_does_not_hold_without_what_decides_it() {
    for (rule, id, what, damage) in TABLE.iter().chain(FAULTS).chain(SAID) {
        let mut cell = stored(id);
        assert!(rules(&explain(&cell)).contains(rule), "{rule} holds for {id}");
        damage(&mut cell);
        let explanation = explain(&cell);
        assert!(
            !rules(&explanation).contains(rule),
            "{rule} still holds for {id}, though it is not so that {what}"
        );
        // The others must not step in with a wrong story: what is left over has no explanation.
        if !BESIDE.contains(rule) {
            match &explanation.status {
                Status::Unexplained { questions } => assert!(!questions.is_empty()),
                other => panic!("{rule} {what}: {other:?}\n{}", plain(&explanation)),
            }
            assert_eq!(explanation.known, cell.observed.evidence);
        }
    }
}

/// Every rule that a stored cell shows has something that decides it, above.
#[test]
fn no_rule_is_without_its_counter_test() {
    let shown: BTreeSet<&str> = known().into_iter().flat_map(|(_, rules)| rules).collect();
    let of_stored: BTreeSet<&str> = TABLE
        .iter()
        .chain(FAULTS)
        .chain(SAID)
        .map(|(rule, ..)| *rule)
        .collect();
    assert!(of_stored.is_subset(&shown), "{of_stored:?}");
    let countered: BTreeSet<&str> = of_stored
        .into_iter()
        .chain(DECIDES.iter().map(|(rule, ..)| *rule))
        .collect();
    assert!(shown.is_subset(&countered), "{:?}", shown.difference(&countered));
    // And what no stored cell shows is made.
    let made: BTreeSet<&str> = MADE.iter().map(|(rule, ..)| *rule).collect();
    let recorded: BTreeSet<&str> = RECORDED.iter().map(|(rule, ..)| *rule).collect();
    let missing: Vec<_> = stored::RULES
        .iter()
        .filter(|rule| !shown.contains(*rule) && !made.contains(*rule) && !recorded.contains(*rule))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
