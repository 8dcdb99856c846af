//! What the payload does in the guest, by its words. Talks by messages; a mistake is a message and exit code
//! 100.

use lvs_matrix_guest::init::Console;
use lvs_matrix_guest::protocol::{INPUTS_VARIABLE, SHARE_VARIABLE};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

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
        ["write", name, text] => {
            fs::write(folder(SHARE_VARIABLE).join(name), text).map_err(|error| error.to_string())
        }
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
        ["look-around"] => look_around(&console),
        ["orphans"] => orphans(&console, std::time::Duration::from_secs(3600)),
        ["orphans-now"] => orphans(&console, std::time::Duration::from_secs(2)),
        ["clocks"] => clocks(&console),
        ["sysctls"] => crate::sysctls::list(&console),
        ["sysctls-here"] => crate::sysctls::list_here(),
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

/// What a sandbox looks like, and what may be done in it: a name and a value each.
fn look_around(console: &Console) -> Result<(), String> {
    let say = |name: &str, value: &str| {
        console
            .say(&format!("{name} {value}"))
            .map_err(|error| error.to_string())
    };
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    for folder in [
        "/tmp", "/var/tmp", "/run", "/dev/shm", "/", "/etc", "/usr", "/home",
    ] {
        let there = names(folder);
        let there = if there.is_empty() {
            "empty".to_owned()
        } else {
            there.join(" ")
        };
        let probe = format!("{folder}/probe");
        let can = if fs::write(&probe, "x").is_ok() {
            "writable"
        } else {
            "read-only"
        };
        let _ = fs::remove_file(probe);
        say(folder, &format!("{there}, {can}"))?;
    }
    let devices = fs::read_to_string("/proc/self/net/dev").map_err(|error| error.to_string())?;
    let links: Vec<&str> = devices
        .lines()
        .skip(2)
        .filter_map(|line| Some(line.split_once(':')?.0.trim()))
        .collect();
    say("links", &links.join(" "))?;
    say("sys-links", &names("/sys/class/net").join(" "))?;
    let here = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| {
        let address = listener.local_addr()?;
        std::net::TcpStream::connect(address).map(|_| address.ip().to_string())
    });
    say("lo", &here.unwrap_or_else(|error| error.to_string()))?;
    let processes: Vec<String> = names("/proc")
        .into_iter()
        .filter(|name| name.parse::<u32>().is_ok())
        .collect();
    say("processes", &processes.join(" "))?;
    say(
        "host",
        fs::read_to_string("/proc/sys/kernel/hostname")
            .unwrap_or_default()
            .trim(),
    )?;
    await_the_first_process()?;
    for (process, prefix) in [("self", ""), ("1", "first-")] {
        let status =
            fs::read_to_string(format!("/proc/{process}/status")).map_err(|error| error.to_string())?;
        for line in status.lines() {
            if let Some((name, value)) = line.split_once(':') {
                let value: Vec<&str> = value.split_whitespace().collect();
                say(&format!("{prefix}{name}"), &value.join(" "))?;
            }
        }
    }
    let core = rustix::process::getrlimit(rustix::process::Resource::Core);
    say(
        "Max-core",
        &core
            .maximum
            .map_or_else(|| "unlimited".to_owned(), |most| most.to_string()),
    )?;
    // `su -c true` as root's own program: without more rights than its caller's it cannot change the user.
    let su = Command::new("su")
        .args(["-c", "true"])
        .stdin(std::process::Stdio::null())
        .output();
    let became_root = su.is_ok_and(|output| output.status.success());
    say("set-uid", if became_root { "became root" } else { "refused" })?;
    let boot = folder(SHARE_VARIABLE).join(".guest/boot.json");
    let changed = fs::write(&boot, "{}").is_ok();
    say("boot-file", if changed { "changed" } else { "kept" })
}

/// A hundred processes lose their parent and end, while children of our own are waited for with their own
/// exit codes.
fn orphans(console: &Console, wait: std::time::Duration) -> Result<(), String> {
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
    std::thread::sleep(wait);
    let zombies = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
        .filter(|stat| {
            stat.rsplit_once(") ")
                .is_some_and(|(_, rest)| rest.starts_with('Z'))
        })
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

/// The first process gives its last capabilities up once it has started its payload, which is this program.
fn await_the_first_process() -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let status = fs::read_to_string("/proc/1/status").map_err(|error| error.to_string())?;
        let mut lines = status.lines().filter_map(|line| line.split_once(':'));
        let none = |value: &str| value.trim().bytes().all(|digit| digit == b'0');
        if lines.any(|(name, value)| name == "CapPrm" && none(value)) {
            return Ok(());
        }
        if begun.elapsed() > Duration::from_secs(10) {
            return Err("the first process still has capabilities".to_owned());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
