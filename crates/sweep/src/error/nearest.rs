//! The nearest of some names, for the hint after a name that is not known.

/// "did you mean `x`?" for the candidate nearest to `written`, where one is near.
pub(crate) fn did_you_mean<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(written, candidates).map(|name| format!("did you mean `{name}`?"))
}

/// The candidate nearest to `written`: the fewest edits, at most a third of its length. A candidate that is
/// `section.written` counts as one edit away, so that `depth` finds `network.depth`.
pub(crate) fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Edit distance is quadratic; no key is longer than this.
    const LONGEST: usize = 64;
    if written.len() > LONGEST {
        return None;
    }
    let written = written.to_lowercase();
    let limit = (written.chars().count() / 3).max(1);
    let last_part = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    candidates
        .into_iter()
        .map(|candidate| {
            let whole = strsim::osa_distance(&written, candidate);
            let leaf = strsim::osa_distance(&last_part(&written), &last_part(candidate)) + 1;
            (whole.min(leaf), whole, candidate)
        })
        .filter(|(edits, _, _)| *edits <= limit)
        .min_by_key(|(edits, whole, _)| (*edits, *whole))
        .map(|(_, _, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_names() {
        let names = [
            "network.depth",
            "network.width",
            "init.scale",
            "problem.rank",
        ];
        let check = |written: &str, expected: Option<&str>| {
            assert_eq!(nearest(written, names), expected, "{written}");
        };
        check("network.dpeth", Some("network.depth"));
        check("depth", Some("network.depth"));
        check("network.scale", Some("init.scale"));
        check("Network.Width", Some("network.width"));
        check("colour", None);
        check(&"x".repeat(1000), None);
    }
}
