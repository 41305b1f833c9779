use std::future::{Future, IntoFuture};
use std::pin::Pin;

/// What a handler with a price gives when it is called like a function, which is for tests.
///
/// It can be awaited, and is no future: to actix, whatever can be called and gives a future is a handler, and this one would
/// have no price.
#[must_use = "it does nothing before it is awaited"]
pub struct Called<T>(Pin<Box<dyn Future<Output = T>>>);

impl<T> Called<T> {
    /// What becomes of this.
    pub fn new(answering: impl Future<Output = T> + 'static) -> Self {
        Self(Box::pin(answering))
    }
}

impl<T> IntoFuture for Called<T> {
    type Output = T;
    type IntoFuture = Pin<Box<dyn Future<Output = T>>>;

    fn into_future(self) -> Self::IntoFuture {
        self.0
    }
}
