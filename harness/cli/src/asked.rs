//! A kernel as it is asked for by `--kernels`, and the name that cells know it by.

use crate::error::Failure;
use lvs_matrix_guest::stock;
use lvs_matrix_model::matrix::KernelId;
use std::fmt;
use std::str::FromStr;

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
        if text.contains('/') || is_version || stock::is_named_by(text) {
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

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
