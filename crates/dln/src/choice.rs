//! How a choice of the experiment is declared: once, with its values, their names and a line of words each.
//!
//! Sweep files, help, tables and errors read the declaration. What a value does is a method beside it, which matches
//! on every value, so that the compiler names what a new one lacks.

/// Declares an enum without fields whose values have names in sweep files.
///
/// The doc comment of a value is its line of words; a note in parentheses stands after its name in the help of a key.
macro_rules! choice {
    (
        $(#[$of_all:meta])*
        $vis:vis enum $Choice:ident {
            $(#[doc = $first_words:literal])+
            $First:ident = $first_name:literal $(($first_note:literal))?
            $(, $(#[doc = $words:literal])+ $Value:ident = $name:literal $(($note:literal))?)* $(,)?
        }
    ) => {
        $(#[$of_all])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $Choice {
            $(#[doc = $first_words])+
            $First,
            $($(#[doc = $words])+ $Value,)*
        }

        impl $Choice {
            /// Every value, in the order of the declaration.
            $vis const ALL: &'static [$Choice] = &[$Choice::$First, $($Choice::$Value),*];

            /// The names of [`Self::ALL`].
            $vis const NAMES: &'static [&'static str] = &[$first_name, $($name),*];

            /// Names with their notes, as the help of a key lists them.
            $vis const HELP: &'static str = concat!(
                $first_name $(, " (", $first_note, ")")?
                $(, " | ", $name $(, " (", $note, ")")?)*
            );

            /// The name in sweep files and tables.
            $vis const fn name(self) -> &'static str {
                Self::NAMES[self as usize]
            }

            /// What it is, in a line.
            $vis const fn words(self) -> &'static str {
                const WORDS: &[&str] = &[
                    concat!($($first_words),+).trim_ascii(),
                    $(concat!($($words),+).trim_ascii()),*
                ];
                WORDS[self as usize]
            }

            /// The value of that name.
            $vis fn named(name: &str) -> Option<$Choice> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }
    };
}

pub(crate) use choice;

#[cfg(test)]
mod tests {
    choice! {
        /// For this test.
        enum Colour {
            /// Like blood.
            Red = "red",
            /// Like the sky,
            /// by day.
            Blue = "blue" ("or not"),
        }
    }

    #[test]
    fn a_declaration_says_everything() {
        assert_eq!(Colour::ALL, [Colour::Red, Colour::Blue]);
        assert_eq!(Colour::NAMES, ["red", "blue"]);
        assert_eq!(Colour::HELP, "red | blue (or not)");
        assert_eq!(Colour::Blue.words(), "Like the sky, by day.");
        assert_eq!(Colour::Red.words(), "Like blood.");
        for &colour in Colour::ALL {
            assert_eq!(Colour::named(colour.name()), Some(colour));
        }
        assert_eq!(Colour::named("green"), None);
    }
}
