//! The coordinator's numbers, as Prometheus would read them.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;

use tests::process::{Background, Coordinator, command, run, until};

use crate::{SMALL, folder_with};

/// A coordinator with metrics, and their address.
pub(crate) fn start(at: &Path) -> (Coordinator, String) {
    let mut child = command(at)
        .args(["coordinator", "--listen", "127.0.0.1:0", "--data", "data"])
        .args(["--metrics", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut after = |words: &str| {
        let line = lines.next().unwrap().unwrap();
        line.strip_prefix(words)
            .unwrap_or_else(|| panic!("no `{words}` in {line:?}"))
            .to_owned()
    };
    let url = after("listening on ");
    let page = after("metrics on http://");
    let coordinator = Coordinator {
        process: Background { child },
        url,
    };
    // The address is printed before the sweeps of the folder are open; until then the page answers 503.
    until("the first page", || {
        get(&page, None).0.starts_with("HTTP/1.1 200")
    });
    (coordinator, page)
}

/// Head and body of an answer.
pub(crate) fn get(place: &str, path: Option<&str>) -> (String, String) {
    let (address, own) = place.split_once('/').unwrap();
    let path = path.unwrap_or(own);
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// Values by name and labels. Fails on a line that Prometheus would not read, or a family without a type.
#[track_caller]
fn values(page: &str) -> BTreeMap<String, f64> {
    let mut values = BTreeMap::new();
    let mut typed = Vec::new();
    for line in page.lines() {
        if let Some(words) = line.strip_prefix("# TYPE ") {
            typed.push(words.split(' ').next().unwrap());
        }
        if line.starts_with('#') {
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?}"));
        let value = value.parse().unwrap_or_else(|_| panic!("{line:?}"));
        let family = name.split('{').next().unwrap();
        let of_family = |known: &str| {
            let ends = ["_bucket", "_sum", "_count"];
            family == known
                || ends
                    .iter()
                    .any(|end| family.strip_suffix(end) == Some(known))
        };
        assert!(
            typed.iter().any(|known| of_family(known)),
            "{family} has no type"
        );
        assert!(
            values.insert(name.to_owned(), value).is_none(),
            "{name} is there twice"
        );
    }
    values
}

#[test]
fn a_sweep_shows_in_the_numbers() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let (coordinator, page) = start(at);
    let scrape = || values(&get(&page, None).1);
    let before = scrape();
    assert_eq!(before["parsimony_trials_reported_total"], 0.0);
    assert_eq!(before["parsimony_workers{state=\"idle\"}"], 0.0);
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    let waiting = scrape();
    assert_eq!(
        waiting["parsimony_trials{sweep=\"small\",status=\"pending\"}"],
        72.0
    );
    assert_eq!(waiting["parsimony_sweeps{state=\"running\"}"], 1.0);
    let worker = coordinator.worker(at, "w", 2);
    coordinator.call(at, &["watch", "small"]).expect(0);
    // The sweep has ended when its rows are durable; the last acknowledgements are counted with them.
    let after = scrape();
    let check = |name: &str, expected: f64| {
        assert_eq!(after[&format!("parsimony_{name}")], expected, "{name}");
    };
    check("trials{sweep=\"small\",status=\"completed\"}", 72.0);
    check("trials{sweep=\"small\",status=\"pending\"}", 0.0);
    check("trials{sweep=\"small\",status=\"leased\"}", 0.0);
    check("trials_reported_total", 72.0);
    check("trials_durable_total", 72.0);
    check("trials_repeated_total", 0.0);
    check("reports_unacknowledged", 0.0);
    check("sweeps{state=\"finished\"}", 1.0);
    check("workers{state=\"idle\"}", 1.0);
    check("workers_joined_total", 1.0);
    check("worker_threads", 2.0);
    check("worker_utilisation", 0.0);
    check("leases", 0.0);
    check(
        "acknowledge_seconds_count",
        after["parsimony_reports_total"],
    );
    check(
        "flush_seconds_bucket{le=\"+Inf\"}",
        after["parsimony_flush_seconds_count"],
    );
    for name in [
        "leases_granted_total",
        "report_bytes_total",
        "written_bytes_total",
        "work_seconds_total",
        "flush_seconds_sum",
    ] {
        assert!(after[&format!("parsimony_{name}")] > 0.0, "{name}");
    }
    assert!(after["process_resident_memory_bytes"] > 1e6);
    drop(worker);
    until("the worker to be away", || {
        scrape()["parsimony_workers{state=\"idle\"}"] == 0.0
    });
}

#[test]
fn a_lease_in_a_workers_hands_grows_older() {
    let text = SMALL.replace("steps = 60", "steps = 20000");
    let folder = folder_with("small.toml", &text);
    let at = folder.path();
    let (coordinator, page) = start(at);
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    let _worker = coordinator.worker(at, "w", 1);
    let oldest = || {
        let values = values(&get(&page, None).1);
        values
            .get("parsimony_lease_age_seconds{quantile=\"1\"}")
            .copied()
            .unwrap_or(0.0)
    };
    until("a lease that is not of this moment", || oldest() > 0.05);
    let busy = values(&get(&page, None).1);
    assert!(busy["parsimony_worker_threads_busy"] <= 1.0);
    assert!(busy["parsimony_leases_granted_total"] >= 1.0);
}

#[test]
fn the_page_is_plain_http_and_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (_coordinator, page) = start(folder.path());
    let (head, body) = get(&page, None);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(
        head.to_ascii_lowercase()
            .contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    assert!(body.contains("parsimony_build_info{version="), "{body}");
    let (head, _) = get(&page, Some("anything"));
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
}

#[test]
fn metrics_leave_the_machine_only_with_the_flag() {
    let folder = tempfile::tempdir().unwrap();
    let words = [
        "coordinator",
        "--listen",
        "127.0.0.1:0",
        "--data",
        "d",
        "--metrics",
        "0.0.0.0:0",
    ];
    let output = run(folder.path(), &words).expect(2);
    assert!(output.err.contains("--metrics-open"), "{}", output.err);
    run(
        folder.path(),
        &["coordinator", "--data", "d", "--metrics-open"],
    )
    .expect(2);
}
