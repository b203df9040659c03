//! The threads that wait for disks: a few for all run folders. What is asked of one folder is done in order, one
//! piece at a time; folders take turns. What is done is the caller's.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use table::RunFolder;

/// Something to do with a folder.
pub(crate) type Work<T = RunFolder> = Box<dyn FnOnce(&mut T) + Send>;

/// The threads. They end when this and every lane is dropped and all that was asked is done.
#[derive(Debug)]
pub(crate) struct WriterPool<T = RunFolder>(Handle<T>);

/// A folder's place in the pool. Dropping it closes the folder once what was asked is done.
#[derive(Debug)]
pub(crate) struct Lane<T = RunFolder> {
    folder: Arc<Mutex<Folder<T>>>,
    pool: Handle<T>,
}

/// Counts as one user of the threads.
struct Handle<T>(Arc<PoolShared<T>>);

struct PoolShared<T> {
    turns: Mutex<Turns<T>>,
    changed: Condvar,
    /// Who takes the next turn in place of a thread of the pool. In simulated time it is the runtime, whose clock stands
    /// still meanwhile.
    runner: Option<Box<dyn Fn() + Send + Sync>>,
}

struct Turns<T> {
    /// Folders with something to do, each here once.
    ready: VecDeque<Arc<Mutex<Folder<T>>>>,
    users: usize,
}

struct Folder<T> {
    /// `None` while a thread has it, and after its end.
    folder: Option<T>,
    work: VecDeque<Work<T>>,
    /// It waits for its turn, or a thread has it.
    has_turn: bool,
    /// Its lane is dropped: what is to be done once it is closed.
    closes: Option<Box<dyn FnOnce() + Send>>,
}

impl<T: Send + 'static> WriterPool<T> {
    /// Starts the threads; fewer where the system gives no more.
    ///
    /// # Errors
    /// Where it gives none.
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        let turns = Turns {
            ready: VecDeque::new(),
            users: 1,
        };
        let shared = Arc::new(PoolShared {
            turns: Mutex::new(turns),
            changed: Condvar::new(),
            runner: None,
        });
        let pool = WriterPool(Handle(Arc::clone(&shared)));
        for k in 0..threads {
            let shared = Arc::clone(&shared);
            let thread = thread::Builder::new().name(format!("write {k}"));
            match thread.spawn(move || shared.serve()) {
                Ok(_) => {}
                Err(error) if k == 0 => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, threads = k, "fewer threads to write with");
                    break;
                }
            }
        }
        Ok(pool)
    }

    /// No threads: the runtime's blocking threads do what is asked.
    #[cfg(test)]
    pub(crate) fn on_runtime(runtime: tokio::runtime::Handle) -> Self {
        let shared = Arc::new_cyclic(|pool: &std::sync::Weak<PoolShared<T>>| {
            let pool = pool.clone();
            let runner = move || {
                if let Some(pool) = pool.upgrade() {
                    runtime.spawn_blocking(move || {
                        let next = lock(&pool.turns).ready.pop_front();
                        next.map(|next| pool.turn(next))
                    });
                }
            };
            PoolShared {
                turns: Mutex::new(Turns {
                    ready: VecDeque::new(),
                    users: 1,
                }),
                changed: Condvar::new(),
                runner: Some(Box::new(runner)),
            }
        });
        WriterPool(Handle(shared))
    }

    /// Takes a folder in.
    pub(crate) fn lane(&self, folder: T) -> Lane<T> {
        let folder = Folder {
            folder: Some(folder),
            work: VecDeque::new(),
            has_turn: false,
            closes: None,
        };
        Lane {
            folder: Arc::new(Mutex::new(folder)),
            pool: self.0.clone(),
        }
    }
}

impl<T> Lane<T> {
    /// Does something with the folder after what was asked before.
    pub(crate) fn send(&self, work: Work<T>) {
        let mut folder = lock(&self.folder);
        folder.work.push_back(work);
        self.turn(folder);
    }

    fn turn(&self, mut folder: MutexGuard<'_, Folder<T>>) {
        if !std::mem::replace(&mut folder.has_turn, true) {
            drop(folder);
            self.pool.0.push(Arc::clone(&self.folder));
        }
    }
}

impl<T> Lane<T> {
    /// Closes the folder once what was asked is done, and then calls `then`.
    pub(crate) fn close(self, then: impl FnOnce() + Send + 'static) {
        lock(&self.folder).closes = Some(Box::new(then));
    }
}

impl<T> Drop for Lane<T> {
    fn drop(&mut self) {
        let mut folder = lock(&self.folder);
        folder.closes.get_or_insert_with(|| Box::new(|| ()));
        // Closing waits for the disk as well: a thread of the pool does it.
        self.turn(folder);
    }
}

impl<T> PoolShared<T> {
    fn push(&self, folder: Arc<Mutex<Folder<T>>>) {
        lock(&self.turns).ready.push_back(folder);
        match &self.runner {
            Some(runner) => runner(),
            None => self.changed.notify_one(),
        }
    }

    /// One thread's life.
    fn serve(&self) {
        while let Some(next) = self.next() {
            self.turn(next);
        }
    }

    /// One piece of what is asked of a folder.
    fn turn(&self, next: Arc<Mutex<Folder<T>>>) {
        let (mut folder, work) = {
            let mut next = lock(&next);
            (next.folder.take(), next.work.pop_front())
        };
        if let (Some(folder), Some(work)) = (&mut folder, work) {
            // Whoever asked sees that no answer comes.
            let _ = catch_unwind(AssertUnwindSafe(|| work(folder)));
        }
        let mut after = lock(&next);
        if after.work.is_empty()
            && let Some(then) = after.closes.take()
        {
            // Without the lock: closing may take a while.
            drop(after);
            drop(folder);
            then();
            return;
        }
        after.folder = folder;
        after.has_turn = !after.work.is_empty();
        let again = after.has_turn;
        drop(after);
        if again {
            self.push(next);
        }
    }

    /// The folder whose turn it is; `None` once nobody can ask for anything more.
    fn next(&self) -> Option<Arc<Mutex<Folder<T>>>> {
        let mut turns = lock(&self.turns);
        loop {
            if let Some(next) = turns.ready.pop_front() {
                return Some(next);
            }
            if turns.users == 0 {
                return None;
            }
            turns = self
                .changed
                .wait(turns)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        lock(&self.0.turns).users += 1;
        Handle(Arc::clone(&self.0))
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        let mut turns = lock(&self.0.turns);
        turns.users -= 1;
        if turns.users == 0 {
            self.0.changed.notify_all();
        }
    }
}

impl<T> std::fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl<T> std::fmt::Debug for Folder<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Folder");
        shown.field("waiting", &self.work.len());
        shown.finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// A folder that reports its closing.
    struct Seen(Vec<u64>, mpsc::Sender<Vec<u64>>);

    impl Drop for Seen {
        fn drop(&mut self) {
            self.1.send(std::mem::take(&mut self.0)).unwrap();
        }
    }

    #[test]
    fn each_folder_is_served_in_order_and_closed_at_its_end() {
        let pool = WriterPool::start(3).unwrap();
        let (closed, closings) = mpsc::channel();
        let lanes: Vec<_> = (0..40)
            .map(|_| pool.lane(Seen(Vec::new(), closed.clone())))
            .collect();
        for k in 0..50 {
            for lane in &lanes {
                lane.send(Box::new(move |seen: &mut Seen| {
                    seen.0.push(k);
                    assert!(k != 7, "one piece of work panics");
                }));
            }
        }
        drop((lanes, pool));
        for _ in 0..40 {
            let seen = closings.recv_timeout(Duration::from_secs(60)).unwrap();
            assert_eq!(seen, (0..50).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_folder_that_waits_for_its_disk_keeps_no_other_waiting() {
        let pool = WriterPool::start(2).unwrap();
        let (slow, quick) = (pool.lane(0), pool.lane(0));
        let (go, gone) = mpsc::channel::<()>();
        let (done, all) = mpsc::channel();
        let first_done = done.clone();
        slow.send(Box::new(move |_| {
            gone.recv().unwrap();
            first_done.send("slow").unwrap();
        }));
        quick.send(Box::new(move |_| done.send("quick").unwrap()));
        let wait = Duration::from_secs(60);
        assert_eq!(all.recv_timeout(wait), Ok("quick"));
        go.send(()).unwrap();
        assert_eq!(all.recv_timeout(wait), Ok("slow"));
    }
}
