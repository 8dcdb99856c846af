//! What runs in a guest: cells from the job in the shared folder, records back into it, news on the console.

use crate::by_hand::Requests;
use crate::error::Failure;
use lvs_matrix_guest::init::Console;
use lvs_matrix_guest::protocol::{INPUTS_VARIABLE, SHARE_VARIABLE};
use lvs_matrix_model::Name;
use lvs_matrix_model::matrix::CellRef;
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_model::record::{Hashes, Place};
use lvs_matrix_runner::{
    Config, Milestone, News, Progress, Server, Session, Template, cell_folder, run_by_hand, run_cells,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// The job's file in the shared folder.
pub(crate) const JOB_FILE: &str = "job.json";
/// The folder of the records in the shared folder.
pub(crate) const CELLS_FOLDER: &str = "cells";
/// The name, among the guest's inputs, of the data folder's template with InnoDB, if a plan asks for it.
pub(crate) const INNODB_INPUT: &str = "datadir-with-innodb";
/// The name of the data folder's template among the guest's inputs.
pub(crate) const TEMPLATE_INPUT: &str = "datadir";
/// The name of the server's own tree among them, if it has one.
pub(crate) const SERVER_INPUT: &str = "server";

/// What a guest is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) place: Place,
    /// `None` if no real server is a mysqld.
    pub(crate) server: Option<Server>,
    pub(crate) hashes: Hashes,
    /// SHA-256 of the scenarios' texts.
    pub(crate) scenario_sha256: BTreeMap<Name, String>,
    /// The scenarios whose file's folder is among the guest's inputs.
    pub(crate) program_folders: Vec<Name>,
    pub(crate) fresh_servers: bool,
    /// Is the lab of the only plan for somebody's hands, and does its time stand still meanwhile?
    pub(crate) by_hand: Option<Hands>,
    pub(crate) plans: Vec<LabPlan>,
}

/// How a lab is worked on by hand.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Hands {
    pub(crate) virtual_time: bool,
}

/// The name of a scenario's folder among the guest's inputs.
pub(crate) fn scenario_input(scenario: &Name) -> String {
    format!("scenario-{scenario}")
}

/// Does one of the plans ask for InnoDB?
pub(crate) fn needs_innodb(plans: &[LabPlan]) -> bool {
    plans.iter().any(LabPlan::needs_innodb)
}

/// What the payload says on the console, as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum GuestMessage {
    /// A cell begins.
    Started(CellRef),
    /// The cell has reached a milestone.
    Reached(Milestone),
    /// A cell's record is in the shared folder.
    Recorded(CellRef),
    /// Nothing more can be run; why.
    GaveUp(String),
    /// What a lab says to whoever works in it.
    ByHand(News),
}

pub(crate) fn payload() -> Result<ExitCode, Failure> {
    let console = Console::open().map_err(|error| {
        Failure::Mistake(format!(
            "`lvs-matrix payload` is started by a guest's init, not by hand ({error})"
        ))
    })?;
    let console = Arc::new(console);
    let own = Arc::clone(&console);
    let say = move |news: &GuestMessage| {
        // GuestMessage that cannot be said is missed by the host's watchdog, which then ends this guest.
        let _ = serde_json::to_string(news).map(|text| match news {
            GuestMessage::Recorded(cell) => own.hand_over(&cell_folder(Path::new(CELLS_FOLDER), cell), &text),
            GuestMessage::Started(_)
            | GuestMessage::Reached(_)
            | GuestMessage::GaveUp(_)
            | GuestMessage::ByHand(_) => own.say(&text),
        });
    };
    let for_others = Arc::clone(&console);
    let tell = Arc::new(move |news| {
        let _ = serde_json::to_string(&GuestMessage::ByHand(news)).map(|text| for_others.say(&text));
    });
    match work(|news| say(&news), tell) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(failure) => {
            say(&GuestMessage::GaveUp(failure.to_string()));
            Err(failure)
        }
    }
}

/// The payload of a trial: a director's first look at a table of its own. A failure is said on the console,
/// and the exit code.
pub(crate) fn try_sandbox() -> Result<ExitCode, Failure> {
    lvs_matrix_runner::prove_ipvs().map_err(|error| Failure::Unavailable(error.to_string()))?;
    Ok(ExitCode::SUCCESS)
}

fn work(mut say: impl FnMut(GuestMessage), tell: Arc<dyn Fn(News) + Send + Sync>) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Software(error.to_string());
    let folder = |variable: &str| {
        std::env::var_os(variable).map(PathBuf::from).ok_or_else(|| {
            Failure::Mistake(format!(
                "`lvs-matrix payload` is started by a guest's init, not by hand (${variable} is not set)"
            ))
        })
    };
    let share = folder(SHARE_VARIABLE)?;
    let text = std::fs::read(share.join(JOB_FILE)).map_err(|error| failed(&error))?;
    let job: Job = serde_json::from_slice(&text).map_err(|error| failed(&error))?;
    let inputs = folder(INPUTS_VARIABLE)?;
    let template = |input: &str, innodb| {
        Some(Template {
            folder: inputs.join(input),
            innodb,
            server: job.server.clone()?.seen_as(&inputs.join(SERVER_INPUT)),
        })
    };
    let config = Config {
        place: job.place,
        harness: env!("CARGO_PKG_VERSION").to_owned(),
        hashes: Some(job.hashes),
        scenario_sha256: job.scenario_sha256,
        template: template(TEMPLATE_INPUT, false),
        with_innodb: template(INNODB_INPUT, true).filter(|_| needs_innodb(&job.plans)),
        scratch: std::env::temp_dir(),
        fresh_servers: job.fresh_servers,
        out: share.join(CELLS_FOLDER),
        scenario_folders: job
            .program_folders
            .iter()
            .map(|scenario| (scenario.clone(), inputs.join(scenario_input(scenario))))
            .collect(),
    };
    let progress = |progress: Progress<'_>| match progress {
        Progress::Started(cell) => say(GuestMessage::Started(cell.clone())),
        Progress::Reached(milestone) => say(GuestMessage::Reached(milestone)),
        Progress::Recorded(cell) => say(GuestMessage::Recorded(cell.clone())),
    };
    match (job.by_hand, job.plans.as_slice()) {
        (Some(hands), [plan]) => {
            let mut requests = Requests::of(&share);
            let mut session = Session {
                asked: &mut || requests.take(),
                tell,
                virtual_time: hands.virtual_time,
            };
            run_by_hand(&config, plan, &mut session, progress)
        }
        (_, plans) => run_cells(&config, plans, progress),
    }
    .map_err(|error| failed(&error))
}
