//! Opening a run folder: from text and journal to a numbered grid and what of it is done. Blocks; called on
//! threads that may.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rpc::v1;
use scheduler::SweepState;
use sweep::{Folder, Grid, Growth, Rules, SharedArrays, Spec, SweepError};
use table::{DataError, FolderError, GenerationRecord, Meta, RunFolder};

use crate::config::Config;
use crate::files;
use crate::folder_probe::FolderId;
use crate::writer::Progress;

/// A run folder that is open and understood.
pub(crate) struct RecoveredSweep {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    pub(crate) folder_id: Option<FolderId>,
    pub(crate) folder: Folder,
    pub(crate) run_folder: RunFolder,
    pub(crate) progress: Progress,
    /// Files of each generation.
    pub(crate) files: Vec<Vec<v1::FileName>>,
    /// As the journal keeps it.
    pub(crate) state: SweepState,
    pub(crate) priority: i32,
    /// Words about what was mended.
    pub(crate) notes: Vec<String>,
    pub(crate) accepted: v1::Accepted,
}

/// Key of the journal under which a sweep's state is kept.
pub(crate) const STATE: &str = "state";

/// Key of the journal under which a sweep's priority is kept.
pub(crate) const PRIORITY: &str = "priority";

/// What the sweeps of this process have read: sweeps of one data set share it.
static ARRAYS: Mutex<SharedArrays> = Mutex::new(SharedArrays::new());

#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(transparent)]
    Sweep(#[from] Box<SweepError>),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(
        "{folder} was run with other contents of a file that its sweep reads ({names}); put the file back, or choose another folder"
    )]
    FileChanged { folder: PathBuf, names: String },
    #[error("{folder} is a run folder without a sweep; delete it or choose another folder")]
    NoGeneration { folder: PathBuf },
}

/// Text of a sweep and its files.
pub(crate) struct Text {
    pub(crate) toml: String,
    pub(crate) files: Vec<v1::FileName>,
}

/// Parses a sweep and loads what it reads.
///
/// # Errors
/// [`OpenError`] where the text or a file does not fit.
pub(crate) fn grid(
    name: &str,
    toml: &str,
    resolve: impl Fn(&str) -> PathBuf,
) -> Result<Grid, OpenError> {
    let spec = Spec::parse_stored(toml, &format!("{name}.toml"), &[]).map_err(Box::new)?;
    grid_of(spec, resolve, &|| false)
}

/// As [`grid`], for a sweep that is submitted and not yet in any folder. Its data files are read under `rules`: those of
/// the folder that it grows, else the newest.
///
/// # Errors
/// As [`grid_of`].
pub(crate) fn submitted_grid(
    mut spec: Spec,
    rules: Rules,
    resolve: impl Fn(&str) -> PathBuf,
    stop: &dyn Fn() -> bool,
) -> Result<Grid, OpenError> {
    spec.reading = rules;
    grid_of(spec, resolve, stop)
}

/// How the data files of a run folder are read; `None` where there is no run folder. One that cannot be read is reported
/// by whoever opens it.
pub(crate) fn rules_of_folder(config: &Config, name: &str) -> Option<Rules> {
    let known = table::numbering(&config.layout.run_folder(name)).ok()??;
    let spec = Spec::parse_stored(&known.generations.last()?.toml, "sweep.toml", &[]);
    spec.ok().map(|spec| spec.reading)
}

/// Loads what a sweep reads, counts its trials and adds up their cost, until `stop` says that nobody wants to know.
///
/// # Errors
/// [`OpenError`] where a file does not fit or counting takes too long.
pub(crate) fn grid_of(
    spec: Spec,
    resolve: impl Fn(&str) -> PathBuf,
    stop: &dyn Fn() -> bool,
) -> Result<Grid, OpenError> {
    let arrays = table::load_arrays(&spec, resolve)?;
    let arrays = ARRAYS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .share(arrays);
    let grid = Grid::new_until(spec, arrays, stop).map_err(Box::new)?;
    // Remembered: the event loop must not wait for it.
    grid.survey_until(stop);
    if stop() {
        return Err(Box::new(SweepError::from(sweep::Mistake::Stopped)).into());
    }
    Ok(grid)
}

/// Opens a folder that holds a run, as it is.
///
/// # Errors
/// [`OpenError`].
pub(crate) fn reopen(config: &Config, name: &str) -> Result<RecoveredSweep, OpenError> {
    let dir = config.layout.run_folder(name);
    let run_folder = RunFolder::open(&dir, hook(config))?;
    opened(config, name, dir, run_folder)?.ok_or_else(|| OpenError::NoGeneration {
        folder: config.layout.run_folder(name),
    })
}

/// Opens a folder for a sweep, whose numbering in a folder of its own is `fresh`: makes it, continues it, or grows
/// it.
///
/// # Errors
/// [`OpenError`]; the folder is then as it was.
pub(crate) fn submit(
    config: &Config,
    name: &str,
    fresh: Folder,
    text: Text,
    uploaded: impl Fn(&str) -> Option<PathBuf>,
) -> Result<RecoveredSweep, OpenError> {
    let dir = config.layout.run_folder(name);
    let in_place = config.layout.files_in_place().cloned();
    let meta = Meta {
        name: name.to_owned(),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        revision: config.revision.clone(),
    };
    let mut run_folder = RunFolder::open_or_create(&dir, &meta, hook(config))?;
    for file in &text.files {
        // The folder stands alone: its files go where it goes.
        let path = match &in_place {
            Some(files) => Some(files.path(&file.name)),
            None => uploaded(&file.hash),
        };
        if let Some(path) = path {
            run_folder.store_file(&file.hash, &path)?;
        }
    }
    if run_folder.generations()?.is_empty() {
        return begun(name, dir, fresh, text, run_folder);
    }
    let mut opened = opened(config, name, dir.clone(), run_folder)?
        .ok_or(OpenError::NoGeneration { folder: dir })?;
    opened.accepted = v1::Accepted::Continued;
    let newest = under_rules_of(&opened, fresh.newest(), |file| match &in_place {
        Some(files) => files.path(file),
        None => {
            let known = text.files.iter().find(|known| known.name == file);
            known
                .and_then(|known| uploaded(&known.hash))
                .unwrap_or_else(|| PathBuf::from(file))
        }
    })?;
    let grown = opened
        .folder
        .refuse_when_new(&newest, &|| false)
        .and_then(|()| opened.folder.grow(newest));
    match grown.map_err(Box::new)? {
        Growth::Grown => {
            opened
                .run_folder
                .add_generation(&record(&opened.folder, &text.files), &text.toml)?;
            opened.files.push(text.files);
            opened.accepted = v1::Accepted::Grown;
        }
        Growth::Same => {
            let toml = with_pictures(&opened.folder, &text.toml);
            opened.run_folder.replace_sweep(&toml)?;
        }
    }
    Ok(opened)
}

/// The first generation of a folder.
fn begun(
    name: &str,
    dir: PathBuf,
    fresh: Folder,
    text: Text,
    mut run_folder: RunFolder,
) -> Result<RecoveredSweep, OpenError> {
    run_folder.add_generation(&record(&fresh, &text.files), &text.toml)?;
    let progress = Progress::of(&run_folder, fresh.verified())?;
    Ok(RecoveredSweep {
        name: name.to_owned(),
        folder_id: FolderId::of(&dir),
        dir,
        folder: fresh,
        run_folder,
        progress,
        files: vec![text.files],
        state: SweepState::Running,
        priority: 0,
        notes: Vec::new(),
        accepted: v1::Accepted::New,
    })
}

/// The sweep of a folder with the pictures of a text of the same sweep, which may be newer.
pub(crate) fn with_pictures(folder: &Folder, text: &str) -> String {
    let mut spec = folder.newest().spec().clone();
    // A text that does not read is refused before.
    if let Ok(plots) = sweep::plots_of(text, "sweep.toml") {
        spec.plots = plots;
    }
    spec.to_toml()
}

/// The grid with its data files read as those of the folder are.
fn under_rules_of(
    opened: &RecoveredSweep,
    grid: &Arc<Grid>,
    resolve: impl Fn(&str) -> PathBuf,
) -> Result<Arc<Grid>, OpenError> {
    let rules = opened.folder.newest().spec().reading;
    if grid.spec().reading == rules {
        return Ok(Arc::clone(grid));
    }
    let spec = grid.spec().clone();
    Ok(Arc::new(submitted_grid(spec, rules, resolve, &|| false)?))
}

/// Record of a folder's newest generation.
pub(crate) fn record(folder: &Folder, files: &[v1::FileName]) -> GenerationRecord {
    let number = folder.generations().len().saturating_sub(1);
    let newest = &folder.generations()[number];
    GenerationRecord {
        number: u32::try_from(number).unwrap_or(u32::MAX),
        base: newest.base,
        size: newest.grid.size(),
        toml: newest.grid.spec().to_toml(),
        hash: newest.grid.hash().to_owned(),
        files: files
            .iter()
            .map(|file| (file.name.clone(), file.hash.clone()))
            .collect(),
    }
}

fn hook(config: &Config) -> Option<fn(&str)> {
    config.fault_hook
}

/// Rebuilds the numbering from the journal. `None` where the journal knows no generation.
fn opened(
    config: &Config,
    name: &str,
    dir: PathBuf,
    run_folder: RunFolder,
) -> Result<Option<RecoveredSweep>, OpenError> {
    let mut folder: Option<Folder> = None;
    let mut all_files = Vec::new();
    for generation in run_folder.generations()? {
        let built = Arc::new(old_grid(config, name, &run_folder, &generation)?);
        if built.hash() != generation.hash {
            let names: Vec<_> = generation.files.iter().map(|f| f.0.as_str()).collect();
            return Err(OpenError::FileChanged {
                folder: dir,
                names: names.join(", "),
            });
        }
        folder = Some(match folder.take() {
            None => Folder::new(built),
            Some(mut older) => {
                older.grow(built).map_err(Box::new)?;
                older
            }
        });
        all_files.push(file_names(&run_folder, &generation));
    }
    let Some(folder) = folder else {
        return Ok(None);
    };
    let progress = Progress::of(&run_folder, folder.verified())?;
    let priority = run_folder
        .state(PRIORITY)?
        .and_then(|text| text.parse().ok());
    Ok(Some(RecoveredSweep {
        name: name.to_owned(),
        folder_id: FolderId::of(&dir),
        dir,
        folder,
        progress,
        files: all_files,
        state: SweepState::of_journal(run_folder.state(STATE)?.as_deref()),
        priority: priority.unwrap_or(0),
        notes: run_folder.repairs().to_vec(),
        run_folder,
        accepted: v1::Accepted::Continued,
    }))
}

fn old_grid(
    config: &Config,
    name: &str,
    run_folder: &RunFolder,
    generation: &GenerationRecord,
) -> Result<Grid, OpenError> {
    if config.layout.files_in_place().is_none() {
        for (file, hash) in &generation.files {
            run_folder.check_file(file, hash)?;
        }
    }
    grid(name, &generation.toml, |file| {
        let recorded = generation.files.iter().find(|(name, _)| name == file);
        if let Some(files) = config.layout.files_in_place() {
            let hash = recorded.map_or("", |(_, hash)| hash.as_str());
            return files.path_of_content(file, hash);
        }
        recorded
            .and_then(|(_, hash)| files::digits(hash).map(|_| run_folder.file_path(hash)))
            .unwrap_or_else(|| PathBuf::from(file))
    })
}

fn file_names(run_folder: &RunFolder, generation: &GenerationRecord) -> Vec<v1::FileName> {
    let size = |hash: &str| {
        std::fs::metadata(run_folder.file_path(hash)).map_or(0, |metadata| metadata.len())
    };
    generation
        .files
        .iter()
        .map(|(name, hash)| v1::FileName {
            name: name.clone(),
            hash: hash.clone(),
            size_bytes: size(hash),
        })
        .collect()
}
