//! Root with less than root has elsewhere: with any umask, and without CAP_SYS_ADMIN, as in a container that
//! was started with no options. A guest never runs as root, and its user can enter none of the folders that
//! these runs use.

use super::support::{Said, copy_folder, json, say};
use super::{cache, program};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What Docker leaves to a container's root by default (moby, daemon/pkg/oci/caps/defaults.go).
const OF_A_CONTAINER: &str = "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,\
    +net_bind_service,\
    +net_raw,+sys_chroot,+mknod,+audit_write,+setfcap";

const SCENARIO: &str = "\
name: weight-0
claim: A server whose weight is set to 0 keeps the connections that it has and gets no new ones.
lab: { real-servers: { rs1: {} } }
before: [{ connect: {} }]
change: [{ set-weight: { server: rs1, weight: 0 } }]
axes:
  client:
    execute-sql: { act: [{ query: { sql: select 1 } }] }
    new-connection: { act: [{ connect: {} }] }
observe: { patience: 5s, until: 1m }
expect:
  - { when: { client: execute-sql }, behaviour: answered }
  - { when: { client: new-connection }, behaviour: failed-fast, error: 2003, errno: 111 }
";

/// A folder that only root can enter, with a program, kernels and a scenario that were put there under a
/// umask.
struct Closed {
    folder: TempDir,
    umask: &'static str,
}

impl Closed {
    fn new(umask: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mask = u32::from_str_radix(umask, 8).unwrap();
        fs::copy(program(), folder.path().join("lvs-matrix")).unwrap();
        fs::create_dir_all(folder.path().join("cache")).unwrap();
        let kernels = folder.path().join("cache/kernels");
        fs::create_dir(&kernels).unwrap();
        for entry in fs::read_dir(cache().join("kernels")).unwrap() {
            let entry = entry.unwrap();
            // What begins with a dot is a lock, or a build under way.
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                copy_folder(&entry.path(), &kernels.join(entry.file_name()));
            }
        }
        fs::write(folder.path().join("scenario.yaml"), SCENARIO).unwrap();
        close(folder.path(), mask);
        Self { folder, umask }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn lvs_matrix(&self, contained: bool, arguments: &[&Path]) -> Said {
        let mut command = Command::new("setpriv");
        if contained {
            command.args(["--bounding-set", OF_A_CONTAINER, "--inh-caps=-all"]);
        }
        command
            .args(["sh", "-c", r#"umask "$0" && exec "$@""#, self.umask])
            .arg(self.path("lvs-matrix"))
            .args(arguments)
            .env("LVS_MATRIX_CACHE", self.path("cache"))
            .env_remove("SUDO_UID")
            .stdin(Stdio::null());
        say(&mut command)
    }
}

/// Takes away what the umask would have taken.
fn close(path: &Path, mask: u32) {
    let metadata = fs::metadata(path).unwrap();
    let mode = metadata.permissions().mode() & 0o777 & !mask;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    if metadata.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            close(&entry.unwrap().path(), mask);
        }
    }
}

fn both_cells_are_met(umask: &'static str, contained: bool) {
    let closed = Closed::new(umask);
    let (scenario, out) = (closed.path("scenario.yaml"), closed.path("out"));
    let arguments = [Path::new("run"), &scenario, Path::new("--out"), &out];
    let said = closed.lvs_matrix(contained, &arguments).expect_code(0);
    let report = json(&out.join("report.json"));
    assert_eq!(report["totals"]["met"], 2, "umask {umask}: {said:#?}");
    assert!(!out.join(".guests").exists(), "umask {umask}");
}

pub(super) fn any_umask() {
    for umask in ["077", "027", "037"] {
        both_cells_are_met(umask, false);
    }
}

pub(super) fn without_the_right_to_mount() {
    for umask in ["022", "077"] {
        both_cells_are_met(umask, true);
        let closed = Closed::new(umask);
        let said = closed.lvs_matrix(true, &[Path::new("doctor")]).expect_code(0);
        assert!(
            said.stdout.contains("found     guest boots"),
            "umask {umask}: {said:#?}"
        );
    }
}
