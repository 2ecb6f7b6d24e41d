//! One `ssh`, whose standard streams are a connection.

use std::io;
use std::pin::{Pin, pin};
use std::process::{ExitStatus, Stdio};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio_util::task::AbortOnDropHandle;

use super::SshError;

/// How much of what is said is kept, in bytes.
const WORDS: usize = 4096;

/// How many lines of that are told.
const LINES: usize = 3;

/// How long more may be said after the end, by programs that `ssh` has started and left behind.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Whether an engine is there, asked in a way that leaves nothing to be read but a head.
const GREETING: &[u8] = b"HEAD /_ping HTTP/1.1\r\nHost: docker\r\n\r\n";

/// What ends a head.
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// How much is shown of what is no head, in characters.
const LINE: usize = 80;

/// How long a head may be, in bytes.
const HEAD: usize = 16 << 10;

/// A connection through a process. The process ends when this is dropped, if not before.
#[derive(Debug)]
pub(super) struct Session {
    /// None once there is no more to be written.
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    end: End,
}

/// How the process ends.
#[derive(Debug)]
enum End {
    Awaited(AbortOnDropHandle<io::Result<(ExitStatus, String)>>),
    Told,
}

/// A process and all that it has started: whatever way `~/.ssh/config` says leads to the machine.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let id = self.0.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = id.and_then(Pid::from_raw) {
            // It may be ending by itself.
            let _ = kill_process_group(group, Signal::TERM);
        }
    }
}

impl Session {
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for us to obey: what was begun is to be undone by such connections.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("it is piped");
        let stderr = child.stderr.take().expect("it is piped");
        let end = tokio::spawn(end(Process(child), stderr));
        Ok(Self {
            stdin,
            stdout,
            end: End::Awaited(AbortOnDropHandle::new(end)),
        })
    }

    /// Waits until the engine has answered, after which the connection is as good as new.
    pub(super) async fn greet(&mut self) -> io::Result<()> {
        self.write_all(GREETING).await?;
        let mut head = Vec::new();
        while !head.ends_with(END_OF_HEAD) && head.len() < HEAD {
            if self.read_buf(&mut head).await? == 0 {
                break;
            }
        }
        if head.starts_with(b"HTTP/1.") && head.ends_with(END_OF_HEAD) {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&head);
        let line = text.lines().next().unwrap_or_default();
        let line = line.chars().take(LINE).collect();
        Err(io::Error::other(SshError::Foreign(line)))
    }

    /// Is ready when the process has ended: with an error unless it ended well.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let End::Awaited(end) = &mut self.end else {
            return Poll::Ready(Ok(()));
        };
        let end = ready!(Pin::new(end).poll(context));
        self.end = End::Told;
        let (status, words) = end.map_err(io::Error::other)??;
        Poll::Ready(if status.success() {
            Ok(())
        } else {
            Err(io::Error::other(SshError::Ended { status, words }))
        })
    }
}

/// Waits for the process; gives the last of what was said.
async fn end(mut process: Process, stderr: ChildStderr) -> io::Result<(ExitStatus, String)> {
    let mut said = Vec::new();
    let status = {
        let mut listening = pin!(listen(stderr, &mut said));
        tokio::select! {
            () = &mut listening => process.0.wait().await?,
            status = process.0.wait() => {
                // Whoever still has the stream may never close it.
                let _ = tokio::time::timeout(LAST_WORDS, listening).await;
                status?
            }
        }
    };
    Ok((status, last_words(&said)))
}

/// Reads until nothing more comes, and keeps the end of it.
async fn listen(mut stderr: ChildStderr, said: &mut Vec<u8>) {
    while matches!(stderr.read_buf(said).await, Ok(1..)) {
        said.drain(..said.len().saturating_sub(WORDS));
    }
}

/// The last lines, as one.
fn last_words(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let lines = said.lines().map(|line| line.trim().trim_end_matches('.'));
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("; ")
}

impl AsyncRead for Session {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stdout).poll_read(context, buffer))?;
        if buffer.filled().len() > before || buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        self.poll_end(context)
    }
}

impl AsyncWrite for Session {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(stdin) = &mut self.stdin else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        match ready!(Pin::new(stdin).poll_write(context, bytes)) {
            // Nobody reads any more: why is worth more than that.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                ready!(self.poll_end(context))?;
                Poll::Ready(Err(error))
            }
            written => Poll::Ready(written),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stdin {
            Some(stdin) => Pin::new(stdin).poll_flush(context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(context))?;
        // A pipe is at its end when it is closed.
        self.stdin = None;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_told_as_one() {
        let said = b"@@@@@@\r\n\nfirst\nNo key is known.\r\nIt is \xff.\r\n  Host key verification failed.\r\n";
        let told = "No key is known; It is \u{fffd}; Host key verification failed";
        assert_eq!(last_words(said), told);
        assert_eq!(last_words(b"\n"), "");
    }
}
