//! Truth that is known, or perhaps not known yet: what conditions are evaluated to.
//!
//! A condition is read once and evaluated over one point (`bool`) or over what is known of many (`Option<bool>`, the
//! logic of Kleene). Both go through [`Truth`], so that they cannot differ.

/// True, false, or not known yet.
pub(crate) trait Truth: Copy {
    fn of(known: bool) -> Self;

    /// `None`: not known yet.
    fn known(self) -> Option<bool>;

    #[must_use]
    fn opposite(self) -> Self {
        self.known().map_or(self, |known| Self::of(!known))
    }

    /// True if every part is; a part that is false decides.
    fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        fold(parts, true)
    }

    /// True if some part is; a part that is true decides.
    fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        fold(parts, false)
    }
}

/// The first part that is the opposite of `neutral`, else one that is not known, else `neutral`.
fn fold<T: Truth>(parts: impl IntoIterator<Item = T>, neutral: bool) -> T {
    let mut result = T::of(neutral);
    for part in parts {
        match part.known() {
            Some(known) if known == neutral => {}
            Some(_) => return part,
            None => result = part,
        }
    }
    result
}

impl Truth for bool {
    fn of(known: bool) -> bool {
        known
    }

    fn known(self) -> Option<bool> {
        Some(self)
    }
}

impl Truth for Option<bool> {
    fn of(known: bool) -> Option<bool> {
        Some(known)
    }

    fn known(self) -> Option<bool> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_decides_nothing() {
        let (yes, no, open) = (Some(true), Some(false), None);
        let check = |parts: &[Option<bool>], all, any| {
            let parts = || parts.iter().copied();
            assert_eq!((Truth::all(parts()), Truth::any(parts())), (all, any));
            let known: Option<Vec<bool>> = parts().collect();
            if let Some(known) = known {
                assert_eq!(Some(bool::all(known.iter().copied())), all);
                assert_eq!(Some(bool::any(known)), any);
            }
        };
        check(&[], yes, no);
        check(&[yes, no], no, yes);
        check(&[open, no], no, open);
        check(&[open, yes], open, yes);
        check(&[yes, open], open, yes);
        assert_eq!((yes.opposite(), open.opposite()), (no, open));
        assert!(!true.opposite());
    }
}
