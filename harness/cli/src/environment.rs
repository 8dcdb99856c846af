//! What a run stands on: a place, programs, a data folder. What is missing is named all at once, each with
//! its cure.

use crate::args::{PlaceArgument, WhatToRun};
use crate::asked::Asked;
use crate::build_kernel;
use crate::clients;
use crate::doctor::{host_lacks, packages, path};
use crate::error::Failure;
use crate::folder::absolute;
use crate::kernels::{self, Kernels, OneKernel};
use crate::output;
use crate::scenarios::Selected;
use crate::shipped;
use crate::stock;
use lvs_matrix_guest::RunsOn;
use lvs_matrix_guest::kernel::{self, CacheFolder, KernelError};
use lvs_matrix_guest::stock::{self as guest_stock, StockKernel};
use lvs_matrix_model::base::OneOrMore;
use lvs_matrix_model::control::ControlPlane;
use lvs_matrix_model::plan::plan;
use lvs_matrix_model::record::Hashes;
use lvs_matrix_runner::{LabError, Server, Template, missing_programs, prepare_template, schedulers};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a cell is watched at most in real time, where nothing else is said.
const OBSERVE_AT_MOST: Duration = Duration::from_secs(60);

/// The file of this process, whatever lies at its path by now.
pub(crate) const OWN_FILE: &str = "/proc/self/exe";

/// What a run stands on.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    pub(crate) kernels: Kernels,
    /// The data folder's template; `None` if no real server of the run is a mysqld.
    pub(crate) template: Option<Template>,
    /// The same with InnoDB, if a scenario asks for it.
    pub(crate) with_innodb: Option<Template>,
    /// This binary.
    pub(crate) init: PathBuf,
    /// The run's own limit to observations; `None`: as long as scenarios say.
    pub(crate) observe_at_most: Option<Duration>,
}

impl Environment {
    /// Looks for everything that a run of these cells needs.
    pub(crate) fn find(
        arguments: &WhatToRun,
        kernels: &[Asked],
        selected: &[Selected],
    ) -> Result<Self, Failure> {
        Self::with_programs(arguments, kernels, selected, &[])
    }

    /// The same where these programs of the user's PATH are run by hand, which a guest in QEMU does not have
    /// by itself.
    pub(crate) fn with_programs(
        arguments: &WhatToRun,
        kernels: &[Asked],
        selected: &[Selected],
        programs: &[String],
    ) -> Result<Self, Failure> {
        let init = std::env::current_exe()
            .map_err(|error| Failure::Software(format!("cannot find this program's own file: {error}")))?;
        let mut missing = Vec::new();
        for (program, package) in missing_programs(&path()) {
            missing.push(format!(
                "the program `{program}` is missing: apt-get install {package}"
            ));
        }
        let path_has =
            |program: &str| std::env::split_paths(&path()).any(|folder| folder.join(program).is_file());
        for plane in ControlPlane::ALL {
            if selected.iter().any(|one| one.needs(plane)) && !path_has(plane.as_str()) {
                missing.push(format!(
                    "the program `{plane}` is missing: apt-get install {}",
                    packages(plane)
                ));
            }
        }
        let cache = CacheFolder::of_user().map_err(|error| build_kernel::failure(&error))?;
        if selected
            .iter()
            .any(|one| one.file.is_none() && one.runs_own_programs())
        {
            shipped::write_programs(cache.root()).map_err(|error| {
                Failure::Software(format!(
                    "cannot write the programs of shipped scenarios below {}: {error}",
                    cache.root().display()
                ))
            })?;
        }
        missing.extend(clients::missing(selected));
        let server = match &arguments.mysqld {
            Some(program) => Server::probe(&reachable(&absolute(program)?)?),
            None => Server::find(&path()),
        };
        // A run whose servers are others needs no mysqld.
        let needed = selected.iter().any(Selected::needs_mysqld);
        let server = match server {
            Ok(server) => Some(server).filter(|_| needed),
            // A path that was given is the user's mistake, not the machine's lack.
            Err(error) if arguments.mysqld.is_some() => return Err(Failure::Mistake(error.to_string())),
            Err(_) if !needed => None,
            Err(error) => {
                missing.push(error.to_string());
                None
            }
        };
        kernel::remove_unfinished(&cache);
        guest_stock::remove_unfinished(&cache);
        let runs_on = match runs_on(arguments, kernels, &cache, &init, selected)? {
            Ok(runs_on) => Some(runs_on),
            Err(lacks) => {
                missing.extend(lacks);
                None
            }
        };
        let (Some(runs_on), true) = (runs_on, missing.is_empty()) else {
            return Err(Failure::Unavailable(format!(
                "this machine cannot run cells yet:\n  {}",
                missing.join("\n  ")
            )));
        };
        let runs_on = ready(runs_on, &cache, &init, server.as_ref(), selected, programs)?;
        let template = |innodb| {
            let server = server.as_ref();
            let prepared = server.map(|server| prepare_template(server, innodb, cache.root()));
            prepared.transpose().map_err(|error| with_log(&error))
        };
        // The lab may ask for it, or a value of an axis.
        let innodb = selected.iter().any(|selected| {
            let values = selected.scenario.axes.iter().flat_map(|axis| &axis.values);
            selected.scenario.lab.mysqld.innodb || values.into_iter().any(|value| value.lab.mysqld.innodb)
        });
        let with_innodb = if innodb { template(true)? } else { None };
        let template = template(false)?;
        let observe_at_most = match &runs_on.first().1 {
            RunsOn::Kernel(_) | RunsOn::Stock(_) => arguments.observe_at_most,
            RunsOn::Host => Some(arguments.observe_at_most.unwrap_or(OBSERVE_AT_MOST)),
        };
        let kernels = named(&runs_on, server.as_ref())?;
        Ok(Self {
            kernels,
            template,
            with_innodb,
            init,
            observe_at_most,
        })
    }
}

/// SHA-256 of this program, the guest kernel and the server program.
fn hashes(runs_on: &RunsOn, server: Option<&Server>) -> Result<Hashes, Failure> {
    let of = |file: &Path| kernel::sha256_of_file(file).map_err(|error| Failure::Software(error.to_string()));
    Ok(Hashes {
        harness: of(Path::new(OWN_FILE))?,
        kernel: match runs_on {
            RunsOn::Kernel(kernel) => {
                let found = of(&kernel.path)?;
                kernel
                    .check_sha256(&found)
                    .map_err(|error| build_kernel::failure(&error))?;
                Some(found)
            }
            RunsOn::Stock(machine) => Some(of(&machine.kernel.image)?),
            RunsOn::Host => None,
        },
        mysqld: server.map(|server| of(&server.program)).transpose()?,
    })
}

/// The kernels that were found, by the names that their cells know them by.
fn named(found: &OneOrMore<Found>, server: Option<&Server>) -> Result<Kernels, Failure> {
    let asked: Vec<Asked> = found.iter().filter_map(|(asked, _)| asked.clone()).collect();
    let mut ids = kernels::ids(&asked)?.into_iter();
    let mut one = |(asked, runs_on): &Found| {
        Ok(OneKernel {
            id: asked.as_ref().and_then(|_| ids.next()),
            asked: asked.as_ref().map(Asked::to_string).unwrap_or_default(),
            hashes: hashes(runs_on, server)?,
            runs_on: runs_on.clone(),
        })
    };
    let all: Result<Vec<OneKernel>, Failure> = found.iter().map(&mut one).collect();
    let all = OneOrMore::try_from(all?).map_err(|empty| Failure::Software(empty.to_string()))?;
    Ok(Kernels::new(all))
}

/// What cells run on, with how it was asked for by `--kernels`.
type Found = (Option<Asked>, RunsOn);

/// The same, before machines with stock kernels have been made.
type Wanted = (Option<Asked>, Place);

enum Place {
    Ready(RunsOn),
    Stock(StockKernel),
}

/// Makes machines with stock kernels.
fn ready(
    found: OneOrMore<Wanted>,
    cache: &CacheFolder,
    init: &Path,
    server: Option<&Server>,
    selected: &[Selected],
    programs: &[String],
) -> Result<OneOrMore<Found>, Failure> {
    let one = |(asked, place): &Wanted| {
        let runs_on = match place {
            Place::Ready(runs_on) => runs_on.clone(),
            Place::Stock(kernel) => stock::machine(cache, kernel, init, server, selected, programs)
                .map_err(|error| Failure::Unavailable(error.to_string()))?,
        };
        Ok((asked.clone(), runs_on))
    };
    let all: Vec<Found> = found.iter().map(one).collect::<Result<_, Failure>>()?;
    OneOrMore::try_from(all).map_err(|empty| Failure::Software(empty.to_string()))
}

/// The place that was asked for, or, of either, the host's kernel if it will do. What is missing for it comes
/// as the inner error.
fn runs_on(
    arguments: &WhatToRun,
    kernels: &[Asked],
    cache: &CacheFolder,
    init: &Path,
    selected: &[Selected],
) -> Result<Result<OneOrMore<Wanted>, Vec<String>>, Failure> {
    let lacks = || -> Vec<String> {
        let plans = selected.iter().flat_map(|selected| {
            let cells = selected.cells.iter();
            cells.map(|cell| plan(&selected.scenario, cell))
        });
        let schedulers: BTreeSet<String> = plans.flat_map(|plan| schedulers(&plan)).collect();
        let lacks = host_lacks(&schedulers, init).into_iter();
        lacks
            .map(|lack| format!("{}: {}", lack.what, lack.cure))
            .collect()
    };
    if !kernels.is_empty() && arguments.place != PlaceArgument::Guest {
        return Err(Failure::Mistake(
            "--kernels names kernels of guests; the host's own kernel (--place host) has runs of its own, \
             which `lvs-matrix diff` compares"
                .to_owned(),
        ));
    }
    let on_host = || Ok(OneOrMore::new((None, Place::Ready(RunsOn::Host))));
    match arguments.place {
        PlaceArgument::Guest => {}
        PlaceArgument::Host => {
            let lacks = lacks();
            return Ok(if lacks.is_empty() { on_host() } else { Err(lacks) });
        }
        PlaceArgument::Auto => {
            let lacks = lacks();
            if lacks.is_empty() {
                output::talk("place: this host's own kernel, as it has all that cells need");
                return Ok(on_host());
            }
            output::talk(&format!(
                "place: guests, as this host's own kernel cannot be used:\n  {}",
                lacks.join("\n  ")
            ));
        }
    }
    // Those of --kernels, or the one of --kernel, or the default.
    let several = kernels
        .iter()
        .map(|asked| (Some(asked.clone()), Some(asked.as_str())));
    let mut wanted: Vec<(Option<Asked>, Option<&str>)> = several.collect();
    if wanted.is_empty() {
        wanted.push((None, arguments.kernel.as_deref()));
    }
    let (mut found, mut lacks) = (Vec::new(), Vec::new());
    for (asked, selector) in wanted {
        if let Some(selector) = selector.filter(|selector| guest_stock::is_named_by(selector)) {
            match kernels::stock(cache, selector) {
                Ok(kernel) => found.push((asked, Place::Stock(kernel))),
                Err(Failure::Unavailable(reason)) => lacks.push(reason),
                Err(failure) => return Err(failure),
            }
            lacks.extend(guest_stock::qemu().err().map(|error| error.to_string()));
            continue;
        }
        match kernel::find(cache, selector) {
            Ok(kernel) => found.push((asked, Place::Ready(RunsOn::Kernel(Box::new(kernel))))),
            Err(error @ KernelError::NotAKernel { .. }) => return Err(Failure::Mistake(error.to_string())),
            Err(error) => lacks.push(error.to_string()),
        }
    }
    if !lacks.is_empty() {
        return Ok(Err(lacks));
    }
    let found = OneOrMore::try_from(found).map_err(|empty| Failure::Software(empty.to_string()))?;
    Ok(Ok(found))
}

/// A server program that a guest can start. A guest has folders of its own in memory in place of some of the
/// host's.
fn reachable(program: &Path) -> Result<PathBuf, Failure> {
    let real = program.canonicalize().map_err(|error| {
        Failure::Mistake(format!("cannot use {} as a server: {error}", program.display()))
    })?;
    match lvs_matrix_guest::init::OWN_FOLDERS
        .iter()
        .find(|own| real.starts_with(own))
    {
        Some(own) => Err(Failure::Mistake(format!(
            "{} cannot be used as a server: a guest has a {own} of its own; copy the server's folder to \
             another place, such as /opt",
            real.display()
        ))),
        None => Ok(real),
    }
}

/// The cache folder itself: kernels lie one level below it.
fn with_log(error: &LabError) -> Failure {
    let log: String = error.log.iter().map(|line| format!("\n  {line}")).collect();
    Failure::Unavailable(format!("{error}{log}"))
}
