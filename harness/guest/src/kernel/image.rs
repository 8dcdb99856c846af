//! Packages of kernels as distributions build them: downloaded, unpacked into the cache, and not installed.

use super::apt::Apt;
use super::workshop::Workshop;
use super::{CacheFolder, KernelError, OTHER_SUITES, Progress, tools};
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

/// The folder of unpacked packages in the cache.
const IMAGES: &str = "images";
const PREFIX: &str = "linux-image-";
/// Packages that bring an image or its modules: a name for the newest one depends on it, and some
/// distributions pack modules by themselves. Debian since 7.2 has the image in `linux-binary-`, and the list
/// of what is built in in `linux-base-`.
const PARTS: [&str; 4] = [PREFIX, "linux-modules-", "linux-binary-", "linux-base-"];
/// A package, the one that it stands for, and modules.
const MOST_PARTS: usize = 6;

/// The folder of a kernel's unpacked package, with those that it depends on for its image and its modules. A
/// package that is not in the cache is downloaded through the machine's own archives; `say` is told so.
///
/// # Errors
/// [`KernelError`]: no such package, or it cannot be had.
pub(crate) fn unpacked_package(
    cache: &CacheFolder,
    package: &str,
    say: &mut dyn FnMut(&str),
) -> Result<PathBuf, KernelError> {
    check_name(package)?;
    let images = cache.root().join(IMAGES);
    let folder = images.join(package);
    if folder.is_dir() {
        return Ok(folder);
    }
    tools::check_download_tools()?;
    say(&format!(
        "downloading the package {package}, to be unpacked and not installed"
    ));
    let mut news = |_: &Progress| {};
    let workshop = Workshop::open(&cache.kernels(), &mut news)?;
    if folder.is_dir() {
        // Another process made it.
        return Ok(folder);
    }
    let mut apt = Apt::new(&workshop)?;
    let mut suites = OTHER_SUITES.iter();
    let mut found = apt.use_own_suites(&mut news)?;
    let tree = workshop.make_folder("image")?;
    let (mut left, mut seen) = (vec![package.to_owned()], Vec::new());
    while let Some(mut name) = left.pop() {
        if seen.contains(&name) || seen.len() == MOST_PARTS {
            continue;
        }
        // The suite that has the package has what it depends on.
        while seen.is_empty() {
            let offered = if found { apt.names(PREFIX)? } else { Vec::new() };
            if let Some(meant) = meant(&name, &offered) {
                name = meant;
                break;
            }
            let Some(suite) = suites.next() else {
                return Err(no_source(&name, &apt.story()));
            };
            found = apt.use_suite(suite, &mut news)?;
        }
        let (file, _) = apt.download(&name, &mut news)?;
        let mut unpack = workshop.command("dpkg-deb");
        unpack.arg("--extract").arg(&file).arg(&tree);
        workshop.run(unpack, |_| {})?;
        let mut depends = workshop.command("dpkg-deb");
        depends.arg("--field").arg(&file).arg("Depends");
        let depends = workshop.run(depends, |_| {})?;
        left.extend(parts(&depends));
        fs::remove_file(&file).map_err(KernelError::file("remove", &file))?;
        seen.push(name);
    }
    fs::create_dir_all(&images).map_err(KernelError::file("make", &images))?;
    fs::rename(&tree, &folder).map_err(KernelError::file("make", &folder))?;
    Ok(folder)
}

/// The packages of kernels that this machine's archives offer, as far as it has their lists: sources for
/// User-mode Linux, and images. Empty where there is no apt.
#[must_use]
pub fn offered() -> Vec<String> {
    let ask = |begin: &str| {
        let mut ask = lvs_matrix_keeper::command("apt-cache");
        ask.args(["pkgnames", begin])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let asked = lvs_matrix_keeper::spawn(&mut ask).ok();
        let output = asked.and_then(|(child, _leash)| child.wait_with_output().ok());
        output.map_or_else(String::new, |output| {
            String::from_utf8_lossy(&output.stdout).into_owned()
        })
    };
    let names = ["linux-source-", PREFIX].map(ask).concat();
    let mut names: Vec<String> = names.lines().map(|line| line.trim().to_owned()).collect();
    // Those that have a version in their name, and are neither for debuggers nor for the distribution's use.
    let versioned = |name: &str| {
        let rest = ["linux-source-", PREFIX]
            .iter()
            .find_map(|begin| name.strip_prefix(begin));
        rest.is_some_and(|rest| rest.contains('.') && rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let own_use = ["-dbg", "-unsigned", "-signed-template"];
    names.retain(|name| versioned(name) && !own_use.iter().any(|end| name.ends_with(end)));
    names.sort();
    names.dedup();
    names
}

/// The packages of images that the cache has, unpacked.
#[must_use]
pub fn unpacked_packages(cache: &CacheFolder) -> Vec<String> {
    let entries = fs::read_dir(cache.root().join(IMAGES))
        .into_iter()
        .flatten()
        .flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The package of this name, or, if it names a line (`linux-image-6.12-cloud-amd64`), the newest of that line
/// and kind.
fn meant(name: &str, offered: &[String]) -> Option<String> {
    if offered.iter().any(|one| one == name) {
        return Some(name.to_owned());
    }
    let (line, kind) = name.strip_prefix(PREFIX)?.split_once('-')?;
    let (major, minor) = line.split_once('.')?;
    major.parse::<u32>().and(minor.parse::<u32>()).ok()?;
    let (begin, end) = (format!("{PREFIX}{line}."), format!("-{kind}"));
    let numbers = |one: &String| {
        let version = one.strip_prefix(&begin)?.strip_suffix(&end)?;
        let plain = version.replace("deb", "").replace("bpo", "");
        let fine = |c: char| c.is_ascii_digit() || matches!(c, '.' | '+' | '-' | '~');
        // What has a word beside these is another kind.
        plain.chars().all(fine).then(|| {
            let numbers = plain.split(|c: char| !c.is_ascii_digit());
            numbers
                .filter_map(|number| number.parse().ok())
                .collect::<Vec<u64>>()
        })
    };
    let of_line = offered.iter().filter_map(|one| Some((numbers(one)?, one)));
    of_line.max().map(|(_, newest)| newest.clone())
}

fn no_source(package: &str, reason: &str) -> KernelError {
    KernelError::NoImage {
        package: package.to_owned(),
        reason: reason.to_owned(),
    }
}

fn check_name(name: &str) -> Result<(), KernelError> {
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | '~');
    if name.starts_with(PREFIX) && name.chars().all(fine) {
        return Ok(());
    }
    let reason = format!("the name of a kernel's package is {PREFIX}VERSION, such as {PREFIX}6.1.0-44-amd64");
    Err(no_source(name, &reason))
}

/// The packages of an image or its modules among those that a package depends on.
fn parts(depends: &str) -> impl Iterator<Item = String> {
    let names = depends
        .split([',', '|'])
        .filter_map(|one| one.split_whitespace().next());
    let names = names.filter(|name| PARTS.iter().any(|part| name.starts_with(part)));
    names.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_package_depends_on_is_followed_to_images_and_modules() {
        let of = |depends: &str| parts(depends).collect::<Vec<_>>();
        assert_eq!(
            of("linux-image-6.1.0-44-amd64 (= 6.1.164-1), kmod"),
            ["linux-image-6.1.0-44-amd64"]
        );
        assert_eq!(
            of("kmod, linux-base (>= 4.5ubuntu1~16.04.1), linux-modules-5.15.0-1-generic"),
            ["linux-modules-5.15.0-1-generic"]
        );
        assert_eq!(
            of(
                "dracut | initramfs-tools (>= 0.120+deb8u2), linux-base-7.2.12-amd64 (= 7.2.12-1), \
                linux-binary-7.2.12-amd64 (= 7.2.12-1), linux-modules-7.2.12-amd64 (= 7.2.12-1), linux-base"
            ),
            [
                "linux-base-7.2.12-amd64",
                "linux-binary-7.2.12-amd64",
                "linux-modules-7.2.12-amd64"
            ]
        );
        assert!(of("").is_empty());
    }

    #[test]
    fn a_line_stands_for_its_newest_package_of_that_kind() {
        let offered = [
            "linux-image-6.12.9+deb12-cloud-amd64",
            "linux-image-6.12.115+deb12-cloud-amd64",
            "linux-image-6.12.117+deb12-amd64",
            "linux-image-6.12.117+deb12-cloud-amd64-dbg",
            "linux-image-6.1.0-57-cloud-amd64",
            "linux-image-5.10.0-32-rt-amd64",
            "linux-image-cloud-amd64",
        ]
        .map(str::to_owned);
        let of = |name: &str| meant(name, &offered);
        let newest = Some("linux-image-6.12.115+deb12-cloud-amd64".to_owned());
        assert_eq!(of("linux-image-6.12-cloud-amd64"), newest);
        assert_eq!(
            of("linux-image-6.1-cloud-amd64").as_deref(),
            Some("linux-image-6.1.0-57-cloud-amd64")
        );
        // A name that is there is that package.
        assert_eq!(
            of("linux-image-cloud-amd64").as_deref(),
            Some("linux-image-cloud-amd64")
        );
        for none in [
            "linux-image-5.10-amd64",
            "linux-image-7.2-amd64",
            "linux-image-amd64",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn a_package_name_cannot_be_an_option_or_a_path() {
        for name in [
            "--help",
            "linux-image-../x",
            "linux-source-6.1",
            "linux-image-6.1=1 -o X=y",
            "../images",
        ] {
            let error = check_name(name).unwrap_err().to_string();
            assert!(error.contains("such as linux-image-"), "{name}: {error}");
        }
        check_name("linux-image-6.12.95+deb13-cloud-amd64").unwrap();
    }
}
