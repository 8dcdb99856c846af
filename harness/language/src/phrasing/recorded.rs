//! What a record or the judge says in sentences of their own, in Chinese: what showed that a step had its
//! effect, and why something is not known. Records hold these as English text, those of older versions too,
//! so they are known by their form. What has no form ([`super::forms`]) stays as it is: what other programs
//! print, and failures of the lab.

use super::chinese;
use super::forms::DOUBTS;
use crate::catalogue::Language;
use lvs_matrix_model::plan::Phase;
use lvs_matrix_model::record::StepRecord;

/// Why something is not known. Steps are those of the cell.
pub(super) fn doubt(text: &str, steps: &[StepRecord]) -> String {
    said(DOUBTS, text, steps).unwrap_or_else(|| text.to_owned())
}

/// The first form that fits, filled in.
fn said(forms: &[(&str, &str)], text: &str, steps: &[StepRecord]) -> Option<String> {
    forms.iter().find_map(|(english, chinese)| {
        let places = fitted(english, text)?;
        let (head, parts) = parts(chinese);
        let mut out = head.to_owned();
        for (name, literal) in parts {
            let (_, value) = places.iter().find(|(place, _)| *place == name)?;
            out += &filled(forms, name, value, steps);
            out += literal;
        }
        Some(out)
    })
}

/// What stands in a place, in Chinese where it is a sentence of ours again.
fn filled(forms: &[(&str, &str)], name: &str, value: &str, steps: &[StepRecord]) -> String {
    let known = match name {
        "action" => {
            let mut actions = steps.iter().map(|step| &step.action);
            let action = actions.find(|action| action.to_string() == value);
            action.map(chinese::action)
        }
        "phase" => {
            let mut phases = [Phase::Before, Phase::Change, Phase::Act].into_iter();
            let phase = phases.find(|phase| phase.to_string() == value);
            phase.map(|phase| super::phase(Language::Chinese, phase).to_owned())
        }
        "reason" | "at" | "what" => said(forms, value, steps),
        _ => None,
    };
    known.unwrap_or_else(|| value.to_owned())
}

/// A form as its beginning and its places, each with what follows it.
fn parts(form: &str) -> (&str, Vec<(&str, &str)>) {
    let mut pieces = form.split('{');
    let head = pieces.next().unwrap_or_default();
    (head, pieces.filter_map(|piece| piece.split_once('}')).collect())
}

/// What stands in the places of a form, if `text` is of that form: in each as little as can be.
fn fitted<'f, 't>(form: &'f str, text: &'t str) -> Option<Vec<(&'f str, &'t str)>> {
    let (head, parts) = parts(form);
    let mut rest = text.strip_prefix(head)?;
    let mut values = Vec::new();
    let last = parts.len().checked_sub(1);
    for (index, (name, literal)) in parts.into_iter().enumerate() {
        let (value, after) = if Some(index) == last {
            (rest.strip_suffix(literal)?, "")
        } else {
            rest.split_once(literal)?
        };
        if value.is_empty() {
            return None;
        }
        values.push((name, value));
        rest = after;
    }
    rest.is_empty().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lvs_matrix_model::action::{Action, MysqldAction, StopSignal};
    use lvs_matrix_model::record::StepOutcome;
    use std::collections::BTreeSet;

    fn places(form: &str) -> BTreeSet<&str> {
        parts(form).1.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn forms_fill_in_the_same_and_none_hides_another() {
        for forms in [DOUBTS] {
            for (index, (english, chinese)) in forms.iter().enumerate() {
                assert_eq!(places(english), places(chinese), "{english}");
                assert!(english.is_ascii() && !chinese.is_ascii(), "{english}");
                let earlier = forms[..index]
                    .iter()
                    .find(|(form, _)| fitted(form, english).is_some());
                assert_eq!(earlier, None, "{english}");
            }
        }
    }

    #[test]
    fn what_stands_in_a_sentence_is_chinese_too() {
        let steps = [StepRecord {
            number: 2,
            phase: Phase::Change,
            action: Action::Mysqld(MysqldAction::StopMysqld {
                server: lvs_matrix_model::Name::new("rs1").unwrap(),
                signal: StopSignal::Term,
            }),
            began: None,
            ended: None,
            outcome: StepOutcome::NotReached,
            at_end: None,
            commands: Vec::new(),
            operation: None,
        }];
        let action = &steps[0].action;
        assert_eq!(
            doubt(
                &format!(
                    "the premise of the cell did not come about: step 2 (change, {action}) was not reached"
                ),
                &steps
            ),
            "该单元的前提没有成立：步骤 2（变更，停止 rs1 的 mysqld（SIGTERM））没有执行到"
        );
        assert_eq!(
            doubt("the client's event 4 (at 3.05s) is out of order", &steps),
            "客户端的事件 4（在 3.05s 时）顺序不对"
        );
        assert_eq!(
            doubt(
                &format!("step 2 ({action}) could not be done: no route to host"),
                &steps
            ),
            "步骤 2（停止 rs1 的 mysqld（SIGTERM））无法完成：no route to host"
        );
    }
}
