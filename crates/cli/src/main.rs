//! The program `parsimony`: words in, exit code out. Everything it does is in the crates below it.

#![warn(
    clippy::print_stderr,
    reason = "it panics where nobody can read it; `say!` does not"
)]

// Its macro is used by the modules after it.
#[macro_use]
mod talk;

mod address;
mod arguments;
mod autoscale;
mod bounded;
mod certificate_end;
mod client;
mod commands;
mod diagnose;
mod download;
mod engine_comparison;
mod error;
mod exit;
mod export_core;
mod fault;
mod inspect;
mod interrupts;
mod live_page;
mod load;
mod local;
mod log_limit;
mod metrics;
mod numbering;
mod other_users;
mod output;
mod pilot;
mod process;
mod render;
mod run_dir;
mod runtime;
mod terminal;
mod threads;

use std::ffi::OsString;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use clap::Parser as _;

use crate::commands::Arguments;
use crate::exit::Exit;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse_from(std::env::args_os().map(not_an_option)) {
        Ok(arguments) => arguments,
        Err(error) => {
            let wrong = error.use_stderr();
            // Standard output or error may be closed: then nobody reads it.
            let _ = error.print();
            return if wrong { Exit::Request } else { Exit::Done }.into();
        }
    };
    threads::adapt();
    quiet_shortages();
    init_tracing();
    // A panic is our error: exit code 1, after what the panic's own message says.
    let ended = std::panic::catch_unwind(AssertUnwindSafe(|| arguments.command.run()));
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
