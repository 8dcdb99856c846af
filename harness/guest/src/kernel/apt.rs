//! apt with a private state: reads the machine's own configuration, changes nothing on the machine, checks
//! signatures, needs no root. Which archive and which keys are asked of apt; no address is written here.

use super::archive::{Archive, archives};
use super::workshop::Workshop;
use super::{KernelError, Phase, Progress};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    pub(super) fn use_own_suites(
        &mut self,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<bool, KernelError> {
        let stanzas: Vec<String> = self
            .archives
            .iter()
            .map(|archive| archive.stanza(&archive.suite))
            .collect();
        let told = "this machine's own suites".to_owned();
        Ok(!stanzas.is_empty() && self.update(&stanzas.concat(), told, progress)?)
    }

    /// Reads the lists of a suite, from the first archive of the machine's that has it.
    pub(super) fn use_suite(
        &mut self,
        suite: &str,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<bool, KernelError> {
        let mut seen = Vec::new();
        for archive in self.archives.clone() {
            let debian = archive.origin.as_deref().is_none_or(|origin| origin == "Debian");
            let security = archive.label.as_deref() == Some("Debian-Security");
            if !debian || security || archive.component != "main" || seen.contains(&archive.uri) {
                continue;
            }
            if self.update(
                &archive.stanza(suite),
                format!("{suite} at {}", archive.uri),
                progress,
            )? {
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
        self.names("linux-source-")
    }

    /// The names that begin so in the lists that were read.
    pub(super) fn names(&self, begin: &str) -> Result<Vec<String>, KernelError> {
        let mut names = self.command("apt-cache");
        names.args(["pkgnames", begin]);
        let mut found = Vec::new();
        self.workshop
            .run(names, |line| found.push(line.trim().to_owned()))?;
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
            .args([
                "-o",
                "APT::Status-Fd=1",
                "-q",
                "download",
                &format!("{name}={version}"),
            ])
            .current_dir(&folder);
        self.workshop.run(download, |line| {
            // "dlstatus:1:42.5:Retrieving file 1 of 1", per cent.
            let percent = line
                .strip_prefix("dlstatus:")
                .and_then(|rest| rest.split(':').nth(1));
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
