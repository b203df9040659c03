//! The batch systems as values of a flag. Their names and words are `launch`'s.

use std::sync::LazyLock;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use launch::batch::{BatchSystem, SYSTEMS, named};

/// A batch system of the list.
pub(crate) type System = &'static dyn BatchSystem;

/// The options of all their programs in a usage line.
static OPTIONS_NAME: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<&str> = SYSTEMS
        .iter()
        .map(|system| system.words().options)
        .collect();
    names.join(" | ")
});

/// Reads the name of a batch system.
pub(super) fn parser() -> impl TypedValueParser<Value = System> {
    let names = SYSTEMS.iter().map(|system| {
        let words = system.words();
        PossibleValue::new(words.name).help(words.about)
    });
    PossibleValuesParser::new(names)
        .try_map(|name: String| named(&name).ok_or("it is no batch system"))
}

/// The name of the options that go to whichever batch system is asked for.
pub(super) fn options_name() -> &'static str {
    &OPTIONS_NAME
}

/// The help of options that go to one of these batch systems.
pub(crate) fn options_help(systems: &[System]) -> String {
    let programs: Vec<&str> = systems.iter().map(|system| system.words().submit).collect();
    format!("Options for {}, passed unchanged", programs.join(" or "))
}
