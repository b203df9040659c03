//! A coordinator and three workers on a simulated network that loses, holds and delays what they say to each
//! other, in an order that one seed decides. At the end every trial is in the tables once, with the bits of an
//! undisturbed run.
//!
//! The network and every timer of tokio live in simulated time. The threads that train and write do not, nor does
//! the clock that the coordinator's event loop and its leases go by, so the simulation is kept at the pace of the
//! real clock. A seed therefore repeats the faults and the delays drawn for the messages, not each interleaving.
//! What must not depend on the machine's speed is decided by a gate that trials wait at.
//!
//! `PARSIMONY_SIMULATION_SEED` runs one seed instead of those listed.

use std::cell::Cell;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::SystemTime;
use std::time::{Duration, Instant};

use coordinator::{Layout, Observer};
use hyper_util::rt::TokioIo;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use rpc::auth::{Bearer, Gate, Role};
use rpc::memory::PIPE_WINDOW;
use rpc::v1;
use rpc::v1::sweep_service_client::SweepServiceClient;
use tests::process::run;
use tests::tables::{assert_equal, number};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;
use tonic::transport::{Channel, Endpoint, Server, Uri};
use turmoil::net;
use worker::{FileSource, Stop};

use crate::SMALL;

/// Run where no other is asked for.
const SEEDS: [u64; 3] = [1, 2, 3];

const COORDINATOR: &str = "coordinator";

const PORT: u16 = 7000;

const WORKERS: usize = 3;

/// Simulated time that each host runs before the next has its turn.
const TICK: Duration = Duration::from_millis(5);

/// Simulated time after which a simulation has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// Three heartbeats. The service waits longer; only the test's length depends on it.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(3);

/// A connection with a lost segment never heals here, as nothing is sent twice: only this ends it.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(2);

/// Trials of the sweep.
const TRIALS: f64 = 72.0;

/// Trials let through at a time: a few leases' worth, far from all.
const SOME: u64 = 12;

/// Turns of trials that may begin; the others wait on their thread of the pool.
static TURNS: Mutex<u64> = Mutex::new(0);

static MORE_TURNS: Condvar = Condvar::new();

fn turns() -> MutexGuard<'static, u64> {
    TURNS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets so many more trials begin.
fn let_through(trials: u64) {
    let mut turns = turns();
    *turns = turns.saturating_add(trials);
    MORE_TURNS.notify_all();
}

/// Called on the pool's threads, which simulated time does not wait for.
fn wait_for_turn(_trial: u64) {
    let none_left = |turns: &mut u64| *turns == 0;
    let mut turns = MORE_TURNS
        .wait_while(turns(), none_left)
        .unwrap_or_else(PoisonError::into_inner);
    *turns -= 1;
}

/// Everything random about the faults, from the seed.
struct Chance(ChaCha8Rng);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end
    }

    fn flip(&mut self) -> bool {
        self.below(2) == 0
    }

    fn milliseconds(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}

/// The server's end of a simulated connection.
struct Wire(net::TcpStream);

impl Connected for Wire {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// A channel to the coordinator, connected when it is first used, and again whenever it is lost.
fn channel() -> Channel {
    Endpoint::from_static("http://coordinator:7000")
        .connect_timeout(Duration::from_secs(5))
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .initial_stream_window_size(PIPE_WINDOW)
        .initial_connection_window_size(PIPE_WINDOW)
        .connect_with_connector_lazy(tower::service_fn(|_: Uri| async {
            let stream = net::TcpStream::connect((COORDINATOR, PORT)).await?;
            Ok::<_, io::Error>(TokioIo::new(stream))
        }))
}

/// What the test holds of its hosts besides the network. All of them run on the test's own thread.
#[derive(Clone)]
struct Strings {
    observer: Observer,
    drain: watch::Sender<Stop>,
    close: watch::Sender<bool>,
    /// Workers that have left in good order.
    left: Rc<Cell<usize>>,
    closed: Rc<Cell<bool>>,
}

async fn serve(data: PathBuf, strings: Strings) -> turmoil::Result {
    let listener = net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
    let (accepted, incoming) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let connection = listener.accept().await.map(|(stream, _)| Wire(stream));
            if accepted.send(connection).await.is_err() {
                return;
            }
        }
    });
    let config = coordinator::Config {
        layout: Layout::Many(data),
        heartbeat_timeout: HEARTBEAT_TIMEOUT,
        checkpoint_after: Duration::from_secs(3600),
        revision: "simulated".to_owned(),
        workers: Gate::open(Role::Worker),
        users: Gate::open(Role::User),
        fault_hook: None,
    };
    let server = Server::builder()
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT));
    let mut close = strings.close.subscribe();
    let stop = async move {
        // A test that has ended closes it as well.
        let _ = close.wait_for(|close| *close).await;
    };
    let incoming = ReceiverStream::new(incoming);
    coordinator::serve_observed(incoming, server, config, &strings.observer, stop).await?;
    strings.closed.set(true);
    Ok(())
}

async fn work(instance: usize, strings: Strings) -> turmoil::Result {
    let config = worker::Config {
        name: worker_name(instance),
        host: worker_name(instance),
        threads: 1,
        memory: None,
        files: FileSource::Fetched,
        walltime: None,
        reconnect: Some(PATIENCE),
        idle_timeout: None,
        checkpoint_every: Duration::from_secs(3600),
        instance: instance as u64,
        bearer: Bearer::default(),
        plain_address: None,
        before_trial: Some(wait_for_turn),
        fault_hook: None,
    };
    worker::run(channel(), config, strings.drain.subscribe()).await?;
    strings.left.set(strings.left.get() + 1);
    Ok(())
}

fn worker_name(instance: usize) -> String {
    format!("w{instance}")
}

type Client = SweepServiceClient<Channel>;

/// Waits in simulated time; the simulation's own end bounds it.
async fn until(mut holds: impl AsyncFnMut() -> turmoil::Result<bool>) -> turmoil::Result {
    while !holds().await? {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn workers(client: &mut Client) -> turmoil::Result<Vec<v1::WorkerStatus>> {
    let output = client.workers(v1::WorkersRequest {}).await?;
    Ok(output.into_inner().workers)
}

async fn is_finished(client: &mut Client) -> turmoil::Result<bool> {
    let request = v1::StatusRequest {
        name: "small".to_owned(),
    };
    let status = client.status(request).await?.into_inner().status;
    Ok(status.is_some_and(|status| status.state() == v1::SweepState::Finished))
}

/// Workers that the coordinator has given up so far.
async fn lost(observer: &Observer) -> turmoil::Result<u64> {
    let page = observer
        .metrics(SystemTime::UNIX_EPOCH)
        .await
        .ok_or("no coordinator")?;
    let counted = page
        .lines()
        .find_map(|line| line.strip_prefix("parsimony_workers_lost_total "));
    Ok(counted.ok_or("no count of lost workers")?.parse()?)
}

/// The person who submits the sweep, and the bad luck of the network.
async fn trouble(mut chance: Chance, strings: Strings) -> turmoil::Result {
    let mut client = SweepServiceClient::new(channel());
    until(async || {
        // Before it listens, it refuses.
        Ok(workers(&mut client)
            .await
            .is_ok_and(|workers| workers.len() == WORKERS))
    })
    .await?;
    let request = v1::SubmitRequest {
        toml: SMALL.to_owned(),
        files: Vec::new(),
        priority: None,
    };
    client.submit(request).await?;
    // No trial may begin yet, so nobody runs out of leases.
    until(async || {
        let workers = workers(&mut client).await?;
        Ok(workers.iter().all(|worker| worker.leases > 0))
    })
    .await?;
    let_through(chance.below(SOME));

    // A worker falls silent until its leases expire, and goes on computing meanwhile.
    let victim = chance.below(WORKERS as u64) as usize;
    let only_its_words = chance.flip();
    let back_late = chance.flip();
    eprintln!("  w{victim} is cut off (only its words: {only_its_words}, late: {back_late})");
    let before = lost(&strings.observer).await?;
    if only_its_words {
        turmoil::partition_oneway(worker_name(victim), COORDINATOR);
    } else {
        turmoil::partition(worker_name(victim), COORDINATOR);
    }
    let_through(SOME);
    until(async || Ok(lost(&strings.observer).await? > before)).await?;
    if back_late {
        // The others may have its trials before it is back with the results of some.
        let_through(SOME);
        tokio::time::sleep(chance.milliseconds(500, 3000)).await;
    }
    turmoil::repair(worker_name(victim), COORDINATOR);

    // All that another says and hears is delayed: for a moment, or until it counts as dead.
    let slow = (victim + 1) % WORKERS;
    let delay = chance.milliseconds(200, 6000);
    eprintln!("  w{slow} is held up for {delay:?}");
    turmoil::hold(worker_name(slow), COORDINATOR);
    let_through(SOME);
    tokio::time::sleep(delay).await;
    turmoil::release(worker_name(slow), COORDINATOR);

    let_through(u64::MAX);
    until(async || is_finished(&mut client).await).await?;
    strings.drain.send_replace(Stop::Drain);
    until(async || Ok(strings.left.get() == WORKERS)).await?;
    drop(client);
    strings.close.send_replace(true);
    until(async || Ok(strings.closed.get())).await
}

/// One simulation from its start to its end.
fn simulate(seed: u64, data: &Path) -> turmoil::Result {
    *turns() = 0;
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .tick_duration(TICK)
        .simulation_duration(PATIENCE)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(50))
        .enable_random_order()
        .build();
    let strings = Strings {
        observer: Observer::default(),
        drain: watch::Sender::new(Stop::No),
        close: watch::Sender::new(false),
        left: Rc::default(),
        closed: Rc::default(),
    };
    let (to, of) = (data.to_owned(), strings.clone());
    sim.host(COORDINATOR, move || serve(to.clone(), of.clone()));
    for instance in 0..WORKERS {
        let of = strings.clone();
        sim.host(worker_name(instance), move || work(instance, of.clone()));
    }
    let chance = Chance(ChaCha8Rng::seed_from_u64(seed));
    sim.client("person", trouble(chance, strings));
    let begun = Instant::now();
    while !sim.step()? {
        // The coordinator sleeps until instants of the real clock: were simulated time ahead of it, the event loop
        // would spin until the real clock comes up, and no host could go on.
        let due = sim.elapsed() + 2 * TICK;
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    Ok(())
}

#[test]
fn a_network_that_loses_and_delays_changes_no_bit_of_the_tables() {
    let asked = std::env::var("PARSIMONY_SIMULATION_SEED").ok();
    let asked = asked.map(|text| text.parse().expect("a seed is a number"));
    let seeds = asked.map_or_else(|| SEEDS.to_vec(), |seed| vec![seed]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = folder.path();
    std::fs::write(at.join("small.toml"), SMALL).expect("the folder is ours");
    run(at, &["run", "small.toml", "--out", "local"]).expect(0);
    for seed in seeds {
        eprintln!("PARSIMONY_SIMULATION_SEED={seed}");
        let data = at.join(format!("data-{seed}"));
        simulate(seed, &data).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let run_folder = data.join("small");
        let rows = "SELECT count(*) AS n FROM trials";
        let distinct = "SELECT count(DISTINCT trial) AS n FROM trials WHERE status <> 'failed'";
        assert_eq!(number(&run_folder, rows), TRIALS, "seed {seed}");
        assert_eq!(number(&run_folder, distinct), TRIALS, "seed {seed}");
        assert_equal(&at.join("local"), &run_folder);
    }
}
