//! Answers of facilitators, as HTTP and by what they prove.
//!
//! The first byte says which status an answer has, and what is open when it comes.

#![no_main]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use libfuzzer_sys::fuzz_target;
use x402_tower::facilitator::{
    Expected, Facilitator, FacilitatorError, HttpFacilitator, Open, PaymentCall, Settlement,
    Transport, Verification,
};
use x402_tower::money::{Address, Amount, Network};
use x402_tower::proto::Version;
use x402_tower::scheme::ExactEvm;

/// A wire that always brings the same.
#[derive(Clone)]
struct Wire {
    status: StatusCode,
    body: Bytes,
}

impl Transport for Wire {
    async fn send(&self, _: Request<Bytes>, _: usize) -> Result<Response<Bytes>, FacilitatorError> {
        let mut response = Response::new(self.body.clone());
        *response.status_mut() = self.status;
        Ok(response)
    }
}

const STATUSES: [StatusCode; 8] = [
    StatusCode::OK,
    StatusCode::BAD_REQUEST,
    StatusCode::PAYMENT_REQUIRED,
    StatusCode::UNAUTHORIZED,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::BAD_GATEWAY,
    StatusCode::FOUND,
];
const OURS: &str = "0x1";

fuzz_target!(|data: &[u8]| {
    let Some((first, body)) = data.split_first() else {
        return;
    };
    let wire = Wire {
        status: STATUSES[usize::from(first & 7)],
        body: Bytes::copy_from_slice(body),
    };
    let open = match first >> 3 & 3 {
        0 => Open::Nothing,
        1 => Open::Pending(OURS.to_owned()),
        _ => Open::Unknown,
    };
    let facilitator = HttpFacilitator::with_transport("http://localhost:1", wire).unwrap();
    let call = PaymentCall::new(Version::V2, "{}", "{}");
    let payer = Address::evm([0x22; 20]);
    let scheme = ExactEvm;
    let expected = Expected::new(&scheme, &Network::BASE, &payer, Amount::from(1u64));

    let _ = now(facilitator.supported());
    let verification = Verification::judge(now(facilitator.verify(&call)), &expected);
    if let Verification::Invalid { reason, .. } = &verification {
        assert_word(reason.as_str());
    }
    if let Verification::Valid = verification {
        assert_says(body, "isValid");
    }
    match Settlement::judge(now(facilitator.settle(&call)), &expected, &open) {
        Settlement::Settled(answer) => {
            assert!(answer.success && !answer.transaction.is_empty());
            assert_says(body, "success");
        }
        Settlement::Refused(reason) => {
            assert_word(reason.as_str());
            // Once the money may have moved, only the failure of our own transaction is one.
            match open {
                Open::Nothing => {}
                Open::Pending(ours) => assert!(
                    reason.as_str() == "invalid_exact_evm_transaction_failed" && ours == OURS
                ),
                _ => panic!("a refusal counts though the money may have moved"),
            }
        }
        Settlement::AlreadyUsed => assert_eq!(open, Open::Nothing),
        Settlement::ProbablySettled => assert_ne!(open, Open::Nothing),
        Settlement::Pending(transaction) => assert!(!transaction.is_empty()),
        Settlement::NotSent(error) => panic!("an answer came: {error}"),
        _ => {}
    }
});

/// What is shown to clients is a word of the protocol.
fn assert_word(reason: &str) {
    let is_word = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    assert!(reason.bytes().all(is_word), "{reason}");
}

/// What counts as a yes has said so.
fn assert_says(body: &[u8], name: &str) {
    let said: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!(said[name], true);
}

/// Nothing here has to wait.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("there is nothing to wait for"),
    }
}
