//! The engines by name: those that run, and what a trial asks for.

use crate::choice::choice;

choice! {
    /// An engine that runs.
    pub enum EngineKind {
        /// Every weight is trained.
        Full = "full",
        /// The exact core of the law is trained.
        Reduced = "reduced",
        /// The compressed network for matrices is trained.
        Factored = "factored",
        /// Every weight moves, within a block that is chosen.
        Projected = "projected",
    }
}

choice! {
    /// The engine that a trial asks for.
    pub enum EngineChoice {
        /// The reduced engine where it is exact and cheaper, else the full one.
        Auto = "auto" ("reduced where exact and cheaper, else full"),
        /// Every weight is trained.
        Full = "full",
        /// The exact core of the law is trained.
        Reduced = "reduced",
        /// The compressed network for matrices is trained.
        Factored = "factored",
        /// Every weight moves, within a block that is chosen.
        Projected = "projected" ("updates within a block that is chosen"),
    }
}
