//! Handlers that are paid for by themselves: what attributes expand to.

#![allow(missing_debug_implementations, reason = "nobody holds these")]

mod answer;
mod call;
mod called;

pub use self::answer::Answer;
pub use self::call::{Gated, PaidFuture, call};
pub use self::called::Called;

/// What a handler would be if it were not paid for. It is said whether the handler can be called or not, so that what compiles
/// in a program compiles in its tests.
pub trait Function {
    /// A `dyn Fn`.
    type Signature: ?Sized;
}
