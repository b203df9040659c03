//! Planning before anything is written: what cannot be counted is refused by all commands, nobody waits for it, long
//! sweeps plan at once, errors stay short, and the numbers of `plan` are those of the tables.

use rpc::v1;
use rpc::v1::sweep_service_client::SweepServiceClient;
use serde_json::Value;
use tests::process::{Coordinator, run};
use tests::tables::canonical;

use crate::{SMALL, folder_with};

/// 140,000,000 points that a product of three keys ties together.
const HARD: &str = r#"
name = "hard"
[axes]
"problem.rank" = { range = [1, 71] }
"train.steps" = { range = [1000, 3000] }
"replicate" = { range = [0, 1000] }
[problem]
dim = 100
[filter]
where = "(problem.rank * train.steps * replicate) % 7919 == 3"
"#;

const EASY: &str = "name = \"easy\"\n[problem]\ndim = 4\n[train]\nsteps = 2\n";

#[test]
fn a_sweep_that_cannot_be_counted_is_refused() {
    let folder = folder_with("hard.toml", HARD);
    for command in ["plan", "run"] {
        let refused = run(folder.path(), &[command, "hard.toml"]).expect(2);
        for word in ["filter.where", "140000000 points", "hard.toml:10", "help"] {
            assert!(refused.err.contains(word), "`{word}`:\n{}", refused.err);
        }
    }
    assert!(!folder.path().join("runs").exists());
    let remainders = HARD.replace(
        "(problem.rank * train.steps * replicate)",
        "(problem.rank * 7 + train.steps * 13 + replicate)",
    );
    std::fs::write(folder.path().join("sum.toml"), remainders).expect("the folder is ours");
    let planned = run(folder.path(), &["plan", "sum.toml", "--json"]).expect(0);
    let planned: Value = serde_json::from_str(&planned.out).expect("JSON");
    assert_eq!(planned["trials"], 19_619);
}

fn submit(url: &str, toml: &str) -> Result<v1::SubmitResponse, tonic::Status> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let channel = tonic::transport::Endpoint::from_shared(url.to_owned())
            .expect("an address")
            .connect()
            .await
            .expect("the coordinator listens");
        let request = v1::SubmitRequest {
            toml: toml.to_owned(),
            ..v1::SubmitRequest::default()
        };
        let answer = SweepServiceClient::new(channel).submit(request).await?;
        Ok(answer.into_inner())
    })
}

#[test]
fn nobody_waits_for_the_planning_of_others() {
    let folder = folder_with("easy.toml", EASY);
    let at = folder.path();
    let mut coordinator = Coordinator::start(at, "data");
    let url = coordinator.url.clone();
    let hard = std::thread::spawn(move || submit(&url, HARD));
    coordinator.call(at, &["submit", "easy.toml"]).expect(0);
    let refused = hard.join().expect("no panic").expect_err("refused");
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    assert!(refused.message().contains("140000000 points"), "{refused}");

    // Ended while it plans, it leaves nothing of the plan behind.
    let url = coordinator.url.clone();
    let hard = std::thread::spawn(move || submit(&url, HARD));
    coordinator.call(at, &["list"]).expect(0);
    coordinator.process.signal("TERM");
    assert_eq!(coordinator.process.wait(), Some(0));
    assert!(hard.join().expect("no panic").is_err());
    assert!(!at.join("data/hard").exists());
    let again = Coordinator::start(at, "data");
    let list = again.call(at, &["list", "--json"]).expect(0);
    let list: Value = serde_json::from_str(&list.out).expect("JSON");
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
}

#[test]
fn a_sweep_that_is_too_long_is_refused_by_all() {
    // A tab takes two bytes when the sweep is written out.
    let tabs = "\t".repeat(9 << 20);
    let text = format!("name = \"tabs\"\n[filter]\nwhere = 'network.depth{tabs}< 9'\n");
    let folder = folder_with("tabs.toml", &text);
    for command in ["plan", "run", "submit"] {
        let refused = run(folder.path(), &[command, "tabs.toml"]).expect(2);
        assert!(
            refused.err.contains("more than 16777216"),
            "{}",
            refused.err
        );
        assert!(refused.err.contains("help: "), "{}", refused.err);
    }
}

/// A random search: rows of numbers that decide about each other.
fn random_rows(rows: u64) -> String {
    let column =
        |value: &dyn Fn(u64) -> String| (0..rows).map(value).collect::<Vec<_>>().join(", ");
    let depths = column(&|row| (1 + row * 7 % 9).to_string());
    let widths = column(&|row| (2 + row * 13 % 97).to_string());
    let scales = column(&|row| format!("{:.6}", 0.01 + row as f64 / rows as f64));
    format!(
        "name = \"rows\"\n[[zip]]\n\"network.depth\" = [{depths}]\n\"network.width\" = [{widths}]\n\
         \"init.scale\" = [{scales}]\n[problem]\ndim = 4\n[train]\nsteps = 1\n[measure]\nevery = 0\n\
         metrics = [\"train_loss\"]\n"
    )
}

#[test]
fn many_rows_of_a_zip_plan_and_run() {
    let folder = folder_with("rows.toml", &random_rows(100_000));
    let planned = run(folder.path(), &["plan", "rows.toml", "--json"]).expect(0);
    let planned: Value = serde_json::from_str(&planned.out).expect("JSON");
    assert_eq!(planned["trials"], 100_000);
    std::fs::write(folder.path().join("few.toml"), random_rows(5000)).expect("the folder is ours");
    run(folder.path(), &["run", "few.toml"]).expect(0);
}

#[test]
fn errors_of_long_files_are_short() {
    let numbers: Vec<String> = (0..13_000).map(|number| number.to_string()).collect();
    let text = format!(
        "name = \"x\"\n[axes]\n\"replicate\" = [{}, \"x\"]\n",
        numbers.join(", ")
    );
    let folder = folder_with("long.toml", &text);
    let at = folder.path();
    let column = text
        .lines()
        .nth(2)
        .expect("the axis")
        .find("\"x\"")
        .expect("the mark")
        + 1;
    for command in ["plan", "run"] {
        let refused = run(at, &[command, "long.toml"]).expect(2);
        assert!(
            refused.err.contains(&format!("long.toml:3:{column}")),
            "{}",
            refused.err
        );
        assert!(refused.err.contains("12999, \"x\"]"), "{}", refused.err);
        assert!(refused.err.len() < 2000, "{} bytes", refused.err.len());
    }

    // A condition of megabytes that the coordinator quotes.
    let blank = " ".repeat(3_800_000);
    let condition = |bound: u64| {
        EASY.replace(
            "[problem]",
            &format!("[filter]\nwhere = \"network.depth{blank}< {bound}\"\n[problem]"),
        )
    };
    let coordinator = Coordinator::start(at, "data");
    for (bound, code, words) in [(9, 0, "new"), (8, 2, "`filter.where` was")] {
        let mut text = condition(bound);
        text.push_str("[axes]\n\"network.depth\" = [2, 8]\n");
        std::fs::write(at.join("blank.toml"), text).expect("the folder is ours");
        let answer = coordinator.call(at, &["submit", "blank.toml"]).expect(code);
        assert!(answer.err.len() < 4000, "{} bytes", answer.err.len());
        assert!(answer.err.contains(words), "{}", answer.err);
    }
}

#[test]
fn plan_lists_the_numbers_of_the_tables_and_prices_what_is_left() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let plan = |file: &str, more: &[&str]| -> Value {
        let mut words = vec!["plan", file, "--json"];
        words.extend(more);
        serde_json::from_str(&run(at, &words).expect(0).out).expect("JSON")
    };
    let fresh = plan("small.toml", &[]);
    assert_eq!(
        (&fresh["folder"], &fresh["left"]["trials"]),
        (&Value::Null, &fresh["trials"])
    );
    run(at, &["run", "small.toml"]).expect(0);
    let grown = SMALL.replace("[2, 3]", "[2, 3, 4]").replace(
        "[problem]",
        "[filter]\ninclude = [{ \"network.width\" = 7 }]\n[problem]",
    );
    std::fs::write(at.join("grown.toml"), grown).expect("the folder is ours");

    let done = plan("small.toml", &[]);
    assert_eq!(
        (&done["folder"], &done["left"]["trials"]),
        (&"runs/small".into(), &0.into())
    );
    assert_eq!(done["left"]["seconds"], 0.0);
    let growing = plan("grown.toml", &[]);
    assert_eq!(
        (&growing["trials"], &growing["left"]["trials"]),
        (&109.into(), &37.into())
    );
    assert!(growing["left"]["seconds"].as_f64() < growing["seconds"].as_f64());

    let list = run(at, &["plan", "grown.toml", "--list"]).expect(0).out;
    let header = list.lines().next().expect("a header");
    assert!(header.ends_with("replicate\tnetwork.width"), "{header}");
    run(at, &["run", "grown.toml"]).expect(0);
    let mut planned: Vec<String> = list
        .lines()
        .skip(1)
        .map(|line| {
            let mut words = line.split('\t');
            format!(
                "{},{}",
                words.next().unwrap_or_default(),
                words.next().unwrap_or_default()
            )
        })
        .collect();
    let mut ran: Vec<String> = canonical(&at.join("runs/small"), "trials")
        .lines()
        .skip(1)
        .map(|line| line.splitn(3, ',').take(2).collect::<Vec<_>>().join(","))
        .collect();
    planned.sort();
    ran.sort();
    assert_eq!(planned, ran);

    // Another sweep of that name: a warning, or an error for a folder that is asked for.
    std::fs::write(at.join("other.toml"), SMALL.replace("dim = 12", "dim = 13")).expect("ours");
    let other = run(at, &["plan", "other.toml"]).expect(0);
    assert!(
        other.err.starts_with("warning: ") && other.err.contains("problem.dim"),
        "{}",
        other.err
    );
    run(at, &["plan", "other.toml", "--out", "runs/small"]).expect(2);
    run(at, &["plan", "small.toml", "--out", "elsewhere"]).expect(0);
}
