//! What the quickstarts weigh: crates, a clean build, and the program.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

const QUICKSTARTS: [&str; 2] = ["axum-quickstart", "actix-quickstart"];

/// Weighs and prints. It builds everything anew, which takes minutes.
pub fn report() {
    println!(
        "\n{:<42}{:>14}{:>8}{:>10}",
        "quickstart, buyer and all", "crates", "build", "program"
    );
    for package in QUICKSTARTS {
        let crates = crates(package);
        let (seconds, bytes) = build(package);
        #[allow(clippy::cast_precision_loss, reason = "for people")]
        let megabytes = bytes as f64 / 1e6;
        println!("{package:<42}{crates:>14}{seconds:>6} s{megabytes:>7.1} MB");
    }
}

fn crates(package: &str) -> usize {
    let arguments = ["tree", "-e", "normal", "--prefix", "none", "--no-dedupe"];
    let output = cargo()
        .args(arguments)
        .args(["-p", package])
        .output()
        .expect("cargo");
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    lines.lines().collect::<HashSet<_>>().len()
}

/// Seconds, and the bytes of the program without its symbols.
#[allow(
    clippy::disallowed_methods,
    reason = "seconds are for people; nothing is judged by them"
)]
fn build(package: &str) -> (u64, u64) {
    let target = root().join("target/weight");
    // Nothing of it may be there from the last time, and there may be nothing.
    let _ = fs::remove_dir_all(&target);
    let begun = Instant::now();
    let status = cargo()
        .args([
            "build",
            "--quiet",
            "--release",
            "-p",
            package,
            "--target-dir",
        ])
        .arg(&target)
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
        .status()
        .expect("cargo");
    let seconds = begun.elapsed().as_secs();
    assert!(status.success(), "{package} does not build");
    let program = fs::metadata(target.join("release").join(package)).expect("a program");
    let _ = fs::remove_dir_all(&target);
    (seconds, program.len())
}

fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root());
    cargo
}

/// The workspace.
fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
