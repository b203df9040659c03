//! The commands, one file each: its arguments, its help and what it does; those that only ask a coordinator to change a
//! sweep share one. This is the list of them.

mod certs;
mod check;
mod compare;
mod completions;
mod coordinator;
mod describe;
mod diagnose;
mod export;
mod fetch;
mod inspect;
mod launch;
mod list;
mod plan;
mod plan_check;
mod plot;
mod query;
mod remove;
mod report;
mod requests;
mod run;
mod status;
mod submit;
mod top;
mod verify;
mod watch;
mod worker;
mod workers;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::error::CliError;
use crate::exit::Exit;

#[derive(Debug, Parser)]
#[command(
    name = "parsimony",
    version,
    about = "Parameter sweeps over deep linear networks, on a laptop or a cluster",
    after_help = "Examples:
  parsimony plan sweeps/quickstart.toml         what would run, and how long
  parsimony run sweeps/quickstart.toml          run it here; again to continue
  parsimony query runs/quickstart \"SELECT init_kind, avg(train_loss) FROM trials GROUP BY 1\"

Exit codes: 0 all trials completed or diverged, 1 unexpected, 2 the request was wrong,
3 some trials failed, 4 the coordinator cannot be reached, 130 interrupted (run again to go on)."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Plan(plan::Plan),
    Run(run::Run),
    Verify(verify::Verify),
    Coordinator(coordinator::Coordinator),
    Worker(worker::Worker),
    Submit(submit::Submit),
    List(list::List),
    Status(status::Status),
    Watch(watch::Watch),
    #[command(flatten)]
    Request(requests::SweepRequest),
    Remove(remove::Remove),
    Workers(workers::Workers),
    Top(top::Top),
    Fetch(fetch::Fetch),
    Certs(certs::Certs),
    Launch(launch::Launch),
    Query(query::Query),
    Plot(plot::PlotArgs),
    Describe(describe::Describe),
    Compare(compare::Compare),
    Report(report::Report),
    Export(export::Export),
    Check(check::Check),
    Diagnose(diagnose::Diagnose),
    Inspect(inspect::Inspect),
    PlanCheck(plan_check::PlanCheck),
    Completions(completions::Completions),
}

impl Command {
    /// Runs the command to its end.
    ///
    /// # Errors
    /// [`CliError`], which knows its exit code.
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        match self {
            Command::Plan(command) => command.run(),
            Command::Run(command) => command.run(),
            Command::Verify(command) => command.run(),
            Command::Coordinator(command) => command.run(),
            Command::Worker(command) => command.run(),
            Command::Submit(command) => command.run(),
            Command::List(command) => command.run(),
            Command::Status(command) => command.run(),
            Command::Watch(command) => command.run(),
            Command::Request(command) => command.run(),
            Command::Remove(command) => command.run(),
            Command::Workers(command) => command.run(),
            Command::Top(command) => command.run(),
            Command::Fetch(command) => command.run(),
            Command::Certs(command) => command.run(),
            Command::Launch(command) => command.run(),
            Command::Query(command) => command.run(),
            Command::Plot(command) => command.run(),
            Command::Describe(command) => command.run(),
            Command::Compare(command) => command.run(),
            Command::Report(command) => command.run(),
            Command::Export(command) => command.run(),
            Command::Check(command) => command.run(),
            Command::Diagnose(command) => command.run(),
            Command::Inspect(command) => command.run(),
            Command::PlanCheck(command) => command.run(),
            Command::Completions(command) => command.run(Arguments::command()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
