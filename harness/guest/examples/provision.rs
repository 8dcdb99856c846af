//! Builds the default guest kernel into the user's cache, or finds it there:
//! `cargo run -p lvs-matrix-guest --example provision`. An argument is a package's name (`linux-source-6.1`)
//! or a tarball's path.
#![expect(clippy::print_stderr, reason = "an example is a program of its own")]

use lvs_matrix_guest::kernel::{BuildRequest, KernelError, Source, build};

fn main() -> Result<(), KernelError> {
    let mut request = BuildRequest::new()?;
    match std::env::args().nth(1) {
        Some(path) if path.contains('/') => request.source = Source::Tarball(path.into()),
        Some(name) => request.source = Source::Package(name),
        None => {}
    }
    let mut last = None;
    let result = build(&request, &mut |news| {
        let permille = news.total.map(|total| news.done * 10 / total.max(1));
        if last.replace((news.phase, permille)) != Some((news.phase, permille)) {
            eprintln!("{:?} {}/{:?} {}", news.phase, news.done, news.total, news.detail);
        }
    });
    match result {
        Ok(kernel) => {
            eprintln!("Linux {} at {}", kernel.version, kernel.path.display());
            Ok(())
        }
        Err(error) => {
            eprintln!("error: {error}");
            Err(error)
        }
    }
}
