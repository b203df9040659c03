//! Names that other programs give to keys of this one, for the hint after an unknown key.

use super::keys;
use crate::error::{did_you_mean, nearest};

/// Last parts of names, and the key that they mean.
const SYNONYMS: &[(&[&str], &str)] = &[
    (
        &[
            "lr",
            "learning_rate",
            "learningrate",
            "eta",
            "step_size",
            "stepsize",
            "eta0",
        ],
        "optimizer.rate",
    ),
    (&["optimizer", "algorithm", "solver"], "optimizer.kind"),
    (&["wd", "l2", "decay"], "optimizer.weight_decay"),
    (&["beta", "beta1", "mu"], "optimizer.momentum"),
    (
        &["scheduler", "lr_schedule", "lr_scheduler", "warmup"],
        "optimizer.schedule",
    ),
    (
        &[
            "epochs",
            "epoch",
            "n_epochs",
            "num_epochs",
            "max_epochs",
            "iterations",
            "iters",
            "n_iter",
            "max_iter",
            "num_iterations",
            "num_steps",
            "n_steps",
            "max_steps",
            "updates",
        ],
        "train.steps",
    ),
    (
        &[
            "hidden",
            "hidden_size",
            "hidden_dim",
            "hidden_sizes",
            "hidden_dims",
            "hidden_width",
            "hidden_units",
            "n_hidden",
            "num_hidden",
            "units",
            "neurons",
            "d_hidden",
            "hidden_layer_sizes",
        ],
        "network.width",
    ),
    (
        &[
            "layers",
            "n_layers",
            "num_layers",
            "nlayers",
            "hidden_layers",
            "n_hidden_layers",
        ],
        "network.depth",
    ),
    (&["nonlinearity", "act", "act_fn"], "network.activation"),
    (
        &[
            "random_seed",
            "random_state",
            "rng",
            "rng_seed",
            "manual_seed",
        ],
        "seed",
    ),
    (
        &[
            "seeds",
            "n_seeds",
            "repeats",
            "repeat",
            "repetitions",
            "n_repeats",
            "trial",
            "run",
        ],
        "replicate",
    ),
    (
        &["std", "sigma", "gain", "init_scale", "epsilon", "eps"],
        "init.scale",
    ),
    (
        &["init", "initialization", "initializer", "init_type"],
        "init.kind",
    ),
    (&["dtype", "float", "float_type"], "train.precision"),
    (&["backend", "device"], "train.engine"),
    (
        &[
            "log_every",
            "eval_every",
            "log_interval",
            "interval",
            "frequency",
            "freq",
        ],
        "measure.every",
    ),
    (
        &["input_dim", "n_inputs", "in_features", "n_features", "d_in"],
        "problem.inputs_dim",
    ),
    (
        &["output_dim", "n_outputs", "out_features", "d_out"],
        "problem.outputs_dim",
    ),
    (
        &["n_classes", "num_classes", "num_labels"],
        "problem.classes",
    ),
    (&["dataset", "data", "x", "features"], "problem.inputs"),
    (&["y", "label"], "problem.labels"),
    (&["task", "objective"], "problem.kind"),
    (&["loss_fn", "criterion"], "problem.loss"),
    (
        &["batch_size", "batchsize", "minibatch", "mini_batch"],
        "train.batch",
    ),
    (&["biases", "use_bias", "with_bias"], "network.bias"),
];

/// "did you mean `x`?" for a name that is no key: the key that it means elsewhere, or the nearest of the keys and
/// `others`.
pub(crate) fn hint<'a>(written: &str, others: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // In the wrong place, the name itself is no help.
    let names = keys().iter().map(|key| -> &'a str { key.name });
    let names = names.chain(others);
    let near = did_you_mean(written, names.filter(|name| *name != written));
    match (synonym(written), near) {
        (Some(name), _) => Some(format!("did you mean `{name}`?")),
        (None, near) => near,
    }
}

/// The key that a name means most likely.
pub(crate) fn nearest_key(written: &str) -> Option<&'static str> {
    synonym(written).or_else(|| nearest(written, keys().iter().map(|key| key.name)))
}

fn synonym(written: &str) -> Option<&'static str> {
    let last = written.rsplit('.').next()?.to_lowercase().replace('-', "_");
    let found = SYNONYMS
        .iter()
        .find(|(names, _)| names.contains(&last.as_str()));
    found.map(|(_, name)| *name).filter(|name| *name != written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::key;

    #[test]
    fn every_synonym_means_a_key_and_is_none() {
        for (names, meant) in SYNONYMS {
            assert!(key(meant).is_some(), "{meant}");
            for name in *names {
                assert!(key(name).is_none(), "{name}");
                assert_eq!(hint(name, []), Some(format!("did you mean `{meant}`?")));
            }
        }
    }

    #[test]
    fn names_of_other_programs_are_understood() {
        let check = |written: &str, expected: Option<&str>| {
            let expected = expected.map(|name| format!("did you mean `{name}`?"));
            assert_eq!(hint(written, []), expected, "{written}");
        };
        check("train.lr", Some("optimizer.rate"));
        check("optimizer.learning-rate", Some("optimizer.rate"));
        check("train.epochs", Some("train.steps"));
        check("network.hidden", Some("network.width"));
        check("train.seed", Some("seed"));
        check("network.dpeth", Some("network.depth"));
        check("colour", None);
    }
}
