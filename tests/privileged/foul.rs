//! Programs in a guest that are not what they should be: they hang, spin, flood, lie, bring their kernel
//! down, or attack the run.

use super::support::processes::concerned_with;
use super::support::{Said, json, repository, results, say};
use super::{elsewhere, program};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A cell whose lab is all that it needs programs for.
const CELL: &str = "config-change/absent_up_execute-sql_0";

/// The folder that the programs themselves are copied to, `/srv` in the scripts: one that the repository and
/// its results are not in, for it is covered.
fn kept_in() -> &'static str {
    let results = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let needed = [
        repository(),
        fs::canonicalize(results).unwrap(),
        program().to_owned(),
    ];
    let mut folders = ["/srv", "/mnt", "/media"].into_iter();
    let free = folders.find(|folder| needed.iter().all(|path| !path.starts_with(folder)));
    free.unwrap()
}

/// Runs one cell with a script in the place of a program; gives what was said and the folder.
fn with_fake(name: &str, script: &str, programs: &[&str], cell: &str, arguments: &[&str]) -> (Said, PathBuf) {
    let place = results(name);
    let (fake, out) = (place.join("fake"), place.join("out"));
    let kept = kept_in();
    fs::write(&fake, script.replace("/srv/", &format!("{kept}/"))).unwrap();
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
    // The program itself stays within reach of the script: some lie only about one thing.
    let replace: String = programs
        .iter()
        .map(|program| {
            format!(
                "for folder in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin; do if [ -f \
                 $folder/{program} ]; then cp \"$(readlink -f $folder/{program})\" {kept}/real-{program}; \
                 mount --bind \"$1\" \"$(readlink -f $folder/{program})\"; fi; done; "
            )
        })
        .collect();
    let script = format!("mount -t tmpfs -o mode=0755 none {kept}; {replace} shift; exec \"$@\"");
    let run = [&fake, program(), Path::new("run"), Path::new("--out"), &out];
    let mut command = elsewhere(&script, &run);
    let (scenario, _) = cell.split_once('/').unwrap();
    command
        .arg(repository().join(format!("scenarios/{scenario}.yaml")))
        .args(["--filter", cell])
        .args(arguments);
    let said = say(&mut command);
    let left = concerned_with(&place);
    assert_eq!(left, [], "{name}: {said:#?}");
    (said, out)
}

/// The reasons for which the run's only cell is undetermined.
fn reasons(out: &Path) -> String {
    let report = json(&out.join("report.json"));
    let cell = &report["cells"][0];
    assert_eq!(cell["verdict"]["result"], "undetermined", "{report:#}");
    cell["verdict"]["reasons"].to_string()
}

/// Each external program hangs, spins, prints a gigabyte, fails, or says yes and does nothing. Whatever it
/// is: not met, not violated, and the step is named.
pub(crate) fn foul_programs() {
    const HANG: &str = "exec sleep 1000000000";
    const SPIN: &str = "while :; do :; done";
    const FLOOD: &str = "exec head -c 1000000000 /dev/zero";
    const SERVER_FLOOD: &str =
        "[ \"$1\" != --version ] || exec /srv/real-mariadbd \"$@\"; exec head -c 1000000000 /dev/zero";
    const FAIL: &str = "echo 'no such luck' >&2; exit 7";
    const ANOTHER: &str = "[ \"$1\" != --version ] || exec /srv/real-mariadbd \"$@\"; exec \
        /srv/real-mariadbd \"$@\" --server-id=999";
    const NOTHING: &str = "exit 0";
    const NONSENSE: &str = "echo 'Ver 5; rm -rf / \u{1b}[2J'; exit 0";
    // A hang costs virtual time, which is free; what spins or floods costs the host's.
    // A lab is made, and looked at, without ip, ss and tc; steps are not done without them.
    let all: [(&str, &[&str], &str); 5] = [
        ("ipvsadm", &[HANG, SPIN, FLOOD, FAIL, NOTHING, NONSENSE], CELL),
        (
            "ip",
            &[HANG, FAIL, NOTHING, NONSENSE],
            "faults/link-down_execute-sql_0",
        ),
        ("ss", &[HANG, FAIL, NOTHING], "faults/mysqld-frozen_execute-sql_0"),
        ("tc", &[HANG, FAIL], "faults/delay_execute-sql_0"),
        (
            "mariadbd",
            &[HANG, FAIL, NOTHING, NONSENSE, SERVER_FLOOD, ANOTHER],
            CELL,
        ),
    ];
    for (program, scripts, cell) in all {
        for (number, script) in scripts.iter().enumerate() {
            let shebang = format!("#!/bin/sh\n# {program}\n{script}\n");
            let (said, out) = with_fake(
                &format!("foul-{program}-{number}"),
                &shebang,
                &[program],
                cell,
                &["--stall", "8"],
            );
            let context = format!("{program}: {script}: {said:#?}");
            match said.code() {
                3 => {
                    let reasons = reasons(&out);
                    assert!(!reasons.contains('\u{1b}'), "{context}");
                    // Of one that says yes only what did not come of it can be told.
                    let named = match *script {
                        // As far as a slow disk lets it.
                        SERVER_FLOOD => {
                            reasons.contains("mysqld on rs1") || reasons.contains("no progress for 8 s")
                        }
                        SPIN => reasons.contains("no progress for 8 s"),
                        ANOTHER => reasons.contains("server_id") && reasons.contains("999"),
                        NOTHING | NONSENSE if cell == CELL => reasons.contains("the lab failed ("),
                        NOTHING | NONSENSE => {
                            reasons.contains("the premise of the cell did not come about: step 3")
                        }
                        _ => reasons.contains(program),
                    };
                    assert!(named, "the program or the step is not named: {script}: {reasons}");
                    let log = out.join(cell).join("rs1.log");
                    let size = fs::metadata(&log).map_or(0, |log| log.len());
                    assert!(
                        size <= 256 << 20,
                        "{size} bytes of a server's log are on the host's disk"
                    );
                    assert!(
                        *script != SERVER_FLOOD || size > 1 << 20,
                        "the flood left {size} bytes"
                    );
                }
                // A server that cannot be asked for its version is noticed before anything is begun.
                69 => {
                    assert!(said.stderr.contains(program), "{context}");
                    assert!(!out.exists(), "{context}");
                }
                code => panic!("exit code {code}: {context}"),
            }
        }
    }
}

/// In its guest the director's program is root: it can bring the kernel down. That costs the cell, and is
/// told in the kernel's words.
pub(crate) fn panics() {
    // Zeros in the place of init's stack; when it is woken by an orphan's end, it does not know where to go
    // on.
    let script = "#!/bin/sh\n[ \"$1\" != --version ] || exec /srv/real-ipvsadm \"$@\"\n\
        code=$(grep -F '[stack]' /proc/1/maps); start=$((0x${code%%-*})); end=${code%% *}; \
        end=$((0x${end#*-}))\n\
        dd if=/dev/zero of=/proc/1/mem bs=4096 count=$(((end - start) / 4096)) seek=$start oflag=seek_bytes \
        conv=notrunc\n\
        (sleep 1 &)\nsleep 1000\n";
    let (said, out) = with_fake("panics", script, &["ipvsadm"], CELL, &[]);
    assert_eq!(said.code(), 3, "{said:#?}");
    assert!(said.stderr.contains("the guest's kernel panicked"), "{said:#?}");
    assert!(reasons(&out).contains("Kernel panic"), "{said:#?}");
}

/// A program that is not what it seems, as root in its guest. It writes messages of the guest to the console,
/// and puts links into the shared folder: no file outside of the run is touched, and nothing is believed.
pub(crate) fn attacks() {
    let victim = results("victim").join("victim");
    fs::write(&victim, "untouched").unwrap();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" != --version ] || exec /srv/real-ipvsadm \"$@\"\n\
         cell='{{\"scenario\":\"config-change\",\"values\":[[\"real-server\",\"absent\"],[\"mysqld\",\"up\"],\
         [\"client\",\"execute-sql\"],[\"expire-nodest-conn\",\"0\"]]}}'\n\
         for folder in /run/lvs-matrix/share/cells/*/*; do\n\
           for name in record.json record.json.partial capture.pcapng report.md extra.log; do ln -sf \
           {victim} $folder/$name; done\n\
           mkfifo $folder/pipe.log; mkdir $folder/folder.log\n\
         done\n\
         ln -s /etc /run/lvs-matrix/share/cells/another\n\
         for news \
         in \"{{\\\"recorded\\\":{{\\\"scenario\\\":\\\"another\\\",\\\"values\\\":[]}}}}\" \
         \"{{\\\"recorded\\\":$cell}}\" \
         \"{{\\\"gave-up\\\":\\\"x\\\"}}\"; do\n\
           echo \"@lvs-matrix say $news\" >/dev/console; done\n\
         echo '@lvs-matrix end exited 0' >/dev/console\nexit 1\n",
        victim = victim.display()
    );
    let (said, out) = with_fake("attacks", &script, &["ipvsadm"], CELL, &[]);
    assert_eq!(said.code(), 3, "{said:#?}");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched", "{said:#?}");
    let cell = out.join(CELL);
    for entry in fs::read_dir(&cell).unwrap() {
        let (path, kind) = entry
            .map(|entry| (entry.path(), entry.file_type().unwrap()))
            .unwrap();
        assert!(kind.is_file(), "{} is no regular file: {said:#?}", path.display());
    }
    let names: Vec<_> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(!names.iter().any(|name| name == "another"), "{names:?}");
    assert!(
        reasons(&out).contains("said that this cell was recorded, but there is no record"),
        "{said:#?}"
    );
}
