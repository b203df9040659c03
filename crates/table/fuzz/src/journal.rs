//! Texts that a journal keeps: what was kept is read back, also after the journal is lost, and what it says is understood.
//!
//! NUL separates the texts: the state, the priority, the sweep's name, the generation in canonical form, the sweep as it
//! was written, its hash, then names and hashes of files in turns.

use std::path::Path;

use scheduler::SweepState;
use sweep::Spec;
use table::{GenerationRecord, Meta, RunFolder};

pub fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut texts = text.split('\0');
    let mut next = || texts.next().unwrap_or_default().to_owned();
    let (state, priority, name) = (next(), next(), next());
    let (toml, written, hash) = (next(), next(), next());
    let others: Vec<&str> = texts.collect();
    let files = others.chunks_exact(2);
    let record = GenerationRecord {
        number: 0,
        base: 0,
        size: 1,
        toml,
        hash,
        files: files
            .map(|pair| (pair[0].to_owned(), pair[1].to_owned()))
            .collect(),
    };
    let home = tempfile::tempdir().expect("a temporary folder");
    let dir = home.path().join("run");
    let meta = Meta {
        name,
        program_version: "0".to_owned(),
        revision: String::new(),
    };
    let mut run = RunFolder::create(&dir, &meta, None).expect("a new folder");
    run.set_state("state", &state).expect("any text is kept");
    run.set_state("priority", &priority)
        .expect("any text is kept");
    run.add_generation(&record, &written)
        .expect("any text is kept");
    drop(run);

    let run = opened(&dir, &record);
    assert_eq!(run.meta(), &meta);
    assert_eq!(run.state("priority").expect("a journal"), Some(priority));
    let kept = run.state("state").expect("a journal");
    assert_eq!(kept.as_ref(), Some(&state));
    let known = SweepState::of_journal(kept.as_deref());
    assert!(known == SweepState::Running || known.name() == state);
    drop(run);

    // The parts carry the generation, too: the journal is made again from them.
    let journal = dir.join("journal.sqlite");
    assert!(journal.is_file());
    std::fs::write(&journal, "lost").expect("the folder is ours");
    drop(opened(&dir, &record));
    if let Ok(spec) = Spec::parse_stored(&record.toml, "sweep.toml", &[]) {
        let again = Spec::parse_stored(&spec.to_toml(), "sweep.toml", &[]);
        assert!(again.is_ok_and(|again| again == spec), "another sweep");
    }
}

fn opened(dir: &Path, record: &GenerationRecord) -> RunFolder {
    let run = RunFolder::open(dir, None).expect("the folder opens");
    let generations = run.generations().expect("a journal");
    assert_eq!(generations.as_slice(), std::slice::from_ref(record));
    run
}
