//! The pictures of a report: those of the sweep file, else a guess, as SVG that may stand next to others on a page.

use std::path::PathBuf;
use std::sync::Arc;

use super::picture::Picture;
use crate::plot::{Look, PlotError, Tables, Theme, draw, guess};
use crate::render::{self, RenderError};

/// Width of a picture on a page, which shrinks it on narrow screens.
const WIDTH: f64 = 640.0;

/// Pictures on a page.
const MOST: usize = 12;

/// Draws the pictures of the runs. Those that cannot be drawn come back as sentences that say why.
///
/// # Errors
/// [`PlotError`] where the tables cannot be read.
pub fn pictures(runs: &[PathBuf]) -> Result<(Vec<Picture>, Vec<String>), PlotError> {
    let tables = Tables::open(runs, &Arc::default())?;
    let is_guess = tables.plots().is_empty();
    let plots = if is_guess {
        guess(&tables)?
    } else {
        tables.plots().to_vec()
    };
    let look = Look {
        theme: Theme::Light,
        width: WIDTH,
    };
    let (mut drawn, mut failed) = (Vec::new(), Vec::new());
    for plot in plots.iter().take(MOST) {
        match draw(&tables, plot, &look) {
            Ok(picture) => drawn.push(picture),
            // A guess that does not fit is no error of anybody.
            Err(_) if is_guess => {}
            Err(error) => failed.push(format!("the picture {} is not drawn: {error}", plot.name)),
        }
    }
    if plots.len() > MOST {
        failed.push(format!(
            "of {} pictures the first {MOST} are drawn",
            plots.len()
        ));
    }
    let specs: Vec<String> = drawn.iter().map(|picture| picture.json()).collect();
    // One that the library refuses must not take the others with it.
    let svgs: Vec<Result<String, RenderError>> = match render::svgs(&specs) {
        Ok(svgs) => svgs.into_iter().map(Ok).collect(),
        Err(_) => specs
            .iter()
            .map(|spec| render::svgs(std::slice::from_ref(spec)).map(|svgs| svgs.concat()))
            .collect(),
    };
    let mut pictures = Vec::new();
    for (number, (picture, svg)) in drawn.into_iter().zip(svgs).enumerate() {
        match svg {
            Ok(svg) => pictures.push(Picture {
                title: picture.name,
                notes: picture.warnings,
                svg: with_own_ids(&svg, &format!("p{number}-")),
            }),
            Err(error) => failed.push(format!(
                "the picture {} is not drawn: {error}",
                picture.name
            )),
        }
    }
    Ok((pictures, failed))
}

/// An SVG whose ids begin with a prefix: those of two pictures on one page would be mixed up. Ids and references are
/// attributes, and in a text of the picture quotes are escaped.
pub(crate) fn with_own_ids(svg: &str, prefix: &str) -> String {
    svg.replace(" id=\"", &format!(" id=\"{prefix}"))
        .replace("url(#", &format!("url(#{prefix}"))
        .replace("href=\"#", &format!("href=\"#{prefix}"))
        // Inline in HTML an SVG needs no namespace.
        .replace(" xmlns=\"http://www.w3.org/2000/svg\"", "")
        .replace(" xmlns:xlink=\"http://www.w3.org/1999/xlink\"", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_two_pictures_differ() {
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"><clipPath id=\"c\"/><g clip-path=\"url(#c)\"/></svg>";
        assert_eq!(
            with_own_ids(svg, "p1-"),
            "<svg><clipPath id=\"p1-c\"/><g clip-path=\"url(#p1-c)\"/></svg>"
        );
    }
}
