//! Values of a thread's last point, which the next one mostly shares.

use sweep::Value;

#[derive(Default)]
pub(super) struct PointValues {
    /// What the parameter columns of its row hold.
    pub(super) row: Vec<Option<Value>>,
    /// What its trial is made from.
    pub(super) slots: Vec<Option<Value>>,
}
