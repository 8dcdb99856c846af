//! What one cell says of its lab: that of the lab itself, and of its values.

use super::Draft;
use super::added::Added;
use crate::Name;
use crate::scenario::place::{At, Span};
use crate::scenario::{
    Director, Family, Forwarding, FurtherService, Lab, Misbuild, RealServer, ServerKind, TunnelType,
};

/// What a cell says of its lab, the last word of each.
pub(super) struct CellLab<'d> {
    pub(super) parts: Vec<&'d Added>,
}

impl<'d> CellLab<'d> {
    /// What the cell of these values says.
    pub(super) fn of(draft: &'d Draft, choice: &'d [usize]) -> Self {
        let chosen = draft.chosen(choice).map(|(_, value)| &value.added);
        Self {
            parts: draft.lab.iter().chain(chosen).collect(),
        }
    }

    /// Its real servers.
    pub(super) fn servers(&self) -> impl Iterator<Item = &'d At<RealServer>> {
        self.parts.iter().flat_map(|part| &part.real_servers)
    }

    /// Its directors, the first one before the second.
    pub(super) fn directors(&self) -> Vec<Director> {
        let said = self.last(|part| part.directors.as_ref());
        said.map_or_else(|| Director::unnamed(1), |at| at.value.clone())
    }

    /// Is this the name of one of its directors?
    pub(super) fn is_director(&self, name: &Name) -> bool {
        self.directors().iter().any(|director| director.name == *name)
    }

    /// Its further virtual services.
    pub(super) fn services(&self) -> impl Iterator<Item = &'d At<FurtherService>> {
        self.parts.iter().flat_map(|part| &part.services)
    }

    /// The port to which a real server of a further service gets the service's packets.
    pub(super) fn port_in(&self, service: &FurtherService, server: &RealServer) -> u16 {
        let lab = Lab {
            server: self.last(|part| part.server.as_ref()).map(|at| at.value),
            server_port: self.last(|part| part.server_port.as_ref()).map(|at| at.value),
            services: self.services().map(|at| at.value.clone()).collect(),
            ..Lab::default()
        };
        lab.port_in(service, server)
    }

    pub(super) fn last<T>(&self, of: impl Fn(&'d Added) -> Option<&'d At<T>>) -> Option<&'d At<T>> {
        self.parts.iter().rev().find_map(|part| of(part))
    }

    /// Where `one-packet` is said.
    pub(super) fn one_packet(&self) -> Option<Span> {
        self.parts.iter().rev().find_map(|part| part.one_packet)
    }

    /// The methods that real servers have, each with where that is said. Where nothing is said the place is
    /// `otherwise`.
    pub(super) fn own_methods(&self, otherwise: Span) -> Vec<(Forwarding, Span)> {
        let common = self.last(|part| part.forwarding.as_ref());
        let (method, span) = common.map_or((Forwarding::default(), otherwise), |at| (at.value, at.span));
        let own = self.servers().map(|server| match server.value.forwarding {
            Some(own) => (own, server.span),
            None => (method, span),
        });
        own.collect()
    }

    /// The same, and the methods that they are wired for.
    pub(super) fn methods(&self, otherwise: Span) -> Vec<(Forwarding, Span)> {
        let mut methods = self.own_methods(otherwise);
        let wired = self.last(|part| part.wired_for.as_ref());
        let wired = wired
            .into_iter()
            .flat_map(|at| at.value.iter().map(|method| (*method, at.span)));
        methods.extend(wired);
        methods
    }

    /// The methods that this real server is wired for.
    pub(super) fn wired(&self, server: &RealServer) -> Vec<Forwarding> {
        match self.last(|part| part.wired_for.as_ref()) {
            Some(wired) => wired.value.clone(),
            None => vec![self.own(server)],
        }
    }

    /// The method that this real server has at the beginning.
    pub(super) fn own(&self, server: &RealServer) -> Forwarding {
        let common = self.last(|part| part.forwarding.as_ref());
        server
            .forwarding
            .or(common.map(|at| at.value))
            .unwrap_or_default()
    }

    /// What is built wrong, by host.
    pub(super) fn misbuilt(&self) -> impl Iterator<Item = &'d (At<Name>, At<Misbuild>)> {
        self.parts.iter().flat_map(|part| &part.misbuilt)
    }

    /// Is this host built wrong in this way?
    fn is_misbuilt(&self, host: &str, how: Misbuild) -> bool {
        let mut all = self.misbuilt();
        all.any(|(of, wrong)| of.value.as_str() == host && wrong.value == how)
    }

    /// The real servers whose answers reach no client, because of what is built wrong.
    pub(super) fn all_mute(&self) -> impl Iterator<Item = &'d Name> {
        self.servers().map(|at| &at.value).filter_map(|server| {
            let wrong = |how| self.is_misbuilt(server.name.as_str(), how);
            let mute = match self.own(server) {
                Forwarding::DirectRouting => wrong(Misbuild::NoVip),
                Forwarding::Tunneling => wrong(Misbuild::NoVip) || wrong(Misbuild::WrongTunnelPort),
                Forwarding::Masquerading => {
                    let directors = self.directors();
                    let mut names = directors.iter().map(|director| director.name.as_str());
                    wrong(Misbuild::WrongGateway)
                        || names.any(|name| self.is_misbuilt(name, Misbuild::NoForwarding))
                }
            };
            mute.then_some(&server.name)
        })
    }

    /// The real servers that answer ARP for the VIP: clients may reach them past the director.
    pub(super) fn all_bypassing(&self) -> impl Iterator<Item = &'d Name> {
        let servers = self.servers().map(|at| &at.value.name);
        servers.filter(|name| self.is_misbuilt(name.as_str(), Misbuild::AnswersArp))
    }

    /// The upper thresholds of its real servers, where they have one.
    pub(super) fn thresholds(&self) -> impl Iterator<Item = (&'d Name, u16)> {
        let servers = self.servers().map(|at| &at.value);
        servers.filter_map(|server| Some((&server.name, server.upper_threshold?)))
    }

    /// What its real servers run.
    pub(super) fn server_kind(&self) -> ServerKind {
        let said = self.last(|part| part.server.as_ref());
        said.map_or_else(ServerKind::default, |at| at.value)
    }

    /// The port of this real server, if it is not the service's, with where that is said.
    pub(super) fn translated(&self, server: &At<RealServer>) -> Option<(u16, Span)> {
        let common = self.last(|part| part.server_port.as_ref());
        let own = server.value.port.map(|port| (port, server.span));
        let said = own.or(common.map(|at| (at.value, at.span)));
        let of_service = self.server_kind().port();
        said.filter(|(port, _)| *port != of_service)
    }

    /// The real servers whose port is not the service's.
    pub(super) fn all_translated(&self) -> impl Iterator<Item = (&'d Name, Span)> {
        self.servers()
            .filter_map(|server| Some((&server.value.name, self.translated(server)?.1)))
    }

    /// How tunneling puts packets for this real server into others.
    pub(super) fn tunnel_type(&self, server: &RealServer) -> TunnelType {
        let common = self.last(|part| part.tunnel_type.as_ref());
        let said = server.tunnel_type.or(common.map(|at| at.value));
        said.unwrap_or_default()
    }

    /// The family of the tunnels to this real server, if it is not the VIP's.
    pub(super) fn crossed(&self, server: &RealServer) -> Option<Family> {
        let tunnels = self.wired(server).contains(&Forwarding::Tunneling);
        let common = self.last(|part| part.tunnel_family.as_ref());
        let outer = server.tunnel_family.or(common.map(|at| at.value))?;
        let family = self.last(|part| part.family.as_ref());
        let family = family.map_or_else(Family::default, |at| at.value);
        (tunnels && outer != family).then_some(outer)
    }

    /// The real servers that are reached by tunnels of the other family than the VIP's, with that family.
    pub(super) fn all_crossed(&self) -> impl Iterator<Item = (&'d Name, Family)> {
        self.servers()
            .filter_map(|At { value, .. }| Some((&value.name, self.crossed(value)?)))
    }
}
