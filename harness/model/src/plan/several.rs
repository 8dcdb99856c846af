//! Several virtual services in one lab. The first one of a plan is that of the classified operation: whatever
//! asks a plan for the service of the cell asks for that. What a plan's steps say of another one names it.

use super::service::Service;
use super::{LabPlan, Step};
use crate::Name;
use crate::action::{Action, ClientAction, Edit, Opening, ServiceEdit, TableAction};
use crate::base::{OneOrMore, Phase};

/// The service of the operation that is classified, by the scenario's steps: that of its connection.
pub(super) fn judged(steps: &[Step]) -> Name {
    let own = Name::of_own_service;
    let is_judged = |step: &&Step| step.phase == Phase::Act && step.action.is_classified();
    let of_client = |step: &Step| step.action.of_client().cloned();
    let Some(last) = steps.iter().rfind(is_judged).and_then(of_client) else {
        return own();
    };
    let opens = |action: &ClientAction| {
        let same = action.connection() == last.connection();
        action.opening().filter(|_| same).cloned()
    };
    let opening = steps
        .iter()
        .filter_map(of_client)
        .filter_map(|action| opens(&action))
        .next_back();
    match opening.filter(|_| !last.is_each()) {
        Some(Opening {
            service: Some(name), ..
        }) => name,
        Some(Opening { service: None, .. }) | None => own(),
    }
}

/// The services with this one first.
pub(super) fn led(services: OneOrMore<Service>, first: &Name) -> OneOrMore<Service> {
    let (mut front, others): (Vec<Service>, Vec<Service>) = Vec::from(services.clone())
        .into_iter()
        .partition(|service| service.id == *first);
    front.extend(others);
    OneOrMore::try_from(front).unwrap_or(services)
}

/// The services without those that are one with an earlier one to IPVS, by their mark.
pub(super) fn apart(services: &OneOrMore<Service>) -> impl Iterator<Item = &Service> {
    let all = services.iter().enumerate();
    all.filter(|(place, service)| {
        let mut earlier = services.iter().take(*place);
        earlier.all(|other| other.listen() != service.listen())
    })
    .map(|(_, service)| service)
}

/// The scenario's steps as the plan has them. `services` are the lab's, its own first.
pub(super) fn of_plan(steps: Vec<Step>, services: &OneOrMore<Service>) -> Vec<Step> {
    let judged = judged(&steps);
    let step = |step: Step| Step {
        action: seen_from(&judged, step.action, services),
        ..step
    };
    steps.into_iter().map(step).collect()
}

/// What a step does, as said by somebody who speaks of the service `first` where he names none.
fn seen_from(first: &Name, action: Action, services: &OneOrMore<Service>) -> Action {
    match action {
        Action::Client(action) => opened_from(first, action).into(),
        Action::Table(edit) if *first == Name::of_own_service() && edit.action.is_of_one_service() => {
            edit.into()
        }
        Action::Table(Edit { action: edit, .. }) if edit.is_of_one_service() => {
            let service = Name::of_own_service();
            edited_from(first, ServiceEdit { service, edit }, services)
        }
        Action::Table(edit) => {
            let named = services.iter().find(|service| service.id == *first);
            unnamed(edit, named.map(|service| service.address.port())).into()
        }
        Action::Other(other) => edited_from(first, other, services),
        other @ (Action::Mysqld(_)
        | Action::Host(_)
        | Action::Traffic(_)
        | Action::Watch(_)
        | Action::Wait(_)) => other,
    }
}

fn edited_from(first: &Name, other: ServiceEdit, services: &OneOrMore<Service>) -> Action {
    let named = |name: &Name| services.iter().find(|service| service.id == *name);
    let listens = |name: &Name| named(name).map(Service::listen);
    // By its mark it may be one with the first.
    if other.service == *first || listens(&other.service) == listens(first) {
        return other.edit.into();
    }
    let port = named(&other.service).map(|service| service.address.port());
    let mut edit = other.edit.clone();
    if let (Some(at @ None), Some(_)) = (port_of(&mut edit), port) {
        *at = port;
        return edit.into();
    }
    other.into()
}

/// The same edit, without the port of the service that is meant where none is named.
fn unnamed(mut edit: Edit, own: Option<u16>) -> Edit {
    if let Some(at) = port_of(&mut edit.action)
        && *at == own
    {
        *at = None;
    }
    edit
}

/// The port of an edit that makes or deletes a service.
fn port_of(edit: &mut TableAction) -> Option<&mut Option<u16>> {
    let (TableAction::RemoveService { port } | TableAction::AddService { port }) = edit else {
        return None;
    };
    Some(port)
}

/// The same of a connect: the service that is named is the lab's own where none is.
fn opened_from(first: &Name, action: ClientAction) -> ClientAction {
    let from = |opening: Opening| {
        let named = opening.service.unwrap_or_else(Name::of_own_service);
        let service = (named != *first).then_some(named);
        Opening { service, ..opening }
    };
    match action {
        ClientAction::Connect(opening) => ClientAction::Connect(from(opening)),
        ClientAction::StartConnect(opening) => ClientAction::StartConnect(from(opening)),
        other @ (ClientAction::AwaitConnect { .. }
        | ClientAction::AbortConnect { .. }
        | ClientAction::ConnectEach { .. }
        | ClientAction::Query(_)
        | ClientAction::StartQuery(_)
        | ClientAction::Request(_)
        | ClientAction::StartRequest(_)
        | ClientAction::AwaitResult { .. }
        | ClientAction::Disconnect { .. }) => other,
    }
}

impl LabPlan {
    /// The name of the classified operation's service, if it is not the lab's own: a scenario must name it.
    #[must_use]
    pub fn said_service(&self) -> Option<Name> {
        let first = &self.service().id;
        (*first != Name::of_own_service()).then(|| first.clone())
    }

    /// What a step of the plan does, in a scenario's words: where none is named the lab's own service is
    /// meant.
    pub(super) fn as_said(&self, action: &Action) -> Action {
        let first = &self.service().id;
        let own = Name::of_own_service();
        if *first == own {
            return action.clone();
        }
        let named = |name: &Name| (*name != own).then(|| name.clone());
        match action {
            // By its mark it is one with the lab's own.
            Action::Table(Edit { action: edit, .. })
                if edit.is_of_one_service() && self.service().mark.is_none() =>
            {
                let (service, edit) = (first.clone(), edit.clone());
                ServiceEdit { service, edit }.into()
            }
            Action::Other(other) if other.service == own => other.edit.clone().into(),
            Action::Client(ClientAction::Connect(opening)) => {
                let service = named(opening.service.as_ref().unwrap_or(first));
                let name = opening.clone();
                ClientAction::Connect(Opening { service, ..name }).into()
            }
            Action::Client(ClientAction::StartConnect(opening)) => {
                let service = named(opening.service.as_ref().unwrap_or(first));
                let name = opening.clone();
                ClientAction::StartConnect(Opening { service, ..name }).into()
            }
            Action::Table(edit) => {
                let said = self.services.iter().find(|service| service.id == own);
                unnamed(edit.clone(), said.map(|service| service.address.port())).into()
            }
            Action::Other(_)
            | Action::Client(_)
            | Action::Mysqld(_)
            | Action::Host(_)
            | Action::Traffic(_)
            | Action::Watch(_)
            | Action::Wait(_) => action.clone(),
        }
    }
}
