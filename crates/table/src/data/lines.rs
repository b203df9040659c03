//! Ends of lines, of every system, as one line feed each; the last line has one too.
//!
//! A CSV reader ends a record at the carriage return and counts the line feed behind it with the next one, so
//! that lines would be counted wrongly in files from Windows.

use std::io::{Read, Result};

pub(super) struct Lines<R> {
    inner: R,
    /// The last byte was a carriage return.
    returned: bool,
    /// There were bytes, and the last one ended no line.
    open: bool,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(inner: R) -> Lines<R> {
        Lines {
            inner,
            returned: false,
            open: false,
        }
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let found = self.inner.read(buffer)?;
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
                let mut lines = Lines::new(text.as_bytes());
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
