//! A kernel as it is asked for by `--kernels`, and the name that cells know it by.

use crate::error::Failure;
use lvs_matrix_guest::kernel::Version;
use lvs_matrix_model::matrix::KernelId;
use std::fmt;
use std::str::FromStr;

/// A kernel as it is asked for on a command line: a version, or the path of a `linux` binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked(String);

impl Asked {
    /// What `kernel::find` is asked for.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name by which cells know the kernel: the version as it was asked for, so that runs of before and
    /// after a correction of the kernel have the same cells. Of a path it is the kernel's own version.
    pub(crate) fn id(&self, of_file: Option<Version>) -> Result<KernelId, Failure> {
        let name = of_file.map_or_else(
            || self.0.trim_end_matches('.').to_owned(),
            |found| found.to_string(),
        );
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
        if text.contains('/') || text.starts_with(|first: char| first.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err("versions such as 6.1, or paths of `linux` binaries with a slash, such as ./linux".to_owned())
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
