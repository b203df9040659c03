//! How long a certificate is good: the two dates of an X.509 certificate, and nothing else of it.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use yasna::{ASN1Result, BERReader, BERReaderSeq, Tag};

/// An end that is nearer than this is worth a warning: time to hand new tokens out in a lab.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What the clock says of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validity {
    Good,
    /// It ends within two weeks.
    EndsSoon {
        on: String,
        days: i64,
    },
    Expired {
        on: String,
    },
}

/// A certificate's end: seconds since 1970, and the day in words.
struct End {
    seconds: i64,
    day: String,
}

/// How the first certificate of a file stands. A file that holds none stands well here: whoever uses it says more.
pub fn of_file(path: &Path) -> Validity {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    });
    end_of(path).map_or(Validity::Good, |end| validity(end, now))
}

fn validity(end: End, now: i64) -> Validity {
    let left = end.seconds.saturating_sub(now);
    if left <= 0 {
        return Validity::Expired { on: end.day };
    }
    if left.unsigned_abs() > SOON.as_secs() {
        return Validity::Good;
    }
    Validity::EndsSoon {
        on: end.day,
        days: left / DAY,
    }
}

fn end_of(path: &Path) -> Option<End> {
    let text = std::fs::read(path).ok()?;
    let certificate = CertificateDer::from_pem_slice(&text).ok()?;
    yasna::parse_der(&certificate, certificate_end).ok()
}

/// `Certificate`: the signed part, the algorithm, the signature.
fn certificate_end(reader: BERReader<'_, '_>) -> ASN1Result<End> {
    reader.read_sequence(|reader| {
        let end = reader.next().read_sequence(signed_end)?;
        skip(reader, 2)?;
        Ok(end)
    })
}

/// `TBSCertificate`: version, serial number, algorithm, issuer, validity, subject, key, and what may follow.
fn signed_end(reader: &mut BERReaderSeq<'_, '_>) -> ASN1Result<End> {
    reader
        .read_optional(|reader| reader.read_tagged(Tag::context(0), |reader| reader.read_u8()))?;
    skip(reader, 3)?;
    let end = reader.next().read_sequence(|reader| {
        skip(reader, 1)?;
        time(reader.next())
    })?;
    skip(reader, 2)?;
    while reader.read_optional(|reader| reader.read_der())?.is_some() {}
    Ok(end)
}

fn skip(reader: &mut BERReaderSeq<'_, '_>, elements: usize) -> ASN1Result<()> {
    for _ in 0..elements {
        reader.next().read_der()?;
    }
    Ok(())
}

/// `Time`: with two digits of the year until 2049, with four after that.
fn time(reader: BERReader<'_, '_>) -> ASN1Result<End> {
    if reader.lookahead_tag()? == yasna::tags::TAG_UTCTIME {
        let time = reader.read_utctime()?;
        let time = time.datetime();
        return Ok(End {
            seconds: time.unix_timestamp(),
            day: time.date().to_string(),
        });
    }
    let time = reader.read_generalized_time()?;
    let time = time.datetime();
    Ok(End {
        seconds: time.unix_timestamp(),
        day: time.date().to_string(),
    })
}

/// A certificate whose time is over.
#[derive(Debug, thiserror::Error)]
#[error(
    "{path} ended on {on}: nobody could connect; renew it with `parsimony certs DIR --renew --host NAME`"
)]
pub struct Expired {
    pub path: PathBuf,
    pub on: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certs;

    #[test]
    fn the_end_of_a_certificate_is_read_and_compared_with_the_clock() {
        let folder = tempfile::tempdir().unwrap();
        let days = |days: u64| Duration::from_secs(days * 86_400);
        for (name, valid) in [("a", days(365)), ("b", days(3)), ("c", days(40_000))] {
            let at = folder.path().join(name);
            certs::make(&at, &["localhost".to_owned()], valid).unwrap();
            for file in [certs::SERVER_FILE, certs::CA_FILE] {
                let end = end_of(&at.join(file)).unwrap();
                let begun = SystemTime::now() + valid;
                let expected = begun.duration_since(UNIX_EPOCH).unwrap().as_secs();
                assert!(
                    expected.abs_diff(end.seconds.unsigned_abs()) < 600,
                    "{name}"
                );
            }
        }
        let of = |name: &str| of_file(&folder.path().join(name).join(certs::SERVER_FILE));
        assert_eq!(of("a"), Validity::Good);
        assert!(matches!(of("b"), Validity::EndsSoon { days: 2 | 3, .. }));
        assert_eq!(of("nowhere"), Validity::Good);
        let end = end_of(&folder.path().join("b").join(certs::SERVER_FILE)).unwrap();
        let (day, later) = (end.day.clone(), end.seconds);
        assert_eq!(validity(end, later), Validity::Expired { on: day });
    }
}
