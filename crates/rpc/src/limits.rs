//! Bounds on what crosses the wire. Each is checked before the thing it bounds is used.

use std::time::Duration;

/// Connections without a call that was let in: beyond it the oldest makes room for the next. A worker or a
/// person is known within milliseconds, so these are as many as connect at one moment.
pub const STRANGERS: usize = 256;

/// Connections that no worker takes where descriptors are few: some people's programs at one moment.
pub const PEOPLE: usize = 64;

/// A connection makes its first call within this time, its handshakes included.
pub const STRANGER_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest message that a worker accepts of its coordinator: the spec of a sweep, of as many generations as it
/// has grown by, each at most [`TOML_BYTES`].
pub const ANSWER_BYTES: usize = 512 << 20;

/// Largest message that the coordinator reads off a worker's stream. Larger ones come in pieces, and only from a
/// worker that has registered: what nobody has introduced takes no more than this. A Register with a hundred
/// leases of a few ranges is a tenth of it.
pub const FRAME_BYTES: usize = 512 << 10;

/// Piece of a larger message. Each is a sign of life, so a link of 200 kbit/s brings one in half of
/// [`HEARTBEAT_TIMEOUT`]; at 100 MB/s they are fifteen hundred a second.
pub const PART_BYTES: usize = 64 << 10;

/// Largest message that comes in pieces, checkpoints aside: a report at its full size ([`REPORT_BYTES`]) with the
/// rows of a last trial, whose columns may take twice what was estimated.
pub const MESSAGE_BYTES: usize = 32 << 20;

/// What is not read yet of one connection: at 1 Mbit/s four seconds, which is what a ping waits behind; and with a
/// round trip of 50 ms still 10 MB/s.
pub const WINDOW_BYTES: u32 = 512 << 10;

/// Messages of clients: a sweep file and its list of files, [`FILES`] names of up to 4 KiB with their hashes.
pub const REQUEST_BYTES: usize = TOML_BYTES + (6 << 20);

/// A worker sends a report once its columns reach this size: large enough that per-message costs vanish
/// (100,000 small trials are about 30 MB), small enough that a coordinator can hold some of every worker.
pub const REPORT_BYTES: usize = 8 << 20;

/// Rows of a running trial in a worker's memory: beyond it they go to a file, and to the coordinator in messages
/// `Rows` ahead of the trial's report. Half of a report, and little compared with the memory of the trial itself.
pub const ROWS_BYTES: usize = 4 << 20;

/// Rows of one trial that leave memory, in all: three hundred million of spectra. Beyond it the trial fails with
/// that as its error; a history of that size wants a longer `measure.every`.
pub const TRIAL_BYTES: u64 = 16 << 30;

/// Reports in flight for one worker: four full ones, so that it never waits for a flush to disk.
pub const CREDIT_BYTES: u64 = 64 << 20;

/// Pieces of files in a stream.
pub const PIECE_BYTES: usize = 256 << 10;

/// Files that are sent at the same time; whoever asks beyond that waits for a place. Each takes up to a megabyte
/// while its receiver is slow, and a few fill any link.
pub const SENDING: usize = 64;

/// Uploads under way at the same time.
pub const UPLOADS: usize = 64;

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
/// 1.5 GB; wider trials go without a checkpoint.
pub const CHECKPOINT_BYTES: usize = 480 << 20;

/// Checkpoints larger than a message that the coordinator holds in memory at the same time, on their way to its
/// disk: four of the largest. One that finds no room is dropped, which costs no more than steps.
pub const CHECKPOINTS_BYTES: usize = 4 * CHECKPOINT_BYTES;

/// A worker says something at least this often.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(1000);

/// A worker that has said nothing for this long has vanished: five heartbeats, so that one lost second on
/// a busy node is no loss.
pub const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(5);
