//! apt with a private state: reads the machine's own configuration, changes nothing on the machine, checks signatures, needs
//! no root. Which archive and which keys are asked of apt; no address is written here.

use super::tree::Workshop;
use super::{KernelError, Phase, Progress};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One place packages come from, as the machine's own sources name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Archive {
    uri: String,
    suite: String,
    component: String,
    /// The value of `Signed-By`, as written (paths, fingerprints, or a key block with its further lines).
    signed_by: Option<String>,
    /// Who the archive says it is; known once `apt-get update` was run on the machine.
    origin: Option<String>,
    label: Option<String>,
}

impl Archive {
    fn stanza(&self, suite: &str) -> String {
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

/// apt, kept to the workshop's folder.
#[derive(Debug)]
pub(super) struct Apt<'a> {
    workshop: &'a Workshop,
    archives: Vec<Archive>,
    tried: Vec<String>,
}

impl<'a> Apt<'a> {
    pub(super) fn new(workshop: &'a Workshop) -> Result<Self, KernelError> {
        for folder in ["apt/state/lists/partial", "apt/cache/archives/partial"] {
            workshop.make_folder(folder)?;
        }
        Ok(Self {
            workshop,
            archives: archives(workshop)?,
            tried: Vec::new(),
        })
    }

    /// What was tried, for an error.
    pub(super) fn story(&self) -> String {
        match self.tried.as_slice() {
            [] => "this machine's package sources name no Debian archive".into(),
            tried => tried.join("; "),
        }
    }

    /// Reads the lists of the machine's own suites. `false`: there are none, or they cannot be read.
    pub(super) fn use_own_suites(&mut self, progress: &mut dyn FnMut(&Progress)) -> Result<bool, KernelError> {
        let stanzas: Vec<String> = self
            .archives
            .iter()
            .map(|archive| archive.stanza(&archive.suite))
            .collect();
        let told = "this machine's own suites".to_owned();
        Ok(!stanzas.is_empty() && self.update(&stanzas.concat(), told, progress)?)
    }

    /// Reads the lists of a suite, from the first archive of the machine's that has it.
    pub(super) fn use_suite(&mut self, suite: &str, progress: &mut dyn FnMut(&Progress)) -> Result<bool, KernelError> {
        let mut seen = Vec::new();
        for archive in self.archives.clone() {
            let debian = archive.origin.as_deref().is_none_or(|origin| origin == "Debian");
            let security = archive.label.as_deref() == Some("Debian-Security");
            if !debian || security || archive.component != "main" || seen.contains(&archive.uri) {
                continue;
            }
            if self.update(&archive.stanza(suite), format!("{suite} at {}", archive.uri), progress)? {
                return Ok(true);
            }
            seen.push(archive.uri);
        }
        Ok(false)
    }

    fn update(
        &mut self,
        stanzas: &str,
        told: String,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<bool, KernelError> {
        progress(&Progress {
            detail: told.clone(),
            ..Progress::of(Phase::ReadPackageLists)
        });
        let list = self.list();
        fs::write(&list, stanzas).map_err(KernelError::file("write", &list))?;
        let mut update = self.command("apt-get");
        // An archive that cannot be reached is an error, not an old list that is good enough.
        update.args([
            "-o",
            "APT::Update::Error-Mode=any",
            "-o",
            "Acquire::Languages=none",
            "-q",
            "update",
        ]);
        match self.workshop.run(update, |_| {}) {
            Ok(_) => {
                self.tried.push(format!("{told}: read, and it is not there"));
                Ok(true)
            }
            Err(KernelError::Tool { output, .. }) => {
                let reason = output
                    .lines()
                    .rfind(|line| line.starts_with("E:") || line.starts_with("W:"));
                self.tried
                    .push(format!("{told}: {}", reason.unwrap_or("apt-get update failed")));
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The names of the linux-source packages in the lists that were read.
    pub(super) fn source_packages(&self) -> Result<Vec<String>, KernelError> {
        let mut names = self.command("apt-cache");
        names.args(["pkgnames", "linux-source-"]);
        let mut found = Vec::new();
        self.workshop.run(names, |line| found.push(line.trim().to_owned()))?;
        found.retain(|name| !name.is_empty());
        found.sort();
        Ok(found)
    }

    /// Fetches a package; gives the file and its version.
    pub(super) fn download(
        &self,
        name: &str,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<(PathBuf, String), KernelError> {
        let mut show = self.command("apt-cache");
        show.args(["show", "--no-all-versions", name]);
        let mut version = None;
        self.workshop.run(show, |line| {
            if let Some(value) = line.strip_prefix("Version:") {
                version.get_or_insert_with(|| value.trim().to_owned());
            }
        })?;
        let Some(version) = version else {
            return Err(KernelError::NoSource {
                wanted: name.to_owned(),
                reason: "apt knows no version of it".into(),
            });
        };
        let mut news = Progress {
            total: Some(100),
            detail: format!("{name} {version}"),
            ..Progress::of(Phase::Download)
        };
        progress(&news);
        let folder = self.workshop.make_folder("download")?;
        let mut download = self.command("apt-get");
        download
            .args(["-o", "APT::Status-Fd=1", "-q", "download", &format!("{name}={version}")])
            .current_dir(&folder);
        self.workshop.run(download, |line| {
            // "dlstatus:1:42.5:Retrieving file 1 of 1", per cent.
            let percent = line.strip_prefix("dlstatus:").and_then(|rest| rest.split(':').nth(1));
            if let Some(percent) = percent.and_then(|text| text.split('.').next()?.parse().ok()) {
                news.done = percent;
                progress(&news);
            }
        })?;
        let package = fs::read_dir(&folder)
            .map_err(KernelError::file("read", &folder))?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"));
        match package {
            Some(package) => Ok((package, version)),
            None => Err(KernelError::NoSource {
                wanted: name.to_owned(),
                reason: "apt-get download left no file".into(),
            }),
        }
    }

    fn list(&self) -> PathBuf {
        // The ending tells apt the format, deb822.
        self.workshop.folder().join("apt/lvs-matrix.sources")
    }

    fn command(&self, program: &str) -> Command {
        let folder = self.workshop.folder();
        let mut command = self.workshop.command(program);
        let set = |name: &str, value: &Path| format!("{name}={}", value.display());
        for option in [
            set("Dir::State", &folder.join("apt/state")),
            set("Dir::State::status", Path::new("/var/lib/dpkg/status")),
            set("Dir::Cache", &folder.join("apt/cache")),
            set("Dir::Etc::SourceList", &self.list()),
            set("Dir::Etc::SourceParts", Path::new("/dev/null")),
            // From root apt would fetch as _apt, which cannot reach a folder of root's.
            "APT::Sandbox::User=root".into(),
        ] {
            command.arg("-o").arg(option);
        }
        command
    }
}

/// The machine's package archives, by apt-get indextargets: the configured ones, and what is known of those it has lists of.
fn archives(workshop: &Workshop) -> Result<Vec<Archive>, KernelError> {
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

/// `Signed-By` of a source, whose place apt names as FILE:N: the Nth stanza of a deb822 file, the Nth line of another.
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
        let text = "# a\nTypes: deb\nSigned-By: /1.gpg\n\n\n# b\nTypes: deb\n# c\nsigned-by:\n -----BEGIN\n .\n xyz\nURIs: u\n";
        assert_eq!(signed_by_of_stanza(text, 0).as_deref(), Some("/1.gpg"));
        assert_eq!(signed_by_of_stanza(text, 1).as_deref(), Some("\n -----BEGIN\n .\n xyz"));
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
