//! Cutting a stream of bytes into lines of text, whatever the bytes are.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The longest line kept whole, in bytes; a longer one is cut into several, so that output
/// without a line feed cannot fill the memory.
const LONGEST: usize = 16 * 1024;

/// Reads lines from a pipe. Invalid UTF-8 is replaced; a last line without line feed counts.
pub struct Lines<R> {
    source: Option<R>,
    buffer: Vec<u8>,
    ready: VecDeque<String>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines of `source`.
    pub fn new(source: R) -> Self {
        Self {
            source: Some(source),
            buffer: Vec::with_capacity(1024),
            ready: VecDeque::new(),
        }
    }

    /// The next line without its line feed; `None` at the end, and ever after.
    ///
    /// Cancel-safe: what was read stays in `self`. An error of the pipe is its end.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some(line);
            }
            let source = self.source.as_mut()?;
            match source.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => {
                    self.source = None;
                    let rest = std::mem::take(&mut self.buffer);
                    return (!rest.is_empty()).then(|| text(&rest));
                }
                Ok(_) => self.cut(),
            }
        }
    }

    fn cut(&mut self) {
        let mut start = 0;
        while let Some(end) = self.buffer[start..].iter().position(|&byte| byte == b'\n') {
            self.ready
                .extend(self.buffer[start..start + end].chunks(LONGEST).map(text));
            start += end + 1;
        }
        self.buffer.drain(..start);
        while self.buffer.len() >= LONGEST {
            let rest = self.buffer.split_off(LONGEST);
            self.ready.push_back(text(&self.buffer));
            self.buffer = rest;
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .trim_end_matches('\r')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines_of(bytes: &[u8]) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut lines = Lines::new(bytes);
            let mut all = Vec::new();
            while let Some(line) = lines.next().await {
                all.push(line);
            }
            all
        })
    }

    #[test]
    fn a_last_line_without_line_feed_counts() {
        assert_eq!(lines_of(b"one\r\ntwo\n\nthree"), ["one", "two", "three"]);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(lines_of(b"a\xffb\n"), ["a\u{fffd}b"]);
    }

    proptest! {
        #[test]
        fn no_text_is_lost_and_no_line_is_longer_than_the_longest(
            lengths in proptest::collection::vec(0..3 * LONGEST, 0..8),
        ) {
            let written: Vec<_> = lengths.iter().map(|&length| "x".repeat(length)).collect();
            let read = lines_of(written.join("\n").as_bytes());
            prop_assert!(read.iter().all(|line| line.len() <= LONGEST));
            prop_assert_eq!(read.concat(), written.concat());
        }
    }
}
