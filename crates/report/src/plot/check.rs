//! Whether the pictures of a sweep file name columns that there are: said when the sweep is planned, with its line.

use sweep::{Mistake, Spec, SweepError};
use table::{TableName, schema};

use super::declaration;
use super::error::Near;
use super::expression::{self, Known};
use super::tables::REPLICATE;

/// Refuses a picture that no run of the sweep can have.
///
/// # Errors
/// The first wrong name, with its place.
pub fn check(spec: &Spec) -> Result<(), SweepError> {
    let columns = |table: TableName| -> Vec<String> {
        let names = schema(table);
        names.iter_names().map(|name| name.to_string()).collect()
    };
    let trials = columns(TableName::Trials);
    for plot in &spec.plots {
        let declared = declaration(plot.kind);
        let detail = columns(declared.detail);
        let known = Known {
            trials: &trials,
            detail: &detail,
        };
        for (channel, text) in plot.columns() {
            let Some(text) = text else { continue };
            let key = format!("plot.{channel}");
            let error = |mistake: Mistake| SweepError::new(mistake).at(plot.place(channel));
            if !declared.channels.iter().any(|(name, _)| *name == channel) {
                let names: Vec<&str> = declared.channels.iter().map(|(name, _)| *name).collect();
                let mistake = Mistake::UnknownKey { key };
                let words = format!("{} takes {}", plot.kind.name(), names.join(", "));
                return Err(error(mistake).help(words));
            }
            for part in expression::split(text) {
                let read = expression::read(part, &known);
                let own = read.map_err(|found| {
                    let near = Near::to(&found, &known.names()).to_string();
                    let help = near.trim_start_matches("; ").to_owned();
                    let mistake = Mistake::UnknownName {
                        key: key.clone(),
                        found,
                    };
                    let words = "`parsimony query RUN \"DESCRIBE trials\"` lists the columns";
                    error(mistake).help(if help.is_empty() {
                        words.to_owned()
                    } else {
                        help
                    })
                })?;
                if own.sql == REPLICATE && matches!(channel, "x" | "color" | "facet") {
                    let mistake = Mistake::OutOfBounds {
                        key,
                        found: format!("'{REPLICATE}'"),
                        allowed:
                            "a column that makes conditions: replicates become `aggregate` and `band`"
                                .to_owned(),
                    };
                    return Err(error(mistake));
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(plot: &str) -> Result<(), SweepError> {
        let text = format!("name = \"s\"\n[problem]\ndim = 4\n[[plot]]\n{plot}\n");
        check(&Spec::parse(&text, "s.toml", &[]).unwrap())
    }

    #[test]
    fn wrong_names_are_refused_at_their_line() {
        let refused = |plot: &str, message: &str, help: &str| {
            let error = read(plot).unwrap_err();
            assert_eq!(error.place().map(|place| place.line_column().0), Some(6));
            assert!(error.message().contains(message), "{error}");
            assert!(
                error.help_text().unwrap_or_default().contains(help),
                "{error}"
            );
        };
        assert_eq!(read("kind = \"line\"\nx = \"network.depth\""), Ok(()));
        assert_eq!(read("kind = \"separation\"\nx = \"layer\""), Ok(()));
        assert_eq!(
            read("kind = \"line\"\nvalue = \"train_loss / steps\""),
            Ok(())
        );
        refused(
            "kind = \"line\"\nx = \"netwrok_depth\"",
            "unknown value 'netwrok_depth' of `plot.x`",
            "did you mean one of `network_depth`",
        );
        refused(
            "kind = \"line\"\nx = \"layer\"",
            "unknown value 'layer'",
            "",
        );
        refused(
            "kind = \"line\"\ny = \"step\"",
            "unknown key `plot.y`",
            "line takes x, value, color, facet",
        );
        refused(
            "kind = \"line\"\ncolor = \"replicate\"",
            "`plot.color` is 'replicate'",
            "",
        );
    }
}
