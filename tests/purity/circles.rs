//! Circles: files of a crate that cannot be understood one after another, because each names something of the
//! next, and the last something of the first.
//!
//! What a file names is followed through `pub use` to the file that has it, so that no circle hides behind
//! the face of a module. A module's file and the files below it do not make a circle: that file declares
//! them, and has what they share.

use super::source::{cargo, sources, without_tests};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Circles that stay, each with its reason: the crate's folder and the modules of the circle.
const KNOWN: [(&str, &[&str], &str); 0] = [];

/// A module in a file of its own by its names from the crate's root, or a path below one.
type Names = Vec<String>;

/// What a file says.
#[derive(Default)]
struct Said {
    /// Items that stand in it.
    defines: BTreeSet<String>,
    /// What it brings in by `use`, by the name that it has here.
    uses: BTreeMap<String, Names>,
    /// Of which modules it brings in everything.
    globs: Vec<Names>,
    /// Other paths.
    paths: Vec<Names>,
}

/// The words of a source, and its punctuation, without what stands in strings.
fn words(source: &str) -> Vec<String> {
    let code = without_tests(source);
    let code: Vec<char> = code
        .iter()
        .flat_map(|(_, line)| line.chars().chain(['\n']))
        .collect();
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(&c) = code.get(at) {
        let from = at;
        at += 1;
        if c.is_alphanumeric() || c == '_' {
            while code.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_') {
                at += 1;
            }
            words.push(code[from..at].iter().collect());
        } else if c == '"' {
            // A raw string ends at a quote that has as many `#` behind it as its beginning has before it.
            let marks = code[..from].iter().rev().take_while(|c| **c == '#').count();
            let raw = code[..from - marks].last() == Some(&'r');
            let marks = if raw { marks } else { 0 };
            while at < code.len() {
                let ends = code[at] == '"' && code[at + 1..].iter().take(marks).all(|c| *c == '#');
                at += if !raw && code[at] == '\\' { 2 } else { 1 };
                if ends {
                    break;
                }
            }
        } else if c == '\'' && (code.get(at) == Some(&'\\') || code.get(at + 1) == Some(&'\'')) {
            at = (at + 1..code.len()).find(|at| code[*at] == '\'').unwrap_or(at) + 1;
        } else if c == ':' && code.get(at) == Some(&':') {
            at += 1;
            words.push("::".to_owned());
        } else if !c.is_whitespace() {
            words.push(c.to_string());
        }
    }
    words
}

/// The paths of a `use`, each with the name that it gets; `*` for everything.
fn of_use(words: &[String], before: &Names, found: &mut Vec<(String, Names)>) {
    let (mut depth, mut from) = (0, 0);
    for at in 0..=words.len() {
        match words.get(at).map(String::as_str) {
            Some("{") => depth += 1,
            Some("}") => depth -= 1,
            Some(",") if depth == 0 => {
                one_use(&words[from..at], before, found);
                from = at + 1;
            }
            None => one_use(&words[from..at], before, found),
            Some(_) => {}
        }
    }
}

fn one_use(words: &[String], before: &Names, found: &mut Vec<(String, Names)>) {
    let (path, rest) = words.split_at(
        words
            .iter()
            .position(|word| word == "{" || word == "as")
            .unwrap_or(words.len()),
    );
    let mut names = before.clone();
    names.extend(path.iter().filter(|word| *word != "::").cloned());
    match rest {
        [brace, inner @ .., _] if brace == "{" => of_use(inner, &names, found),
        [_, alias] => found.push((alias.clone(), names)),
        _ => {
            if names.last().is_some_and(|name| name == "self") {
                names.pop();
            }
            found.extend(names.last().cloned().map(|name| (name, names)));
        }
    }
}

impl Said {
    fn of(source: &str) -> Self {
        const DEFINING: [&str; 8] = [
            "struct", "enum", "fn", "const", "static", "trait", "type", "union",
        ];
        let words = words(source);
        let mut said = Self::default();
        let mut at = 0;
        while let Some(word) = words.get(at) {
            let next = words.get(at + 1);
            if word == "use" {
                let end = (at..words.len())
                    .find(|at| words[*at] == ";")
                    .unwrap_or(words.len());
                let mut found = Vec::new();
                of_use(&words[at + 1..end], &Names::new(), &mut found);
                for (name, mut path) in found {
                    if name == "*" {
                        path.pop();
                        said.globs.push(path);
                    } else {
                        said.uses.insert(name, path);
                    }
                }
                at = end;
            } else if DEFINING.contains(&word.as_str()) {
                said.defines.extend(next.cloned());
            } else if word == "macro_rules" {
                said.defines.extend(words.get(at + 2).cloned());
            } else if next.is_some_and(|next| next == "::") && word != "::" {
                let mut path = vec![word.clone()];
                while let Some([colons, name]) = words.get(at + 1..at + 3)
                    && colons == "::"
                    && name.starts_with(|c: char| c.is_alphabetic() || c == '_')
                {
                    path.push(name.clone());
                    at += 2;
                }
                said.paths.push(path);
            }
            at += 1;
        }
        said
    }
}

/// The files of a crate by the names of their modules.
struct Tree(BTreeMap<Names, Said>);

impl Tree {
    fn of<'s>(files: impl IntoIterator<Item = (&'s str, String)>) -> Self {
        let module = |file: &str| -> Names {
            let mut names: Names = file
                .trim_end_matches(".rs")
                .split('/')
                .map(str::to_owned)
                .collect();
            names.pop_if(|last| ["lib", "mod"].contains(&last.as_str()));
            names
        };
        Self(
            files
                .into_iter()
                .map(|(file, text)| (module(file), Said::of(&text)))
                .collect(),
        )
    }

    fn read(folder: &Path) -> Self {
        let main_alone = !folder.join("lib.rs").exists();
        let files = sources(folder).into_iter().map(|file| {
            let name = file.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            let name = if main_alone && name == "main.rs" {
                "lib.rs".to_owned()
            } else {
                name
            };
            (name, fs::read_to_string(file).unwrap())
        });
        let files: Vec<_> = files.collect();
        Self::of(files.iter().map(|(name, text)| (name.as_str(), text.clone())))
    }

    /// The path from the crate's root; `None` if it leads out of the crate.
    fn rooted(&self, module: &Names, path: &[String]) -> Option<Names> {
        let (first, rest) = path.split_first()?;
        let mut from = module.clone();
        match first.as_str() {
            "crate" => from.clear(),
            "self" => {}
            "super" => {
                from.pop();
                // `super::super::…`
                let more = rest.iter().take_while(|name| *name == "super").count();
                from.truncate(from.len().saturating_sub(more));
                from.extend_from_slice(&rest[more..]);
                return Some(from);
            }
            name => {
                from.push(name.to_owned());
                if !self.0.contains_key(&from) {
                    let used = self.0.get(module)?.uses.get(name)?;
                    // A crate may be brought in by its own name.
                    from = self.rooted(module, (used[0] != name).then_some(used)?)?;
                }
            }
        }
        from.extend_from_slice(rest);
        Some(from)
    }

    /// The module that has what a path from the root names.
    fn home(&self, path: &Names, hops: usize) -> Option<Names> {
        let known = (0..=path.len())
            .rev()
            .find(|end| self.0.contains_key(&path[..*end]))?;
        let module = path[..known].to_vec();
        let said = self.0.get(&module)?;
        let Some(name) = path.get(known).filter(|name| !said.defines.contains(*name)) else {
            return Some(module);
        };
        let named = said.uses.get(name).cloned();
        let of_all = said
            .globs
            .iter()
            .map(|glob| [&glob[..], std::slice::from_ref(name)].concat());
        let further = named
            .into_iter()
            .chain(of_all)
            .filter(|_| hops > 0)
            .find_map(|path_here| {
                let mut further = self.rooted(&module, &path_here)?;
                further.extend_from_slice(&path[known + 1..]);
                self.home(&further, hops - 1).filter(|home| *home != module)
            });
        Some(further.unwrap_or(module))
    }

    /// Which module names something of which other.
    fn edges(&self) -> BTreeMap<&Names, BTreeSet<Names>> {
        let of = |(module, said): (_, &Said)| {
            let paths = said.uses.values().chain(&said.globs).chain(&said.paths);
            let homes = paths.filter_map(|path| self.home(&self.rooted(module, path)?, 8));
            let apart = |home: &Names| !home.starts_with(module) && !module.starts_with(home);
            (module, homes.filter(apart).collect())
        };
        self.0.iter().map(of).collect()
    }

    /// The circles, each with its modules in order.
    fn circles(&self) -> BTreeSet<Vec<String>> {
        let edges = self.edges();
        let reached = |from: &Names| {
            let (mut known, mut open) = (BTreeSet::new(), vec![from]);
            while let Some(module) = open.pop() {
                for next in edges.get(module).into_iter().flatten() {
                    if known.insert(next) {
                        open.push(next);
                    }
                }
            }
            known
        };
        let reached: BTreeMap<&Names, BTreeSet<&Names>> =
            self.0.keys().map(|module| (module, reached(module))).collect();
        let circle = |(module, there): (&&Names, &BTreeSet<&Names>)| {
            let back = there.iter().filter(|other| reached[**other].contains(*module));
            let circle: Vec<String> = back.map(|module| module.join("::")).collect();
            (!circle.is_empty()).then_some(circle)
        };
        reached.iter().filter_map(circle).collect()
    }
}

/// The folders with the sources of the workspace's crates.
fn folders() -> BTreeSet<PathBuf> {
    let text = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Value = serde_json::from_str(&text).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let targets = packages.flat_map(|package| package["targets"].as_array().unwrap());
    let targets = targets.filter(|target| ["lib", "bin"].iter().any(|kind| target["kind"][0] == *kind));
    let roots = targets.map(|target| PathBuf::from(target["src_path"].as_str().unwrap()));
    roots.map(|root| root.parent().unwrap().to_owned()).collect()
}

#[test]
fn no_files_of_a_crate_make_a_circle() {
    let repository = super::source::repository();
    let (mut edges, mut found) = (0, BTreeSet::new());
    for folder in folders() {
        let tree = Tree::read(&folder);
        edges += tree.edges().values().map(BTreeSet::len).sum::<usize>();
        let name = folder.strip_prefix(&repository).unwrap().display().to_string();
        found.extend(tree.circles().into_iter().map(|circle| (name.clone(), circle)));
    }
    assert!(edges > 1000, "the scanner saw {edges} edges");
    let known = KNOWN.iter().map(|(folder, circle, _)| {
        (
            (*folder).to_owned(),
            circle
                .iter()
                .map(|module| (*module).to_owned())
                .collect::<Vec<_>>(),
        )
    });
    assert_eq!(found, known.collect());
}

/// Each way in which a file can name another closes a circle; strings, comments, tests and a module's own
/// children do not.
#[test]
fn a_circle_is_found() {
    let circles = |files: &[(&str, &str)]| {
        let tree = Tree::of(files.iter().map(|(file, text)| (*file, (*text).to_owned())));
        tree.circles().into_iter().collect::<Vec<_>>()
    };
    let back = |text: &str| {
        circles(&[
            (
                "lib.rs",
                "mod a;\nmod b;\nmod c;\npub use b::{self, B as Bee};\npub use c::*;",
            ),
            ("a.rs", "use super::b::B;\nuse std::fmt;\npub struct A(B);"),
            (
                "b.rs",
                "mod inner;\npub use inner::Inner;\npub struct B(crate::c::C);",
            ),
            ("b/inner.rs", "use super::B;\npub struct Inner(B);"),
            ("c.rs", text),
        ])
    };
    let all = [vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]];
    for text in [
        "use crate::a::A;\npub struct C(A);",
        "use crate::{Bee, a};\npub struct C(a::A);",
        "pub struct C(super::a::A);",
        "use crate::a as other;\npub struct C(Vec<other::A>);",
        "use super::{\n    a::{\n        A,\n    },\n};\npub struct C(A);",
        "macro_rules! m { () => { $crate::a::A } }\npub struct C;",
    ] {
        assert_eq!(back(text), all, "{text}");
    }
    let two = [vec!["b".to_owned(), "c".to_owned()]];
    for text in [
        "use crate::Bee;\npub struct C(Bee);",
        "pub struct C(crate::b::B);",
    ] {
        assert_eq!(back(text), two, "{text}");
    }
    // What a face hands on is counted where it stands.
    let inner = [vec!["b::inner".to_owned(), "c".to_owned()]];
    let behind = circles(&[
        ("lib.rs", "mod b;\nmod c;\npub use c::*;"),
        ("b/mod.rs", "mod inner;\npub use inner::Inner;"),
        ("b/inner.rs", "pub struct Inner(crate::C);"),
        ("c.rs", "use crate::b::Inner;\npub struct C(Inner);"),
    ]);
    assert_eq!(behind, inner);
    for text in [
        "pub struct C;",
        "// use crate::a::A;\npub struct C;",
        "pub struct C;\nconst TEXT: &str = \"crate::a::A\";\nconst RAW: &str = r#\"a \" crate::a::A\"#;",
        "pub struct C;\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}",
        "use std::fmt;\npub struct C(fmt::Error);",
    ] {
        assert_eq!(back(text), [] as [Vec<String>; 0], "{text}");
    }
}
