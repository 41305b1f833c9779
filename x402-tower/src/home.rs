use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;
use tokio::runtime::Handle;

/// The runtime that outlives requests, connections and workers.
///
/// Whatever must not be lost runs here. An actix worker's runtime ends with its worker, and takes along every task that
/// was spawned and every connection that was opened on it.
#[derive(Clone, Debug)]
pub(crate) struct Home(Handle);

impl Home {
    pub(crate) const fn new(handle: Handle) -> Self {
        Self(handle)
    }

    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        spawn(&self.0, Box::pin(future));
    }

    /// Polls a future here, but as if at home: sockets and timers that it makes belong to the home runtime.
    pub(crate) fn poll<F: Future + ?Sized>(
        &self,
        future: Pin<&mut F>,
        cx: &mut Context<'_>,
    ) -> Poll<F::Output> {
        let _entered = self.0.enter();
        future.poll(cx)
    }

    /// The same for a future that is awaited.
    pub(crate) fn within<F: Future>(&self, future: F) -> Within<F> {
        Within {
            home: self.clone(),
            future,
        }
    }

    /// Runs a future to its end: here as long as somebody waits for it, and as a task when nobody does any more.
    pub(crate) fn surely<F>(&self, future: F) -> Surely<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Surely {
            home: self.clone(),
            future: Some(Box::pin(future)),
        }
    }

    /// Runs a future here of which is known that it waits for nothing: like [`Home::finish`], without a box.
    pub(crate) fn finish_at_once(&self, future: impl Future) {
        let mut cx = Context::from_waker(Waker::noop());
        let done = self.poll(pin!(future), &mut cx).is_ready();
        debug_assert!(done, "it waits all the same");
    }

    /// Runs a future to its end, here if it need not wait, else as a task. For code that cannot wait, such as a `Drop`.
    pub(crate) fn finish(&self, future: impl Future<Output = ()> + Send + 'static) {
        let mut future = Box::pin(future);
        let mut cx = Context::from_waker(Waker::noop());
        if self.poll(future.as_mut(), &mut cx).is_pending() {
            spawn(&self.0, future);
        }
    }
}

/// Tasks are rare here. One type of them takes much less room in a program than one for each.
pub(crate) fn spawn(on: &Handle, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
    drop(on.spawn(task));
}

pin_project! {
    /// See [`Home::within`].
    pub(crate) struct Within<F> {
        home: Home,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.home.poll(this.future, cx)
    }
}

/// See [`Home::surely`].
pub(crate) struct Surely<T: Send + 'static> {
    home: Home,
    future: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
}

impl<T: Send> Future for Surely<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // Taken out, so that nothing goes on with what has panicked.
        let Some(mut future) = self.future.take() else {
            panic!("polled after completion");
        };
        let output = self.home.poll(future.as_mut(), cx);
        if output.is_pending() {
            self.future = Some(future);
        }
        output
    }
}

impl<T: Send> Drop for Surely<T> {
    fn drop(&mut self) {
        if let Some(future) = self.future.take() {
            self.home.spawn(async move { drop(future.await) });
        }
    }
}
