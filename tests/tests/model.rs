//! Random plans of everything that can happen to payments at once, judged by what must be true of every payment.
//!
//! Nothing here waits for anything: requests are polled by hand, tasks run when the plan says so, time passes when the
//! plan says so, and a server can die between any two things that it writes down, with or without another one beside it.
//! So a plan that breaks a rule breaks it every time, and is cut down to the few steps that it takes.
//!
//! `X402_MODEL_CASES` says how many plans are tried. The seed is the same in every run, unless `X402_MODEL_SEED` says
//! another number.

#[path = "model/books.rs"]
mod books;
#[path = "model/cook.rs"]
mod cook;
#[path = "model/history.rs"]
mod history;
#[path = "model/invariants.rs"]
mod invariants;
#[path = "model/plan.rs"]
mod plan;
#[path = "model/teller.rs"]
mod teller;
#[path = "model/world.rs"]
mod world;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use self::plan::Plan;
use self::world::World;

const USUAL_CASES: u32 = 150;

#[test]
fn no_plan_breaks_a_rule() {
    let config = Config {
        cases: number("X402_MODEL_CASES").map_or(USUAL_CASES, |cases| cases as u32),
        failure_persistence: None,
        max_shrink_iters: 4000,
        ..Config::default()
    };
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&number("X402_MODEL_SEED").unwrap_or_default().to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(config, rng);
    // A handler that panics is part of the plan, and not worth a message.
    let noisy = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let outcome = runner.run(&plan::plans(), |plan| {
        judge(&plan).map_err(TestCaseError::fail)
    });
    std::panic::set_hook(noisy);
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(_, plan)) => {
            // Shrinking may have ended at another broken rule than it began with.
            let broken = judge(&plan).expect_err("it has just failed");
            panic!("{plan}\n{broken}");
        }
        Err(other) => panic!("{other}"),
    }
}

fn judge(plan: &Plan) -> Result<(), String> {
    let world = World::run(plan);
    let broken = invariants::broken(&world);
    if broken.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}\n\nwhat happened:\n{}",
        broken.join("\n"),
        world.history()
    ))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
