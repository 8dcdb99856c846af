//! The coarse-clock cure: lines of ours in the kernel's `handle_syscall()`.
//!
//! Under `time-travel=inf-cpu` no tick happens while a program runs, and coarse clocks
//! (CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE) move only with the tick: a program that reads one in a
//! loop until it changes runs for ever. MariaDB's timer calibration does that (seen: the second server start
//! in one guest never ended). The precise clocks move a little with each reading (arch/um/kernel/time.c,
//! timer_read), so coarse readings are turned into precise ones.
//!
//! Each reading also costs 10 us of virtual time instead of timer_read's quarter: MariaDB's calibration reads
//! clocks until 10 ms have gone by, again and again, and a reading is a system call here. Measured: a server
//! start takes 0.8 s of wall clock instead of 4 s. Time stamps of packets and timers read no clock by system
//! call and are as precise as before.
//!
//! Not taken: LD_PRELOAD (would not reach static programs, nor those that call the kernel themselves); a tick
//! per reading (costs up to 10 ms of virtual time each).

use super::KernelError;
use std::fs;
use std::path::Path;

const FILE: &str = "arch/um/kernel/skas/syscall.c";
/// After this line `syscall` holds the number, and tracing and seccomp have seen the call as the program made
/// it.
const ANCHOR: &str = "syscall = UPT_SYSCALL_NR(r);";
/// Where the names of the time-travel modes have been at home.
const MODE_FOLDERS: [&str; 2] = ["arch/um/include/linux", "arch/um/include/shared"];
const MODE: &str = "TT_MODE_INFCPU";

/// What is put in, below the anchor.
pub(super) const LINES: &str = "
	/* lvs-matrix: under inf-cpu, coarse clocks stand still while a program runs. Give it the precise ones,
	 * and let each reading cost some time, so that loops which wait for a clock to move on end soon. */
	if (time_travel_mode == TT_MODE_INFCPU && syscall == __NR_clock_gettime) {
		um_udelay(10);
		if (UPT_SYSCALL_ARG1(r) == CLOCK_REALTIME_COARSE)
			UPT_SYSCALL_ARG1(r) = CLOCK_REALTIME;
		else if (UPT_SYSCALL_ARG1(r) == CLOCK_MONOTONIC_COARSE)
			UPT_SYSCALL_ARG1(r) = CLOCK_MONOTONIC;
	}
";

/// Edits an unpacked source tree.
pub(super) fn apply(tree: &Path) -> Result<(), KernelError> {
    let file = tree.join(FILE);
    let text = fs::read_to_string(&file).map_err(|error| {
        KernelError::Cure(format!(
            "{FILE} cannot be read ({error}); is this a Linux source tree?"
        ))
    })?;
    if !has_mode(tree) {
        return Err(KernelError::Cure(format!(
            "it does not know {MODE}, so it has no time-travel=inf-cpu as we know it"
        )));
    }
    let cured = insert(&text)?;
    fs::write(&file, cured).map_err(KernelError::file("write", &file))
}

fn has_mode(tree: &Path) -> bool {
    let headers = MODE_FOLDERS
        .iter()
        .filter_map(|folder| fs::read_dir(tree.join(folder)).ok())
        .flatten()
        .flatten();
    headers
        .map(|entry| entry.path())
        .any(|path| fs::read_to_string(path).is_ok_and(|text| text.contains(MODE)))
}

fn insert(text: &str) -> Result<String, KernelError> {
    match text.matches(ANCHOR).count() {
        1 => Ok(text.replacen(ANCHOR, &format!("{ANCHOR}\n{LINES}"), 1)),
        count => Err(KernelError::Cure(format!(
            "`{ANCHOR}` is {count} times in {FILE}, not once"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_follow_the_anchor() {
        let cured = insert("a;\n\tsyscall = UPT_SYSCALL_NR(r);\n\tb;\n").unwrap();
        let place = |text| cured.find(text).unwrap();
        assert!(place(ANCHOR) < place(MODE) && place(MODE) < place("\tb;\n"));
        assert!(cured.starts_with("a;\n"));
    }

    #[test]
    fn a_source_without_the_anchor_or_with_two_is_refused() {
        assert!(insert("nothing").unwrap_err().to_string().contains("0 times"));
        assert!(
            insert(&ANCHOR.repeat(2))
                .unwrap_err()
                .to_string()
                .contains("2 times")
        );
    }

    #[test]
    fn a_tree_that_is_none_or_too_old_is_refused_with_words() {
        let tree = tempfile::tempdir().unwrap();
        assert!(
            apply(tree.path())
                .unwrap_err()
                .to_string()
                .contains("is this a Linux source tree")
        );
        fs::create_dir_all(tree.path().join("arch/um/kernel/skas")).unwrap();
        fs::write(tree.path().join(FILE), ANCHOR).unwrap();
        assert!(apply(tree.path()).unwrap_err().to_string().contains(MODE));
        let folder = tree.path().join(MODE_FOLDERS[0]);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("time-internal.h"), MODE).unwrap();
        apply(tree.path()).unwrap();
        assert!(
            fs::read_to_string(tree.path().join(FILE))
                .unwrap()
                .contains("CLOCK_MONOTONIC_COARSE")
        );
    }
}
