//! What clients ask: submit, look, change, fetch.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use rpc::convert;
use rpc::v1::sweep_service_server::SweepService;
use rpc::{limits, v1};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::config::{Config, Layout};
use crate::event_loop::dormant::{Lookup, LookupPurpose};
use crate::event_loop::events::{Command, Event, SweepRequest};
use crate::event_loop::view::View;
use crate::files::{self, FileIndex};
use crate::planning::Planner;
use crate::recovery::{self, Text};
use crate::wire;

/// The service for clients.
#[derive(Clone)]
pub(crate) struct SweepHandler {
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) config: Arc<Config>,
    pub(crate) files: FileIndex,
    pub(crate) planner: Planner,
    /// One sweep is written at a time, once it is planned: two of the same name must not open one folder twice.
    pub(crate) submitting: Arc<Mutex<()>>,
}

#[tonic::async_trait]
impl SweepService for SweepHandler {
    type WatchStream = wire::ResponseStream<v1::WatchResponse>;
    type FetchStream = wire::ResponseStream<v1::FetchResponse>;

    async fn submit(
        &self,
        request: Request<v1::SubmitRequest>,
    ) -> Result<Response<v1::SubmitResponse>, Status> {
        let request = request.into_inner();
        if request.toml.len() > limits::TOML_BYTES || request.files.len() > limits::FILES {
            return Err(Status::out_of_range(
                "a sweep file or list of files too large",
            ));
        }
        let request = Arc::new(request);
        let text = Arc::clone(&request);
        let spec = self
            .planner
            .run(move |_| {
                Ok(sweep::Spec::parse_stored(&text.toml, "sweep.toml", &[]).map_err(Box::new)?)
            })
            .await?;
        let (name, missing) = self.understand(&spec, &request).await?;
        if !missing.is_empty() {
            return Ok(Response::new(v1::SubmitResponse {
                name,
                missing,
                ..v1::SubmitResponse::default()
            }));
        }
        let (accepted, trials, priority) = self.plan_and_commit(&name, spec, request).await?;
        Ok(Response::new(v1::SubmitResponse {
            name,
            missing,
            accepted: accepted.into(),
            trials,
            priority,
        }))
    }

    async fn remove(
        &self,
        request: Request<v1::RemoveRequest>,
    ) -> Result<Response<v1::RemoveResponse>, Status> {
        let name = request.into_inner().name;
        let users = self.clone();
        let removed = tokio::spawn(async move {
            let _one_at_a_time = users.submitting.lock().await;
            match users.found(&name, LookupPurpose::See).await? {
                Lookup::Unknown => Err(wire::no_sweep(&name)),
                Lookup::Open(_) | Lookup::Gone(_) | Lookup::Unopened(_) => {
                    users
                        .ask(|reply| SweepRequest::Remove { name, reply })
                        .await?
                }
            }
        });
        let removed = removed.await;
        removed.map_err(|error| Status::internal(error.to_string()))??;
        Ok(Response::new(v1::RemoveResponse {}))
    }

    async fn upload_file(
        &self,
        request: Request<Streaming<v1::UploadFileRequest>>,
    ) -> Result<Response<v1::UploadFileResponse>, Status> {
        let Layout::Many(data) = &self.config.layout else {
            return Err(Status::failed_precondition("files are read in place here"));
        };
        files::receive(data, &self.files, request.into_inner()).await?;
        Ok(Response::new(v1::UploadFileResponse {}))
    }

    async fn list(
        &self,
        _: Request<v1::ListRequest>,
    ) -> Result<Response<v1::ListResponse>, Status> {
        self.probe(None).await;
        let sweeps = self.inspect(|view| view.statuses()).await?;
        Ok(Response::new(v1::ListResponse { sweeps }))
    }

    async fn status(
        &self,
        request: Request<v1::StatusRequest>,
    ) -> Result<Response<v1::StatusResponse>, Status> {
        let name = request.into_inner().name;
        self.see(&name).await;
        let watch = self.subscribe(name).await?;
        let status = watch.borrow().clone();
        Ok(Response::new(v1::StatusResponse {
            status: Some(status),
        }))
    }

    async fn watch(
        &self,
        request: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let name = request.into_inner().name;
        // However long the opening takes: what is watched goes on to its end.
        self.found(&name, LookupPurpose::See).await?;
        let mut watch = self.subscribe(name).await?;
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            loop {
                let status = watch.borrow_and_update().clone();
                let ended = wire::has_ended(&status);
                let response = v1::WatchResponse {
                    status: Some(status),
                };
                let gone = sender.send(Ok(response)).await.is_err();
                if ended || gone || watch.changed().await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn pause(
        &self,
        request: Request<v1::PauseRequest>,
    ) -> Result<Response<v1::PauseResponse>, Status> {
        self.change(request.into_inner().name, Command::Pause)
            .await?;
        Ok(Response::new(v1::PauseResponse {}))
    }

    async fn resume(
        &self,
        request: Request<v1::ResumeRequest>,
    ) -> Result<Response<v1::ResumeResponse>, Status> {
        self.change(request.into_inner().name, Command::Resume)
            .await?;
        Ok(Response::new(v1::ResumeResponse {}))
    }

    async fn cancel(
        &self,
        request: Request<v1::CancelRequest>,
    ) -> Result<Response<v1::CancelResponse>, Status> {
        self.change(request.into_inner().name, Command::Cancel)
            .await?;
        Ok(Response::new(v1::CancelResponse {}))
    }

    async fn retry(
        &self,
        request: Request<v1::RetryRequest>,
    ) -> Result<Response<v1::RetryResponse>, Status> {
        let name = request.into_inner().name;
        let trials = self.change(name, Command::RetryFailed).await?;
        Ok(Response::new(v1::RetryResponse { trials }))
    }

    async fn workers(
        &self,
        _: Request<v1::WorkersRequest>,
    ) -> Result<Response<v1::WorkersResponse>, Status> {
        let workers = self.inspect(|view| view.worker_statuses()).await?;
        Ok(Response::new(v1::WorkersResponse { workers }))
    }

    async fn fetch(
        &self,
        request: Request<v1::FetchRequest>,
    ) -> Result<Response<Self::FetchStream>, Status> {
        let name = request.into_inner().name;
        let _awake = self.open_guard(&name).await?;
        let listing = self
            .ask(|reply| SweepRequest::Settle {
                name: name.clone(),
                reply,
            })
            .await?
            .map_err(|error| Status::internal(error.to_string()))?;
        let run = self.config.layout.run_folder(&name);
        let (sender, receiver) = mpsc::channel(files::PIECES);
        let index = self.files.clone();
        tokio::spawn(async move {
            let _place = index.place().await;
            if let Err(error) = send_files(&run, &listing.paths, &sender).await {
                let status = if error.kind() == std::io::ErrorKind::NotFound {
                    Status::aborted("the tables were rewritten meanwhile; fetch again")
                } else {
                    Status::internal(error.to_string())
                };
                // The receiver may be gone already, or has stopped to read.
                let _ = sender.try_send(Err(status));
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

impl SweepHandler {
    pub(crate) async fn ask<T>(
        &self,
        user: impl FnOnce(oneshot::Sender<T>) -> SweepRequest,
    ) -> Result<T, Status> {
        let (reply, answer) = oneshot::channel();
        self.events
            .send(Event::Request(user(reply)))
            .await
            .map_err(|_| wire::coordinator_stops())?;
        answer.await.map_err(|_| wire::coordinator_stops())
    }

    /// Reads the event loop's state.
    async fn inspect<T: Send + 'static>(
        &self,
        read: impl FnOnce(View<'_>) -> T + Send + 'static,
    ) -> Result<T, Status> {
        self.ask(|reply| {
            SweepRequest::Inspect(Box::new(move |view| {
                // Whoever asked may have gone.
                let _ = reply.send(read(view));
            }))
        })
        .await
    }

    /// What there is of a sweep that is submitted, and its numbering where that is open.
    async fn newest(&self, name: &str) -> Result<(Lookup, Option<Arc<sweep::Folder>>), Status> {
        let found = self.found(name, LookupPurpose::Submit).await?;
        let folder = match &found {
            Lookup::Open(_) => self.find(name).await?,
            Lookup::Gone(_) | Lookup::Unopened(_) | Lookup::Unknown => None,
        };
        Ok((found, folder))
    }

    /// The sweep's priority, after it was changed to one that was asked for.
    async fn prioritized(&self, name: String, priority: Option<i32>) -> Result<i32, Status> {
        self.ask(|reply| SweepRequest::Priority {
            name,
            priority,
            reply,
        })
        .await?
    }

    async fn find(&self, name: &str) -> Result<Option<Arc<sweep::Folder>>, Status> {
        let name = name.to_owned();
        self.inspect(move |view| {
            let found = view.named(&name);
            found.map(|(_, sweep)| Arc::clone(&sweep.folder))
        })
        .await
    }

    async fn subscribe(
        &self,
        name: String,
    ) -> Result<tokio::sync::watch::Receiver<v1::SweepStatus>, Status> {
        let asked = name.clone();
        self.ask(|reply| SweepRequest::Subscribe { name: asked, reply })
            .await?
            .ok_or_else(|| wire::no_sweep(&name))
    }

    async fn change(&self, name: String, command: Command) -> Result<u64, Status> {
        let _awake = self.open_guard(&name).await?;
        self.ask(|reply| SweepRequest::Change {
            name,
            command,
            reply,
        })
        .await?
    }

    /// Name of the submitted sweep, and the hashes that have to be uploaded first.
    async fn understand(
        &self,
        spec: &sweep::Spec,
        request: &v1::SubmitRequest,
    ) -> Result<(String, Vec<String>), Status> {
        let name = convert::sweep_name(spec.name()).map_err(|error| wire::status(&error))?;
        let named: BTreeSet<_> = request
            .files
            .iter()
            .map(|file| file.name.as_str())
            .collect();
        if let Some(file) = spec
            .file_names()
            .iter()
            .find(|name| !named.contains(name.as_str()))
        {
            return Err(Status::invalid_argument(format!(
                "no hash of file `{file}`"
            )));
        }
        let mut missing = Vec::new();
        for file in &request.files {
            if files::digits(&file.hash).is_none() {
                return Err(Status::invalid_argument("a malformed hash"));
            }
            if matches!(self.config.layout, Layout::Many(_))
                && self.files.sound(&file.hash).await.is_err()
            {
                missing.push(file.hash.clone());
            }
        }
        missing.sort();
        missing.dedup();
        Ok((name.to_owned(), missing))
    }

    /// Counts everything, then writes it. Where another submit of the same name is written meanwhile, what was
    /// counted is counted again.
    async fn plan_and_commit(
        &self,
        name: &str,
        spec: sweep::Spec,
        request: Arc<v1::SubmitRequest>,
    ) -> Result<Submitted, Status> {
        let mut planned = None;
        loop {
            // Open until the plan is written: opened again it would be another.
            let (_awake, known) = self.newest(name).await?;
            let rules = known.as_ref().map(|known| known.newest().spec().reading);
            let grid = match planned.take() {
                Some((under, grid)) if under == rules => grid,
                _ => self.plan(spec.clone(), rules, Arc::clone(&request)).await?,
            };
            planned = Some((rules, Arc::clone(&grid)));
            let plan = match &known {
                Some(folder) => self.plan_growth(Arc::clone(folder), &grid).await?,
                None => self.plan_folder(&grid).await?,
            };
            // In a task of its own: what has begun to be written does not end with its client.
            let (users, name, request) = (self.clone(), name.to_owned(), Arc::clone(&request));
            let committed = tokio::spawn(users.commit(name, request, known, plan)).await;
            let committed = committed.map_err(|error| Status::internal(error.to_string()))?;
            if let Some(answer) = committed? {
                return Ok(answer);
            }
        }
    }

    async fn plan(
        &self,
        spec: sweep::Spec,
        rules: Option<sweep::Rules>,
        request: Arc<v1::SubmitRequest>,
    ) -> Result<Arc<sweep::Grid>, Status> {
        let (config, index) = (Arc::clone(&self.config), self.files.clone());
        let settings = Arc::clone(&self.config);
        let resolve = move |file: &str| -> PathBuf {
            if let Some(files) = settings.layout.files_in_place() {
                return files.path(file);
            }
            let known = request.files.iter().find(|known| known.name == file);
            known
                .and_then(|known| index.find(&known.hash))
                .unwrap_or_else(|| PathBuf::from(file))
        };
        self.planner
            .run(move |stop| {
                let rules = rules.or_else(|| recovery::rules_of_folder(&config, &spec.name));
                let rules = rules.unwrap_or(sweep::Rules::NEWEST);
                let grid = recovery::submitted_grid(spec, rules, resolve, stop)?;
                Ok(Arc::new(grid))
            })
            .await
    }

    async fn plan_folder(&self, grid: &Arc<sweep::Grid>) -> Result<Plan, Status> {
        let (config, grid) = (Arc::clone(&self.config), Arc::clone(grid));
        self.planner
            .run(move |stop| {
                // A folder that is there compares it with what it holds when it is opened.
                if recovery::rules_of_folder(&config, grid.spec().name()).is_none() {
                    grid.refuse_when_new(stop).map_err(Box::new)?;
                }
                Ok((sweep::Growth::Grown, sweep::Folder::new(grid)))
            })
            .await
    }

    async fn plan_growth(
        &self,
        folder: Arc<sweep::Folder>,
        grid: &Arc<sweep::Grid>,
    ) -> Result<Plan, Status> {
        let grid = Arc::clone(grid);
        self.planner
            .run(move |stop| {
                let mut folder = sweep::Folder::clone(&folder);
                folder.refuse_when_new(&grid, stop).map_err(Box::new)?;
                let growth = folder.grow_until(grid, stop).map_err(Box::new)?;
                Ok((growth, folder))
            })
            .await
    }

    /// Writes what was planned on `known`; `None` where that is not the newest any more.
    async fn commit(
        self,
        name: String,
        request: Arc<v1::SubmitRequest>,
        known: Option<Arc<sweep::Folder>>,
        (growth, folder): Plan,
    ) -> Result<Option<Submitted>, Status> {
        let _one_at_a_time = self.submitting.lock().await;
        let (found, newest) = self.newest(&name).await?;
        if matches!(found, Lookup::Gone(_)) {
            let name = name.clone();
            self.ask(|reply| SweepRequest::Forget { name, reply })
                .await?;
        }
        match (&known, &newest) {
            (None, None) => return self.add(name, folder, request).await.map(Some),
            (Some(known), Some(newest)) if Arc::ptr_eq(known, newest) => {}
            _ => return Ok(None),
        }
        let trials = folder.count();
        let (named, files) = (name.clone(), request.files.clone());
        if growth == sweep::Growth::Same {
            let toml = recovery::with_pictures(&folder, &request.toml);
            let pictured = name.clone();
            self.ask(|reply| SweepRequest::Pictures {
                name: pictured,
                toml,
                reply,
            })
            .await??;
            if matches!(self.config.layout, Layout::Many(_)) && !files.is_empty() {
                self.ask(|reply| SweepRequest::Restore { name, files, reply })
                    .await??;
            }
            let priority = self.prioritized(named, request.priority).await?;
            return Ok(Some((v1::Accepted::Continued, trials, priority)));
        }
        self.ask(|reply| SweepRequest::Grow {
            name,
            folder,
            files,
            reply,
        })
        .await??;
        let priority = self.prioritized(named, request.priority).await?;
        Ok(Some((v1::Accepted::Grown, trials, priority)))
    }

    async fn add(
        &self,
        name: String,
        folder: sweep::Folder,
        request: Arc<v1::SubmitRequest>,
    ) -> Result<Submitted, Status> {
        let (config, index) = (Arc::clone(&self.config), self.files.clone());
        let priority = request.priority;
        let opened = blocking(move || {
            let text = Text {
                toml: request.toml.clone(),
                files: request.files.clone(),
            };
            recovery::submit(&config, &name, folder, text, |hash| index.find(hash))
        })
        .await?;
        let (accepted, trials) = (opened.accepted, opened.folder.count());
        let opened = Box::new(opened);
        let priority = self
            .ask(|reply| SweepRequest::Add {
                opened,
                priority,
                reply,
            })
            .await??;
        Ok((accepted, trials, priority))
    }
}

/// What became of a submit, the sweep's trials, and its priority.
type Submitted = (v1::Accepted, u64, i32);

/// What a submit does to a folder, and the folder after it.
type Plan = (sweep::Growth, sweep::Folder);

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, recovery::OpenError> + Send + 'static,
) -> Result<T, Status> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Status::internal(error.to_string()))?
        .map_err(|error| wire::open_status(&error))
}

async fn send_files(
    run: &std::path::Path,
    paths: &[PathBuf],
    sender: &mpsc::Sender<Result<v1::FetchResponse, Status>>,
) -> std::io::Result<()> {
    use v1::fetch_response::Part;
    for path in paths {
        let full = run.join(path);
        let size_bytes = tokio::fs::metadata(&full).await?.len();
        let path = path
            .components()
            .map(|part| part.as_os_str().to_string_lossy())
            .collect::<Vec<_>>()
            .join("/");
        let start = v1::FetchResponse {
            part: Some(Part::File(v1::FetchedFile { path, size_bytes })),
        };
        if !files::put(sender, start).await? {
            return Ok(());
        }
        let wrap = |piece: Vec<u8>| v1::FetchResponse {
            part: Some(Part::Piece(piece.into())),
        };
        files::send(&full, sender, wrap).await?;
    }
    Ok(())
}
