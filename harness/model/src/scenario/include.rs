//! Files that a scenario names and whose text becomes a part of it: configurations of keepalived. The text
//! takes the place of the name before anything else is read.

use super::mistake::{Mistake, MistakeKind, Mistakes, quoted};
use super::yaml::{Entry, Kind, Node};
use crate::keepalived::Config;
use std::path::{Component, Path};

/// Gives the text of a file by its name, or says why there is none.
pub type Files<'f> = dyn FnMut(&str) -> Result<String, String> + 'f;

/// What may name a file, and the field that does.
const NAMES_A_FILE: [&str; 2] = ["keepalived", "reload-keepalived"];
const FIELD: &str = "config";

/// Puts the text of each file in the place of its name.
pub(super) fn include(node: &mut Node, files: &mut Files<'_>, mistakes: &mut Mistakes) {
    match &mut node.kind {
        Kind::List(items) => items.iter_mut().for_each(|item| include(item, files, mistakes)),
        Kind::Map(entries) => {
            for Entry { key, value } in entries {
                if NAMES_A_FILE.contains(&key.value.as_str()) {
                    each(value, &mut |said| {
                        let Kind::Map(fields) = &mut said.kind else { return };
                        let mut fields = fields.iter_mut();
                        if let Some(field) = fields.find(|field| field.key.value == FIELD) {
                            each(&mut field.value, &mut |name| put(name, files, mistakes));
                        }
                    });
                }
                include(value, files, mistakes);
            }
        }
        Kind::Empty | Kind::Scalar(_) | Kind::Refused => {}
    }
}

/// A value, or each of the alternatives that an action of `explore` has in its place.
fn each(node: &mut Node, what: &mut impl FnMut(&mut Node)) {
    match &mut node.kind {
        Kind::List(alternatives) => alternatives.iter_mut().for_each(what),
        Kind::Empty | Kind::Scalar(_) | Kind::Map(_) | Kind::Refused => what(node),
    }
}

fn put(node: &mut Node, files: &mut Files<'_>, mistakes: &mut Mistakes) {
    let Kind::Scalar(text) = &node.kind else { return };
    // Of several lines it is the configuration itself.
    if text.trim().is_empty() || text.trim().contains('\n') {
        return;
    }
    let name = text.trim().to_owned();
    let below = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    let read = match Path::new(&name).components().all(below) {
        true => files(&name),
        false => Err("it must lie in the folder of the scenario, or below it".to_owned()),
    };
    node.kind = match read {
        Ok(text) => Kind::Scalar(Config::of_file(&name, &text).text().to_owned()),
        Err(why) => {
            mistakes.add(Mistake::new(
                MistakeKind::KeepalivedConfig,
                node.span,
                format!("the configuration {} cannot be read", quoted(&name)),
                why,
            ));
            Kind::Refused
        }
    };
}
