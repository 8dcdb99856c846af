//! Fields of a payload (MySQL's "Protocol Basics": integers are little endian, strings end with NUL, with the
//! packet, or after a length).

/// A text longer than this many characters is cut.
const LONGEST: usize = 200;

/// Reads fields from the front. Every read past the end gives `None`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (now, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(now)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.bytes(2)?.try_into().ok()?))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.bytes(4)?.try_into().ok()?))
    }

    /// A length-encoded integer.
    pub(super) fn integer(&mut self) -> Option<u64> {
        let count = match self.byte()? {
            small @ ..=0xfa => return Some(u64::from(small)),
            0xfc => 2,
            0xfd => 3,
            0xfe => 8,
            // NULL in a row, and the mark of an error.
            0xfb | 0xff => return None,
        };
        let mut number = [0; 8];
        number.get_mut(..count)?.copy_from_slice(self.bytes(count)?);
        Some(u64::from_le_bytes(number))
    }

    /// A string up to a NUL, without it.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.0.iter().position(|byte| *byte == 0)?;
        let text = self.bytes(length)?;
        self.byte()?;
        Some(text)
    }
}

/// A text between backticks, cut if it is long. `None` if it is not UTF-8.
pub(super) fn quoted(bytes: &[u8]) -> Option<String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // Cut in the middle of a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    Some(match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("`{}…`", text.get(..end)?),
        None => format!("`{text}`"),
    })
}

/// `1 column`, `3 columns`.
pub(super) fn plural(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        several => format!("{several} {what}s"),
    }
}
