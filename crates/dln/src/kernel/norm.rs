//! Norms of numbers whose squares are too small for a double.

/// Factor at which the squares of the smallest numbers stand clear of the underflow: a power of two, so that
/// multiplying by it rounds nothing. 2^500 times the largest number whose square underflows (2^-511) is below 1.
const UP: f64 = f64::from_bits((1023 + 500) << 52);

/// The square root of a sum of squares; `squares(scale)` is the sum with each number times `scale`.
///
/// Where the plain sum underflows, the numbers are taken larger, so that the norm is 0 only where all of them are.
pub(crate) fn norm_of(mut squares: impl FnMut(f64) -> f64) -> f64 {
    let plain = squares(1.0);
    if plain < f64::MIN_POSITIVE {
        return squares(UP).sqrt() / UP;
    }
    plain.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_have_a_norm() {
        let check = |numbers: &[f64], wanted: f64| {
            let found = norm_of(|scale| numbers.iter().map(|x| (scale * x) * (scale * x)).sum());
            assert!((found - wanted).abs() <= 1e-15 * wanted, "{found} {wanted}");
        };
        check(&[3.0, 4.0], 5.0);
        check(&[3e-170, 4e-170], 5e-170);
        check(&[3e-300, 4e-300], 5e-300);
        check(&[0.0, 0.0], 0.0);
        assert!(norm_of(|_| f64::NAN).is_nan());
    }
}
