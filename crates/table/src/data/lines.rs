//! Ends of lines, of every system, as one line feed each; the last line has one too.
//!
//! A CSV reader ends a record at the carriage return and counts the line feed behind it with the next one, so
//! that lines would be counted wrongly in files from Windows.
//!
//! A record has a bounded length: its reader holds it whole, with eight bytes or more for each field.

use std::io::{ErrorKind, Read, Result};

pub(super) struct Lines<R> {
    inner: R,
    /// Bytes that a record may have.
    longest: u64,
    /// Bytes since the last record began, or a buffer of the reader more.
    of_record: u64,
    /// The last byte was a carriage return.
    returned: bool,
    /// There were bytes, and the last one ended no line.
    open: bool,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(inner: R, longest: u64) -> Lines<R> {
        Lines {
            inner,
            longest,
            of_record: 0,
            returned: false,
            open: false,
        }
    }

    /// The reader has taken a record: the next one may be as long again.
    pub(super) fn next_record(&mut self) {
        self.of_record = 0;
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let found = self.inner.read(buffer)?;
            self.of_record = self.of_record.saturating_add(found as u64);
            if self.of_record > self.longest {
                return Err(ErrorKind::FileTooLarge.into());
            }
            if found == 0 {
                if !self.open {
                    return Ok(0);
                }
                self.open = false;
                buffer[0] = b'\n';
                return Ok(1);
            }
            let mut kept = 0;
            for at in 0..found {
                let byte = buffer[at];
                let is_second = byte == b'\n' && self.returned;
                self.returned = byte == b'\r';
                if is_second {
                    continue;
                }
                buffer[kept] = if self.returned { b'\n' } else { byte };
                kept += 1;
            }
            if kept > 0 {
                self.open = buffer[kept - 1] != b'\n';
                return Ok(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_a_bounded_length() {
        const LONGEST: u64 = 1 << 12;
        let read = |with_records: bool| {
            let mut lines = Lines::new(std::io::repeat(b',').take(LONGEST + 1), LONGEST);
            let mut buffer = vec![0; 1 << 10];
            loop {
                match lines.read(&mut buffer) {
                    Ok(0) => return Ok(()),
                    Ok(_) if with_records => lines.next_record(),
                    Ok(_) => {}
                    Err(error) => return Err(error.kind()),
                }
            }
        };
        assert_eq!(read(true), Ok(()));
        assert_eq!(read(false), Err(ErrorKind::FileTooLarge));
    }

    #[test]
    fn every_end_of_a_line_is_one_line_feed() {
        for (text, expected) in [
            ("", ""),
            ("a", "a\n"),
            ("a\nb\n", "a\nb\n"),
            ("a\r\n\r\nb\r\n", "a\n\nb\n"),
            ("a\rb\r", "a\nb\n"),
            ("a\n\rb", "a\n\nb\n"),
        ] {
            // Also where the two bytes of an end come in two reads.
            for size in [1, 2, 100] {
                let mut lines = Lines::new(text.as_bytes(), u64::MAX);
                let mut found = Vec::new();
                let mut buffer = vec![0; size];
                loop {
                    match lines.read(&mut buffer).unwrap() {
                        0 => break,
                        read => found.extend_from_slice(&buffer[..read]),
                    }
                }
                assert_eq!(String::from_utf8(found).unwrap(), expected, "{text:?}");
            }
        }
    }
}
