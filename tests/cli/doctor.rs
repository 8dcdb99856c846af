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

/// What runs will be asked for is looked at, and not what they would take otherwise.
#[test]
fn the_doctor_looks_at_the_kernel_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let doctor = |kernel: Option<&str>| {
        let mut doctor = lvs_matrix();
        doctor.arg("doctor").current_dir(folder.path());
        match kernel {
            Some(kernel) => doctor.env("LVS_MATRIX_KERNEL", kernel),
            None => doctor.env_remove("LVS_MATRIX_KERNEL"),
        };
        say(&mut doctor)
    };
    for bad in ["qemu:/etc/passwd", "./no-linux"] {
        let said = doctor(Some(bad)).expect_code(69);
        let lines = said.stdout.lines();
        let kernel = lines.filter(|line| line.starts_with("MISSING") && line.contains("guest kernel"));
        assert_eq!(kernel.count(), 1, "{said:#?}");
    }
    // It downloads nothing.
    let said = doctor(Some("package:linux-image-0.0-none"));
    assert!(said.stdout.contains("the first run downloads it"), "{said:#?}");
    assert!(!said.stdout.contains("guest boots"), "{said:#?}");
    // As a file of defaults says it, with its path relative to the file.
    std::fs::write(
        folder.path().join("lvs-matrix.toml"),
        "kernel = \"qemu:vmlinuz\"\n",
    )
    .unwrap();
    let said = doctor(None).expect_code(69);
    let path = folder.path().join("vmlinuz");
    assert!(
        said.stdout
            .contains(&format!("{} is no kernel image", path.display())),
        "{said:#?}"
    );
}
