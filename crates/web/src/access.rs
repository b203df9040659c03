//! Who may ask for what. Every request passes here first: its host (against DNS rebinding), where it comes from
//! (against other sites), its token where one is needed.
//!
//! A token is read from the header `Authorization` alone. An address never carries one: addresses stay in histories
//! and logs.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, Method, StatusCode, Uri, header};

/// Whether the text of the header `Authorization` belongs to a user.
pub type TokenCheck = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// Who may use a page.
#[derive(Clone)]
pub struct Access {
    /// The address that it listens on.
    pub listen: IpAddr,
    /// Names of the page other than those of loopback and of `listen`, for a proxy.
    pub hosts: Vec<String>,
    /// `None`: nobody changes anything.
    pub token: Option<TokenCheck>,
    /// Data are shown to those who have the token alone.
    pub reading_needs_token: bool,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("this page is not known under that host name; --web-host NAME adds one")]
    Host,
    #[error("requests of other sites are refused")]
    CrossSite,
    #[error("this page is read-only: it was started without a token")]
    ReadOnly,
    #[error("a user's token is needed")]
    Token,
    #[error("an address carries no token and no unknown key: type the token into the page")]
    Query,
}

impl Refused {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Refused::Host => StatusCode::MISDIRECTED_REQUEST,
            Refused::CrossSite | Refused::ReadOnly => StatusCode::FORBIDDEN,
            Refused::Token => StatusCode::UNAUTHORIZED,
            Refused::Query => StatusCode::BAD_REQUEST,
        }
    }
}

impl Access {
    /// Checks a request before anything else reads it.
    ///
    /// # Errors
    /// [`Refused`].
    pub(crate) fn check(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), Refused> {
        let host = only(headers, header::HOST.as_str()).ok_or(Refused::Host)?;
        let asked = uri.authority().map_or(host, |asked| asked.as_str());
        if !self.knows(host) || asked != host {
            return Err(Refused::Host);
        }
        self.check_site(method, uri, headers, host)?;
        let is_data = uri.path().starts_with("/api/");
        let changes = !(method == Method::GET || method == Method::HEAD);
        if changes && self.token.is_none() {
            return Err(Refused::ReadOnly);
        }
        if changes || is_data && self.reading_needs_token {
            self.check_token(headers)?;
        }
        Ok(())
    }

    /// Whether the page is reached under this name, with or without a port. A rebound name of a stranger is not among
    /// them.
    fn knows(&self, host: &str) -> bool {
        let name = without_port(host);
        if name.eq_ignore_ascii_case("localhost") || self.is_named(name) {
            return true;
        }
        let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
        address
            .is_ok_and(|ip| ip.is_loopback() || ip == self.listen || self.listen.is_unspecified())
    }

    /// Whether the caller has named this host.
    fn is_named(&self, name: &str) -> bool {
        self.hosts
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Browsers say where a request comes from. What does not say so is no browser, and has no user's session to
    /// misuse.
    fn check_site(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        host: &str,
    ) -> Result<(), Refused> {
        if let Some(origin) = text(headers, header::ORIGIN.as_str()) {
            let authority = origin.split_once("://").map(|(_, rest)| rest);
            let own = authority.is_some_and(|authority| {
                authority.eq_ignore_ascii_case(host) || self.is_named(without_port(authority))
            });
            if !own {
                return Err(Refused::CrossSite);
            }
        }
        let Some(site) = text(headers, "sec-fetch-site") else {
            return Ok(());
        };
        // A link from elsewhere may open the page itself, at the top of a window.
        let opens_page = method == Method::GET
            && uri.path() == "/"
            && text(headers, "sec-fetch-mode") == Some("navigate")
            && text(headers, "sec-fetch-dest") == Some("document");
        match site {
            "same-origin" | "none" => Ok(()),
            _ if opens_page => Ok(()),
            _ => Err(Refused::CrossSite),
        }
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let check = self.token.as_ref().ok_or(Refused::ReadOnly)?;
        let header = only(headers, header::AUTHORIZATION.as_str());
        match header {
            Some(header) if check(header) => Ok(()),
            Some(_) | None => Err(Refused::Token),
        }
    }
}

/// The text of a header; empty where it is no text, which fits nothing.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?;
    Some(value.to_str().unwrap_or_default())
}

/// The text of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next()?, values.next());
    first.to_str().ok().filter(|_| second.is_none())
}

/// The host of `host:port` or `[v6]:port`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => {
            // `::1` without brackets is no host with a port.
            if name.contains(':') && !name.starts_with('[') {
                host
            } else {
                name
            }
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        Access {
            listen: IpAddr::from([127, 0, 0, 1]),
            hosts: vec!["head.lab".to_owned()],
            token: Some(Arc::new(|header| header == "Bearer right")),
            reading_needs_token: false,
        }
    }

    fn check(method: &str, path: &str, headers: &[(&str, &str)], expected: Result<(), Refused>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: header::HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        let method: Method = method.parse().unwrap();
        let found = access().check(&method, &path.parse().unwrap(), &map);
        assert_eq!(found, expected, "{method} {path} {headers:?}");
    }

    #[test]
    fn only_own_names_are_served() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:8080",
            "127.9.9.9",
            "[::1]:1",
            "head.lab",
            "Head.Lab:443",
        ] {
            check("GET", "/", &[("host", host)], Ok(()));
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "10.0.0.1:8080",
            "[fe80::1]:80",
            "",
            "127.0.0.1.evil",
            "head.lab.evil",
        ] {
            check("GET", "/", &[("host", host)], Err(Refused::Host));
        }
        check("GET", "/", &[], Err(Refused::Host));
        let two = [("host", "localhost"), ("host", "localhost")];
        check("GET", "/", &two, Err(Refused::Host));
        let other = "http://evil.example/api/overview";
        check("GET", other, &[("host", "localhost")], Err(Refused::Host));
    }

    #[test]
    fn requests_of_other_sites_are_refused() {
        let host = ("host", "localhost:8080");
        let data = "/api/overview";
        check(
            "GET",
            data,
            &[host, ("origin", "http://localhost:8080")],
            Ok(()),
        );
        check("GET", data, &[host, ("origin", "https://head.lab")], Ok(()));
        for origin in [
            "http://localhost:3000",
            "http://evil.example",
            "null",
            "http://head.lab.evil",
        ] {
            check(
                "GET",
                data,
                &[host, ("origin", origin)],
                Err(Refused::CrossSite),
            );
        }
        let from = |site| [host, ("sec-fetch-site", site)];
        check("GET", data, &from("same-origin"), Ok(()));
        check("GET", data, &from("none"), Ok(()));
        check("GET", data, &from("cross-site"), Err(Refused::CrossSite));
        check("GET", data, &from("same-site"), Err(Refused::CrossSite));
        let link = [
            host,
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        check("GET", "/", &link, Ok(()));
        check("GET", data, &link, Err(Refused::CrossSite));
        let frame = [link[0], link[1], link[2], ("sec-fetch-dest", "iframe")];
        check("GET", "/", &frame, Err(Refused::CrossSite));
    }

    #[test]
    fn changes_need_the_token_in_its_header() {
        let host = ("host", "localhost");
        let place = "/api/sweeps/s/cancel";
        check(
            "POST",
            place,
            &[host, ("authorization", "Bearer right")],
            Ok(()),
        );
        check("POST", place, &[host], Err(Refused::Token));
        check(
            "POST",
            place,
            &[host, ("authorization", "Bearer wrong")],
            Err(Refused::Token),
        );
        let in_url = "/api/sweeps/s/cancel?token=right";
        check("POST", in_url, &[host], Err(Refused::Token));
        check(
            "POST",
            place,
            &[host, ("cookie", "token=right")],
            Err(Refused::Token),
        );
    }

    #[test]
    fn without_a_token_nobody_changes_anything() {
        let mut map = HeaderMap::new();
        map.insert(header::HOST, "localhost".parse().unwrap());
        map.insert(header::AUTHORIZATION, "Bearer right".parse().unwrap());
        let mut access = access();
        access.token = None;
        let uri = "/api/sweeps/s/cancel".parse().unwrap();
        let check = |access: &Access, method| access.check(&method, &uri, &map);
        assert_eq!(check(&access, Method::POST), Err(Refused::ReadOnly));
        assert_eq!(check(&access, Method::GET), Ok(()));
        access.reading_needs_token = true;
        assert_eq!(check(&access, Method::GET), Err(Refused::ReadOnly));
    }
}
