//! Errors of the connection as one line of plain text.

use std::error::Error;

/// What lies at the bottom of a status, without the code and the headers around it.
pub(crate) fn innermost(status: &tonic::Status) -> String {
    let mut innermost = None;
    let mut source = status.source();
    while let Some(error) = source {
        innermost = Some(error.to_string());
        source = error.source();
    }
    match innermost {
        Some(why) => why,
        None if status.message().is_empty() => status.code().to_string(),
        None => status.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_innermost_error_is_what_is_said() {
        let check = |status: &tonic::Status, expected: &str| {
            assert_eq!(super::innermost(status), expected);
        };
        check(&tonic::Status::unavailable("away"), "away");
        check(
            &tonic::Status::unavailable(""),
            "The service is currently unavailable",
        );
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        check(
            &tonic::Status::from_error(Box::new(refused)),
            "connection refused",
        );
    }
}
