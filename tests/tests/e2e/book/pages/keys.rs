//! Every key of the sweep file: what it takes, its default, when it applies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sweep::keys::{Bounds, Key, KeyKind, Lookup, Preset, Schema, keys};
use sweep::{Id, Value};

use crate::book::generated::{NOTICE, cell};

/// Combinations of the keys that decide whether one applies. The largest set today has 1,280.
const MOST_COMBINATIONS: usize = 100_000;

const INTRODUCTION: &str = "# Keys of the sweep file

Every key except `name` has a default. A key may be fixed in its section or swept in `[axes]` or `[[zip]]` under its dotted
name, unless the table says \"fixed\". A key that does not apply to a trial is ignored there: its column is null and it is not
part of the trial's id.

`parsimony plan --defaults` prints all keys as a sweep file. How axes, filters and zips are written is in
[Grids](../guides/grids.md).

`name` names the sweep and its run folder. It is the only key without a default. `[train] verify` (default 0, at most 10,000) is
the number of trials that run on both engines; see [the certificate](../concepts.md#certificate).
";

pub(in crate::book) fn page() -> String {
    let mut page = format!("{NOTICE}{INTRODUCTION}");
    let mut section = None;
    for key in keys() {
        if section != Some(key.section()) {
            section = Some(key.section());
            let heading = match key.section() {
                "" => "Top level".to_owned(),
                name => format!("`[{name}]`"),
            };
            let _ = write!(
                page,
                "\n## {heading}\n\n| key | takes | default | applies | meaning |\n| --- | --- | --- | --- | --- |\n"
            );
        }
        let fixed = if key.sweepable { "" } else { " (fixed)" };
        let cells = [
            format!("`{}`{fixed}", key.name),
            takes(key.kind),
            default(key),
            applies(key),
            key.doc.to_owned(),
        ];
        let _ = writeln!(page, "| {} |", cells.map(|text| cell(&text)).join(" | "));
    }
    page
}

fn takes(kind: KeyKind) -> String {
    match kind {
        KeyKind::Int { min, max } => integer(min, max),
        KeyKind::IntOrList { min, max } => format!("{}, or a list", integer(min, max)),
        KeyKind::Float(bounds) => number(bounds),
        KeyKind::FloatOrList(bounds) => format!("{}, or a list", number(bounds)),
        KeyKind::Bool => "true or false".to_owned(),
        KeyKind::Name(names) => quoted(names),
        KeyKind::NameList(names) => format!("list of {}", quoted(names)),
        KeyKind::Spectrum => {
            "`\"gaussian\"`, `\"flat\"`, `{ geometric = ratio }`, or a list of numbers".to_owned()
        }
        KeyKind::Table(schema) => match schema {
            Schema::Span => "`{ range = [first, end] }`",
            Schema::Stop => "`{ train_loss, gradient_norm }`",
            Schema::Inputs => "`{ draw, .. }` or `{ file, .. }`",
            Schema::Weights => "`{ file, arrays }`",
            Schema::Samples | Schema::Labels | Schema::Matrix => "`{ file, .. }`",
        }
        .to_owned(),
    }
}

fn integer(min: i64, max: i64) -> String {
    if max == i64::MAX {
        format!("integer, at least {min}")
    } else {
        format!("integer, {min} to {max}")
    }
}

fn number(bounds: Bounds) -> String {
    format!("number{}", bounds.words())
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`\"{name}\"`")).collect();
    names.join(", ")
}

fn default(key: &Key) -> String {
    match (key.default, key.fixed_default()) {
        (Preset::None, _) => "unset".to_owned(),
        (Preset::Derived(words), _) => words.to_owned(),
        (_, Some(value)) => format!("`{}`", value.to_toml()),
        (_, None) => String::new(),
    }
}

/// When a key applies, found by trying the values of the keys that decide it: for each of them, those with which the
/// key can apply, where these are not all.
fn applies(key: &Key) -> String {
    if key.controls.is_empty() {
        return "always".to_owned();
    }
    let options: Vec<Vec<Tried>> = key.controls.iter().map(|id| tried(*id)).collect();
    let combinations: usize = options.iter().map(Vec::len).product();
    assert!(
        combinations <= MOST_COMBINATIONS,
        "{}: {combinations}",
        key.name
    );
    let mut possible = vec![BTreeSet::new(); options.len()];
    for combination in 0..combinations {
        let mut rest = combination;
        let mut slots = vec![None; keys().len()];
        let mut chosen = Vec::new();
        for (id, options) in key.controls.iter().zip(&options) {
            let at = rest % options.len();
            rest /= options.len();
            slots[*id as usize] = options[at].value.clone();
            chosen.push(at);
        }
        if (key.applies)(&Lookup::new(&slots)) {
            for (possible, at) in possible.iter_mut().zip(chosen) {
                possible.insert(at);
            }
        }
    }
    let mut conditions = Vec::new();
    for ((id, options), possible) in key.controls.iter().zip(&options).zip(&possible) {
        let name = keys()[*id as usize].name;
        let missing: Vec<usize> = (0..options.len())
            .filter(|at| !possible.contains(at))
            .collect();
        let words = |at: &usize| options[*at].words.as_str();
        match missing[..] {
            [] => {}
            [one] if options.len() > 2 => {
                conditions.push(format!("`{name}` is not {}", words(&one)));
            }
            _ => {
                let all: Vec<&str> = possible.iter().map(words).collect();
                conditions.push(format!("`{name}` is {}", all.join(" or ")));
            }
        }
    }
    if conditions.is_empty() {
        let names: Vec<String> = key
            .controls
            .iter()
            .map(|id| format!("`{}`", keys()[*id as usize].name))
            .collect();
        return format!("depends on {}", names.join(", "));
    }
    conditions.join("; ")
}

/// A value that a deciding key is given, and its words.
struct Tried {
    value: Option<Value>,
    words: String,
}

impl Tried {
    fn new(value: Option<Value>, words: &str) -> Tried {
        Tried {
            value,
            words: words.to_owned(),
        }
    }
}

/// The values of a key that may make a difference to others.
fn tried(id: Id) -> Vec<Tried> {
    let key = &keys()[id as usize];
    match key.kind {
        KeyKind::Name(names) => names
            .iter()
            .map(|name| Tried::new(Some(Value::text(*name)), name))
            .collect(),
        KeyKind::Int { .. } | KeyKind::IntOrList { .. } => vec![
            Tried::new(None, "unset"),
            Tried::new(Some(Value::Int(1)), "1"),
            Tried::new(Some(Value::Int(2)), "at least 2"),
        ],
        KeyKind::Float(_) | KeyKind::FloatOrList(_) => vec![
            Tried::new(None, "unset"),
            Tried::new(Some(Value::Float(1.0)), "set"),
        ],
        KeyKind::Bool => vec![
            Tried::new(Some(Value::Bool(false)), "false"),
            Tried::new(Some(Value::Bool(true)), "true"),
        ],
        KeyKind::NameList(_) | KeyKind::Spectrum => vec![Tried::new(None, "unset")],
        KeyKind::Table(_) => tables(key),
    }
}

/// No table, one that names a file, and one for each name of its leaves.
fn tables(key: &Key) -> Vec<Tried> {
    let table = |field: &str, value: &str| {
        let fields = BTreeMap::from([(field.to_owned(), Value::text(value))]);
        Some(Value::Table(fields))
    };
    let mut all = vec![
        Tried::new(None, "unset"),
        Tried::new(table("file", "x.npy"), "a file"),
    ];
    for leaf in key.leaves() {
        if let KeyKind::Name(names) = leaf.kind {
            let field = leaf.field();
            all.extend(names.iter().map(|name| {
                Tried::new(table(field, name), &format!("`{{ {field} = \"{name}\" }}`"))
            }));
        }
    }
    all
}
