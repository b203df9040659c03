//! Names of one part.

use sqlparser::ast::{ObjectName, ObjectNamePart};

use super::error::{At, Result, StatementError};

pub(super) fn single(name: &ObjectName) -> Result<sqlparser::ast::Ident> {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(ident)] => Ok(ident.clone()),
        _ => Err(StatementError::wrong(
            format!("`{name}` is not the name of one column"),
            At::default(),
        )),
    }
}
