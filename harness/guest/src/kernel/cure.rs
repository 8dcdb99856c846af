//! Lines of ours in the source of a guest's kernel. Both are in effect in guests only, and change nothing of
//! what a network does.
//!
//! **Clocks** (`handle_syscall()`). Under `time-travel=inf-cpu` no tick happens while a program runs, and
//! coarse clocks (`CLOCK_REALTIME_COARSE`, `CLOCK_MONOTONIC_COARSE`) move only with the tick: a program that
//! reads one in a loop until it changes runs for ever. MariaDB's timer calibration does that (seen: the
//! second server start in one guest never ended). The precise clocks move a little with each reading
//! (arch/um/kernel/time.c, `timer_read`), so coarse readings are turned into precise ones.
//!
//! Each reading also costs 10 us of virtual time instead of `timer_read`'s quarter, and 100 us from the 17th
//! in a row on: MariaDB's calibration reads clocks until 10 ms have gone by, again and again, and a reading
//! is a system call here. Measured: a server start takes 0.8 s of wall clock instead of 4 s. With the 100 us
//! a run of `config-change` has 156,000 system calls instead of 183,000. times(2) counts in steps of 10 ms,
//! so one of its readings costs 1 ms from the 17th on: a start of mariadbd 10.11 read it 1,022 times. Time
//! stamps of packets and timers read no clock by system call and are as precise as before.
//!
//! Not taken: LD_PRELOAD (would not reach static programs, nor those that call the kernel themselves); a tick
//! per reading (costs up to 10 ms of virtual time each).
//!
//! **Pages** (`handle_page_fault()`). A fault is a hand-over from the process to the guest's kernel and back,
//! two processes of the host: 20 to 40 us. A program that writes to fresh memory has one for each page. So
//! with a page that is written to for the first time the ones after it are made ready, to the end of its 64
//! KiB: a run of `config-change` has 30,000 faults instead of 95,000. More than 64 KiB gained nothing.
//!
//! The pages around one that was read from a file are made ready by the kernel itself (`do_fault_around`,
//! mm/memory.c). But 6.1 gives the process only the one page that it asked for (`flush_tlb_page` at the end
//! of `handle_page_fault`), so that it had a fault for each of them all the same: 150,000 in such a run. So
//! all that is ready in the 64 KiB is given.

use super::KernelError;
use std::fs;
use std::path::Path;

/// Lines that are put into a file of the source.
struct Cure {
    file: &'static str,
    /// The text that they follow. It is in the file once.
    anchor: &'static str,
    lines: &'static str,
}

const CURES: [Cure; 2] = [
    Cure {
        file: "arch/um/kernel/skas/syscall.c",
        // After this `syscall` holds the number, and tracing and seccomp have seen the call as the program
        // made it.
        anchor: "syscall = UPT_SYSCALL_NR(r);",
        lines: "
	/* lvs-matrix: under inf-cpu, coarse clocks stand still while a program runs. Give it the precise ones,
	 * and let each reading cost some time, so that loops which wait for a clock to move on end soon. */
	if (time_travel_mode == TT_MODE_INFCPU) {
		static struct task_struct *reader;
		static unsigned int readings;

		if (syscall == __NR_clock_gettime || syscall == __NR_gettimeofday || syscall == __NR_times) {
			readings = reader == current ? readings + 1 : 0;
			reader = current;
			um_udelay(readings < 16 ? 10 : syscall == __NR_times ? 1000 : 100);
		} else if (reader == current) {
			reader = NULL;
		}
		if (syscall == __NR_clock_gettime) {
			if (UPT_SYSCALL_ARG1(r) == CLOCK_REALTIME_COARSE)
				UPT_SYSCALL_ARG1(r) = CLOCK_REALTIME;
			else if (UPT_SYSCALL_ARG1(r) == CLOCK_MONOTONIC_COARSE)
				UPT_SYSCALL_ARG1(r) = CLOCK_MONOTONIC;
		}
	}
",
    },
    Cure {
        file: "arch/um/kernel/trap.c",
        // After this the page is there, and the address space is still locked.
        anchor: "} while (!pte_present(*pte));\n\terr = 0;",
        lines: "
	/* lvs-matrix: a fault is dear here. Make the pages after it ready, too, and give the process those that
	 * are ready around it. */
	if (is_user && is_write && !(vma->vm_flags & VM_SHARED)) {
		unsigned long next = (address & PAGE_MASK) + PAGE_SIZE;
		unsigned long end = min(pmd_addr_end(address, vma->vm_end), (address | 0xffffUL) + 1);

		for (; next < end; next += PAGE_SIZE) {
			pte = pte_offset_kernel(pmd, next);
			if (pte_present(*pte) && pte_write(*pte) && pte_dirty(*pte))
				continue;
			if (handle_mm_fault(vma, next, FAULT_FLAG_USER | FAULT_FLAG_WRITE, NULL) & VM_FAULT_ERROR)
				break;
		}
	}
	if (is_user)
		flush_tlb_range(vma, max(address & ~0xffffUL, vma->vm_start),
				min((address | 0xffffUL) + 1, vma->vm_end));
",
    },
];

/// Where the names of the time-travel modes have been at home.
const MODE_FOLDERS: [&str; 3] = [
    "arch/um/include/linux",
    "arch/um/include/shared",
    "arch/um/include/asm",
];
const MODE: &str = "TT_MODE_INFCPU";

/// Lets virtual time pass, microseconds (arch/um/include/asm/delay.h).
const DELAY: &str = "um_udelay";

/// All that is put in, for the kernel's key.
pub(super) fn lines() -> impl Iterator<Item = &'static str> {
    CURES.iter().map(|cure| cure.lines)
}

/// Edits an unpacked source tree.
pub(super) fn apply(tree: &Path) -> Result<(), KernelError> {
    for cure in &CURES {
        let Cure { file: name, .. } = cure;
        let file = tree.join(name);
        let text = fs::read_to_string(&file).map_err(|error| {
            KernelError::Cure(format!(
                "{name} cannot be read ({error}); is this a Linux source tree?"
            ))
        })?;
        if !has_mode(tree) {
            return Err(KernelError::Cure(format!(
                "it does not know {MODE}, so it has no time-travel=inf-cpu as we know it"
            )));
        }
        let cured = cure.insert(&text)?;
        // What the lines call is declared there. Before Linux 5.12 the file does not read it for itself.
        let cured = if cure.lines.contains(DELAY) && !text.contains("delay.h>") {
            format!("#include <linux/delay.h>\n{cured}")
        } else {
            cured
        };
        fs::write(&file, cured).map_err(KernelError::file("write", &file))?;
    }
    Ok(())
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

impl Cure {
    fn insert(&self, text: &str) -> Result<String, KernelError> {
        let Self { file, anchor, lines } = self;
        match text.matches(anchor).count() {
            1 => Ok(text.replacen(anchor, &format!("{anchor}\n{lines}"), 1)),
            count => Err(KernelError::Cure(format!(
                "`{}` is {count} times in {file}, not once",
                anchor.split_whitespace().collect::<Vec<_>>().join(" ")
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_follow_the_anchor() {
        for cure in &CURES {
            let cured = cure.insert(&format!("a;\n\t{}\n\tb;\n", cure.anchor)).unwrap();
            let place = |text: &str| cured.find(text).unwrap();
            assert!(place(cure.anchor) < place("lvs-matrix") && place("lvs-matrix") < place("\tb;\n"));
            assert!(cured.starts_with("a;\n"));
        }
    }

    #[test]
    fn a_source_without_the_anchor_or_with_two_is_refused() {
        for cure in &CURES {
            let refused = |text: &str| cure.insert(text).unwrap_err().to_string();
            assert!(refused("nothing").contains("0 times"));
            assert!(refused(&cure.anchor.repeat(2)).contains("2 times"));
        }
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
        for cure in &CURES {
            let file = tree.path().join(cure.file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, cure.anchor).unwrap();
        }
        assert!(apply(tree.path()).unwrap_err().to_string().contains(MODE));
        let folder = tree.path().join(MODE_FOLDERS[0]);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("time-internal.h"), MODE).unwrap();
        apply(tree.path()).unwrap();
        let includes = |number: usize| {
            let cured = fs::read_to_string(tree.path().join(CURES[number].file)).unwrap();
            cured.matches("#include <linux/delay.h>").count()
        };
        assert_eq!((includes(0), includes(1)), (1, 0));
        let with_it = format!("#include <linux/delay.h>\n{}", CURES[0].anchor);
        fs::write(tree.path().join(CURES[0].file), with_it).unwrap();
        fs::write(tree.path().join(CURES[1].file), CURES[1].anchor).unwrap();
        apply(tree.path()).unwrap();
        assert_eq!((includes(0), includes(1)), (1, 0));
        for cure in &CURES {
            let cured = fs::read_to_string(tree.path().join(cure.file)).unwrap();
            assert!(cured.contains(cure.lines));
        }
    }
}
