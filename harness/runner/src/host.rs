//! What a host's own kernel lacks for labs. Labs never touch its table, but they share its kernel: nothing is
//! loaded into that, and a director that is in use is left alone.

use crate::error::{LabError, Result, Stage};
use crate::operator::{BY_HASH, BY_WEIGHT};
use lvs_matrix_model::action::{Action, ClientAction, ServiceEdit, TableAction};
use lvs_matrix_model::ipvs::Table;
use lvs_matrix_model::plan::LabPlan;
use lvs_matrix_netns::{CommandLine, Namespace};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What links and looks of a lab need of the kernel, as modules are called: `ip link`, `tc qdisc`, packet
/// sockets, `ss -K`.
const MODULES: &[&str] = &["veth", "bridge", "sch_netem", "af_packet", "tcp_diag"];
/// IPVS itself; its schedulers are `ip_vs_NAME`.
const IPVS: &str = "ip_vs";

/// Something that a host lacks, with its cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLack {
    /// What is lacking, or in the way.
    pub what: String,
    /// What to do, in one line.
    pub cure: String,
}

/// The schedulers that a cell sets on its director: that of the lab, those of its steps, and one for
/// connections that are to be on a certain real server.
#[must_use]
pub fn schedulers(plan: &LabPlan) -> BTreeSet<String> {
    let actions = || plan.steps.iter().map(|step| &step.action);
    let of_step = |action: &Action| match action {
        Action::Table(TableAction::SetScheduler { scheduler })
        | Action::Other(ServiceEdit {
            edit: TableAction::SetScheduler { scheduler },
            ..
        }) => Some(scheduler.clone()),
        Action::Wait(_)
        | Action::Watch(_)
        | Action::Client(_)
        | Action::Table(_)
        | Action::Other(_)
        | Action::Mysqld(_)
        | Action::Host(_)
        | Action::Traffic(_) => None,
    };
    let mut all: BTreeSet<String> = actions().filter_map(of_step).collect();
    all.extend(plan.services.iter().map(|service| service.scheduler.clone()));
    let chosen = actions().any(|action| {
        matches!(
            action,
            Action::Client(ClientAction::Connect(opening) | ClientAction::StartConnect(opening))
                if opening.to.is_some()
        )
    });
    if chosen && BY_HASH.iter().any(|name| all.contains(*name)) {
        all.insert(BY_WEIGHT.to_owned());
    }
    all
}

/// What the kernel of this host lacks for cells with these schedulers. Changes nothing: the kernel would load
/// most modules by itself when they are first asked for, and they would stay; that is left to whoever owns
/// the machine.
#[must_use]
pub fn host_lacks(schedulers: &BTreeSet<String>) -> Vec<HostLack> {
    let mut lacks: Vec<HostLack> = missing_modules(schedulers).into_iter().collect();
    lacks.extend(in_use(Path::new("/proc")).map(|what| {
        HostLack {
            what: format!("this host is a director in use: {what}"),
            cure:
                "run the cells in guests (--place guest), or on a machine that directs nothing; a lab has a \
            table of its own, but shares the kernel, and a fault in it would be everybody's"
                    .to_owned(),
        }
    }));
    lacks
}

fn missing_modules(schedulers: &BTreeSet<String>) -> Option<HostLack> {
    // The file is there in every network namespace once IPVS is (net/netfilter/ipvs/ip_vs_ctl.c).
    let ipvs = Path::new("/proc/net/ip_vs").exists();
    if !Path::new("/proc/modules").exists() {
        // A kernel without modules: what is not in it cannot come, and the trial shows what is.
        return (!ipvs).then(|| HostLack {
            what: "this kernel was built without IPVS, and it cannot load modules".to_owned(),
            cure: "run the cells in guests (--place guest), or on a host with another kernel".to_owned(),
        });
    }
    let schedulers = schedulers.iter().map(|name| format!("{IPVS}_{name}"));
    let wanted = schedulers.chain(MODULES.iter().map(|name| (*name).to_owned()));
    let builtin = built_in();
    let missing: Vec<String> = std::iter::once(IPVS.to_owned())
        .filter(|_| !ipvs)
        .chain(wanted.filter(|name| !Path::new("/sys/module").join(name).exists() && !builtin.contains(name)))
        .collect();
    (!missing.is_empty()).then(|| HostLack {
        what: format!("kernel modules that are not loaded: {}", missing.join(", ")),
        cure: format!("sudo modprobe -a {}", missing.join(" ")),
    })
}

/// The modules that are part of the running kernel (kbuild's `modules.builtin`:
/// `kernel/net/packet/af_packet.ko` a line).
fn built_in() -> BTreeSet<String> {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let list = ["/lib/modules", "/usr/lib/modules"]
        .map(|folder| PathBuf::from(folder).join(&release).join("modules.builtin"));
    let text = list
        .iter()
        .find_map(|path| fs::read_to_string(path).ok())
        .unwrap_or_default();
    let names = text
        .lines()
        .filter_map(|line| line.rsplit('/').next()?.strip_suffix(".ko"));
    names.map(|name| name.replace('-', "_")).collect()
}

/// Virtual services in any network namespace that a process of this machine is in, in words.
fn in_use(proc: &Path) -> Option<String> {
    let mut seen = BTreeSet::new();
    let processes = fs::read_dir(proc).ok()?.flatten();
    let mut processes: Vec<u32> = processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    processes.sort_unstable();
    processes.into_iter().find_map(|process| {
        let own = proc.join(process.to_string());
        let namespace = fs::read_link(own.join("ns/net")).ok()?;
        if !seen.insert(namespace) {
            return None;
        }
        let services = services(&fs::read_to_string(own.join("net/ip_vs")).ok()?);
        let name = fs::read_to_string(own.join("comm")).unwrap_or_default();
        (services > 0).then(|| {
            format!(
                "{services} virtual service(s) in the network namespace of {} (PID {process})",
                name.trim().escape_debug()
            )
        })
    })
}

/// How many virtual services a table has. One that cannot be read counts as in use.
fn services(table: &str) -> usize {
    Table::of_kernel(table).map_or(1, |table| table.services.len())
}

/// Makes a network namespace and asks ipvsadm(8) for the table in it: what a lab's director does first.
///
/// # Errors
/// [`LabError`] if the kernel refuses either.
pub fn prove_ipvs() -> Result<()> {
    let namespace = Namespace::new("trial").stage("make a network namespace")?;
    let there = namespace
        .run(|| Path::new("/proc/thread-self/net/ip_vs").exists())
        .stage("look for IPVS")?;
    if !there {
        // Not asked further: ipvsadm would try to load the module.
        return Err(LabError::new(
            "look for IPVS",
            "a new network namespace has no /proc/net/ip_vs",
        ));
    }
    namespace
        .check(&CommandLine::new(["ipvsadm", "-Ln"]))
        .stage("read the table of a new network namespace")
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lvs_matrix_model::matrix::cells;
    use lvs_matrix_model::plan::plan;
    use lvs_matrix_model::scenario::load;

    /// Those of a lab with this scheduler, connection and further step.
    fn of(scheduler: &str, connect: &str, step: &str) -> Vec<String> {
        let scenario = load(&format!(
            "{{ name: sample, claim: A plan., lab: {{ real-servers: {{ rs1: {{}}, rs2: {{}} }}, \
             scheduler: {scheduler} }}, \
             before: [{{ {connect} }}], change: [{{ {step} }}], act: [{{ query: {{ sql: select 1 }} }}], \
             observe: {{ patience: 5s, until: 1m }}, expect: [{{ observe-only: true }}] }}"
        ));
        let scenario = scenario.unwrap();
        let plan = plan(&scenario, &cells(&scenario)[0]);
        schedulers(&plan).into_iter().collect()
    }

    /// Each is a kernel module, and a step that cannot have its own fails in the middle of a cell.
    #[test]
    fn every_scheduler_of_a_cell_is_asked_for() {
        let nothing = "wait: 1s";
        assert_eq!(of("wlc", "connect: {}", nothing), ["wlc"]);
        assert_eq!(of("wlc", "connect: { to: rs1 }", nothing), ["wlc"]);
        assert_eq!(of("sh", "connect: {}", nothing), ["sh"]);
        assert_eq!(of("dh", "connect: { to: rs1 }", nothing), ["dh", "rr"]);
        assert_eq!(of("mh", "connect: { to: rs1 }", nothing), ["mh", "rr"]);
        assert_eq!(of("sh", "connect: { to: rs1 }", nothing), ["rr", "sh"]);
        let begun = "start-connect: { to: rs2 } }, { await-connect: {}";
        assert_eq!(of("dh", begun, nothing), ["dh", "rr"]);
        let step = "set-scheduler: { scheduler: sh }";
        assert_eq!(of("lc", "connect: {}", step), ["lc", "sh"]);
        assert_eq!(of("lc", "connect: { to: rs1 }", step), ["lc", "rr", "sh"]);
    }

    #[test]
    fn services_are_counted_and_their_servers_are_not() {
        let empty = "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  \
                     -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n";
        assert_eq!(services(empty), 0);
        let two = format!(
            "{empty}TCP  C0000264:0CEA rr\n  -> C000021F:0CEA      Route   1      0          0\nFWM  \
             00000001 wlc\n"
        );
        assert_eq!(services(&two), 2);
    }

    /// A made-up /proc: a director among the processes is found, whichever namespace it is in.
    #[test]
    fn a_director_in_use_is_found_in_any_namespace() {
        let proc = tempfile::tempdir().unwrap();
        let process = |pid: &str, namespace: &str, name: &str, table: &str| {
            let own = proc.path().join(pid);
            fs::create_dir_all(own.join("ns")).unwrap();
            fs::create_dir_all(own.join("net")).unwrap();
            std::os::unix::fs::symlink(namespace, own.join("ns/net")).unwrap();
            fs::write(own.join("comm"), format!("{name}\n")).unwrap();
            fs::write(own.join("net/ip_vs"), table).unwrap();
        };
        process(
            "1",
            "net:[1]",
            "systemd",
            "IP Virtual Server version 1.2.1 (size=4096)\n",
        );
        process(
            "20",
            "net:[1]",
            "sshd",
            "IP Virtual Server version 1.2.1 (size=4096)\n",
        );
        fs::create_dir(proc.path().join("30")).unwrap();
        assert_eq!(in_use(proc.path()), None);
        process(
            "400",
            "net:[2]",
            "keepalived",
            "IP Virtual Server version 1.2.1 (size=4096)\nTCP  C0000264:0CEA rr\n",
        );
        let found = in_use(proc.path()).unwrap();
        assert!(
            found.contains("1 virtual service(s)") && found.contains("keepalived (PID 400)"),
            "{found}"
        );
    }
}
