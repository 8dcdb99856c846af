//! An operator's own files: read, with what they include, and what became of them said.

use crate::args::OwnSetup;
use crate::error::Failure;
use crate::output;
use lvs_matrix_setup::{Fate, Include, Lab, Note, Role, Setup, Source, Unreadable, read};
use std::fmt::Write as _;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

/// No file of an operator's is longer.
const MOST_BYTES: u64 = 8 << 20;
/// Files that one pattern may name.
const MOST_FILES: usize = 200;

/// The lab of the service that is asked for; what became of the files is said on stderr.
pub(crate) fn lab(own: &OwnSetup) -> Result<Lab, Failure> {
    let setup = setup(own)?;
    let lab = Lab::of(&setup, own.service.as_deref()).map_err(|error| Failure::Mistake(error.to_string()))?;
    output::talk(told(&setup, &lab).trim_end());
    Ok(lab)
}

fn setup(own: &OwnSetup) -> Result<Setup, Failure> {
    let (mut sources, mut wrong) = (Vec::new(), Vec::new());
    for (role, files) in [
        (Role::Director, &own.from),
        (Role::Client, &own.client_sysctls),
        (Role::Server, &own.server_sysctls),
    ] {
        for file in files {
            match source(file) {
                Ok(source) => sources.push((role, source)),
                Err(why) => wrong.push(why),
            }
        }
    }
    if wrong.is_empty() {
        let all = read(&sources, &mut |include: Include<'_>| included(include));
        match all {
            Ok(setup) => return Ok(setup),
            Err(unreadable) => wrong.extend(unreadable.iter().map(Unreadable::to_string)),
        }
    }
    Err(Failure::Mistake(wrong.join("\nerror: ")))
}

/// The files with what became of what, and what is not taken over.
fn told(setup: &Setup, lab: &Lab) -> String {
    let mut out = String::new();
    for (file, kind) in &setup.files {
        let _ = writeln!(out, "read {file}: {}", kind.as_str());
    }
    let width = lab
        .table
        .iter()
        .map(|row| row.theirs.chars().count())
        .max()
        .unwrap_or(0);
    let _ = writeln!(out, "the service {}, in the lab:", lab.service.listen);
    for row in &lab.table {
        let _ = writeln!(out, "  {:width$}  ->  {}", row.theirs, row.ours);
    }
    for (fate, heading) in [
        (Fate::Changed, "taken over as something else:"),
        (Fate::Lost, "not taken over:"),
    ] {
        let of: Vec<&Note> = lab.notes.iter().filter(|note| note.fate == fate).collect();
        if !of.is_empty() {
            let _ = writeln!(out, "{heading}");
        }
        for note in of {
            let _ = writeln!(out, "  {note}");
        }
    }
    out
}

fn source(file: &Path) -> Result<Source, String> {
    let shown = file.display();
    let failed = |error: std::io::Error| {
        let cure = if error.kind() == ErrorKind::PermissionDenied {
            format!("; `sudo cat {shown} | … --from -` gives it to this user")
        } else {
            String::new()
        };
        format!("cannot read {shown}: {error}{cure}")
    };
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin()
            .take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
    } else {
        let open = fs::File::open(file).map_err(failed)?;
        if open.metadata().map_err(failed)?.is_dir() {
            return Err(format!("{shown} is a folder; name its files"));
        }
        open.take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
    }
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MOST_BYTES) {
        return Err(format!("{shown} is longer than 8 MiB; no file of this kind is"));
    }
    let name = if file == Path::new("-") {
        "standard input".to_owned()
    } else {
        shown.to_string()
    };
    match text(&bytes) {
        Ok(text) => Ok(Source { name, text }),
        Err(why) => Err(format!("{name} {why}")),
    }
}

/// The text of a file, or why it is none.
fn text(bytes: &[u8]) -> Result<String, &'static str> {
    // Editors of other systems begin UTF-8 with a mark, which is no text.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        Err("is empty: did the command that was to write it fail?")
    } else if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        Err("is UTF-16: `iconv -f UTF-16 -t UTF-8` makes a file of it that can be read")
    } else if bytes.contains(&0) {
        Err("is no text: it has NUL bytes; name what was printed, or the configuration itself")
    } else {
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}

/// The files of an `include`, in the order of their names. An absolute path that is not there may be one of
/// a copy of the machine's files: it is then looked for beside the file that has the line.
fn included(include: Include<'_>) -> Result<Vec<Source>, String> {
    let folder = Path::new(include.by).parent().unwrap_or_else(|| Path::new(""));
    let pattern = Path::new(include.pattern);
    let mut files = matching(&folder.join(pattern));
    if files.is_empty() && pattern.is_absolute() {
        // /etc/keepalived/conf.d/*.conf: conf.d/*.conf, else *.conf.
        let parts: Vec<Component<'_>> = pattern.components().skip(1).collect();
        for from in 0..parts.len() {
            let rest: PathBuf = parts[from..].iter().collect();
            files = matching(&folder.join(rest));
            // `*.conf` beside the file has the file itself.
            files.retain(|file| file != Path::new(include.by));
            if !files.is_empty() {
                break;
            }
        }
    }
    if files.len() > MOST_FILES {
        return Err(format!(
            "`{}` names more than {MOST_FILES} files; name those that matter one by one",
            include.pattern
        ));
    }
    files.iter().map(|file| source(file)).collect()
}

/// The files that a pattern of glob(7) names, in the order of their names.
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let options = glob::MatchOptions {
        require_literal_separator: true,
        require_literal_leading_dot: true,
        ..glob::MatchOptions::new()
    };
    let paths = glob::glob_with(&pattern.to_string_lossy(), options);
    let files = paths
        .into_iter()
        .flatten()
        .flatten()
        .filter(|path| path.is_file());
    files.take(MOST_FILES + 1).collect()
}
