//! How many threads this process may start. Login nodes allow few, and libraries that start one a core end with a
//! panic where they cannot.

use std::sync::{Arc, Mutex};

/// Variables that set the number of threads of the libraries' pools.
const VARIABLES: [&str; 3] = [
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "TOKIO_WORKER_THREADS",
];

/// Threads beyond those of the pools that a command starts itself: a trial's, a writer's, and one for files.
const OWN: usize = 3;

/// Lowers the libraries' threads to what the system allows, where it allows less than one a core. What the caller
/// set stays.
///
/// Call it while the process has one thread.
pub(crate) fn adapt() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let wanted = VARIABLES.len() * cores + OWN;
    let startable = startable(wanted);
    if startable >= wanted {
        return;
    }
    let threads = startable.saturating_sub(OWN) / VARIABLES.len();
    let threads = threads.max(1).to_string();
    for variable in VARIABLES {
        if std::env::var_os(variable).is_none() {
            #[expect(
                unsafe_code,
                reason = "the process has one thread: nobody else reads the environment"
            )]
            // SAFETY: the caller promises that this thread is the only one.
            unsafe {
                std::env::set_var(variable, &threads);
            }
        }
    }
}

/// How many threads, up to `wanted`, can run at the same time. All have ended when this returns.
fn startable(wanted: usize) -> usize {
    let mut threads = Vec::with_capacity(wanted);
    let hold = Arc::new(Mutex::new(()));
    let Ok(held) = hold.lock() else {
        return 1;
    };
    for _ in 0..wanted {
        let hold = Arc::clone(&hold);
        let started = std::thread::Builder::new()
            .stack_size(64 * 1024)
            .spawn(move || drop(hold.lock()));
        match started {
            Ok(thread) => threads.push(thread),
            Err(_) => break,
        }
    }
    drop(held);
    let count = threads.len();
    for thread in threads {
        // It only waits for a lock, and cannot panic.
        let _ = thread.join();
    }
    count
}

/// Whether a panic's words say that a thread could not be started.
pub(crate) fn is_shortage(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    let names_thread = words.contains("thread");
    names_thread
        && [
            "resource temporarily unavailable",
            "wouldblock",
            "could not spawn",
            "can't spawn",
        ]
        .iter()
        .any(|part| words.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_counted() {
        assert_eq!(startable(3), 3);
        assert_eq!(startable(0), 0);
    }

    #[test]
    fn a_shortage_is_recognised() {
        assert!(is_shortage("could not spawn threads: ThreadPoolBuildError"));
        assert!(is_shortage(
            "OS can't spawn worker thread: Resource temporarily unavailable (os error 11)"
        ));
        assert!(!is_shortage("index out of bounds"));
    }
}
