//! `parsimony run`: a sweep on this machine.

use std::path::PathBuf;

use clap::Args;
use coordinator::Observer;
use rpc::v1;

use crate::arguments::{Sets, Web, memory};
use crate::error::CliError;
use crate::exit::Exit;
use crate::live_page::LivePage;
use crate::load::{self, Begun};
use crate::render::{comparisons, numbers, sweeps};
use crate::{local, process, run_dir, runtime, talk, terminal};

/// Run a sweep on this machine; on a run folder, continue or extend it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony run sweep.toml                      into runs/NAME
  parsimony run sweep.toml --out runs/try --set train.steps=100
  parsimony run sweep.toml --threads 4
  parsimony run sweep.toml --web 127.0.0.1:8080       with a live page

Ctrl-C loses nothing: run the same command again to continue. For a grown grid, only new trials are computed.")]
pub(crate) struct Run {
    /// The sweep file
    file: PathBuf,
    /// The run folder [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Trials trained at the same time [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    threads: Option<u32>,
    /// Memory for its trials together, e.g. 16G [default: what the system leaves]
    #[arg(long, value_parser = memory, value_name = "SIZE")]
    memory: Option<u64>,
    #[command(flatten)]
    sets: Sets,
    #[command(flatten)]
    web: Web,
    /// Print the final status as JSON on standard output
    #[arg(long)]
    json: bool,
}

impl Run {
    /// Runs a sweep here.
    ///
    /// # Errors
    /// [`CliError`]; what was computed before is in the run folder.
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        runtime::many_threads()?.block_on(self.run_here())
    }

    async fn run_here(&self) -> Result<Exit, CliError> {
        let sweep = load::sweep(&self.file, &self.sets.sets, Begun::In(self.out.as_deref()))?;
        let name = sweep.grid.spec().name().to_owned();
        let run = self
            .out
            .clone()
            .unwrap_or_else(|| run_dir::default_dir(&name));
        if run.exists() && !run.is_dir() {
            return Err(CliError::Request(format!(
                "{} is a file; --out takes a folder",
                run.display()
            )));
        }
        let threads = process::threads(self.threads);
        say!(
            "{name}: {} trials on {threads} thread{}",
            numbers::grouped(sweep.grid.count()),
            if threads == 1 { "" } else { "s" }
        );
        let live = LivePage::listen(&self.web, None).await?;
        let observer = Observer::default();
        if let Some(live) = live {
            say!("{}", live.words());
            tokio::spawn(live.serve(observer.clone(), true));
        }
        let mut local = local::open(
            &sweep,
            observer,
            run.clone(),
            threads,
            process::memory(self.memory, threads),
        )?;
        let submitted = local
            .client
            .submit(v1::SubmitRequest {
                toml: sweep.grid.spec().to_toml(),
                files: sweep.named_files()?,
                priority: None,
            })
            .await;
        let submitted = match submitted {
            Ok(submitted) => submitted.into_inner(),
            Err(status) => {
                local::close(local).await?;
                return Err(status.into());
            }
        };
        let (status, interrupted) = local::follow(&mut local, &name, submitted.accepted()).await?;
        local::close(local).await?;
        if interrupted && status.state() != v1::SweepState::Finished {
            say!("interrupted: nothing is lost, the same command goes on where this stopped");
            return Ok(Exit::Interrupted);
        }
        sweeps::print_end(&status, self.json)?;
        comparisons::print_fewer_than_asked(&status, sweep.grid.spec().verify(), &self.file);
        if status.state() == v1::SweepState::Finished {
            let summary = report::summary(&run, &sweep.grid, terminal::talk_width());
            match summary {
                Ok(text) => talk::write(format_args!("{text}")),
                Err(error) => say!("no summary: {error}"),
            }
            say!("tables: {}", run.display());
        }
        Ok(Exit::of_sweep(&status))
    }
}
