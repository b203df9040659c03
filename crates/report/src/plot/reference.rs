//! The reference of the kinds as Markdown, made from their declarations.

use super::KINDS;

/// A table of every kind with its channels and what it needs.
pub fn reference() -> String {
    let mut out = String::from(
        "| kind | shows | channels, and what they are without being given | needs |\n| --- | --- | --- | --- |\n",
    );
    for declared in KINDS {
        let channels: Vec<String> = declared
            .channels
            .iter()
            .map(|(name, default)| format!("`{name}`: {default}"))
            .collect();
        out.push_str(&format!(
            "| `{}` | {} | {} | {} |\n",
            declared.kind.name(),
            declared.kind.words(),
            channels.join("; "),
            declared.needs
        ));
    }
    out
}
