//! The mixed radix of a product of axes: index to digits and back. The last axis is the fastest.
//!
//! Leaves what a digit stands for to `layout`.

/// Lengths and strides of the axes of a product.
#[derive(Clone, Debug)]
pub(crate) struct Radix {
    lens: Vec<u64>,
    strides: Vec<u64>,
    size: u64,
}

impl Radix {
    /// `None` when the product of the lengths does not fit 64 bits. No axis gives the product of one point.
    pub(crate) fn new(lens: Vec<u64>) -> Option<Radix> {
        let mut strides = vec![1; lens.len()];
        let mut size = 1u64;
        for axis in (0..lens.len()).rev() {
            strides[axis] = size;
            size = size.checked_mul(lens[axis])?;
        }
        Some(Radix {
            lens,
            strides,
            size,
        })
    }

    /// Number of axes.
    pub(crate) fn axes(&self) -> usize {
        self.lens.len()
    }

    /// Number of points of the product.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn len(&self, axis: usize) -> u64 {
        self.lens[axis]
    }

    /// How many indices pass before the digit of `axis` changes.
    pub(crate) fn stride(&self, axis: usize) -> u64 {
        self.strides[axis]
    }

    pub(crate) fn digit(&self, index: u64, axis: usize) -> u64 {
        index / self.strides[axis] % self.lens[axis]
    }

    /// Writes a digit an axis; `digits` is cleared first.
    pub(crate) fn digits_into(&self, index: u64, digits: &mut Vec<u64>) {
        digits.clear();
        let mut rest = index;
        for &stride in &self.strides {
            digits.push(rest / stride);
            rest %= stride;
        }
    }

    pub(crate) fn digits(&self, index: u64) -> Vec<u64> {
        let mut digits = Vec::with_capacity(self.lens.len());
        self.digits_into(index, &mut digits);
        digits
    }

    pub(crate) fn index(&self, digits: &[u64]) -> u64 {
        digits
            .iter()
            .zip(&self.strides)
            .map(|(digit, stride)| digit * stride)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lens: &[u64]) {
        let radix = Radix::new(lens.to_vec()).expect("small");
        assert_eq!(radix.size(), lens.iter().product::<u64>());
        let mut previous: Option<Vec<u64>> = None;
        for index in 0..radix.size() {
            let digits = radix.digits(index);
            assert_eq!(radix.index(&digits), index);
            for (axis, &digit) in digits.iter().enumerate() {
                assert!(digit < lens[axis]);
                assert_eq!(radix.digit(index, axis), digit);
            }
            // Vectors compare lexicographically, slowest axis first.
            assert!(previous.is_none_or(|p| p < digits));
            previous = Some(digits);
        }
    }

    #[test]
    fn digits_and_back() {
        check(&[]);
        check(&[1]);
        check(&[3, 1, 4]);
        check(&[2, 3, 5, 7]);
    }

    #[test]
    fn overflow_is_seen() {
        assert!(Radix::new(vec![1 << 32, 1 << 32]).is_none());
        assert_eq!(
            Radix::new(vec![1 << 32, (1 << 32) - 1]).map(|r| r.size()),
            Some(u64::MAX - u64::from(u32::MAX))
        );
    }
}
