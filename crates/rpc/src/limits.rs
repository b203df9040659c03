//! Bounds on what crosses the wire. Each is checked before the thing it bounds is used.

use std::time::Duration;

/// Connections without a call that was let in: beyond it the oldest makes room for the next. A worker or a
/// person is known within milliseconds, so these are as many as connect at one moment.
pub const STRANGERS: usize = 256;

/// Connections that no worker takes where descriptors are few: some people's programs at one moment.
pub const PEOPLE: usize = 64;

/// A connection makes its first call within this time, its handshakes included.
pub const STRANGER_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest message either side accepts. A report holds at most [`REPORT_BYTES`] of columns by the worker's
/// own rule, but one trial's rows are never split, and a trial at d = 1000, L = 8 measured at 1,000 steps
/// writes 9 x 10^6 spectrum rows of about 50 bytes before Arrow's buffers are joined.
pub const MESSAGE_BYTES: usize = 512 << 20;

/// Messages of clients: a sweep file and its list of files, [`FILES`] names of up to 4 KiB with their hashes.
pub const REQUEST_BYTES: usize = TOML_BYTES + (6 << 20);

/// A worker sends a report once its columns reach this size: large enough that per-message costs vanish
/// (100,000 small trials are about 30 MB), small enough that a coordinator can hold some of every worker.
pub const REPORT_BYTES: usize = 8 << 20;

/// Reports in flight for one worker: four full ones, so that it never waits for a flush to disk.
pub const CREDIT_BYTES: u64 = 64 << 20;

/// Pieces of files in a stream.
pub const PIECE_BYTES: usize = 1 << 20;

/// Largest file that a sweep may bring along.
pub const FILE_BYTES: u64 = 4 << 30;

/// Uploads that no sweep has taken yet, together: a few of the largest.
pub const UPLOADS_BYTES: u64 = 16 << 30;

/// Files that a sweep may name.
pub const FILES: usize = 1024;

/// Canonical text of a sweep file.
pub const TOML_BYTES: usize = sweep::MAX_CANONICAL_BYTES;

/// Name of a sweep or worker: a sweep's becomes the name of a folder, which has at most 255 bytes.
pub const NAME_BYTES: usize = 128;

/// Name of a host: a domain name has at most 253 bytes.
pub const HOST_BYTES: usize = 256;

/// Why a sweep cannot be run on a worker: a path of 4 kB would drown the words around it.
pub const REASON_BYTES: usize = 1024;

/// Ranges in a lease or report.
pub const RANGES: usize = 100_000;

/// Trials that one worker may train at a time.
pub const THREADS: u32 = 4096;

/// State of one trial between steps: three copies of the weights (Adam) at d = 4,000, L = 4 in f64 are
/// 1.5 GB; one message carries less, so wider trials go without a checkpoint.
pub const CHECKPOINT_BYTES: usize = 480 << 20;

/// A worker says something at least this often.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(1000);

/// A worker that has said nothing for this long has vanished: five heartbeats, so that one lost second on
/// a busy node is no loss.
pub const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(5);
