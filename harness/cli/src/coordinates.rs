//! What the cells of a run are bound to, before it is known where they run.

use crate::args::{PlaceArgument, WhatToRun};
use crate::asked::Asked;
use crate::error::Failure;
use crate::kernels::{ids, stock};
use lvs_matrix_guest::kernel::{self, CacheFolder};
use lvs_matrix_guest::stock::{is_named_by, is_to_be_downloaded};
use lvs_matrix_model::matrix::{Coordinate, DEFAULT_LINE, KernelId, Line};
use lvs_matrix_runner::running_kernel;

/// What the cells of a run are bound to: each of the kernels that are asked for, or the line of the only one.
/// Before it is known where cells run, that is the line of the kernel that will be taken as far as can be
/// seen.
pub(crate) fn of_run(
    what: &WhatToRun,
    asked: &[Asked],
    line: Option<Line>,
) -> Result<Vec<Coordinate>, Failure> {
    if asked.is_empty() {
        let line = match line {
            Some(line) => Some(line),
            None => expected(what)?,
        };
        return Ok(vec![(None, line.unwrap_or(DEFAULT_LINE))]);
    }
    let of = |id: KernelId| {
        let line = id.line().unwrap_or(DEFAULT_LINE);
        (Some(id), line)
    };
    Ok(ids(asked)?.into_iter().map(of).collect())
}

/// The line of the only kernel; `None` if cells are bound to kernels by name.
pub(crate) fn only_line(coordinates: &[Coordinate]) -> Option<Line> {
    match coordinates {
        [(None, line)] => Some(*line),
        _ => None,
    }
}

/// The line of the kernel that cells will be run on, as far as can be seen. What is wrong with it, is said
/// when the run looks for it; but a download that failed is not tried a second time.
fn expected(what: &WhatToRun) -> Result<Option<Line>, Failure> {
    if what.place != PlaceArgument::Guest {
        return Ok(Line::in_text(&running_kernel()));
    }
    let Ok(cache) = CacheFolder::of_user() else {
        return Ok(None);
    };
    if let Some(name) = what.kernel.as_deref().filter(|name| is_named_by(name)) {
        let downloads = is_to_be_downloaded(&cache, name);
        return match stock(&cache, name) {
            Ok(kernel) => Ok(Line::in_text(&kernel.release)),
            Err(failure) if downloads => Err(failure),
            Err(_) => Ok(None),
        };
    }
    let kernel = kernel::find(&cache, what.kernel.as_deref()).ok();
    Ok(kernel.and_then(|kernel| Line::in_text(&kernel.version.to_string())))
}

/// The same of cells that are only looked at: each of these kernels, or the default line.
pub(crate) fn named(kernels: &[KernelId]) -> Vec<Coordinate> {
    let of = |id: &KernelId| (Some(id.clone()), id.line().unwrap_or(DEFAULT_LINE));
    match kernels {
        [] => vec![(None, DEFAULT_LINE)],
        named => named.iter().map(of).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lvs_matrix_guest::kernel::PREFERRED_LINE;

    /// The model knows no guest: its default is the kernel that is asked for first.
    #[test]
    fn the_default_line_is_that_of_the_guest_kernel() {
        assert_eq!((DEFAULT_LINE.major, DEFAULT_LINE.minor), PREFERRED_LINE);
        assert_eq!(named(&[]), [(None, DEFAULT_LINE)]);
        let old = [KernelId::new("5.4").unwrap()];
        assert_eq!(named(&old), [(Some(old[0].clone()), Line::new(5, 4))]);
    }
}
