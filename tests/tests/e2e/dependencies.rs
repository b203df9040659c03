//! What comes from others: the licences of all crates and of vendored files, and crates that are built in more than one
//! version, against `tests/dependencies.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tests::process::root;
use toml_edit::DocumentMut;

/// The list is about one platform, so that it is the same on every machine.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// What `tests/dependencies.toml` allows.
struct Allowed {
    licences: BTreeSet<String>,
    duplicates: BTreeMap<String, BTreeSet<String>>,
}

impl Allowed {
    fn read() -> Allowed {
        let text = std::fs::read_to_string(root().join("tests/dependencies.toml")).unwrap();
        let list: DocumentMut = text.parse().unwrap();
        let texts = |item: &toml_edit::Item| -> BTreeSet<String> {
            let array = item.as_array().expect("an array");
            let text = |value: &toml_edit::Value| value.as_str().expect("a text").to_owned();
            array.iter().map(text).collect()
        };
        let duplicates = list["duplicates"].as_table().expect("a table");
        let duplicates = duplicates.iter().map(|(name, entry)| {
            let entry = entry.as_inline_table().expect("versions and a reason");
            let reason = entry.get("because").and_then(toml_edit::Value::as_str);
            let has_reason = reason.is_some_and(|reason| !reason.trim().is_empty());
            assert!(has_reason, "{name}: `because` is missing");
            let versions = entry.get("versions").expect("`versions`").clone();
            (name.to_owned(), texts(&toml_edit::Item::Value(versions)))
        });
        Allowed {
            licences: texts(&list["licences"]),
            duplicates: duplicates.collect(),
        }
    }
}

/// All crates of the lock file that the platform builds; `None` where this machine cannot know them.
fn packages() -> Option<Vec<Value>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let words = "metadata --format-version 1 --offline --locked --filter-platform";
    let output = Command::new(cargo)
        .args(words.split(' ').chain([PLATFORM]))
        .current_dir(root())
        .output()
        .unwrap();
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        // Crates that only the list's platform needs are downloaded there alone.
        let is_platform = cfg!(all(target_os = "linux", target_arch = "x86_64"));
        assert!(!is_platform, "cargo metadata: {error}");
        eprintln!("SKIPPED: crates of {PLATFORM} are not on this machine: {error}");
        return None;
    }
    let mut metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    match metadata["packages"].take() {
        Value::Array(packages) => Some(packages),
        other => panic!("no list of packages: {other}"),
    }
}

/// A licence expression: `/` is an older way to write `OR`, `AND` binds closer than `OR`, parentheses group.
struct Expression<'a> {
    tokens: Vec<&'a str>,
    at: usize,
    licences: &'a BTreeSet<String>,
    /// Allowed licences that were met.
    met: BTreeSet<String>,
}

impl Expression<'_> {
    /// Whether the allowed licences satisfy an expression, and which of them it names.
    fn holds(text: &str, licences: &BTreeSet<String>) -> (bool, BTreeSet<String>) {
        let spaced = text.replace('/', " OR ");
        let spaced = spaced.replace('(', " ( ").replace(')', " ) ");
        let mut expression = Expression {
            tokens: spaced.split_whitespace().collect(),
            at: 0,
            licences,
            met: BTreeSet::new(),
        };
        let holds = expression.any();
        assert_eq!(expression.at, expression.tokens.len(), "cannot read {text}");
        (holds, expression.met)
    }

    fn next_is(&mut self, word: &str) -> bool {
        let is = self.tokens.get(self.at) == Some(&word);
        self.at += usize::from(is);
        is
    }

    fn any(&mut self) -> bool {
        let mut holds = self.all();
        while self.next_is("OR") {
            holds |= self.all();
        }
        holds
    }

    fn all(&mut self) -> bool {
        let mut holds = self.one();
        while self.next_is("AND") {
            holds &= self.one();
        }
        holds
    }

    fn one(&mut self) -> bool {
        if self.next_is("(") {
            let holds = self.any();
            assert!(self.next_is(")"), "a parenthesis is open");
            return holds;
        }
        let mut licence = (*self.tokens.get(self.at).expect("a licence")).to_owned();
        self.at += 1;
        if self.next_is("WITH") {
            licence = format!("{licence} WITH {}", self.tokens[self.at]);
            self.at += 1;
        }
        let holds = self.licences.contains(&licence);
        if holds {
            self.met.insert(licence);
        }
        holds
    }
}

/// The part of a version that two compatible versions share: `1` of 1.4.2, `0.9` of 0.9.5.
fn compatible(version: &str) -> String {
    let mut numbers = version.split(['.', '+', '-']);
    let first = numbers.next().unwrap_or_default();
    match (first, numbers.next()) {
        ("0", Some(second)) => format!("0.{second}"),
        _ => first.to_owned(),
    }
}

#[test]
fn crates_bring_only_licences_and_second_versions_that_are_listed() {
    let Some(packages) = packages() else { return };
    assert!(packages.len() > 100, "only {} crates", packages.len());
    let allowed = Allowed::read();
    let mut complaints = Vec::new();
    let mut met = BTreeSet::new();
    let mut versions: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for package in &packages {
        let name = package["name"].as_str().unwrap();
        let version = package["version"].as_str().unwrap();
        // A crate with a text of its own names no known licence.
        let licence = package["license"].as_str().unwrap_or("UNNAMED");
        let (holds, named) = Expression::holds(licence, &allowed.licences);
        met.extend(named);
        if !holds {
            complaints.push(format!("{name} {version} has the licence {licence}"));
        }
        versions
            .entry(name)
            .or_default()
            .insert(compatible(version));
    }
    versions.retain(|_, versions| versions.len() > 1);
    for (name, found) in &versions {
        if allowed.duplicates.get(*name) != Some(found) {
            complaints.push(format!("{name} is built in the versions {found:?}"));
        }
    }
    for name in allowed.duplicates.keys() {
        if !versions.contains_key(name.as_str()) {
            complaints.push(format!("{name} is built once: take it off the list"));
        }
    }
    for licence in allowed.licences.difference(&met) {
        complaints.push(format!(
            "no crate has the licence {licence}: take it off the list"
        ));
    }
    assert!(
        complaints.is_empty(),
        "see tests/dependencies.toml:\n{}",
        complaints.join("\n")
    );
}

#[test]
fn licence_expressions_are_read() {
    let allowed: BTreeSet<String> = ["MIT", "Zlib", "Apache-2.0 WITH LLVM-exception"]
        .map(str::to_owned)
        .into();
    for (text, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0 OR Zlib", true),
        ("MIT AND GPL-3.0", false),
        ("(GPL-3.0 OR MIT) AND Zlib", true),
        ("GPL-3.0 OR MIT AND Apache-2.0", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("Apache-2.0", false),
    ] {
        assert_eq!(Expression::holds(text, &allowed).0, expected, "{text}");
    }
    assert_eq!(
        ["1.4.2", "0.9.5", "0.10.0"].map(compatible),
        ["1", "0.9", "0.10"]
    );
}

/// Files of a `vendor` folder without a licence. A line of its `MANIFEST` begins with a file and ends with the file of its
/// licence, which lies in the folder, too.
fn unlicensed(vendor: &Path) -> Vec<PathBuf> {
    let manifest = std::fs::read_to_string(vendor.join("MANIFEST")).unwrap_or_default();
    let lines = manifest.lines().filter(|line| !line.starts_with('#'));
    let licensed: BTreeMap<&str, &str> = lines
        .filter_map(|line| Some((line.split(' ').next()?, line.rsplit(' ').next()?)))
        .collect();
    let has_licence = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let licence = licensed.get(&*name).map(|licence| vendor.join(licence));
        let length = licence.and_then(|licence| std::fs::metadata(licence).ok());
        length.is_some_and(|metadata| metadata.is_file() && metadata.len() > 0)
    };
    let needs_none = |path: &Path| {
        path.ends_with("MANIFEST") || path.extension().is_some_and(|ending| ending == "LICENSE")
    };
    let entries = std::fs::read_dir(vendor).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| !needs_none(path) && !has_licence(path))
        .collect()
}

#[test]
fn vendored_files_come_with_their_licence() {
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let vendor = entry.unwrap().path().join("vendor");
        if vendor.is_dir() {
            let found = unlicensed(&vendor);
            assert!(found.is_empty(), "files without a licence: {found:?}");
        }
    }
}

#[test]
fn a_vendored_file_without_a_licence_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for (name, text) in [
        (
            "MANIFEST",
            "# file ... licence\nfine.js fine@1 fine.LICENSE\nbare.js bare@1 bare.LICENSE\n",
        ),
        ("fine.js", "1"),
        ("fine.LICENSE", "Do what you like."),
        ("bare.js", "1"),
        ("unlisted.ttf", "1"),
    ] {
        std::fs::write(at.join(name), text).unwrap();
    }
    let mut found = unlicensed(at);
    found.sort();
    assert_eq!(found, [at.join("bare.js"), at.join("unlisted.ttf")]);
}
