//! The kernel's own tables, `/proc/net/ip_vs` and `/proc/net/ip_vs_conn`.

use crate::error::{LabError, Result, Stage};
use lvs_matrix_model::ipvs::{Connections, Table};
use lvs_matrix_netns::Namespace;

/// The director's table now.
pub(crate) fn table(namespace: &Namespace) -> Result<Table> {
    services_of(&read(namespace, [SERVICES])?[0])
}

/// The director's connection entries now.
pub(crate) fn entries(namespace: &Namespace) -> Result<Connections> {
    entries_of(&read(namespace, [ENTRIES])?[0])
}

/// Both as ipvsadm(8) would print them, services and connection entries, without the last end of a line;
/// `None` if it would print what the kernel does not show here.
pub(crate) fn printed(namespace: &Namespace) -> Result<Option<(String, String)>> {
    let [services, entries] = read(namespace, [SERVICES, ENTRIES])?;
    let first = services.lines().next().unwrap_or_default();
    let below = services_of(&services)?.print();
    let both = below.zip(entries_of(&entries)?.print());
    Ok(both.map(|(below, entries)| {
        let services = format!("{first}\n{below}");
        (services.trim_end().to_owned(), entries.trim_end().to_owned())
    }))
}

const SERVICES: &str = "ip_vs";
const ENTRIES: &str = "ip_vs_conn";

/// These files of the namespace, one after the other.
fn read<const N: usize>(namespace: &Namespace, names: [&'static str; N]) -> Result<[String; N]> {
    let stage = || format!("read /proc/net/{}", names.join(" and "));
    let texts = namespace
        .run(move || {
            let texts = names.map(|name| std::fs::read_to_string(format!("/proc/thread-self/net/{name}")));
            let texts: std::io::Result<Vec<String>> = texts.into_iter().collect();
            texts
        })
        .stage(stage())?
        .stage(stage())?;
    texts
        .try_into()
        .map_err(|_| LabError::new(stage(), "a file is missing"))
}

fn services_of(text: &str) -> Result<Table> {
    Table::of_kernel(text).map_err(|unread| LabError::new("read /proc/net/ip_vs", unread.to_string()))
}

fn entries_of(text: &str) -> Result<Connections> {
    let stage = "read /proc/net/ip_vs_conn";
    Connections::of_kernel(text).map_err(|unread| LabError::new(stage, unread.to_string()))
}
