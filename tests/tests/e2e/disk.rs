//! A full disk stops the sweep with the reason and leaves it resumable.

use std::path::Path;
use std::process::Command;

use tests::process::run;
use tests::tables::assert_equal;

use crate::{SMALL, folder_with};

/// A small file system of its own, unmounted when dropped.
pub(crate) struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// `None` where this machine does not let the test mount one.
    pub(crate) fn mount(at: &'a Path, kilobytes: u32) -> Option<Self> {
        std::fs::create_dir_all(at).ok()?;
        let disk = SmallDisk(at);
        disk.call(&["-t", "tmpfs", "-o", &format!("size={kilobytes}k"), "tmpfs"])
            .then_some(disk)
    }

    pub(crate) fn resize(&self, kilobytes: u32) -> bool {
        self.call(&["-o", &format!("remount,size={kilobytes}k")])
    }

    /// Nobody may have a file of it open for writing.
    pub(crate) fn set_read_only(&self, read_only: bool) -> bool {
        self.call(&[
            "-o",
            if read_only {
                "remount,ro"
            } else {
                "remount,rw"
            },
        ])
    }

    fn call(&self, words: &[&str]) -> bool {
        let mounted = Command::new("mount").args(words).arg(self.0).output();
        mounted.is_ok_and(|output| output.status.success())
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        // Nothing can be done about a mount that stays: the folder is temporary.
        let _ = Command::new("umount").arg(self.0).output();
    }
}

#[test]
fn a_full_disk_stops_the_sweep_and_room_lets_it_go_on() {
    let folder = folder_with("small.toml", SMALL);
    let at = folder.path();
    let place = at.join("disk");
    let Some(disk) = SmallDisk::mount(&place, 400) else {
        eprintln!("SKIPPED: this machine does not let the test mount a small file system");
        return;
    };
    let big = ["--set", "measure.every=1", "--set", "train.steps=300"];
    let mut words = vec!["run", "small.toml", "--out", "disk/r"];
    words.extend(big);
    let ended = run(at, &words).expect(1);
    assert!(ended.err.contains("No space left"), "{}", ended.err);
    assert!(disk.resize(400_000));
    run(at, &words).expect(0);
    let mut words = vec!["run", "small.toml", "--out", "whole"];
    words.extend(big);
    run(at, &words).expect(0);
    assert_equal(&place.join("r"), &at.join("whole"));
}
