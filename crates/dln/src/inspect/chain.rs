//! Which layers feed one another, as far as their shapes say.

use std::ops::Range;

/// Layers in a row, the inputs of each as many as the outputs of the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Which layers, from 0.
    pub layers: Range<usize>,
}

/// The longest run of layers of these shapes (outputs, inputs) that chain; of several the last, which ends nearest to
/// the outputs. `None` where no two do and there is more than one: the block of a layer alone says nothing of a network.
pub fn chain(shapes: &[(usize, usize)]) -> Option<Chain> {
    let mut longest = 0..0;
    let mut start = 0;
    for end in 1..=shapes.len() {
        let goes_on = shapes
            .get(end)
            .is_some_and(|next| next.1 == shapes[end - 1].0);
        if goes_on {
            continue;
        }
        if end - start >= longest.len() {
            longest = start..end;
        }
        start = end;
    }
    let is_network = longest.len() > 1 || shapes.len() == 1;
    is_network.then_some(Chain { layers: longest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_run_is_found() {
        let check = |shapes: &[(usize, usize)], expected: Option<Range<usize>>| {
            assert_eq!(
                chain(shapes).map(|chain| chain.layers),
                expected,
                "{shapes:?}"
            );
        };
        check(&[(8, 5), (8, 8), (3, 8)], Some(0..3));
        check(&[(8, 5), (8, 9), (3, 8)], Some(1..3));
        check(&[(8, 5), (6, 8), (3, 9), (2, 3)], Some(2..4));
        check(&[(8, 5), (6, 8), (4, 6), (3, 9), (2, 3)], Some(0..3));
        check(&[(8, 5)], Some(0..1));
        check(&[(8, 5), (8, 5)], None);
        check(&[], None);
    }
}
