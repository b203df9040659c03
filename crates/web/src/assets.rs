//! The page's own files, inside the binary. Nothing is fetched from anywhere else.
//!
//! `uPlot.iife.min.js` and `uPlot.min.css` are those of the npm package uplot, unchanged; `assets/NOTICE.md` has
//! version, hashes and licence.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// A file of the page.
pub(crate) struct Asset {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) bytes: &'static [u8],
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

macro_rules! asset {
    ($name:literal, $kind:expr) => {
        Asset {
            name: $name,
            kind: $kind,
            bytes: include_bytes!(concat!("../assets/", $name)),
        }
    };
}

/// The document; the others are named by it.
pub(crate) const PAGE: Asset = asset!("index.html", "text/html; charset=utf-8");

pub(crate) const ALL: [Asset; 11] = [
    asset!("app.js", SCRIPT),
    asset!("charts.js", SCRIPT),
    asset!("dom.js", SCRIPT),
    asset!("overview.js", SCRIPT),
    asset!("service.js", SCRIPT),
    asset!("sweep.js", SCRIPT),
    asset!("trial.js", SCRIPT),
    asset!("uPlot.iife.min.js", SCRIPT),
    asset!("style.css", STYLE),
    asset!("uPlot.min.css", STYLE),
    asset!("icon.svg", "image/svg+xml"),
];

impl Asset {
    /// Changes with its bytes.
    pub(crate) fn tag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.bytes.hash(&mut hasher);
        format!("\"{:016x}\"", hasher.finish())
    }
}
