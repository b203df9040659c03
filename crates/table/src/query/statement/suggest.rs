//! The nearest names to a name that does not exist.

use super::error::Near;

/// Three suggestions are read at a glance; more would be a list of columns again.
const SUGGESTIONS: usize = 3;

/// The names nearest to `wanted`, the best first: by edits, or those that hold it as a part.
pub(super) fn near<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Near {
    let wanted = wanted.to_lowercase().replace(['.', ' ', '-'], "_");
    // A third of the letters may differ: more is another word.
    let most = (wanted.chars().count() / 3).max(1);
    let mut found: Vec<(usize, &str)> = Vec::new();
    for name in names {
        let lower = name.to_lowercase();
        let edits = strsim::damerau_levenshtein(&wanted, &lower);
        let part = wanted.len() >= 3
            && (lower.contains(&wanted) || (lower.len() >= 3 && wanted.contains(&lower)));
        let rank = if edits <= most {
            edits
        } else if part || same_words(&wanted, &lower) {
            most + 1
        } else {
            continue;
        };
        if !found
            .iter()
            .any(|(_, other)| other.eq_ignore_ascii_case(name))
        {
            found.push((rank, name));
        }
    }
    found.sort_by_key(|(rank, name)| (*rank, name.len()));
    // An exact hit (a dotted key, another case) needs no rivals.
    if found.first().is_some_and(|(rank, _)| *rank == 0) {
        found.truncate(1);
    }
    found.truncate(SUGGESTIONS);
    Near(found.into_iter().map(|(_, name)| name.to_owned()).collect())
}

/// `loss_train` for `train_loss`.
fn same_words(left: &str, right: &str) -> bool {
    let words = |name: &str| {
        let mut words: Vec<String> = name.split('_').map(str::to_owned).collect();
        words.sort();
        words
    };
    left.contains('_') && words(left) == words(right)
}
