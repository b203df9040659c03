//! What `inspect` found: a table of the layers at the last checkpoint, and a sentence on each.

use serde_json::{Value, json};

use super::table::{Column, columns};
use crate::inspect::{BlockKind, Checkpoints, Inspection, LayerMeasured, files_json};

/// The law holds at a leak up to this: rounding and a finite step leave less in linear and tanh networks.
const HOLDS: f64 = 0.01;

/// It nearly holds up to this: smooth activations stay below, kinked ones are at half and more.
const NEARLY: f64 = 0.15;

/// Where a random block of the size leaves less than this outside, a small leak says nothing.
const CHANCE: f64 = 0.5;

/// What the leak of a layer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// No leak is known.
    None,
    /// The block is the whole layer.
    Empty,
    /// A random block of that size holds most of a change.
    Large,
    /// The block comes from the update that would be judged.
    Own,
    Holds,
    Nearly,
    DoesNot,
}

impl Verdict {
    fn of(layer: &LayerMeasured) -> Verdict {
        let last = layer.last();
        let leak = last.and_then(|step| step.leak);
        let chance = last.and_then(|step| step.chance).unwrap_or(1.0);
        match (leak, layer.block) {
            (None, _) | (_, None) => Verdict::None,
            (Some(_), Some((_, _, true))) => Verdict::Empty,
            (Some(_), _) if chance < CHANCE => Verdict::Large,
            (Some(_), _) if layer.is_own => Verdict::Own,
            (Some(leak), _) if leak <= HOLDS => Verdict::Holds,
            (Some(leak), _) if leak <= NEARLY => Verdict::Nearly,
            (Some(_), _) => Verdict::DoesNot,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Verdict::None => "no leak is known",
            Verdict::Empty => "the block is the whole layer: no verdict",
            Verdict::Large => "a random block of that size holds most of a change: no verdict",
            Verdict::Own => "the block comes from this very update: no verdict",
            Verdict::Holds => "the law holds",
            Verdict::Nearly => "the law nearly holds",
            Verdict::DoesNot => "the law does not hold",
        }
    }
}

/// What is odd about the files.
pub(crate) fn warnings(checkpoints: &Checkpoints) -> Vec<String> {
    let mut found = Vec::new();
    if checkpoints.by_position && checkpoints.files.len() > 1 {
        found.push(
            "the names of the files do not hold a number of their own each; steps are positions, counted from 0"
                .to_owned(),
        );
    }
    found
}

/// The summary.
pub(crate) fn as_text(checkpoints: &Checkpoints, found: &Inspection) -> String {
    let (first, last) = checkpoints.ends();
    let mut text = format!(
        "{} of {}, steps {first} to {last}; the figures below are those of step {last}\n",
        counted(checkpoints.layers.len(), "layer"),
        counted(checkpoints.files.len(), "checkpoint"),
    );
    for note in notes(found) {
        text += &format!("{note}\n");
    }
    text += "\n";
    text += &table(found);
    text += "\n";
    for (number, layer) in (1..).zip(&found.layers) {
        text += &format!("{}\n", sentence(number, layer));
    }
    text += &format!("verdict: {}\n", overall(found));
    text
}

fn table(found: &Inspection) -> String {
    let header = [
        Column::Number("LAYER"),
        Column::Text("NAME"),
        Column::Text("SHAPE"),
        Column::Number("LARGEST"),
        Column::Number("EFFECTIVE"),
        Column::Number("STABLE"),
        Column::Number("UPDATE RANK"),
        Column::Number("EFFECTIVE"),
        Column::Text("BLOCK"),
        Column::Number("LEAK"),
        Column::Number("BEST"),
        Column::Number("CHANCE"),
    ];
    let rows: Vec<Vec<String>> = (1..)
        .zip(&found.layers)
        .map(|(number, layer): (usize, _)| row(number, layer))
        .collect();
    columns(&header, &rows)
}

fn row(number: usize, layer: &LayerMeasured) -> Vec<String> {
    let last = layer.last();
    let of = |value: Option<f64>, digits: usize| match value {
        Some(value) => format!("{value:.digits$}"),
        None => "-".to_owned(),
    };
    let largest = last.and_then(|step| step.values.first());
    let (m, n) = layer.weights.matrix;
    vec![
        number.to_string(),
        layer.weights.name.clone(),
        format!("{m} x {n}"),
        largest.map_or_else(|| "-".to_owned(), |value| format!("{:.4}", value.value)),
        of(last.and_then(|step| step.ranks.effective), 1),
        of(last.and_then(|step| step.ranks.stable), 1),
        last.and_then(|step| step.update_rank)
            .map_or_else(|| "-".to_owned(), |rank| rank.to_string()),
        of(last.and_then(|step| step.update_ranks.effective), 1),
        layer.block.map_or_else(
            || "-".to_owned(),
            |(above, below, _)| format!("{above} x {below}"),
        ),
        of(last.and_then(|step| step.leak), 3),
        of(last.and_then(|step| step.best), 3),
        of(last.and_then(|step| step.chance), 3),
    ]
}

/// Where the block comes from, and what is not exact.
fn notes(found: &Inspection) -> Vec<String> {
    let mut notes = Vec::new();
    match &found.block {
        Some(BlockKind::Data) => {
            notes.push("block: the range of the inputs, closed through the first file's weights".to_owned());
        }
        Some(BlockKind::Gradient) => {
            notes.push("block: from the gradient in the file, closed through the first file's weights".to_owned());
        }
        Some(BlockKind::FirstUpdate { steps: Some(1) }) => notes.push(
            "block: from the first file minus the second, which is the first gradient under plain gradient descent"
                .to_owned(),
        ),
        Some(BlockKind::FirstUpdate { steps: None }) => notes.push(
            "block: from the first file minus the second, which is the first gradient if one step of plain gradient \
             descent lies between them; the names do not say"
                .to_owned(),
        ),
        Some(BlockKind::FirstUpdate { steps: Some(steps) }) => notes.push(format!(
            "block: from the first file minus the second, {steps} steps later, in place of the first gradient; a \
             checkpoint after one step of plain gradient descent, or --gradient, is exact"
        )),
        None => {}
    }
    if let Some(why) = &found.why_no_block {
        notes.push(format!("no block: {why}"));
    }
    if let Some(kept) = found.kept {
        notes.push(format!(
            "the tables hold the {kept} largest values of each spectrum"
        ));
    }
    let errors = found.layers.iter().flat_map(|layer| &layer.steps);
    let errors = errors.flat_map(|step| step.errors).flatten();
    if let Some(worst) = errors.reduce(f64::max) {
        notes.push(format!(
            "large matrices: the leading values come from a random sketch; a true value is within {worst:.1e} of the \
             largest from each"
        ));
    }
    notes
}

fn sentence(number: usize, layer: &LayerMeasured) -> String {
    let verdict = Verdict::of(layer);
    let name = &layer.weights.name;
    let leak = layer.last().and_then(|step| step.leak);
    let against = match (leak, layer.last()) {
        (Some(leak), Some(step)) => {
            let best = step.best.map_or_else(String::new, |best| {
                format!(", {best:.3} outside the best block of that size")
            });
            let chance = step.chance.unwrap_or(1.0);
            format!(
                ": {leak:.3} of its change lies outside the predicted block{best}, {chance:.3} outside a random one"
            )
        }
        _ => String::new(),
    };
    format!("layer {number} ({name}): {}{against}", verdict.words())
}

/// One sentence on the network, with the thresholds.
fn overall(found: &Inspection) -> String {
    let worst = found.layers.iter().map(Verdict::of).max();
    let thresholds = format!(
        "(the law holds up to a leak of {HOLDS}, nearly up to {NEARLY}, of every layer that has a verdict)"
    );
    match worst.unwrap_or(Verdict::None) {
        Verdict::None => {
            "none; a leak needs two checkpoints of layers that follow one another".to_owned()
        }
        Verdict::Empty => {
            "none; the block is the whole network: the start is not orthogonal, or the layers are narrow"
                .to_owned()
        }
        Verdict::Large => format!(
            "none; random blocks of these sizes leave less than {CHANCE} of a change outside, so a small leak says nothing"
        ),
        Verdict::Own => {
            "none; the block comes from the update that would be judged: add a checkpoint after one step, or --gradient"
                .to_owned()
        }
        verdict @ (Verdict::Holds | Verdict::Nearly | Verdict::DoesNot) => {
            format!("{} {thresholds}", verdict.words())
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    report::words::counted(count as u64, what)
}

/// Under names that stay; also kept with the tables, which number the layers.
pub(crate) fn as_json(checkpoints: &Checkpoints, found: &Inspection) -> Value {
    let layers = (1..).zip(&found.layers).map(|(number, layer): (u64, _)| {
        let last = layer.last();
        let sizes = layer.block.map(|(above, below, _)| json!([above, below]));
        json!({
            "layer": number,
            "name": layer.weights.name,
            "shape": layer.weights.shape,
            "block": sizes,
            "effective_rank": last.and_then(|step| step.ranks.effective),
            "stable_rank": last.and_then(|step| step.ranks.stable),
            "update_rank": last.and_then(|step| step.update_rank),
            "update_effective_rank": last.and_then(|step| step.update_ranks.effective),
            "leak": last.and_then(|step| step.leak),
            "leak_best": last.and_then(|step| step.best),
            "leak_chance": last.and_then(|step| step.chance),
            "sketch_error": last.and_then(|step| step.errors[0]),
            "update_sketch_error": last.and_then(|step| step.errors[1]),
            "verdict": Verdict::of(layer).words(),
        })
    });
    json!({
        "checkpoints": files_json(checkpoints),
        "layers": layers.collect::<Vec<_>>(),
        "notes": notes(found),
        "verdict": overall(found),
        "thresholds": { "holds": HOLDS, "nearly": NEARLY },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::Weights;

    fn layer(leak: Option<f64>, whole: bool) -> LayerMeasured {
        let step = crate::inspect::StepMeasured {
            leak,
            chance: leak.map(|_| 0.9),
            ..Default::default()
        };
        LayerMeasured {
            weights: Weights {
                name: "w".to_owned(),
                shape: vec![3, 4],
                matrix: (3, 4),
                element: table::Element::F64,
            },
            block: leak.map(|_| (1, 1, whole)),
            is_own: false,
            steps: vec![step],
        }
    }

    #[test]
    fn verdicts_follow_the_thresholds() {
        let check = |leak, whole, expected| {
            assert_eq!(Verdict::of(&layer(leak, whole)), expected);
        };
        check(None, false, Verdict::None);
        check(Some(0.0), true, Verdict::Empty);
        check(Some(0.0), false, Verdict::Holds);
        check(Some(0.03), false, Verdict::Nearly);
        check(Some(0.6), false, Verdict::DoesNot);
    }

    fn inspection(layers: Vec<LayerMeasured>) -> Inspection {
        Inspection {
            layers,
            block: Some(BlockKind::Gradient),
            why_no_block: None,
            kept: None,
        }
    }

    #[test]
    fn a_leak_that_chance_explains_or_that_is_judged_by_itself_is_no_verdict() {
        let check = |found: LayerMeasured, expected, words: &str| {
            assert_eq!(Verdict::of(&found), expected);
            let text = overall(&inspection(vec![found]));
            assert!(text.starts_with("none; ") && text.contains(words), "{text}");
        };
        let mut large = layer(Some(0.005), false);
        large.steps[0].chance = Some(0.3);
        check(large, Verdict::Large, "random blocks of these sizes");
        let mut own = layer(Some(0.0), false);
        own.is_own = true;
        check(own, Verdict::Own, "--gradient");
        let whole = layer(Some(0.0), true);
        check(whole, Verdict::Empty, "or the layers are narrow");
        // The other layers are judged.
        let mut own = layer(Some(0.0), false);
        own.is_own = true;
        let both = inspection(vec![own, layer(Some(0.6), false)]);
        assert!(overall(&both).contains("does not hold"));
    }

    #[test]
    fn the_network_is_as_good_as_its_worst_layer() {
        let of = |leaks: &[f64]| {
            let layers = leaks.iter().map(|&leak| layer(Some(leak), false));
            overall(&inspection(layers.collect()))
        };
        assert!(of(&[0.0, 0.001]).contains("the law holds"));
        assert!(of(&[0.0, 0.1]).contains("nearly"));
        assert!(of(&[0.5, 0.0]).contains("does not hold"));
        assert!(of(&[]).contains("none"));
    }
}
