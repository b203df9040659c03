//! Proof that a lease was granted: a keyed hash that the worker returns with its reports. So a report that
//! comes after a reconnect, or to a coordinator that has been started again, can be trusted to lie within a
//! lease without remembering every lease ever granted.

use std::io::Write as _;
use std::ops::Range;
use std::path::Path;

use crate::config::CoordinatorError;

/// The coordinator's secret.
#[derive(Clone)]
pub(crate) struct Key([u8; blake3::KEY_LEN]);

/// File of the secret in the service's data folder.
const KEY_FILE: &str = ".lease-key";

impl Key {
    /// A secret for this process alone.
    ///
    /// # Errors
    /// Where the operating system has no randomness.
    pub(crate) fn fresh() -> Result<Self, CoordinatorError> {
        let mut key = [0; blake3::KEY_LEN];
        getrandom::fill(&mut key).map_err(CoordinatorError::Random)?;
        Ok(Key(key))
    }

    /// The data folder's secret, made when it is not there (mode 0600).
    ///
    /// # Errors
    /// Where the file can be neither read nor written.
    pub(crate) fn of_folder(data: &Path) -> Result<Self, CoordinatorError> {
        let path = data.join(KEY_FILE);
        if let Some(key) = std::fs::read(&path)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
        {
            return Ok(Key(key));
        }
        let key = Key::fresh()?;
        let failed = |source| CoordinatorError::Io {
            path: path.clone(),
            source,
        };
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let mut file = options.open(&path).map_err(failed)?;
        file.write_all(&key.0).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        Ok(key)
    }

    /// Proof of a lease.
    pub(crate) fn proof(
        &self,
        sweep: &str,
        lease: u64,
        generation: u32,
        ranges: &[Range<u64>],
    ) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&(sweep.len() as u64).to_le_bytes());
        hasher.update(sweep.as_bytes());
        for number in [lease, u64::from(generation)] {
            hasher.update(&number.to_le_bytes());
        }
        for range in ranges {
            hasher.update(&range.start.to_le_bytes());
            hasher.update(&range.end.to_le_bytes());
        }
        hasher.finalize()
    }

    /// Whether the proof is this coordinator's; compares in constant time.
    pub(crate) fn verify(
        &self,
        proof: &[u8],
        sweep: &str,
        lease: u64,
        generation: u32,
        ranges: &[Range<u64>],
    ) -> bool {
        let Ok(bytes) = <[u8; blake3::OUT_LEN]>::try_from(proof) else {
            return false;
        };
        self.proof(sweep, lease, generation, ranges) == blake3::Hash::from_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_covers_exactly_what_was_granted() {
        let key = Key::fresh().unwrap();
        let proof = *key.proof("a", 1, 2, &[0..10]).as_bytes();
        assert!(key.verify(&proof, "a", 1, 2, &[0..10]));
        assert!(!key.verify(&proof, "b", 1, 2, &[0..10]));
        assert!(!key.verify(&proof, "a", 2, 2, &[0..10]));
        assert!(!key.verify(&proof, "a", 1, 3, &[0..10]));
        assert!(!key.verify(&proof, "a", 1, 2, &[0..11]));
        assert!(!key.verify(&proof[1..], "a", 1, 2, &[0..10]));
        let other = Key::fresh().unwrap();
        assert!(!other.verify(&proof, "a", 1, 2, &[0..10]));
    }
}
