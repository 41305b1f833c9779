//! What a request costs, in instructions and allocations: repeatable numbers, unlike seconds.
//!
//! Without arguments it measures everything and prints a table, with what servers weigh at its end. With `--check` it
//! leaves that out, and fails if a bar is missed.

mod actix;
mod bars;
mod case;
mod facilitator;
mod measure;
mod memory;
mod payments;
mod weight;

use std::alloc::System;
use std::process::ExitCode;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use crate::case::Case;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => report(false),
        ["--check"] => report(true),
        // What this program runs itself as, under valgrind and beside itself.
        ["run", case, times] => run(case, times),
        ["facilitator"] => facilitator::serve(),
        _ => {
            eprintln!("arguments: none, or --check");
            ExitCode::FAILURE
        }
    }
}

fn run(case: &str, times: &str) -> ExitCode {
    let (Some(case), Ok(times)) = (Case::named(case), times.parse()) else {
        return ExitCode::FAILURE;
    };
    measure::runtime().block_on(async { case.set_up().await.run(times).await });
    ExitCode::SUCCESS
}

fn report(check: bool) -> ExitCode {
    let mut missed = Vec::new();
    // Those of the frameworks come first among theirs.
    let mut bare = None;
    println!(
        "{:<42}{:>14}{:>8}{:>10}   bars",
        "per request", "instructions", "x bare", "allocs"
    );
    for case in Case::ALL {
        let measured = measure::measure(case);
        let bare = *if case.bare() == case {
            bare.insert(measured)
        } else {
            bare.get_or_insert(measured)
        };
        #[allow(clippy::cast_precision_loss, reason = "for people")]
        let ratio = measured.instructions as f64 / bare.instructions as f64;
        let bar = bars::of(case);
        println!(
            "{:<42}{:>14}{ratio:>8.2}{:>10}   {bar}",
            case.title(),
            measured.instructions,
            measured.allocations,
        );
        if !bar.is_met(measured, bare) {
            missed.push(case.title());
        }
    }
    for row in memory::ALL {
        let bytes = row.measure();
        println!(
            "{:<42}{bytes:>8} bytes{:>24}≤ {} bytes",
            row.title, "", row.most
        );
        if !row.most.allows(bytes) {
            missed.push(row.title);
        }
    }
    if !check {
        weight::report();
    }
    if missed.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("missed: {}", missed.join(", "));
    if check {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
