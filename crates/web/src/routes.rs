//! Addresses of the page: its files, its data, what it changes. Every answer carries the headers that keep other sites
//! and foreign scripts out.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use report::plot::Theme;
use serde_json::{Value, json};

use crate::access::{Access, Refused};
use crate::assets::{self, Asset};
use crate::cache::Cache;
use crate::feed::Feed;
use crate::pictures::Pictures;
use crate::query::Query;
use crate::source::{Change, Overview, Refusal, Source, Standing};
use crate::tables::{self, Which};
use crate::{cells, json};

/// What the page says about itself.
#[derive(Clone, Debug)]
pub struct About {
    pub version: String,
    /// One local run, which ends with its process, and not a service.
    pub is_local: bool,
}

/// An answer about one sweep is good for so long.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Rows of tables are good for so long: they do not change, more come.
const TABLES_EVERY: Duration = Duration::from_secs(2);

/// Pictures are good for so long: a sweep that runs changes them little by little.
const PICTURES_EVERY: Duration = Duration::from_secs(10);

/// Pictures kept, of 2 MB at most: those of one sweep in both themes.
const PICTURES: usize = 16;

/// Comments on a silent stream, so that a proxy does not close it.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Scripts, styles and data of the page's own origin, and nothing else. Images may be `blob:` as well: an image's own
/// request cannot carry the token, so the page's script fetches a picture and shows it from memory.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// For a picture that is opened by itself: it needs nothing and runs nothing.
const PICTURE_POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

/// What the reader of a picture should know.
const NOTES: HeaderName = HeaderName::from_static("x-notes");

/// Headers of every answer; a handler may set a stricter policy.
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// What the handlers share.
struct Site<S> {
    source: Arc<S>,
    access: Access,
    about: About,
    feed: Arc<Feed<S>>,
    /// Answers from the coordinator's memory, and those from tables, which may take a second.
    sweeps: Cache,
    tables: Cache,
    drawn: Cache,
    pictures: Pictures,
}

/// The page of a coordinator. Serve it at the root of an address; a proxy may put it under a prefix. To be called within
/// a runtime: it reads the throughput as long as it lives.
pub fn router<S: Source>(source: S, access: Access, about: About) -> Router {
    let source = Arc::new(source);
    let feed = Feed::new(Arc::clone(&source));
    feed.sample();
    let site = Arc::new(Site {
        feed,
        source,
        access,
        about,
        sweeps: Cache::new(SWEEP_EVERY),
        tables: Cache::new(TABLES_EVERY),
        drawn: Cache::new(PICTURES_EVERY).keeping(PICTURES),
        pictures: Pictures::new(),
    });
    let mut router = Router::new()
        .route("/", get(page))
        .route("/api/about", get(about_page::<S>))
        .route("/api/token", post(token))
        .route("/api/overview", get(overview::<S>))
        .route("/api/stream", get(stream::<S>))
        .route("/api/sweeps", get(sweeps::<S>))
        .route("/api/workers", get(workers::<S>))
        .route("/api/sweeps/{name}", get(sweep::<S>))
        .route("/api/sweeps/{name}/cells", get(cell_map::<S>))
        .route("/api/sweeps/{name}/curves", get(curves::<S>))
        .route("/api/sweeps/{name}/plots", get(plots::<S>))
        .route("/api/sweeps/{name}/plots/{file}", get(plot::<S>))
        .route("/api/sweeps/{name}/trials", get(trials::<S>))
        .route("/api/sweeps/{name}/trials/{trial}", get(trial::<S>))
        .route("/api/sweeps/{name}/{change}", post(change::<S>));
    for asset in &assets::ALL {
        let answer = move |headers: HeaderMap| async move { file(asset, &headers) };
        router = router.route(&format!("/{}", asset.name), get(answer));
    }
    router
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "there is nothing at this address") })
        .layer(middleware::from_fn_with_state(
            Arc::clone(&site),
            guard::<S>,
        ))
        .with_state(site)
}

type Shared<S> = State<Arc<Site<S>>>;

/// Refuses what may not pass, and puts the headers on every answer.
async fn guard<S: Source>(State(site): Shared<S>, request: Request, next: Next) -> Response {
    let checked = site
        .access
        .check(request.method(), request.uri(), request.headers());
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

impl axum::response::IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = problem(self.status(), &self.to_string());
        if self == Refused::Token {
            let bearer = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}

impl axum::response::IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Refusal::NotFound(_) => StatusCode::NOT_FOUND,
            Refusal::NotNow(_) => StatusCode::CONFLICT,
            Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        problem(status, &self.to_string())
    }
}

/// An error as the scripts read it.
fn problem(status: StatusCode, words: &str) -> Response {
    (status, body(&json!({ "error": words }).to_string())).into_response()
}

/// JSON as an answer.
fn body(json: &str) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, json.to_owned()).into_response()
}

async fn page(uri: Uri, headers: HeaderMap) -> Response {
    match Query::read(&uri, &[]) {
        Ok(_) => file(&assets::PAGE, &headers),
        Err(refused) => refused.into_response(),
    }
}

/// A file of the page; 304 where the browser has it.
fn file(asset: &Asset, headers: &HeaderMap) -> Response {
    let tag = asset.tag();
    let known = headers.get(header::IF_NONE_MATCH);
    let held = known.is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let head = [
        (header::CONTENT_TYPE, asset.kind.to_owned()),
        (header::ETAG, tag),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
    ];
    match held {
        true => (StatusCode::NOT_MODIFIED, head).into_response(),
        false => (head, Body::from(asset.bytes)).into_response(),
    }
}

async fn about_page<S: Source>(State(site): Shared<S>) -> Response {
    let about = json!({
        "version": site.about.version,
        "local": site.about.is_local,
        "changes": site.access.token.is_some(),
    });
    body(&about.to_string())
}

/// Reached with the right token alone.
async fn token() -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn overview<S: Source>(State(site): Shared<S>) -> Result<Response, Response> {
    let now = site.feed.now().await.map_err(refuse)?;
    Ok(body(&now))
}

async fn stream<S: Source>(State(site): Shared<S>) -> Response {
    match site.feed.watch() {
        Some(events) => Sse::new(events)
            .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
            .into_response(),
        None => problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "as many viewers as this page serves watch it already",
        ),
    }
}

async fn sweeps<S: Source>(State(site): Shared<S>, uri: Uri) -> Result<Response, Response> {
    list(&site, &uri, "sweeps", json::sweeps_page).await
}

async fn workers<S: Source>(State(site): Shared<S>, uri: Uri) -> Result<Response, Response> {
    list(&site, &uri, "workers", json::workers_page).await
}

/// A page of a list.
async fn list<S: Source>(
    site: &Site<S>,
    uri: &Uri,
    what: &str,
    rows: fn(&Overview, usize) -> Value,
) -> Result<Response, Response> {
    let query = Query::read(uri, &["page"]).map_err(refuse)?;
    let page = query.number("page").map_err(refuse)?.unwrap_or(0);
    let page = usize::try_from(page).unwrap_or(usize::MAX);
    let answer = site.sweeps.get(format!("{what} {page}"), async {
        let overview = site.source.overview().await.ok_or(Refusal::Unavailable)?;
        Ok(rows(&overview, page).to_string())
    });
    Ok(body(&answer.await.map_err(refuse)?))
}

async fn sweep<S: Source>(
    State(site): Shared<S>,
    Path(name): Path<String>,
) -> Result<Response, Response> {
    let asked = format!("sweep {name}");
    let answer = site.sweeps.get(asked, async {
        let standing = standing(&site, &name).await?;
        let mut shown = json::sweep(&standing.sweep);
        let failures = standing.sweep.failures.iter().map(
            |failure| json!({ "trial": failure.trial, "error": failure.error, "at": failure.at }),
        );
        shown["failures"] = failures.collect();
        shown["folder"] = json!(standing.dir.display().to_string());
        shown["generations"] = json!(standing.folder.generations().len());
        Ok(shown.to_string())
    });
    Ok(body(&answer.await.map_err(refuse)?))
}

async fn cell_map<S: Source>(
    State(site): Shared<S>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Response, Response> {
    let query = Query::read(&uri, &["x", "y"]).map_err(refuse)?;
    let place = |key| -> Result<Option<usize>, Refused> {
        let number = query.number(key)?;
        Ok(number.map(|number| usize::try_from(number).unwrap_or(usize::MAX)))
    };
    let (x, y) = (place("x").map_err(refuse)?, place("y").map_err(refuse)?);
    let asked = format!("cells {name} {x:?} {y:?}");
    let answer = site.sweeps.get(asked, async {
        let standing = standing(&site, &name).await?;
        let map = tokio::task::spawn_blocking(move || cells::cells(&standing, x, y).to_string());
        map.await
            .map_err(|error| Refusal::Failed(error.to_string()))
    });
    Ok(body(&answer.await.map_err(refuse)?))
}

async fn curves<S: Source>(
    State(site): Shared<S>,
    Path(name): Path<String>,
) -> Result<Response, Response> {
    let answer = site.tables.get(format!("curves {name}"), async {
        let standing = standing(&site, &name).await?;
        Ok(tables::curves(&standing).await?.to_string())
    });
    Ok(body(&answer.await.map_err(refuse)?))
}

async fn plots<S: Source>(
    State(site): Shared<S>,
    Path(name): Path<String>,
) -> Result<Response, Response> {
    let answer = site.drawn.get(format!("plots {name}"), async {
        let standing = standing(&site, &name).await?;
        Ok(site.pictures.list(standing.dir).await?.to_string())
    });
    Ok(body(&answer.await.map_err(refuse)?))
}

async fn plot<S: Source>(
    State(site): Shared<S>,
    Path((name, file)): Path<(String, String)>,
    uri: Uri,
) -> Result<Response, Response> {
    let query = Query::read(&uri, &["theme"]).map_err(refuse)?;
    let theme = Theme::named(query.text("theme").unwrap_or("light"));
    let theme = theme.ok_or_else(|| refuse(Refused::Query))?;
    let asked = format!("plot {name} {file} {theme:?}");
    let answer = site.drawn.get(asked, async {
        let standing = standing(&site, &name).await?;
        site.pictures.svg(standing.dir, &file, theme).await
    });
    let answer = answer.await.map_err(refuse)?;
    let (notes, svg) = answer.split_once('\n').unwrap_or_default();
    let head = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CONTENT_SECURITY_POLICY, PICTURE_POLICY),
        (NOTES, notes),
    ];
    Ok((head, svg.to_owned()).into_response())
}

async fn trials<S: Source>(
    State(site): Shared<S>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Response, Response> {
    let query = Query::read(&uri, &["from", "status"]).map_err(refuse)?;
    let from = query.number("from").map_err(refuse)?.unwrap_or(0);
    let which = Which::of_name(query.text("status").unwrap_or("all"));
    let which = which.ok_or_else(|| refuse(Refused::Query))?;
    let asked = format!("trials {name} {from} {}", which.name());
    let answer = site.tables.get(asked, async {
        let standing = standing(&site, &name).await?;
        Ok(tables::trials(&standing, which, from).await?.to_string())
    });
    Ok(body(&answer.await.map_err(refuse)?))
}

async fn trial<S: Source>(
    State(site): Shared<S>,
    Path((name, trial)): Path<(String, u64)>,
    uri: Uri,
) -> Result<Response, Response> {
    let query = Query::read(&uri, &["layer"]).map_err(refuse)?;
    let layer = query.number("layer").map_err(refuse)?.unwrap_or(0);
    let asked = format!("trial {name} {trial} {layer}");
    let answer = site.tables.get(asked, async {
        let standing = standing(&site, &name).await?;
        Ok(tables::trial(&standing, trial, layer).await?.to_string())
    });
    Ok(body(&answer.await.map_err(refuse)?))
}

/// Does what a user asks. The guard has seen the token.
async fn change<S: Source>(
    State(site): Shared<S>,
    Path((name, change)): Path<(String, String)>,
    uri: Uri,
) -> Result<Response, Response> {
    Query::read(&uri, &[]).map_err(refuse)?;
    let change = Change::ALL.into_iter().find(|known| known.name() == change);
    let change = change.ok_or_else(|| {
        problem(
            StatusCode::NOT_FOUND,
            "a sweep can be paused, resumed, cancelled, or its failed trials run again",
        )
    })?;
    known_name(&name).map_err(refuse)?;
    let trials = site.source.change(&name, change).await.map_err(refuse)?;
    tracing::info!(sweep = %name, change = change.name(), "changed from the live page");
    Ok(body(&json!({ "trials": trials }).to_string()))
}

async fn standing<S: Source>(site: &Site<S>, name: &str) -> Result<Standing, Refusal> {
    known_name(name)?;
    site.source.standing(name).await
}

/// A name that no sweep can have is not looked for.
fn known_name(name: &str) -> Result<(), Refusal> {
    match sweep::is_usable_name(name) {
        true => Ok(()),
        false => Err(Refusal::NotFound("no sweep has such a name".to_owned())),
    }
}

fn refuse(refused: impl axum::response::IntoResponse) -> Response {
    refused.into_response()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Mutex;

    use axum::http::Method;
    use tower::Service as _;

    use super::*;
    use crate::source::Sweep;

    /// A coordinator with one sweep of an awkward problem.
    #[derive(Default)]
    struct Fake(Mutex<Vec<(String, Change)>>);

    impl Source for &'static Fake {
        async fn overview(&self) -> Option<Overview> {
            let sweep = Sweep {
                name: "s".to_owned(),
                state: "running",
                problem: "</script><img src=x>".to_owned(),
                ..Sweep::default()
            };
            Some(Overview {
                sweeps: vec![sweep],
                workers: Vec::new(),
            })
        }

        async fn reported(&self) -> Option<u64> {
            None
        }

        async fn standing(&self, name: &str) -> Result<Standing, Refusal> {
            Err(Refusal::NotFound(format!("no sweep is called `{name}`")))
        }

        async fn change(&self, name: &str, change: Change) -> Result<u64, Refusal> {
            self.0.lock().unwrap().push((name.to_owned(), change));
            Ok(3)
        }
    }

    fn fake() -> &'static Fake {
        Box::leak(Box::default())
    }

    fn site(fake: &'static Fake) -> Router {
        let access = Access {
            listen: IpAddr::from([127, 0, 0, 1]),
            hosts: Vec::new(),
            token: Some(Arc::new(|header| header == "Bearer right")),
            reading_needs_token: false,
        };
        let about = About {
            version: "1".to_owned(),
            is_local: false,
        };
        router(fake, access, about)
    }

    async fn ask(
        router: &mut Router,
        method: Method,
        path: &str,
        more: &[(&str, &str)],
    ) -> Response {
        let mut request = axum::http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost");
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        router
            .call(request.body(Body::empty()).unwrap())
            .await
            .unwrap()
    }

    async fn text(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20)
            .await
            .unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn every_answer_carries_the_headers() {
        let mut router = site(fake());
        let mut paths = vec![
            "/",
            "/api/overview",
            "/api/about",
            "/nothing",
            "/api/stream",
        ];
        paths.extend(["/api/sweeps/none", "/?token=right", "/api/sweeps?page=x"]);
        let assets: Vec<String> = assets::ALL
            .iter()
            .map(|asset| format!("/{}", asset.name))
            .collect();
        paths.extend(assets.iter().map(String::as_str));
        for path in paths {
            let response = ask(&mut router, Method::GET, path, &[]).await;
            for (name, value) in &HEADERS {
                assert_eq!(response.headers().get(name).unwrap(), value, "{path}");
            }
            assert!(
                response.headers().contains_key(header::CACHE_CONTROL),
                "{path}"
            );
        }
        for word in ["'unsafe-inline'", "'unsafe-eval'", "http:", "https:", "*"] {
            assert!(!POLICY.contains(word), "{word}");
        }
        assert!(POLICY.contains("frame-ancestors 'none'"));
        // Images alone come from the page's memory.
        assert!(POLICY.contains("; img-src 'self' blob:; "));
        assert_eq!(POLICY.matches(':').count(), 1);
    }

    #[tokio::test]
    async fn the_document_names_only_own_files_and_holds_no_script() {
        let mut router = site(fake());
        let page = text(ask(&mut router, Method::GET, "/", &[]).await).await;
        for part in page.split(['"', '\'']) {
            assert!(!part.contains("//") && !part.starts_with('/'), "{part}");
        }
        assert!(!page.contains("style=") && !page.contains("onclick"));
        for script in page.split("<script").skip(1) {
            assert!(
                script.contains("src=") && script.contains("></script>"),
                "{script}"
            );
        }
        for asset in &assets::ALL {
            let own = std::str::from_utf8(asset.bytes).unwrap();
            for way in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
            ] {
                assert!(!own.contains(way), "{} uses {way}", asset.name);
            }
        }
    }

    #[tokio::test]
    async fn a_change_needs_its_token_and_is_made_once() {
        let fake = fake();
        let mut router = site(fake);
        let path = "/api/sweeps/s/cancel";
        let right = ("authorization", "Bearer right");
        let check =
            async |router: &mut Router, path: &str, more: &[(&str, &str)], expected: StatusCode| {
                let response = ask(router, Method::POST, path, more).await;
                assert_eq!(response.status(), expected, "{path} {more:?}");
            };
        check(&mut router, path, &[], StatusCode::UNAUTHORIZED).await;
        check(
            &mut router,
            &format!("{path}?token=right"),
            &[],
            StatusCode::UNAUTHORIZED,
        )
        .await;
        check(
            &mut router,
            &format!("{path}?token=right"),
            &[right],
            StatusCode::BAD_REQUEST,
        )
        .await;
        check(
            &mut router,
            path,
            &[right, ("origin", "http://evil.example")],
            StatusCode::FORBIDDEN,
        )
        .await;
        check(
            &mut router,
            "/api/sweeps/s/burn",
            &[right],
            StatusCode::NOT_FOUND,
        )
        .await;
        check(
            &mut router,
            "/api/sweeps/..%2Fs/cancel",
            &[right],
            StatusCode::NOT_FOUND,
        )
        .await;
        assert!(fake.0.lock().unwrap().is_empty());
        check(&mut router, path, &[right], StatusCode::OK).await;
        assert_eq!(*fake.0.lock().unwrap(), [("s".to_owned(), Change::Cancel)]);
        let by_get = ask(&mut router, Method::GET, path, &[right]).await;
        assert_eq!(by_get.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[tokio::test]
    async fn texts_leave_as_json_and_files_are_not_sent_twice() {
        let mut router = site(fake());
        let response = ask(&mut router, Method::GET, "/api/overview", &[]).await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
        let overview: Value = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(
            overview["sweeps"]["rows"][0]["problem"],
            "</script><img src=x>"
        );
        let first = ask(&mut router, Method::GET, "/app.js", &[]).await;
        let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        let again = ask(
            &mut router,
            Method::GET,
            "/app.js",
            &[("if-none-match", &tag)],
        )
        .await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    }
}
