//! Moving the money: when, and what happens if nobody says whether it has moved.
//!
//! A settlement runs on the home runtime in a task that no connection can drop. Once it has begun, only proof releases a
//! payment; everything else parks it, and the reconciler goes on asking.

mod ask;
mod attempt;
mod beliefs;
mod charge;
mod drain;
pub(crate) mod reconciler;
mod task;
mod tasks;
mod witness;

pub(crate) use self::beliefs::Beliefs;
pub use self::drain::Drained;
pub(crate) use self::drain::drain;
pub(crate) use self::task::{Answered, Settling, admit, settle};
pub(crate) use self::tasks::Tasks;
pub(crate) use self::witness::SharedWitness;
pub use self::witness::{Testimony, Witness};
