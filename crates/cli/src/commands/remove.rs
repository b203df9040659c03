//! `parsimony remove`: a sweep and its folder, for good.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Args;
use rpc::v1;

use crate::arguments::CoordinatorUrl;
use crate::client;
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::{numbers, sweeps};
use crate::{runtime, talk};

/// Remove a sweep and its folder from a coordinator
#[derive(Debug, Args)]
#[command(after_help = "Example:
  parsimony fetch NAME --out here && parsimony remove NAME")]
pub(crate) struct Remove {
    /// The sweep's name
    sweep: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    coordinator: CoordinatorUrl,
}

impl Remove {
    /// Removes a sweep, after a question where nobody said yes before.
    ///
    /// # Errors
    /// [`CliError`]; without `--yes` where nobody can be asked.
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        runtime::one_thread()?.block_on(self.remove())
    }

    async fn remove(&self) -> Result<Exit, CliError> {
        let name = self.sweep.clone();
        let can_ask = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        if !self.yes && !can_ask {
            return Err(CliError::Request(format!(
                "removing `{name}` deletes its results, and there is no terminal to ask on; give --yes"
            )));
        }
        let mut client = client::connect(&self.coordinator).await?;
        let request = v1::StatusRequest { name: name.clone() };
        let status = client.status(request).await?.into_inner();
        let status = status.status.unwrap_or_default();
        if !self.yes {
            let done = status.completed + status.diverged + status.failed;
            talk::write(format_args!(
                "remove `{name}` ({}, {} of {} trials done) and {}? [y/N] ",
                sweeps::state_name(status.state()),
                numbers::grouped(done),
                numbers::grouped(status.trials),
                status.folder
            ));
            if !is_yes(std::io::stdin().lock().lines().next()) {
                say!("{name}: stays");
                return Ok(Exit::Request);
            }
        }
        client
            .remove(v1::RemoveRequest { name: name.clone() })
            .await?;
        say!("{name}: removed, with {}", status.folder);
        Ok(Exit::Done)
    }
}

fn is_yes(line: Option<std::io::Result<String>>) -> bool {
    let answer = line.and_then(Result::ok).unwrap_or_default();
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_removes() {
        for yes in ["y", "Yes\n", " yes "] {
            assert!(is_yes(Some(Ok(yes.to_owned()))), "{yes:?}");
        }
        for no in ["", "n", "yes please", "yy"] {
            assert!(!is_yes(Some(Ok(no.to_owned()))), "{no:?}");
        }
        assert!(!is_yes(None));
    }
}
