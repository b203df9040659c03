//! Cycles between the files of a crate: files that use each other cannot be read, or changed, one at a time.
//!
//! The arrows are those that paths from `crate::` and `super::` spell out; a re-export leads to the file that defines
//! the name. Methods, and what tests use, make no arrow. How many files lie on cycles is bounded for each crate, and
//! a bound only goes down.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tests::process::root;

/// Files on cycles, at most. What a crate has less is taken off its bound.
const MOST_ON_CYCLES: [(&str, usize); 11] = [
    ("cli", 0),
    ("coordinator", 0),
    ("dln", 0),
    ("launch", 0),
    ("report", 0),
    ("rpc", 0),
    ("scheduler", 0),
    ("sweep", 0),
    ("table", 0),
    ("web", 0),
    ("worker", 0),
];

#[test]
fn files_of_a_crate_stand_in_no_new_cycles() {
    let mut wrong = String::new();
    for (name, bound) in MOST_ON_CYCLES {
        let cycles = cycles(&root().join("crates").join(name).join("src"));
        let files: usize = cycles.iter().map(Vec::len).sum();
        if files > bound {
            wrong.push_str(&format!(
                "{name}: {files} files lie on cycles, at most {bound} may\n"
            ));
            for cycle in cycles {
                wrong.push_str(&format!("    {}\n", cycle.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}move a definition to untie them");
}

/// A module of a crate.
#[derive(Default)]
struct Module {
    /// Path below `src`.
    file: String,
    text: String,
    children: BTreeSet<String>,
    /// Names that `use` brings in, and the path that each stands for.
    names: BTreeMap<String, Vec<String>>,
    /// Modules of which all names are brought in.
    globs: Vec<Vec<String>>,
}

/// Modules by their path from the root of the crate.
type Modules = BTreeMap<Vec<String>, Module>;

/// The cycles of the crate in `src`: groups of files of which each leads to each other.
fn cycles(src: &Path) -> Vec<Vec<String>> {
    let mut modules = Modules::new();
    let main = if src.join("lib.rs").exists() {
        "lib.rs"
    } else {
        "main.rs"
    };
    read(src, main, &[], &mut modules);
    let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (path, module) in &modules {
        let to = arrows.entry(&module.file).or_default();
        // A folder's `mod.rs` lists its files; only what it uses by a path of its own is an arrow.
        for used in paths(&module.text) {
            let Some(used) = absolute(path, used) else {
                continue;
            };
            let found = file_of(&modules, &used, 0);
            to.extend(found.filter(|file| *file != module.file));
        }
    }
    groups(&arrows)
}

/// Reads a module and those that it declares; modules of tests are left out.
fn read(src: &Path, file: &str, path: &[String], modules: &mut Modules) {
    let text = std::fs::read_to_string(src.join(file)).unwrap();
    let text = code(&text);
    let text = without_tests(&text);
    let mut module = Module {
        file: file.to_owned(),
        text: text.to_owned(),
        ..Module::default()
    };
    let folder = match file.strip_suffix("mod.rs") {
        Some(folder) => folder.to_owned(),
        None if path.is_empty() => String::new(),
        None => format!("{}/", file.trim_end_matches(".rs")),
    };
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        let declared = line.strip_suffix(';').and_then(|line| {
            let at = line.find("mod ")?;
            let visibility = line[..at].trim();
            (visibility.is_empty() || visibility.starts_with("pub")).then(|| &line[at + 4..])
        });
        if let Some(child) = declared.filter(|_| !is_test) {
            let flat = format!("{folder}{child}.rs");
            let file = match src.join(&flat).exists() {
                true => flat,
                false => format!("{folder}{child}/mod.rs"),
            };
            if src.join(&file).exists() {
                module.children.insert(child.to_owned());
                let path = [path, &[child.to_owned()]].concat();
                read(src, &file, &path, modules);
            }
        }
        is_test = line == "#[cfg(test)]";
    }
    for used in uses(text) {
        let Some(used) = absolute(path, used.clone()).or_else(|| {
            let is_child = module.children.contains(&used[0]);
            is_child.then(|| [path, &used].concat())
        }) else {
            continue;
        };
        match used.split_last() {
            Some((last, all)) if last == "*" => module.globs.push(all.to_vec()),
            Some((last, _)) => {
                module.names.insert(last.clone(), used);
            }
            None => {}
        }
    }
    modules.insert(path.to_vec(), module);
}

/// The text before the first module of tests that stands in the file itself.
fn without_tests(text: &str) -> &str {
    const MARK: &str = "#[cfg(test)]\n";
    let is_module = |&at: &usize| {
        let line = text[at + MARK.len()..].lines().next().unwrap_or("");
        line.contains("mod ") && line.ends_with('{')
    };
    let mut marks = text.match_indices(MARK).map(|(at, _)| at);
    marks.find(is_module).map_or(text, |at| &text[..at])
}

/// The text without comments, and with strings emptied.
fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let mut in_string = false;
        let mut before = ' ';
        for (at, c) in line.char_indices() {
            if c == '"' && before != '\\' && before != '\'' {
                in_string = !in_string;
            }
            if !in_string && line[at..].starts_with("//") {
                break;
            }
            if !in_string || c == '"' {
                out.push(c);
            }
            before = c;
        }
        out.push('\n');
    }
    out
}

/// Every path that begins with `crate::` or `super::`, groups in braces taken apart.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = ["crate::", "super::"]
        .iter()
        .filter_map(|start| Some(at + code[at..].find(start)?))
        .min()
    {
        let before = code[..next].chars().next_back().unwrap_or(' ');
        let length = if before.is_alphanumeric() || before == '_' || before == ':' {
            0
        } else {
            path(&code[next..], &[], &mut found)
        };
        at = next + length.max(1);
    }
    found
}

/// Every path of a `use`.
fn uses(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let line = code[..at].lines().next_back().unwrap_or("").trim();
        if line.is_empty() || line.starts_with("pub") {
            path(&code[at + 4..], &[], &mut found);
        }
    }
    found.retain(|path| !path.is_empty());
    found
}

/// Takes one path off `code`, adds what it names to `found`, and returns its length.
fn path(code: &str, before: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut names = before.to_vec();
    let mut at = 0;
    loop {
        let rest = &code[at..];
        if rest.starts_with('{') {
            at += 1;
            while !code[at..].starts_with('}') && at < code.len() {
                let skipped =
                    code[at..].len() - code[at..].trim_start_matches([' ', '\n', ',']).len();
                at += skipped;
                if code[at..].starts_with('}') {
                    break;
                }
                at += path(&code[at..], &names, found).max(1);
            }
            return at + 1;
        }
        let name: String = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || "_*".contains(*c))
            .collect();
        at += name.len();
        if name != "self" && !name.is_empty() {
            names.push(name);
        }
        match code[at..].strip_prefix("::") {
            Some(_) => at += 2,
            None => break,
        }
    }
    found.push(names);
    at
}

/// The path from the root of the crate; `None` where it leads out of it.
fn absolute(module: &[String], used: Vec<String>) -> Option<Vec<String>> {
    let first = used.first()?;
    if first == "crate" {
        return Some(used[1..].to_vec());
    }
    let supers = used.iter().take_while(|name| *name == "super").count();
    if supers == 0 {
        return None;
    }
    let parent = module.len().checked_sub(supers)?;
    Some([&module[..parent], &used[supers..]].concat())
}

/// The file that defines what a path names.
fn file_of<'a>(
    modules: &'a Modules,
    path: &[String],
    depth: usize,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let mut found = Vec::new();
    // The longest part of the path that is a module.
    let split = (0..=path.len())
        .rev()
        .find(|&split| modules.contains_key(&path[..split]));
    if let Some((module, rest)) = split.map(|split| (&modules[&path[..split]], &path[split..])) {
        let name = rest.first();
        let renamed = name.and_then(|name| module.names.get(name));
        match (name, renamed) {
            (Some(_), Some(target)) if depth < 8 && target != path => {
                found.extend(file_of(modules, target, depth + 1));
            }
            (Some(name), None) if depth < 8 && !defines(module, name) => {
                let globs = module.globs.iter();
                let glob = globs
                    .filter_map(|glob| modules.get(glob))
                    .find(|glob| defines(glob, name));
                found.push(glob.unwrap_or(module).file.as_str());
            }
            _ => found.push(module.file.as_str()),
        }
    }
    found.into_iter()
}

/// Whether the module's own text defines a name.
fn defines(module: &Module, name: &str) -> bool {
    let kinds = [
        "fn", "struct", "enum", "trait", "type", "const", "static", "mod", "union",
    ];
    kinds.iter().any(|kind| {
        let start = format!("{kind} {name}");
        module.text.match_indices(&start).any(|(at, _)| {
            let next = module.text[at + start.len()..].chars().next();
            !next.is_some_and(|c| c.is_alphanumeric() || c == '_')
        })
    })
}

/// Groups of files that lead to each other, alone ones left out.
fn groups(arrows: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<Vec<String>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = arrows
        .keys()
        .map(|&from| {
            let mut seen = BTreeSet::new();
            let mut open: Vec<&str> = arrows[from].iter().copied().collect();
            while let Some(file) = open.pop() {
                if seen.insert(file) {
                    open.extend(arrows.get(file).into_iter().flatten());
                }
            }
            (from, seen)
        })
        .collect();
    let mut groups = BTreeSet::new();
    for (&file, seen) in &reached {
        let group: Vec<String> = seen
            .iter()
            .filter(|other| reached.get(*other).is_some_and(|back| back.contains(file)))
            .map(|other| (*other).to_owned())
            .collect();
        if group.len() > 1 {
            groups.insert(group);
        }
    }
    groups.into_iter().collect()
}

#[test]
fn cycles_are_found_through_exports_and_not_in_tests() {
    let folder = std::env::temp_dir().join(format!("cycles-{}", std::process::id()));
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("lib.rs", "mod a;\npub mod b;\npub use b::One;\n");
    write("a.rs", "use crate::{One, b::Two};\npub struct Apple;\n");
    write(
        "b/mod.rs",
        "mod one;\nmod two;\npub use one::One;\npub use two::*;\n",
    );
    write(
        "b/one.rs",
        "// crate::a::Apple\npub struct One;\nconst TEXT: &str = \"crate::a\";\n#[cfg(test)]\npub(crate) mod tests {\n    use crate::a::Apple;\n}\n",
    );
    write("b/two.rs", "pub struct Two;\n");
    assert_eq!(cycles(&folder), Vec::<Vec<String>>::new());
    write("b/two.rs", "pub struct Two(super::super::a::Apple);\n");
    assert_eq!(cycles(&folder), [["a.rs", "b/two.rs"]]);
    write(
        "b/one.rs",
        "use super::Two;\npub struct One;\nfn f() { crate::a::g() }\n",
    );
    assert_eq!(cycles(&folder), [["a.rs", "b/one.rs", "b/two.rs"]]);
    std::fs::remove_dir_all(&folder).unwrap();
}
