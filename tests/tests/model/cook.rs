//! The handler: it cooks for each request what the plan says.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use tower::Service;
use x402_tests::{BoxError, TestBody, body, pieces};
use x402_tower::Payment;
use x402_tower::clock::Clock as _;
use x402_tower::gate::RequestBody;
use x402_tower::testing::ManualClock;

use crate::books::{note_pause, once_pending};
use crate::history::{History, What};
use crate::plan::{Course, Dish};

/// Says which request this is. No payment is bound to it.
pub const REQUEST: &str = "x-request";
/// Says which run of the handler this is. Only the goods have it.
pub const GOODS: &str = "x-goods";

#[derive(Clone)]
pub struct Cook {
    pub clock: Arc<ManualClock>,
    pub history: History,
    pub dishes: Arc<Mutex<Vec<Dish>>>,
    pub runs: Arc<Mutex<usize>>,
}

impl Service<Request<RequestBody<TestBody>>> for Cook {
    type Response = Response<TestBody>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody<TestBody>>) -> Self::Future {
        Box::pin(self.clone().cook(request))
    }
}

impl Cook {
    async fn cook(
        self,
        request: Request<RequestBody<TestBody>>,
    ) -> Result<Response<TestBody>, BoxError> {
        let number: usize = request.headers()[REQUEST].to_str()?.parse()?;
        let receipt = request.extensions().get::<Payment>().unwrap().receipt();
        let paid = receipt.map(|receipt| receipt.transaction().to_owned());
        let run = {
            let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
            *runs += 1;
            *runs
        };
        self.history.note(What::Runs {
            request: number,
            run,
            paid,
        });
        let dish = self.dishes.lock().unwrap_or_else(PoisonError::into_inner)[number];
        for _ in 0..dish.polls {
            once_pending().await;
        }
        if dish.seconds > 0 {
            self.clock
                .sleep(std::time::Duration::from_secs(dish.seconds.into()))
                .await;
        }
        if dish.reads {
            request.into_body().collect().await?;
        }
        serve(dish.course, run)
    }
}

/// What is seen of a run in its answer.
pub fn text(run: usize) -> String {
    format!("goods of run {run}.")
}

fn serve(course: Course, run: usize) -> Result<Response<TestBody>, BoxError> {
    let goods = |body| {
        let mut response = Response::new(body);
        response.headers_mut().insert(GOODS, run.into());
        response
    };
    Ok(match course {
        Course::Small => goods(body(text(run))),
        Course::Stream => goods(Stream::new(run, 3, false).boxed_unsync()),
        Course::Broken => goods(Stream::new(run, 2, true).boxed_unsync()),
        Course::Large => goods(pieces(200 << 10, run.is_multiple_of(2))),
        Course::Redirect => {
            let mut response = goods(body(""));
            *response.status_mut() = StatusCode::SEE_OTHER;
            let place = format!("/goods/{run}").parse()?;
            response.headers_mut().insert(header::LOCATION, place);
            response
        }
        Course::Error => {
            let mut response = Response::new(body("sorry"));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
        Course::Fails => return Err("the handler is broken".into()),
        Course::Panics => panic!("the handler panics"),
    })
}

/// A body of unknown length, each piece of which takes a while.
struct Stream {
    run: usize,
    left: usize,
    waited: bool,
    breaks: bool,
}

impl Stream {
    const fn new(run: usize, left: usize, breaks: bool) -> Self {
        Self {
            run,
            left,
            waited: false,
            breaks,
        }
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.waited = !self.waited;
        if self.waited {
            note_pause();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Some(left) = self.left.checked_sub(1) else {
            let end = self.breaks.then(|| Err("the database is gone".into()));
            return Poll::Ready(end);
        };
        self.left = left;
        Poll::Ready(Some(Ok(Frame::data(text(self.run).into()))))
    }
}
