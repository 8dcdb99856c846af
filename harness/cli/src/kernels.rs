//! The kernels that a run has: the one that `--kernel` names, or those of `--kernels`, each with the name by
//! which its cells know it.

use crate::asked::Asked;
use crate::error::Failure;
use crate::output;
use crate::place;
use lvs_matrix_guest::RunsOn;
use lvs_matrix_guest::kernel::{self, CacheFolder};
use lvs_matrix_guest::stock::{self, StockError, StockKernel};
use lvs_matrix_model::base::OneOrMore;
use lvs_matrix_model::matrix::{CellRef, KernelId, Line};
use lvs_matrix_model::record::Hashes;
use lvs_matrix_report::KernelSummary;

/// The names of the kernels that are asked for.
///
/// # Errors
/// A path to something that is no kernel; two of one name.
pub(crate) fn ids(asked: &[Asked]) -> Result<Vec<KernelId>, Failure> {
    let mut ids: Vec<KernelId> = Vec::new();
    for one in asked {
        let id = one.id(own_name(one)?.as_deref())?;
        if let Some(at) = ids.iter().position(|known| *known == id) {
            return Err(called_the_same(
                asked.get(at).map_or("", Asked::as_str),
                one.as_str(),
                &id,
            ));
        }
        ids.push(id);
    }
    Ok(ids)
}

/// What a kernel that is named by its file calls itself.
fn own_name(asked: &Asked) -> Result<Option<String>, Failure> {
    let text = asked.as_str();
    let cache = || CacheFolder::of_user().map_err(|error| Failure::Unavailable(error.to_string()));
    if stock::is_named_by(text) {
        return Ok(Some(format!("qemu-{}", self::stock(&cache()?, text)?.release)));
    }
    if !text.contains('/') {
        return Ok(None);
    }
    let found = kernel::find(&cache()?, Some(text));
    let found = found.map_err(|error| Failure::Mistake(error.to_string()))?;
    Ok(Some(found.version.to_string()))
}

/// The stock kernel of this name.
///
/// # Errors
/// A name or a file that is none is a mistake; what this machine lacks for it is not.
pub(crate) fn stock(cache: &CacheFolder, selector: &str) -> Result<StockKernel, Failure> {
    let found = stock::find(cache, selector, &mut |news| output::talk(news));
    found.map_err(|error| match &error {
        StockError::Selector(_) | StockError::NotAnImage { .. } | StockError::NoModulesFolder { .. } => {
            Failure::Mistake(error.to_string())
        }
        StockError::NoModules { .. }
        | StockError::OthersModules { .. }
        | StockError::NoQemu
        | StockError::Unpack { .. }
        | StockError::NotStarted { .. }
        | StockError::File { .. }
        | StockError::Package(_) => Failure::Unavailable(error.to_string()),
    })
}

fn called_the_same(one: &str, other: &str, id: &KernelId) -> Failure {
    Failure::Mistake(format!(
        "--kernels: `{one}` and `{other}` are both called {id}; cells could not tell them apart"
    ))
}

/// A kernel of a run.
#[derive(Debug, Clone)]
pub(crate) struct OneKernel {
    /// Its name in cells; `None` in a run that was asked for none by name.
    pub(crate) id: Option<KernelId>,
    /// As it was asked for; empty if it was not.
    pub(crate) asked: String,
    pub(crate) runs_on: RunsOn,
    /// What its cells are made with.
    pub(crate) hashes: Hashes,
}

/// The kernels of a run, each with another name.
#[derive(Debug, Clone)]
pub(crate) struct Kernels(OneOrMore<OneKernel>);

impl Kernels {
    pub(crate) fn new(kernels: OneOrMore<OneKernel>) -> Self {
        Self(kernels)
    }

    /// The first one; of a run that was asked for none by name the only one.
    pub(crate) fn first(&self) -> &OneKernel {
        self.0.first()
    }

    /// That of a cell.
    pub(crate) fn of(&self, cell: &CellRef) -> &OneKernel {
        let mut all = self.0.iter();
        all.find(|kernel| kernel.id == cell.kernel)
            .unwrap_or_else(|| self.first())
    }

    /// The line of the only kernel; `None` if they have names.
    pub(crate) fn line(&self) -> Option<Line> {
        let first = self.first();
        let only = first.id.is_none().then(|| place::kernel_of(&first.runs_on));
        only.and_then(|kernel| Line::in_text(&kernel))
    }

    /// What cells are bound to: each of them, or nothing if they have no names.
    pub(crate) fn coordinates(&self) -> Vec<Option<KernelId>> {
        self.0.iter().map(|kernel| kernel.id.clone()).collect()
    }

    /// Their names, if they have names.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &KernelId> {
        self.0.iter().filter_map(|kernel| kernel.id.as_ref())
    }

    /// What the run as a whole is made with: a kernel's hash stands there only if the run has one alone.
    pub(crate) fn hashes(&self) -> Hashes {
        let mut hashes = self.first().hashes.clone();
        if self.first().id.is_some() {
            hashes.kernel = None;
        }
        hashes
    }

    /// What `run.json` says of them; nothing of one that was not asked for by name.
    pub(crate) fn summaries(&self) -> Vec<KernelSummary> {
        let named = |kernel: &OneKernel| {
            Some(KernelSummary {
                id: kernel.id.clone()?,
                asked: kernel.asked.clone(),
                kernel: place::kernel_of(&kernel.runs_on),
                sha256: kernel.hashes.kernel.clone(),
            })
        };
        self.0.iter().filter_map(named).collect()
    }

    /// In words: `Linux 7.2.12`, or all of them.
    pub(crate) fn in_words(&self) -> String {
        let words = self.0.iter().map(|kernel| place::in_words(&kernel.runs_on));
        words.collect::<Vec<_>>().join(" and ")
    }
}
