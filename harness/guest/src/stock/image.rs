//! What a vmlinuz says of itself (Documentation/arch/x86/boot.rst), and a program without what only
//! debuggers read.

use super::StockError;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The release of a kernel, as `uname -r` says it: of the boot sector's `kernel_version`.
pub(super) fn release(image: &Path) -> Result<String, StockError> {
    let refuse = |reason: String| StockError::NotAnImage {
        path: image.to_owned(),
        reason,
    };
    let mut begin = vec![0; 64 << 10];
    let mut file = File::open(image).map_err(|error| refuse(error.to_string()))?;
    let mut length = 0;
    while length < begin.len() {
        match file
            .read(&mut begin[length..])
            .map_err(|error| refuse(error.to_string()))?
        {
            0 => break,
            more => length += more,
        }
    }
    begin.truncate(length);
    let release = release_in(&begin).map_err(refuse)?;
    let is = file.metadata().map_err(|error| refuse(error.to_string()))?.len();
    match whole_size(&begin) {
        Some(whole) if is < whole => Err(refuse(format!(
            "it is cut short: its boot sector is of a kernel of {whole} bytes, and it has {is}"
        ))),
        _ => Ok(release),
    }
}

/// How long a kernel is at least by its boot sector: its own sectors, the first and `setup_sects` (0: 4), and
/// what is loaded, `syssize` times 16 bytes. Before protocol 2.04 `syssize` had 16 bits, and was not to be
/// relied on.
fn whole_size(begin: &[u8]) -> Option<u64> {
    const OF_32_BITS: u16 = 0x0204;
    let protocol = u16::from_le_bytes(begin.get(0x206..0x208)?.try_into().ok()?);
    let sectors = u64::from(*begin.get(0x1f1)?);
    let sectors = if sectors == 0 { 4 } else { sectors };
    let loaded = u32::from_le_bytes(begin.get(0x1f4..0x1f8)?.try_into().ok()?);
    (protocol >= OF_32_BITS).then(|| (1 + sectors) * 512 + u64::from(loaded) * 16)
}

fn release_in(image: &[u8]) -> Result<String, String> {
    if image.starts_with(b"\x7fELF") {
        return Err(
            "it is an ELF file, and no vmlinuz; give the file that a boot loader loads, such as \
                    /boot/vmlinuz-VERSION"
                .to_owned(),
        );
    }
    if image.get(0x1fe..0x200) != Some(&[0x55, 0xaa]) || image.get(0x202..0x206) != Some(b"HdrS") {
        return Err("it has no boot sector of a Linux kernel for x86".to_owned());
    }
    let offset = image.get(0x20e..0x210).and_then(|bytes| bytes.try_into().ok());
    let text = image.get(0x200 + usize::from(u16::from_le_bytes(offset.unwrap_or_default()))..);
    let text = text.and_then(|rest| rest.get(..rest.iter().take(256).position(|&byte| byte == 0)?));
    let text = text.and_then(|text| std::str::from_utf8(text).ok());
    let release = text.and_then(|text| text.split_whitespace().next());
    release
        .map(str::to_owned)
        .ok_or_else(|| "its boot sector names no version".to_owned())
}

/// An ELF program, less its symbols and what debuggers read: all that lies behind the last piece that is
/// loaded. Anything else is left as it is.
pub(super) fn as_loaded(mut program: Vec<u8>) -> Vec<u8> {
    if let Some(end) = end_of_loaded(&program) {
        program.truncate(end);
        // The table of sections is gone (e_shoff, e_shentsize, e_shnum, e_shstrndx; elf(5)).
        program[0x28..0x30].fill(0);
        program[0x3a..0x40].fill(0);
    }
    program
}

fn end_of_loaded(program: &[u8]) -> Option<usize> {
    // 64 bit, little endian.
    if !program.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let number = |at: usize| Some(u64::from_le_bytes(program.get(at..at + 8)?.try_into().ok()?));
    let short = |at: usize| Some(u16::from_le_bytes(program.get(at..at + 2)?.try_into().ok()?));
    let table = usize::try_from(number(0x20)?).ok()?;
    let (size, count) = (usize::from(short(0x36)?), usize::from(short(0x38)?));
    let mut end = table.checked_add(size.checked_mul(count)?)?;
    for header in (0..count).map(|index| table + index * size) {
        let last = number(header + 8)?.checked_add(number(header + 32)?)?;
        end = end.max(usize::try_from(last).ok()?);
    }
    (end <= program.len() && end >= 0x40).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_read_from_the_boot_sector() {
        let mut image = vec![0; 0x1000];
        assert!(release_in(&image).unwrap_err().contains("no boot sector"));
        image[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x20e..0x210].copy_from_slice(&0x600_u16.to_le_bytes());
        assert!(release_in(&image).unwrap_err().contains("names no version"));
        let text = b"6.1.0-44-amd64 (someone) #1 SMP\0";
        image[0x800..0x800 + text.len()].copy_from_slice(text);
        assert_eq!(release_in(&image).unwrap(), "6.1.0-44-amd64");
        image[0x20e..0x210].copy_from_slice(&u16::MAX.to_le_bytes());
        assert!(release_in(&image).is_err());
        assert!(release_in(b"\x7fELF").unwrap_err().contains("vmlinuz"));
    }

    #[test]
    fn a_kernel_that_is_cut_short_is_refused() {
        let mut image = vec![0; 0x1000];
        image[0x1f1] = 3;
        image[0x1f4..0x1f8].copy_from_slice(&0x80_u32.to_le_bytes());
        image[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x206..0x208].copy_from_slice(&0x20f_u16.to_le_bytes());
        image[0x20e..0x210].copy_from_slice(&0x100_u16.to_le_bytes());
        image[0x300..0x306].copy_from_slice(b"6.1.0\0");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vmlinuz");
        let release = |image: &[u8]| {
            std::fs::write(&file, image).unwrap();
            release(&file)
        };
        assert_eq!(release(&image).unwrap(), "6.1.0");
        let error = release(&image[..0xfff]).unwrap_err().to_string();
        assert!(
            error.contains("cut short") && error.contains("4096 bytes, and it has 4095"),
            "{error}"
        );
        // A signature may follow.
        image.push(0);
        release(&image).unwrap();
        // What older protocols say of it is not to be relied on.
        image[0x206..0x208].copy_from_slice(&0x203_u16.to_le_bytes());
        release(&image[..0x800]).unwrap();
    }

    /// This very test, without its symbols, is a program that runs.
    #[test]
    fn a_program_runs_without_its_symbols() {
        use std::os::unix::fs::PermissionsExt;
        let whole = std::fs::read("/proc/self/exe").unwrap();
        let short = as_loaded(whole.clone());
        assert!(short.len() < whole.len());
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        std::fs::write(&program, short).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let said = std::process::Command::new(&program)
            .arg("--list")
            .output()
            .unwrap();
        assert!(String::from_utf8_lossy(&said.stdout).contains("a_program_runs_without_its_symbols"));
        assert_eq!(as_loaded(b"#!/bin/sh\n".to_vec()), b"#!/bin/sh\n");
    }
}
