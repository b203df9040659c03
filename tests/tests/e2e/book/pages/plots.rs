//! Every kind of plot, from the declarations.

use crate::book::generated::NOTICE;

pub(in crate::book) fn page() -> String {
    format!(
        "{NOTICE}# Kinds of plots\n\n[Plots](../guides/plots.md) shows each. A channel that is not given is chosen by what \
         the run has.\n\n{}",
        report::plot::reference()
    )
}
