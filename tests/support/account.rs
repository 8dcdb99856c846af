//! What a run may leave behind on the machine, looked for by the leak accountant.

use lvs_matrix_accountant::{Class, Finding, Scope, Snapshot, compare};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

/// The kernel ends processes, namespaces and mounts in its own time.
const GONE: Duration = Duration::from_secs(60);

/// A test that looks at the whole machine, alone in this process, with folders of its own for HOME, TMPDIR
/// and results.
pub(crate) struct Account {
    place: PathBuf,
    before: Snapshot,
    _alone: MutexGuard<'static, ()>,
}

impl Account {
    pub(crate) fn open(name: &str) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        static REAPER: Once = Once::new();
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        // What loses its parent becomes this process's child, and can be found.
        REAPER.call_once(|| rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap());
        let place = super::results(name);
        for folder in ["home", "tmp", "outs"] {
            fs::create_dir(place.join(folder)).unwrap();
        }
        // A guest's memory lies there, and the guest may run as another user.
        fs::set_permissions(
            place.join("tmp"),
            std::os::unix::fs::PermissionsExt::from_mode(0o1777),
        )
        .unwrap();
        let before = look(&place);
        Self {
            place,
            before,
            _alone: alone,
        }
    }

    /// An output folder that is not there yet.
    pub(crate) fn out(&self, name: &str) -> PathBuf {
        self.place.join("outs").join(name)
    }

    /// A file or folder of this test's own; it counts as left behind unless it is removed.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.join("outs").join(name)
    }

    /// `lvs-matrix run` into this output folder. `own_tmp`: with a folder of the test's own for temporary
    /// files.
    pub(crate) fn run(&self, out: &Path, own_tmp: bool) -> Command {
        let mut command = super::lvs_matrix();
        command.arg("run").arg("--out").arg(out);
        self.surround(&mut command, own_tmp);
        command.stdout(fs::File::create(out.with_extension("stdout")).unwrap());
        command
    }

    /// Gives a command HOME and, if that is wanted, TMPDIR of this test.
    pub(crate) fn surround(&self, command: &mut Command, own_tmp: bool) {
        command
            .env("LVS_MATRIX_CACHE", cache())
            .env("HOME", self.place.join("home"));
        if own_tmp {
            command.env("TMPDIR", self.place.join("tmp"));
        }
    }

    /// Waits until the machine is as it was before, but for output folders.
    pub(crate) fn nothing_is_left(&self, context: &str) {
        let begun = Instant::now();
        loop {
            let findings: Vec<Finding> = compare(&self.before, &look(&self.place), &[])
                .into_iter()
                .filter(|finding| !anothers(finding))
                .collect();
            if findings.is_empty() {
                return;
            }
            let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
            assert!(begun.elapsed() < GONE, "{context}; left:\n{}", lines.join("\n"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn look(place: &Path) -> Snapshot {
    let mut watch: Vec<PathBuf> = ["", "home", "tmp"].iter().map(|name| place.join(name)).collect();
    watch.extend(["", "kernels", "datadirs"].iter().map(|name| cache().join(name)));
    let own = rustix::process::getpid().as_raw_pid();
    Snapshot::take(Scope::DescendantsOf(own), &watch)
}

/// All users of the machine share these folders, and others may be at work; a run's own would have one of
/// these names. (`make test` runs under the accountant too, which makes no such exception.)
fn anothers(finding: &Finding) -> bool {
    let name = Path::new(&finding.key)
        .file_name()
        .map(|name| name.to_string_lossy().to_lowercase());
    let of_a_run = ["uml", "vm_file", "guest", "mysql", "maria", "lvs-matrix"];
    let mut known = of_a_run.iter();
    matches!(finding.class, Class::Tmp | Class::Run | Class::SharedMemory)
        && !name.is_some_and(|name| known.any(|part| name.contains(part)))
}

/// The folder of kernels and data folders that the runs use.
pub(crate) fn cache() -> PathBuf {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("LVS_MATRIX_CACHE")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("lvs-matrix")))
        .or_else(|| Some(set("HOME")?.join(".cache/lvs-matrix")))
        .unwrap_or_else(|| panic!("a cache folder is needed: $LVS_MATRIX_CACHE, $XDG_CACHE_HOME or $HOME"))
}
