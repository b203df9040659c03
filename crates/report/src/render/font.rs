//! The one font of every picture: its glyph widths, and the database that PNG and PDF take their glyphs from.
//!
//! Arimo has the metrics of Arial and Helvetica: an SVG keeps its layout in a browser that has any of the three.

use std::sync::{Arc, LazyLock};

use resvg::usvg::fontdb::Database;

use super::vendor::FONT;

/// Families of an SVG, the first that a browser has.
pub const FAMILY: &str = "Arimo, Arial, Helvetica, Liberation Sans, sans-serif";

/// Family of the embedded font.
pub(super) const EMBEDDED: &str = "Arimo";

/// Room for a text over its width in the font: DejaVu Sans, which a browser shows where it has none of
/// [`FAMILY`], is wider by a seventh. Nothing is cut then.
const ROOM: f64 = 1.14;

/// Width of a character that the font lacks, in units of the font's size: browsers take it from another font.
const UNKNOWN: f64 = 1.0;

struct Font {
    bytes: Vec<u8>,
    /// Advance widths of the Latin letters, which are most.
    latin: [f64; 256],
}

static FONT_DATA: LazyLock<Font> = LazyLock::new(|| {
    let bytes = FONT.bytes().unwrap_or_default();
    let mut latin = [UNKNOWN; 256];
    for (code, width) in latin.iter_mut().enumerate() {
        let letter = char::from(u8::try_from(code).unwrap_or(0));
        *width = advance(&bytes, letter);
    }
    Font { bytes, latin }
});

fn advance(bytes: &[u8], letter: char) -> f64 {
    let Ok(face) = ttf_parser::Face::parse(bytes, 0) else {
        return UNKNOWN;
    };
    let units = f64::from(face.units_per_em());
    let glyph = face.glyph_index(letter);
    let width = glyph.and_then(|glyph| face.glyph_hor_advance(glyph));
    width.map_or(UNKNOWN, |width| f64::from(width) / units)
}

/// Room for a line of text in pixels, at a font size in pixels.
pub fn text_width(text: &str, size: f64) -> f64 {
    let font = &*FONT_DATA;
    let widths = text.chars().map(|letter| {
        let known = font.latin.get(letter as usize);
        known
            .copied()
            .unwrap_or_else(|| advance(&font.bytes, letter))
    });
    ROOM * widths.sum::<f64>() * size
}

/// The embedded font and no other: system fonts would make bytes depend on the machine.
pub(super) fn database() -> Arc<Database> {
    static DATABASE: LazyLock<Arc<Database>> = LazyLock::new(|| {
        let mut database = Database::new();
        database.load_font_data(FONT_DATA.bytes.clone());
        database.set_sans_serif_family(EMBEDDED);
        Arc::new(database)
    });
    Arc::clone(&DATABASE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_font() {
        // Arimo has the metrics of Arial: an A takes 1366 of 2048 units, a full stop 569.
        let close = |text: &str, units: f64| {
            let width = text_width(text, 2048.0) / ROOM;
            assert!((width - units).abs() < 1.0, "{text}: {width}");
        };
        close("A", 1366.0);
        close("A.", 1366.0 + 569.0);
        close("\u{3b1}", 1184.0);
        close("", 0.0);
        assert_eq!(text_width("\u{6f22}", 10.0), 10.0 * ROOM);
    }

    #[test]
    fn the_database_has_one_font() {
        let database = database();
        let families: Vec<&str> = database
            .faces()
            .flat_map(|face| face.families.iter().map(|(name, _)| name.as_str()))
            .collect();
        assert_eq!(families, [EMBEDDED]);
    }
}
