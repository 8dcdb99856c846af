//! The network namespace that this process is in.

use crate::people::{People, root};
use crate::view::View;
use serde_json::Value;
use std::fs;
use std::process::{Command, Stdio};

/// Each link with what makes it what it is; counters, carrier and queue lengths come and go.
pub(crate) fn links() -> View {
    from_json(&["ip", "-j", "-d", "link", "show"], |link, view| {
        let kept = [
            "link_type",
            "address",
            "mtu",
            "qdisc",
            "master",
            "link",
            "promiscuity",
        ];
        let mut words: Vec<String> = kept
            .iter()
            .filter_map(|name| Some(format!("{name} {}", text(link.get(*name)?))))
            .collect();
        words.extend(
            link.pointer("/linkinfo/info_kind")
                .map(|kind| format!("kind {}", text(kind))),
        );
        let flags = link.get("flags").and_then(Value::as_array).into_iter().flatten();
        words.extend(
            flags
                .filter_map(Value::as_str)
                .filter(|flag| *flag == "UP")
                .map(str::to_owned),
        );
        view.add(text(&link["ifname"]), words.join(", "));
    })
}

/// Each address with its link. Those that a router gave (`dynamic`) come and go by themselves.
pub(crate) fn addresses() -> View {
    from_json(&["ip", "-j", "addr", "show"], |link, view| {
        let addresses = link.get("addr_info").and_then(Value::as_array);
        for address in addresses.into_iter().flatten() {
            if address.get("dynamic").is_none() {
                let key = format!(
                    "{}/{} on {}",
                    text(&address["local"]),
                    text(&address["prefixlen"]),
                    text(&link["ifname"])
                );
                view.add(key, format!("scope {}", text(&address["scope"])));
            }
        }
    })
}

/// Routes of all tables, and rules. Those that a router gave (`ra`, `redirect`) come and go by themselves.
pub(crate) fn routes() -> View {
    let mut view = View::default();
    for family in ["-4", "-6"] {
        for what in [&["route", "show", "table", "all"][..], &["rule", "show"]] {
            let words: Vec<&str> = ["ip", "-j", family].iter().chain(what).copied().collect();
            let seen = from_json(&words, |route, view| {
                let protocol = route.get("protocol").and_then(Value::as_str);
                if !matches!(protocol, Some("ra" | "redirect")) {
                    let mut route = route.clone();
                    if let Some(route) = route.as_object_mut() {
                        route.remove("expires");
                        // Dead while the link has no carrier.
                        route.remove("flags");
                    }
                    view.add(format!("{} {family} {route}", what[0]), "");
                }
            });
            view.items.extend(seen.items);
            // A kernel without IPv6 has no IPv6 routes.
            if family == "-4" {
                view.blind.extend(seen.blind);
            }
        }
    }
    view
}

/// The ruleset without its counters and handles.
pub(crate) fn nftables() -> View {
    let mut view = View::default();
    match run(&["nft", "-s", "-j", "list", "ruleset"]).and_then(|output| parse(&output)) {
        Ok(ruleset) => {
            let objects = ruleset
                .get("nftables")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            for object in objects.filter(|object| object.get("metainfo").is_none()) {
                let mut object = object.clone();
                for inner in object
                    .as_object_mut()
                    .into_iter()
                    .flat_map(|map| map.values_mut())
                {
                    inner.as_object_mut().map(|map| map.remove("handle"));
                }
                let key = object.to_string();
                let count = view
                    .items
                    .get(&key)
                    .and_then(|item| item.detail.parse::<u32>().ok());
                view.add(key, (count.unwrap_or(0) + 1).to_string());
            }
        }
        Err(reason) => view.blind.push(reason),
    }
    // xtables has no rules without a table's name here.
    for family in ["ip", "ip6", "arp"] {
        let names = fs::read_to_string(format!("/proc/net/{family}_tables_names")).unwrap_or_default();
        for name in names.lines() {
            view.add(format!("{family}_tables {name}"), "a legacy table");
        }
    }
    view
}

/// /proc/net/ip_vs (`ip_vs_info_seq_show` of net/netfilter/ipvs/ip_vs_ctl.c). A kernel without IPVS has no
/// such file.
pub(crate) fn ipvs() -> View {
    let mut view = View::default();
    match fs::read_to_string("/proc/net/ip_vs") {
        Ok(text) => {
            let mut service = String::new();
            for line in text.lines().skip(3) {
                let words: Vec<&str> = line.split_whitespace().collect();
                if let ["->", address, method, weight, ..] = words.as_slice() {
                    view.add(format!("{service} -> {address}"), format!("{method} {weight}"));
                } else {
                    service = words.iter().take(2).copied().collect::<Vec<_>>().join(" ");
                    view.add(
                        &service,
                        words.iter().skip(2).copied().collect::<Vec<_>>().join(" "),
                    );
                }
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => view.blind.push(format!("/proc/net/ip_vs: {error}")),
    }
    view
}

/// A file of /proc/net with sockets.
struct Table {
    name: &'static str,
    /// The state that waits for others; in the fourth column.
    state: Option<&'static str>,
    /// The column of the inode; the user's is the eighth.
    inode: usize,
}

/// `tcp4_seq_show` of net/ipv4/tcp_ipv4.c, `udp4_format_sock` of net/ipv4/udp.c, `packet_seq_show` of
/// net/packet/af_packet.c. The states are TCP_LISTEN and TCP_CLOSE (a UDP socket that is bound and not
/// connected).
const SOCKETS: [Table; 7] = [
    Table::new("tcp", Some("0A"), 9),
    Table::new("tcp6", Some("0A"), 9),
    Table::new("udp", Some("07"), 9),
    Table::new("udp6", Some("07"), 9),
    Table::new("raw", None, 9),
    Table::new("raw6", None, 9),
    Table::new("packet", None, 8),
];

impl Table {
    const fn new(name: &'static str, state: Option<&'static str>, inode: usize) -> Self {
        Self { name, state, inode }
    }
}

/// Sockets that wait for others, or that see every packet.
pub(crate) fn sockets(people: &People) -> View {
    let mut view = View::default();
    for Table { name, state, inode } in SOCKETS {
        // Not there: a kernel without that family.
        let text = fs::read_to_string(format!("/proc/net/{name}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if state.is_some_and(|wanted| fields.get(3) != Some(&wanted)) {
                continue;
            }
            let number = |column: usize| fields.get(column).and_then(|text| text.parse::<u64>().ok());
            let (Some(user), Some(inode)) = (number(7), number(inode)) else {
                continue;
            };
            let key = if name == "packet" {
                format!("packet socket {inode}")
            } else {
                format!("{name} {} socket {inode}", fields.get(1).copied().unwrap_or("?"))
            };
            view.add_of(key, holders(people, inode), whose(people, inode, Some(user)));
        }
    }
    // `unix_seq_show` of net/unix/af_unix.c; 00010000 is __SO_ACCEPTCON: it listens.
    let text = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if let [_, _, _, "00010000", _, _, inode, path @ ..] = fields.as_slice() {
            let inode = inode.parse().unwrap_or(0);
            let key = format!("unix {} socket {inode}", path.join(" ").escape_debug());
            view.add_of(key, holders(people, inode), whose(people, inode, None));
        }
    }
    view
}

fn holders(people: &People, inode: u64) -> String {
    let pids = people.sockets.get(&inode).into_iter().flatten();
    let names: Vec<String> = pids
        .map(|pid| format!("{pid} ({})", people.name_of(*pid).escape_debug()))
        .collect();
    if names.is_empty() {
        "nobody is seen to hold it".to_owned()
    } else {
        format!("held by {}", names.join(", "))
    }
}

fn whose(people: &People, inode: u64, user: Option<u64>) -> Option<String> {
    match people.sockets.get(&inode) {
        Some(pids) if !pids.iter().any(|pid| people.is_ours(*pid)) => {
            Some("a process that is not ours holds it".to_owned())
        }
        Some(_) => None,
        // An ordinary user cannot look into others' processes.
        None if !root()
            && user.is_none_or(|user| !people.users.iter().any(|own| u64::from(*own) == user)) =>
        {
            Some("it may be another user's".to_owned())
        }
        None => None,
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn from_json(words: &[&str], mut take: impl FnMut(&Value, &mut View)) -> View {
    let mut view = View::default();
    match run(words).and_then(|output| parse(&output)) {
        Ok(list) => list
            .as_array()
            .into_iter()
            .flatten()
            .for_each(|item| take(item, &mut view)),
        Err(reason) => view.blind.push(reason),
    }
    view
}

/// `ip -j` prints nothing at all for an empty list.
fn parse(output: &str) -> Result<Value, String> {
    if output.trim().is_empty() {
        return Ok(Value::Array(Vec::new()));
    }
    serde_json::from_str(output).map_err(|error| format!("what it printed is no JSON: {error}"))
}

fn run(words: &[&str]) -> Result<String, String> {
    let line = words.join(" ");
    let (program, arguments) = words.split_first().ok_or("an empty command line")?;
    let output = Command::new(program)
        .args(arguments)
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("`{line}` cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said
        .lines()
        .find(|said| !said.trim().is_empty())
        .unwrap_or_default();
    Err(format!("`{line}` failed: {}", said.trim()))
}
