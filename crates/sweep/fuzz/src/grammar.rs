//! Text that claims to be a sweep file: reading it ends with an answer; a sweep that is taken survives being
//! written and read again, and its points are numbered, looked up and turned into trials without contradiction.

use sweep::{Arrays, Grid, Spec, SweepError};

/// Points that are checked in one grid.
const POINTS: usize = 32;

pub fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // What follows a NUL are settings as `--set` gives them, one after each NUL.
    let mut parts = text.split('\0');
    let toml = parts.next().unwrap_or_default();
    let sets: Vec<String> = parts.map(str::to_owned).collect();
    let spec = match Spec::parse(toml, "fuzz.toml", &sets) {
        Ok(spec) => spec,
        Err(error) => {
            // The place that it names is there.
            shown(&error);
            return;
        }
    };
    let written = spec.to_toml();
    let again = Spec::parse_stored(&written, "again.toml", &[]).expect("what is written reads");
    assert!(
        again == spec,
        "written and read again it is another sweep:\n{written}"
    );
    spec.warnings();
    let grid = match Grid::new(spec, Arrays::new()) {
        Ok(grid) => grid,
        Err(error) => {
            shown(&error);
            return;
        }
    };
    let mut from = 0;
    let mut seen = 0;
    while seen < POINTS
        && let Some(index) = grid.next_kept(from, grid.size())
    {
        let point = grid.point(index).expect("it is below the size");
        assert!(grid.kept(index));
        assert_eq!(grid.locate(&point), Some(index));
        assert_eq!(
            grid.id_of(index).expect("it has an id").as_str(),
            point.id()
        );
        assert!(grid.cost(index).seconds >= 0.0);
        assert!(grid.constant_run(index) > index);
        if let Err(error) = grid.trial(index) {
            shown(&error);
        }
        from = index + 1;
        seen += 1;
    }
    let count = grid.count();
    assert!(count >= seen as u64 && count <= grid.size());
    assert!(seen == POINTS || count == seen as u64);
}

/// What whoever draws an error asks of it.
fn shown(error: &SweepError) {
    assert!(!error.message().is_empty());
    error.excerpt();
}
