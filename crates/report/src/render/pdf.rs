//! PDF of SVGs, a page each, with text as text.

use krilla::Document;
use krilla::geom::Size;
use krilla::page::PageSettings;
use krilla_svg::{SurfaceExt as _, SvgSettings};

use super::RenderError;
use super::raster::tree;

/// Points of a PDF a pixel of an SVG: 72 and 96 to the inch.
const POINTS: f32 = 72.0 / 96.0;

/// Draws SVGs as the pages of a PDF. Text can be selected and searched; no time of its making is in it.
///
/// # Errors
/// [`RenderError`] where an SVG cannot be read.
pub fn pdf(svgs: &[String]) -> Result<Vec<u8>, RenderError> {
    let encode = |why: String| RenderError::Encode { format: "PDF", why };
    let mut document = Document::new();
    for svg in svgs {
        let tree = tree(svg)?;
        let (width, height) = (tree.size().width() * POINTS, tree.size().height() * POINTS);
        let size = Size::from_wh(width, height);
        let settings = PageSettings::from_wh(width, height);
        let (Some(size), Some(settings)) = (size, settings) else {
            return Err(encode("it has no size".to_owned()));
        };
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        let drawn = surface.draw_svg(&tree, size, SvgSettings::default());
        surface.finish();
        page.finish();
        drawn.ok_or_else(|| encode("its SVG cannot be drawn".to_owned()))?;
    }
    document
        .finish()
        .map_err(|error| encode(format!("{error:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    const SVG: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" width="96" height="48"><text x="4" y="20" font-family="Arimo, sans-serif" font-size="11">loss</text></svg>"#;

    /// The streams of a PDF, those that are compressed unpacked.
    fn streams(pdf: &[u8]) -> String {
        let mut text = String::new();
        let mut rest = pdf;
        while let Some(start) = find(rest, b"stream\n").or_else(|| find(rest, b"stream\r\n")) {
            let body = &rest[start + 7..];
            let end = find(body, b"endstream").unwrap_or(body.len());
            let mut unpacked = Vec::new();
            let mut decoder = flate2::read::ZlibDecoder::new(&body[..end]);
            if decoder.read_to_end(&mut unpacked).is_ok() {
                text.push_str(&String::from_utf8_lossy(&unpacked));
            } else {
                text.push_str(&String::from_utf8_lossy(&body[..end]));
            }
            rest = &body[end.min(body.len())..];
            rest = rest.get(9..).unwrap_or_default();
        }
        text
    }

    fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
        bytes.windows(part.len()).position(|window| window == part)
    }

    #[test]
    fn a_pdf_has_its_text_as_text_and_equal_bytes() {
        let pages = [SVG.to_owned(), SVG.to_owned()];
        let first = pdf(&pages).unwrap();
        assert!(first.starts_with(b"%PDF-"));
        assert_eq!(first, pdf(&pages).unwrap());
        let content = streams(&first);
        // Text operators, and the map from glyphs back to letters: l, o, s.
        assert!(
            content.contains("BT") && content.contains("Tf"),
            "{content}"
        );
        for letter in ["<006C>", "<006F>", "<0073>"] {
            assert!(content.contains(letter), "{letter}");
        }
    }
}
