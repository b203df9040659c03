//! Where a sweep's files are on the machine that runs it: where the sweep file says, or kept in a run folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::rebuild::generations;

/// The files of a sweep that is run on this machine.
///
/// Names start from the folder of the sweep file. In a run folder, which keeps the files by their content, the
/// `sweep.toml` has the names of the place where it was run from; they mean the kept files there.
#[derive(Clone, Debug)]
pub struct LocalFiles {
    base: PathBuf,
    /// Kept files of the run folder that the sweep file lies in, by the name in it.
    by_name: BTreeMap<String, PathBuf>,
    /// Where the run folder that is written to keeps files.
    kept: Option<PathBuf>,
}

impl LocalFiles {
    /// Of a sweep file in the folder `base`.
    pub fn next_to(base: PathBuf) -> LocalFiles {
        LocalFiles {
            by_name: kept_by_name(&base),
            base,
            kept: None,
        }
    }

    /// The same, for a sweep that is run into the folder `run`.
    #[must_use]
    pub fn running_in(mut self, run: &Path) -> LocalFiles {
        self.kept = Some(Layout::new(run).files());
        self
    }

    /// Where a file is, by its name in the sweep file.
    pub fn path(&self, name: &str) -> PathBuf {
        let path = self.base.join(name);
        match self.by_name.get(name) {
            Some(kept) if !path.is_file() => kept.clone(),
            _ => path,
        }
    }

    /// Where a file of that name and content is: the run folder's own copy before all others.
    pub fn path_of_content(&self, name: &str, hash: &str) -> PathBuf {
        let kept = self.kept.as_ref().map(|folder| folder.join(digits(hash)));
        match kept.filter(|kept| kept.is_file()) {
            Some(kept) => kept,
            None => self.path(name),
        }
    }
}

/// Whether a folder is a run folder or a copy of one, whose `sweep.toml` a program wrote.
pub fn is_run_folder(dir: &Path) -> bool {
    Layout::new(dir).is_run()
}

/// Hexadecimal digits alone, so that no path leaves its folder.
pub(super) fn digits(hash: &str) -> String {
    let digits = hash.strip_prefix("blake3:").unwrap_or(hash);
    digits.chars().filter(char::is_ascii_hexdigit).collect()
}

/// The files that a run folder keeps, by the names in its sweep; those of its newest generation where a name has
/// had several contents. Reads no journal, which may be another process's.
fn kept_by_name(dir: &Path) -> BTreeMap<String, PathBuf> {
    let layout = Layout::new(dir);
    if !layout.is_run() {
        return BTreeMap::new();
    }
    let generations = generations(&layout).unwrap_or_default();
    let files = generations
        .into_iter()
        .flat_map(|(generation, _)| generation.files);
    files
        .map(|(name, hash)| (name, layout.files().join(digits(&hash))))
        .filter(|(_, path)| path.is_file())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::tests_support::{generation, run};
    use super::*;

    #[test]
    fn a_run_folder_finds_its_files_by_their_names() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data.csv");
        fs::write(&data, "1,2\n").unwrap();
        let hash = format!("blake3:{}", blake3::hash(b"1,2\n").to_hex());
        let mut folder = run(&home);
        let dir = folder.dir().to_owned();
        let mut newer = generation(1);
        newer.files = vec![("../data.csv".to_owned(), hash.clone())];
        folder.store_file(&hash, &data).unwrap();
        folder.add_generation(&newer, "name = \"x\"\n").unwrap();
        let kept = folder.file_path(&hash);

        let own = LocalFiles::next_to(dir.clone());
        // The file that the name means comes first.
        assert!(own.path("../data.csv").ends_with("data.csv"));
        fs::remove_file(&data).unwrap();
        assert_eq!(own.path("../data.csv"), kept);
        assert_eq!(own.path("other.csv"), dir.join("other.csv"));

        let elsewhere = LocalFiles::next_to(home.path().to_owned());
        assert_eq!(elsewhere.path("data.csv"), data);
        assert_eq!(elsewhere.path_of_content("data.csv", &hash), data);
        let elsewhere = elsewhere.running_in(&dir);
        assert_eq!(elsewhere.path_of_content("data.csv", &hash), kept);
        assert_eq!(elsewhere.path_of_content("data.csv", "blake3:00"), data);
    }
}
