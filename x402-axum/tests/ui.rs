//! What compiles, and what the compiler says about what does not.
//!
//! `TRYBUILD=overwrite cargo test -p x402-axum --test ui` writes down what it says now.

#![cfg(all(feature = "macros", feature = "local"))]

#[test]
#[ignore = "messages differ between compilers; `.ci/run ui` has the one that they are written for"]
fn the_compiler_says_what_is_wrong() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
