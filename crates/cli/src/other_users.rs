//! Whether a machine has other users than the one who runs this program: they reach what listens on loopback.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Numbers of people's accounts on most systems; below are services, above nobody.
const PEOPLE: std::ops::Range<u32> = 1000..60_000;

/// Bytes of the table of users that are read.
const TABLE_BYTES: u64 = 1 << 20;

/// Entries of a folder that are looked at.
const ENTRIES: usize = 10_000;

/// Whether another person has an account or a process here. What cannot be read shows nobody.
pub(crate) fn are_here() -> bool {
    // The process's own entry belongs to its user.
    let Ok(own) = fs::metadata("/proc/self").map(|own| own.uid()) else {
        return false;
    };
    let another = |user: u32| user != own && PEOPLE.contains(&user);
    let mut table = String::new();
    // A table that is cut or not there shows fewer.
    if let Ok(file) = fs::File::open("/etc/passwd") {
        let _ = file.take(TABLE_BYTES).read_to_string(&mut table);
    }
    table.lines().filter_map(account).any(another)
        || owners(Path::new("/run/user")).any(another)
        || owners(Path::new("/proc")).any(another)
}

/// Number of an account that somebody can log in to.
fn account(line: &str) -> Option<u32> {
    let fields: Vec<&str> = line.split(':').collect();
    let (user, shell) = (fields.get(2)?, fields.get(6)?);
    let closed = ["nologin", "false", "sync"];
    if closed.iter().any(|end| shell.trim().ends_with(end)) {
        return None;
    }
    user.parse().ok()
}

/// Owners of what is in a folder.
fn owners(folder: &Path) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().take(ENTRIES);
    entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.uid()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_of_people_count_and_those_of_services_do_not() {
        let table = "root:x:0:0:root:/root:/bin/bash\n\
                     daemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n\
                     user1:x:1001:1001:,,,:/home/user1:/bin/zsh\n\
                     user2:x:1002:1002::/home/user2:/bin/false\n\
                     broken:x\n";
        let found: Vec<_> = table.lines().filter_map(account).collect();
        assert_eq!(found, [0, 1001]);
        assert!(PEOPLE.contains(&1001) && !PEOPLE.contains(&0) && !PEOPLE.contains(&65_534));
    }
}
