//! Links between the pages of the repository.

use crate::Trouble;
use crate::folder::read;
use std::fs;
use std::path::{Path, PathBuf};

/// A link of a markdown file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The file, relative to the repository.
    pub page: PathBuf,
    /// Where it leads, as it is written.
    pub target: String,
}

/// The links to other files in the markdown files of the repository, without those that lead out of it.
///
/// # Errors
/// If a file cannot be read.
pub fn of(repository: &Path) -> Result<Vec<Link>, Trouble> {
    let mut pages = Vec::new();
    for place in ["", "docs", "reports", "tests/fixtures/cells", "examples"] {
        markdown(&repository.join(place), !place.is_empty(), &mut pages)?;
    }
    let mut links = Vec::new();
    for page in pages {
        let text = String::from_utf8_lossy(&read(&page)?).into_owned();
        let own = page.strip_prefix(repository).unwrap_or(&page);
        links.extend(targets(&text).into_iter().map(|target| Link {
            page: own.to_owned(),
            target,
        }));
    }
    links.sort();
    Ok(links)
}

/// Does the link lead to a file or folder that is there, and to a heading that it has?
#[must_use]
pub fn leads_somewhere(repository: &Path, link: &Link) -> bool {
    let (file, anchor) = link.target.split_once('#').unwrap_or((&link.target, ""));
    let page = repository.join(&link.page);
    let to = if file.is_empty() {
        page
    } else {
        page.parent().unwrap_or(repository).join(file)
    };
    if anchor.is_empty() || !to.is_file() {
        return to.exists() && anchor.is_empty();
    }
    let text = fs::read_to_string(&to).unwrap_or_default();
    text.contains(&format!("<a id=\"{anchor}\">")) || headings(&text).iter().any(|own| own == anchor)
}

fn markdown(folder: &Path, deep: bool, pages: &mut Vec<PathBuf>) -> Result<(), Trouble> {
    let entries = fs::read_dir(folder).map_err(|source| Trouble::at("read", folder, source))?;
    for entry in entries {
        let path = entry
            .map_err(|source| Trouble::at("read", folder, source))?
            .path();
        if path.is_dir() {
            if deep {
                markdown(&path, deep, pages)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    Ok(())
}

/// The lines outside of code blocks, without what stands between backticks.
fn prose(text: &str) -> Vec<String> {
    let mut in_code = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !fence && !in_code
    });
    lines.map(|line| line.split('`').step_by(2).collect()).collect()
}

/// Where links and pictures lead: `](target)` and `src="target"`.
fn targets(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        for (begin, end) in [("](", ')'), ("src=\"", '"'), ("srcset=\"", '"'), ("href=\"", '"')] {
            for rest in line.split(begin).skip(1) {
                let target = rest.split(end).next().unwrap_or_default();
                if !target.contains("://") && !target.is_empty() {
                    found.push(target.to_owned());
                }
            }
        }
    }
    found
}

/// The names of a page's headings, as GitHub makes them.
fn headings(text: &str) -> Vec<String> {
    let mut in_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if let Some(heading) = line.strip_prefix('#').filter(|_| !in_code) {
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            found.push(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_headings_are_found() {
        let text = "# A `b`: c-d\n[x](y.md#z) ![p](q.svg)\n```\n[no](no.md)\n```\n\
                    `[no](no.md)` <img src=\"r.png\">\n";
        assert_eq!(targets(text), ["y.md#z", "q.svg", "r.png"]);
        assert_eq!(headings(text), ["a-b-c-d"]);
    }
}
