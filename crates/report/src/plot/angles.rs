//! `angles`: angles of singular vectors against step 1, over the steps of training.

use sweep::PlotKind;
use table::TableName;

use super::Declaration;
use super::spectrum::over_steps;

pub(super) const KIND: Declaration = Declaration {
    kind: PlotKind::Angles,
    detail: TableName::Spectra,
    channels: &[
        ("x", "step"),
        ("value", "left_angle"),
        ("color", "index"),
        (
            "facet",
            "the first axis, for layer 1; layer, where nothing is swept",
        ),
    ],
    needs: "the metric angles",
    fits: |tables| tables.has_values(TableName::Spectra, "left_angle"),
    draw: |tables, plot, look| over_steps(tables, plot, look, "left_angle", 1),
};
