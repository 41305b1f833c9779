//! Handlers that are paid for by themselves: what attributes expand to.

mod answer;
mod call;

pub use self::answer::Answer;
pub use self::call::{Gated, PaidFuture, call};
