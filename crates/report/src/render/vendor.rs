//! The files of other projects that are inside the program, compressed. `vendor/MANIFEST` names their versions,
//! hashes and licences.

use std::io::Read as _;

use super::RenderError;

/// A file of another project.
#[derive(Clone, Copy, Debug)]
pub struct Vendored {
    /// Name of the file without the compression.
    pub name: &'static str,
    compressed: &'static [u8],
}

/// The runtime that draws.
pub const VEGA: Vendored = Vendored {
    name: "vega.min.js",
    compressed: include_bytes!("../../vendor/vega.min.js.gz"),
};

/// The compiler from Vega-Lite to Vega.
pub const VEGA_LITE: Vendored = Vendored {
    name: "vega-lite.min.js",
    compressed: include_bytes!("../../vendor/vega-lite.min.js.gz"),
};

/// Puts a picture into a page.
pub const VEGA_EMBED: Vendored = Vendored {
    name: "vega-embed.min.js",
    compressed: include_bytes!("../../vendor/vega-embed.min.js.gz"),
};

/// The font of every picture.
pub(super) const FONT: Vendored = Vendored {
    name: "Arimo-Regular.ttf",
    compressed: include_bytes!("../../vendor/Arimo-Regular.ttf.gz"),
};

impl Vendored {
    /// The file as its project gives it out.
    ///
    /// # Errors
    /// [`RenderError::Vendored`], which a test rules out.
    pub fn bytes(&self) -> Result<Vec<u8>, RenderError> {
        let mut bytes = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(self.compressed);
        let damaged = |_| RenderError::Vendored { name: self.name };
        decoder.read_to_end(&mut bytes).map_err(damaged)?;
        Ok(bytes)
    }

    /// As [`Self::bytes`], of a script.
    ///
    /// # Errors
    /// As [`Self::bytes`].
    pub fn text(&self) -> Result<String, RenderError> {
        let damaged = |_| RenderError::Vendored { name: self.name };
        String::from_utf8(self.bytes()?).map_err(damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest as _, Sha256};
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn vendored_files_are_those_of_the_manifest() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vendor");
        let manifest = std::fs::read_to_string(folder.join("MANIFEST")).unwrap();
        let rows: Vec<Vec<&str>> = manifest
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split(' ').collect())
            .collect();
        let mut known = BTreeSet::from(["MANIFEST".to_owned(), "d3.LICENSE".to_owned()]);
        for file in [VEGA, VEGA_LITE, VEGA_EMBED, FONT] {
            let name = format!("{}.gz", file.name);
            let row = rows.iter().find(|row| row[0] == name).unwrap();
            let digest = Sha256::digest(file.bytes().unwrap());
            let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hash, row[3], "{name}");
            let licence = std::fs::read_to_string(folder.join(row[5])).unwrap();
            let words = match row[4] {
                "BSD-3-Clause" => "Redistribution and use in source and binary forms",
                _ => "SIL Open Font License",
            };
            assert!(licence.contains(words), "{}", row[5]);
            known.extend([name, row[5].to_owned()]);
        }
        let there = std::fs::read_dir(&folder).unwrap();
        let there: BTreeSet<String> = there
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(there, known);
        assert_eq!(rows.len(), 4);
    }
}
