//! One planted leak of each class, and whether the accountant finds it: in a guest, where everything may be
//! planted, and in private namespaces on this machine. What cannot be planted is listed as ignored, with the
//! reason in its name.
//!
//! One program in several roles: PID 1 of a guest, the payload there, a process that holds sockets, and the
//! tests.

#![expect(
    clippy::unwrap_used,
    reason = "tests without the standard harness, which clippy does not know for tests"
)]

mod plants;

use libtest_mimic::{Arguments, Failed, Trial};
use lvs_matrix_accountant::Class;
use lvs_matrix_guest::kernel::{CacheFolder, find};
use lvs_matrix_guest::protocol::INPUTS;
use lvs_matrix_guest::{Guest, GuestConfig, GuestEnd, ReadOnlyInput, init, protocol::PayloadEnd};
use plants::{PLANTS, Plant};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// What the accountant said of a plant.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Said {
    plant: String,
    code: Option<i32>,
    stderr: String,
}

fn main() -> ExitCode {
    if init::wanted() {
        return match init::run() {
            Ok(never) => match never {},
            Err(_) => ExitCode::FAILURE,
        };
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["payload"] => payload(),
        ["hold-sockets"] => plants::hold_sockets(),
        _ => libtest_mimic::run(&Arguments::from_args(), trials()).exit_code(),
    }
}

fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    let world = Here::find();
    for plant in PLANTS {
        trials.push(trial(
            &format!("{} in a guest", plant.name),
            plant.not_in_a_guest,
            move || judge(plant, in_a_guest(plant.name)?),
        ));
        let here = match (&world, plant.impossible_here()) {
            (Err(reason), _) => Some(*reason),
            (Ok(_), reason) => reason,
        };
        let namespaces = world.clone();
        trials.push(trial(&format!("{} here", plant.name), here, move || {
            judge(plant, namespaces?.around(plant))
        }));
    }
    trials.push(trial("every class is planted", None, every_class));
    let (compared, crowd) = (world.clone(), world.clone());
    let reason = world.err();
    trials.push(trial("a snapshot compared", reason, move || compared?.compared()));
    trials.push(trial("what others leave is theirs", reason, move || {
        crowd?.crowd()
    }));
    trials
}

/// Under its own name, so that none can be forgotten.
fn every_class() -> Result<(), Failed> {
    let planted = |class: &Class| {
        PLANTS
            .iter()
            .any(|plant| plant.name == class.name() && !plant.found.is_empty())
    };
    let missing: Vec<Class> = Class::ALL.into_iter().filter(|class| !planted(class)).collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("{missing:?}").into())
    }
}

fn trial(
    name: &str,
    impossible: Option<&str>,
    test: impl FnOnce() -> Result<(), Failed> + Send + 'static,
) -> Trial {
    let name = impossible.map_or_else(|| name.to_owned(), |reason| format!("{name} ({reason})"));
    Trial::test(name, test).with_ignored_flag(impossible.is_some())
}

/// The plant is found and named, or, where nothing is planted, nothing is.
fn judge(plant: &Plant, said: Said) -> Result<(), Failed> {
    let found: Vec<&str> = said
        .stderr
        .lines()
        .filter(|line| line.starts_with("  "))
        .collect();
    let good = if plant.found.is_empty() {
        said.code == Some(0) && found.is_empty()
    } else {
        let named = |words: &&str| found.iter().any(|line| line.contains(*words));
        said.code == Some(1) && plant.found.iter().all(named)
    };
    if good {
        Ok(())
    } else {
        Err(format!("{said:#?}").into())
    }
}

/// All plants that a guest can have, in one guest.
fn in_a_guest(plant: &str) -> Result<Said, Failed> {
    static ALL: OnceLock<Result<Vec<Said>, String>> = OnceLock::new();
    let all = ALL
        .get_or_init(|| run_guest().map_err(|error| error.to_string()))
        .as_ref();
    let said = all?.iter().find(|said| said.plant == plant);
    said.cloned()
        .ok_or_else(|| format!("nothing was said of {plant}").into())
}

fn run_guest() -> Result<Vec<Said>, Box<dyn std::error::Error>> {
    let wanted = std::env::var("LVS_MATRIX_KERNEL").ok();
    let kernel = find(&CacheFolder::of_user()?, wanted.as_deref())?;
    let place = tempfile::tempdir()?;
    let share = place.path().join("share");
    std::fs::create_dir(&share)?;
    let mut config = GuestConfig::new(kernel, std::env::current_exe()?, share);
    config.payload_args = vec!["payload".to_owned()];
    config.inputs = vec![ReadOnlyInput {
        name: ACCOUNTANT.to_owned(),
        path: accountant(),
    }];
    config.memory_mib = 256;
    config.stall = Duration::from_secs(60);
    let mut all = Vec::new();
    let report = Guest::start(config)?.run(|message| all.extend(serde_json::from_str(message)))?;
    if report.end != GuestEnd::PoweredOff(PayloadEnd::Exited(0)) {
        return Err(format!("the guest's end: {report:#?}").into());
    }
    Ok(all)
}

const ACCOUNTANT: &str = "accountant";

fn accountant() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_leak-accountant"))
}

/// In the guest: each plant in its turn, told on the console.
fn payload() -> ExitCode {
    let console = init::Console::open().unwrap();
    for plant in PLANTS.iter().filter(|plant| plant.not_in_a_guest.is_none()) {
        let place = PathBuf::from("/tmp/planted").join(plant.name.replace(' ', "-"));
        std::fs::create_dir_all(&place).unwrap();
        let mut command = around(&Path::new(INPUTS).join(ACCOUNTANT), plant, &place);
        let output = command.output().unwrap();
        let said = Said {
            plant: plant.name.to_owned(),
            code: output.status.code(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        console.say(&serde_json::to_string(&said).unwrap()).unwrap();
    }
    ExitCode::SUCCESS
}

/// The accountant around the plant. In `place` are a home and a folder that is watched.
fn around(accountant: &Path, plant: &Plant, place: &Path) -> Command {
    for folder in ["home", "watched"] {
        std::fs::create_dir_all(place.join(folder)).unwrap();
    }
    // In a guest the program may have come by descriptor, and then no path leads to it but this one.
    let own = format!("/proc/{}/exe", std::process::id());
    let mut command = Command::new(accountant);
    command
        .args(["around", "--grace", plant.grace(), "--watch"])
        .arg(place.join("watched"))
        .args(["--", "sh", "-ec", plant.script])
        .current_dir(place.join("watched"))
        .env("HOME", place.join("home"))
        .env("OWN", own)
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env_remove("TMPDIR")
        .stdin(Stdio::null());
    command
}

/// How private namespaces are had here.
#[derive(Clone, Debug)]
struct Here {
    unshare: Vec<&'static str>,
}

impl Here {
    fn find() -> Result<Self, &'static str> {
        let mut unshare = vec![
            "--mount",
            "--net",
            "--uts",
            "--ipc",
            "--pid",
            "--fork",
            "--mount-proc",
            "--kill-child",
        ];
        if !rustix::process::geteuid().is_root() {
            unshare.extend(["--user", "--map-root-user"]);
        }
        let here = Self { unshare };
        let works = here.shell("true").status().is_ok_and(|status| status.success());
        if works {
            Ok(here)
        } else {
            Err("this user may have no namespaces")
        }
    }

    /// A script in namespaces of its own, with its own /tmp, /run and /dev/shm. `$OWN` and `$ACCOUNTANT` are
    /// programs, the folder for results is `$PLACE`.
    fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(&self.unshare)
            .args(["sh", "-ec"])
            .arg(format!(
                "{{ exec 8<\"$OWN\" 9<\"$ACCOUNTANT\"; for folder in /dev/shm /run /var/tmp /tmp; \
                 do mount -t tmpfs none $folder; done; \
                 ip link set lo up; mkdir -p $PLACE/home $PLACE/watched; \
                 cp /proc/self/fd/8 $PLACE/own; cp /proc/self/fd/9 $PLACE/accountant; exec 8<&- 9<&-; chmod \
                 +x $PLACE/own $PLACE/accountant; \
                 export OWN=$PLACE/own HOME=$PLACE/home; cd $PLACE/watched; }} >&2; {script}"
            ))
            .env("PLACE", "/tmp/place")
            .env("CGROUP", plants::own_cgroup().unwrap_or(Path::new("")))
            .env("OWN", std::env::current_exe().unwrap())
            .env("ACCOUNTANT", accountant())
            .env_remove("TMPDIR")
            .stdin(Stdio::null());
        command
    }

    fn say(&self, name: &str, script: &str) -> Said {
        let output = self.shell(script).output().unwrap();
        Said {
            plant: name.to_owned(),
            code: output.status.code(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn around(&self, plant: &Plant) -> Said {
        let script = format!(
            "cat >$PLACE/script <<'END'\n{}\nEND\n\
             code=0; $PLACE/accountant around --grace {} --watch . -- sh -e $PLACE/script || code=$?\n\
             {}\nexit $code",
            plant.script,
            plant.grace(),
            plant.uprooted_by
        );
        self.say(plant.name, &script)
    }

    /// `snapshot` and `compare`: without somebody who watched, all that is new counts.
    fn compared(&self) -> Result<(), Failed> {
        const SCRIPT: &str = "$PLACE/accountant snapshot --watch . >$PLACE/before; $PLACE/accountant compare \
             $PLACE/before; setsid sleep 600 >/dev/null 2>&1 & touch left; ip address add 192.0.2.1/32 dev \
             lo; exec $PLACE/accountant compare --grace 1 $PLACE/before";
        let said = self.say("compared", SCRIPT);
        let all = [
            "processes: left",
            "watched: left",
            "addresses: left: 192.0.2.1/32",
        ];
        let found = all.iter().all(|words| said.stderr.contains(words));
        if said.code == Some(1) && found && said.stderr.matches("left behind or changed").count() == 1 {
            Ok(())
        } else {
            Err(format!("{said:#?}").into())
        }
    }

    /// Meanwhile somebody else starts a process, listens, makes a namespace, and works in a new folder.
    fn crowd(&self) -> Result<(), Failed> {
        const SCRIPT: &str = "( while [ ! -e $PLACE/begun ]; do sleep 0.02; done; mkdir /tmp/theirs; cd \
               /tmp/theirs; $OWN hold-sockets & unshare --net sleep 600 & wait ) >/dev/null 2>&1 & \
               $PLACE/accountant around --grace 0 -- sh -c 'touch $PLACE/begun; until grep -q theirs.socket \
               /proc/net/unix && [ $(pgrep -c -x sleep) -ge 1 ]; do sleep 0.02; done'";
        let said = self.say("crowd", SCRIPT);
        if said.code == Some(0) {
            Ok(())
        } else {
            Err(format!("{said:#?}").into())
        }
    }
}
