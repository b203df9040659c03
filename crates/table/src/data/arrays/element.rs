//! Floating-point numbers as files hold them.

use safetensors::Dtype;

use super::super::npy::half;

/// The type of an array's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    F16,
    /// The upper half of an f32.
    Bf16,
    F32,
    F64,
}

impl Element {
    /// Bytes of a number.
    pub(super) fn bytes(self) -> usize {
        match self {
            Element::F16 | Element::Bf16 => 2,
            Element::F32 => 4,
            Element::F64 => 8,
        }
    }

    /// Half the distance from 1 to the next number: what rounding changes at most, relatively.
    pub fn rounding(self) -> f64 {
        match self {
            Element::F16 => 2f64.powi(-11),
            Element::Bf16 => 2f64.powi(-8),
            Element::F32 => 2f64.powi(-24),
            Element::F64 => 2f64.powi(-53),
        }
    }

    pub(super) fn of_safetensors(dtype: Dtype) -> Option<Element> {
        match dtype {
            Dtype::F16 => Some(Element::F16),
            Dtype::BF16 => Some(Element::Bf16),
            Dtype::F32 => Some(Element::F32),
            Dtype::F64 => Some(Element::F64),
            // The crate may add types.
            _ => None,
        }
    }

    /// Of a numpy descriptor such as `<f4`, and whether the most significant byte comes first.
    pub(super) fn of_numpy(descriptor: &str) -> Option<(Element, bool)> {
        let (order, kind) = descriptor.split_at_checked(1)?;
        let big = match order {
            "<" | "=" => false,
            ">" => true,
            _ => return None,
        };
        let element = match kind {
            "f2" => Element::F16,
            "f4" => Element::F32,
            "f8" => Element::F64,
            _ => return None,
        };
        Some((element, big))
    }

    /// Appends the numbers of these bytes, which are whole numbers of this type.
    pub(super) fn decode(self, bytes: &mut [u8], big: bool, into: &mut Vec<f64>) {
        if big {
            for number in bytes.chunks_exact_mut(self.bytes()) {
                number.reverse();
            }
        }
        match self {
            Element::F16 => into.extend(words(bytes).map(|word| half(u16::from_le_bytes(word)))),
            Element::Bf16 => into.extend(words(bytes).map(|word| {
                let upper = u32::from(u16::from_le_bytes(word)) << 16;
                f64::from(f32::from_bits(upper))
            })),
            Element::F32 => {
                into.extend(words(bytes).map(|word| f64::from(f32::from_le_bytes(word))));
            }
            Element::F64 => into.extend(words(bytes).map(f64::from_le_bytes)),
        }
    }
}

/// Whole words of a length; what is left over does not come.
fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(element: Element, big: bool, bytes: &[u8], expected: &[f64]) {
        let mut found = Vec::new();
        element.decode(&mut bytes.to_vec(), big, &mut found);
        assert_eq!(found, expected, "{element:?}");
    }

    #[test]
    fn numbers_of_every_type_are_read() {
        check(Element::F64, false, &1.25f64.to_le_bytes(), &[1.25]);
        check(Element::F64, true, &1.25f64.to_be_bytes(), &[1.25]);
        check(Element::F32, true, &(-0.5f32).to_be_bytes(), &[-0.5]);
        check(Element::F16, false, &[0x00, 0x3c, 0x00, 0xc0], &[1.0, -2.0]);
        check(
            Element::Bf16,
            false,
            &[0x80, 0x3f, 0x40, 0xc0],
            &[1.0, -3.0],
        );
        assert_eq!(Element::of_numpy(">f2"), Some((Element::F16, true)));
        for other in ["<i4", "|V2", "f4", "", "<f16"] {
            assert_eq!(Element::of_numpy(other), None, "{other}");
        }
    }
    #[test]
    fn rounding_is_half_the_way_from_1_to_the_next_number() {
        let check = |element: Element, next: &[u8]| {
            let mut found = Vec::new();
            element.decode(&mut next.to_vec(), false, &mut found);
            assert_eq!(found, [1.0 + 2.0 * element.rounding()], "{element:?}");
        };
        // The bits of 1, and one more.
        check(Element::F16, &0x3c01_u16.to_le_bytes());
        check(Element::Bf16, &0x3f81_u16.to_le_bytes());
        check(Element::F32, &1.0_f32.next_up().to_le_bytes());
        check(Element::F64, &1.0_f64.next_up().to_le_bytes());
        assert_eq!(1.0 + 2.0 * Element::Bf16.rounding(), 1.0 + 2f64.powi(-7));
    }
}
