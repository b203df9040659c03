//! Run folders are checked now and then; a sweep whose folder is gone stops.

use std::time::Duration;

use scheduler::{Change, SweepState};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::EventLoop;
use super::events::Event;
use crate::folder_probe::{self, Probe};

/// Folders of sweeps that are open are looked at this often: what a sweep does after its folder is gone is lost.
const PROBE_EVERY: Duration = Duration::from_secs(3);

impl EventLoop {
    /// Looks at the folders of sweeps that are open, now and then.
    pub(crate) fn probe_due(&mut self) {
        if self.probed.elapsed() < PROBE_EVERY || self.sweeps.is_empty() {
            return;
        }
        self.probed = Instant::now();
        let places = self.sweeps.values().map(|sweep| Probe {
            name: sweep.name.clone(),
            dir: sweep.dir.clone(),
            folder_id: sweep.folder_id,
            was_run: true,
        });
        let places = places.collect();
        self.probe_folders(places, None);
    }

    /// Looks at one sweep's folder or at every one, and answers when what was found is known here.
    pub(crate) fn probe(&self, name: Option<&str>, reply: oneshot::Sender<()>) {
        let open = self.sweeps.values().map(|sweep| Probe {
            name: sweep.name.clone(),
            dir: sweep.dir.clone(),
            folder_id: sweep.folder_id,
            was_run: true,
        });
        let closed = self.dormant.iter().map(|(name, closed)| Probe {
            name: name.clone(),
            dir: closed.dir.clone(),
            folder_id: None,
            was_run: closed.is_closed(),
        });
        let asked = |place: &Probe| name.is_none_or(|name| place.name == name);
        self.probe_folders(open.chain(closed).filter(asked).collect(), Some(reply));
    }

    fn probe_folders(&self, places: Vec<Probe>, reply: Option<oneshot::Sender<()>>) {
        let events = self.events.clone();
        tokio::task::spawn_blocking(move || {
            let seen = places.into_iter().map(|place| {
                let gone = place.is_gone();
                (place, gone)
            });
            let seen = seen.collect();
            // A closed loop means that the coordinator is ending.
            let _ = events.blocking_send(Event::FoldersProbed { seen, reply });
        });
    }

    /// What was seen of folders, unless they have changed hands meanwhile.
    pub(crate) fn folders_probed(&mut self, seen: Vec<(Probe, bool)>) {
        for (place, gone) in seen {
            if let Some(closed) = self.dormant.get_mut(&place.name) {
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
            if sweep.folder_id != place.folder_id {
                continue;
            }
            let was_gone = matches!(sweep.state, SweepState::Gone);
            if gone && !was_gone {
                sweep.problem = folder_probe::missing_message(&sweep.dir);
                sweep.apply(Change::LoseFolder);
                tracing::error!(sweep = %sweep.name, dir = %sweep.dir.display(), "the sweep stops: its folder is gone");
                self.drive(scheduler::Event::Pause { sweep: key });
                self.finish(key);
            } else if was_gone && !gone {
                sweep.problem = "its folder was gone and is back; resume the sweep".to_owned();
                sweep.apply(Change::FindFolder);
                self.publish(key);
            }
        }
    }
}
