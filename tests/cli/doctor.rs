//! What `doctor` tells of a machine.

use crate::support::{lvs_matrix, say};
use std::process::Stdio;

/// They look at one cache, each with a guest of its own.
#[test]
fn several_doctors_at_once() {
    let doctors: Vec<_> = (0..4)
        .map(|_| lvs_matrix().arg("doctor").stdout(Stdio::piped()).spawn().unwrap())
        .collect();
    for doctor in doctors {
        let said = doctor.wait_with_output().unwrap();
        assert_eq!(said.status.code(), Some(0), "{said:#?}");
    }
}

/// A new user's first look: what is not needed does not look like a lack, and the last line says whether
/// cells can be run.
#[test]
fn the_doctor_tells_lacks_from_what_is_not_needed() {
    const GOOD: &str = "This machine can run cells in guests.\n";
    let cache = tempfile::tempdir().unwrap();
    let cold = lvs_matrix()
        .arg("doctor")
        .env("LVS_MATRIX_CACHE", cache.path())
        .output()
        .unwrap();
    let said = String::from_utf8(cold.stdout).unwrap();
    assert_eq!(cold.status.code(), Some(69), "{said}");
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("MISSING")).collect();
    assert!(lines.iter().any(|line| line.contains("guest kernel")), "{said}");
    assert!(said.contains("cure: lvs-matrix kernel build"), "{said}");
    assert!(!said.contains(GOOD), "{said}");
    let errors = String::from_utf8(cold.stderr).unwrap();
    assert!(errors.contains("MISSING"), "{errors}");

    // With the kernel that these tests run on.
    let said = say(lvs_matrix().arg("doctor")).expect_code(0);
    assert!(said.stdout.ends_with(GOOD), "{said:#?}");
    assert!(!said.stdout.contains("MISSING"), "{said:#?}");
    for line in said.stdout.lines().filter(|line| line.starts_with("not here")) {
        assert!(
            line.contains("host's own kernel") || line.contains("kernel build tools"),
            "{line}"
        );
    }
}
