//! The program `parsimony`: words in, exit code out. Everything it does is in the crates below it.

#![warn(
    clippy::print_stderr,
    reason = "it panics where nobody can read it; `say!` does not"
)]

// Its macro is used by the modules after it.
#[macro_use]
mod talk;

mod address;
mod args;
mod autoscale;
mod bounded;
mod check;
mod client;
mod diagnose;
mod error;
mod exit;
mod fault;
mod fetch;
mod launch;
mod load;
mod local;
mod log_limit;
mod metrics;
mod numbering;
mod other_users;
mod output;
mod plan;
mod progress;
mod query;
mod remove;
mod run_dir;
mod service;
mod submit;
mod terminal;
mod threads;
mod verify;
mod waiting;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::args::{Arguments, Command};
use crate::error::CliError;
use crate::exit::Exit;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse_from(std::env::args_os().map(not_an_option)) {
        Ok(arguments) => arguments,
        Err(error) => {
            let wrong = error.use_stderr();
            // Standard output or error may be closed: there is then nobody to tell.
            let _ = error.print();
            return if wrong { Exit::Request } else { Exit::Done }.into();
        }
    };
    threads::adapt();
    quiet_shortages();
    init_tracing();
    // A panic is our error: exit code 1, after what the panic's own message says.
    let ended = std::panic::catch_unwind(|| dispatch(arguments));
    let exit = match ended {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => error.print(),
        Err(panic) => {
            if threads::is_shortage(&words_of(panic.as_ref())) {
                say!(
                    "error: the system allows no more threads; `ulimit -u` prints the limit of processes and threads"
                );
            }
            Exit::Unexpected
        }
    };
    exit.into()
}

/// SQL may begin with a comment, which begins as an option does: a space before it makes it a value.
fn not_an_option(argument: OsString) -> OsString {
    let is_comment = argument.to_str().is_some_and(|text| {
        let rest = text.strip_prefix("--");
        rest.is_some_and(|rest| rest.starts_with(char::is_whitespace))
    });
    if is_comment {
        let mut value = OsString::from(" ");
        value.push(argument);
        return value;
    }
    argument
}

/// A lack of threads ends the program with one line that says which limit to raise, and not with a panic's message.
fn quiet_shortages() {
    let shown = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !threads::is_shortage(&words_of(panic.payload())) {
            shown(panic);
        }
    }));
}

/// What a panic says.
fn words_of(panic: &dyn std::any::Any) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.map(str::to_owned)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

/// Events go to standard error, those of `RUST_LOG` or warnings alone.
fn init_tracing() {
    use tracing_subscriber::EnvFilter;
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("warn,tonic::transport::server::io_stream=debug"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // It would report a line that cannot be written by `eprintln!`, which panics.
        .log_internal_errors(false)
        .with_ansi(crate::terminal::colour())
        .finish()
        .with(log_limit::LogLimit::default())
        .init();
}

fn dispatch(arguments: Arguments) -> Result<Exit, CliError> {
    match arguments.command {
        Command::Plan(plan) => plan::plan(&plan),
        Command::Certs(options) => service::certs(&options),
        Command::Launch(options) => launch::launch(&options),
        Command::Query(query) => query::query(&query),
        Command::Check(options) => check::check(&options),
        Command::Diagnose(options) => diagnose::diagnose(&options),
        Command::Completions { shell } => {
            let mut command = Arguments::command();
            clap_complete::generate(shell, &mut command, "parsimony", &mut std::io::stdout());
            Ok(Exit::Done)
        }
        Command::Run(run) => runtime()?.block_on(local::run(&run)),
        Command::Verify(options) => runtime()?.block_on(verify::command(&options)),
        Command::Coordinator(options) => {
            let runtime = service_runtime()?;
            let exit = runtime.block_on(service::coordinator(&options));
            // What waits for a disk that does not answer is not waited for: what was acknowledged is durable.
            runtime.shutdown_background();
            exit
        }
        Command::Worker(options) => runtime()?.block_on(service::worker(&options)),
        Command::Submit(options) => one_thread()?.block_on(submit::submit(&options)),
        Command::List(options) => one_thread()?.block_on(client::list(&options)),
        Command::Status(options) => one_thread()?.block_on(client::status(&options)),
        Command::Watch(options) => one_thread()?.block_on(watch::watch(&options)),
        Command::Pause(options) => one_thread()?.block_on(client::pause(&options)),
        Command::Resume(options) => one_thread()?.block_on(client::resume(&options)),
        Command::Cancel(options) => one_thread()?.block_on(client::cancel(&options)),
        Command::Remove(options) => one_thread()?.block_on(remove::remove(&options)),
        Command::Retry(options) => one_thread()?.block_on(client::retry(&options)),
        Command::Workers(options) => one_thread()?.block_on(client::workers(&options)),
        Command::Fetch(options) => one_thread()?.block_on(fetch::fetch(&options)),
    }
}

/// Threads of a coordinator that wait for disks and check reports: beyond those that the cores keep busy, waiting is
/// all they do.
const BLOCKING_THREADS: usize = 16;

/// Threads for blocking work stay: longer than any process lives.
const KEEP_THREADS: std::time::Duration = std::time::Duration::from_secs(10 * 365 * 86_400);

/// As [`runtime`], with a bound on the threads that a busy service would start.
fn service_runtime() -> Result<tokio::runtime::Runtime, CliError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    lasting(builder.max_blocking_threads(BLOCKING_THREADS.max(cores)))
}

/// A runtime that starts a thread for blocking work at once and keeps it: while one is alive, such work waits for it
/// where the system gives no more threads; without one it would panic.
fn lasting(builder: &mut tokio::runtime::Builder) -> Result<tokio::runtime::Runtime, CliError> {
    let runtime = builder
        .enable_all()
        .thread_keep_alive(KEEP_THREADS)
        .build()
        .map_err(CliError::Runtime)?;
    let first = runtime.spawn_blocking(|| ());
    let started = runtime.block_on(first);
    started.map_err(|error| CliError::Ended(error.to_string()))?;
    Ok(runtime)
}

/// A runtime for a command that only asks and waits: login nodes allow few threads.
fn one_thread() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)
}

fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    lasting(builder.max_blocking_threads(BLOCKING_THREADS.max(cores)))
}
