//! Warnings of certificates that end.

use std::path::Path;

use rpc::validity::Validity;

/// Warns of a certificate that has ended, or will before long.
pub(crate) fn warn(path: &Path, standing: &Validity) {
    let path = path.display();
    let cure = "renew it with `parsimony certs DIR --renew --host NAME`";
    match standing {
        Validity::Good => {}
        Validity::EndsSoon { on, days } => {
            say!("warning: {path} ends on {on}, in {days} days; {cure}");
        }
        Validity::Expired { on } => say!("warning: {path} ended on {on}; {cure}"),
    }
}
