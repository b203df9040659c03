//! The runtimes that commands wait in.

use crate::error::CliError;

/// Threads of a coordinator that wait for disks and check reports: beyond those that the cores keep busy, waiting is
/// all they do.
const BLOCKING_THREADS: usize = 16;

/// Threads for blocking work stay: longer than any process lives.
const KEEP_THREADS: std::time::Duration = std::time::Duration::from_secs(10 * 365 * 86_400);

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
///
/// # Errors
/// Where the system refuses.
pub(crate) fn one_thread() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)
}

/// A runtime for a command that computes or serves, with a bound on the threads that a busy service would start.
///
/// # Errors
/// Where the system gives no threads.
pub(crate) fn many_threads() -> Result<tokio::runtime::Runtime, CliError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    lasting(builder.max_blocking_threads(BLOCKING_THREADS.max(cores)))
}
