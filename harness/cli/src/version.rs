//! `--version`: what a run would be made with here and now, by hash.

use crate::environment::OWN_FILE;
use crate::{doctor, scenarios};
use lvs_matrix_guest::kernel::{self, CacheFolder};
use lvs_matrix_runner::Server;
use std::path::Path;

/// The version of this program, then a line each for its file, the guest kernel, the server program and the
/// shipped scenario. What is not there is said to be not there: this needs nothing.
pub(crate) fn text() -> String {
    let file = |path: &Path| match kernel::sha256_of_file(path) {
        Ok(hash) => format!("sha256 {hash}"),
        Err(error) => error.to_string(),
    };
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let wanted = variable("LVS_MATRIX_KERNEL");
    let kernel = CacheFolder::of_user()
        .and_then(|cache| kernel::find(&cache, wanted.as_deref()))
        .map_or_else(
            |error| first_line(&error.to_string()),
            |kernel| format!("Linux {}, {}", kernel.version, file(&kernel.path)),
        );
    let server = match variable("LVS_MATRIX_MYSQLD") {
        Some(program) => Server::probe(Path::new(&program)),
        None => Server::find(&doctor::path()),
    };
    let server = server.map_or_else(
        |error| first_line(&error.to_string()),
        |server| format!("{}, {}", server.version_alone(), file(&server.program)),
    );
    format!(
        "lvs-matrix {}\n  program   {}\n  kernel    {kernel}\n  mysqld    {server}\n  scenario  \
         config-change (shipped), sha256 {}\n",
        env!("CARGO_PKG_VERSION"),
        file(Path::new(OWN_FILE)),
        scenarios::shipped_sha256()
    )
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
