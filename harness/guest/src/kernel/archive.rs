//! The machine's own package archives: where they are, whose keys sign them. Asked of apt, which reads both
//! formats of its sources; no address is written here.

use super::KernelError;
use super::workshop::Workshop;
use std::collections::BTreeMap;
use std::fs;

/// One place packages come from, as the machine's own sources name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Archive {
    pub(super) uri: String,
    pub(super) suite: String,
    pub(super) component: String,
    /// The value of `Signed-By`, as written (paths, fingerprints, or a key block with its further lines).
    signed_by: Option<String>,
    /// Who the archive says it is; known once `apt-get update` was run on the machine.
    pub(super) origin: Option<String>,
    pub(super) label: Option<String>,
}

impl Archive {
    /// The deb822 stanza that asks this archive for a suite.
    pub(super) fn stanza(&self, suite: &str) -> String {
        let signed_by = self
            .signed_by
            .as_ref()
            .map(|value| format!("Signed-By: {value}\n"))
            .unwrap_or_default();
        format!(
            "Types: deb\nURIs: {}\nSuites: {suite}\nComponents: {}\n{signed_by}\n",
            self.uri, self.component
        )
    }
}

/// The machine's package archives, by apt-get indextargets: the configured ones, and what is known of those
/// it has lists of.
pub(super) fn archives(workshop: &Workshop) -> Result<Vec<Archive>, KernelError> {
    let ask = |more: &[&str], format: &str| {
        let mut command = workshop.command("apt-get");
        command
            .arg("indextargets")
            .args(more)
            .args(["--format", format, "Created-By: Packages"]);
        let mut lines = Vec::new();
        workshop.run(command, |line| {
            lines.push(line.split('\t').map(str::to_owned).collect::<Vec<_>>())
        })?;
        Ok::<_, KernelError>(lines)
    };
    let mut known = BTreeMap::new();
    for line in ask(&[], "$(REPO_URI)\t$(RELEASE)\t$(ORIGIN)\t$(LABEL)")? {
        if let [uri, suite, origin, label] = line.as_slice() {
            known.insert((uri.clone(), suite.clone()), (origin.clone(), label.clone()));
        }
    }
    let mut archives = Vec::new();
    for line in ask(
        &["--no-release-info"],
        "$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)\t$(SOURCESENTRY)",
    )? {
        let [uri, suite, component, entry] = line.as_slice() else {
            continue;
        };
        let (origin, label) = known.get(&(uri.clone(), suite.clone())).cloned().unzip();
        let signed_by = signed_by(entry);
        let archive = Archive {
            uri: uri.clone(),
            suite: suite.clone(),
            component: component.clone(),
            signed_by,
            origin,
            label,
        };
        if !archives.contains(&archive) {
            archives.push(archive);
        }
    }
    // Those that say they are Debian before those that have not been asked yet.
    archives.sort_by_key(|archive| archive.origin.as_deref() != Some("Debian"));
    Ok(archives)
}

/// `Signed-By` of a source, whose place apt names as FILE:N: the Nth stanza of a deb822 file, the Nth line of
/// another.
fn signed_by(entry: &str) -> Option<String> {
    let (file, number) = entry.rsplit_once(':')?;
    let text = fs::read_to_string(file).ok()?;
    let index = number.parse::<usize>().ok()?.checked_sub(1)?;
    if file.ends_with(".sources") {
        signed_by_of_stanza(&text, index)
    } else {
        signed_by_of_line(text.lines().nth(index)?)
    }
}

fn signed_by_of_stanza(text: &str, index: usize) -> Option<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let stanza = lines
        .split(|line| line.trim().is_empty())
        .filter(|stanza| !stanza.is_empty())
        .nth(index)?;
    let mut value: Option<String> = None;
    for line in stanza {
        match &mut value {
            // A key block goes on in lines that begin with a space.
            Some(value) if line.starts_with([' ', '\t']) => {
                value.push('\n');
                value.push_str(line);
            }
            Some(_) => break,
            None => {
                if let Some((name, rest)) = line.split_once(':')
                    && name.eq_ignore_ascii_case("Signed-By")
                {
                    value = Some(rest.trim().to_owned());
                }
            }
        }
    }
    value
}

fn signed_by_of_line(line: &str) -> Option<String> {
    let options = line.split_once('[')?.1.split_once(']')?.0;
    let value = options
        .split_whitespace()
        .find_map(|option| option.strip_prefix("signed-by="))?;
    Some(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_by_is_read_from_both_formats() {
        assert_eq!(
            signed_by_of_line("deb [arch=amd64 signed-by=/a.gpg] http://m/ s main").as_deref(),
            Some("/a.gpg")
        );
        assert_eq!(signed_by_of_line("deb http://m/ s main"), None);
        let text = "# a\nTypes: deb\nSigned-By: /1.gpg\n\n\n# b\nTypes: deb\n# c\nsigned-by:\n -----BEGIN\n \
            .\n xyz\nURIs: u\n";
        assert_eq!(signed_by_of_stanza(text, 0).as_deref(), Some("/1.gpg"));
        assert_eq!(
            signed_by_of_stanza(text, 1).as_deref(),
            Some("\n -----BEGIN\n .\n xyz")
        );
        assert_eq!(signed_by_of_stanza(text, 2), None);
    }

    #[test]
    fn a_stanza_asks_for_the_suite_with_the_archives_own_key() {
        let archive = Archive {
            uri: "http://mirror/debian/".into(),
            suite: "bookworm".into(),
            component: "main".into(),
            signed_by: Some("/k.gpg".into()),
            origin: None,
            label: None,
        };
        let expected =
            "Types: deb\nURIs: http://mirror/debian/\nSuites: other\nComponents: main\nSigned-By: /k.gpg\n\n";
        assert_eq!(archive.stanza("other"), expected);
    }
}
