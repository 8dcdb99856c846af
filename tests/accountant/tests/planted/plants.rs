//! What is planted, and by which words it must be found.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;

/// A leak of one class.
#[derive(Debug)]
pub(crate) struct Plant {
    pub(crate) name: &'static str,
    /// A script of sh(1), `sh -e`, as root in namespaces of its own; it works in a folder that is watched.
    /// `$OWN` is this program, `$HOME` a folder, `$CGROUP` a control group that is not there yet.
    pub(crate) script: &'static str,
    /// Each must be in a line of what was found. None: nothing may be found.
    pub(crate) found: &'static [&'static str],
    /// Why a guest cannot have it, if it cannot.
    pub(crate) not_in_a_guest: Option<&'static str>,
    /// A script that takes away what does not end with the namespaces. Other plants are planted meanwhile:
    /// only its own.
    pub(crate) uprooted_by: &'static str,
    /// What this machine must have, and what to say where it has it not.
    needs: Option<Need>,
}

/// What a machine must have.
#[derive(Debug)]
struct Need {
    met: fn() -> bool,
    otherwise: &'static str,
}

impl Plant {
    const fn new(name: &'static str, script: &'static str, found: &'static [&'static str]) -> Self {
        Self {
            name,
            script,
            found,
            not_in_a_guest: None,
            uprooted_by: "true",
            needs: None,
        }
    }

    const fn needs(mut self, met: fn() -> bool, otherwise: &'static str) -> Self {
        self.needs = Some(Need { met, otherwise });
        self
    }

    const fn uprooted_by(mut self, script: &'static str) -> Self {
        self.uprooted_by = script;
        self
    }

    const fn not_in_a_guest(mut self, reason: &'static str) -> Self {
        self.not_in_a_guest = Some(reason);
        self
    }

    /// How long may be looked for the end of what ends by itself; what is found is there at once.
    pub(crate) fn grace(&self) -> &'static str {
        if self.found.is_empty() { "10" } else { "0" }
    }

    pub(crate) fn impossible_here(&self) -> Option<&'static str> {
        let need = self.needs.as_ref()?;
        (!(need.met)()).then_some(need.otherwise)
    }
}

/// All of them. The first two are controls.
pub(crate) const PLANTS: &[Plant] = &[
    Plant::new("nothing", "true", &[]),
    Plant::new(
        "what is tidied up",
        "sleep 600 >/dev/null 2>&1 & echo $$ >/tmp/tidy; ip link add tidy0 type veth peer name tidy1; ip \
         link del tidy0; mkdir mnt; mount -n -t tmpfs none mnt; umount -n mnt; rmdir mnt; unshare --net \
         true; kill $!; rm /tmp/tidy",
        &[],
    ),
    Plant::new(
        "processes",
        // Twice removed: it has no parent left that was watched.
        "(setsid sleep 600 >/dev/null 2>&1 &)",
        &["processes: left: "],
    ),
    Plant::new(
        "namespaces",
        "touch /run/bound; unshare --net=/run/bound true",
        &["namespaces: left: net:[", "mounts: left: /run/bound (nsfs"],
    ),
    Plant::new(
        "namespaces of a process",
        "(unshare --net setsid sleep 600 >/dev/null 2>&1 &); until pgrep -x sleep >/dev/null; do sleep 0.05; \
         done",
        &["namespaces: left: net:[", "processes: left: "],
    ),
    Plant::new(
        "mounts",
        "mkdir /tmp/place-for-a-mount; mount -t tmpfs leaked /tmp/place-for-a-mount",
        &["mounts: left: /tmp/place-for-a-mount (tmpfs leaked"],
    ),
    Plant::new(
        "links",
        "ip link add leaked0 type veth peer name leaked1",
        &["links: left: leaked0", "links: left: leaked1"],
    ),
    Plant::new(
        "a link's queue",
        "tc qdisc add dev lo root pfifo",
        &["links: changed: lo"],
    )
    .needs(queues, "this kernel has no pfifo"),
    Plant::new(
        "addresses",
        "ip address add 192.0.2.99/32 dev lo",
        &["addresses: left: 192.0.2.99/32 on lo"],
    ),
    Plant::new(
        "routes",
        "ip route add 198.51.100.0/24 dev lo; ip rule add pref 99 lookup 99",
        &[
            "routes: left: route -4 {\"dev\":\"lo\",\"dst\":\"198.51.100.0/24\"",
            "routes: left: rule -4 ",
        ],
    ),
    Plant::new(
        "a route that is gone",
        "ip route del local 127.0.0.1 dev lo table local",
        &["routes: gone: "],
    ),
    Plant::new(
        "sysctls",
        "echo $((1 - $(cat /proc/sys/net/ipv4/ip_forward))) >/proc/sys/net/ipv4/ip_forward; echo leaked \
         >/proc/sys/kernel/hostname",
        &[
            "sysctls: changed: net.ipv4.ip_forward",
            "sysctls: changed: kernel.hostname",
        ],
    ),
    Plant::new(
        "nftables",
        "nft add table inet leaked; nft add chain inet leaked c; nft add rule inet leaked c drop",
        &["nftables: left: {\"table\"", "nftables: left: {\"rule\""],
    )
    .needs(nftables, "needs nft and a kernel with nf_tables"),
    Plant::new(
        "ipvs",
        "ipvsadm -A -t 192.0.2.9:3306 -s rr; ipvsadm -a -t 192.0.2.9:3306 -r 192.0.2.10 -g",
        &["ipvs: left: TCP C0000209:0CEA", "-> C000020A:0CEA"],
    )
    .needs(ipvs, "this kernel has no IPVS"),
    Plant::new(
        "sockets",
        "(setsid $OWN hold-sockets >/dev/null 2>&1 &); until grep -q theirs.socket /proc/net/unix; do sleep \
         0.05; done",
        &[
            "sockets: left: tcp 0100007F:",
            "sockets: left: udp 0100007F:",
            "sockets: left: unix ",
        ],
    ),
    Plant::new(
        "shared-memory",
        "echo x >/dev/shm/leaked",
        &["shared-memory: left: /dev/shm/leaked"],
    ),
    Plant::new(
        "run",
        "mkdir -p /run/deep/leaked",
        &["run: left: /run/deep/leaked"],
    ),
    Plant::new(
        "tmp",
        "touch /tmp/leaked /var/tmp/leaked",
        &["tmp: left: /tmp/leaked", "tmp: left: /var/tmp/leaked"],
    ),
    Plant::new("uml", "mkdir -p $HOME/.uml/leaked", &["uml: left: "]),
    Plant::new(
        "cores",
        "ulimit -c unlimited; mkdir deep; cd deep; sh -c 'kill -SEGV $$' || true",
        &["cores: left: "],
    )
    .needs(cores, "kernel.core_pattern here names a program or a folder"),
    Plant::new("watched", "touch leaked", &["watched: left: "]),
    Plant::new(
        "cgroups",
        "mkdir ${CGROUP:?}; mkdir $CGROUP/below",
        &["cgroups: left: /sys/fs/cgroup/", "/below"],
    )
    // They are the machine's, whatever namespaces there are.
    .uprooted_by("rmdir ${CGROUP:?}/below $CGROUP")
    .not_in_a_guest("the guest's kernel has no cgroups")
    .needs(cgroups, "this user may make no cgroups"),
    // The last one, as in a guest all of them are planted one upon the other.
    Plant::new(
        "a changed mount",
        "mount -o remount,ro /dev/shm",
        &["mounts: changed: /dev/shm"],
    ),
];

fn exists(path: &str) -> bool {
    Path::new(path).exists()
}

fn ipvs() -> bool {
    exists("/proc/net/ip_vs")
}

fn nftables() -> bool {
    let probe = "nft add table inet probe";
    let mut command = std::process::Command::new("unshare");
    let output = command
        .args(["--user", "--map-root-user", "--net", "sh", "-c", probe])
        .output();
    output.is_ok_and(|output| output.status.success())
}

fn queues() -> bool {
    let probe = "tc qdisc add dev lo root pfifo";
    let mut command = std::process::Command::new("unshare");
    let output = command
        .args(["--user", "--map-root-user", "--net", "sh", "-c", probe])
        .output();
    output.is_ok_and(|output| output.status.success())
}

fn cores() -> bool {
    std::fs::read_to_string("/proc/sys/kernel/core_pattern")
        .is_ok_and(|pattern| !pattern.contains(['|', '/']))
}

/// A cgroup that this process can make and no other process makes.
pub(crate) fn own_cgroup() -> Option<&'static Path> {
    static OWN: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
        let line = mounts.lines().find(|line| line.contains(" - cgroup2 "))?;
        let folder = PathBuf::from(line.split(' ').nth(4)?);
        let own = folder.join(format!("leaked-{}", std::process::id()));
        std::fs::create_dir(&own).ok()?;
        std::fs::remove_dir(&own).ok()?;
        Some(own)
    };
    OWN.get_or_init(find).as_deref()
}

fn cgroups() -> bool {
    own_cgroup().is_some()
}

/// Holds a socket of each kind until it is killed.
pub(crate) fn hold_sockets() -> ExitCode {
    let _tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let _udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let _unix = UnixListener::bind("/tmp/theirs.socket").unwrap();
    loop {
        std::thread::park();
    }
}
