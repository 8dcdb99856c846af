//! The server program and the template of its data folder: made once by the server's own means, copied for every server.

use crate::error::{LabError, Result, Stage};
use lvs_matrix_netns::{CommandLine, run};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A server program that was asked who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its path.
    pub program: PathBuf,
    /// What it calls its version: `10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)`.
    pub version: String,
    /// Which family of servers it is of.
    pub flavour: Flavour,
}

/// Families of servers: they differ in how a data folder is made and in their options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flavour {
    /// MariaDB: `mariadb-install-db`.
    MariaDb,
    /// MySQL 5.7 or later: `mysqld --initialize-insecure`.
    MySql,
}

/// A data folder to copy, and the program that it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// The folder; never written to once it is there.
    pub folder: PathBuf,
    /// The program.
    pub server: Server,
}

impl Server {
    /// Asks `program` who it is.
    ///
    /// # Errors
    /// [`LabError`] if it does not start, or does not answer `--version` as a MariaDB or MySQL server does.
    pub fn probe(program: &Path) -> Result<Self> {
        let stage = || format!("ask {} for its version", program.display());
        let finished = run(&CommandLine::new([program.to_string_lossy().as_ref(), "--version"])).stage(stage())?;
        // A warning may come first: MariaDB misses a MAC address where `lo` is the only link.
        let mut lines = finished.output.lines();
        let first = lines.clone().next().unwrap_or_default();
        let line = lines.find(|line| line.contains("Ver ")).unwrap_or(first);
        let version = line.split_once("Ver ").map(|(_, version)| version.trim().to_owned());
        let Some(version) = version.filter(|version| version.starts_with(|c: char| c.is_ascii_digit())) else {
            let said: String = line.chars().take(80).collect();
            return Err(LabError::new(
                stage(),
                format!(
                    "it is no MariaDB or MySQL server: it answered `{}` ({}); give the path of mariadbd or mysqld",
                    said.escape_debug(),
                    finished.status_text()
                ),
            ));
        };
        let flavour = if version.contains("MariaDB") {
            Flavour::MariaDb
        } else {
            Flavour::MySql
        };
        Ok(Self {
            program: program.to_owned(),
            version,
            flavour,
        })
    }

    /// Looks for `mariadbd`, then `mysqld`, in `path` and where distributions put servers.
    ///
    /// # Errors
    /// [`LabError`] with the package to install if there is none.
    pub fn find(path: &str) -> Result<Self> {
        let folders: Vec<PathBuf> = std::env::split_paths(path)
            .chain(["/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/local/bin"].map(PathBuf::from))
            .collect();
        let found = ["mariadbd", "mysqld"]
            .iter()
            .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
            .find(|candidate| candidate.is_file());
        match found {
            Some(program) => Self::probe(&program),
            None => Err(LabError::new(
                "look for a MySQL server",
                "neither mariadbd nor mysqld was found; install mariadb-server-core, or give a path with --mysqld",
            )),
        }
    }
}

/// What no scenario needs of a MariaDB data folder: a copy is made for every server, and this is most of it.
const MARIADB_BALLAST: &[&str] = &["sys", "performance_schema"];
/// Tables of the `mysql` database that hold nothing but the texts of the `HELP` statement.
const MARIADB_HELP: &str = "help_";

/// Gives the template for `server` below `cache`, making it first if it is not there.
///
/// # Errors
/// [`LabError`] if the server's own means fail, with the end of what they printed.
pub fn prepare(server: &Server, cache: &Path) -> Result<Template> {
    let command = |folder: &Path| install_command(server, folder);
    let mut hash = Sha256::new();
    hash.update(command(Path::new("FOLDER"))?.join("\0"));
    hash.update(&server.version);
    hash.update(MARIADB_BALLAST.join("\0"));
    hash.update(MARIADB_HELP);
    let key: String = hash
        .finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let folder = cache.join("datadirs").join(key);
    if folder.is_dir() {
        return Ok(Template {
            folder,
            server: server.clone(),
        });
    }

    let parent = cache.join("datadirs");
    fs::create_dir_all(&parent).stage(format!("make {}", parent.display()))?;
    // One at a time; who waited finds the other's folder. What a killed one left half-made is removed by the next.
    let lock = fs::File::create(parent.join(".lock")).stage("lock the cache of data folders")?;
    lock.lock().stage("lock the cache of data folders")?;
    if folder.is_dir() {
        return Ok(Template {
            folder,
            server: server.clone(),
        });
    }
    remove_half_made(&parent).stage("tidy the cache of data folders")?;
    let work = tempfile::Builder::new()
        .prefix(HALF_MADE)
        .tempdir_in(&parent)
        .stage("make a data folder")?;
    let made = work.path().join("data");
    let mut line = CommandLine::new(command(&made)?);
    line.deadline = Duration::from_secs(180);
    let finished = run(&line).stage("make a data folder")?;
    if !finished.status.success() {
        let mut error = LabError::new(
            "make a data folder",
            format!("`{}`: {}", line.text(), finished.status_text()),
        );
        error.log = finished.output.lines().rev().take(12).map(str::to_owned).collect();
        error.log.reverse();
        return Err(error);
    }
    match server.flavour {
        Flavour::MariaDb => drop_ballast(&made).stage("trim the data folder")?,
        Flavour::MySql => {}
    }
    // A guest may run as another user than the one that fills the cache. There is nothing secret in a fresh data folder.
    open_for_reading(&made).stage("make the data folder readable")?;
    fs::rename(&made, &folder).stage(format!("publish {}", folder.display()))?;
    Ok(Template {
        folder,
        server: server.clone(),
    })
}

/// How the names of folders in the making begin.
const HALF_MADE: &str = ".making-";

fn remove_half_made(parent: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(HALF_MADE) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn install_command(server: &Server, folder: &Path) -> Result<Vec<String>> {
    let mut words = match server.flavour {
        Flavour::MariaDb => {
            let (installer, base) = mariadb_install_db(&server.program)?;
            let mut words = vec![installer.to_string_lossy().into_owned(), "--no-defaults".to_owned()];
            words.extend(base.map(|base| format!("--basedir={}", base.display())));
            words.push(format!("--datadir={}", folder.display()));
            words.extend(
                [
                    "--auth-root-authentication-method=normal",
                    "--skip-test-db",
                    "--skip-name-resolve",
                ]
                .map(str::to_owned),
            );
            words.extend(crate::real_server::WITHOUT_INNODB.iter().map(|word| (*word).to_owned()));
            words
        }
        Flavour::MySql => vec![
            server.program.to_string_lossy().into_owned(),
            "--no-defaults".to_owned(),
            "--initialize-insecure".to_owned(),
            format!("--datadir={}", folder.display()),
        ],
    };
    // A starting server removes the temporary tables that it finds in its tmpdir, also those of another one that is starting.
    words.extend(folder.parent().map(|own| format!("--tmpdir={}", own.display())));
    if rustix::process::geteuid().is_root() {
        words.push("--user=root".to_owned());
    }
    Ok(words)
}

/// MariaDB's installer: beside the program's own tree if it has one (then with that tree as its base), else the system's.
fn mariadb_install_db(program: &Path) -> Result<(PathBuf, Option<PathBuf>)> {
    let base = program
        .parent()
        .and_then(Path::parent)
        .filter(|base| *base != Path::new("/usr"));
    if let Some(base) = base {
        let beside = ["scripts", "bin"].map(|folder| base.join(folder).join("mariadb-install-db"));
        if let Some(installer) = beside.into_iter().find(|path| path.is_file()) {
            return Ok((installer, Some(base.to_owned())));
        }
    }
    let system = PathBuf::from("/usr/bin/mariadb-install-db");
    if system.is_file() {
        return Ok((system, None));
    }
    Err(LabError::new(
        "look for mariadb-install-db",
        "it is not there; install mariadb-server-core",
    ))
}

fn drop_ballast(folder: &Path) -> std::io::Result<()> {
    for name in MARIADB_BALLAST {
        match fs::remove_dir_all(folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    for entry in fs::read_dir(folder.join("mysql"))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(MARIADB_HELP) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn open_for_reading(path: &Path) -> std::io::Result<()> {
    let folder = fs::symlink_metadata(path)?.is_dir();
    fs::set_permissions(path, Permissions::from_mode(if folder { 0o755 } else { 0o644 }))?;
    if folder {
        for entry in fs::read_dir(path)? {
            open_for_reading(&entry?.path())?;
        }
    }
    Ok(())
}

/// Copies a folder with everything in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_no_server_is_refused_with_what_it_said() {
        let error = Server::probe(Path::new("/bin/echo")).unwrap_err();
        assert!(
            error.reason.contains("no MariaDB or MySQL server: it answered"),
            "{error}"
        );
        let error = Server::probe(Path::new("/no/such/mysqld")).unwrap_err();
        assert!(error.reason.contains("cannot start"), "{error}");
    }

    #[test]
    fn a_template_is_made_once_readable_and_trimmed() {
        let cache = tempfile::tempdir().unwrap();
        let server = Server::find("").unwrap();
        let template = prepare(&server, cache.path()).unwrap();
        assert_eq!(prepare(&server, cache.path()).unwrap(), template);
        assert!(template.folder.join("mysql/global_priv.frm").is_file());
        assert!(!template.folder.join("sys").exists());
        let copy = cache.path().join("copy");
        copy_folder(&template.folder, &copy).unwrap();
        assert!(copy.join("mysql/global_priv.frm").is_file());
        let names = || -> Vec<_> {
            let entries = fs::read_dir(cache.path().join("datadirs")).unwrap();
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        };
        assert_eq!(
            names().len(),
            2,
            "the template and the lock, nothing half-made: {:?}",
            names()
        );

        fs::create_dir(cache.path().join("datadirs/.making-killed")).unwrap();
        fs::remove_dir_all(&template.folder).unwrap();
        prepare(&server, cache.path()).unwrap();
        assert_eq!(names().len(), 2, "what a killed one left is gone: {:?}", names());
    }
}
