//! What the payload does in the guest, by its words. Talks by messages; a mistake is a message and exit code 100.

use lvs_matrix_guest::init::Console;
use lvs_matrix_guest::protocol::{INPUTS_VARIABLE, SHARE_VARIABLE};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

pub(crate) fn act(words: &[&str]) -> ExitCode {
    let console = Console::open().unwrap();
    let said = match words {
        ["say", texts @ ..] => {
            texts.iter().for_each(|text| console.say(text).unwrap());
            Ok(())
        }
        ["exit", code] => return ExitCode::from(code.parse::<u8>().unwrap()),
        ["abort"] => std::process::abort(),
        ["spin"] => {
            console.say("spinning").unwrap();
            fs::write(folder(SHARE_VARIABLE).join("spinning"), "").unwrap();
            rustix::fs::sync();
            loop {
                std::hint::spin_loop();
            }
        }
        ["touch-memory", mib] => {
            let size = mib.parse::<usize>().unwrap() << 20;
            // Twice, so that it lasts some tenths of a second on the host: page faults are what is slow here.
            for round in 0..2_u8 {
                std::hint::black_box(vec![round; size]);
            }
            console.say("touched").map_err(|error| error.to_string())
        }
        ["flood", lines] => {
            let line = "x".repeat(100);
            (0..lines.parse::<u32>().unwrap()).for_each(|_| println_to_stdout(&line));
            console.say("flooded").map_err(|error| error.to_string())
        }
        ["write", name, text] => fs::write(folder(SHARE_VARIABLE).join(name), text).map_err(|error| error.to_string()),
        ["read-input", name] => {
            let path = folder(INPUTS_VARIABLE).join(name);
            console
                .say(&fs::read_to_string(&path).unwrap_or_else(|error| error.to_string()))
                .unwrap();
            let outcome = fs::write(&path, "changed");
            console
                .say(&outcome.map_or_else(|error| error.kind().to_string(), |()| "written".into()))
                .unwrap();
            Ok(())
        }
        ["look"] => look(&console),
        ["orphans"] => orphans(&console),
        ["clocks"] => clocks(&console),
        other => Err(format!("unknown words {other:?}")),
    };
    match said {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console.say(&error).unwrap();
            ExitCode::from(100)
        }
    }
}

fn folder(variable: &str) -> PathBuf {
    PathBuf::from(std::env::var_os(variable).unwrap())
}

#[expect(clippy::print_stdout, reason = "talk on the console is what is tested")]
fn println_to_stdout(line: &str) {
    println!("{line}");
}

/// What the guest looks like, one message each.
fn look(console: &Console) -> Result<(), String> {
    let shell = |script: &str| {
        let output = Command::new("sh").args(["-c", script]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    console.say(&format!("uid {}", shell("id -u"))).unwrap();
    console
        .say(&format!("lo {}", shell("cat /sys/class/net/lo/flags")))
        .unwrap();
    console.say(&format!("host {}", shell("hostname"))).unwrap();
    console
        .say(&format!("parent {}", std::os::unix::process::parent_id()))
        .unwrap();
    let writable = |path: &str| fs::write(format!("{path}/probe"), "x").is_ok();
    for path in ["/tmp", "/run", "/var/tmp", "/dev/shm", "/etc", "/usr"] {
        console
            .say(&format!(
                "{path} {}",
                if writable(path) { "writable" } else { "read-only" }
            ))
            .unwrap();
    }
    let since_1970 = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    console.say(&format!("clock {}", since_1970.as_secs())).unwrap();
    console
        .say(&format!("ipvs {}", fs::exists("/proc/net/ip_vs").unwrap()))
        .unwrap();
    Ok(())
}

/// A hundred processes lose their parent and end, while children of our own are waited for with their own exit codes.
fn orphans(console: &Console) -> Result<(), String> {
    for code in 0..20 {
        let script = format!("for i in 1 2 3 4 5; do (sleep 0.0$i; exit 9) & done; exit {code}");
        let status = Command::new("sh")
            .args(["-c", &script])
            .status()
            .map_err(|error| error.to_string())?;
        if status.code() != Some(code) {
            return Err(format!("a child's exit code {code} became {status}"));
        }
    }
    std::thread::sleep(std::time::Duration::from_secs(3600));
    let zombies = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
        .filter(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
        .count();
    console.say(&format!("zombies {zombies}")).unwrap();
    Ok(())
}

/// Reads each clock in a loop until it changes: under inf-cpu that ends for coarse clocks only with the cure.
fn clocks(console: &Console) -> Result<(), String> {
    use rustix::time::{ClockId, clock_gettime};
    for clock in [
        ClockId::RealtimeCoarse,
        ClockId::MonotonicCoarse,
        ClockId::Realtime,
        ClockId::Monotonic,
    ] {
        let first = clock_gettime(clock);
        while clock_gettime(clock) == first {}
        console.say(&format!("{clock:?} moves")).unwrap();
    }
    Ok(())
}
