//! Makes the program smaller: functions of the same code are kept once, and the table of addresses is packed.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // What the default linker of this target, rust-lld, understands.
    let target = env::var("TARGET").unwrap_or_default();
    if target == "x86_64-unknown-linux-gnu" {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all,-z,pack-relative-relocs");
    }
}
