//! The hosts file.

use super::error::SshError;

/// Hosts of a file: one a line, `#` begins a comment; one that is named twice counts once.
///
/// # Errors
/// [`SshError::Host`] where a line could be taken for an option, or is no name.
pub fn hosts(text: &str) -> Result<Vec<String>, SshError> {
    let mut hosts: Vec<String> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let host = line.split('#').next().unwrap_or_default().trim();
        if host.is_empty() {
            continue;
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@:[]%".contains(c);
        if host.starts_with('-') || !host.chars().all(plain) {
            return Err(SshError::Host {
                line: at + 1,
                found: host.to_owned(),
            });
        }
        if !hosts.iter().any(|known| known == host) {
            hosts.push(host.to_owned());
        }
    }
    Ok(hosts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_and_never_options() {
        let read =
            hosts("# lab\nnode1\n lab@node2 # the big one\n\nfe80::1%eth0\nnode1\n").unwrap();
        assert_eq!(read, ["node1", "lab@node2", "fe80::1%eth0"]);
        for bad in ["-oProxyCommand=x", "node 1", "node;rm", "$(id)", "a`id`"] {
            assert!(
                matches!(hosts(bad), Err(SshError::Host { line: 1, .. })),
                "{bad}"
            );
        }
        assert!(matches!(
            hosts("a\n\n-b"),
            Err(SshError::Host { line: 3, .. })
        ));
    }
}
