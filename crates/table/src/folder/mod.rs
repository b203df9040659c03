//! A run folder: parts and journal, durable in that order, locked by one process.

mod attempts;
mod bare;
mod check;
mod commit;
mod disk;
mod error;
mod export;
mod fault;
mod files;
mod fit;
mod labels;
mod layout;
mod listing;
mod local_files;
mod manifest;
mod mend;
mod numbering;
mod open;
mod rebuild;
mod records;
mod run_folder;
mod upkeep;
mod versions;

pub use attempts::attempts;
pub use bare::{check_tables_folder, write_tables};
pub use check::{Checked, Finding, Kind, check_folder};
pub use error::{FolderError, Format};
pub use export::{ExportFormat, Exported, export};
pub use fault::{Hook, fault_point};
pub use files::fault_of_file;
pub(crate) use labels::setting;
pub(crate) use layout::Layout;
pub use listing::durable_files;
pub(crate) use listing::readable_parts;
pub use local_files::{LocalFiles, is_run_folder};
pub use manifest::{Listed, Manifest};
pub use numbering::{Numbering, numbering};
pub use records::{
    CommitInfo, Compaction, Counts, EndedAttempt, FailedTrial, Freed, GenerationRecord, Joining,
    Meta,
};
pub(crate) use records::{CommitRow, NewCommit, PartRow};
pub use run_folder::RunFolder;

#[cfg(test)]
pub(crate) mod tests_support {
    //! A run folder with one generation, for tests.

    use super::{GenerationRecord, Meta, RunFolder};

    pub(super) fn meta() -> Meta {
        Meta {
            name: "s".to_owned(),
            program_version: "0.0.1".to_owned(),
            revision: "abc".to_owned(),
        }
    }

    pub(super) fn generation(number: u32) -> GenerationRecord {
        GenerationRecord {
            number,
            base: u64::from(number) * 1000,
            size: 1000,
            toml: format!("name = \"s\" # {number}"),
            hash: format!("hash-{number}"),
            files: vec![("data.csv".to_owned(), format!("blake3:{}", "0a".repeat(32)))],
        }
    }

    pub(crate) fn run(home: &tempfile::TempDir) -> RunFolder {
        let dir = home.path().join("folder");
        let mut folder = RunFolder::create(&dir, &meta(), None).unwrap();
        folder
            .add_generation(&generation(0), "name = \"s\"")
            .unwrap();
        folder
    }
}
