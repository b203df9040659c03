//! Where a coordinator is: the address as people write it, checked before anything is sent to it.

use std::net::IpAddr;

use rpc::certs;
use tonic::transport::{Endpoint, Uri};

use crate::arguments::CoordinatorUrl;
use crate::error::CliError;

/// Whether bytes to the address are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// A coordinator's address that is sound.
#[derive(Debug)]
pub(crate) struct Address {
    scheme: Scheme,
    host: String,
}

impl Address {
    /// Reads `http://HOST:PORT` or `https://HOST:PORT`.
    ///
    /// # Errors
    /// [`CliError::Request`] that says how to write it.
    pub(crate) fn parse(url: &str) -> Result<Self, CliError> {
        let wrong = |why: &str, write: &str| {
            CliError::Request(format!(
                "`{url}` is not a coordinator's address ({why}); write {write}"
            ))
        };
        let example = "http://HOST:PORT, for example http://127.0.0.1:7070";
        let trimmed = url.trim();
        let Some((scheme, rest)) = trimmed.split_once("://") else {
            let named = !trimmed.is_empty() && !trimmed.starts_with(':');
            return Err(match named {
                true => wrong("it has no scheme", &format!("http://{trimmed}")),
                false => wrong("it has no host", example),
            });
        };
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => {
                return Err(wrong(
                    &format!("`{other}` is not http or https"),
                    &format!("http://{rest}, or https://{rest} for a coordinator with --certs"),
                ));
            }
        };
        let uri: Uri = trimmed
            .parse()
            .map_err(|error| wrong(&format!("{error}"), example))?;
        let host = uri.host().unwrap_or_default();
        if host.is_empty() {
            return Err(wrong("it has no host", example));
        }
        if uri
            .authority()
            .is_some_and(|name| name.as_str().contains('@'))
        {
            return Err(wrong("it holds a user or a password", example));
        }
        if uri.port_u16().is_none() {
            return Err(wrong(
                "it has no port",
                &format!("{trimmed}:7070").replace("/:", ":"),
            ));
        }
        Ok(Address {
            scheme,
            host: host.trim_matches(['[', ']']).to_owned(),
        })
    }

    /// Whether the address stays on this machine.
    fn is_loopback(&self) -> bool {
        let name = self.host.trim_end_matches('.');
        name.eq_ignore_ascii_case("localhost")
            || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

/// Checks an address. A token in clear goes to this machine alone, unless the caller insists.
///
/// # Errors
/// [`CliError::Request`] where the address is not sound, or a token would leave in clear.
pub(crate) fn check(coordinator: &CoordinatorUrl) -> Result<Address, CliError> {
    let address = Address::parse(&coordinator.url)?;
    let in_clear = match address.scheme {
        Scheme::Http => coordinator.token_file.is_some() && !address.is_loopback(),
        Scheme::Https => false,
    };
    if in_clear && !coordinator.insecure {
        return Err(CliError::Request(format!(
            "the token would go to {} in clear: anybody on the way could read it; write https://, or give \
             --insecure if the network is trusted",
            address.host
        )));
    }
    Ok(address)
}

/// Settings of a connection.
///
/// # Errors
/// As [`check`], and where the authority's file cannot be read.
pub(crate) fn endpoint(coordinator: &CoordinatorUrl) -> Result<Endpoint, CliError> {
    let address = check(coordinator)?;
    let url = coordinator.url.trim();
    let endpoint = Endpoint::from_shared(url.to_owned())
        .map_err(|error| CliError::Request(format!("`{url}` is not an address: {error}")))?;
    match address.scheme {
        Scheme::Http => Ok(endpoint),
        Scheme::Https => {
            let Some(ca) = &coordinator.ca else {
                return Err(CliError::Request(
                    "https needs the lab's authority: --ca FILE or PARSIMONY_CA".to_owned(),
                ));
            };
            endpoint
                .tls_config(certs::client_tls(ca)?)
                .map_err(|error| CliError::Request(format!("the authority does not fit: {error}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them_or_refused_with_the_right_one() {
        let check = |url: &str, scheme, loopback| {
            let address = Address::parse(url).unwrap();
            assert_eq!(
                (address.scheme, address.is_loopback()),
                (scheme, loopback),
                "{url}"
            );
        };
        check("http://127.0.0.1:7070", Scheme::Http, true);
        check("HTTP://localhost:7070", Scheme::Http, true);
        check("http://[::1]:7070", Scheme::Http, true);
        check("http://127.9.9.9:1/", Scheme::Http, true);
        check("https://head.lab:7070", Scheme::Https, false);
        check("http://localhost.evil.lab:7070", Scheme::Http, false);
        let refused = |url: &str, words: &str| {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(error.contains(words), "{url}: {error}");
        };
        refused("localhost:7070", "write http://localhost:7070");
        refused("htps://head:7070", "`htps` is not http or https");
        refused("head", "write http://head");
        refused(":7070", "no host");
        refused("", "no host");
        refused("http://", "http://HOST:PORT");
        refused("http://head", "write http://head:7070");
        refused("http://me:secret@head:7070", "password");
    }
}
