//! Numerical ranks: how many singular values count, and how many are equal.

/// Share of the largest singular value at or below which one of inputs, targets or their correlation counts as zero: a
/// thousand times what a decomposition leaves there, a hundred times below the certificate of a reduction. Nothing
/// above it is dropped; the core grows instead.
pub(crate) const OF_DATA: f64 = 1e-12;
/// The same where samples are folded. A thin factor of a rank-deficient matrix leaves some 1e-15 there; what is dropped
/// changes a prediction by at most 1e-13 of its size, below what the engines are held to.
pub(crate) const OF_FOLD: f64 = 1e-13;
/// The same where a target's top subspaces are compared with a map's.
pub(crate) const OF_TARGET: f64 = 1e-8;
/// Values within this share of the largest of one another are one cluster. The mean of a cluster of eigenvalues is
/// `sigma^2`, so that the loss does not see the spread to first order.
const CLUSTER: f64 = 1e-11;

/// How many values, in descending order, are above this share of the largest.
pub(crate) fn rank(values: &[f64], share: f64) -> usize {
    let largest = values.first().copied().unwrap_or(0.0);
    let counts = |value: &&f64| **value > share * largest;
    values.iter().filter(counts).count()
}

/// First index and length of the longest run of values (descending) that lie within [`CLUSTER`] of the
/// largest value of one another.
pub(crate) fn widest_cluster(values: &[f64]) -> (usize, usize) {
    let width = CLUSTER * values.first().copied().unwrap_or(0.0);
    let mut best = (0, 0);
    let mut first = 0;
    for (last, &value) in values.iter().enumerate() {
        while values[first] - value > width {
            first += 1;
        }
        let count = last + 1 - first;
        if count > best.1 {
            best = (first, count);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_above_a_share_of_the_largest_count() {
        let values = [2.0, 1.0, 1e-9, 1e-13, 0.0];
        let of = |share| rank(&values, share);
        assert_eq!([of(OF_TARGET), of(OF_DATA), of(OF_FOLD)], [2, 3, 3]);
        assert_eq!((rank(&[0.0, 0.0], OF_DATA), rank(&[], OF_DATA)), (0, 0));
    }
}
