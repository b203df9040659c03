//! Pictures of a sweep: those that its sweep file asks for, else a guess. `report` draws them, on a thread that may wait
//! and one at a time for all viewers.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use report::plot::{Look, PlotError, Tables, Theme, draw, guess};
use report::render;
use serde_json::{Value, json};
use sweep::{Plot, PlotKind};
use tokio::sync::Semaphore;

use crate::source::Refusal;

/// Width in pixels: two stand side by side on a desktop, and a phone shrinks one to half.
const WIDTH: f64 = 640.0;

/// Bytes of an SVG: 10^4 marks, as many as a picture has, take some 150 bytes each.
const MOST_BYTES: usize = 2_000_000;

/// A picture of 10^6 trials takes a few seconds; a machine may be ten times slower.
const LONGEST: Duration = Duration::from_secs(60);

/// Characters of the notes of a picture: they travel in a header.
const LONGEST_NOTES: usize = 1000;

/// The end of a picture's address.
const ENDING: &str = ".svg";

/// What draws, one picture at a time.
pub(crate) struct Pictures(Arc<Semaphore>);

/// Sets the flag that ends a query as soon as nobody waits for its answer.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Pictures {
    pub(crate) fn new() -> Self {
        Pictures(Arc::new(Semaphore::new(1)))
    }

    /// The pictures of a run folder: their names and what they show.
    ///
    /// # Errors
    /// [`Refusal`] where the tables cannot be read.
    pub(crate) async fn list(&self, dir: PathBuf) -> Result<Value, Refusal> {
        self.work(dir, |tables, _| {
            let is_guess = tables.plots().is_empty();
            let plots = match is_guess {
                true => guess(tables).map_err(refusal)?,
                false => tables.plots().to_vec(),
            };
            let of = |plot: &Plot| {
                json!({ "name": plot.name, "title": plot.title, "words": plot.kind.words() })
            };
            let plots: Vec<Value> = plots.iter().map(of).collect();
            Ok(json!({ "guess": is_guess, "plots": plots }))
        })
        .await
    }

    /// A picture, named `NAME.svg`: a line of notes for its reader, then the SVG.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] where the sweep has no such picture, [`Refusal::NotNow`] where its rows make none, others
    /// where it cannot be drawn.
    pub(crate) async fn svg(
        &self,
        dir: PathBuf,
        file: &str,
        theme: Theme,
    ) -> Result<String, Refusal> {
        let file = file.to_owned();
        self.work(dir, move |tables, stop| {
            let name = file.strip_suffix(ENDING);
            let plot = name.and_then(|name| named(tables, name));
            let plot = plot.ok_or_else(|| {
                Refusal::NotFound("the sweep has no picture of that name".to_owned())
            })?;
            let look = Look {
                theme,
                width: WIDTH,
            };
            let picture = draw(tables, &plot, &look).map_err(refusal)?;
            if stop.load(Ordering::Relaxed) {
                return Err(too_slow());
            }
            let svgs = render::svgs(&[picture.json()]);
            let svg = svgs.map_err(|error| refusal(error.into()))?.concat();
            if svg.len() > MOST_BYTES {
                return Err(too_large(svg.len()));
            }
            Ok(format!("{}\n{svg}", one_line(&picture.warnings)))
        })
        .await
    }

    /// Works on the tables of a run folder when nothing else is drawn. The place is held until the thread ends, also
    /// where nobody waits for it any more.
    async fn work<T: Send + 'static>(
        &self,
        dir: PathBuf,
        work: impl FnOnce(&Tables, &AtomicBool) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = Arc::clone(&self.0).acquire_owned().await;
        let place = place.map_err(|error| Refusal::Failed(error.to_string()))?;
        let stop = Stop(Arc::default());
        let stopped = Arc::clone(&stop.0);
        let working = tokio::task::spawn_blocking(move || {
            let _held = place;
            let tables = Tables::open(&[dir], &stopped).map_err(refusal)?;
            work(&tables, &stopped)
        });
        match tokio::time::timeout(LONGEST, working).await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => Err(Refusal::Failed(error.to_string())),
            Err(_) => Err(too_slow()),
        }
    }
}

/// The picture of that name. A sweep file that asks for none has one of each kind.
fn named(tables: &Tables, name: &str) -> Option<Plot> {
    match tables.plots() {
        [] => PlotKind::named(name).map(Plot::of),
        plots => plots.iter().find(|plot| plot.name == name).cloned(),
    }
}

fn refusal(error: PlotError) -> Refusal {
    match error.is_request_error() {
        true => Refusal::NotNow(error.to_string()),
        false => Refusal::Failed(error.to_string()),
    }
}

fn too_slow() -> Refusal {
    Refusal::Failed(format!(
        "the picture takes longer than {} s; `parsimony plot` draws it",
        LONGEST.as_secs()
    ))
}

fn too_large(bytes: usize) -> Refusal {
    Refusal::Failed(format!(
        "the picture has {bytes} bytes, and the page shows {MOST_BYTES}; `parsimony plot` draws it"
    ))
}

/// Notes as a header carries them.
fn one_line(notes: &[String]) -> String {
    let text = sweep::shortened(&notes.join("; "), LONGEST_NOTES);
    let plain = |letter| match letter {
        ' '..='~' => letter,
        _ => '?',
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use axum::Router;
    use axum::body::Body;
    use axum::http::{Request, StatusCode, header};
    use axum::response::Response;
    use sweep::{Arrays, Folder, Grid, IntervalSet, Spec};
    use table::{
        BatchBuilder, EngineKind, GenerationRecord, Meta, Outcome, RunFolder, ScalarValues, Status,
        TrialResult, TrialRow,
    };
    use tower::Service as _;

    use super::*;
    use crate::source::{Change, Overview, Source, Standing, Sweep};
    use crate::{About, Access, router};

    const SWEEP: &str = "name = \"s\"\n[axes]\n\"network.depth\" = [2, 3, 4]\n\
        \"init.scale\" = [0.01, 0.1, 1.0]\n[problem]\ndim = 4\nrank = 1\n";

    const PLOTS: &str = "[[plot]]\nkind = \"line\"\nname = \"depths\"\ntitle = \"<b>Depths</b>\"\n\
        [[plot]]\nkind = \"line\"\nname = \"wrong\"\nx = \"nothing\"\n";

    /// A coordinator with one sweep, whose run folder is stored.
    struct Stored {
        home: tempfile::TempDir,
        folder: Arc<Folder>,
    }

    impl Source for Stored {
        async fn overview(&self) -> Option<Overview> {
            None
        }

        async fn reported(&self) -> Option<u64> {
            None
        }

        async fn standing(&self, _: &str) -> Result<Standing, Refusal> {
            Ok(Standing {
                sweep: Sweep::default(),
                folder: Arc::clone(&self.folder),
                dir: self.home.path().join("s"),
                closed: IntervalSet::new(),
                failed: IntervalSet::new(),
                running: IntervalSet::new(),
                recent: Vec::new(),
            })
        }

        async fn change(&self, _: &str, _: Change) -> Result<u64, Refusal> {
            Err(Refusal::Unavailable)
        }
    }

    fn stored(text: &str) -> Stored {
        let home = tempfile::tempdir().unwrap();
        let spec = Spec::parse(text, "sweep.toml", &[]).unwrap();
        let grid = Grid::new(spec, Arrays::new()).unwrap();
        let meta = Meta {
            name: "s".to_owned(),
            program_version: "0".to_owned(),
            revision: "none".to_owned(),
        };
        let mut run = RunFolder::create(&home.path().join("s"), &meta, None).unwrap();
        let record = GenerationRecord {
            number: 0,
            base: 0,
            size: grid.size(),
            toml: grid.spec().to_toml(),
            hash: grid.hash().to_owned(),
            files: Vec::new(),
        };
        run.add_generation(&record, text).unwrap();
        let mut builder = BatchBuilder::new();
        for trial in 0..grid.size() {
            let point = grid.point(trial).unwrap();
            let (id, params) = (point.id(), point.row());
            let outcome = Outcome {
                last: ScalarValues {
                    train_loss: Some(0.1 + trial as f64),
                    ..ScalarValues::default()
                },
                ..Outcome::new(Status::Completed, EngineKind::Full)
            };
            let result = TrialResult::ran(&outcome);
            builder.push(&TrialRow::new(trial, &id, &params, result));
        }
        run.commit(&builder.finish().unwrap()).unwrap();
        let folder = Arc::new(Folder::new(Arc::new(grid)));
        Stored { home, folder }
    }

    /// The page of a sweep, which takes a token for everything.
    fn site(text: &str) -> Router {
        let access = Access {
            listen: IpAddr::from([127, 0, 0, 1]),
            hosts: Vec::new(),
            token: Some(Arc::new(|header| header == "Bearer right")),
            reading_needs_token: true,
        };
        let about = About {
            version: "1".to_owned(),
            is_local: false,
        };
        router(stored(text), access, about)
    }

    async fn ask(router: &mut Router, path: &str, token: &str) -> Response {
        let request = Request::get(path)
            .header("host", "localhost")
            .header("authorization", token);
        let request = request.body(Body::empty()).unwrap();
        router.call(request).await.unwrap()
    }

    /// What is answered to who has the token, with its status.
    async fn read(router: &mut Router, path: &str) -> (StatusCode, String) {
        let response = ask(router, path, "Bearer right").await;
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), MOST_BYTES);
        let text = String::from_utf8(bytes.await.unwrap().to_vec()).unwrap();
        (status, text)
    }

    #[tokio::test]
    async fn pictures_of_the_sweep_file_are_listed_and_drawn() {
        let mut router = site(&format!("{SWEEP}{PLOTS}"));
        let (status, listed) = read(&mut router, "/api/sweeps/s/plots").await;
        assert_eq!(status, StatusCode::OK, "{listed}");
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let words = PlotKind::Line.words();
        let expected = json!([
            { "name": "depths", "title": "<b>Depths</b>", "words": words },
            { "name": "wrong", "title": null, "words": words },
        ]);
        assert_eq!(listed, json!({ "guess": false, "plots": expected }));

        let path = "/api/sweeps/s/plots/depths.svg";
        let (status, light) = read(&mut router, path).await;
        assert_eq!(status, StatusCode::OK, "{light}");
        assert!(light.starts_with("<svg") && light.ends_with("</svg>"));
        assert!(light.contains("Depths") && !light.contains("<b>"));
        let (_, dark) = read(&mut router, &format!("{path}?theme=dark")).await;
        assert!(dark.starts_with("<svg") && dark != light);

        let (status, why) = read(&mut router, "/api/sweeps/s/plots/wrong.svg").await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(why.contains("no column `nothing` for x"), "{why}");
    }

    #[tokio::test]
    async fn a_sweep_that_asks_for_none_has_a_guess() {
        let mut router = site(SWEEP);
        let (_, listed) = read(&mut router, "/api/sweeps/s/plots").await;
        let listed: Value = serde_json::from_str(&listed).unwrap();
        assert_eq!(listed["guess"], true);
        assert_eq!(listed["plots"][0]["name"], "heatmap", "{listed}");
        let (status, drawn) = read(&mut router, "/api/sweeps/s/plots/heatmap.svg").await;
        assert_eq!(status, StatusCode::OK, "{drawn}");
    }

    #[tokio::test]
    async fn unknown_pictures_themes_and_users_are_refused() {
        let mut router = site(&format!("{SWEEP}{PLOTS}"));
        let check = async |router: &mut Router, path: &str, expected: StatusCode| {
            let (status, words) = read(router, &format!("/api/sweeps/s/plots/{path}")).await;
            assert_eq!(status, expected, "{path}");
            assert!(words.starts_with("{\"error\":"), "{words}");
        };
        for missing in ["heatmap.svg", "depths", "depths.png", "..%2Fdepths.svg"] {
            check(&mut router, missing, StatusCode::NOT_FOUND).await;
        }
        for wrong in ["?theme=red", "?token=right", "?theme=dark&theme=dark"] {
            let path = format!("depths.svg{wrong}");
            check(&mut router, &path, StatusCode::BAD_REQUEST).await;
        }
        let path = "/api/sweeps/s/plots/depths.svg";
        let response = ask(&mut router, path, "Bearer wrong").await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }

    #[tokio::test]
    async fn a_picture_runs_nothing_where_it_is_opened() {
        let mut router = site(&format!("{SWEEP}{PLOTS}"));
        let path = "/api/sweeps/s/plots/depths.svg";
        let response = ask(&mut router, path, "Bearer right").await;
        let check = |name: header::HeaderName, expected: &str| {
            assert_eq!(response.headers()[&name], expected, "{name}");
        };
        check(header::CONTENT_TYPE, "image/svg+xml");
        check(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        check(header::X_FRAME_OPTIONS, "DENY");
        check(header::CACHE_CONTROL, "no-store");
        let policy = "default-src 'none'; frame-ancestors 'none'; sandbox";
        check(header::CONTENT_SECURITY_POLICY, policy);
    }

    #[test]
    fn notes_fit_a_header() {
        assert_eq!(one_line(&[]), "");
        let notes = ["3 points\n".to_owned(), "\u{3b1} is left out".to_owned()];
        assert_eq!(one_line(&notes), "3 points?; ? is left out");
        assert!(one_line(&["x".repeat(5000)]).len() <= LONGEST_NOTES);
    }

    #[tokio::test]
    async fn one_picture_is_drawn_at_a_time() {
        let pictures = Pictures::new();
        let stored = stored(SWEEP);
        let dir = stored.home.path().join("s");
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let (end, may_end) = std::sync::mpsc::channel::<()>();
        let first = pictures.work(dir.clone(), move |_, _| {
            begun.send(()).unwrap();
            may_end.recv().unwrap();
            Ok(())
        });
        // Its viewer leaves while the thread draws.
        tokio::select! {
            _ = first => unreachable!(),
            begun = has_begun => begun.unwrap(),
        }
        assert_eq!(pictures.0.available_permits(), 0);
        end.send(()).unwrap();
        pictures.list(dir).await.unwrap();
    }
}
