//! The seal of a trial's state: a version and a hash at its end, which travel and are kept with it. Whoever takes a
//! state up checks the seal first: a bit that changed on a disk or on the way would give another result, and nothing
//! else would show it.
//!
//! The trial's number is in the hash too, so that no file is taken for another trial's. What the state holds is the
//! business of `dln` and `worker`.

use std::io::{self, Read};

/// Begins a seal.
const MARK: [u8; 8] = *b"parsckpt";

/// Version of what a state and its seal look like. States of other versions are not taken up: their trials begin
/// again.
pub const VERSION: u64 = 1;

/// Bytes of a seal: mark, version, hash.
pub const SEAL_BYTES: usize = 8 + 8 + 32;

/// Bytes read at a time.
const PIECE: usize = 1 << 16;

/// A state that must not be continued from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    #[error("the checkpoint has no hash: an older program wrote it, or its end is lost")]
    Missing,
    #[error("the checkpoint is of version {found}, this program reads {VERSION}")]
    Version { found: u64 },
    #[error("the checkpoint is damaged: it does not have the hash that it was written with")]
    Damaged,
}

/// Seals a trial's state.
pub fn seal(trial: u64, state: &mut Vec<u8>) {
    let mut hasher = blake3::Hasher::new();
    hasher.update(state);
    let hash = finish(hasher, trial, VERSION);
    state.reserve_exact(SEAL_BYTES);
    state.extend(MARK);
    state.extend(VERSION.to_le_bytes());
    state.extend(hash.as_bytes());
}

/// The state of a trial without its seal.
///
/// # Errors
/// [`SealError`] where the seal is missing, of another version, or does not hold.
pub fn open(trial: u64, sealed: &[u8]) -> Result<&[u8], SealError> {
    let (state, seal) = sealed
        .split_last_chunk::<SEAL_BYTES>()
        .ok_or(SealError::Missing)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(state);
    check_seal(seal, hasher, trial)?;
    Ok(state)
}

/// Checks the seal of a state that is read, `length` bytes long.
///
/// # Errors
/// Where it cannot be read; inside, as [`open`].
pub fn check(trial: u64, mut sealed: impl Read, length: u64) -> io::Result<Result<(), SealError>> {
    let Some(mut left) = length.checked_sub(SEAL_BYTES as u64) else {
        return Ok(Err(SealError::Missing));
    };
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; PIECE];
    while left > 0 {
        // Fits: it is at most a piece.
        let now = left.min(PIECE as u64) as usize;
        sealed.read_exact(&mut piece[..now])?;
        hasher.update(&piece[..now]);
        left -= now as u64;
    }
    let mut seal = [0; SEAL_BYTES];
    sealed.read_exact(&mut seal)?;
    Ok(check_seal(&seal, hasher, trial))
}

/// Looks at the seal alone, `length` bytes long: whether this program made it.
///
/// # Errors
/// Where it cannot be read; inside, [`SealError::Missing`] and [`SealError::Version`].
pub fn read_mark(mut seal: impl Read, length: u64) -> io::Result<Result<(), SealError>> {
    if length < SEAL_BYTES as u64 {
        return Ok(Err(SealError::Missing));
    }
    let mut bytes = [0; SEAL_BYTES];
    seal.read_exact(&mut bytes)?;
    Ok(version_of(&bytes).map(|_| ()))
}

fn check_seal(
    seal: &[u8; SEAL_BYTES],
    hasher: blake3::Hasher,
    trial: u64,
) -> Result<(), SealError> {
    let version = version_of(seal)?;
    if finish(hasher, trial, version).as_bytes() != &seal[SEAL_BYTES - 32..] {
        return Err(SealError::Damaged);
    }
    Ok(())
}

fn version_of(seal: &[u8; SEAL_BYTES]) -> Result<u64, SealError> {
    let (mark, rest) = seal.split_at(MARK.len());
    if mark != MARK {
        return Err(SealError::Missing);
    }
    let mut word = [0; 8];
    word.copy_from_slice(&rest[..8]);
    match u64::from_le_bytes(word) {
        VERSION => Ok(VERSION),
        found => Err(SealError::Version { found }),
    }
}

fn finish(mut hasher: blake3::Hasher, trial: u64, version: u64) -> blake3::Hash {
    hasher.update(&trial.to_le_bytes());
    hasher.update(&version.to_le_bytes());
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_both(trial: u64, sealed: &[u8], expected: Result<&[u8], SealError>) {
        assert_eq!(open(trial, sealed), expected);
        let read = check(trial, sealed, sealed.len() as u64).unwrap();
        assert_eq!(read, expected.map(|_| ()));
    }

    #[test]
    fn a_sealed_state_opens_to_the_same_bytes_for_its_own_trial_alone() {
        for size in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let state: Vec<u8> = (0..size).map(|at| at as u8).collect();
            let mut sealed = state.clone();
            seal(7, &mut sealed);
            assert_eq!(sealed.len(), state.len() + SEAL_BYTES);
            check_both(7, &sealed, Ok(&state));
            check_both(8, &sealed, Err(SealError::Damaged));
        }
    }

    #[test]
    fn every_damage_is_noticed() {
        let mut sealed = vec![0x5a; 500];
        seal(7, &mut sealed);
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert!(open(7, &flipped).is_err(), "byte {at}");
            check_both(7, &sealed[..at], Err(SealError::Missing));
        }
        let mut zeroed = sealed.clone();
        zeroed[100..200].fill(0);
        check_both(7, &zeroed, Err(SealError::Damaged));
        let version = sealed.len() - 40;
        sealed[version] = 9;
        check_both(7, &sealed, Err(SealError::Version { found: 9 }));
    }
}
