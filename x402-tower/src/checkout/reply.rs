//! The one table from refusals to answers.

use bytes::Bytes;
use http::{HeaderName, StatusCode, header};
use serde::Serialize;

use super::guard::Handover;
use super::refusal::Refusal;
use crate::cors;
use crate::ledger::{KeptAnswer, Receipt};
use crate::money::Network;
use crate::proto::header::{PAYMENT_REQUIRED, PAYMENT_RESPONSE, X_PAYMENT_RESPONSE, encode};
use crate::proto::{SettleResponse, Version};

/// An answer of ours, as plain data.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
    pub(crate) content_type: &'static str,
    pub(crate) challenge: Option<Bytes>,
    pub(crate) receipt: Option<(HeaderName, Bytes)>,
    pub(crate) retry_after: Option<u32>,
    pub(crate) wants_challenge: bool,
    /// An answer of the handler's that is given once more, and its age in seconds.
    pub(crate) kept: Option<(KeptAnswer, u64)>,
    /// Whom to tell that it has arrived.
    pub(crate) handover: Option<Handover>,
}

impl Reply {
    /// Every header of the answer.
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, Bytes)> + '_ {
        let kept = self.kept.iter().flat_map(|(kept, age)| {
            let own = kept
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), Bytes::copy_from_slice(value.as_bytes())));
            own.chain([
                (header::AGE, age.to_string().into()),
                (cors::REPLAYED, Bytes::from_static(b"true")),
            ])
        });
        let ours = self.kept.is_none();
        let fixed = ours.then(|| {
            [
                (
                    header::CONTENT_TYPE,
                    Bytes::from_static(self.content_type.as_bytes()),
                ),
                (header::CACHE_CONTROL, Bytes::from_static(b"no-store")),
                (
                    header::ACCESS_CONTROL_EXPOSE_HEADERS,
                    Bytes::from_static(cors::EXPOSED.as_bytes()),
                ),
            ]
        });
        let challenge = self
            .challenge
            .iter()
            .map(|value| (PAYMENT_REQUIRED, value.clone()));
        let retry = self
            .retry_after
            .map(|seconds| (header::RETRY_AFTER, seconds.to_string().into()));
        kept.chain(fixed.into_iter().flatten())
            .chain(challenge)
            .chain(self.receipt.clone())
            .chain(retry)
    }

    /// An answer of the handler's, once more.
    pub(crate) fn kept(answer: KeptAnswer, receipt: &Receipt, version: Version, age: u64) -> Self {
        Self {
            status: answer.status,
            body: answer.body.clone(),
            content_type: "",
            challenge: None,
            receipt: receipt_header(version, receipt.message()),
            retry_after: None,
            wants_challenge: false,
            kept: Some((answer, age)),
            handover: None,
        }
    }
}

impl Reply {
    /// The handler's answer broke off before it was given out.
    pub(crate) fn failed() -> Self {
        reply(&Refusal::Misconfigured, None)
    }

    /// Something broke off, and it is known elsewhere how it stands.
    pub(crate) fn cut_off() -> Self {
        reply(&Refusal::InFlight, None)
    }
}

/// The header that a receipt travels in.
pub(crate) fn receipt_header(
    version: Version,
    receipt: &SettleResponse,
) -> Option<(HeaderName, Bytes)> {
    // A receipt that has no spelling in JSON does not exist.
    let value = match version {
        Version::V1 => encode(&in_v1(receipt)),
        Version::V2 => encode(receipt),
    };
    let name = match version {
        Version::V1 => X_PAYMENT_RESPONSE,
        Version::V2 => PAYMENT_RESPONSE,
    };
    value.ok().map(|value| (name, value.into()))
}

/// The same receipt with the network's name in version 1.
fn in_v1(receipt: &SettleResponse) -> SettleResponse {
    let mut receipt = receipt.clone();
    if let Some(name) = receipt
        .network
        .parse::<Network>()
        .ok()
        .and_then(|network| network.v1_name())
    {
        name.clone_into(&mut receipt.network);
    }
    receipt
}

/// The answer to a refusal, but for the challenge.
pub(crate) fn reply(refusal: &Refusal, version: Option<Version>) -> Reply {
    let row = row(refusal);
    let problem = Problem {
        r#type: "about:blank",
        title: row.status.canonical_reason().unwrap_or_default(),
        status: row.status.as_u16(),
        detail: row.detail,
        error: row.error,
    };
    let receipt = row
        .receipt
        .and_then(|receipt| receipt_header(version.unwrap_or(Version::V2), receipt));
    Reply {
        status: row.status,
        body: serde_json::to_vec(&problem).unwrap_or_default().into(),
        content_type: "application/problem+json",
        challenge: None,
        receipt,
        retry_after: row.retry_after,
        wants_challenge: row.challenge,
        kept: None,
        handover: None,
    }
}

/// What a challenge names as its reason, in version 2 and in version 1.
pub(crate) fn challenge_errors(refusal: &Refusal) -> (&str, &str) {
    match refusal {
        Refusal::PaymentRequired => ("Payment required", "X-PAYMENT header is required"),
        other => {
            let error = row(other).error;
            (error, error)
        }
    }
}

/// The body of an answer of ours, after RFC 9457.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    error: &'a str,
}

struct Row<'a> {
    status: StatusCode,
    /// For programs.
    error: &'a str,
    /// For people.
    detail: &'a str,
    challenge: bool,
    receipt: Option<&'a SettleResponse>,
    retry_after: Option<u32>,
}

fn row(refusal: &Refusal) -> Row<'_> {
    let row = |status, error, detail| Row {
        status,
        error,
        detail,
        challenge: false,
        receipt: None,
        retry_after: None,
    };
    match refusal {
        Refusal::PaymentRequired => Row {
            challenge: true,
            ..row(
                StatusCode::PAYMENT_REQUIRED,
                "payment_required",
                "This has to be paid for.",
            )
        },
        Refusal::Unreadable(what) => row(StatusCode::BAD_REQUEST, "invalid_payload", what),
        Refusal::HeaderTooLarge => row(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "invalid_payload",
            "The payment header is too large.",
        ),
        Refusal::BodyTooLarge => row(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            "The body is too large to be bound to a payment.",
        ),
        Refusal::NotAccepted(reason) => Row {
            challenge: true,
            ..row(
                StatusCode::PAYMENT_REQUIRED,
                reason.as_str(),
                "This payment is not accepted.",
            )
        },
        Refusal::AllowanceRequired(reason) => Row {
            challenge: true,
            ..row(
                StatusCode::PRECONDITION_FAILED,
                reason.as_str(),
                "The token has to be allowed to Permit2 first.",
            )
        },
        Refusal::Unavailable => Row {
            retry_after: Some(2),
            ..row(
                StatusCode::SERVICE_UNAVAILABLE,
                "payment_unavailable",
                "Payments cannot be checked at the moment; this one has not been charged.",
            )
        },
        Refusal::Busy => Row {
            retry_after: Some(1),
            ..row(
                StatusCode::SERVICE_UNAVAILABLE,
                "too_many_payments",
                "Too many payments are in flight; this one has not been charged.",
            )
        },
        Refusal::TooManyOfPayer => Row {
            retry_after: Some(1),
            ..row(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_payments",
                "Too many payments of this payer are in flight; this one has not been charged.",
            )
        },
        Refusal::InFlight => Row {
            retry_after: Some(2),
            ..row(
                StatusCode::CONFLICT,
                "payment_in_flight",
                "This payment is being worked on; ask again with the same payment.",
            )
        },
        Refusal::Conflict(receipt) => Row {
            receipt: receipt.as_ref().map(Receipt::message),
            ..row(
                StatusCode::CONFLICT,
                "conflict",
                "Another payment has used this nonce.",
            )
        },
        Refusal::OtherRequest(receipt) => Row {
            receipt: receipt.as_ref().map(Receipt::message),
            ..row(
                StatusCode::CONFLICT,
                "payment_for_other_request",
                "This payment was made for another request.",
            )
        },
        Refusal::AlreadySettled(receipt) => Row {
            receipt: Some(receipt.message()),
            ..row(
                StatusCode::CONFLICT,
                "already_settled",
                "This payment has been used.",
            )
        },
        Refusal::AlreadyUsed => row(
            StatusCode::CONFLICT,
            "payment_already_used",
            "This payment was used or cancelled elsewhere.",
        ),
        Refusal::TooManyAborted => row(
            StatusCode::CONFLICT,
            "too_many_aborted_runs",
            "Too many requests with this payment were given up; sign a new one.",
        ),
        Refusal::Parked(receipt) => Row {
            receipt: Some(receipt.message()),
            retry_after: Some(5),
            ..row(
                StatusCode::SERVICE_UNAVAILABLE,
                receipt
                    .message()
                    .error_reason
                    .as_deref()
                    .unwrap_or("settlement_unknown"),
                "It is not known yet whether this payment went through; do not pay again, ask again.",
            )
        },
        Refusal::Unresolved(receipt) => Row {
            receipt: Some(receipt.message()),
            ..row(
                StatusCode::GONE,
                "settlement_unresolved",
                "It could not be found out whether this payment went through; ask the seller.",
            )
        },
        Refusal::Gone(receipt) => Row {
            receipt: Some(receipt.message()),
            ..row(
                StatusCode::GONE,
                "answer_gone",
                "This payment went through, but its answer is not kept any more; ask the seller.",
            )
        },
        Refusal::SettlementRefused(reason, receipt) => Row {
            challenge: true,
            receipt: Some(receipt.message()),
            ..row(
                StatusCode::PAYMENT_REQUIRED,
                reason.as_str(),
                "This payment did not go through.",
            )
        },
        Refusal::Misconfigured => row(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "Something is wrong with this server.",
        ),
    }
}
