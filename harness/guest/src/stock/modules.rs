//! The modules of a stock kernel that a lab needs, with those that they depend on, in an order in which they
//! can be loaded. What a module depends on it says itself (`depends=` in its section `.modinfo`), so neither
//! modules.dep nor depmod(8) is needed, which a package that is not installed lacks.

use super::StockError;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Without these no lab can be made, or nothing comes in or out.
const NEEDED: [&str; 7] = [
    "virtio_mmio",
    "virtio_blk",
    "af_packet",
    "veth",
    "bridge",
    "sch_netem",
    "ip_vs",
];

/// What comes first: libcrc32c looks for an implementation of its checksum when it is loaded.
const FIRST: [&str; 3] = ["crc32c_generic", "crc32c_cryptoapi", "crct10dif_common"];

/// What a kernel may have under this name, under another, or not at all.
const WANTED: [&str; 49] = [
    "af_packet_diag",
    "unix_diag",
    "inet_diag",
    "tcp_diag",
    "udp_diag",
    "dummy",
    "macvlan",
    "ipip",
    "ip6_tunnel",
    "sit",
    "udp_tunnel",
    "ip6_udp_tunnel",
    "fou",
    "fou6",
    "gre",
    "ip_gre",
    "ip6_gre",
    "nf_conntrack",
    "nf_conntrack_ipv4",
    "nf_conntrack_ipv6",
    "nf_defrag_ipv4",
    "nf_defrag_ipv6",
    "nf_conntrack_netlink",
    "nf_nat",
    "nf_nat_ipv4",
    "nf_nat_ipv6",
    "nf_tables",
    "nf_tables_set",
    "nf_tables_ipv4",
    "nf_tables_ipv6",
    "nf_tables_inet",
    "nft_counter",
    "nft_ct",
    "nft_limit",
    "nft_meta",
    "nft_reject",
    "nft_reject_ipv4",
    "nft_reject_ipv6",
    "nft_reject_inet",
    "nft_nat",
    "nft_masq",
    "nft_masq_ipv4",
    "nft_masq_ipv6",
    "nft_chain_nat",
    "nft_chain_nat_ipv4",
    "nft_chain_nat_ipv6",
    "nft_synproxy",
    "nf_synproxy_core",
    "nfnetlink",
];

/// The folder with the modules that came with the kernel, in that of its modules.
const KERNEL: &str = "kernel";
/// The list of what is no module, since it is part of the kernel.
const BUILT_IN: &str = "modules.builtin";
/// What depmod(8) and the kernel's own `make modules_install` put beside it.
const LISTS: [&str; 3] = [BUILT_IN, "modules.order", "modules.dep"];

/// Is this the folder of a kernel's modules?
pub(super) fn are_in(folder: &Path) -> bool {
    let kernel = folder.join(KERNEL);
    kernel.is_dir() && (LISTS.iter().any(|list| folder.join(list).is_file()) || has_module(&kernel))
}

fn has_module(folder: &Path) -> bool {
    let mut entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.any(|entry| {
        let kind = entry.file_type();
        let name = entry.file_name().to_string_lossy().into_owned();
        name.contains(".ko") || kind.is_ok_and(|kind| kind.is_dir()) && has_module(&entry.path())
    })
}

/// A module, unpacked.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// Names of modules have underscores and hyphens alike.
fn plain(name: &str) -> String {
    name.replace('-', "_")
}

/// The folder of a kernel's modules.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// By name, where each is.
    files: BTreeMap<String, PathBuf>,
    built_in: BTreeSet<String>,
}

impl Folder {
    pub(super) fn read(path: &Path) -> Result<Self, StockError> {
        let mut files = BTreeMap::new();
        let mut left = vec![path.to_owned()];
        // The folder itself may be a link to where it lies.
        left.push(path.join(KERNEL));
        while let Some(folder) = left.pop() {
            let entries = fs::read_dir(&folder).map_err(StockError::file("read", &folder))?;
            for entry in entries.flatten() {
                let Ok(kind) = entry.file_type() else { continue };
                let name = entry.file_name().to_string_lossy().into_owned();
                if kind.is_dir() {
                    if entry.path() != path.join(KERNEL) {
                        left.push(entry.path());
                    }
                } else if let Some((name, _)) = name.split_once(".ko") {
                    files.insert(plain(name), entry.path());
                }
            }
        }
        let built_in = fs::read_to_string(path.join(BUILT_IN)).unwrap_or_default();
        let built_in = built_in.lines().filter_map(|line| {
            let name = Path::new(line).file_name()?.to_str()?;
            Some(plain(name.split_once(".ko")?.0))
        });
        Ok(Self {
            path: path.to_owned(),
            files,
            built_in: built_in.collect(),
        })
    }

    /// The modules for labs, in an order in which they can be loaded.
    pub(super) fn of_labs(&self, release: &str) -> Result<Vec<Module>, StockError> {
        let lacking: Vec<&str> = NEEDED
            .into_iter()
            .filter(|name| !self.files.contains_key(*name) && !self.built_in.contains(*name))
            .collect();
        if !lacking.is_empty() {
            return Err(StockError::NoModules {
                folder: self.path.clone(),
                lacking: lacking.join(", "),
                builtin_is_known: self.path.join(BUILT_IN).is_file(),
            });
        }
        // Helpers of applications change what passes their ports.
        let schedulers = self.files.keys().filter(|name| {
            name.starts_with("ip_vs_") && !["ip_vs_ftp", "ip_vs_pe_sip"].contains(&name.as_str())
        });
        let mut closure = Closure {
            folder: self,
            seen: BTreeSet::new(),
            modules: Vec::new(),
        };
        let named = FIRST.iter().chain(&NEEDED).chain(&WANTED).copied();
        for name in named.chain(schedulers.map(String::as_str)) {
            closure.add(name)?;
        }
        // A kernel takes none that was built for another (its loader compares vermagic, `same_magic`), and
        // says so to its log alone.
        let others = closure.modules.iter().find_map(|module| {
            let built_for = value(&module.bytes, b"\0vermagic=")?;
            let of = built_for.split_whitespace().next()?;
            (of != release).then(|| of.to_owned())
        });
        match others {
            Some(built_for) => Err(StockError::OthersModules {
                release: release.to_owned(),
                folder: self.path.clone(),
                built_for,
            }),
            None => Ok(closure.modules),
        }
    }
}

struct Closure<'a> {
    folder: &'a Folder,
    seen: BTreeSet<String>,
    modules: Vec<Module>,
}

impl Closure<'_> {
    fn add(&mut self, name: &str) -> Result<(), StockError> {
        let Some(file) = self.folder.files.get(name) else {
            return Ok(());
        };
        if !self.seen.insert(name.to_owned()) {
            return Ok(());
        }
        let bytes = unpacked(file)?;
        for needed in depends(&bytes) {
            self.add(&needed)?;
        }
        let name = name.to_owned();
        self.modules.push(Module { name, bytes });
        Ok(())
    }
}

/// What a module says of itself. `.modinfo` is strings that each end with a NUL.
fn value(module: &[u8], key: &[u8]) -> Option<String> {
    let at = module.windows(key.len()).position(|window| window == key)?;
    let text = module.get(at + key.len()..)?.split(|&byte| byte == 0).next()?;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// What a module says that it depends on.
fn depends(module: &[u8]) -> Vec<String> {
    let text = value(module, b"\0depends=").unwrap_or_default();
    text.split(',')
        .filter(|name| !name.is_empty())
        .map(plain)
        .collect()
}

/// The bytes of a module, which may be packed.
fn unpacked(file: &Path) -> Result<Vec<u8>, StockError> {
    let extension = file.extension().and_then(|extension| extension.to_str());
    let program = match extension {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        Some("gz") => "gzip",
        _ => return fs::read(file).map_err(StockError::file("read", file)),
    };
    let failed = |reason: String| StockError::Unpack {
        program,
        path: file.to_owned(),
        reason,
    };
    let input = fs::File::open(file).map_err(StockError::file("read", file))?;
    let output = Command::new(program)
        .arg("-dc")
        .stdin(input)
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELEASE: &str = "6.1.0-9-test";

    fn module(depends: &str) -> Vec<u8> {
        let vermagic = format!("vermagic={RELEASE} SMP preempt mod_unload modversions ");
        format!("\x7fELF...\0license=GPL\0depends={depends}\0retpoline=Y\0{vermagic}\0").into_bytes()
    }

    fn folder(modules: &[(&str, &str)], built_in: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("kernel/net")).unwrap();
        for (name, depends) in modules {
            fs::write(folder.path().join("kernel/net").join(name), module(depends)).unwrap();
        }
        fs::write(folder.path().join("modules.builtin"), built_in).unwrap();
        folder
    }

    #[test]
    fn a_module_comes_after_what_it_depends_on() {
        let all = [
            ("virtio_mmio.ko", ""),
            ("virtio_blk.ko", ""),
            ("af_packet.ko", ""),
            ("veth.ko", ""),
            ("bridge.ko", "stp,llc"),
            ("stp.ko", "llc"),
            ("llc.ko", ""),
            ("sch-netem.ko", ""),
            ("ip_vs.ko", "nf_conntrack,libcrc32c"),
            ("nf_conntrack.ko", "libcrc32c,nf-defrag-ipv4"),
            ("nf_defrag_ipv4.ko", ""),
            ("libcrc32c.ko", ""),
            ("crc32c_generic.ko", ""),
            ("ip_vs_wrr.ko", "ip_vs"),
            ("ip_vs_ftp.ko", "ip_vs"),
            ("unrelated.ko", ""),
        ];
        let folder = folder(&all, "");
        let modules = Folder::read(folder.path()).unwrap().of_labs(RELEASE).unwrap();
        let at = |name: &str| modules.iter().position(|module| module.name == name);
        for (earlier, later) in [
            ("llc", "stp"),
            ("stp", "bridge"),
            ("crc32c_generic", "libcrc32c"),
            ("nf_defrag_ipv4", "nf_conntrack"),
            ("nf_conntrack", "ip_vs"),
            ("ip_vs", "ip_vs_wrr"),
        ] {
            assert!(
                at(earlier).unwrap() < at(later).unwrap(),
                "{earlier} before {later}"
            );
        }
        assert!(at("sch_netem").is_some() && at("unrelated").is_none() && at("ip_vs_ftp").is_none());
        let mut names: Vec<&str> = modules.iter().map(|module| module.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), modules.len());
    }

    #[test]
    fn what_is_built_in_is_no_lack_and_what_is_nowhere_is_named() {
        let found = folder(
            &[("virtio_mmio.ko", ""), ("virtio_blk.ko", ""), ("veth.ko", "")],
            "kernel/net/packet/af_packet.ko\nkernel/net/bridge/bridge.ko\nkernel/net/sched/sch_netem.ko\n",
        );
        let error = Folder::read(found.path())
            .unwrap()
            .of_labs(RELEASE)
            .unwrap_err()
            .to_string();
        assert!(error.contains("ip_vs") && !error.contains("bridge"), "{error}");
        assert!(!error.contains("as far as is known"), "{error}");
        fs::remove_file(found.path().join(BUILT_IN)).unwrap();
        let folder = Folder::read(found.path()).unwrap();
        let error = folder.of_labs(RELEASE).unwrap_err().to_string();
        assert!(
            error.contains("bridge") && error.contains("no file modules.builtin"),
            "{error}"
        );
    }

    #[test]
    fn modules_of_another_kernel_are_refused_and_both_are_named() {
        let names = NEEDED.map(|name| format!("{name}.ko"));
        let all: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
        let found = folder(&all, "");
        let folder = Folder::read(found.path()).unwrap();
        assert_eq!(folder.of_labs(RELEASE).unwrap().len(), NEEDED.len());
        let error = folder.of_labs("6.1.0-10-test").unwrap_err().to_string();
        assert!(
            error.contains("6.1.0-10-test") && error.contains("are those of Linux 6.1.0-9-test"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_of_modules_has_modules_which_may_lie_behind_a_link() {
        let found = folder(&[("veth.ko", "")], "");
        assert!(are_in(found.path()));
        let other = tempfile::tempdir().unwrap();
        assert!(!are_in(other.path()));
        fs::create_dir_all(other.path().join("kernel/install.d")).unwrap();
        assert!(!are_in(other.path()), "as /etc is");
        let linked = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(found.path().join("kernel"), linked.path().join("kernel")).unwrap();
        assert!(are_in(linked.path()));
        assert!(Folder::read(linked.path()).unwrap().files.contains_key("veth"));
    }
}
