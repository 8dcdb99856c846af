//! Two snapshots held against each other.

use crate::snapshot::{Class, Kind, Snapshot};
use crate::view::{Item, View};
use std::fmt;

/// What became of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// It was not there before.
    New,
    /// It has another value.
    Changed,
    /// It was there before.
    Gone,
    /// It could be looked at before, and cannot any more.
    Unseen,
}

/// Something that was left behind, or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Of which class.
    pub class: Class,
    /// What became of it.
    pub what: What,
    /// What tells it apart within its class.
    pub key: String,
    /// More about it.
    pub detail: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            What::New => "left",
            What::Changed => "changed",
            What::Gone => "gone",
            What::Unseen => "no longer to be seen",
        };
        write!(f, "{}: {what}: {}", self.class, self.key)?;
        if !self.detail.is_empty() {
            write!(f, "  [{}]", self.detail)?;
        }
        Ok(())
    }
}

/// Things that are known to be another's: a class and a pattern in which `*` stands for anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    class: Class,
    pattern: String,
}

/// The text is no [`Allowance`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` allows nothing: write CLASS:PATTERN, with a class of {classes}",
    classes = Class::ALL.map(Class::name).join(", ")
)]
pub struct NotAnAllowance(String);

impl std::str::FromStr for Allowance {
    type Err = NotAnAllowance;

    fn from_str(text: &str) -> Result<Self, NotAnAllowance> {
        let refuse = || NotAnAllowance(text.to_owned());
        let (class, pattern) = text.split_once(':').ok_or_else(refuse)?;
        let class = Class::ALL.into_iter().find(|known| known.name() == class);
        Ok(Self {
            class: class.ok_or_else(refuse)?,
            pattern: pattern.to_owned(),
        })
    }
}

impl Allowance {
    /// Processes are allowed by their command line, everything else by its key.
    fn covers(&self, finding: &Finding) -> bool {
        let text = if finding.class == Class::Processes {
            &finding.detail
        } else {
            &finding.key
        };
        self.class == finding.class && matches(&self.pattern, text)
    }
}

/// `*` stands for any text, also for none.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(head) else {
        return false;
    };
    if rest.is_empty() {
        return true;
    }
    let mut starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    starts.any(|at| matches(rest, &text[at..]))
}

/// What of `after` was not so in `before`, without what is another's and what is allowed.
#[must_use]
pub fn compare(before: &Snapshot, after: &Snapshot, allowed: &[Allowance]) -> Vec<Finding> {
    let nothing = View::default();
    let mut findings = Vec::new();
    for class in Class::ALL {
        let (old, new) = (
            before.classes.get(&class).unwrap_or(&nothing),
            after.classes.get(&class).unwrap_or(&nothing),
        );
        let mut find = |what, key: &str, detail: String| {
            let key = key.to_owned();
            findings.push(Finding {
                class,
                what,
                key,
                detail,
            });
        };
        for reason in new.blind.iter().filter(|reason| !old.blind.contains(reason)) {
            find(What::Unseen, reason, String::new());
        }
        let kind = class.kind();
        for (key, item) in &new.items {
            match old.items.get(key) {
                None if kind != Kind::Values && item.anothers.is_none() => {
                    find(What::New, key, item.detail.clone())
                }
                Some(before) if kind != Kind::Things && before.detail != item.detail => {
                    find(What::Changed, key, difference(before, item));
                }
                None | Some(_) => {}
            }
        }
        // What cannot be looked at any more has not gone for that.
        if kind == Kind::Settings && new.blind.is_empty() {
            for (key, item) in old.items.iter().filter(|(key, _)| !new.items.contains_key(*key)) {
                find(What::Gone, key, item.detail.clone());
            }
        }
    }
    findings.retain(|finding| !allowed.iter().any(|allowance| allowance.covers(finding)));
    findings
}

fn difference(before: &Item, after: &Item) -> String {
    format!(
        "{} → {}",
        before.detail.escape_debug(),
        after.detail.escape_debug()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(class: Class, items: &[(&str, &str, bool)]) -> Snapshot {
        let mut view = View::default();
        for (key, detail, ours) in items {
            view.add_of(*key, *detail, (!ours).then(|| "another's".to_owned()));
        }
        Snapshot {
            format: crate::FORMAT,
            watch: Vec::new(),
            classes: [(class, view)].into(),
        }
    }

    fn found(
        class: Class,
        before: &[(&str, &str, bool)],
        after: &[(&str, &str, bool)],
    ) -> Vec<(What, String)> {
        let findings = compare(&snapshot(class, before), &snapshot(class, after), &[]);
        findings
            .into_iter()
            .map(|found| (found.what, found.key))
            .collect()
    }

    #[test]
    fn each_kind_counts_what_it_should() {
        let (before, after) = (
            [("same", "1", true), ("other", "1", true), ("away", "1", true)],
            [
                ("same", "1", true),
                ("other", "2", true),
                ("fresh", "1", true),
                ("theirs", "1", false),
            ],
        );
        let of = |what, key: &str| (what, key.to_owned());
        assert_eq!(found(Class::Tmp, &before, &after), [of(What::New, "fresh")]);
        assert_eq!(
            found(Class::Sysctls, &before, &after),
            [of(What::Changed, "other")]
        );
        assert_eq!(
            found(Class::Links, &before, &after),
            [
                of(What::New, "fresh"),
                of(What::Changed, "other"),
                of(What::Gone, "away")
            ]
        );
    }

    #[test]
    fn what_cannot_be_seen_any_more_is_told() {
        let before = snapshot(Class::Nftables, &[("rule", "1", true)]);
        let mut after = snapshot(Class::Nftables, &[]);
        after
            .classes
            .get_mut(&Class::Nftables)
            .unwrap()
            .blind
            .push("nft is gone".to_owned());
        let findings = compare(&before, &after, &[]);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].what, What::Unseen);
    }

    #[test]
    fn allowances_are_of_one_class() {
        let (before, after) = (
            snapshot(Class::Tmp, &[]),
            snapshot(Class::Tmp, &[("/tmp/abc-1", "file", true)]),
        );
        let left = |text: &str| compare(&before, &after, &[text.parse().unwrap()]).len();
        assert_eq!(
            [left("tmp:/tmp/abc-*"), left("tmp:*-1"), left("tmp:/tmp/*b*")],
            [0, 0, 0]
        );
        assert_eq!(
            [left("run:/tmp/abc-*"), left("tmp:/tmp/abc"), left("tmp:*-2")],
            [1, 1, 1]
        );
        assert!("/tmp/abc".parse::<Allowance>().is_err());
        assert!("files:*".parse::<Allowance>().is_err());
    }
}
