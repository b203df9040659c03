//! Every key of the sweep file, from the reference that the declarations give.

use crate::book::generated::NOTICE;

pub(in crate::book) fn page() -> String {
    format!("{NOTICE}{}", sweep::reference())
}
