//! A diagnosis for people and for programs.

use std::fmt::Write as _;
use std::path::Path;

use dln::diagnose::{Advice, EngineCost, Report};
use serde_json::{Value, json};
use sweep::Role;

use super::held_out;
use super::numbers;
use super::table::{self, Column};
use crate::diagnose::Diagnosis;

/// The lines of a diagnosis.
pub(crate) fn as_text(diagnosis: &Diagnosis) -> String {
    let report = &diagnosis.report;
    let spectrum = &report.spectrum;
    let mut text = String::new();
    let mut line = |head: &str, words: String| {
        // A String takes whatever is written to it.
        let _ = writeln!(text, "{}", format!("{head:<10}{words}").trim_end());
    };
    line("data", data(diagnosis));
    line("rank", rank(diagnosis));
    line(
        "spectrum",
        format!(
            "effective rank {:.1}, stable rank {:.1}; {} above the noise (Gavish-Donoho)",
            spectrum.effective_rank,
            spectrum.stable_rank,
            values(spectrum.threshold_rank)
        ),
    );
    let energy = spectrum.energy.iter().map(|energy| {
        format!(
            "{} % in {}",
            sweep::round_15(100.0 * energy.share),
            energy.count
        )
    });
    line(
        "energy",
        format!("{} singular values", energy.collect::<Vec<_>>().join(", ")),
    );
    line("core", core(diagnosis));
    line("steps", steps(diagnosis));
    line("rate", rate(report));
    text += &held_out::as_text(&diagnosis.held);
    let _ = writeln!(text, "\n{}", costs(diagnosis).trim_end());
    let prices = held_out::prices(&diagnosis.held);
    if !prices.is_empty() {
        let _ = writeln!(text, "\n{}", prices.trim_end());
    }
    let _ = writeln!(text, "\nverdict   {}", held_out::verdict(&diagnosis.held));
    let _ = writeln!(text, "engine    {}\n", advice(report));
    for (number, stage) in (1..).zip(&report.stages) {
        let _ = writeln!(text, "  {number}. {}: {}", stage.title, stage.detail);
    }
    text
}

fn data(diagnosis: &Diagnosis) -> String {
    let (rows, columns) = diagnosis.report.shape;
    let outputs = diagnosis.outputs.unwrap_or(0);
    match diagnosis.role() {
        None => format!("a matrix, {rows} x {columns}"),
        Some(Role::Labels) => format!("{columns} samples of {rows} numbers, {outputs} classes"),
        Some(_) => format!("{columns} samples of {rows} numbers, {outputs} targets each"),
    }
}

fn rank(diagnosis: &Diagnosis) -> String {
    let report = &diagnosis.report;
    let (rows, columns) = report.shape;
    let all = rows.min(columns);
    let own = if report.spectrum.rank == all {
        format!("{all}, which is full")
    } else {
        format!("{} of {all}", report.spectrum.rank)
    };
    if diagnosis.role().is_some() {
        format!(
            "{own}; {} together with the answers",
            report.correlation_rank
        )
    } else {
        own
    }
}

fn values(count: usize) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} value{plural}")
}

fn core(diagnosis: &Diagnosis) -> String {
    let report = &diagnosis.report;
    let Some(core) = report.core_width else {
        return "a single layer has no hidden core".to_owned();
    };
    let proposal = &diagnosis.proposal;
    format!(
        "{core} wide, exactly, of a network {} wide and {} deep from an orthogonal start of scale {}",
        proposal.width, proposal.depth, proposal.scale
    )
}

fn steps(diagnosis: &Diagnosis) -> String {
    let by_spectrum = diagnosis.report.steps;
    if diagnosis.steps == by_spectrum {
        format!("{}, by the spectrum", numbers::grouped(by_spectrum))
    } else {
        format!(
            "{} asked for, {} by the spectrum",
            numbers::grouped(diagnosis.steps),
            numbers::grouped(by_spectrum)
        )
    }
}

fn rate(report: &Report) -> String {
    let kind = if report.curvature.exact {
        "exact"
    } else {
        "an upper bound"
    };
    format!(
        "at most {:.3e}: 2 over the largest curvature at the start, {:.3e} ({kind})",
        report.safe_rate, report.curvature.value
    )
}

/// The two engines next to each other.
fn costs(diagnosis: &Diagnosis) -> String {
    let report = &diagnosis.report;
    let row = |name: &str, width: Option<usize>, cost: &EngineCost| {
        vec![
            name.to_owned(),
            width.map_or("-".to_owned(), |width| width.to_string()),
            numbers::scaled(cost.flops_per_step),
            numbers::scaled(cost.flops_per_step * diagnosis.steps as f64),
            format!("{}B", numbers::scaled(cost.bytes)),
        ]
    };
    let width = (diagnosis.proposal.depth > 1).then_some(diagnosis.proposal.width);
    let rows = [
        row("full", width, &report.full),
        row("reduced", report.core_width, &report.reduced),
    ];
    let columns = [
        Column::Text("ENGINE"),
        Column::Number("WIDTH"),
        Column::Number("FLOPS A STEP"),
        Column::Number("FLOPS A TRIAL"),
        Column::Number("MEMORY"),
    ];
    table::columns(&columns, &rows)
}

fn advice(report: &Report) -> String {
    let ratio = speed_up(report);
    match report.advice {
        Advice::Core => format!(
            "train the core: it is the wide network, for {ratio:.0} times fewer operations a step"
        ),
        Advice::Wide => format!(
            "train the network itself: its core takes nearly as much ({ratio:.1} times fewer operations a step)"
        ),
    }
}

fn speed_up(report: &Report) -> f64 {
    report.full.flops_per_step / report.reduced.flops_per_step.max(1.0)
}

/// Everything, under names that stay.
pub(crate) fn as_json(diagnosis: &Diagnosis, written: Option<&Path>) -> Value {
    let report = &diagnosis.report;
    let spectrum = &report.spectrum;
    let proposal = &diagnosis.proposal;
    let cost =
        |cost: &EngineCost| json!({ "flops_per_step": cost.flops_per_step, "bytes": cost.bytes });
    let energy: Vec<Value> = spectrum
        .energy
        .iter()
        .map(|energy| json!({ "share": energy.share, "count": energy.count }))
        .collect();
    let stages: Vec<Value> = report
        .stages
        .iter()
        .map(|stage| json!({ "title": stage.title, "detail": stage.detail }))
        .collect();
    json!({
        "file": diagnosis.sources.main.array.file,
        "kind": match diagnosis.role() {
            None => "matrix",
            Some(Role::Labels) => "labelled",
            Some(_) => "paired",
        },
        "rows": report.shape.0,
        "columns": report.shape.1,
        "outputs": diagnosis.outputs,
        "rank": spectrum.rank,
        "correlation_rank": report.correlation_rank,
        "effective_rank": spectrum.effective_rank,
        "stable_rank": spectrum.stable_rank,
        "energy": energy,
        "threshold_rank": spectrum.threshold_rank,
        "singular_values": spectrum.values,
        "depth": proposal.depth,
        "width": proposal.width,
        "init_scale": proposal.scale,
        "core_width": report.core_width,
        "core_widths": report.core_widths,
        "full": cost(&report.full),
        "reduced": cost(&report.reduced),
        "speed_up": speed_up(report),
        "curvature": report.curvature.value,
        "curvature_exact": report.curvature.exact,
        "safe_rate": diagnosis.safe_rate(),
        "steps": diagnosis.steps,
        "advice": match report.advice {
            Advice::Core => "core",
            Advice::Wide => "wide",
        },
        "stages": stages,
        "held_out": held_out::as_json(&diagnosis.held),
        "truncation": held_out::prices_json(&diagnosis.held),
        "verdict": held_out::verdict_json(&diagnosis.held),
        "written": written.map(|file| file.display().to_string()),
    })
}
