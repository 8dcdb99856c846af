//! A kernel as it is asked for by `--kernels`, and the name that cells know it by.

use crate::error::Failure;
use lvs_matrix_guest::stock;
use lvs_matrix_model::matrix::KernelId;
use std::fmt;
use std::str::FromStr;

/// Begins the folder of a stock kernel's modules, after a comma.
const MODULES: &str = "modules=";

/// A kernel as it is asked for on a command line: a version, the path of a `linux` binary, or a
/// stock kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked(String);

impl Asked {
    /// What `kernel::find` is asked for.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name by which cells know the kernel: the version as it was asked for, so that runs of before and
    /// after a correction of the kernel have the same cells. Of a path it is what the kernel calls itself.
    pub(crate) fn id(&self, of_file: Option<&str>) -> Result<KernelId, Failure> {
        let name = of_file.unwrap_or_else(|| self.0.trim_end_matches('.'));
        let known = |one: char| one.is_ascii_alphanumeric() || ".-".contains(one);
        let name: String = name
            .chars()
            .map(|one| if known(one) { one } else { '-' })
            .collect();
        let id = KernelId::new(&name.to_ascii_lowercase());
        id.map_err(|error| Failure::Mistake(format!("--kernels: {error}")))
    }
}

/// A kernel as commands name it that only look at cells: by the name that cells know it by.
pub(crate) fn of_cells(text: &str) -> Result<KernelId, String> {
    KernelId::new(text).map_err(|error| {
        let said = error.to_string();
        let instead = "write the name that cells know it by: a version, or of a stock kernel qemu-RELEASE";
        let Some(name) = name_instead(text) else {
            return match stock::is_named_by(text) || text.contains('/') {
                true => instead.to_owned(),
                false => said,
            };
        };
        format!("{instead}, here {name}")
    })
}

/// The name that cells know a stock kernel by, as far as that is seen without a download.
fn name_instead(text: &str) -> Option<KernelId> {
    let of_package = || {
        let name = text
            .strip_prefix(stock::BY_PACKAGE)?
            .strip_prefix("linux-image-")?;
        name.starts_with(|first: char| first.is_ascii_digit())
            .then(|| name.to_owned())
    };
    let release = stock::release_of_file(text).or_else(of_package)?;
    Asked(text.to_owned()).id(Some(&format!("qemu-{release}"))).ok()
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let is_version = text.starts_with(|first: char| first.is_ascii_digit());
        if text.contains('/') || is_version || stock::is_named_by(text) || text.starts_with(MODULES) {
            Ok(Self(text.to_owned()))
        } else {
            Err(
                "versions such as 6.1, paths of `linux` binaries with a slash, such as ./linux, and stock \
                 kernels: qemu:VMLINUZ or package:linux-image-NAME"
                    .to_owned(),
            )
        }
    }
}

/// Kernels as they are listed with commas between them, one of which may be within the name of a kernel:
/// `qemu:VMLINUZ,modules=FOLDER`.
pub(crate) fn joined(listed: &[Asked]) -> Result<Vec<Asked>, Failure> {
    let mut kernels: Vec<Asked> = Vec::new();
    for one in listed {
        if !one.0.starts_with(MODULES) {
            kernels.push(one.clone());
            continue;
        }
        let kernel = kernels
            .last_mut()
            .filter(|kernel| kernel.0.starts_with(stock::BY_FILE));
        let kernel = kernel.filter(|kernel| !kernel.0.contains(&format!(",{MODULES}")));
        let Some(kernel) = kernel else {
            let text = &one.0;
            return Err(Failure::Mistake(format!(
                "--kernels: `{text}` follows no kernel whose modules these could be: qemu:VMLINUZ,{text}"
            )));
        };
        kernel.0 = format!("{},{}", kernel.0, one.0);
    }
    Ok(kernels)
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(texts: &[&str]) -> Vec<Asked> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn who_names_a_file_where_cells_are_named_is_told_the_name() {
        assert_eq!(
            of_cells("qemu-6.1.0-44-amd64").unwrap().as_str(),
            "qemu-6.1.0-44-amd64"
        );
        assert_eq!(of_cells("7.2").unwrap().as_str(), "7.2");
        let said = |text: &str| of_cells(text).unwrap_err();
        let error = said("package:linux-image-6.12.117+deb12-amd64");
        assert!(
            error.ends_with("qemu-RELEASE, here qemu-6.12.117-deb12-amd64"),
            "{error}"
        );
        for text in ["package:linux-image-amd64", "qemu:/no/such/file", "./linux"] {
            assert!(said(text).ends_with("qemu-RELEASE"), "{}", said(text));
        }
        assert!(said("mine").contains("names no kernel"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vmlinuz");
        let mut image = vec![0; 0x400];
        image[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x20e..0x210].copy_from_slice(&0x100_u16.to_le_bytes());
        image[0x300..0x30b].copy_from_slice(b"6.1.0-9-Own");
        std::fs::write(&file, image).unwrap();
        let error = said(&format!("qemu:{}", file.display()));
        assert!(error.ends_with("here qemu-6.1.0-9-own"), "{error}");
    }

    #[test]
    fn a_comma_within_the_name_of_a_stock_kernel_is_no_end_of_it() {
        let joined = |texts: &[&str]| joined(&listed(texts));
        let kernels = joined(&["7.2", "qemu:/boot/vmlinuz", "modules=/m", "qemu:/boot/other"]).unwrap();
        let kernels: Vec<&str> = kernels.iter().map(Asked::as_str).collect();
        assert_eq!(
            kernels,
            ["7.2", "qemu:/boot/vmlinuz,modules=/m", "qemu:/boot/other"]
        );
        // As a run wrote it down.
        let whole = "qemu:/boot/vmlinuz,modules=/m";
        assert_eq!(joined(&[whole]).unwrap()[0].as_str(), whole);
        for bad in [
            &["modules=/m"][..],
            &["7.2", "modules=/m"],
            &[whole, "modules=/m"],
        ] {
            let error = joined(bad).unwrap_err().to_string();
            assert!(error.contains("follows no kernel"), "{error}");
        }
        assert!(
            "mine"
                .parse::<Asked>()
                .unwrap_err()
                .contains("package:linux-image-")
        );
    }
}
