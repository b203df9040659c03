//! What a run folder has numbered and done so far, read without opening the folder: also while a run writes to it.

use std::path::Path;

use sweep::IntervalSet;

use super::error::FolderError;
use super::layout::Layout;
use super::records::GenerationRecord;
use super::versions;
use crate::codec;
use crate::journal::{Inspection, Journal};

/// The generations of a run folder and its trials with a durable row.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbering {
    pub generations: Vec<GenerationRecord>,
    pub done: IntervalSet,
}

/// Reads a folder's journal. `None` where there is none that can be read, as in a folder that is no run.
///
/// # Errors
/// A journal of a newer version of the program, or of another one.
pub fn numbering(dir: &Path) -> Result<Option<Numbering>, FolderError> {
    let layout = Layout::new(dir);
    if !layout.journal().is_file() {
        return Ok(None);
    }
    let journal = Journal::open_reader(&layout.journal())?;
    if journal.inspect()? != Inspection::Ours {
        return Ok(None);
    }
    versions::refuse_newer(&layout, &journal)?;
    let runs = journal
        .commits()?
        .into_iter()
        .flat_map(|commit| commit.runs);
    Ok(Some(Numbering {
        generations: journal.generations()?,
        done: codec::union(runs.collect()),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::tests_support::run;
    use super::*;
    use crate::batch::tests::batch;

    #[test]
    fn a_folder_is_read_beside_its_owner() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(numbering(home.path()).unwrap(), None);
        let mut folder = run(&home);
        folder.commit(&batch(3..9, &[])).unwrap();
        let found = numbering(folder.dir()).unwrap().unwrap();
        assert_eq!(found.generations, folder.generations().unwrap());
        assert_eq!(found.done, folder.done().unwrap());
        assert_eq!(found.done.len(), 6);
    }
}
