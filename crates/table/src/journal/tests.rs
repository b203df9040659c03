//! Tests of the journal.

use super::*;

fn journal(folder: &tempfile::TempDir) -> Journal {
    let mut journal = Journal::open(&folder.path().join("journal.sqlite")).unwrap();
    journal.prepare().unwrap();
    if journal.inspect().unwrap() == Inspection::Empty {
        journal.create(&[], &[], &[]).unwrap();
    }
    journal
}

fn generation(number: u32) -> GenerationRecord {
    GenerationRecord {
        number,
        base: u64::MAX - 3,
        size: 12,
        toml: "name = \"s\"".to_owned(),
        hash: "h".to_owned(),
        files: vec![("a \"b\".csv".to_owned(), "blake3:00".to_owned())],
    }
}

#[test]
fn generations_and_settings_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = journal(&folder);
    writer.add_generation(&generation(0), "first").unwrap();
    writer.add_generation(&generation(1), "second").unwrap();
    writer.set_settings(&[("a", "1"), ("a", "2")]).unwrap();
    drop(writer);
    let reader = journal(&folder);
    assert_eq!(reader.inspect().unwrap(), Inspection::Ours);
    assert_eq!(
        reader.generations().unwrap(),
        [generation(0), generation(1)]
    );
    assert_eq!(reader.newest_sweep().unwrap().as_deref(), Some("second"));
    assert_eq!(reader.setting("a").unwrap().as_deref(), Some("2"));
    assert_eq!(reader.setting("b").unwrap(), None);
}

#[test]
fn commits_are_exchanged_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = journal(&folder);
    let numbers = codec::union(vec![0..5, 9..10]);
    let failed = [FailedTrial {
        trial: 9,
        attempts: 3,
        error: "e".to_owned(),
    }];
    let parts = [PartRow {
        table: TableName::Trials,
        file: 4,
        bytes: 100,
        rows: 6,
        hash: Some(blake3::hash(b"part")),
        columns: Some(7),
    }];
    let commit = |number| NewCommit {
        number,
        numbers: &numbers,
        counts: Counts {
            completed: 5,
            diverged: 0,
            failed: 1,
        },
        failed: &failed,
        parts: &parts,
    };
    journal.exchange(&[], &[commit(4)]).unwrap();
    // The same trial cannot fail twice, so nothing of the second commit is entered.
    assert!(journal.exchange(&[], &[commit(5)]).is_err());
    assert!(!journal.knows(5).unwrap());
    journal.exchange(&[4], &[commit(6)]).unwrap();
    let commits = journal.commits().unwrap();
    assert_eq!(commits.len(), 1);
    assert_eq!(commits[0].number, 6);
    assert_eq!(commits[0].runs, [0..5, 9..10]);
    assert_eq!(commits[0].parts, parts);
    assert_eq!(journal.failed_trials().unwrap(), failed);
}

#[test]
fn damage_emptiness_and_strangers_are_distinguished() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let look = || Journal::open(&path).unwrap().inspect();
    std::fs::write(&path, "").unwrap();
    assert_eq!(look().unwrap(), Inspection::Empty);
    std::fs::write(
        &path,
        "this was a journal once, but now it is prose".repeat(40),
    )
    .unwrap();
    assert_eq!(look().unwrap(), Inspection::Damaged);
    std::fs::remove_file(&path).unwrap();
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE theirs (x)")
        .unwrap();
    assert!(matches!(look(), Err(FolderError::JournalForeign { .. })));
    std::fs::remove_file(&path).unwrap();
    journal(&folder);
    Connection::open(&path)
        .unwrap()
        .execute_batch("PRAGMA user_version = 99")
        .unwrap();
    let newer = look().unwrap_err();
    assert!(matches!(
        newer,
        FolderError::Newer {
            found: Format::Journal(99),
            ..
        }
    ));
    assert!(newer.is_request_error());
}

#[test]
fn a_journal_of_layout_1_reads_as_it_is_and_after_its_upgrade() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let first = CREATE.replace("    hash BLOB,\n    columns TEXT,\n", "");
    assert!(!first.contains("BLOB,"));
    let made = Connection::open(&path).unwrap();
    made.execute_batch(&format!(
        "{first} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1;
         INSERT INTO commits VALUES (3, x'0005', 5, 0, 0);
         INSERT INTO parts VALUES (3, 'trials', 3, 100, 5);"
    ))
    .unwrap();
    drop(made);
    let check = |journal: &Journal, hash: Option<blake3::Hash>| {
        assert_eq!(journal.inspect().unwrap(), Inspection::Ours);
        let commits = journal.commits().unwrap();
        assert_eq!(commits[0].runs, [0..5]);
        let part = commits[0].part(TableName::Trials).unwrap();
        assert_eq!((part.bytes, part.rows), (100, 5));
        assert_eq!((part.hash, part.columns), (hash, hash.map(|_| 9)));
    };
    check(&Journal::open_reader(&path).unwrap(), None);
    let mut writer = Journal::open(&path).unwrap();
    writer.prepare().unwrap();
    writer.upgrade().unwrap();
    writer.upgrade().unwrap();
    check(&writer, None);
    let mut commit = writer.commits().unwrap().remove(0);
    let hash = Some(blake3::hash(b"x"));
    (commit.parts[0].hash, commit.parts[0].columns) = (hash, Some(9));
    let again = NewCommit {
        number: 3,
        numbers: &codec::union(commit.runs),
        counts: commit.counts,
        failed: &[],
        parts: &commit.parts,
    };
    writer.exchange(&[3], &[again]).unwrap();
    check(&writer, hash);
}

#[test]
fn bytes_behind_the_database_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    journal(&folder)
        .add_generation(&generation(0), "x")
        .unwrap();
    let path = folder.path().join("journal.sqlite");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(&[0x5a; 5000]);
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(journal(&folder).generations().unwrap().len(), 1);
}
