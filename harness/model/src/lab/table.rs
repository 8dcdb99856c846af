//! The director's table after some edits, and what cannot be waited for in it.

use super::{Conflict, State};
use crate::Name;
use crate::action::{Edit, ServiceEdit, TableAction, WatchAction};
use crate::base::Forwarding;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The virtual service, its real servers, and the ports of other services.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Is the virtual service there?
    pub service: bool,
    /// Its real servers, each with its weight.
    pub servers: BTreeMap<Name, u16>,
    /// The ports of other virtual services.
    pub others: BTreeSet<u16>,
    /// The scheduler of the virtual service, where it is known.
    pub scheduler: Option<String>,
    /// The packet-forwarding methods of its real servers, where they are known.
    pub methods: BTreeMap<Name, Forwarding>,
    /// What is known of other virtual services by name; those that are there are among the ports of others.
    pub further: BTreeMap<Name, Further>,
}

/// Another virtual service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Further {
    /// Its port.
    pub port: u16,
    /// Its real servers, each with its weight.
    pub servers: BTreeMap<Name, u16>,
}

/// What IPVS has on a director.
#[derive(Debug, Clone, Default)]
pub(super) struct Tables {
    /// The table; `None` if it is not known.
    pub(super) now: Option<Table>,
    /// What `save-table` saved.
    pub(super) saved: Option<Table>,
    /// How long an entry of an established connection lives, if a step said so.
    pub(super) timeout: Option<Duration>,
}

impl Table {
    /// Why `edit` cannot work now; `saved` is what `save-table` saved.
    #[must_use]
    pub fn conflict<'a>(&self, edit: &'a TableAction, saved: Option<&Self>) -> Option<Conflict<'a>> {
        match edit {
            TableAction::RemoveRealServer { .. }
            | TableAction::AddRealServer { .. }
            | TableAction::SetWeight { .. }
            | TableAction::SetForwarding { .. }
            | TableAction::SetScheduler { .. }
            | TableAction::RemoveService { port: None }
                if !self.service =>
            {
                Some(Conflict::NoService)
            }
            TableAction::RemoveRealServer { server }
            | TableAction::SetWeight { server, .. }
            | TableAction::SetForwarding { server, .. } => {
                (!self.servers.contains_key(server)).then_some(Conflict::NotInTable(server))
            }
            TableAction::AddRealServer { server, .. } => {
                let there = self.servers.contains_key(server);
                there.then_some(Conflict::InTable(server))
            }
            TableAction::AddService { port: None } => self.service.then_some(Conflict::ServiceThere),
            TableAction::RemoveService { port: Some(port) } => {
                (!self.others.contains(port)).then_some(Conflict::NoServiceOf(*port))
            }
            TableAction::AddService { port: Some(port) } => {
                let there = self.others.contains(port);
                there.then_some(Conflict::ServiceOfThere(*port))
            }
            TableAction::FlushTable => self.is_empty().then_some(Conflict::Empty),
            TableAction::RestoreTable => match saved {
                None => Some(Conflict::NothingSaved),
                Some(saved) => {
                    // `ipvsadm -R` only adds.
                    let there = saved.service && self.service || !saved.others.is_disjoint(&self.others);
                    there.then_some(Conflict::SavedStillThere)
                }
            },
            TableAction::RemoveService { port: None }
            | TableAction::SetScheduler { .. }
            | TableAction::SetTimeouts { .. }
            | TableAction::ZeroCounters
            | TableAction::SaveTable => None,
        }
    }

    /// Makes the edit, as if it worked; `saved` is what `save-table` saved. Without the virtual service none
    /// of its real servers can be edited.
    pub fn edit(&mut self, edit: &TableAction, saved: Option<&Self>) {
        match edit {
            TableAction::RemoveRealServer { server } => {
                if self.service {
                    self.servers.remove(server);
                }
            }
            TableAction::AddRealServer { server, weight } => {
                if self.service {
                    self.servers.insert(server.clone(), *weight);
                    // The lab's own for it.
                    self.methods.remove(server);
                }
            }
            TableAction::SetWeight { server, weight } => {
                if self.service {
                    self.servers.insert(server.clone(), *weight);
                }
            }
            TableAction::SetForwarding {
                server,
                method,
                weight,
            } => {
                if self.service {
                    self.servers.insert(server.clone(), *weight);
                    self.methods.insert(server.clone(), *method);
                }
            }
            TableAction::SetScheduler { scheduler } => self.scheduler = Some(scheduler.clone()),
            TableAction::RemoveService { port: None } => {
                self.servers.clear();
                self.methods.clear();
                (self.service, self.scheduler) = (false, None);
            }
            TableAction::AddService { port: None } => self.service = true,
            TableAction::RemoveService { port: Some(port) } => self.lose(*port),
            TableAction::AddService { port: Some(port) } => {
                self.others.insert(*port);
            }
            TableAction::FlushTable => {
                let emptied = |(name, further): (&Name, &Further)| {
                    let (port, servers) = (further.port, BTreeMap::new());
                    (name.clone(), Further { port, servers })
                };
                let further = self.further.iter().map(emptied).collect();
                *self = Self {
                    further,
                    ..Self::default()
                };
            }
            TableAction::RestoreTable => {
                if let Some(saved) = saved {
                    if saved.service {
                        self.service = true;
                        self.servers.clone_from(&saved.servers);
                        self.methods.clone_from(&saved.methods);
                        self.scheduler.clone_from(&saved.scheduler);
                    }
                    self.others.extend(&saved.others);
                    self.further.clone_from(&saved.further);
                }
            }
            TableAction::SetTimeouts { .. } | TableAction::ZeroCounters | TableAction::SaveTable => {}
        }
    }

    /// Why `edit` of the other service of this name cannot work now.
    #[must_use]
    pub fn conflict_of<'a>(&self, service: &Name, edit: &'a TableAction) -> Option<Conflict<'a>> {
        self.of(service).conflict(edit, None)
    }

    /// Makes an edit of the other service of this name, as if it worked.
    pub fn edit_of(&mut self, service: &Name, edit: &TableAction) {
        let mut of = self.of(service);
        of.edit(edit, None);
        let Some(further) = self.further.get_mut(service) else {
            return;
        };
        further.servers = of.servers;
        if of.service {
            self.others.insert(further.port);
        } else {
            self.others.remove(&further.port);
        }
    }

    /// The table as the other service of this name has it.
    fn of(&self, service: &Name) -> Self {
        let further = self.further.get(service);
        Self {
            service: further.is_some_and(|further| self.others.contains(&further.port)),
            servers: further.map_or_else(BTreeMap::new, |further| further.servers.clone()),
            ..Self::default()
        }
    }

    /// A service goes with its real servers.
    fn lose(&mut self, port: u16) {
        self.others.remove(&port);
        let of_port = self.further.values_mut().filter(|further| further.port == port);
        of_port.for_each(|further| further.servers.clear());
    }

    /// Is it known that `edit` would leave the table as it is?
    #[must_use]
    pub fn is_so(&self, edit: &TableAction) -> bool {
        match edit {
            TableAction::SetWeight { server, weight } => self.servers.get(server) == Some(weight),
            TableAction::SetForwarding {
                server,
                method,
                weight,
            } => self.servers.get(server) == Some(weight) && self.methods.get(server) == Some(method),
            TableAction::SetScheduler { scheduler } => self.scheduler.as_ref() == Some(scheduler),
            TableAction::RemoveRealServer { .. }
            | TableAction::AddRealServer { .. }
            | TableAction::RemoveService { .. }
            | TableAction::AddService { .. }
            | TableAction::FlushTable
            | TableAction::SaveTable
            | TableAction::RestoreTable
            | TableAction::ZeroCounters
            | TableAction::SetTimeouts { .. } => false,
        }
    }

    /// Is there no virtual service at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.service && self.others.is_empty()
    }
}

impl<'a> State<'a> {
    /// Makes the edit, as if it worked.
    pub(super) fn edit(&mut self, Edit { on, action }: &'a Edit) {
        if let TableAction::SetForwarding { server, .. } = action {
            self.mute.retain(|mute| *mute != server);
        }
        let Some(Tables { now, saved, timeout }) = self.directors.tables_mut(on) else {
            return;
        };
        if let Some(table) = now {
            table.edit(action, saved.as_ref());
        }
        if let TableAction::SaveTable = action {
            saved.clone_from(now);
        }
        // 0 leaves the time-out as it is (ipvsadm(8), `--set`).
        if let TableAction::SetTimeouts { tcp, .. } = action
            && !tcp.is_zero()
        {
            *timeout = Some(*tcp);
        }
    }

    /// Is it known that `edit` would change nothing?
    pub(super) fn edit_is_so(&self, Edit { on, action }: &Edit) -> bool {
        if let TableAction::SetTimeouts {
            tcp,
            tcp_fin: None,
            udp: None,
        } = action
        {
            return self.entry_timeout(on) == Some(*tcp);
        }
        self.table_of(on).is_some_and(|table| table.is_so(action))
    }

    /// Makes an edit of another service, as if it worked. Such labs have one director.
    pub(super) fn edit_other(&mut self, ServiceEdit { service, edit }: &ServiceEdit) {
        if let Some(table) = self.directors.tables_of_first_mut().now.as_mut() {
            table.edit_of(service, edit);
        }
    }

    /// Is it known that an edit of another service would change nothing?
    pub(super) fn other_is_so(&self, ServiceEdit { service, edit }: &ServiceEdit) -> bool {
        self.table().is_some_and(|table| table.of(service).is_so(edit))
    }

    /// Nobody but the steps edits the table: what is not so now will not come true by waiting.
    pub(super) fn of_watch(&self, action: &'a WatchAction) -> Option<Conflict<'a>> {
        let until = action.until();
        let table = self.table_of(self.director_meant(until.director.as_ref())?)?;
        let absent = |name: &&Name| !table.servers.contains_key(*name);
        let [counted, present] = [&until.no_connections_to, &until.in_table].map(Option::as_ref);
        let missing = counted.into_iter().chain(present).find(absent);
        let there = until.not_in_table.as_ref().filter(|name| !absent(name));
        match (missing, there) {
            (Some(name), _) => Some(Conflict::NotInTable(name)),
            (None, Some(name)) => Some(Conflict::StillInTable(name)),
            (None, None) => None,
        }
    }
}
