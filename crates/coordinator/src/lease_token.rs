//! Proof that a lease was granted: a keyed hash that the worker returns with its reports. So a report that
//! comes after a reconnect, or to a coordinator that has been started again, can be trusted to lie within a
//! lease, and to be about this sweep and no other of its name, without remembering every lease ever granted.

use std::io::Write as _;
use std::path::Path;

use rpc::lease::Lease;

use crate::config::CoordinatorError;

/// Distinguishes a sweep from every other, also from one that had the same name before its folder was taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SweepIdentity([u8; blake3::OUT_LEN]);

impl SweepIdentity {
    /// Of the hash of a sweep's first grid, which growth leaves as it is.
    pub(crate) fn of(hash: &str) -> Self {
        SweepIdentity(*blake3::hash(hash.as_bytes()).as_bytes())
    }

    /// Of a folder's sweep.
    pub(crate) fn of_folder(folder: &sweep::Folder) -> Self {
        let first = folder.generations().first();
        SweepIdentity::of(first.map_or("", |first| first.grid.hash()))
    }
}

/// The coordinator's secret.
#[derive(Clone)]
pub(crate) struct TokenKey([u8; blake3::KEY_LEN]);

/// File of the secret in the service's data folder.
const KEY_FILE: &str = ".lease-key";

impl TokenKey {
    /// A secret for this process alone.
    ///
    /// # Errors
    /// Where the operating system has no randomness.
    pub(crate) fn fresh() -> Result<Self, CoordinatorError> {
        let mut key = [0; blake3::KEY_LEN];
        getrandom::fill(&mut key).map_err(CoordinatorError::Random)?;
        Ok(TokenKey(key))
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
            return Ok(TokenKey(key));
        }
        let key = TokenKey::fresh()?;
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

    /// The lease with its proof: a keyed hash, and after it the sweep's identity, which the hash covers.
    pub(crate) fn signed(&self, identity: SweepIdentity, lease: Lease) -> Lease {
        let hash = self.hash(identity, &lease);
        Lease {
            proof: [*hash.as_bytes(), identity.0].concat().into(),
            ..lease
        }
    }

    /// The identity of the sweep that the lease was granted for; `None` where the proof is not this
    /// coordinator's. Compares in constant time.
    pub(crate) fn verify(&self, lease: &Lease) -> Option<SweepIdentity> {
        let (hash, identity) = lease.proof.split_first_chunk::<{ blake3::OUT_LEN }>()?;
        let identity = SweepIdentity(identity.try_into().ok()?);
        let expected = self.hash(identity, lease);
        (expected == blake3::Hash::from_bytes(*hash)).then_some(identity)
    }

    fn hash(&self, identity: SweepIdentity, lease: &Lease) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&(lease.sweep.len() as u64).to_le_bytes());
        hasher.update(lease.sweep.as_bytes());
        hasher.update(&identity.0);
        for number in [lease.lease, u64::from(lease.generation)] {
            hasher.update(&number.to_le_bytes());
        }
        for range in &lease.ranges {
            hasher.update(&range.start.to_le_bytes());
            hasher.update(&range.end.to_le_bytes());
        }
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(sweep: &str, lease: u64, generation: u32, end: u64) -> Lease {
        Lease {
            lease,
            generation,
            sweep: sweep.into(),
            ranges: vec![0..end],
            proof: Default::default(),
            attempt: 1,
            checkpoints: Vec::new(),
        }
    }

    #[test]
    fn a_proof_covers_exactly_what_was_granted() {
        let key = TokenKey::fresh().unwrap();
        let identity = SweepIdentity::of("hash");
        let signed = key.signed(identity, lease("a", 1, 2, 10));
        let with = |proof: &[u8], lease: Lease| Lease {
            proof: proof.to_vec().into(),
            ..lease
        };
        let proof = signed.proof.clone();
        assert_eq!(key.verify(&signed), Some(identity));
        let others = [
            ("b", 1, 2, 10),
            ("a", 2, 2, 10),
            ("a", 1, 3, 10),
            ("a", 1, 2, 11),
        ];
        for (sweep, number, generation, end) in others {
            let other = with(&proof, lease(sweep, number, generation, end));
            assert_eq!(key.verify(&other), None);
        }
        for cut in [1, 31, 32, 63] {
            assert_eq!(key.verify(&with(&proof[cut..], signed.clone())), None);
            assert_eq!(key.verify(&with(&proof[..cut], signed.clone())), None);
        }
        // Another sweep of the same name.
        let other = key.signed(SweepIdentity::of("other"), lease("a", 1, 2, 10));
        assert_ne!(key.verify(&other), Some(identity));
        let swapped = [&proof[..32], &other.proof[32..]].concat();
        assert_eq!(key.verify(&with(&swapped, signed.clone())), None);
        let another = TokenKey::fresh().unwrap();
        assert_eq!(another.verify(&signed), None);
    }
}
