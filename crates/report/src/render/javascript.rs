//! Vega and Vega-Lite inside QuickJS: specifications in, SVG out.
//!
//! The engine has no file, no socket and no clock; it gets what the libraries want of a browser (`browser.js`), a bound
//! on memory, stack and time, and a thread of its own.

use std::time::{Duration, Instant};

use rquickjs::{CatchResultExt as _, Context, Ctx, Function, Runtime};

use super::RenderError;
use super::font::text_width;
use super::vendor::{VEGA, VEGA_LITE};

/// The parsers and compilers recurse over a specification: the largest that `plot` makes take some hundred KiB.
const STACK_BYTES: usize = 16 << 20;

/// What the engine may take of its stack: the rest is for the functions that it calls.
const SCRIPT_STACK_BYTES: usize = 12 << 20;

/// The libraries take 30 MiB, and 10^4 marks some 60 MiB more.
const MEMORY_MIB: usize = 512;

/// 10^4 marks take about a second; a machine may be twenty times slower.
const TIME: Duration = Duration::from_secs(60);

/// What QuickJS lacks and the libraries use.
const BROWSER: &str = include_str!("browser.js");

/// The functions that [`svgs`] calls.
const DRAW: &str = include_str!("draw.js");

/// Draws Vega-Lite specifications, given as JSON, as SVG. Equal specifications give equal bytes.
///
/// # Errors
/// [`RenderError`] of the first that is not drawn.
pub fn svgs(specs: &[String]) -> Result<Vec<String>, RenderError> {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(STACK_BYTES);
        let spawned = builder
            .spawn_scoped(scope, || draw(specs))
            .map_err(RenderError::Thread)?;
        spawned.join().unwrap_or(Err(RenderError::Panic))
    })
}

fn draw(specs: &[String]) -> Result<Vec<String>, RenderError> {
    let refused = |error: rquickjs::Error| RenderError::Script(error.to_string());
    let runtime = Runtime::new().map_err(refused)?;
    runtime.set_memory_limit(MEMORY_MIB << 20);
    runtime.set_max_stack_size(SCRIPT_STACK_BYTES);
    let begun = Instant::now();
    let allowed = TIME * u32::try_from(specs.len().max(1)).unwrap_or(u32::MAX);
    let is_late = move || begun.elapsed() > allowed;
    runtime.set_interrupt_handler(Some(Box::new(is_late)));
    let context = Context::full(&runtime).map_err(refused)?;
    let libraries = [
        BROWSER.to_owned(),
        VEGA.text()?,
        VEGA_LITE.text()?,
        DRAW.to_owned(),
    ];
    let explained = |why: String| {
        if is_late() || why.contains("out of memory") {
            return RenderError::Limit {
                limit_seconds: TIME.as_secs(),
                limit_mib: MEMORY_MIB,
            };
        }
        RenderError::Script(why)
    };
    context.with(|ctx| load(&ctx, &libraries).map_err(explained))?;
    let mut drawn = Vec::with_capacity(specs.len());
    for spec in specs {
        context.with(|ctx| call(&ctx, "begin", spec).map_err(explained))?;
        // A promise is settled by jobs, a timer by whoever asks for it.
        loop {
            while runtime.execute_pending_job().unwrap_or(true) {}
            let has_timers = context.with(|ctx| truth(&ctx, "runTimers"));
            if !has_timers.map_err(explained)? && !runtime.is_job_pending() {
                break;
            }
        }
        let ended = context.with(|ctx| call(&ctx, "end", ""));
        drawn.push(ended.map_err(explained)?);
    }
    Ok(drawn)
}

fn load(ctx: &Ctx<'_>, libraries: &[String]) -> Result<(), String> {
    let width = |text: String, size: f64| text_width(&text, size);
    let function = Function::new(ctx.clone(), width);
    let function = function.catch(ctx).map_err(|error| error.to_string())?;
    let set = ctx.globals().set("glyphWidth", function);
    set.catch(ctx).map_err(|error| error.to_string())?;
    for library in libraries {
        let evaluated: rquickjs::Result<()> = ctx.eval(library.as_str());
        evaluated.catch(ctx).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn function<'js>(ctx: &Ctx<'js>, name: &str) -> Result<Function<'js>, String> {
    let found: rquickjs::Result<Function<'_>> = ctx.globals().get(name);
    found.catch(ctx).map_err(|error| error.to_string())
}

fn call(ctx: &Ctx<'_>, name: &str, argument: &str) -> Result<String, String> {
    let answer: rquickjs::Result<String> = function(ctx, name)?.call((argument,));
    answer.catch(ctx).map_err(|error| error.to_string())
}

fn truth(ctx: &Ctx<'_>, name: &str) -> Result<bool, String> {
    let answer: rquickjs::Result<bool> = function(ctx, name)?.call(());
    answer.catch(ctx).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = r#"{"data":{"values":[{"a":1,"b":"<script>"},{"a":10,"b":"\u00e9\u03b1"}]},"mark":"point",
        "encoding":{"x":{"field":"a","type":"quantitative","scale":{"type":"log"}},"y":{"field":"b","type":"nominal"}}}"#;

    #[test]
    fn equal_specifications_give_equal_bytes() {
        let spec = SPEC.to_owned();
        let drawn = svgs(&[spec.clone(), spec.clone()]).unwrap();
        assert!(drawn[0].starts_with("<svg") && drawn[0].contains("\u{e9}\u{3b1}"));
        assert!(drawn[0].contains("&lt;script>") || drawn[0].contains("&lt;script&gt;"));
        assert!(!drawn[0].contains("<script"));
        assert_eq!(drawn[0], drawn[1]);
        assert_eq!(svgs(&[spec]).unwrap()[0], drawn[0]);
    }

    #[test]
    fn what_is_no_specification_is_an_error() {
        let check = |spec: &str, part: &str| {
            let error = svgs(&[spec.to_owned()]).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        check("{", "refused the picture");
        check("{}", "refused the picture");
        check(
            r#"{"data":{"url":"http://127.0.0.1:1/x.json"},"mark":"point"}"#,
            "refused",
        );
    }
}
