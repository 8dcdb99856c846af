//! What the director's table has of the client's service, and what the control plane's configuration wants
//! there.

use lvs_matrix_model::Name;
use lvs_matrix_model::action::Node;
use lvs_matrix_model::ipvs::Table;
use lvs_matrix_model::plan::{LabPlan, Told};
use lvs_matrix_model::record::Listed;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What is wanted of the director's table.
pub(super) type Wanted = Vec<(SocketAddr, u32)>;

/// What a director's configuration wants in the table from the beginning: each real server with its weight,
/// but for those that come when a check of them has succeeded.
pub(super) fn wanted(plan: &LabPlan, node: &Node, told: &Told) -> Wanted {
    let wanted = plan.configured(node, told).into_iter();
    let wanted = wanted.filter(|server| !server.alpha);
    wanted
        .filter_map(|server| Some((address_of(plan, &server.name)?, u32::from(server.weight))))
        .collect()
}

pub(super) fn address_of(plan: &LabPlan, name: &Name) -> Option<SocketAddr> {
    let mut servers = plan.real_servers();
    let (_, host) = servers.find(|(known, _)| *known == name)?;
    Some(plan.listed(host))
}

/// The destinations of the client's service, with their weights.
pub(super) fn destinations(table: &Table, plan: &LabPlan) -> BTreeMap<SocketAddr, u32> {
    let service = table.service(plan.service().listen());
    let destinations = service.into_iter().flat_map(|service| &service.destinations);
    destinations
        .map(|destination| (destination.address, destination.weight))
        .collect()
}

pub(super) fn has(table: &Table, plan: &LabPlan, wanted: &Wanted) -> bool {
    let found = destinations(table, plan);
    let service = table.service(plan.service().listen()).is_some();
    service
        && wanted
            .iter()
            .all(|(address, weight)| found.get(address) == Some(weight))
}

/// What the client's service has in the table, for a proof.
pub(super) fn listed(plan: &LabPlan, table: &Table) -> Listed {
    if table.service(plan.service().listen()).is_none() {
        return Listed(None);
    }
    let found = destinations(table, plan);
    let servers = plan.real_servers().filter_map(|(name, host)| {
        let weight = found.get(&plan.listed(host))?;
        Some((name.clone(), u16::try_from(*weight).unwrap_or(u16::MAX)))
    });
    Listed(Some(servers.collect()))
}
