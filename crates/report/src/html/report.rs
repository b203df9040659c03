//! From runs and pictures to the page.

use std::path::PathBuf;

use crate::describe::describe;
use crate::error::ReportError;
use crate::facts::Ask;

use super::listing::Listing;
use super::page;
use super::picture::Picture;

/// The report of the runs as an HTML page, with pictures, at a wattage of a core.
///
/// # Errors
/// [`ReportError`] where the tables cannot be read.
pub fn report(runs: &[PathBuf], pictures: &[Picture], watts: f64) -> Result<String, ReportError> {
    let about = describe(runs)?;
    let dirs: Vec<PathBuf> = about.asked.iter().map(|asked| asked.dir.clone()).collect();
    let ask = Ask::new(&dirs);
    let settings = Listing::settings(&ask, &about)?;
    let trials = Listing::trials(&ask, &about)?;
    Ok(page::page(&page::Content {
        about: &about,
        settings: settings.as_ref(),
        trials: &trials,
        pictures,
        watts,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_runs::{Made, make};

    const SWEEP: &str = "name = \"NAME\"\n[axes]\n\"network.depth\" = [2, 3, 4]\n\
        \"replicate\" = { range = [0, 4] }\n[problem]\ndim = 4\nrank = 1\n";

    fn page_of(name: &str, error: &str) -> String {
        let home = tempfile::tempdir().unwrap();
        let toml = SWEEP.replace("NAME", name);
        let run = make(&home, "<b>run", &toml, |trial, _| match trial {
            11 => Some(Made::failed(error)),
            _ => Some(Made::completed(0.5 / (1 + trial) as f64)),
        });
        let picture = Picture {
            title: "<i>depth</i>".to_owned(),
            notes: Vec::new(),
            svg: "<svg></svg>".to_owned(),
        };
        report(&[run], &[picture], 100.0).unwrap()
    }

    /// Values of attributes that a browser fetches from.
    fn addresses(page: &str) -> Vec<&str> {
        [
            "src=\"",
            "href=\"",
            "action=\"",
            "data=\"",
            "url(",
            "@import",
        ]
        .iter()
        .flat_map(|before| page.split(before).skip(1))
        .map(|after| after.split(['"', ')', ' ']).next().unwrap_or_default())
        .collect()
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        let page = page_of("s", "no memory");
        for address in addresses(&page) {
            assert!(address.starts_with('#'), "{address}");
        }
        // The names of XML's languages look like addresses; nobody reads them.
        let others = page.replace("=\"http://www.w3.org/", "=\"");
        assert!(!others.contains("http://") && !others.contains("https://"));
        assert!(page.starts_with("<!doctype html>") && page.contains("default-src &#39;none&#39;"));
    }

    #[test]
    fn names_and_errors_are_inert() {
        let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>";
        let page = page_of("s", hostile);
        // The script of the page, its data, and nothing else.
        assert_eq!(page.matches("<script").count(), 3, "{page}");
        assert!(!page.contains("<img") && !page.contains("<b>") && !page.contains("<i>"));
        assert!(page.contains("&lt;img src=x onerror"), "{page}");
    }

    #[test]
    fn every_section_is_there() {
        let page = page_of("s", "no memory");
        for words in [
            "The sweep s varies 2 axes, 12 trials.",
            "11 of 12 trials completed, 1 failed.",
            "What matters",
            "Every trial.",
            "no memory",
            "The sweep file as it was run",
            "blake3:",
        ] {
            assert!(page.contains(words), "{words}");
        }
    }

    #[test]
    fn pictures_that_are_too_large_are_named() {
        let home = tempfile::tempdir().unwrap();
        let toml = SWEEP.replace("NAME", "s");
        let run = make(&home, "run", &toml, |_, _| Some(Made::completed(0.5)));
        let picture = |title: &str, bytes| Picture {
            title: title.to_owned(),
            notes: Vec::new(),
            svg: "x".repeat(bytes),
        };
        let pictures = [picture("large", 3_000_000), picture("small", 10)];
        let page = report(&[run], &pictures, 100.0).unwrap();
        assert!(page.len() < 1_000_000, "{}", page.len());
        assert!(page.contains("Too large for this page: large."));
    }
}
