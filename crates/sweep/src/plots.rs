//! Pictures that a sweep file asks for: what a `[[plot]]` can say, as plain data.
//!
//! The grammar is in `spec/plots.rs`. What a kind draws, and whether its columns are there, is the business of
//! `report`: a picture is no part of the grid or of a trial's identity.

use crate::error::Place;

/// Pictures of a sweep file: each is drawn one after the other, and nobody looks at more.
pub const MAX_PLOTS: usize = 64;

/// Longest text of a key of `[[plot]]`: a condition or a title that a person writes.
pub const MAX_PLOT_TEXT: usize = 2000;

/// Declares an enum without fields: each value has a name in files and on the command line, and a line of words.
macro_rules! names {
    (
        $(#[$of_all:meta])*
        pub enum $Enum:ident { $($Value:ident = $name:literal, $words:literal;)+ }
    ) => {
        $(#[$of_all])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $Enum { $(#[doc = $words] $Value,)+ }

        impl $Enum {
            /// Every value, in the order of the declaration.
            pub const ALL: &'static [$Enum] = &[$($Enum::$Value),+];

            /// The names of [`Self::ALL`].
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The name in files and on the command line.
            pub fn name(self) -> &'static str {
                match self { $($Enum::$Value => $name,)+ }
            }

            /// What it is, in a line.
            pub fn words(self) -> &'static str {
                match self { $($Enum::$Value => $words,)+ }
            }

            /// The value of that name.
            pub fn named(name: &str) -> Option<$Enum> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }
    };
}

names! {
    /// What a picture shows.
    pub enum PlotKind {
        Curves = "curves", "a metric over the steps of training, a line for each condition";
        Line = "line", "a final metric over one axis, a line for each condition";
        Heatmap = "heatmap", "a final metric over two axes, with contours where both are numbers";
        Spectrum = "spectrum", "singular values over the steps of training, a line for each index";
        Angles = "angles", "angles of singular vectors against step 1, over the steps of training";
        Separation = "separation", "separation of the classes over the layers, with a fitted line";
        Scatter = "scatter", "two columns against each other, with the Pareto front";
        Parallel = "parallel", "every axis and the result side by side, a line for each condition";
        Importance = "importance", "share of the variance of a result that each axis explains";
        Distribution = "distribution", "quartiles and single trials of a result, for each condition";
    }
}

names! {
    /// What stands for the trials of one condition.
    pub enum Aggregate {
        Median = "median", "the middle value";
        Mean = "mean", "the mean";
        Min = "min", "the smallest";
        Max = "max", "the largest";
    }
}

names! {
    /// The spread of the trials of one condition, drawn around what stands for them.
    pub enum Band {
        Iqr = "iqr", "from the first to the third quartile";
        MinMax = "minmax", "from the smallest to the largest";
        Ci95 = "ci95", "95 % confidence interval of the mean, from Student's t";
        Off = "none", "no band";
    }
}

names! {
    /// A scale that can be logarithmic.
    pub enum LogScale {
        X = "x", "the horizontal axis";
        Y = "y", "the vertical axis";
        Value = "value", "the value: the vertical axis of lines, the colour of a heat map";
    }
}

/// A picture that a file or a command line asks for. What is not given is chosen by what the tables hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Name of its file.
    pub name: String,
    pub kind: PlotKind,
    pub x: Option<String>,
    pub y: Option<String>,
    pub value: Option<String>,
    /// One column, or several with commas between them.
    pub color: Option<String>,
    pub facet: Option<String>,
    pub aggregate: Option<Aggregate>,
    pub band: Option<Band>,
    /// SQL.
    pub condition: Option<String>,
    /// `None`: chosen by the values.
    pub log: Option<Vec<LogScale>>,
    pub title: Option<String>,
    /// Where each key is written.
    pub places: PlotPlaces,
}

/// Where the keys of a `[[plot]]` are written; nothing for a plot of the command line. Does not take part in
/// comparisons.
#[derive(Clone, Debug, Default)]
pub struct PlotPlaces(pub(crate) Vec<(&'static str, Place)>);

impl PartialEq for PlotPlaces {
    fn eq(&self, _: &PlotPlaces) -> bool {
        true
    }
}

impl Plot {
    /// A picture of which nothing but the kind is given.
    pub fn of(kind: PlotKind) -> Plot {
        Plot {
            name: kind.name().to_owned(),
            kind,
            x: None,
            y: None,
            value: None,
            color: None,
            facet: None,
            aggregate: None,
            band: None,
            condition: None,
            log: None,
            title: None,
            places: PlotPlaces::default(),
        }
    }

    /// Where the value of a key is written.
    pub fn place(&self, key: &str) -> Option<Place> {
        let found = self.places.0.iter().find(|(name, _)| *name == key);
        found.map(|(_, place)| place.clone())
    }

    /// The keys that name columns, with what they name.
    pub fn columns(&self) -> [(&'static str, Option<&str>); 5] {
        [
            ("x", self.x.as_deref()),
            ("y", self.y.as_deref()),
            ("value", self.value.as_deref()),
            ("color", self.color.as_deref()),
            ("facet", self.facet.as_deref()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_values() {
        for &kind in PlotKind::ALL {
            assert_eq!(PlotKind::named(kind.name()), Some(kind));
            assert!(!kind.words().is_empty());
        }
        assert_eq!(PlotKind::NAMES.len(), PlotKind::ALL.len());
        assert_eq!(Band::named("none"), Some(Band::Off));
        assert_eq!(Aggregate::named("mode"), None);
        assert_eq!(LogScale::named("value"), Some(LogScale::Value));
    }
}
