//! Moving the money: when, and what happens if nobody says whether it has moved.
//!
//! A settlement belongs to the home runtime, and no connection can drop it: if its request goes away it goes on as a task.
//! Once it has begun, only proof releases a payment; everything else parks it, and the reconciler goes on asking.

mod ask;
mod attempt;
pub(crate) mod attendance;
mod beliefs;
mod charge;
mod drain;
pub(crate) mod reconciler;
mod task;
mod witness;

pub(crate) use self::attendance::Attendance;
pub(crate) use self::beliefs::Beliefs;
pub(crate) use self::charge::Answered;
pub use self::drain::Drained;
pub(crate) use self::drain::drain;
pub(crate) use self::task::{Settling, admit, settle};
pub(crate) use self::witness::SharedWitness;
pub use self::witness::{Testimony, Witness};
