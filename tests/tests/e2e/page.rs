//! The live page of real processes: what it answers over a socket, whom it refuses, and how it looks and works in a real
//! Chromium, where there is one.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tests::process::{Background, Coordinator, command, root, run, until};

use crate::common::{count, state};
use crate::{SMALL, folder_with};

/// A coordinator with a live page, and the page's address without the scheme.
fn start(at: &Path, more: &[&str]) -> (Coordinator, String) {
    let mut child = command(at)
        .args(["coordinator", "--listen", "127.0.0.1:0", "--data", "data"])
        .args(["--web", "127.0.0.1:0"])
        .args(more)
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
    let page = after("live page on http://");
    let coordinator = Coordinator {
        process: Background { child },
        url,
    };
    let (address, _) = page.split_once('/').unwrap();
    (coordinator, address.to_owned())
}

/// Status line and headers, and the body, of a request.
fn ask(address: &str, request: &str, headers: &[&str]) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let host = match headers.iter().any(|header| header.starts_with("Host:")) {
        true => String::new(),
        false => format!("Host: {address}\r\n"),
    };
    let more: String = headers
        .iter()
        .map(|header| format!("{header}\r\n"))
        .collect();
    let text =
        format!("{request} HTTP/1.1\r\n{host}{more}Connection: close\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[track_caller]
fn json(address: &str, path: &str) -> Value {
    let (head, body) = ask(address, &format!("GET /api/{path}"), &[]);
    assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}\n{body}");
    serde_json::from_str(&body).unwrap()
}

#[track_caller]
fn refused(address: &str, request: &str, headers: &[&str], status: &str) {
    let (head, body) = ask(address, request, headers);
    let expected = format!("HTTP/1.1 {status}");
    assert!(
        head.starts_with(&expected),
        "{request} {headers:?}: {head}\n{body}"
    );
}

/// A folder with certificates of the lab, for their tokens, and the user's token.
fn with_token(at: &Path) -> String {
    run(at, &["certs", "certs", "--host", "localhost"]).expect(0);
    let token = std::fs::read_to_string(at.join("certs/user.token")).unwrap();
    token.lines().next().unwrap().to_owned()
}

#[test]
fn the_page_shows_a_sweep_its_grid_and_its_trials() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let (coordinator, address) = start(at, &[]);
    let (head, body) = ask(&address, "GET /", &[]);
    assert!(
        head.to_lowercase()
            .contains("content-security-policy: default-src 'none'"),
        "{head}"
    );
    assert!(
        body.contains("app.js") && !body.contains("<script>"),
        "{body}"
    );
    coordinator.call(at, &["submit", "small.toml"]).expect(0);
    let _worker = coordinator.worker(at, "w", 2);
    until("the rows", || {
        count(&coordinator, at, "small", "completed") == 72
    });
    let overview = json(&address, "overview");
    assert_eq!(overview["totals"]["trials"], 72);
    assert_eq!(overview["workers"]["rows"][0]["name"], "w");
    let sweep = json(&address, "sweeps/small");
    assert_eq!(
        (&sweep["name"], &sweep["trials"]),
        (&"small".into(), &72.into())
    );
    let cells = json(&address, "sweeps/small/cells?x=0&y=2");
    assert_eq!(cells["cells"], serde_json::json!([10, 6]), "{cells}");
    assert_eq!(cells["y"]["name"], "init.kind");
    let page = json(&address, "sweeps/small/trials?from=60");
    let rows = page["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[0][0]), (12, &60.into()));
    let first = json(&address, "sweeps/small/trials");
    assert_eq!(
        (first["rows"].as_array().map(Vec::len), &first["next"]),
        (Some(50), &50.0.into())
    );
    let failed = json(&address, "sweeps/small/trials?status=failed");
    assert_eq!(failed["rows"], serde_json::json!([]));
    let trial = json(&address, "sweeps/small/trials/7");
    assert_eq!(trial["state"], "completed");
    assert_eq!(
        trial["history"]["step"],
        serde_json::json!([0, 1, 20, 40, 60]),
        "{trial}"
    );
    assert_eq!(trial["parameters"][0]["name"], "network.depth");
    assert!(
        !trial["spectrum"]["values"].as_array().unwrap().is_empty(),
        "{trial}"
    );
    let curves = json(&address, "sweeps/small/curves");
    assert_eq!(
        curves["trials"].as_array().map(Vec::len),
        Some(8),
        "{curves}"
    );
    refused(&address, "GET /api/sweeps/small/trials/72", &[], "404");
    refused(&address, "GET /api/sweeps/nothing", &[], "404");
}

#[test]
fn the_page_lets_in_neither_strangers_nor_tokens_in_addresses() {
    let folder = folder_with("s.toml", SMALL);
    let at = folder.path();
    let token = with_token(at);
    let (coordinator, address) = start(
        at,
        &["--web-token", "certs/user.token", "--web-host", "head.lab"],
    );
    coordinator.call(at, &["submit", "s.toml"]).expect(0);
    let cancel = "POST /api/sweeps/small/cancel";
    let bearer = format!("Authorization: Bearer {token}");
    refused(&address, cancel, &[], "401");
    refused(&address, &format!("{cancel}?token={token}"), &[], "401");
    refused(
        &address,
        &format!("{cancel}?token={token}"),
        &[&bearer],
        "400",
    );
    refused(&address, &format!("GET /?token={token}"), &[], "400");
    refused(
        &address,
        cancel,
        &["Authorization: Bearer user.1.wrong"],
        "401",
    );
    refused(
        &address,
        cancel,
        &[&bearer, "Origin: http://evil.example"],
        "403",
    );
    refused(
        &address,
        cancel,
        &[&bearer, "Sec-Fetch-Site: cross-site"],
        "403",
    );
    refused(&address, cancel, &[&bearer, "Host: evil.example"], "421");
    refused(
        &address,
        "GET /api/overview",
        &["Host: evil.example"],
        "421",
    );
    refused(
        &address,
        "GET /api/overview",
        &["Sec-Fetch-Site: same-site"],
        "403",
    );
    refused(
        &address,
        "GET /api/sweeps/small/cells?x=1&y=2&z=3",
        &[],
        "400",
    );
    assert_eq!(state(&coordinator, at, "small"), "running");
    let (head, body) = ask(
        &address,
        cancel,
        &[&bearer, "Host: head.lab", "Origin: https://head.lab"],
    );
    assert!(head.starts_with("HTTP/1.1 200"), "{head}\n{body}");
    assert_eq!(state(&coordinator, at, "small"), "cancelled");
    refused(&address, "POST /api/sweeps/small/pause", &[&bearer], "409");
    let (head, _) = ask(&address, "POST /api/sweeps/small/resume", &[&bearer]);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
}

#[test]
fn a_page_without_a_token_is_read_only_and_stays_on_loopback() {
    let folder = folder_with("s.toml", SMALL);
    let at = folder.path();
    let (_coordinator, address) = start(at, &[]);
    refused(
        &address,
        "POST /api/sweeps/small/cancel",
        &["Authorization: Bearer x"],
        "403",
    );
    let open = [
        "coordinator",
        "--listen",
        "127.0.0.1:0",
        "--data",
        "d",
        "--web",
        "0.0.0.0:0",
    ];
    let said = run(at, &open).expect(2);
    assert!(said.err.contains("--web-token"), "{}", said.err);
    let alone = run(at, &["run", "s.toml", "--web-token", "x"]).expect(2);
    assert!(alone.err.contains("--web"), "{}", alone.err);
}

#[test]
fn a_local_run_has_a_page_as_long_as_it_runs() {
    let folder = folder_with("s.toml", SMALL);
    let at = folder.path();
    let mut child = command(at)
        .args([
            "run",
            "s.toml",
            "--out",
            "r",
            "--threads",
            "1",
            "--web",
            "127.0.0.1:0",
        ])
        .env("PARSIMONY_FAULT_SLOW_MS", "100")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut process = Background { child };
    let line = lines.find_map(|line| {
        Some(
            line.unwrap()
                .strip_prefix("live page on http://")?
                .to_owned(),
        )
    });
    let line = line.expect("the run says where its page is");
    let (address, _) = line.split_once('/').unwrap();
    // What it says is read to its end, so that it is never held up.
    let reader = std::thread::spawn(move || lines.map_while(Result::ok).count());
    until("trials", || {
        json_or_null(address, "overview")["totals"]["completed"].as_u64() > Some(2)
    });
    assert_eq!(json(address, "about")["local"], true);
    assert_eq!(json(address, "workers")["rows"][0]["name"], "local");
    process.signal("INT");
    assert_eq!(process.wait(), Some(130));
    reader.join().unwrap();
}

/// As [`json`], null where the answer is another: a coordinator may be starting.
fn json_or_null(address: &str, path: &str) -> Value {
    let (head, body) = ask(address, &format!("GET /api/{path}"), &[]);
    match head.starts_with("HTTP/1.1 200") {
        true => serde_json::from_str(&body).unwrap(),
        false => Value::Null,
    }
}

/// A sweep with two axes, curves and spectra.
const BUSY: &str = r#"
name = "busy"
[axes]
"problem.rank" = { range = [1, 9] }
"init.scale" = { log = [1e-3, 1.0], points = 12 }
"replicate" = { range = [0, 4000] }
[problem]
kind = "factorization"
dim = 12
[network]
depth = 3
[init]
kind = "gaussian"
[train]
steps = 200
engine = "full"
[measure]
every = 10
metrics = ["train_loss", "effective_rank", "spectrum"]
"#;

/// The folder with the browser's modules, and the browser; `None` with the reason.
fn browser() -> Result<(PathBuf, PathBuf), String> {
    let cache = || {
        let home = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
    };
    let named = std::env::var_os("PARSIMONY_PAGE").map(PathBuf::from);
    let modules = named.or_else(|| Some(cache()?.join("parsimony/page")));
    let modules = modules.filter(|folder| {
        let has = |name: &str| folder.join("node_modules").join(name).is_dir();
        has("playwright-core") && has("axe-core")
    });
    let modules = modules.ok_or("playwright-core and axe-core are not installed")?;
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let find = |name: &str| {
        std::env::split_paths(&paths)
            .map(|path| path.join(name))
            .find(|path| path.is_file())
    };
    find("node").ok_or("node is not installed")?;
    let chromium = find("chromium").ok_or("chromium is not installed")?;
    Ok((modules, chromium))
}

#[test]
fn the_page_works_in_a_browser() {
    let (modules, chromium) = match browser() {
        Ok(found) => found,
        Err(why) => {
            eprintln!("SKIPPED: {why}");
            return;
        }
    };
    let folder = folder_with("busy.toml", BUSY);
    let at = folder.path();
    with_token(at);
    let (coordinator, address) = start(at, &["--web-token", "certs/user.token"]);
    coordinator.call(at, &["submit", "busy.toml"]).expect(0);
    let slow = |command: &mut Command| {
        command.env("PARSIMONY_FAULT_SLOW_MS", "30");
    };
    let _worker = coordinator.worker_with(at, "<img src=x onerror=alert(1)>", 2, slow);
    let _other = coordinator.worker_with(at, "node-02", 1, slow);
    until("trials with rows", || {
        count(&coordinator, at, "busy", "completed") > 3
    });
    let mut node = Command::new("node");
    node.arg(root().join("tests/page/check.mjs"))
        .args([&format!("http://{address}/"), "certs/user.token", "busy"])
        .current_dir(at)
        .env("PARSIMONY_PAGE", modules)
        .env("PARSIMONY_CHROMIUM", chromium);
    if let Some(shots) = std::env::var_os("PARSIMONY_PAGE_SHOTS") {
        node.arg(shots);
    }
    let output = node.output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "--- out\n{out}--- err\n{err}");
    for words in [
        "numbers move",
        "the pictures of a sweep are drawn",
        "a sweep is cancelled with a token",
        "no console error",
    ] {
        assert!(out.contains(words), "no `{words}` in\n{out}");
    }
    assert_eq!(state(&coordinator, at, "busy"), "cancelled");
}
