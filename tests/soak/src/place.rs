//! Where a soak works: copies of the program, the scenarios and the kernels that each of its users can reach.

use crate::Trouble;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// As whom runs are made if the soak is root's: as root, whose guests run as the user behind sudo or as
/// nobody; and as users that have no name here.
const USERS: [Option<u32>; 3] = [None, Some(1000), Some(54_321)];

/// A user's own folder.
#[derive(Debug)]
pub(crate) struct User {
    /// `None`: who started the soak.
    pub(crate) uid: Option<u32>,
    folder: PathBuf,
}

/// The soak's folder. Removed when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    folder: TempDir,
    program: PathBuf,
    scenarios: Vec<PathBuf>,
    pub(crate) users: Vec<User>,
}

impl Place {
    pub(crate) fn make(program: &Path, scenarios: &[PathBuf]) -> Result<Self, Trouble> {
        let folder = tempfile::Builder::new().prefix("lvs-matrix-soak-").tempdir();
        let folder = folder.map_err(|error| Trouble::at("make a folder in", &std::env::temp_dir(), error))?;
        let at = |name: &str| folder.path().join(name);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))
            .map_err(|error| Trouble::at("open", folder.path(), error))?;
        let kernels = kernels(program)?;
        copy(program, &at("lvs-matrix"))?;
        make(&at("scenarios"))?;
        let mut copies = Vec::new();
        for file in scenarios {
            let to = at("scenarios").join(file.file_name().unwrap_or(file.as_os_str()));
            copy(file, &to)?;
            copies.push(to);
        }
        let own = [None];
        let uids: &[Option<u32>] = if rustix::process::geteuid().is_root() {
            &USERS
        } else {
            &own
        };
        let mut users = Vec::new();
        for uid in uids {
            let user = User {
                uid: *uid,
                folder: at(&uid.map_or_else(|| "own".to_owned(), |uid| uid.to_string())),
            };
            user.furnish(&kernels)?;
            users.push(user);
        }
        Ok(Self {
            program: at("lvs-matrix"),
            folder,
            scenarios: copies,
            users,
        })
    }

    pub(crate) fn scenarios(&self) -> Vec<PathBuf> {
        self.scenarios.clone()
    }

    /// The program as this user, with its own home and cache.
    pub(crate) fn command(&self, user: &User) -> Command {
        let mut command = Command::new(&self.program);
        command
            .current_dir(&user.folder)
            .env("HOME", &user.folder)
            .env("LVS_MATRIX_CACHE", user.folder.join("cache"))
            .env_remove("GITHUB_ACTIONS")
            .env_remove("GITHUB_STEP_SUMMARY");
        if let Some(uid) = user.uid {
            std::os::unix::process::CommandExt::uid(&mut command, uid);
            std::os::unix::process::CommandExt::gid(&mut command, uid);
        }
        command
    }

    /// What a run says; kept with its records.
    pub(crate) fn errors(&self, run: usize) -> Result<fs::File, Trouble> {
        let path = self.folder.path().join(format!("run-{run}.stderr"));
        fs::File::create(&path).map_err(|error| Trouble::at("make", &path, error))
    }

    /// Who started the soak, in a table.
    pub(crate) fn own_name(&self) -> String {
        if rustix::process::geteuid().is_root() {
            "root".to_owned()
        } else {
            "an ordinary user".to_owned()
        }
    }

    /// Leaves everything where it is, to be looked at.
    pub(crate) fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

impl User {
    pub(crate) fn out(&self, run: usize) -> PathBuf {
        self.folder.join(format!("run-{run}"))
    }

    /// The kernels alone: each user makes data folders of its own.
    fn furnish(&self, kernels: &[PathBuf]) -> Result<(), Trouble> {
        let cache = self.folder.join("cache/kernels");
        let mut made = vec![self.folder.clone(), self.folder.join("cache"), cache.clone()];
        made.iter().try_for_each(|folder| make(folder))?;
        for kernel in kernels {
            let to = cache.join(kernel.file_name().unwrap_or(kernel.as_os_str()));
            make(&to)?;
            made.push(to.clone());
            for file in ["linux", "config", "kernel.json"] {
                copy(&kernel.join(file), &to.join(file))?;
                made.push(to.join(file));
            }
        }
        if self.uid.is_some() {
            for path in made {
                chown(&path, self.uid, self.uid).map_err(|error| Trouble::at("own", &path, error))?;
            }
        }
        Ok(())
    }
}

fn make(folder: &Path) -> Result<(), Trouble> {
    fs::create_dir(folder).map_err(|error| Trouble::at("make", folder, error))
}

fn copy(from: &Path, to: &Path) -> Result<(), Trouble> {
    fs::copy(from, to)
        .map(drop)
        .map_err(|error| Trouble::at("copy", from, error))
}

/// The folders of the cached kernels.
fn kernels(program: &Path) -> Result<Vec<PathBuf>, Trouble> {
    let output = Command::new(program)
        .args(["kernel", "list", "--format", "json"])
        .output();
    let output = output.map_err(|error| Trouble::at("run", program, error))?;
    let listed: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout)?;
    let path = |kernel: &serde_json::Value| Some(Path::new(kernel["path"].as_str()?).parent()?.to_owned());
    let found: Vec<PathBuf> = listed.iter().filter_map(path).collect();
    if found.is_empty() {
        Err(Trouble::NoKernel)
    } else {
        Ok(found)
    }
}
