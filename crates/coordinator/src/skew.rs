//! Whether a worker's program fits this one: it must speak the same protocol and write tables of the same columns.
//! Found out before anything else of a registration is used, so that no trial is trained whose report would be refused.

use rpc::{convert, v1};

/// What to do about it.
const HELP: &str =
    "install the same build of parsimony on both machines, then start the worker again";

/// How a worker's program differs from this coordinator's.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Skew {
    #[error(
        "the worker ({theirs}) speaks protocol {found} and this coordinator (parsimony {ours}) speaks {expected}; {help}",
        help = HELP,
        ours = env!("CARGO_PKG_VERSION"),
        expected = rpc::PROTOCOL_VERSION
    )]
    Protocol { theirs: String, found: u32 },
    #[error(
        "the worker ({theirs}) and this coordinator (parsimony {ours}) have tables of different columns: \
         schema {found:016x} and {expected:016x}; {help}",
        help = HELP,
        ours = env!("CARGO_PKG_VERSION"),
        expected = table::schema_fingerprint()
    )]
    Schema { theirs: String, found: u64 },
}

/// Compares a worker's program with this one.
///
/// # Errors
/// [`Skew`] names both programs.
pub(crate) fn check(register: &v1::Register) -> Result<(), Skew> {
    // Nothing of the registration was checked so far: a name that is none is not repeated.
    let theirs = match convert::name("program_version", &register.program_version) {
        Ok(version) => format!("parsimony {version}"),
        Err(_) => "an unknown version of parsimony".to_owned(),
    };
    if register.protocol_version != rpc::PROTOCOL_VERSION {
        let found = register.protocol_version;
        return Err(Skew::Protocol { theirs, found });
    }
    if register.schema_fingerprint != table::schema_fingerprint() {
        let found = register.schema_fingerprint;
        return Err(Skew::Schema { theirs, found });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register() -> v1::Register {
        v1::Register {
            protocol_version: rpc::PROTOCOL_VERSION,
            program_version: "9.8.7".to_owned(),
            schema_fingerprint: table::schema_fingerprint(),
            ..v1::Register::default()
        }
    }

    #[track_caller]
    fn check_words(change: impl FnOnce(&mut v1::Register), words: &[&str]) {
        let mut register = register();
        change(&mut register);
        let error = check(&register).unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "`{word}` is missing in {error}");
        }
    }

    #[test]
    fn the_same_program_fits_whatever_it_calls_its_version() {
        assert_eq!(check(&register()), Ok(()));
    }

    #[test]
    fn other_columns_are_refused_with_both_versions_and_what_to_do() {
        let ours = env!("CARGO_PKG_VERSION");
        let expected = format!("{:016x}", table::schema_fingerprint());
        let all = ["9.8.7", ours, "00000000000000ab", &expected, HELP];
        check_words(|register| register.schema_fingerprint = 0xab, &all);
        // As a worker that does not know the field sends it.
        check_words(
            |register| register.schema_fingerprint = 0,
            &["0".repeat(16).as_str()],
        );
    }

    #[test]
    fn an_older_protocol_is_named_before_its_missing_fingerprint() {
        let change = |register: &mut v1::Register| {
            register.protocol_version = 5;
            register.schema_fingerprint = 0;
            register.program_version = "\u{1b}[31m".to_owned();
        };
        check_words(change, &["speaks protocol 5", "an unknown version", HELP]);
    }
}
