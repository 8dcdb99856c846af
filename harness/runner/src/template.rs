//! The template of a server's data folder: made once by the server's own means, copied for every server.

use crate::error::{LabError, Result, Stage};
use crate::server::{Flavour, SYSTEM_TABLES, Server};
use lvs_matrix_netns::{CommandLine, run};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A data folder to copy, and the program that it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// The folder; never written to once it is there.
    pub folder: PathBuf,
    /// Was it made with InnoDB, to be run with it?
    pub innodb: bool,
    /// The program.
    pub server: Server,
}

impl Template {
    /// Does a server on it have InnoDB?
    pub(crate) fn has_innodb(&self) -> bool {
        match self.server.flavour {
            Flavour::MariaDb => self.innodb,
            Flavour::MySql | Flavour::MySqlWithoutInitialize => true,
        }
    }
}

/// What no scenario needs of a MariaDB data folder: a copy is made for every server, and this is most of it.
const MARIADB_BALLAST: &[&str] = &["sys", "performance_schema"];
/// Tables of the `mysql` database that hold nothing but the texts of the `HELP` statement.
const MARIADB_HELP: &str = "help_";

/// Gives the template for `server`, with or without InnoDB, below `cache`, making it first if it is not
/// there.
///
/// # Errors
/// [`LabError`] if the server's own means fail, with the end of what they printed.
pub fn prepare(server: &Server, innodb: bool, cache: &Path) -> Result<Template> {
    let command = |folder: &Path| install_command(server, innodb, folder);
    let mut hash = Sha256::new();
    hash.update(command(Path::new("FOLDER"))?.join("\0"));
    hash.update(&server.version);
    hash.update(MARIADB_BALLAST.join("\0"));
    hash.update(MARIADB_HELP);
    hash.update(MANIFEST);
    let key: String = hash
        .finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let folder = cache.join("datadirs").join(key);
    let template = |folder: &Path| {
        check(folder)?;
        Ok(Template {
            folder: folder.join(DATA),
            innodb,
            server: server.clone(),
        })
    };
    let parent = cache.join("datadirs");
    if folder.is_dir() {
        remove_unfinished(&parent);
        return template(&folder);
    }

    fs::create_dir_all(&parent).stage(format!("make {}", parent.display()))?;
    // One at a time; who waited finds the other's folder. What a killed one left half-made is removed by the
    // next.
    let lock = fs::File::create(parent.join(LOCK)).stage("lock the cache of data folders")?;
    lock.lock().stage("lock the cache of data folders")?;
    if folder.is_dir() {
        return template(&folder);
    }
    remove_half_made(&parent).stage("tidy the cache of data folders")?;
    let work = tempfile::Builder::new()
        .prefix(HALF_MADE)
        .tempdir_in(&parent)
        .stage("make a data folder")?;
    let made = work.path().join(DATA);
    match server.flavour {
        Flavour::MariaDb | Flavour::MySql => {}
        Flavour::MySqlWithoutInitialize => {
            // A bootstrapping server makes tables, not its folder.
            fs::create_dir(&made).stage("make a data folder")?;
            fs::write(bootstrap_file(&made), bootstrap_statements(server)?).stage("make a data folder")?;
        }
    }
    let mut line = CommandLine::new(command(&made)?);
    line.deadline = Duration::from_secs(180);
    let finished = run(&line).stage("make a data folder")?;
    if !finished.status.success() || !made.is_dir() {
        let mut error = LabError::new(
            "make a data folder",
            format!(
                "`{}`: {}, and no data folder that can be used",
                line.text(),
                finished.status_text()
            ),
        );
        error.log = finished
            .output
            .lines()
            .rev()
            .take(12)
            .map(str::to_owned)
            .collect();
        error.log.reverse();
        return Err(error);
    }
    match server.flavour {
        Flavour::MariaDb => drop_ballast(&made).stage("trim the data folder")?,
        Flavour::MySql | Flavour::MySqlWithoutInitialize => {}
    }
    for left in fs::read_dir(work.path()).stage("tidy the data folder")?.flatten() {
        // Statements that it was made of, and what the server left in its tmpdir.
        if left.file_name() != DATA {
            let folder = left.file_type().is_ok_and(|kind| kind.is_dir());
            let remove = if folder {
                fs::remove_dir_all
            } else {
                fs::remove_file
            };
            remove(left.path()).stage("tidy the data folder")?;
        }
    }
    let manifest =
        serde_json::to_vec(&manifest(&made).stage("read the data folder")?).stage("list the data folder")?;
    fs::write(work.path().join(MANIFEST), manifest).stage("list the data folder")?;
    // A guest may run as another user than the one that fills the cache. There is nothing secret in a fresh
    // data folder.
    open_for_reading(work.path()).stage("make the data folder readable")?;
    fs::rename(work.path(), &folder).stage(format!("publish {}", folder.display()))?;
    template(&folder)
}

/// The data folder in a template's own folder.
const DATA: &str = "data";
/// SHA-256 of each file of the data folder, beside it.
const MANIFEST: &str = "manifest.json";

/// SHA-256 of each file below `folder`, by its path from there.
fn manifest(folder: &Path) -> std::io::Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            let digest = Sha256::digest(fs::read(&path)?);
            let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            let name = path.strip_prefix(folder).unwrap_or(&path);
            files.insert(name.to_string_lossy().into_owned(), digest);
        }
    }
    Ok(files)
}

/// Is every file of a template as it was when it was made?
fn check(folder: &Path) -> Result<()> {
    let damaged = |what: String| {
        LabError::new(
            "use the data folder's template",
            format!(
                "it is damaged: {what}; remove {}, and the next run makes it again",
                folder.display()
            ),
        )
    };
    let list = folder.join(MANIFEST);
    let text = fs::read(&list).map_err(|error| damaged(format!("{}: {error}", list.display())))?;
    let wanted: BTreeMap<String, String> = serde_json::from_slice(&text)
        .map_err(|error| damaged(format!("{} cannot be understood: {error}", list.display())))?;
    let data = folder.join(DATA);
    let found = manifest(&data).map_err(|error| damaged(format!("{}: {error}", data.display())))?;
    let other = wanted
        .iter()
        .find(|(name, digest)| found.get(*name) != Some(*digest))
        .or_else(|| found.iter().find(|(name, _)| !wanted.contains_key(*name)));
    match other {
        None => Ok(()),
        Some((name, _)) => Err(damaged(format!(
            "{} is not as it was made",
            data.join(name).display()
        ))),
    }
}

/// How the names of folders in the making begin.
const HALF_MADE: &str = ".making-";

/// Held by who makes a template.
const LOCK: &str = ".lock";

/// Removes what a killed run left half-made; nothing while somebody makes one. What cannot be removed stays.
fn remove_unfinished(parent: &Path) {
    if let Ok(lock) = fs::File::open(parent.join(LOCK))
        && lock.try_lock().is_ok()
    {
        let _ = remove_half_made(parent);
    }
}

fn remove_half_made(parent: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(HALF_MADE) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn install_command(server: &Server, innodb: bool, folder: &Path) -> Result<Vec<String>> {
    let mut words = match server.flavour {
        Flavour::MariaDb => {
            let (installer, base) = mariadb_install_db(&server.program)?;
            let mut words = vec![
                installer.to_string_lossy().into_owned(),
                "--no-defaults".to_owned(),
            ];
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
            words
        }
        Flavour::MySql => vec![
            server.program.to_string_lossy().into_owned(),
            "--no-defaults".to_owned(),
            "--initialize-insecure".to_owned(),
            format!("--datadir={}", folder.display()),
        ],
        // What mysql_install_db(1) does, without the Perl that it takes: the statements come on standard
        // input.
        Flavour::MySqlWithoutInitialize => {
            let shell = ["/bin/sh", "-c", r#"exec "$@" <"$0""#].map(str::to_owned);
            let mut words = shell.to_vec();
            words.push(bootstrap_file(folder).to_string_lossy().into_owned());
            words.push(server.program.to_string_lossy().into_owned());
            words.extend(["--no-defaults", "--bootstrap"].map(str::to_owned));
            words.push(format!("--datadir={}", folder.display()));
            words
        }
    };
    words.extend(server.options(innodb));
    // A starting server removes the temporary tables that it finds in its tmpdir, also those of another one
    // that is starting.
    words.extend(folder.parent().map(|own| format!("--tmpdir={}", own.display())));
    if rustix::process::geteuid().is_root() {
        words.push("--user=root".to_owned());
    }
    Ok(words)
}

/// MariaDB's installer: beside the program's own tree if it has one (then with that tree as its base), else
/// the system's.
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

/// Where the statements of `--bootstrap` are while the data folder `folder` is made.
fn bootstrap_file(folder: &Path) -> PathBuf {
    folder.with_file_name("bootstrap.sql")
}

/// The system tables, as the server's own files make them.
fn bootstrap_statements(server: &Server) -> Result<Vec<u8>> {
    let stage = "look for the statements that make the system tables";
    let folder = server.system_tables().ok_or_else(|| {
        LabError::new(
            stage,
            format!(
                "{} has no --initialize-insecure, and neither share/{SYSTEM_TABLES} nor \
                 share/mysql/{SYSTEM_TABLES} is beside it or one folder above; give the path of mysqld in \
                 the server's whole tree",
                server.program.display()
            ),
        )
    })?;
    let mut statements = b"create database mysql;\nuse mysql;\n".to_vec();
    for name in [SYSTEM_TABLES, "mysql_system_tables_data.sql"] {
        let file = folder.join(name);
        statements.extend(fs::read(&file).stage(format!("read {}", file.display()))?);
    }
    Ok(statements)
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
    fn a_damaged_template_is_named_with_its_file() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        fs::create_dir_all(folder.join("data/mysql")).unwrap();
        let file = folder.join("data/mysql/db.MAD");
        fs::write(&file, "rows").unwrap();
        let list = serde_json::to_vec(&manifest(&folder.join(DATA)).unwrap()).unwrap();
        fs::write(folder.join(MANIFEST), &list).unwrap();
        check(folder).unwrap();
        let named = |what: &str| {
            let error = check(folder).unwrap_err().to_string();
            let cure = format!("remove {}", folder.display());
            assert!(
                error.contains("damaged") && error.contains(what) && error.contains(&cure),
                "{error}"
            );
        };
        fs::write(&file, "row").unwrap();
        named("data/mysql/db.MAD is not as it was made");
        fs::remove_file(&file).unwrap();
        named("data/mysql/db.MAD is not as it was made");
        fs::write(&file, "rows").unwrap();
        fs::write(folder.join("data/foreign"), "").unwrap();
        named("data/foreign is not as it was made");
        fs::remove_file(folder.join("data/foreign")).unwrap();
        fs::write(folder.join(MANIFEST), &list[..list.len() / 2]).unwrap();
        named("manifest.json cannot be understood");
        fs::remove_file(folder.join(MANIFEST)).unwrap();
        named("manifest.json: No such file");
    }

    #[test]
    fn a_template_is_made_once_readable_and_trimmed() {
        let cache = tempfile::tempdir().unwrap();
        let server = Server::find("").unwrap();
        let template = prepare(&server, false, cache.path()).unwrap();
        assert_eq!(prepare(&server, false, cache.path()).unwrap(), template);
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
        fs::remove_dir_all(template.folder.parent().unwrap()).unwrap();
        prepare(&server, false, cache.path()).unwrap();
        assert_eq!(names().len(), 2, "what a killed one left is gone: {:?}", names());

        // Also when there is nothing to make; but not while somebody makes one.
        let half_made = cache.path().join("datadirs/.making-killed");
        fs::create_dir(&half_made).unwrap();
        let lock = fs::File::open(cache.path().join("datadirs").join(LOCK)).unwrap();
        lock.lock().unwrap();
        prepare(&server, false, cache.path()).unwrap();
        assert!(half_made.exists());
        drop(lock);
        prepare(&server, false, cache.path()).unwrap();
        assert!(!half_made.exists());

        let with_innodb = prepare(&server, true, cache.path()).unwrap();
        assert_ne!(with_innodb.folder, template.folder);
        let bytes = fs::metadata(with_innodb.folder.join("ibdata1")).unwrap().len();
        assert!(
            bytes < 16 << 20,
            "each server has a copy of {bytes} bytes in memory"
        );
        assert!(!template.folder.join("ibdata1").exists());
    }
}
