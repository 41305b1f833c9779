//! The one table from refusals to answers.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::guard::Handover;
use super::refusal::Refusal;
use crate::cors;
use crate::ledger::{KeptAnswer, Receipt};
use crate::money::Network;
use crate::price::{Challenge, Measured, Why};
use crate::proto::header::{PAYMENT_REQUIRED, PAYMENT_RESPONSE, X_PAYMENT_RESPONSE, escaped};
use crate::proto::receipt::encode;
use crate::proto::{SettleResponse, Version};

/// An answer of ours, as plain data.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whom to tell that it has arrived.
    pub(crate) handover: Option<Box<Handover>>,
}

const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// What every answer of ours says, but for its length. To copy it costs half of what it costs to say it again.
static USUAL: LazyLock<HeaderMap> = LazyLock::new(|| {
    HeaderMap::from_iter([
        // Or whoever adds it has to make room for it.
        (header::CONTENT_LENGTH, HOLE),
        (header::CONTENT_TYPE, PROBLEM),
        (header::CACHE_CONTROL, NO_STORE),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, cors::EXPOSED),
    ])
});

/// The same for a challenge with a demand of version 1, but for what it asks.
static ASKING: LazyLock<HeaderMap> = LazyLock::new(|| {
    let mut headers = HeaderMap::from_iter([(PAYMENT_REQUIRED, HOLE)]);
    headers.extend(USUAL.clone());
    headers.insert(header::CONTENT_TYPE, JSON);
    headers
});

/// Where something is filled in.
const HOLE: HeaderValue = HeaderValue::from_static("");

impl Reply {
    /// The answer to a refusal with these headers, and more if it has more to say.
    fn new(
        row: &Row<'_>,
        version: Option<Version>,
        mut headers: HeaderMap,
        body: Measured,
    ) -> Self {
        let Measured { body, length } = body;
        fill(&mut headers, &header::CONTENT_LENGTH, length);
        if let Some(receipt) = row.receipt {
            add_receipt(&mut headers, version.unwrap_or(Version::V2), receipt);
        }
        if let Some(seconds) = row.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        Self {
            status: row.status,
            headers,
            body,
            handover: None,
        }
    }

    /// An answer of the handler's, once more.
    pub(crate) fn kept(answer: &KeptAnswer, receipt: &Receipt, version: Version, age: u64) -> Self {
        let mut headers: HeaderMap = answer.headers().collect();
        let before = headers.get(header::AGE).and_then(|age| age.to_str().ok());
        let before: u64 = before.and_then(|age| age.parse().ok()).unwrap_or_default();
        headers.insert(header::AGE, age.saturating_add(before).into());
        headers.append(cors::REPLAYED, TRUE);
        add_receipt(&mut headers, version, receipt);
        Self {
            status: answer.status(),
            headers,
            body: answer.body(),
            handover: None,
        }
    }

    /// The answer to a browser's question, by one who has nothing to say about it.
    pub(crate) fn nothing() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            handover: None,
        }
    }

    /// The seller has made a mistake, or the handler's answer broke off before it was given out.
    pub(crate) fn failed() -> Self {
        reply(&Refusal::Misconfigured, None)
    }

    /// Something broke off, and it is known elsewhere how it stands.
    pub(crate) fn cut_off() -> Self {
        reply(&Refusal::InFlight, None)
    }
}

/// The answer to a refusal, but for the challenge.
pub(crate) fn reply(refusal: &Refusal, version: Option<Version>) -> Reply {
    let row = row(refusal);
    Reply::new(&row, version, USUAL.clone(), row.problem())
}

/// The answer to a refusal that says how to pay: in a header, and in the body if version 1 can say it too.
pub(crate) fn challenge(
    refusal: &Refusal,
    version: Option<Version>,
    challenge: Challenge,
) -> Reply {
    let row = row(refusal);
    let Challenge { header, demand } = challenge;
    let mut headers = ASKING.clone();
    // Base64 is always good in a header.
    if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(header)) {
        fill(&mut headers, &PAYMENT_REQUIRED, value);
    }
    let body = demand.unwrap_or_else(|| {
        headers.insert(header::CONTENT_TYPE, PROBLEM);
        row.problem()
    });
    Reply::new(&row, version, headers, body)
}

/// Fills in the value of a header. There are few, so looking through them is cheaper than looking one up.
fn fill(headers: &mut HeaderMap, name: &HeaderName, value: HeaderValue) {
    let is_hole = |(key, value): &(&HeaderName, &mut HeaderValue)| value.is_empty() && *key == name;
    if let Some((_, hole)) = headers.iter_mut().find(is_hole) {
        *hole = value;
    }
}

/// Whether the answer to a refusal asks for another payment.
pub(crate) fn wants_challenge(refusal: &Refusal) -> bool {
    row(refusal).challenge
}

/// Adds a receipt, in place of any that a service inside has got for what it has paid itself, in whichever version.
pub(crate) fn add_receipt(headers: &mut HeaderMap, version: Version, receipt: &Receipt) {
    // To look through the names costs less than to look two up that are hardly ever there.
    let is_receipt = |name: &HeaderName| *name == PAYMENT_RESPONSE || *name == X_PAYMENT_RESPONSE;
    if headers.keys().any(is_receipt) {
        headers.remove(PAYMENT_RESPONSE);
        headers.remove(X_PAYMENT_RESPONSE);
    }
    let (name, value) = match version {
        Version::V1 => (X_PAYMENT_RESPONSE, encode(&in_v1(receipt.message()))),
        Version::V2 => (PAYMENT_RESPONSE, encode(receipt.message())),
    };
    // A receipt that has no spelling in JSON does not exist.
    if let Some(value) = value {
        headers.insert(name, value);
    }
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

/// What a challenge names as its reason.
pub(crate) fn why(refusal: &Refusal) -> Why<'_> {
    match refusal {
        Refusal::PaymentRequired => Why::UNPAID,
        other => {
            let error = row(other).error;
            Why {
                v2: error,
                v1: error,
            }
        }
    }
}

struct Row<'a> {
    status: StatusCode,
    /// For programs.
    error: &'a str,
    /// For people. Always of ours, so that nothing in it is special in JSON.
    detail: &'static str,
    challenge: bool,
    receipt: Option<&'a Receipt>,
    retry_after: Option<u32>,
}

impl Row<'_> {
    /// The body of the answer, after RFC 9457.
    fn problem(&self) -> Measured {
        let body = [
            r#"{"type":"about:blank","title":""#,
            self.status.canonical_reason().unwrap_or_default(),
            r#"","status":"#,
            self.status.as_str(),
            r#","detail":""#,
            self.detail,
            r#"","error":""#,
            &escaped(self.error),
            r#""}"#,
        ];
        body.concat().into_bytes().into()
    }
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
            "The body is too large to tell whether this payment is for it.",
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
                "Payments cannot be checked at the moment; this request has charged nothing.",
            )
        },
        Refusal::Busy => Row {
            retry_after: Some(1),
            ..row(
                StatusCode::SERVICE_UNAVAILABLE,
                "too_many_payments",
                "Too many payments are in flight; this request has charged nothing.",
            )
        },
        Refusal::Stopping => Row {
            retry_after: Some(2),
            ..row(
                StatusCode::SERVICE_UNAVAILABLE,
                "payment_unavailable",
                "This server is about to stop; this request has charged nothing.",
            )
        },
        Refusal::TooManyOfPayer => Row {
            retry_after: Some(1),
            ..row(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_payments",
                "Too many payments of this payer are in flight; ask again with the same payment.",
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
            receipt: receipt.as_ref(),
            ..row(
                StatusCode::CONFLICT,
                "conflict",
                "Another payment has used this nonce.",
            )
        },
        Refusal::OtherRequest(receipt) => Row {
            receipt: receipt.as_ref(),
            ..row(
                StatusCode::CONFLICT,
                "payment_for_other_request",
                "This payment was made for another request.",
            )
        },
        Refusal::AlreadySettled(receipt) => Row {
            receipt: Some(receipt),
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
            receipt: Some(receipt),
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
            receipt: Some(receipt),
            ..row(
                StatusCode::GONE,
                "settlement_unresolved",
                "It could not be found out whether this payment went through; ask the seller.",
            )
        },
        Refusal::Gone(receipt) => Row {
            receipt: Some(receipt),
            ..row(
                StatusCode::GONE,
                "answer_gone",
                "This payment went through, but its answer is not kept any more; ask the seller.",
            )
        },
        Refusal::SettlementRefused(reason, receipt) => Row {
            challenge: true,
            receipt: Some(receipt),
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
