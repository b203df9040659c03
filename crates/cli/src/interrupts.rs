//! Requests to stop: Ctrl-C, SIGTERM from a batch system, SIGHUP from a terminal that goes away.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::CliError;

/// Requests to stop: Ctrl-C, SIGTERM from a batch system, SIGHUP from a terminal that goes away.
pub(crate) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    /// `None` where it is ignored, as under `nohup`, and once it has come: a terminal may send it more than once, and
    /// a second request to stop means at once.
    hangup: Option<Signal>,
}

impl Interrupts {
    /// Takes over the signals.
    ///
    /// # Errors
    /// Where the system refuses.
    pub(crate) fn new() -> Result<Self, CliError> {
        Ok(Interrupts {
            interrupt: signal(SignalKind::interrupt()).map_err(CliError::Runtime)?,
            terminate: signal(SignalKind::terminate()).map_err(CliError::Runtime)?,
            hangup: if hangup_is_ignored() {
                None
            } else {
                Some(signal(SignalKind::hangup()).map_err(CliError::Runtime)?)
            },
        })
    }

    /// Completes at the next one.
    pub(crate) async fn next(&mut self) {
        let hung_up = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hung_up => self.hangup = None,
        }
    }
}

/// Whether this process was started with SIGHUP ignored. Where the system does not say, it is taken for ignored: it
/// then does what it did before.
fn hangup_is_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| ignores_hangup(&status))
        .unwrap_or(true)
}

/// Reads the mask of ignored signals out of `/proc/self/status`: SIGHUP is the first.
fn ignores_hangup(status: &str) -> Option<bool> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
    Some(mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        let check = |line: &str, expected| {
            assert_eq!(ignores_hangup(&format!("Name:\tx\n{line}\n")), expected);
        };
        check("SigIgn:\t0000000000001000", Some(false));
        check("SigIgn:\t0000000000001001", Some(true));
        check("SigIgn:\tx", None);
        check("SigCgt:\t1", None);
    }
}
