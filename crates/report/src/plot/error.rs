//! Why a picture is not drawn, and what to do about it.

use sweep::PlotKind;

/// Why a picture is not drawn.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    #[error("{kind}: no column `{column}` for {channel}{near}", kind = kind.name())]
    UnknownColumn {
        kind: PlotKind,
        channel: &'static str,
        column: String,
        near: Near,
    },
    #[error("{kind}: `replicate` numbers the runs of one condition, which become `aggregate` and `band`; name another column for {channel}", kind = kind.name())]
    Repeats {
        kind: PlotKind,
        channel: &'static str,
    },
    #[error("{kind} has no {channel}; it takes {takes}", kind = kind.name())]
    Channel {
        kind: PlotKind,
        channel: &'static str,
        takes: String,
    },
    #[error("{kind} needs {column} of `{table}`, and this run has none; measure it: [measure] metrics = [..., \"{metric}\"]", kind = kind.name())]
    NotMeasured {
        kind: PlotKind,
        table: &'static str,
        column: String,
        metric: &'static str,
    },
    #[error("{kind} needs {needs}, and this run varies {varies}", kind = kind.name())]
    FewAxes {
        kind: PlotKind,
        needs: &'static str,
        varies: String,
    },
    #[error("{kind}: no row to draw: {why}", kind = kind.name())]
    Empty { kind: PlotKind, why: String },
    #[error("{kind}: `{column}` holds no numbers, which {channel} needs", kind = kind.name())]
    NotNumbers {
        kind: PlotKind,
        channel: &'static str,
        column: String,
    },
    #[error("{kind}: `where` mixes columns of `trials` ({trials}) and of `{table}` ({detail}); name those of one table", kind = kind.name())]
    MixedCondition {
        kind: PlotKind,
        table: &'static str,
        trials: String,
        detail: String,
    },
    #[error("{kind}: more than {limit} rows to draw; choose some of the trials by `where`", kind = kind.name())]
    TooManyRows { kind: PlotKind, limit: usize },
    #[error(transparent)]
    Query(#[from] table::QueryError),
    #[error(transparent)]
    Render(#[from] crate::render::RenderError),
}

/// The nearest names, as words after an error.
#[derive(Debug, Default)]
pub struct Near(pub(super) Vec<String>);

impl std::fmt::Display for Near {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let quoted: Vec<String> = self.0.iter().map(|name| format!("`{name}`")).collect();
        match quoted.as_slice() {
            [] => Ok(()),
            [one] => write!(f, "; did you mean {one}?"),
            several => write!(f, "; did you mean one of {}?", several.join(", ")),
        }
    }
}

impl Near {
    /// The names nearest to `wanted`, the best first.
    pub(super) fn to(wanted: &str, names: &[String]) -> Near {
        const SHOWN: usize = 3;
        let wanted = wanted.to_lowercase().replace(['.', '-', ' '], "_");
        let most = (wanted.chars().count() / 3).max(1);
        let mut found: Vec<(usize, &String)> = names
            .iter()
            .filter_map(|name| {
                let edits = strsim::osa_distance(&wanted, name);
                let is_part = wanted.len() >= 3 && name.contains(&wanted);
                match (edits <= most, is_part) {
                    (true, _) => Some((edits, name)),
                    (false, true) => Some((most + 1, name)),
                    (false, false) => None,
                }
            })
            .collect();
        found.sort_by_key(|(edits, name)| (*edits, name.len()));
        let names = found.into_iter().map(|(_, name)| name.clone());
        let mut near: Vec<String> = Vec::new();
        for name in names {
            if !near.contains(&name) && near.len() < SHOWN {
                near.push(name);
            }
        }
        Near(near)
    }
}

impl PlotError {
    /// Whether the request was wrong, and not the program or the machine.
    pub fn is_request_error(&self) -> bool {
        match self {
            PlotError::UnknownColumn { .. }
            | PlotError::Repeats { .. }
            | PlotError::Channel { .. }
            | PlotError::NotMeasured { .. }
            | PlotError::FewAxes { .. }
            | PlotError::Empty { .. }
            | PlotError::NotNumbers { .. }
            | PlotError::MixedCondition { .. }
            | PlotError::TooManyRows { .. } => true,
            PlotError::Query(error) => error.is_request_error(),
            PlotError::Render(_) => false,
        }
    }

    /// Whether the user has ended it.
    pub fn is_interrupted(&self) -> bool {
        matches!(self, PlotError::Query(table::QueryError::Interrupted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_offered() {
        let names: Vec<String> = ["train_loss", "test_loss", "network_depth", "init_scale"]
            .iter()
            .map(|&name| name.to_owned())
            .collect();
        let check = |wanted: &str, expected: &str| {
            assert_eq!(Near::to(wanted, &names).to_string(), expected);
        };
        check("trian_loss", "; did you mean `train_loss`?");
        check("depth", "; did you mean `network_depth`?");
        check("loss", "; did you mean one of `test_loss`, `train_loss`?");
        check("zzz", "");
    }
}
