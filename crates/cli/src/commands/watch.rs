//! `parsimony watch`: follows a sweep to its end, over restarts of the coordinator, for people or for programs.

use std::time::{Duration, Instant};

use clap::Args;
use rpc::v1;
use rpc::v1::SweepState;

use crate::arguments::{CoordinatorUrl, duration};
use crate::client;
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::progress::Progress;
use crate::render::sweeps;
use crate::{output, runtime};

/// First wait before a retry; doubled up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Follow a sweep until it ends; exits as `run` would
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony watch NAME                          a progress line, until the sweep has ended
  parsimony watch NAME --json | jq .completed   a number for each change; the last line is the end

Exits as `run` would.")]
pub(crate) struct Watch {
    /// The sweep's name
    sweep: String,
    #[command(flatten)]
    coordinator: CoordinatorUrl,
    /// How long to try to reconnect to a lost coordinator
    #[arg(long, value_parser = duration, value_name = "TIME", default_value = "5m")]
    reconnect: Duration,
    /// Print each change on standard output: one JSON object a line, with the keys of `status NAME --json`
    #[arg(long)]
    json: bool,
}

impl Watch {
    /// Follows a sweep until it ends; exits as `run` would.
    ///
    /// # Errors
    /// [`CliError`]: a coordinator that cannot be reached at the start, or stays away for longer than the window.
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        runtime::one_thread()?.block_on(self.watch())
    }

    async fn watch(&self) -> Result<Exit, CliError> {
        let mut shown = Shown::new(self.json);
        let mut away = Away::new(self.reconnect);
        loop {
            let mut last = None;
            let followed = self.follow(&mut shown, &mut away, &mut last).await;
            let why = match followed {
                Ok(()) => match last {
                    Some(status) if has_ended(status.state()) => {
                        shown.finish();
                        sweeps::print_end(&status, false)?;
                        return Ok(Exit::of_sweep(&status));
                    }
                    // An orderly stop closes the stream before the sweep has ended.
                    Some(_) | None => CliError::Connection("the coordinator stopped".to_owned()),
                },
                Err(error) => error,
            };
            if !(away.reached && may_come_back(&why)) {
                shown.finish();
                return Err(why);
            }
            let Some(wait) = away.wait() else {
                shown.finish();
                return Err(why);
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// One connection, until the sweep has ended or the connection has.
    async fn follow(
        &self,
        shown: &mut Shown,
        away: &mut Away,
        last: &mut Option<v1::SweepStatus>,
    ) -> Result<(), CliError> {
        let mut client = client::connect(&self.coordinator).await?;
        let request = v1::WatchRequest {
            name: self.sweep.clone(),
        };
        let mut statuses = client.watch(request).await?.into_inner();
        while let Some(response) = statuses.message().await? {
            away.reached();
            let status = response.status.unwrap_or_default();
            shown.show(&status)?;
            *last = Some(status);
        }
        Ok(())
    }
}

/// What is shown of the sweep on its way.
enum Shown {
    Progress(Progress),
    /// Lines of JSON, and the last of them.
    Lines(String),
}

impl Shown {
    fn new(json: bool) -> Self {
        if json {
            Shown::Lines(String::new())
        } else {
            Shown::Progress(Progress::new())
        }
    }

    fn show(&mut self, status: &v1::SweepStatus) -> Result<(), CliError> {
        match self {
            Shown::Progress(progress) => progress.show(status),
            Shown::Lines(last) => {
                let line = format!("{}\n", sweeps::as_json(status));
                // A new connection begins with what is known.
                if line != *last {
                    output::data(&line)?;
                    *last = line;
                }
            }
        }
        Ok(())
    }

    fn finish(&self) {
        match self {
            Shown::Progress(progress) => progress.finish(),
            Shown::Lines(_) => {}
        }
    }
}

/// A coordinator that was reached once, and for how long it has been away.
struct Away {
    window: Duration,
    reached: bool,
    since: Option<Instant>,
    wait: Duration,
}

impl Away {
    fn new(window: Duration) -> Self {
        Away {
            window,
            reached: false,
            since: None,
            wait: FIRST_WAIT,
        }
    }

    fn reached(&mut self) {
        self.reached = true;
        if self.since.take().is_some() {
            say!("reconnected to the coordinator");
        }
        self.wait = FIRST_WAIT;
    }

    /// How long to wait before the next try; `None` once the window is over.
    fn wait(&mut self) -> Option<Duration> {
        let since = *self.since.get_or_insert_with(|| {
            say!("warning: the coordinator is away, retrying");
            Instant::now()
        });
        if since.elapsed() >= self.window {
            return None;
        }
        let wait = self.wait;
        self.wait = (wait * 2).min(LONGEST_WAIT);
        Some(wait)
    }
}

fn has_ended(state: SweepState) -> bool {
    match state {
        SweepState::Finished
        | SweepState::Cancelled
        | SweepState::Stopped
        | SweepState::Unopened
        | SweepState::Gone => true,
        SweepState::Unspecified
        | SweepState::Running
        | SweepState::Paused
        | SweepState::Opening => false,
    }
}

/// Whether a retry can mend it.
fn may_come_back(error: &CliError) -> bool {
    match error {
        CliError::Unreachable { .. } | CliError::Connection(_) => true,
        CliError::Status(status) => status.code() == tonic::Code::Unavailable,
        _ => false,
    }
}
