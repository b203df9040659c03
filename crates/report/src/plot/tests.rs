//! Every kind on a small run: what the specifications are, that they are bounded, and what is refused.

use std::path::Path;
use std::sync::Arc;

use sweep::metric::{LayerRow, SpectrumRow};
use sweep::{Arrays, Grid, Plot, PlotKind, Spec};
use table::{
    BatchBuilder, EngineKind, GenerationRecord, HistoryValues, Meta, Outcome, RunFolder,
    ScalarValues, Status, TrialResult, TrialRow,
};

use super::*;
use crate::render;

const LOOK: Look = Look {
    theme: Theme::Light,
    width: 600.0,
};

/// Two axes of parameters, one of them of numbers, and two replicates.
const SWEEP: &str = "name = \"small\"\n[axes]\n\"network.depth\" = [2, 3, 4, 5, 6, 7]\n\
    \"init.kind\" = [\"orthogonal\", \"gaussian\"]\n\"init.scale\" = { log = [0.001, 1.0], points = 7 }\n\
    replicate = { range = [0, 2] }\n[problem]\ndim = 4\nrank = 1\n";

/// A run of that sweep. Results are made of the axes by a formula; the last trial has diverged.
fn run(home: &Path, sweep: &str, name: &str) -> std::path::PathBuf {
    let spec = Spec::parse(sweep, "s.toml", &[]).unwrap();
    let grid = Grid::new(spec, Arrays::new()).unwrap();
    let meta = Meta {
        name: name.to_owned(),
        program_version: "0".to_owned(),
        revision: "none".to_owned(),
    };
    let run = home.join(name);
    let mut folder = RunFolder::create(&run, &meta, None).unwrap();
    let record = GenerationRecord {
        number: 0,
        base: 0,
        size: grid.size(),
        toml: grid.spec().to_toml(),
        hash: grid.hash().to_owned(),
        files: Vec::new(),
    };
    folder.add_generation(&record, sweep).unwrap();
    let mut builder = BatchBuilder::new();
    for trial in 0..grid.size() {
        let point = grid.point(trial).unwrap();
        let row = point.row();
        let outcome = outcome(trial, trial + 1 == grid.size());
        let result = TrialResult::ran(&outcome);
        builder.push(&TrialRow::new(trial, &point.id(), &row, result));
    }
    folder.commit(&builder.finish().unwrap()).unwrap();
    run
}

fn outcome(trial: u64, has_diverged: bool) -> Outcome {
    let depth = (trial / 28) as f64 + 2.0;
    let kind = (trial / 14 % 2) as f64;
    let scale = (trial / 2 % 7) as f64;
    let repeat = (trial % 2) as f64;
    let loss = |step: f64| {
        10f64.powf(-step / 40.0 * (1.0 + scale / 3.0) - depth / 4.0) * (1.0 + 0.3 * repeat + kind)
    };
    let history = [0_u64, 10, 20, 40].map(|step| HistoryValues {
        step,
        scalars: ScalarValues {
            train_loss: Some(loss(step as f64)),
            ..ScalarValues::default()
        },
    });
    let spectra = [0_u64, 10, 20, 40].into_iter().flat_map(|step| {
        (1..=3).map(move |index| SpectrumRow {
            left_angle: Some(0.01 * step as f64 / f64::from(index)),
            ..SpectrumRow::new(step, 1, index, 1.0 + step as f64 / f64::from(index), 1)
        })
    });
    let layers = (0..4).map(|layer| LayerRow {
        separation: Some(10f64.powf(-f64::from(layer) * 0.5 - 0.1 * repeat)),
        ..LayerRow::new(40, layer)
    });
    let status = if has_diverged {
        Status::Diverged
    } else {
        Status::Completed
    };
    Outcome {
        steps: 40,
        last: history[3].scalars,
        history: history.to_vec(),
        spectra: spectra.collect(),
        layers: layers.collect(),
        flops: 1e6 * depth * (1.0 + scale),
        train_seconds: 0.1 * depth,
        ..Outcome::new(status, EngineKind::Full)
    }
}

fn tables(run: &Path) -> Tables {
    Tables::open(&[run.to_owned()], &Arc::default()).unwrap()
}

fn refused(tables: &Tables, plot: &Plot) -> String {
    match draw(tables, plot, &LOOK) {
        Ok(picture) => panic!("{} was drawn", picture.name),
        Err(error) => {
            assert!(error.is_request_error());
            error.to_string()
        }
    }
}

#[test]
fn every_kind_stands_at_its_place() {
    for (place, declared) in KINDS.iter().enumerate() {
        assert_eq!(declared.kind as usize, place);
        assert_eq!(declaration(declared.kind).kind, declared.kind);
    }
    assert_eq!(KINDS.len(), PlotKind::ALL.len());
    for kind in PlotKind::ALL {
        assert!(reference().contains(&format!("| `{}` |", kind.name())));
    }
}

#[test]
fn the_specification_of_every_kind() {
    let home = tempfile::tempdir().unwrap();
    let run = run(home.path(), SWEEP, "small");
    let tables = tables(&run);
    for &kind in PlotKind::ALL {
        let mut plot = Plot::of(kind);
        // The whole grid makes long snapshots.
        match kind {
            PlotKind::Spectrum | PlotKind::Angles => plot.facet = Some("init_kind".to_owned()),
            PlotKind::Curves | PlotKind::Separation => {
                plot.color = Some("init_kind".to_owned());
                plot.facet = Some("network_depth".to_owned());
                plot.condition = Some("network_depth < 4".to_owned());
            }
            PlotKind::Line => plot.condition = Some("network_depth < 4".to_owned()),
            PlotKind::Parallel | PlotKind::Scatter => {
                plot.condition = Some("network_depth = 2".to_owned());
            }
            PlotKind::Heatmap | PlotKind::Importance | PlotKind::Distribution => {}
        }
        let picture = draw(&tables, &plot, &LOOK).unwrap();
        let text = format!("{:#}", picture.spec);
        insta::assert_snapshot!(kind.name(), text);
        assert_eq!(picture.json(), draw(&tables, &plot, &LOOK).unwrap().json());
        assert!(!picture.sketch.text(80, 20, false).is_empty());
        let svgs = render::svgs(&[picture.json()]).unwrap();
        assert!(svgs[0].contains("<text"), "{}", kind.name());
        assert!(!svgs[0].contains("NaN"), "{}", kind.name());
    }
}

#[test]
fn pictures_have_equal_bytes_in_every_format() {
    let home = tempfile::tempdir().unwrap();
    let run = run(home.path(), SWEEP, "small");
    let make = || {
        let plot = Plot::of(PlotKind::Heatmap);
        let spec = draw(&tables(&run), &plot, &LOOK).unwrap().json();
        let svg = render::svgs(&[spec]).unwrap().remove(0);
        let png = render::png(&svg).unwrap();
        let pdf = render::pdf(std::slice::from_ref(&svg)).unwrap();
        (svg, png, pdf)
    };
    assert_eq!(make(), make());
}

#[test]
fn a_run_without_wishes_gets_a_guess() {
    let home = tempfile::tempdir().unwrap();
    let run = run(home.path(), SWEEP, "small");
    let names: Vec<String> = guess(&tables(&run))
        .unwrap()
        .into_iter()
        .map(|plot| plot.name)
        .collect();
    assert_eq!(
        names,
        ["heatmap", "line", "separation", "curves", "spectrum"]
    );
    assert_eq!(tables(&run).name(), "small");
}

#[test]
fn what_cannot_be_drawn_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let run = run(home.path(), SWEEP, "small");
    let tables = tables(&run);
    let with = |kind, change: &dyn Fn(&mut Plot)| {
        let mut plot = Plot::of(kind);
        change(&mut plot);
        refused(&tables, &plot)
    };
    let check = |found: String, part: &str| assert!(found.contains(part), "{found}");
    check(
        with(PlotKind::Line, &|plot| {
            plot.x = Some("netwrok_depth".to_owned())
        }),
        "line: no column `netwrok_depth` for x; did you mean one of `network_depth`, `network_width`?",
    );
    check(
        with(PlotKind::Line, &|plot| {
            plot.color = Some("replicate".to_owned())
        }),
        "`replicate` numbers the runs",
    );
    check(
        with(PlotKind::Line, &|plot| plot.y = Some("steps".to_owned())),
        "line has no y; it takes x, value, color, facet",
    );
    check(
        with(PlotKind::Curves, &|plot| {
            plot.value = Some("sharpness".to_owned())
        }),
        "curves needs `sharpness` of `history`, and this run has none; measure it: [measure] metrics = [..., \"sharpness\"]",
    );
    check(
        with(PlotKind::Line, &|plot| {
            plot.condition = Some("network_depth > 99".to_owned())
        }),
        "line: no row to draw: no row matches `where`",
    );
    check(
        with(PlotKind::Heatmap, &|plot| {
            plot.value = Some("init_kind".to_owned())
        }),
        "`init_kind` holds no numbers",
    );
    check(
        with(PlotKind::Curves, &|plot| {
            plot.condition = Some("step > 3 and network_depth = 2".to_owned());
        }),
        "`where` mixes columns of `trials` (network_depth) and of `history` (step)",
    );
    check(
        with(PlotKind::Line, &|plot| {
            plot.condition = Some("status = 'failed'".to_owned())
        }),
        "no row to draw",
    );
    let single =
        "name = \"one\"\n[problem]\ndim = 4\nrank = 1\n[axes]\nreplicate = { range = [0, 2] }\n";
    let one = super::tests::run(home.path(), single, "one");
    let tables = super::tests::tables(&one);
    check(
        refused(&tables, &Plot::of(PlotKind::Heatmap)),
        "heatmap needs two axes, or --x and --y, and this run varies nothing but replicates",
    );
}

#[test]
fn hostile_names_are_text() {
    let home = tempfile::tempdir().unwrap();
    let run = run(home.path(), SWEEP, "small");
    let tables = tables(&run);
    let hostile = [
        "<script>alert(1)</script>".to_owned(),
        "a \"quoted\" 'name' & more".to_owned(),
        "\u{3b1}\u{3b2} \u{6f22}\u{5b57} \u{202e}back\u{0}".to_owned(),
        "x".repeat(200),
    ];
    for name in hostile {
        let mut plot = Plot::of(PlotKind::Line);
        let quoted = name.replace('\'', "''").replace('\u{0}', "");
        plot.color = Some(format!(
            "case when init_kind = 'gaussian' then '{quoted}' else 'plain' end"
        ));
        plot.title = Some(name.clone());
        let picture = draw(&tables, &plot, &LOOK).unwrap();
        let svg = render::svgs(&[picture.json()]).unwrap().remove(0);
        assert!(!svg.contains("<script"), "{name}");
        let width: f64 = svg
            .split("width=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!(width < 700.0, "{width}");
        render::png(&svg).unwrap();
        let page = render::html(
            &name,
            &[render::Page {
                spec: &picture.json(),
                svg: &svg,
            }],
            false,
        )
        .unwrap();
        assert!(!page.contains("<script>alert"));
    }
}

#[test]
fn marks_are_bounded_however_many_rows() {
    // A thousand places on each of two axes: more than any picture shows.
    let many = "name = \"many\"\n[axes]\n\"init.scale\" = { lin = [0.1, 1.0], points = 150 }\n\
        \"optimizer.rate\" = { lin = [0.1, 1.0], points = 150 }\n[problem]\ndim = 4\nrank = 1\n";
    let home = tempfile::tempdir().unwrap();
    let run = run(home.path(), many, "many");
    let tables = tables(&run);
    for &kind in PlotKind::ALL {
        let picture = draw(&tables, &Plot::of(kind), &LOOK).unwrap();
        let rows = picture.spec["data"]["values"].as_array().unwrap().len();
        assert!(rows > 0 && rows <= MARKS, "{}: {rows}", kind.name());
    }
}
