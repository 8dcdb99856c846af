//! The server program: which it is, what it can do, and the options that every start of it takes. The program
//! itself is asked.

use crate::error::{LabError, Result, Stage};
use lvs_matrix_model::record::version_alone;
use lvs_matrix_netns::{CommandLine, run};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// MariaDB's system tables are Aria's, and few scenarios need transactions: without InnoDB a server starts in
/// half the time.
const WITHOUT_INNODB: &[&str] = &["--innodb=OFF", "--default-storage-engine=Aria"];
/// What a server needs of InnoDB for a few rows, in MariaDB's words. Its files lie in memory and are copied
/// for every server, so they are small, and none is preallocated. What is committed is with the kernel
/// (`flush_log_at_trx_commit` 2), which outlives a mysqld that is killed; a page that is half written,
/// against which the double write helps, takes a kernel that ends.
const SMALL_INNODB: &[&str] = &[
    "--innodb-buffer-pool-size=8M",
    // MariaDB reserves address space for the largest pool there may ever be, 8 TiB where nothing is said. A
    // process of a User-mode Linux 6.1 has less than that. Servers that do not know the option pass it by.
    "--loose-innodb-buffer-pool-size-max=8M",
    "--innodb-use-native-aio=0",
    "--innodb-log-file-size=4M",
    "--innodb-log-buffer-size=2M",
    "--innodb-data-file-path=ibdata1:5M:autoextend",
    "--innodb-temp-data-file-path=ibtmp1:5M:autoextend",
    "--innodb-autoextend-increment=1",
    "--innodb-doublewrite=0",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-stats-persistent=OFF",
];
/// MySQL's own files that make the system tables, for servers that cannot do it by themselves.
pub(crate) const SYSTEM_TABLES: &str = "mysql_system_tables.sql";

/// A server program that was asked who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its path.
    pub program: PathBuf,
    /// What it calls its version, with what its distributor adds:
    /// `10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)`.
    pub version: String,
    /// Which family of servers it is of.
    pub flavour: Flavour,
    /// The folder of its own tree, of MySQL's: beside the program or one folder above it, where its `share`
    /// is. None for a server that is part of the system.
    pub tree: Option<PathBuf>,
}

/// Families of servers: they differ in how a data folder is made and in their options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flavour {
    /// MariaDB: `mariadb-install-db`.
    MariaDb,
    /// MySQL that lists `--initialize-insecure` among its options: 5.7 and later.
    MySql,
    /// MySQL that does not: `--bootstrap`, with the statements that come with the server.
    MySqlWithoutInitialize,
}

impl Server {
    /// Its version, without what its distributor adds.
    #[must_use]
    pub fn version_alone(&self) -> &str {
        version_alone(&self.version)
    }

    /// Asks `program` who it is.
    ///
    /// # Errors
    /// [`LabError`] if it does not start, does not answer `--version` as a MariaDB or MySQL server does, or,
    /// of MySQL, lists no option by which a data folder can be made.
    pub fn probe(program: &Path) -> Result<Self> {
        let stage = || format!("ask {} for its version", program.display());
        let output = |arguments: &[&str]| {
            let own = program.to_string_lossy();
            run(&CommandLine::new(
                std::iter::once(own.as_ref()).chain(arguments.iter().copied()),
            ))
        };
        let finished = output(&["--version"]).stage(stage())?;
        // A warning may come first: MariaDB misses a MAC address where `lo` is the only link.
        let mut lines = finished.output.lines();
        let first = lines.clone().next().unwrap_or_default();
        let line = lines.find(|line| line.contains("Ver ")).unwrap_or(first);
        let version = line
            .split_once("Ver ")
            .map(|(_, version)| version.trim().to_owned());
        let Some(version) = version.filter(|version| is_version(version)) else {
            let said: String = line.chars().take(80).collect();
            return Err(LabError::new(
                stage(),
                format!(
                    "it is no MariaDB or MySQL server: it answered `{}` ({}); give the path of mariadbd or \
                     mysqld",
                    said.escape_debug(),
                    finished.status_text()
                ),
            ));
        };
        let flavour = if version.contains("MariaDB") {
            Flavour::MariaDb
        } else {
            let stage = || format!("ask {} for its options", program.display());
            // Its exit code says whether it found its messages and a data folder, which it need not yet.
            let help = output(&["--no-defaults", "--verbose", "--help", "--user=root"]).stage(stage())?;
            mysql_that_lists(&help.output).ok_or_else(|| {
                LabError::new(
                    stage(),
                    "it lists neither --initialize-insecure nor --bootstrap, so no data folder can be made \
                     for it",
                )
            })?
        };
        let tree = match flavour {
            Flavour::MariaDb => None,
            Flavour::MySql | Flavour::MySqlWithoutInitialize => tree(program),
        };
        Ok(Self {
            program: program.to_owned(),
            version,
            flavour,
            tree,
        })
    }

    /// The same server where its tree is seen as `tree`.
    #[must_use]
    pub fn seen_as(mut self, tree: &Path) -> Self {
        if let Some(own) = &self.tree
            && let Ok(inner) = self.program.strip_prefix(own)
        {
            self.program = tree.join(inner);
            self.tree = Some(tree.to_owned());
        }
        self
    }

    /// Looks for `mariadbd`, then `mysqld`, in `path` and where distributions put servers.
    ///
    /// # Errors
    /// [`LabError`] with the package to install if there is none.
    pub fn find(path: &str) -> Result<Self> {
        let folders: Vec<PathBuf> = std::env::split_paths(path)
            .chain(["/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/local/bin"].map(PathBuf::from))
            .collect();
        let found = ["mariadbd", "mysqld"]
            .iter()
            .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
            .find(|candidate| candidate.is_file());
        match found {
            Some(program) => Self::probe(&program),
            None => Err(LabError::new(
                "look for a MySQL server",
                "neither mariadbd nor mysqld was found; install mariadb-server-core, or give a path with \
                 --mysqld",
            )),
        }
    }

    /// The options that making a data folder and every start take alike: what is laid down in the data folder
    /// must be started with, too. Whether with InnoDB is MariaDB's choice; MySQL's system tables need it.
    pub(crate) fn options(&self, innodb: bool) -> Vec<String> {
        let mut words = Vec::new();
        match self.flavour {
            Flavour::MariaDb => {
                let innodb = if innodb { SMALL_INNODB } else { WITHOUT_INNODB };
                words.extend(innodb.iter().map(|word| (*word).to_owned()));
                // Since 11.4 a server without a certificate makes an RSA key for one, at every start. All
                // clients speak plain TCP.
                words.push("--skip-ssl".to_owned());
            }
            Flavour::MySql | Flavour::MySqlWithoutInitialize => {
                // 5.6 and 5.7 look for their messages where they were built for, not where they are.
                words.extend(
                    self.tree
                        .iter()
                        .map(|tree| format!("--basedir={}", tree.display())),
                );
                words
                    .extend(["--innodb-buffer-pool-size=8M", "--innodb-use-native-aio=0"].map(str::to_owned));
            }
        }
        match self.flavour {
            Flavour::MariaDb | Flavour::MySql => {}
            // Of two logs of 48 MB each server would have a copy in memory.
            Flavour::MySqlWithoutInitialize => words.push("--innodb-log-file-size=1M".to_owned()),
        }
        words
    }

    /// The folder of the statements that make the system tables.
    pub(crate) fn system_tables(&self) -> Option<PathBuf> {
        let base = self.tree.as_deref().unwrap_or(Path::new("/usr"));
        let mut folders = SHARES.iter().map(|share| base.join(share));
        folders.find(|folder| folder.join(SYSTEM_TABLES).is_file())
    }
}

/// The flavour of a MySQL with these options (`mysqld --verbose --help`).
fn mysql_that_lists(help: &str) -> Option<Flavour> {
    let lists = |option: &str| help.lines().any(|line| line.trim_start().starts_with(option));
    if lists("--initialize-insecure") {
        Some(Flavour::MySql)
    } else if lists("--bootstrap") {
        Some(Flavour::MySqlWithoutInitialize)
    } else {
        None
    }
}

/// Where a server's own files are in its tree.
const SHARES: [&str; 2] = ["share", "share/mysql"];

/// The tree of a server that is no part of the system, if its messages are in it.
fn tree(program: &Path) -> Option<PathBuf> {
    let mut above = program.ancestors().skip(1).take(2);
    let tree = above.find(|tree| {
        SHARES
            .iter()
            .any(|share| tree.join(share).join("english").is_dir())
    })?;
    (tree != Path::new("/usr")).then(|| tree.to_owned())
}

/// `10.11.19-MariaDB-…`: numbers with a dot, in a line that a terminal can be shown.
fn is_version(text: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let major = digits(text);
    let behind = text.get(major..).and_then(|rest| rest.strip_prefix('.'));
    major > 0
        && behind.is_some_and(|rest| digits(rest) > 0)
        && text.len() <= 200
        && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_no_server_is_refused_with_what_it_said() {
        let error = Server::probe(Path::new("/bin/echo")).unwrap_err();
        assert!(
            error.reason.contains("no MariaDB or MySQL server: it answered"),
            "{error}"
        );
        let error = Server::probe(Path::new("/no/such/mysqld")).unwrap_err();
        assert!(error.reason.contains("cannot start"), "{error}");
    }
    /// As 5.6.24 lists them, and as the manual of 5.7 has them, which kept `--bootstrap`.
    #[test]
    fn how_a_data_folder_is_made_is_read_off_the_options() {
        let old = "  -b, --basedir=name  Path to installation directory.\n  --bootstrap         Used by \
            mysql installation scripts.\n";
        let new = format!(
            "{old}  --initialize-insecure \n                      Create the default database and exit.\n"
        );
        assert_eq!(mysql_that_lists(old), Some(Flavour::MySqlWithoutInitialize));
        assert_eq!(mysql_that_lists(&new), Some(Flavour::MySql));
        assert_eq!(mysql_that_lists("no options; see --bootstrap"), None);
    }

    /// Nothing of a server whose tree is shown elsewhere is looked for where it was.
    #[test]
    fn a_server_is_moved_with_its_tree() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("share/english")).unwrap();
        let program = folder.path().join("bin/mysqld");
        let server = Server {
            tree: tree(&program),
            program,
            version: "5.6.24".to_owned(),
            flavour: Flavour::MySqlWithoutInitialize,
        };
        assert_eq!(server.tree.as_deref(), Some(folder.path()));
        let moved = server.seen_as(Path::new("/in/the/guest"));
        assert_eq!(moved.program, Path::new("/in/the/guest/bin/mysqld"));
        assert_eq!(moved.options(false)[0], "--basedir=/in/the/guest");
        assert_eq!(tree(Path::new("/nowhere/bin/mysqld")), None);
    }
}
