//! PNG of an SVG, at the density of print.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use super::RenderError;
use super::font::{EMBEDDED, database};

/// Dots an inch.
pub const DPI: u32 = 300;

/// Pixels of an SVG an inch, as browsers have it.
const CSS_DPI: f32 = 96.0;

/// 40,000 inches squared of A4 in print: 200 MB of memory.
const MAX_PIXELS: u64 = 50_000_000;

/// Reads an SVG with the embedded font.
pub(super) fn tree(svg: &str) -> Result<Tree, RenderError> {
    let options = Options {
        font_family: EMBEDDED.to_owned(),
        fontdb: database(),
        ..Options::default()
    };
    Tree::from_str(svg, &options).map_err(|error| RenderError::Svg(error.to_string()))
}

/// Draws an SVG as a PNG that says its density.
///
/// # Errors
/// [`RenderError`] where the SVG cannot be read or is too large.
pub fn png(svg: &str) -> Result<Vec<u8>, RenderError> {
    let tree = tree(svg)?;
    let scale = DPI as f32 / CSS_DPI;
    let size = tree.size();
    let (width, height) = (
        (size.width() * scale).ceil() as u32,
        (size.height() * scale).ceil() as u32,
    );
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(RenderError::TooLarge {
            width,
            height,
            limit: MAX_PIXELS,
        });
    }
    let encode = |why: String| RenderError::Encode { format: "PNG", why };
    let mut pixmap =
        Pixmap::new(width, height).ok_or_else(|| encode("it has no size".to_owned()))?;
    resvg::render(
        &tree,
        Transform::from_scale(scale, scale),
        &mut pixmap.as_mut(),
    );
    let encoded = pixmap
        .encode_png()
        .map_err(|error| encode(error.to_string()))?;
    Ok(with_density(&encoded))
}

/// Signature, and length, name, data and checksum of the first chunk (IHDR).
const HEAD: usize = 8 + 8 + 13 + 4;

/// The PNG with a chunk `pHYs` after its first one, without which programs take it for 96 dots an inch.
fn with_density(png: &[u8]) -> Vec<u8> {
    let per_metre = (f64::from(DPI) / 0.0254).round() as u32;
    let mut chunk = b"pHYs".to_vec();
    chunk.extend(per_metre.to_be_bytes());
    chunk.extend(per_metre.to_be_bytes());
    // The unit is the metre.
    chunk.push(1);
    let mut checksum = flate2::Crc::new();
    checksum.update(&chunk);
    let (head, rest) = png.split_at(HEAD.min(png.len()));
    let length = u32::try_from(chunk.len() - 4).unwrap_or(0);
    [
        head,
        &length.to_be_bytes(),
        &chunk,
        &checksum.sum().to_be_bytes(),
        rest,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(in crate::render) const SVG: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" width="96" height="48"><rect width="96" height="48" fill="white"/><text x="4" y="20" font-family="Arimo, sans-serif" font-size="11">train loss</text></svg>"#;

    #[test]
    fn a_png_says_its_size_and_density() {
        let png = png(SVG).unwrap();
        let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        assert_eq!((number(16), number(20)), (300, 150));
        assert_eq!(&png[HEAD + 4..HEAD + 8], b"pHYs");
        assert_eq!((number(HEAD + 8), number(HEAD + 12)), (11811, 11811));
        let decoded = Pixmap::decode_png(&png).unwrap();
        assert_eq!((decoded.width(), decoded.height()), (300, 150));
        let dark = decoded.pixels().iter().filter(|pixel| pixel.red() < 128);
        assert!(dark.count() > 200, "the text is drawn");
    }

    #[test]
    fn what_is_no_svg_or_too_large_is_an_error() {
        assert!(matches!(png("<svg"), Err(RenderError::Svg(_))));
        let large = r#"<svg xmlns="http://www.w3.org/2000/svg" width="9000" height="9000"/>"#;
        assert!(matches!(png(large), Err(RenderError::TooLarge { .. })));
    }
}
