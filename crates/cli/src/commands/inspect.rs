//! `parsimony inspect`: how far the law carries over to a network that was trained elsewhere.

use std::path::PathBuf;

use clap::Args;

use crate::error::CliError;
use crate::exit::Exit;
use crate::inspect::{self, Checkpoints, Pattern, Sources};
use crate::output;
use crate::render::inspection;

/// Look at checkpoints of any network: spectra, rank of the updates, and how much of them the law predicts
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony inspect run/step*.safetensors
  parsimony inspect start.npz end.npz --layers 'fc*.weight' --inputs x.npy
  parsimony inspect run/*.npz --gradient grad.npz --out looked && parsimony plot looked --kind spectrum

Files are .npz or .safetensors, ordered by the last number in their names; the first is the start. Layers are arrays of
two dimensions (outputs x inputs) or more, flattened to rows; names are sorted as people count. The leak is the share of a
layer's change outside the predicted block: 0 where the law holds, 1 where nothing of it does.")]
pub(crate) struct Inspect {
    /// Checkpoints of one network
    #[arg(required = true, value_name = "CHECKPOINT")]
    checkpoints: Vec<PathBuf>,
    /// What the network was trained on, a sample a row: the block is that of the data
    #[arg(long, value_name = "FILE", conflicts_with = "gradient")]
    inputs: Option<PathBuf>,
    /// The first gradient of the layer that the inputs go into [default: first file minus second]
    #[arg(long, value_name = "FILE")]
    gradient: Option<PathBuf>,
    /// Arrays that are layers: names with * and ?, several with commas between them [default: all]
    #[arg(long, value_name = "PATTERN")]
    layers: Option<String>,
    /// Folder of tables that `query`, `plot` and `report` take like a run folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Machine-readable output
    #[arg(long)]
    json: bool,
}

impl Inspect {
    /// Measures, writes the tables, prints a summary.
    ///
    /// # Errors
    /// [`CliError`]: files that are no checkpoints or do not fit each other, values that are not finite, a folder that
    /// holds something else.
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        let pattern = self.layers.as_deref().map(Pattern::new);
        let checkpoints = Checkpoints::open(&self.checkpoints, pattern.as_ref())?;
        let sources = Sources {
            gradient: self.gradient.clone(),
            inputs: self.inputs.clone(),
        };
        if let Some(dir) = &self.out {
            inspect::check_folder(dir)?;
        }
        for warning in inspection::warnings(&checkpoints) {
            say!("warning: {warning}");
        }
        let found = inspect::inspect(&checkpoints, &sources)?;
        let about = inspection::as_json(&checkpoints, &found);
        if let Some(dir) = &self.out {
            inspect::write(dir, &checkpoints, &found, &about)?;
            say!("tables written: see `parsimony report {}`", dir.display());
        }
        if self.json {
            output::json(&about)?;
        } else {
            output::data(&inspection::as_text(&checkpoints, &found))?;
        }
        Ok(Exit::Done)
    }
}
