//! From a Vega-Lite specification to SVG, PNG, PDF and HTML, without the network and with equal bytes for equal
//! specifications.
//!
//! What a picture shows is the business of `plot`. Vega and Vega-Lite run unmodified inside QuickJS (`javascript`)
//! and measure text with the glyph widths of the one font that is embedded (`font`); `raster` and `pdf` draw the SVG.

mod font;
mod html;
mod javascript;
mod pdf;
mod raster;
mod vendor;

pub use font::{FAMILY, text_width};
pub use html::{Page, html};
pub use javascript::svgs;
pub use pdf::pdf;
pub use raster::{DPI, png};
pub use vendor::{VEGA, VEGA_EMBED, VEGA_LITE, Vendored};

/// Why a specification was not drawn.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error("the drawing library refused the picture: {0}")]
    Script(String),
    #[error("the picture takes longer than {limit_seconds} s or more than {limit_mib} MiB to draw")]
    Limit {
        limit_seconds: u64,
        limit_mib: usize,
    },
    #[error("the system allows no thread to draw the picture: {0}")]
    Thread(std::io::Error),
    #[error("a defect of the program ended the drawing")]
    Panic,
    #[error("the drawn SVG cannot be read: {0}")]
    Svg(String),
    #[error("a picture of {width} x {height} pixels is larger than {limit}")]
    TooLarge { width: u32, height: u32, limit: u64 },
    #[error("the picture cannot be encoded as {format}: {why}")]
    Encode { format: &'static str, why: String },
    #[error("the embedded {name} is damaged")]
    Vendored { name: &'static str },
}
