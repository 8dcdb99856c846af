//! A cell from plan to record.

use crate::capture::{Captured, Captures};
use crate::client::{Client, Probes};
use crate::clock::Clock;
use crate::control::{Control, Watched};
use crate::environment::environment;
use crate::error::{LabError, Result, Stage};
use crate::hand::{Hand, Session};
use crate::lab::Lab;
use crate::operator;
use crate::progress::{Milestone, Progress};
use crate::recorder::{cell_folder, write_record};
use crate::template::{Template, copy_folder};
use crate::timeline::Timeline;
use crate::warm::Warm;
use lvs_matrix_model::Name;
use lvs_matrix_model::capture::{self, PointFrames, Remarks};
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_model::record::{
    CaptureRecord, CellRecord, Environment, Hashes, LabOutcome, Moment, MysqldState, Place, ServerView,
};
use lvs_matrix_netns::{Namespace, tcp_sockets};
use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What cells are run with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where this is.
    pub place: Place,
    /// The harness's version.
    pub harness: String,
    /// What it is run with, as the host knows it.
    pub hashes: Option<Hashes>,
    /// SHA-256 of the scenarios' texts.
    pub scenario_sha256: BTreeMap<Name, String>,
    /// The data folder's template and the server program.
    /// `None` in a run in which none is needed.
    pub template: Option<Template>,
    /// The same with InnoDB, for the plans that ask for it.
    pub with_innodb: Option<Template>,
    /// A folder in memory for data folders.
    pub scratch: PathBuf,
    /// Does every cell start its own servers? Else one that an earlier cell left as new may be lent.
    pub fresh_servers: bool,
    /// The folder that receives `<scenario>/<slug>/record.json`.
    pub out: PathBuf,
    /// The folders of the scenarios' files, for those with programs of the author's own: they run there.
    pub scenario_folders: BTreeMap<Name, PathBuf>,
}

/// Runs the cells one after another. Whatever happens in a cell, it leaves a record.
///
/// # Errors
/// [`LabError`] if nothing can be run at all, or a record cannot be written.
pub fn run_cells(config: &Config, plans: &[LabPlan], progress: impl FnMut(Progress<'_>)) -> Result<()> {
    run(config, plans, None, progress)
}

/// Makes the lab of one cell, and puts it into the caller's hands where its change would begin. What is seen
/// is recorded as that of any cell.
///
/// # Errors
/// As [`run_cells`].
pub fn run_by_hand(
    config: &Config,
    plan: &LabPlan,
    session: &mut Session<'_>,
    progress: impl FnMut(Progress<'_>),
) -> Result<()> {
    run(config, std::slice::from_ref(plan), Some(session), progress)
}

fn run(
    config: &Config,
    plans: &[LabPlan],
    mut session: Option<&mut Session<'_>>,
    mut progress: impl FnMut(Progress<'_>),
) -> Result<()> {
    let environment = environment(
        config.place,
        &config.harness,
        config.hashes.clone(),
        config.template.as_ref().map(|template| &template.server),
    )?;
    // The template is copied into memory once; the folder given may be slow, as a guest's shared folder is.
    let scratch = tempfile::Builder::new()
        .prefix("lvs-matrix-")
        .tempdir_in(&config.scratch)
        .stage("make a scratch folder")?;
    let near = |template: &Template, name: &str| {
        let folder = scratch.path().join(name);
        copy_folder(&template.folder, &folder).stage("copy the data folder's template")?;
        Ok(Template {
            folder,
            ..template.clone()
        })
    };
    let template = config.template.as_ref();
    let template = template.map(|template| near(template, "template")).transpose()?;
    let with_innodb = config.with_innodb.as_ref();
    let with_innodb = with_innodb
        .map(|template| near(template, "with-innodb"))
        .transpose()?;
    let mut warm = Warm::new(scratch.path(), !config.fresh_servers);
    for plan in plans {
        progress(Progress::Started(&plan.cell));
        let mut reached = |milestone| progress(Progress::Reached(milestone));
        let places = Places {
            scratch: scratch.path(),
            out: &config.out,
            program: config
                .scenario_folders
                .get(&plan.cell.scenario)
                .map(PathBuf::as_path),
            scenario_sha256: config
                .scenario_sha256
                .get(&plan.cell.scenario)
                .map(String::as_str),
        };
        let template = with_innodb
            .as_ref()
            .filter(|_| plan.needs_innodb())
            .or(template.as_ref());
        let session = session.as_deref_mut();
        run_cell(
            &environment,
            template,
            places,
            plan,
            session,
            &mut warm,
            &mut reached,
        )?;
        progress(Progress::Recorded(&plan.cell));
    }
    Ok(())
}

/// Where a cell finds and leaves things.
#[derive(Clone, Copy)]
struct Places<'a> {
    /// A folder in memory.
    scratch: &'a Path,
    /// Where records go.
    out: &'a Path,
    /// Where programs of the author's own run.
    program: Option<&'a Path>,
    scenario_sha256: Option<&'a str>,
}

fn run_cell(
    environment: &Environment,
    template: Option<&Template>,
    places: Places<'_>,
    plan: &LabPlan,
    session: Option<&mut Session<'_>>,
    warm: &mut Warm,
    reached: &mut dyn FnMut(Milestone),
) -> Result<()> {
    let folder = cell_folder(places.out, &plan.cell);
    fs::create_dir_all(&folder).stage(format!("make {}", folder.display()))?;
    let scratch = tempfile::Builder::new()
        .prefix("cell-")
        .tempdir_in(places.scratch)
        .stage("make a scratch folder")?;
    let cell_places = Places {
        scratch: scratch.path(),
        out: &folder,
        ..places
    };
    let mut record = CellRecord::begun(plan.clone(), environment.clone());
    record.scenario_sha256 = places.scenario_sha256.map(str::to_owned);
    let observed = observe(plan, template, cell_places, &mut record, session, warm, reached);
    let (lab, encoded) = match observed {
        Ok(Observed { captured, lab }) => (lab, encode(captured, &mut record)),
        Err(error) => (None, Err(error)),
    };
    let bytes = encoded.unwrap_or_else(|LabError { stage, reason, log }| {
        record.lab = LabOutcome::Failed { stage, reason, log };
        None
    });
    write_record(&folder, &record, bytes.as_deref())?;
    // The cell is over, whatever becomes of its servers.
    if let Some(lab) = lab {
        lab.dissolve(plan, warm);
    }
    Ok(())
}

/// How long the last looks wait after the end of the observation. What was on the links then has arrived, and
/// with it the end of a connection, or an acknowledgement: each link takes 100 µs, a lab has few in a row. No
/// packet says that it was the last one, so this is waited for by the clock.
const IN_FLIGHT: Duration = Duration::from_millis(1);

/// What is left of a cell when its observation has ended.
struct Observed {
    captured: Vec<Captured>,
    /// `None` if the lab failed on the way.
    lab: Option<Lab>,
}

/// Makes the lab, plays the time line, and fills the record; gives what was captured, also if the lab failed
/// on the way.
fn observe(
    plan: &LabPlan,
    template: Option<&Template>,
    places: Places<'_>,
    record: &mut CellRecord,
    session: Option<&mut Session<'_>>,
    warm: &mut Warm,
    reached: &mut dyn FnMut(Milestone),
) -> Result<Observed> {
    let mut lab = Lab::make(
        plan,
        template,
        places.program,
        places.scratch,
        places.out,
        warm,
        reached,
    )?;
    record.preparation = std::mem::take(&mut lab.preparation);
    let captures = {
        let hosts = plan
            .hosts
            .iter()
            .map(|host| Ok((host, lab.namespace(&host.node)?)));
        let hosts: Vec<_> = hosts.collect::<Result<_>>()?;
        Captures::start(&lab.link, &plan.segments, &hosts)?
    };
    reached(Milestone::LabReady);
    let clock = Clock::start();
    record.epoch_unix_nanos = clock.epoch_unix_nanos();
    let client = Client::start(lab.client()?, clock, plan, places.program)?;
    lab.start_control(plan, clock, places.scratch)?;
    let probes = match plan.probe_host() {
        Some(host) => Some(Probes::start(lab.namespace(&host.node)?, clock, plan)?),
        None => None,
    };

    let mut timeline = Timeline::new(plan, &mut lab, &client, &captures, clock);
    let mut hand = session.map(|session| Hand::new(session, record.environment.clone(), places.out));
    let played = match &mut hand {
        None => timeline.play(),
        Some(hand) => hand.play(&mut timeline),
    };
    let played = played.and_then(|ended| {
        reached(Milestone::Played);
        probes.iter().for_each(Probes::close);
        std::thread::sleep(IN_FLIGHT);
        timeline.snapshot(Moment::End)?;
        timeline.look_again()?;
        Ok(ended)
    });
    record.ended = *played.as_ref().unwrap_or(&clock.now());
    client.close_log();
    record.by_hand = hand.map(|hand| hand.lines).unwrap_or_default();
    record.steps = std::mem::take(&mut timeline.steps);
    record.snapshots = std::mem::take(&mut timeline.snapshots);
    let controls = std::mem::take(&mut lab.controls);
    let watched: Result<Vec<Watched>> = controls.into_iter().map(Control::finish).collect();
    let failed = played.and_then(|_| clock.check_not_set()).and_then(|()| {
        let mut changes = Vec::new();
        record.vip_changes.append(&mut lab.moves);
        for watched in watched? {
            record.control_log.extend(watched.log);
            record.vip_changes.extend(watched.moves);
            changes.extend(watched.changes);
        }
        record.control_log.sort_by_key(|line| line.at);
        record.vip_changes.sort_by_key(|change| change.at);
        record.take_changes(changes);
        record.server_views = server_views(plan, &mut lab)?;
        record.client_sockets = Some(sockets(lab.client()?, plan.vip())?);
        operator::restore_links(plan, &lab)
    });
    // The captures end before the client does: its good-bye is not part of the cell.
    let captured = captures.finish();
    let (events, program) = client.stop();
    let probed = probes.map_or_else(|| Ok(Vec::new()), Probes::stop);
    let failed = failed.and_then(|()| {
        record.probes = probed?;
        Ok(())
    });
    record.client_events = events;
    record.client = Some(program);
    let lab = match failed {
        Ok(()) => Some(lab),
        Err(LabError { stage, reason, log }) => {
            record.lab = LabOutcome::Failed { stage, reason, log };
            None
        }
    };
    Ok(Observed { captured, lab })
}

fn server_views(plan: &LabPlan, lab: &mut Lab) -> Result<Vec<ServerView>> {
    let client = plan.client_known_as();
    let Some(client) = client else {
        return Err(LabError::new("look at the servers", "the plan has no client"));
    };
    let mut views = Vec::new();
    for server in &mut lab.servers {
        let sockets = sockets(&server.namespace, client)?;
        let mysqld = server.state();
        let sessions = match &mysqld {
            MysqldState::Running => server.sessions(client).ok(),
            MysqldState::Frozen | MysqldState::Ended { .. } => None,
        };
        views.push(ServerView {
            server: server.name.clone(),
            server_id: server.server_id,
            mysqld,
            sockets,
            sessions,
            timeouts: server.timeouts.clone(),
            earlier_cells: server.earlier_cells,
            log: server.log_name(),
        });
    }
    Ok(views)
}

/// TCP sockets of a node with `peer`, a line each: those of `ss -Htano dst PEER`.
fn sockets(namespace: &Namespace, peer: IpAddr) -> Result<Vec<String>> {
    let all = tcp_sockets(namespace).stage(format!("list the sockets of {}", namespace.name()))?;
    let with_peer = all.iter().filter(|socket| socket.peer().ip() == peer);
    Ok(with_peer.map(ToString::to_string).collect())
}

/// The capture file's bytes; the points go into the record.
fn encode(captured: Vec<Captured>, record: &mut CellRecord) -> Result<Option<Vec<u8>>> {
    let (points, seen): (Vec<_>, Vec<_>) = captured
        .into_iter()
        .map(|Captured { point, frames }| (point, frames))
        .unzip();
    let named = capture::names(&points).into_iter().zip(seen);
    let frames: Vec<PointFrames> = named.map(|(name, frames)| PointFrames { name, frames }).collect();
    record.capture = Some(CaptureRecord { points });
    capture::write(&frames, &Remarks::of(record))
        .stage("write the capture")
        .map(Some)
}
