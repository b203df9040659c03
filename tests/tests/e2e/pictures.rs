//! `parsimony plot` from outside: every format, the pictures of a sweep file, and what is refused.

use std::path::Path;

use tests::process::{Coordinator, root, run};

use crate::folder_with;

const SWEEP: &str = "name = \"pictures\"\n[axes]\n\"network.depth\" = [2, 3]\n\"init.kind\" = [\"orthogonal\", \"gaussian\"]\n\
    replicate = { range = [0, 3] }\n[problem]\ndim = 8\nrank = 2\n[train]\nsteps = 40\n[optimizer]\nrate = 1.0\n\
    [measure]\nevery = 10\n[[plot]]\nname = \"depth\"\nkind = \"line\"\nx = \"network_depth\"\ncolor = \"init_kind\"\n\
    [[plot]]\nkind = \"curves\"\n";

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

#[test]
fn a_run_is_drawn_in_every_format() {
    let folder = folder_with("p.toml", SWEEP);
    let at = folder.path();
    run(at, &["run", "p.toml", "--out", "r"]).expect(0);

    let drawn = run(at, &["plot", "r"]).expect(0);
    assert_eq!(drawn.out, "r/plots/depth.svg\nr/plots/curves.svg\n");
    let svg = std::fs::read_to_string(at.join("r/plots/depth.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("network depth") && svg.contains("gaussian"));
    run(at, &["plot", "r"]).expect(0);
    assert_eq!(
        std::fs::read_to_string(at.join("r/plots/depth.svg")).unwrap(),
        svg,
        "equal bytes"
    );

    for name in ["a.svg", "a.png", "a.pdf", "a.html", "a.json"] {
        let words = ["plot", "r", "--name", "depth", "--out", name];
        assert_eq!(run(at, &words).expect(0).out, format!("{name}\n"));
        assert!(size(&at.join(name)) > 1000, "{name}");
    }
    let png = std::fs::read(at.join("a.png")).unwrap();
    let dots = u32::from_be_bytes([png[41], png[42], png[43], png[44]]);
    assert_eq!(
        (&png[1..4], &png[37..41], dots),
        (&b"PNG"[..], &b"pHYs"[..], 11811)
    );
    assert!(
        std::fs::read(at.join("a.pdf"))
            .unwrap()
            .starts_with(b"%PDF-")
    );
    let spec = std::fs::read_to_string(at.join("a.json")).unwrap();
    let spec: serde_json::Value = serde_json::from_str(&spec).unwrap();
    let rows = spec["data"]["values"].as_array().unwrap();
    assert_eq!(rows.len(), 4);
    assert!(
        rows.iter().all(|row| row["trials"] == 3),
        "replicates are one value"
    );
    let page = std::fs::read_to_string(at.join("a.html")).unwrap();
    assert!(!page.contains("<script src") && !page.contains("<link"));
    assert!(page.contains("vegaEmbed"));
    run(at, &["plot", "r", "--out", "both.pdf"]).expect(0);

    let text = run(at, &["plot", "r", "--kind", "importance", "--text"])
        .expect(0)
        .out;
    assert!(
        text.contains("network depth") && text.contains('%'),
        "{text}"
    );
    let both = [
        "plot",
        "r",
        "r",
        "--kind",
        "line",
        "--x",
        "network_depth",
        "--out",
        "two.svg",
    ];
    run(at, &both).expect(0);
}

#[test]
fn what_cannot_be_drawn_is_refused_with_advice() {
    let folder = folder_with("p.toml", SWEEP);
    let at = folder.path();
    run(at, &["run", "p.toml", "--out", "r"]).expect(0);
    let check = |words: &[&str], message: &str| {
        let refused = run(at, words).expect(2);
        assert!(refused.err.contains(message), "{}", refused.err);
        assert!(refused.out.is_empty(), "{}", refused.out);
    };
    check(&["plot", "nothing"], "nothing does not exist");
    check(&["plot", "r", "--kind", "lines"], "invalid value 'lines'");
    check(
        &["plot", "r", "--kind", "line", "--x", "netwrok_depth"],
        "did you mean one of `network_depth`",
    );
    check(
        &["plot", "r", "--kind", "separation"],
        "metrics = [..., \"separation\"]",
    );
    check(
        &[
            "plot",
            "r",
            "--kind",
            "line",
            "--where",
            "network_depth > 9",
        ],
        "no row matches `where`",
    );
    check(
        &["plot", "r", "--kind", "line", "--where", "nothing = 1"],
        "nothing",
    );
    check(&["plot", "r", "--name", "width"], "it has depth, curves");
    check(&["plot", "r", "--x", "network_depth"], "name its --kind");
    check(
        &["plot", "r", "--out", "a.gif"],
        "svg, png, pdf, html, json",
    );
    check(
        &["plot", "r", "--out", "a.svg"],
        "choose one with --name (depth, curves)",
    );
    check(&["plot", "r", "--width", "9"], "from 200 to 2000");
    let nowhere = ["plot", "r", "--name", "depth", "--out", "no/a.svg"];
    assert!(run(at, &nowhere).expect(1).err.contains("no/a.svg"));
}

#[test]
fn wrong_pictures_of_a_sweep_file_are_refused_by_plan() {
    let check = |plot: &str, parts: &[&str]| {
        let folder = folder_with("p.toml", &format!("{SWEEP}[[plot]]\n{plot}\n"));
        let refused = run(folder.path(), &["plan", "p.toml"]).expect(2).err;
        for part in parts {
            assert!(refused.contains(part), "{refused}");
        }
    };
    check(
        "kind = \"lime\"",
        &[
            "p.toml:23:8",
            "unknown value 'lime' of `plot.kind`",
            "did you mean `line`?",
        ],
    );
    check(
        "kind = \"line\"\nx = \"network_dpeth\"",
        &["p.toml:24:5", "did you mean one of `network_depth`"],
    );
    check(
        "kind = \"line\"\ncolour = \"x\"",
        &["p.toml:24:1", "did you mean `color`?"],
    );
    check(
        "kind = \"line\"\ny = \"steps\"",
        &["unknown key `plot.y`", "line takes x, value, color, facet"],
    );
}

/// Changed pictures compute nothing again, and the folder has the newest: alone, and under a coordinator.
#[test]
fn a_folder_keeps_its_newest_pictures() {
    let folder = folder_with("p.toml", SWEEP);
    let at = folder.path();
    let changed = SWEEP.replace("name = \"depth\"", "name = \"by-depth\"");
    let names = |out: &str| run(at, &["plot", out]).expect(0).out;
    run(at, &["run", "p.toml", "--out", "r"]).expect(0);
    std::fs::write(at.join("p.toml"), &changed).unwrap();
    let again = run(at, &["run", "p.toml", "--out", "r"]).expect(0);
    assert!(
        again.err.contains("0 computed") || again.out.contains("0 computed"),
        "{}",
        again.err
    );
    assert!(names("r").starts_with("r/plots/by-depth.svg\n"));
    run(at, &["check", "r"]).expect(0);

    std::fs::write(at.join("p.toml"), SWEEP).unwrap();
    let coordinator = Coordinator::start(at, "data");
    let _worker = coordinator.worker(at, "w", 1);
    coordinator.call(at, &["submit", "p.toml"]).expect(0);
    coordinator.call(at, &["watch", "pictures"]).expect(0);
    std::fs::write(at.join("p.toml"), &changed).unwrap();
    coordinator.call(at, &["submit", "p.toml"]).expect(0);
    assert!(names("data/pictures").starts_with("data/pictures/plots/by-depth.svg\n"));
}

/// Every ready sweep has the pictures of its figure, and they can be planned.
#[test]
fn every_ready_sweep_has_pictures() {
    for entry in std::fs::read_dir(root().join("sweeps")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.contains("\n[[plot]]\n"), "{}", path.display());
            let path = path.display().to_string();
            run(&root(), &["plan", &path]).expect(0);
        }
    }
}
