//! Handlers that are paid for by themselves: what attributes expand to.

#![allow(missing_debug_implementations, reason = "nobody holds these")]

mod answer;
mod call;
mod called;

pub use self::answer::Answer;
pub use self::call::{Gated, PaidFuture, call};
pub use self::called::Called;
