//! The part of an address after `?`: few known keys, each once, with bounded values. Anything else is refused, so that
//! nobody gets used to putting a token there.

use axum::http::Uri;

use crate::access::Refused;

/// Longest part after `?`: a few numbers and a name.
const MOST_BYTES: usize = 512;

/// Values by their keys.
pub(crate) struct Query<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Query<'a> {
    /// Reads the keys that are allowed.
    ///
    /// # Errors
    /// [`Refused::Query`] where there is another one, or one twice.
    pub(crate) fn read(uri: &'a Uri, allowed: &[&str]) -> Result<Self, Refused> {
        let text = uri.query().unwrap_or_default();
        if text.len() > MOST_BYTES {
            return Err(Refused::Query);
        }
        let mut known: Vec<(&str, &str)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or(Refused::Query)?;
            let twice = known.iter().any(|(other, _)| *other == key);
            if !allowed.contains(&key) || twice {
                return Err(Refused::Query);
            }
            known.push((key, value));
        }
        Ok(Query(known))
    }

    pub(crate) fn text(&self, key: &str) -> Option<&'a str> {
        let found = self.0.iter().find(|(known, _)| *known == key);
        found.map(|(_, value)| *value)
    }

    /// A number; `None` where the key is missing.
    ///
    /// # Errors
    /// [`Refused::Query`] where it is no number.
    pub(crate) fn number(&self, key: &str) -> Result<Option<u64>, Refused> {
        let parse = |text: &str| text.parse().map_err(|_| Refused::Query);
        self.text(key).map(parse).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_refused() {
        let read = |address: &str, key: &str| {
            let uri: Uri = address.parse().unwrap();
            Query::read(&uri, &["x", "y"]).and_then(|query| query.number(key))
        };
        assert_eq!(read("/a", "x"), Ok(None));
        assert_eq!(read("/a?x=3&y=4", "y"), Ok(Some(4)));
        for bad in [
            "/a?token=t",
            "/a?x=1&x=2",
            "/a?x",
            "/a?x=1&token=t",
            "/a?x=minus",
        ] {
            assert_eq!(read(bad, "x"), Err(Refused::Query), "{bad}");
        }
        let long = format!("/a?x={}", "1".repeat(MOST_BYTES));
        assert_eq!(read(&long, "x"), Err(Refused::Query));
    }
}
