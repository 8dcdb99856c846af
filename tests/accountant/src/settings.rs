//! Settings of the kernel: mounts and sysctls.

use crate::view::View;
use std::fs;
use std::path::Path;

/// Sysctls that change by themselves, with the reason.
const RESTLESS: [(&str, &str); 11] = [
    ("kernel.ns_last_pid", "counts processes"),
    ("kernel.pty.nr", "counts open terminals"),
    ("kernel.random.entropy_avail", "a level"),
    ("kernel.random.uuid", "another one each time it is read"),
    (
        "kernel.perf_event_max_sample_rate",
        "lowered by the kernel itself",
    ),
    ("kernel.hung_task_detect_count", "a count"),
    ("kernel.keys.", "counts of keyrings"),
    ("net.netfilter.nf_conntrack_count", "counts connections"),
    ("net.netfilter.nf_conntrack_buckets", "grows with them"),
    ("net.ipv4.tcp_fastopen_key", "made at first use"),
    ("net.core.netdev_rss_key", "made at first use"),
];

/// Sysctls that the kernel warns of when they are read (`ndisc_warn_deprecated_sysctl` of net/ipv6/ndisc.c).
const DEPRECATED: [&str; 2] = [".base_reachable_time", ".retrans_time"];

/// `net.*` and `kernel.*`.
pub(crate) fn sysctls() -> View {
    let mut view = View::default();
    for family in ["net", "kernel"] {
        let folder = Path::new("/proc/sys").join(family);
        if !folder.is_dir() {
            view.blind.push(format!("{} is not there", folder.display()));
        }
        collect(&folder, family, &mut view);
    }
    view
}

fn collect(folder: &Path, prefix: &str, view: &mut View) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        // In names of links a dot is written as a slash, as sysctl(8) does it.
        let name = entry.file_name().to_string_lossy().replace('.', "/");
        let key = format!("{prefix}.{name}");
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), &key, view);
        } else if DEPRECATED.iter().any(|name| key.ends_with(name)) {
            // Reading one writes a line to the kernel's log; each has a twin in milliseconds.
        } else if !RESTLESS.iter().any(|(restless, _)| key.starts_with(restless)) {
            let value = fs::read(entry.path()).map_or_else(
                |error| format!("({})", error.kind()),
                |bytes| String::from_utf8_lossy(&bytes).trim().to_owned(),
            );
            view.add(key, value);
        }
    }
}

/// /proc/self/mountinfo, proc(5): `36 35 98:0 /root /place options … - type source super-options`.
pub(crate) fn mounts() -> View {
    let mut view = View::default();
    match fs::read_to_string("/proc/self/mountinfo") {
        Ok(text) => {
            for line in text.lines() {
                let Some((mount, system)) = line.split_once(" - ") else {
                    continue;
                };
                let mount: Vec<&str> = mount.split(' ').collect();
                let kind: Vec<&str> = system.split(' ').collect();
                if let ([_, _, device, root, place, options, ..], [kind, source, ..]) =
                    (mount.as_slice(), kind.as_slice())
                {
                    let key = format!("{place} ({kind} {source}, {root} of {device})");
                    // Several at one place are several.
                    let key = (1..)
                        .map(|number| {
                            if number == 1 {
                                key.clone()
                            } else {
                                format!("{key} #{number}")
                            }
                        })
                        .find(|key| !view.items.contains_key(key))
                        .unwrap_or(key);
                    view.add(key, *options);
                }
            }
        }
        Err(error) => view.blind.push(format!("/proc/self/mountinfo: {error}")),
    }
    view
}
