//! Cells in guests: a queue of cells, a few guests at a time, each given a batch; records come out one by
//! one. A sandbox on the host's own kernel is a guest like any other here, but for its words and its clock.
//!
//! Whatever becomes of a guest, every cell that it had begun leaves a record, and those that it had not begun
//! go back into the queue.

use crate::beneath::Beneath;
use crate::error::Failure;
use crate::guest_progress::{Believed, GuestProgress, Stages};
use crate::jobs;
use crate::kernels::{Kernels, OneKernel};
use crate::payload::{
    CELLS_FOLDER, Hands, INNODB_INPUT, JOB_FILE, Job, SERVER_INPUT, TEMPLATE_INPUT, needs_innodb,
    scenario_input,
};
use crate::place;
use crate::stop::Stop;
use lvs_matrix_guest::kernel::Kernel;
use lvs_matrix_guest::stock::Machine;
use lvs_matrix_guest::{Guest, GuestConfig, GuestReport, ReadOnlyInput, RunsOn};
use lvs_matrix_model::Name;
use lvs_matrix_model::duration::Human;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_model::record::{CellRecord, LabOutcome, RECORD_FILE};
use lvs_matrix_runner::{Milestone, Template, cell_folder, write_record};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The folder of the guests' shared folders in the output folder while a run goes on.
pub(crate) const GUESTS_FOLDER: &str = ".guests";

/// What guests are run with.
#[derive(Debug)]
pub(crate) struct Guests<'a> {
    pub(crate) kernels: Kernels,
    /// This binary.
    pub(crate) init: PathBuf,
    /// `None` if no real server is a mysqld.
    pub(crate) template: Option<Template>,
    /// The same with InnoDB, if a plan asks for it.
    pub(crate) with_innodb: Option<Template>,
    /// SHA-256 of the scenarios' texts.
    pub(crate) scenario_sha256: BTreeMap<Name, String>,
    pub(crate) stall: Duration,
    /// Does every cell start its own servers?
    pub(crate) fresh_servers: bool,
    pub(crate) jobs: NonZero<usize>,
    pub(crate) out: &'a Path,
    pub(crate) stop: &'a Stop,
    /// The folders of the scenarios' files.
    pub(crate) folders: BTreeMap<Name, PathBuf>,
}

/// What happens while guests run cells.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    Started(&'a CellRef),
    Reached(&'a CellRef, Milestone),
    /// The cell is over and has a record.
    Recorded(&'a CellRef),
    /// The cell is over, and its record says no more than that its guest did not finish it.
    Unfinished(&'a CellRef),
    /// A guest did not end as it should.
    Trouble(String),
}

impl Event<'_> {
    /// Is it of a cell that is none of the matrix?
    pub(crate) fn of_dry_cell(&self) -> bool {
        match self {
            Self::Started(cell) | Self::Reached(cell, _) | Self::Recorded(cell) | Self::Unfinished(cell) => {
                cell.dry
            }
            Self::Trouble(_) => false,
        }
    }
}

/// How long things took on the host's clock. Not part of any report.
#[derive(Debug, Default)]
pub(crate) struct Timings {
    /// From start to the first message, per guest.
    pub(crate) boots: Vec<Duration>,
    pub(crate) guests: Vec<Duration>,
    /// Per cell: its stages in order, each with its time.
    pub(crate) cells: Vec<Stages>,
    /// The largest peak memory of a guest, KiB.
    pub(crate) peak_memory_kib: Option<u64>,
}

struct Shared<'a> {
    queue: Mutex<VecDeque<LabPlan>>,
    numbers: Mutex<u32>,
    timings: Mutex<Timings>,
    listener: Mutex<&'a mut (dyn FnMut(Event<'_>) + Send)>,
}

impl Guests<'_> {
    /// Runs the cells; returns when each has a record, or the run was stopped.
    pub(crate) fn run(
        &self,
        plans: Vec<LabPlan>,
        listener: &mut (dyn FnMut(Event<'_>) + Send),
    ) -> Result<Timings, Failure> {
        let folder = self.out.join(GUESTS_FOLDER);
        fs::create_dir(&folder).map_err(|error| failed("make", &folder, &error))?;
        let shared = Shared {
            queue: Mutex::default(),
            numbers: Mutex::default(),
            timings: Mutex::default(),
            listener: Mutex::new(listener),
        };
        let mut queue = self.without_those_too_long(plans, &shared)?;
        // A guest has one kernel: those of one stand together.
        let place = |plan: &LabPlan| {
            self.kernels
                .ids()
                .position(|id| Some(id) == plan.cell.kernel.as_ref())
        };
        queue.make_contiguous().sort_by_key(place);
        *lock(&shared.queue) = queue;
        // A guest is spawned and awaited by one thread, which lives as long as it does (PR_SET_PDEATHSIG).
        let results: Vec<Result<(), Failure>> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.jobs.get())
                .map(|_| scope.spawn(|| self.work(&shared)))
                .collect();
            workers
                .into_iter()
                .map(|worker| {
                    worker
                        .join()
                        .unwrap_or_else(|_| Err(Failure::Software("a worker panicked".to_owned())))
                })
                .collect()
        });
        results.into_iter().collect::<Result<(), _>>()?;
        Ok(shared
            .timings
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner))
    }

    fn work(&self, shared: &Shared<'_>) -> Result<(), Failure> {
        loop {
            let batch = self.take_batch(shared);
            if batch.is_empty() || self.stop.reason().is_some() {
                return Ok(());
            }
            let left = self.run_batch(batch, shared)?;
            let mut queue = lock(&shared.queue);
            left.into_iter().rev().for_each(|plan| queue.push_front(plan));
        }
    }

    /// A share of the queue, for one kernel.
    fn take_batch(&self, shared: &Shared<'_>) -> Vec<LabPlan> {
        let mut queue = lock(&shared.queue);
        let count = jobs::share(queue.len(), self.jobs);
        let kernel = queue.front().map(|plan| plan.cell.kernel.clone());
        let same = queue.iter().take(count);
        let same = same.take_while(|plan| Some(&plan.cell.kernel) == kernel.as_ref());
        let count = same.count();
        queue.drain(..count).collect()
    }

    /// The kernel of a batch.
    pub(crate) fn kernel_of(&self, batch: &[LabPlan]) -> &OneKernel {
        let first = batch.first();
        first.map_or_else(|| self.kernels.first(), |plan| self.kernels.of(&plan.cell))
    }

    /// Boots a guest for the batch; gives the cells that it did not begin.
    fn run_batch(&self, batch: Vec<LabPlan>, shared: &Shared<'_>) -> Result<Vec<LabPlan>, Failure> {
        let share = self.make_share(&batch, shared)?;
        let config = self.config(&batch, &share);
        let noun = place::noun(&self.kernel_of(&batch).runs_on);
        let guest = Guest::start(config)
            .map_err(|error| Failure::Unavailable(format!("cannot start a {noun}: {error}")))?;
        self.stop.watch(guest.canceller());

        let mut progress = GuestProgress::new(&batch);
        let mut moved = Ok(());
        let report = guest.run(|message| match progress.believe(message) {
            Believed::Started(cell) => shared.tell(Event::Started(cell)),
            Believed::Reached(cell, milestone) => shared.tell(Event::Reached(cell, milestone)),
            Believed::Recorded(cell, stages) => {
                lock(&shared.timings).cells.push(stages);
                if moved.is_ok() {
                    moved = self.take_record(cell, &batch, &share);
                }
                shared.tell(Event::Recorded(cell));
            }
            Believed::Nothing => {}
        });
        let report = report.map_err(|error| Failure::Software(error.to_string()))?;
        moved?;
        shared.note(&report);

        let (done, broken) = (progress.all_done(), progress.broken_at());
        let reason = match place::reason_of(&report.end, progress.gave_up(), noun) {
            None if done => return Ok(Vec::new()),
            // Left alone with such a word, it would be given the rest again and again.
            None => format!("the {noun} ended as if it had run all its cells, and had not"),
            Some(reason) => reason,
        };
        if self.stop.reason().is_none() {
            shared.tell(Event::Trouble(format!("a {noun} ended early: {reason}")));
        }
        if let Some(plan) = batch.get(broken) {
            self.record_failure(plan, &share, &reason, report.console)?;
            shared.tell(Event::Unfinished(&plan.cell));
        }
        Ok(batch.into_iter().skip(broken + 1).collect())
    }

    /// What a guest for the batch is started with.
    pub(crate) fn config(&self, batch: &[LabPlan], share: &Path) -> GuestConfig {
        let (init, own) = (self.init.clone(), share.to_owned());
        let runs_on = &self.kernel_of(batch).runs_on;
        let mut config = match runs_on {
            RunsOn::Kernel(kernel) => GuestConfig::new(Kernel::clone(kernel), init, own),
            RunsOn::Stock(machine) => GuestConfig::in_qemu(Machine::clone(machine), init, own),
            RunsOn::Host => GuestConfig::on_host(init, own),
        };
        config.payload_args = vec!["payload".to_owned()];
        // The run's results may lie beside a scenario whose folder is an input.
        let guests = share.ancestors().find(|folder| folder.ends_with(GUESTS_FOLDER));
        let run = guests.and_then(Path::parent);
        config.own_folders = guests.into_iter().chain(run).map(Path::to_owned).collect();
        let data_folder = |name: &str, template: &Template| ReadOnlyInput {
            name: name.to_owned(),
            path: template.folder.clone(),
        };
        let template = self.template.as_ref();
        config.inputs = template
            .map(|template| data_folder(TEMPLATE_INPUT, template))
            .into_iter()
            .collect();
        let with_innodb = self.with_innodb.as_ref().filter(|_| needs_innodb(batch));
        config
            .inputs
            .extend(with_innodb.map(|template| data_folder(INNODB_INPUT, template)));
        let tree = template.and_then(|template| template.server.tree.clone());
        let tree = tree.map(|path| ReadOnlyInput {
            name: SERVER_INPUT.to_owned(),
            path,
        });
        config.inputs.extend(tree);
        config.inputs.extend(
            self.program_folders(batch)
                .map(|(scenario, folder)| ReadOnlyInput {
                    name: scenario_input(scenario),
                    path: folder.clone(),
                }),
        );
        config.stall = place::stall(runs_on, self.stall, batch);
        config.memory_mib = place::memory_mib(batch);
        config
    }

    /// Takes what the guest recorded; where there is nothing of the kind, the cell is one that failed.
    pub(crate) fn take_record(&self, cell: &CellRef, batch: &[LabPlan], share: &Path) -> Result<(), Failure> {
        match move_cell(share, self.out, cell)? {
            Moved::Whole => Ok(()),
            Moved::NotThere(reason) => {
                let plan = batch.iter().find(|plan| plan.cell == *cell);
                let reason = format!(
                    "the {} said that this cell was recorded, but {reason}",
                    place::noun(&self.kernels.of(cell).runs_on)
                );
                plan.map_or(Ok(()), |plan| {
                    self.record_failure(plan, share, &reason, Vec::new())
                })
            }
        }
    }

    /// Records the cells that would wait for longer than this run may watch one, and gives the others.
    fn without_those_too_long(
        &self,
        plans: Vec<LabPlan>,
        shared: &Shared<'_>,
    ) -> Result<VecDeque<LabPlan>, Failure> {
        let mut others = VecDeque::new();
        for plan in plans {
            let Some(limit) = plan.cut_to().filter(|limit| plan.own_time() > *limit) else {
                others.push_back(plan);
                continue;
            };
            let mut record = self.begun(plan);
            record.lab = LabOutcome::NotRun {
                reason: format!(
                    "its own waits and statements last {}, and this run watches a cell for at most {}; give \
                     a larger --observe-at-most, or run it in a guest, where waiting takes no time",
                    Human(record.plan.own_time()),
                    Human(limit)
                ),
            };
            let folder = cell_folder(self.out, &record.plan.cell);
            write_record(&folder, &record, None).map_err(|error| Failure::Software(error.to_string()))?;
            shared.tell(Event::Recorded(&record.plan.cell));
        }
        Ok(others)
    }

    /// The folders of those scenarios that run programs of the author's own.
    fn program_folders<'s>(&'s self, batch: &[LabPlan]) -> impl Iterator<Item = (&'s Name, &'s PathBuf)> {
        let scenarios: BTreeSet<Name> = batch
            .iter()
            .filter(|plan| plan.runs_own_programs())
            .map(|plan| plan.cell.scenario.clone())
            .collect();
        self.folders
            .iter()
            .filter(move |(scenario, _)| scenarios.contains(scenario))
    }

    fn make_share(&self, batch: &[LabPlan], shared: &Shared<'_>) -> Result<PathBuf, Failure> {
        let number = {
            let mut numbers = lock(&shared.numbers);
            *numbers += 1;
            *numbers
        };
        let share = self.out.join(GUESTS_FOLDER).join(number.to_string());
        self.write_job(&share, batch, None)?;
        Ok(share)
    }

    /// Makes the shared folder of a guest, with what is to be done in it.
    pub(crate) fn write_job(
        &self,
        share: &Path,
        batch: &[LabPlan],
        by_hand: Option<Hands>,
    ) -> Result<(), Failure> {
        fs::create_dir(share).map_err(|error| failed("make", share, &error))?;
        let kernel = self.kernel_of(batch);
        let job = Job {
            place: place::place(&kernel.runs_on),
            server: self.template.as_ref().map(|template| template.server.clone()),
            hashes: kernel.hashes.clone(),
            scenario_sha256: self.scenario_sha256.clone(),
            program_folders: self
                .program_folders(batch)
                .map(|(scenario, _)| scenario.clone())
                .collect(),
            fresh_servers: self.fresh_servers,
            by_hand,
            plans: batch.to_vec(),
        };
        let text = serde_json::to_vec(&job).map_err(|error| Failure::Software(error.to_string()))?;
        fs::write(share.join(JOB_FILE), text).map_err(|error| failed("write", &share.join(JOB_FILE), &error))
    }

    /// The record of a cell that could not make one itself.
    fn begun(&self, plan: LabPlan) -> CellRecord {
        let scenario_sha256 = self.scenario_sha256.get(&plan.cell.scenario).cloned();
        let kernel = self.kernels.of(&plan.cell);
        let environment = place::environment(&kernel.runs_on, self.template.as_ref(), &kernel.hashes);
        CellRecord {
            scenario_sha256,
            ..CellRecord::begun(plan, environment)
        }
    }

    /// The record of a cell that its guest did not survive.
    pub(crate) fn record_failure(
        &self,
        plan: &LabPlan,
        share: &Path,
        reason: &str,
        console: Vec<String>,
    ) -> Result<(), Failure> {
        let folder = cell_folder(self.out, &plan.cell);
        // Logs of servers, which may tell more. A folder that is none is not worth a word beside the failure.
        let _ = move_cell(share, self.out, &plan.cell)?;
        let stopped = self.stop.reason();
        let mut record = self.begun(plan.clone());
        record.lab = LabOutcome::Failed {
            stage: format!(
                "run the cell in a {}",
                place::noun(&self.kernels.of(&plan.cell).runs_on)
            ),
            reason: stopped.map_or_else(
                || reason.to_owned(),
                |signal| format!("the run was stopped by {signal}"),
            ),
            log: console,
        };
        write_record(&folder, &record, None).map_err(|error| Failure::Software(error.to_string()))
    }
}

impl Shared<'_> {
    fn tell(&self, event: Event<'_>) {
        lock(&self.listener)(event);
    }

    fn note(&self, report: &GuestReport) {
        let mut timings = lock(&self.timings);
        timings.boots.extend(report.first_message);
        timings.guests.push(report.wall);
        timings.peak_memory_kib = timings.peak_memory_kib.max(report.peak_memory_kib);
    }
}

/// What became of a cell's folder in a share.
enum Moved {
    Whole,
    /// There is none, or none that can be used; why.
    NotThere(String),
}

/// Moves a cell's folder from the share to the output folder, and gives it back to this user if the guest ran
/// as another. The guest may have put anything there.
fn move_cell(share: &Path, out: &Path, cell: &CellRef) -> Result<Moved, Failure> {
    let (scenario, slug) = (cell.scenario.as_str(), cell.slug());
    let to = cell_folder(out, cell);
    let from = Beneath::open(share).and_then(|share| share.folder(&[CELLS_FOLDER, scenario]));
    let from = match from.and_then(|from| from.folder(&[&slug]).map(|_| from)) {
        Ok(from) => from,
        Err(error) => return Ok(Moved::NotThere(format!("its folder cannot be opened: {error}"))),
    };
    let moved = Beneath::open(out)
        .and_then(|out| out.make(scenario))
        .and_then(|parent| from.move_to(&slug, &parent));
    let moved = match moved {
        Ok(moved) => moved,
        // It was taken before, and something made it again.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty
            ) =>
        {
            return Ok(Moved::NotThere("it had been taken before".to_owned()));
        }
        Err(error) => return Err(failed("move a record to", &to, &error)),
    };
    if rustix::process::geteuid().is_root() {
        moved.take_over().map_err(|error| failed("own", &to, &error))?;
    }
    match moved.has_file(RECORD_FILE) {
        Ok(true) => Ok(Moved::Whole),
        Ok(false) => Ok(Moved::NotThere("there is no record in its folder".to_owned())),
        Err(error) => Err(failed("look at", &to, &error)),
    }
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::Software(format!("cannot {what} {}: {error}", path.display()))
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
