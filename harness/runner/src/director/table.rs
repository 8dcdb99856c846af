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
    print(read(namespace, [SERVICES, ENTRIES])?)
}

/// The same of the calling thread's namespace.
pub(super) fn printed_here() -> Result<Option<(String, String)>> {
    print(read_here([SERVICES, ENTRIES])?)
}

/// The table of the calling thread's namespace.
pub(crate) fn table_here() -> Result<Table> {
    services_of(&read_here([SERVICES])?[0])
}

fn print([services, entries]: [String; 2]) -> Result<Option<(String, String)>> {
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
    namespace.run(move || read_here(names)).stage(reading(&names))?
}

/// The same of the calling thread's namespace.
fn read_here<const N: usize>(names: [&'static str; N]) -> Result<[String; N]> {
    let texts = names.map(|name| std::fs::read_to_string(format!("/proc/thread-self/net/{name}")));
    let texts: std::io::Result<Vec<String>> = texts.into_iter().collect();
    texts
        .stage(reading(&names))?
        .try_into()
        .map_err(|_| LabError::new(reading(&names), "a file is missing"))
}

fn reading(names: &[&'static str]) -> String {
    format!("read /proc/net/{}", names.join(" and "))
}

fn services_of(text: &str) -> Result<Table> {
    Table::of_kernel(text).map_err(|unread| LabError::new("read /proc/net/ip_vs", unread.to_string()))
}

fn entries_of(text: &str) -> Result<Connections> {
    let stage = "read /proc/net/ip_vs_conn";
    Connections::of_kernel(text).map_err(|unread| LabError::new(stage, unread.to_string()))
}
