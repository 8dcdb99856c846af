//! Processes and namespaces.

use crate::people::People;
use crate::view::View;
use std::collections::BTreeMap;
use std::fs;

pub(crate) fn processes(people: &People) -> View {
    let mut view = View::default();
    for process in &people.processes {
        let anothers =
            (!people.is_ours(process.pid)).then(|| "it does not descend from what was watched".to_owned());
        let key = format!("{} started {}", process.pid, process.started);
        view.add_of(key, command_line(process.pid, &process.name), anothers);
    }
    view
}

/// Its words, with blanks between; a kernel thread has its name alone.
fn command_line(pid: i32, name: &str) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text: Vec<String> = bytes
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).escape_debug().to_string())
        .collect();
    let text: String = text.join(" ").chars().take(200).collect();
    format!("{} ({text})", name.escape_debug())
}

/// A thread may be in a namespace that no process is in; a descriptor or a mount holds one in which nobody
/// is.
pub(crate) fn namespaces(people: &People) -> View {
    let mut holders: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    let mut unreadable = 0;
    for process in &people.processes {
        let tasks = fs::read_dir(format!("/proc/{}/task", process.pid))
            .into_iter()
            .flatten();
        for task in tasks.flatten() {
            let Ok(links) = fs::read_dir(task.path().join("ns")) else {
                continue;
            };
            for link in links.flatten() {
                match fs::read_link(link.path()) {
                    Ok(name) => holders
                        .entry(name.to_string_lossy().into_owned())
                        .or_default()
                        .push(process.pid),
                    Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                        unreadable += usize::from(people.is_ours(process.pid));
                    }
                    Err(_) => {}
                }
            }
        }
    }
    for (name, pid) in &people.namespace_descriptors {
        holders.entry(name.clone()).or_default().push(*pid);
    }
    let mut view = View::default();
    for (name, mut pids) in holders {
        pids.dedup();
        let who = |pid: &i32| format!("{pid} ({})", people.name_of(*pid).escape_debug());
        let detail = format!(
            "held by {}",
            pids.iter().take(3).map(who).collect::<Vec<_>>().join(", ")
        );
        let anothers = (!pids.iter().any(|pid| people.is_ours(*pid)))
            .then(|| "no process that descends from what was watched holds it".to_owned());
        view.add_of(name, detail, anothers);
    }
    // Bound to a path: nobody need hold it.
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for line in mounts.lines().filter(|line| line.contains(" - nsfs ")) {
        let fields: Vec<&str> = line.split(' ').collect();
        if let (Some(name), Some(place)) = (fields.get(3), fields.get(4)) {
            view.add(*name, format!("bound to {place}"));
        }
    }
    if unreadable > 0 {
        view.blind
            .push("some processes of ours do not show their namespaces; look as root".to_owned());
    }
    view
}
