//! Mutants: of text, of the blocks of a capture file, and of a record as JSON, where most changes keep it
//! readable.

use crate::{Noise, join, split};
use serde_json::{Number, Value};

/// Words that YAML, our language or a terminal knows.
const PIECES: [&[u8]; 34] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b": ",
    b"- ",
    b"\n",
    b"  ",
    b"\t",
    b"&a",
    b"*a",
    b"!t",
    b"\"",
    b"'",
    b"|",
    b"\0",
    b"\xff",
    b"\xe2\x80\xae",
    "é".as_bytes(),
    b"99999999999999999999h",
    b"rs2",
    b"~",
    b"\r",
    b"<<",
    b"---",
    b"...",
    b"\\x1b",
    b"24h",
    b"0",
    b"-1",
    b"@lvs-matrix say ",
    b"\x1b[2J",
    b"\xef\xbb\xbf",
];

pub(crate) fn text(bytes: &[u8], noise: &mut Noise) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=noise.below(4) {
        let at = noise.below(bytes.len() + 1);
        match noise.below(7) {
            0 | 1 => drop(bytes.splice(at..at, noise.pick(&PIECES).iter().copied())),
            2 => drop(bytes.drain(at..(at + noise.below(20)).min(bytes.len()))),
            3 => bytes.truncate(at),
            4 => flip(&mut bytes, at, noise),
            5 => {
                // A piece is there twice.
                let piece = bytes[at..(at + noise.below(60)).min(bytes.len())].to_vec();
                let to = noise.below(bytes.len() + 1);
                drop(bytes.splice(to..to, piece));
            }
            _ => {
                // A line moves: the structure changes, the words stay.
                let mut lines: Vec<_> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
                let (from, to) = (noise.below(lines.len()), noise.below(lines.len()));
                lines.swap(from, to);
                bytes = lines.join(&b'\n');
            }
        }
    }
    bytes
}

fn flip(bytes: &mut [u8], at: usize, noise: &mut Noise) {
    let value = match noise.below(4) {
        0 => 0,
        1 => 0xFF,
        _ => u8::try_from(noise.below(256)).unwrap_or(0),
    };
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
}

/// The blocks of a pcapng file as they stand; what is none is the last one.
fn cut(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut blocks, mut rest) = (Vec::new(), bytes);
    while let Some(length) = rest
        .get(4..8)
        .and_then(|word| Some(u32::from_le_bytes(word.try_into().ok()?)))
    {
        let length = usize::try_from(length).unwrap_or(usize::MAX).max(12);
        let Some((block, behind)) = rest.split_at_checked(length) else {
            break;
        };
        blocks.push(block.to_vec());
        rest = behind;
    }
    if !rest.is_empty() {
        blocks.push(rest.to_vec());
    }
    blocks
}

pub(crate) fn blocks(bytes: &[u8], noise: &mut Noise) -> Vec<u8> {
    let mut blocks = cut(bytes);
    for _ in 0..=noise.below(3) {
        let (one, other) = (noise.below(blocks.len()), noise.below(blocks.len()));
        if blocks.is_empty() {
            break;
        }
        match noise.below(8) {
            0 => drop(blocks.remove(one)),
            1 => blocks.swap(one, other),
            2 => {
                let block = blocks[one].clone();
                blocks.insert(other, block);
            }
            3 => {
                let at = noise.below(blocks[one].len());
                blocks[one].truncate(at);
            }
            // The packet within: behind the block's own 28 bytes are Ethernet, IP and TCP.
            4 | 5 => {
                let at = 28 + noise.below(60);
                flip(&mut blocks[one], at, noise);
            }
            _ => {
                let at = noise.below(blocks[one].len());
                flip(&mut blocks[one], at, noise);
            }
        }
    }
    blocks.concat()
}

pub(crate) fn pair(bytes: &[u8], noise: &mut Noise) -> Vec<u8> {
    let Some((record, capture)) = split(bytes) else {
        return text(bytes, noise);
    };
    let capture = if noise.below(2) == 0 {
        blocks(capture, noise)
    } else {
        capture.to_vec()
    };
    let record = match serde_json::from_slice::<Value>(record) {
        Ok(mut record) if noise.below(20) > 0 => {
            for _ in 0..noise.below(4) {
                let count = count(&record);
                change(&mut record, &mut noise.below(count), noise);
            }
            serde_json::to_vec(&record).unwrap_or_default()
        }
        Ok(_) | Err(_) => text(record, noise),
    };
    join(&record, &capture)
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Changes the value that is `skip` values away.
fn change(value: &mut Value, skip: &mut usize, noise: &mut Noise) -> bool {
    if *skip == 0 {
        alter(value, noise);
        return true;
    }
    *skip -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| change(item, skip, noise)),
        Value::Object(fields) => fields.values_mut().any(|field| change(field, skip, noise)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

const NUMBERS: [i64; 14] = [
    0,
    1,
    -1,
    2,
    255,
    65_535,
    1 << 31,
    (1 << 32) - 1,
    -(1 << 40),
    1_000_000_000,
    86_400_000_000_000,
    i64::MAX,
    i64::MIN,
    i64::MAX - 1,
];
const TEXTS: [&str; 12] = [
    "",
    "x",
    "\u{1b}[2J",
    "\u{202e}",
    "a\nb",
    "::error::x",
    "<script>",
    "]]>",
    "|`*_",
    "\u{0}",
    "\u{ffff}",
    "]]]]><![CDATA[>",
];

fn alter(value: &mut Value, noise: &mut Noise) {
    match value {
        Value::Null => *value = Value::from(noise.pick(&NUMBERS)),
        Value::Bool(bool) => *bool = !*bool,
        Value::Number(number) => {
            let old = number.as_i64().unwrap_or(0);
            let new = match noise.below(4) {
                0 => old.wrapping_add(1),
                1 => old.wrapping_sub(1),
                2 => old.wrapping_mul(1_000),
                _ => noise.pick(&NUMBERS),
            };
            *number = if noise.below(10) == 0 {
                Number::from(u64::MAX)
            } else {
                Number::from(new)
            };
        }
        Value::String(text) => {
            *text = match noise.below(3) {
                0 => noise.pick(&TEXTS).to_owned(),
                1 => format!("{text}{}", noise.pick(&TEXTS)),
                _ => text.repeat(noise.below(50)),
            }
        }
        Value::Array(items) if items.is_empty() => *value = Value::Null,
        Value::Array(items) => {
            let (one, other) = (noise.below(items.len()), noise.below(items.len()));
            match noise.below(4) {
                0 => drop(items.remove(one)),
                1 => items.swap(one, other),
                2 => items.clear(),
                _ => {
                    let item = items[one].clone();
                    items.insert(other, item);
                }
            }
        }
        Value::Object(fields) => {
            let names: Vec<String> = fields.keys().cloned().collect();
            if let Some(name) = names.get(noise.below(names.len())) {
                if noise.below(2) == 0 {
                    fields.remove(name);
                } else if let Some(field) = fields.get_mut(name) {
                    alter(field, noise);
                }
            }
        }
    }
}
