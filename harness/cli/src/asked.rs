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
