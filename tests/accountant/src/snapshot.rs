//! What is looked at, and what was seen.

use crate::people::{People, Scope};
use crate::view::View;
use crate::{files, network, processes, settings};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// The number of the format of a stored snapshot.
pub const FORMAT: u32 = 1;

/// A class of things that could be left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Processes that still run.
    Processes,
    /// Namespaces of every type that a process, a thread, a descriptor or a mount holds.
    Namespaces,
    /// The mounts of this mount namespace.
    Mounts,
    /// Links of this network namespace, with their queueing disciplines.
    Links,
    /// Their addresses.
    Addresses,
    /// Routes of all tables, and rules.
    Routes,
    /// `net.*` and `kernel.*`.
    Sysctls,
    /// The nftables ruleset, and the names of legacy xtables tables.
    Nftables,
    /// Virtual services and their real servers.
    Ipvs,
    /// Listening TCP and Unix sockets, bound UDP sockets, raw and packet sockets.
    Sockets,
    /// Control groups.
    Cgroups,
    /// `/dev/shm`.
    SharedMemory,
    /// `/run`, three folders deep.
    Run,
    /// `/tmp`, `/var/tmp` and `$TMPDIR`.
    Tmp,
    /// User-mode Linux's folders, `.uml` in the homes of those that we run things as.
    Uml,
    /// Core files: named by `kernel.core_pattern`, and of ELF's type ET_CORE.
    Cores,
    /// The folders that were named to be watched.
    Watched,
}

/// How two views of a class are held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What is new counts. That something has gone is usual.
    Things,
    /// What is new, changed or gone counts.
    Settings,
    /// What has changed counts. Keys come and go with what they belong to, which is looked at itself.
    Values,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Processes,
        Self::Namespaces,
        Self::Mounts,
        Self::Links,
        Self::Addresses,
        Self::Routes,
        Self::Sysctls,
        Self::Nftables,
        Self::Ipvs,
        Self::Sockets,
        Self::Cgroups,
        Self::SharedMemory,
        Self::Run,
        Self::Tmp,
        Self::Uml,
        Self::Cores,
        Self::Watched,
    ];

    /// How it is compared.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::Processes
            | Self::Namespaces
            | Self::Sockets
            | Self::Cgroups
            | Self::SharedMemory
            | Self::Run
            | Self::Tmp
            | Self::Uml
            | Self::Cores
            | Self::Watched => Kind::Things,
            Self::Mounts | Self::Links | Self::Addresses | Self::Routes | Self::Nftables | Self::Ipvs => {
                Kind::Settings
            }
            Self::Sysctls => Kind::Values,
        }
    }

    /// Its name in messages, in allowances and in stored snapshots.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Processes => "processes",
            Self::Namespaces => "namespaces",
            Self::Mounts => "mounts",
            Self::Links => "links",
            Self::Addresses => "addresses",
            Self::Routes => "routes",
            Self::Sysctls => "sysctls",
            Self::Nftables => "nftables",
            Self::Ipvs => "ipvs",
            Self::Sockets => "sockets",
            Self::Cgroups => "cgroups",
            Self::SharedMemory => "shared-memory",
            Self::Run => "run",
            Self::Tmp => "tmp",
            Self::Uml => "uml",
            Self::Cores => "cores",
            Self::Watched => "watched",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What was seen of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Snapshot {
    /// [`FORMAT`].
    pub format: u32,
    /// The folders that are watched, one level deep; core files are looked for at any depth.
    pub watch: Vec<PathBuf>,
    /// What was seen.
    pub classes: BTreeMap<Class, View>,
}

impl Snapshot {
    /// Looks at everything. What is ours is settled by `scope`; see the rules in the crate's documentation.
    #[must_use]
    pub fn take(scope: Scope, watch: &[PathBuf]) -> Self {
        let people = People::look(scope);
        let classes = Class::ALL.into_iter().map(|class| {
            let view = match class {
                Class::Processes => processes::processes(&people),
                Class::Namespaces => processes::namespaces(&people),
                Class::Mounts => settings::mounts(),
                Class::Links => network::links(),
                Class::Addresses => network::addresses(),
                Class::Routes => network::routes(),
                Class::Sysctls => settings::sysctls(),
                Class::Nftables => network::nftables(),
                Class::Ipvs => network::ipvs(),
                Class::Sockets => network::sockets(&people),
                Class::Cgroups => files::cgroups(&people),
                Class::SharedMemory => files::folder(&people, "/dev/shm".as_ref(), 4),
                Class::Run => files::folder(&people, "/run".as_ref(), 4),
                Class::Tmp => files::temporary(&people),
                Class::Uml => files::uml(&people),
                Class::Cores => files::cores(&people, watch),
                Class::Watched => files::watched(&people, watch),
            };
            (class, view)
        });
        Self {
            format: FORMAT,
            watch: watch.to_vec(),
            classes: classes.collect(),
        }
    }
}
