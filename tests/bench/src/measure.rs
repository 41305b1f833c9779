use std::process::Command;

use stats_alloc::Region;
use tokio::runtime::{Builder, Runtime};

use crate::ALLOCATOR;
use crate::case::Case;

/// What one request costs.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub instructions: u64,
    pub allocations: u64,
}

/// The difference between this many and that many requests is the cost of those between.
const FEW: usize = 300;
const MANY: usize = 1300;

pub fn measure(case: Case) -> Measured {
    let between = (MANY - FEW) as u64;
    Measured {
        instructions: (instructions(case, MANY) - instructions(case, FEW)).div_ceil(between),
        allocations: allocations(case, between),
    }
}

fn instructions(case: Case, times: usize) -> u64 {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["run", &case.name(), &times.to_string()])
        .output()
        .expect("valgrind, which counts instructions, has to be installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{case:?}: {said}");
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, number) = collected.expect("the number of instructions");
    number.trim().parse().expect("a number")
}

fn allocations(case: Case, times: u64) -> u64 {
    runtime().block_on(async {
        let mut bench = case.set_up().await;
        bench.run(FEW).await;
        let region = Region::new(ALLOCATOR);
        bench.run(MANY - FEW).await;
        let change = region.change();
        ((change.allocations + change.reallocations) as u64).div_ceil(times)
    })
}

/// One thread, so that the same happens each time.
pub fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}
