//! Any `tower` service as a facilitator.

use std::future::{Ready, pending, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use tower::load_shed::error::Overloaded;
use tower::retry::{Policy, RetryLayer};
use tower::{BoxError, Service, ServiceBuilder, service_fn};
use x402_tower::facilitator::{
    Answer, Call, Endpoint, Facilitator, FacilitatorError, FacilitatorErrorKind,
    FacilitatorService, ServiceFacilitator, Verification,
};
use x402_tower::local::{Fault, LocalFacilitator};
use x402_tower::proto::{SettleResponse, SupportedResponse, VerifyResponse};
use x402_tower::testing::ManualClock;

use super::{call, expected, proved};

/// No time to wait at all: only what is there at once is in time.
const AT_ONCE: Duration = Duration::from_millis(1);

fn kind<T: std::fmt::Debug>(answer: Result<T, FacilitatorError>) -> FacilitatorErrorKind {
    answer.unwrap_err().kind()
}

#[tokio::test]
async fn a_service_is_asked_what_a_facilitator_is() {
    let facilitator = ServiceFacilitator::new(service_fn(|call: Call| async move {
        Ok::<_, FacilitatorError>(match call {
            Call::Verify(_) => Answer::Verify(VerifyResponse::invalid("insufficient_funds", None)),
            Call::Settle(_) => Answer::Settle(SettleResponse::settled(
                "base",
                super::PAYER.to_string(),
                "0x1",
            )),
            _ => Answer::Supported(SupportedResponse::default()),
        })
    }));
    let verified = Verification::judge(facilitator.verify(&call()).await, &expected());
    assert!(matches!(verified, Verification::Invalid { .. }));
    assert_eq!(proved(facilitator.settle(&call()).await), "settled");
    assert_eq!(facilitator.supported().await.unwrap().kinds, []);
}

#[tokio::test]
async fn a_service_that_answers_something_else_proves_nothing() {
    let facilitator = ServiceFacilitator::new(service_fn(|call: Call| async move {
        Ok::<_, FacilitatorError>(match call {
            Call::Settle(_) => Answer::Verify(VerifyResponse::valid("0x1")),
            _ => Answer::Settle(SettleResponse::settled("base", "0x1", "0x1")),
        })
    }));
    assert_eq!(
        kind(facilitator.verify(&call()).await),
        FacilitatorErrorKind::Unreadable
    );
    assert_eq!(proved(facilitator.settle(&call()).await), "unknown");
    assert_eq!(
        kind(facilitator.supported().await),
        FacilitatorErrorKind::Unreadable
    );
}

#[tokio::test]
async fn a_timeout_may_come_too_late() {
    let local = LocalFacilitator::new();
    let facilitator = ServiceFacilitator::new(
        ServiceBuilder::new()
            .timeout(AT_ONCE)
            .service(FacilitatorService::new(local.clone())),
    );
    for endpoint in [Endpoint::Verify, Endpoint::Settle, Endpoint::Supported] {
        local.on(endpoint, [Fault::Hang]);
    }
    assert_eq!(
        kind(facilitator.verify(&call()).await),
        FacilitatorErrorKind::Lost
    );
    assert_eq!(proved(facilitator.settle(&call()).await), "unknown");
    assert_eq!(
        kind(facilitator.supported().await),
        FacilitatorErrorKind::Lost
    );
    // What is there at once is in time.
    assert!(!facilitator.supported().await.unwrap().kinds.is_empty());
}

#[tokio::test]
async fn an_error_keeps_its_kind_through_layers() {
    let local = LocalFacilitator::new();
    let facilitator = ServiceFacilitator::new(
        ServiceBuilder::new()
            .buffer(4)
            .timeout(Duration::from_secs(60))
            .load_shed()
            .concurrency_limit(4)
            .service(FacilitatorService::new(local.clone())),
    );
    for (fault, kind_of, proof) in [
        (
            Fault::Unreachable,
            FacilitatorErrorKind::NotSent,
            "not sent",
        ),
        (Fault::LoseAnswer, FacilitatorErrorKind::Lost, "unknown"),
        (Fault::Garbage, FacilitatorErrorKind::Unreadable, "unknown"),
    ] {
        for endpoint in [Endpoint::Verify, Endpoint::Settle, Endpoint::Supported] {
            local.on(endpoint, [fault.clone()]);
        }
        assert_eq!(kind(facilitator.verify(&call()).await), kind_of);
        assert_eq!(proved(facilitator.settle(&call()).await), proof);
        assert_eq!(kind(facilitator.supported().await), kind_of);
    }
}

#[tokio::test]
async fn an_error_of_a_layer_does_not_say_whether_anything_was_sent() {
    let facilitator = ServiceFacilitator::new(service_fn(|_: Call| async {
        Err::<Answer, BoxError>("not my fault".into())
    }));
    assert_eq!(
        kind(facilitator.verify(&call()).await),
        FacilitatorErrorKind::Lost
    );
    assert_eq!(proved(facilitator.settle(&call()).await), "unknown");
}

/// Is never ready.
#[derive(Clone)]
struct Closed;

impl Service<Call> for Closed {
    type Response = Answer;
    type Error = BoxError;
    type Future = Ready<Result<Answer, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Err("closed".into()))
    }

    fn call(&mut self, _: Call) -> Self::Future {
        panic!("it was not ready")
    }
}

#[tokio::test]
async fn a_service_that_is_not_ready_was_sent_nothing() {
    let facilitator = ServiceFacilitator::new(Closed);
    assert!(facilitator.verify(&call()).await.unwrap_err().is_not_sent());
    assert_eq!(proved(facilitator.settle(&call()).await), "not sent");

    // The first call finds out what is inside a buffer; by the second it is closed.
    let buffered = ServiceFacilitator::new(ServiceBuilder::new().buffer(1).service(Closed));
    let _ = facilitator.settle(&call()).await;
    let _ = buffered.settle(&call()).await;
    assert_eq!(proved(buffered.settle(&call()).await), "not sent");
}

#[tokio::test]
async fn a_limit_holds_for_all_who_ask() {
    let clock = ManualClock::shared();
    let local = LocalFacilitator::with_clock(clock.clone());
    let facilitator = ServiceFacilitator::new(
        ServiceBuilder::new()
            .concurrency_limit(1)
            .service(FacilitatorService::new(local.clone())),
    );
    let slow = Duration::from_secs(3);
    local.always_on(Endpoint::Supported, Some(Fault::Delay(slow)));
    let asking: Vec<_> = (0..3)
        .map(|_| {
            let facilitator = facilitator.clone();
            tokio::spawn(async move { facilitator.supported().await })
        })
        .collect();
    for asked in 1..=3 {
        clock.sleeper_for(slow).await;
        assert_eq!(local.calls().supported, asked, "one at a time");
        clock.advance(slow);
    }
    for asked in asking {
        assert!(asked.await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn load_that_is_shed_counts_as_lost() {
    let local = LocalFacilitator::new();
    let facilitator = ServiceFacilitator::new(
        ServiceBuilder::new()
            .load_shed()
            .concurrency_limit(1)
            .service(FacilitatorService::new(local.clone())),
    );
    local.on(Endpoint::Verify, [Fault::Hang]);
    let busy = tokio::spawn({
        let facilitator = facilitator.clone();
        async move { facilitator.verify(&call()).await }
    });
    local.called(Endpoint::Verify, 1).await;
    let shed = facilitator.verify(&call()).await.unwrap_err();
    assert_eq!(shed.kind(), FacilitatorErrorKind::Lost);
    let cause = std::error::Error::source(&shed).unwrap();
    assert!(cause.is::<Overloaded>());
    assert_eq!(proved(facilitator.settle(&call()).await), "unknown");
    assert_eq!((local.calls().verify, local.calls().settle), (1, 0));
    busy.abort();
    assert!(busy.await.unwrap_err().is_cancelled());
    // Whoever leaves makes room.
    assert!(facilitator.verify(&call()).await.is_ok());
}

#[tokio::test]
async fn a_layer_that_turns_calls_away_can_be_made_to_say_so() {
    let local = LocalFacilitator::new();
    let facilitator = ServiceFacilitator::new(
        ServiceBuilder::new()
            .map_err(|error: BoxError| match error.is::<Overloaded>() {
                true => BoxError::from(FacilitatorError::not_sent(error)),
                false => error,
            })
            .load_shed()
            .concurrency_limit(0)
            .service(FacilitatorService::new(local.clone())),
    );
    assert_eq!(proved(facilitator.settle(&call()).await), "not sent");
    assert!(facilitator.verify(&call()).await.unwrap_err().is_not_sent());
    assert_eq!((local.calls().verify, local.calls().settle), (0, 0));
}

/// Asks again if it is safe to.
#[derive(Clone)]
struct Again(u32);

impl Policy<Call, Answer, FacilitatorError> for Again {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        call: &mut Call,
        answer: &mut Result<Answer, FacilitatorError>,
    ) -> Option<Ready<()>> {
        let safe = match answer {
            Ok(_) => return None,
            Err(error) => error.is_not_sent() || !matches!(call, Call::Settle(_)),
        };
        self.0 = self.0.checked_sub(1)?;
        safe.then(|| ready(()))
    }

    fn clone_request(&mut self, call: &Call) -> Option<Call> {
        Some(call.clone())
    }
}

#[tokio::test]
async fn a_policy_says_what_is_asked_again() {
    let local = LocalFacilitator::new();
    let facilitator = ServiceFacilitator::new(
        ServiceBuilder::new()
            .layer(RetryLayer::new(Again(2)))
            .service(FacilitatorService::new(local.clone())),
    );
    local.on(Endpoint::Verify, [Fault::LoseAnswer, Fault::Garbage]);
    assert!(facilitator.verify(&call()).await.is_ok());
    assert_eq!(local.calls().verify, 3);

    local.always_on(Endpoint::Verify, Some(Fault::LoseAnswer));
    assert_eq!(
        kind(facilitator.verify(&call()).await),
        FacilitatorErrorKind::Lost
    );
    assert_eq!(local.calls().verify, 6);

    local.on(Endpoint::Settle, [Fault::LoseAnswer]);
    assert_eq!(proved(facilitator.settle(&call()).await), "unknown");
    assert_eq!(local.calls().settle, 1, "it may have happened");
    local.on(Endpoint::Settle, [Fault::Unreachable, Fault::Unreachable]);
    assert!(facilitator.settle(&call()).await.is_ok());
    assert_eq!(local.calls().settle, 4, "it cannot have happened");
}

/// Asked by several at once, nobody waits for somebody else's answer.
#[tokio::test]
async fn a_call_that_hangs_holds_nobody_up() {
    let facilitator = ServiceFacilitator::new(ServiceBuilder::new().buffer(1).service(service_fn(
        |call: Call| async move {
            match call {
                Call::Supported => Ok(Answer::Supported(SupportedResponse::default())),
                _ => pending::<Result<Answer, FacilitatorError>>().await,
            }
        },
    )));
    let hanging = facilitator.clone();
    let hanging = tokio::spawn(async move { hanging.verify(&call()).await });
    for _ in 0..10 {
        assert!(facilitator.supported().await.is_ok());
    }
    hanging.abort();
}
