//! The sizes of the data of a point: for each the places that it can come from, the first that is there being taken.

use super::id::Id;
use super::lookup::Lookup;
use crate::refs::{ArrayRef, Arrays, Role};

/// A size, by the places that it can come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size(&'static [SizeSource]);

/// Where a size can come from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum SizeSource {
    /// Of the array of the file that the key names.
    Rows(Id, Role),
    Columns(Id, Role),
    /// The value of the key.
    Key(Id),
    /// A field of the key's table.
    Field(Id, &'static str),
    Product(Id, Id),
}

/// `d_x`: of the file that is read, else as set.
pub const INPUTS_DIM: Size = Size(&[
    SizeSource::Columns(Id::ProblemTarget, Role::Target),
    SizeSource::Rows(Id::ProblemInputs, Role::Inputs),
    SizeSource::Key(Id::ProblemInputsDim),
    SizeSource::Key(Id::ProblemDim),
]);

/// `d_y`: of the file that is read, the number of classes, else as set.
pub const OUTPUTS_DIM: Size = Size(&[
    SizeSource::Rows(Id::ProblemTarget, Role::Target),
    SizeSource::Rows(Id::ProblemLabels, Role::Labels),
    SizeSource::Rows(Id::ProblemTargets, Role::Targets),
    SizeSource::Key(Id::ProblemClasses),
    SizeSource::Key(Id::ProblemOutputsDim),
    SizeSource::Key(Id::ProblemDim),
]);

/// Number of samples there are, whether trained on, tested on or neither: of the inputs' file, the labels' or
/// targets' file, the classes, else the count of the drawn inputs. None where a matrix is fitted.
pub const SAMPLE_COUNT: Size = Size(&[
    SizeSource::Columns(Id::ProblemInputs, Role::Inputs),
    SizeSource::Columns(Id::ProblemLabels, Role::Labels),
    SizeSource::Columns(Id::ProblemTargets, Role::Targets),
    SizeSource::Product(Id::ProblemClasses, Id::ProblemSamplesPerClass),
    SizeSource::Field(Id::ProblemInputs, "count"),
]);

impl Size {
    /// `None` if nothing sets it, or if the file that does is not in `arrays`.
    pub fn of(&self, values: &Lookup<'_>, arrays: &Arrays) -> Option<u64> {
        self.0
            .iter()
            .find_map(|source| source.look(values, arrays))
            .flatten()
    }

    /// The keys that it can come from.
    pub(crate) fn reads(&self) -> impl Iterator<Item = Id> + use<> {
        self.0.iter().flat_map(|source| match *source {
            SizeSource::Rows(id, _) | SizeSource::Columns(id, _) => [id, id],
            SizeSource::Key(id) | SizeSource::Field(id, _) => [id, id],
            SizeSource::Product(one, other) => [one, other],
        })
    }
}

impl SizeSource {
    /// `None`: not from here. `Some(None)`: from a file that is not loaded, or no size at all.
    fn look(&self, values: &Lookup<'_>, arrays: &Arrays) -> Option<Option<u64>> {
        let shape = |id: Id, role: Role| {
            let array = ArrayRef::of(role, values.get(id)?)?;
            Some(arrays.shape(&array))
        };
        let size = |number: i64| u64::try_from(number).ok();
        match *self {
            SizeSource::Rows(id, role) => Some(shape(id, role)?.map(|(rows, _)| rows)),
            SizeSource::Columns(id, role) => Some(shape(id, role)?.map(|(_, columns)| columns)),
            SizeSource::Key(id) => values.int(id).map(size),
            SizeSource::Field(id, name) => Some(values.field(id, name)?.as_int().and_then(size)),
            SizeSource::Product(one, other) => {
                let (one, other) = values.int(one).zip(values.int(other))?;
                Some(one.checked_mul(other).and_then(size))
            }
        }
    }
}

/// The keys that name files, and how each is read.
pub(crate) const FILES: &[(Id, Role)] = &[
    (Id::ProblemTarget, Role::Target),
    (Id::ProblemMask, Role::Mask),
    (Id::ProblemLabels, Role::Labels),
    (Id::ProblemTargets, Role::Targets),
    (Id::ProblemInputs, Role::Inputs),
    (Id::InitWeights, Role::Weights),
];
