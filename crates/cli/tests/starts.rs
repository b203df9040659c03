//! The binary starts. (Having this test also makes `cargo test` build the binary that `tests/` runs.)

use std::process::Command;

#[test]
fn the_program_prints_its_version() {
    let program = env!("CARGO_BIN_EXE_parsimony");
    let output = Command::new(program).arg("--version").output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text, format!("parsimony {}\n", env!("CARGO_PKG_VERSION")));
}
