//! What differs between machines and runs, for snapshots: patterns, and what stands in their place.

/// A pattern and its replacement.
pub type Filter = (&'static str, &'static str);

/// Of every text: folders of the tests, and this machine's threads.
pub const ALWAYS: [Filter; 2] = [
    (r"/[^\s`']*/\.tmp[A-Za-z0-9]+", "[FOLDER]"),
    (r"on [0-9]+ threads?", "on [N] threads"),
];

/// Of a plan: predicted times depend on the machine's cores.
pub const PLAN: [Filter; 1] = [(r"(?m)^time( +).*$", "time$1[TIME]")];

/// Of what a run prints: its progress, how long it took and how fast it was, and seconds in the last column of its summary.
pub const SUMMARY: [Filter; 3] = [
    (r"(?m)^\S+: [0-9]+/[0-9]+ trials, .*\n", ""),
    (
        r"in [0-9.,]+ (us|ms|s|min|h) \([^)]*\)",
        "in [TIME] ([RATE])",
    ),
    (r"(?m) +[0-9][0-9.e-]*$", " [SECONDS]"),
];
