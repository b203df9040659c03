//! Whether run folders are still where they were: somebody may remove or move one under the coordinator. Looking
//! waits for disks, so threads do it; what follows from it is done in the event loop.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rpc::v1::SweepState;
use tokio::sync::oneshot;

use crate::event_loop::EventLoop;
use crate::events::Event;

/// Folders of sweeps that are open are looked at this often: what a sweep does in vain after its folder is gone.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// Where tables are written to; a folder without it is no run folder any more.
const TABLE: &str = "trials";

/// One folder, told from a later one of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    device: u64,
    inode: u64,
    /// Numbers of removed folders are used again.
    made: Option<SystemTime>,
}

/// A folder that is to be looked at.
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    /// Of a sweep that is open; any run folder will do for the others.
    pub(crate) mark: Option<Mark>,
    /// It was a run folder: without its tables it is none any more.
    pub(crate) was_run: bool,
}

impl Mark {
    /// Of the folder that is there now. Blocks.
    pub(crate) fn of(dir: &Path) -> Option<Mark> {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = std::fs::metadata(dir).ok()?;
        Some(Mark {
            device: metadata.dev(),
            inode: metadata.ino(),
            made: metadata.created().ok(),
        })
    }
}

impl Place {
    /// Whether the folder is gone for certain: a disk that does not answer is none that was removed. Blocks.
    fn is_gone(&self) -> bool {
        use std::io::ErrorKind::{NotADirectory, NotFound};
        let looked_at = match self.was_run {
            true => std::fs::metadata(self.dir.join(TABLE)),
            false => std::fs::metadata(&self.dir),
        };
        match looked_at {
            Err(error) => matches!(error.kind(), NotFound | NotADirectory),
            Ok(_) => match (self.mark, Mark::of(&self.dir)) {
                (Some(then), Some(now)) => then != now,
                _ => false,
            },
        }
    }
}

/// What people read of a sweep whose folder is gone.
pub(crate) fn words(dir: &Path) -> String {
    format!(
        "its folder {} is gone: put it back and resume the sweep, submit the sweep to start afresh, or remove it",
        dir.display()
    )
}

impl EventLoop {
    /// Looks at the folders of sweeps that are open, now and then.
    pub(crate) fn look_due(&mut self) {
        if self.looked.elapsed() < LOOK_EVERY || self.sweeps.is_empty() {
            return;
        }
        self.looked = Instant::now();
        let places = self.sweeps.values().map(|sweep| Place {
            name: sweep.name.clone(),
            dir: sweep.dir.clone(),
            mark: sweep.mark,
            was_run: true,
        });
        let places = places.collect();
        self.look_at(places, None);
    }

    /// Looks at one sweep's folder or at every one, and answers when what was found is known here.
    pub(crate) fn look(&self, name: Option<&str>, reply: oneshot::Sender<()>) {
        let open = self.sweeps.values().map(|sweep| Place {
            name: sweep.name.clone(),
            dir: sweep.dir.clone(),
            mark: sweep.mark,
            was_run: true,
        });
        let closed = self.closed.iter().map(|(name, closed)| Place {
            name: name.clone(),
            dir: closed.dir.clone(),
            mark: None,
            was_run: closed.is_at_rest(),
        });
        let asked = |place: &Place| name.is_none_or(|name| place.name == name);
        self.look_at(open.chain(closed).filter(asked).collect(), Some(reply));
    }

    fn look_at(&self, places: Vec<Place>, reply: Option<oneshot::Sender<()>>) {
        let events = self.events.clone();
        tokio::task::spawn_blocking(move || {
            let seen = places.into_iter().map(|place| {
                let gone = place.is_gone();
                (place, gone)
            });
            let seen = seen.collect();
            // A closed loop means that the coordinator is ending.
            let _ = events.blocking_send(Event::Looked { seen, reply });
        });
    }

    /// What was seen of folders, unless they have changed hands meanwhile.
    pub(crate) fn looked(&mut self, seen: Vec<(Place, bool)>) {
        for (place, gone) in seen {
            if let Some(closed) = self.closed.get_mut(&place.name) {
                if closed.dir == place.dir {
                    closed.gone = gone;
                }
                continue;
            }
            let Some(&key) = self.names.get(&place.name) else {
                continue;
            };
            let Some(sweep) = self.sweeps.get_mut(&key) else {
                continue;
            };
            if sweep.mark != place.mark {
                continue;
            }
            let was_gone = matches!(sweep.state, SweepState::Gone);
            if gone && !was_gone {
                sweep.problem = words(&sweep.dir);
                sweep.state = SweepState::Gone;
                tracing::error!(sweep = %sweep.name, dir = %sweep.dir.display(), "the sweep stops: its folder is gone");
                self.drive(scheduler::Event::Pause { sweep: key });
                self.finish(key);
            } else if was_gone && !gone {
                sweep.problem = "its folder was gone and is back; resume the sweep".to_owned();
                sweep.state = SweepState::Stopped;
                self.publish(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_gone_when_it_or_its_tables_are_and_when_another_took_its_place() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("s");
        std::fs::create_dir_all(dir.join(TABLE)).unwrap();
        let mark = Mark::of(&dir);
        assert!(mark.is_some());
        let place = |mark| Place {
            name: "s".to_owned(),
            dir: dir.clone(),
            mark,
            was_run: true,
        };
        assert!(!place(mark).is_gone() && !place(None).is_gone());
        let aside = home.path().join("aside");
        std::fs::rename(&dir, &aside).unwrap();
        assert!(place(mark).is_gone() && place(None).is_gone());
        std::fs::create_dir_all(dir.join(TABLE)).unwrap();
        assert!(place(mark).is_gone() && !place(None).is_gone());
        std::fs::remove_dir_all(&dir).unwrap();
        std::fs::rename(&aside, &dir).unwrap();
        assert!(!place(mark).is_gone());
        std::fs::remove_dir(dir.join(TABLE)).unwrap();
        assert!(place(mark).is_gone());
    }
}
