use std::sync::Arc;
use std::time::Duration;

use http::{Method, Response, StatusCode, header, response};
use http_body::Body;

use super::ResponseBody;
use super::body::{Copy, Watch};
use super::capture::{Capture, Captured};
use super::dress::{self, has_rare};
use crate::checkout::{AnswerHead, Bill, Handover, Paid, Policy, Reply, Sale, Seen, add_receipt};
use crate::ledger::{Keeping, KeptAnswer, Receipt};
use crate::proto::Version;

/// The head of an answer that is sold, and what there is to know about handing it over.
#[derive(Debug)]
pub(super) struct Goods {
    parts: response::Parts,
    version: Version,
    /// Whether the request promised to change nothing, so that its answer can be had again.
    is_safe: bool,
    /// Whether a server hands over more than the head.
    has_body: bool,
    /// Whether a server that knows how long the body is asks for no more than that, and for no trailers. By HTTP/2 they are
    /// told where it ends, and ask until they are.
    ends_by_length: bool,
    /// Whether this answer is one for another time and another client, too.
    can_be_kept: bool,
    most_kept: usize,
    now: Duration,
}

/// Who gets an answer, and how it stands with the money.
#[derive(Debug)]
pub(super) enum Buyer {
    /// It has still to move. With what the handler sees of the request.
    Sale(Sale, Seen),
    /// It has moved.
    Paid(Handover, Receipt),
}

/// An answer that is ready to go.
#[derive(Debug)]
pub(super) enum Packed<RB> {
    Stream(Goods, RB),
    Whole(Goods, Captured),
}

/// An answer of the handler's, judged.
pub(super) enum Judged<RB> {
    /// It is worth its price.
    Sold(Goods, RB, Buyer),
    /// It is not, and goes out as it is.
    Unsold(Response<ResponseBody<RB>>),
}

/// Judges the answer to a sale. One that is not worth its price, or for which nothing was metered, gives the payment back.
pub(super) fn judge_sale<RB: Body>(
    response: Response<RB>,
    mut sale: Sale,
    seen: Seen,
    http: http::Version,
) -> Judged<RB> {
    let (mut parts, body) = response.into_parts();
    let policy = &sale.paying.asked.policy;
    if policy.charges(&AnswerHead::new(parts.status, &parts.headers)) {
        match sale.bill() {
            Bill::Charge => {
                let (asked, version) = (&sale.paying.asked, sale.paying.version);
                let goods = Goods::new(parts, &asked.policy, &asked.method, version, http);
                return Judged::Sold(goods, body, Buyer::Sale(sale, seen));
            }
            Bill::Nothing(receipt) => {
                dress::make_private(&mut parts.headers);
                add_receipt(&mut parts.headers, sale.paying.version, &receipt);
            }
            Bill::Broken => {
                let version = sale.paying.version;
                let reply = Buyer::Sale(sale, seen).answer_broke(version);
                return Judged::Unsold(ours(reply));
            }
        }
    }
    sale.let_go();
    Judged::Unsold(Response::from_parts(parts, ResponseBody::free(body)))
}

/// Judges the answer to a payment that has moved money. One that is not worth its price leaves the buyer something to
/// ask for.
pub(super) fn judge_paid<RB: Body>(
    response: Response<RB>,
    paid: Paid,
    http: http::Version,
) -> Judged<RB> {
    let (mut parts, body) = response.into_parts();
    let Paid {
        policy,
        method,
        payment,
        receipt,
        handover,
        room: _room,
        task: _task,
    } = paid;
    if policy.charges(&AnswerHead::new(parts.status, &parts.headers)) {
        let goods = Goods::new(parts, &policy, &method, payment.version(), http);
        return Judged::Sold(goods, body, Buyer::Paid(handover, receipt));
    }
    dress::make_private(&mut parts.headers);
    add_receipt(&mut parts.headers, payment.version(), &receipt);
    Judged::Unsold(Response::from_parts(parts, ResponseBody::free(body)))
}

impl Buyer {
    /// The answer broke off before it was given out.
    pub(super) fn answer_broke(self, version: Version) -> Reply {
        let mut reply = Reply::failed();
        match self {
            Self::Sale(sale, _) => sale.let_go(),
            // Nothing of it has left, so the handler can try again.
            Self::Paid(_, receipt) => add_receipt(&mut reply.headers, version, &receipt),
        }
        reply
    }
}

impl<RB: Body> Packed<RB> {
    /// The answer, with its receipt.
    pub(super) fn ship(self, handover: Handover, receipt: &Receipt) -> Response<ResponseBody<RB>> {
        match self {
            Self::Stream(goods, body) => goods.stream(body, handover, receipt),
            Self::Whole(mut goods, captured) => {
                goods.say_length(captured.data.len() as u64);
                let handover = Some(Box::new(handover));
                let body = ResponseBody::whole(captured, handover, goods.ends_by_length);
                Response::from_parts(goods.into_parts(receipt), body)
            }
        }
    }
}

impl Goods {
    fn new(
        mut parts: response::Parts,
        policy: &Arc<Policy>,
        method: &Method,
        version: Version,
        http: http::Version,
    ) -> Self {
        dress::make_private(&mut parts.headers);
        // What comes behind it belongs to one connection.
        let is_upgrade =
            parts.status == StatusCode::SWITCHING_PROTOCOLS || method == Method::CONNECT;
        let bare = is_upgrade
            || parts.status.is_informational()
            || matches!(
                parts.status,
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            );
        let is_whole = method != Method::HEAD;
        let is_safe = method.is_safe();
        // Who asks again may not be able to read it, and can have it made anew.
        let is_encoded = is_safe && has_rare(&parts.headers, &header::CONTENT_ENCODING);
        // What is sent in chunks has an end of its own, by whatever the handler says of it. HTTP/1.0 has none.
        let is_chunked =
            http != http::Version::HTTP_10 && has_rare(&parts.headers, &header::TRANSFER_ENCODING);
        Self {
            parts,
            version,
            is_safe,
            has_body: is_whole && !bare,
            ends_by_length: http < http::Version::HTTP_2 && !is_chunked,
            can_be_kept: is_whole && !is_upgrade && !is_encoded,
            most_kept: policy.till.limits.answer,
            now: policy.till.now(),
        }
    }

    /// Reads this answer before it is given out, if its request must not run twice, and it is known to be small.
    pub(super) fn capture<RB: Body>(&self, body: RB) -> Result<Capture<RB>, RB> {
        let length = body.size_hint().exact();
        let length = length.and_then(|length| usize::try_from(length).ok());
        match length.filter(|length| *length <= self.most_kept) {
            Some(length) if self.has_body && !self.is_safe => {
                Ok(Capture::new(body, length, self.ends_by_length))
            }
            _ => Err(body),
        }
    }

    /// The version that its buyer has paid in.
    pub(super) const fn version(&self) -> Version {
        self.version
    }

    /// As much of an answer that was read as a server asks for.
    pub(super) fn asked_for(&self, captured: Captured) -> Captured {
        Captured {
            trailers: captured.trailers.filter(|_| !self.ends_by_length),
            ..captured
        }
    }

    /// The answer as it is kept.
    pub(super) fn kept(&self, captured: &Captured) -> Option<KeptAnswer> {
        captured.trailers.is_none().then(|| {
            let mut keeping = self.keep(captured.data.len());
            keeping.push(&captured.data);
            keeping.finish()
        })
    }

    /// A copy of its head, with room for so much of its body.
    fn keep(&self, room: usize) -> Keeping {
        let headers = || dress::end_to_end(&self.parts.headers);
        Keeping::new(self.parts.status, headers, room, self.now)
    }

    fn stream<RB: Body>(
        mut self,
        body: RB,
        handover: Handover,
        receipt: &Receipt,
    ) -> Response<ResponseBody<RB>> {
        // What is shorter than it said is broken off, and by HTTP/1 nobody asks for more.
        let exact = body.size_hint().exact();
        if let Some(length) = exact.filter(|_| self.has_body) {
            self.say_length(length);
        }
        let length = exact.or_else(|| self.said_length());
        let least = length.unwrap_or_else(|| body.size_hint().lower());
        let least = usize::try_from(least).ok();
        let fits = least.filter(|least| self.can_be_kept && *least <= self.most_kept);
        let copy = fits.map(|least| Copy::new(self.keep(least), self.most_kept));
        let has_body = self.has_body;
        let watch = Box::new(Watch::new(handover, length, self.ends_by_length, copy));
        Response::from_parts(
            self.into_parts(receipt),
            ResponseBody::sold(body, watch, has_body),
        )
    }

    /// How long the handler says that its answer is, if it says one thing, however often: servers take that for said once.
    fn said_length(&self) -> Option<u64> {
        let said = self.parts.headers.get_all(header::CONTENT_LENGTH);
        let mut said = said.iter().map(|length| {
            let length = length.to_str().ok()?;
            let is_length = length.bytes().all(|byte| byte.is_ascii_digit());
            length.parse().ok().filter(|_| is_length)
        });
        let first = said.next()?;
        first.filter(|_| said.all(|next| next == first))
    }

    /// Does not say another length than that of the body: servers trust that it is the same, and clients wait for what never
    /// comes.
    fn say_length(&mut self, length: u64) {
        let is_said = has_rare(&self.parts.headers, &header::CONTENT_LENGTH);
        if is_said && self.said_length() != Some(length) {
            self.parts.headers.remove(header::CONTENT_LENGTH);
        }
    }

    fn into_parts(self, receipt: &Receipt) -> response::Parts {
        let mut parts = self.parts;
        add_receipt(&mut parts.headers, self.version, receipt);
        parts
    }
}

/// The answer to a request whose price cannot be said, because of a mistake of the seller's: 500, and nothing of what it is.
///
/// For adapters, where a price is only looked up once a request is there.
///
/// ```
/// use http::{Response, StatusCode};
/// use x402_tower::gate::{ResponseBody, misconfigured};
///
/// let answer: Response<ResponseBody<String>> = misconfigured();
/// assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
/// ```
pub fn misconfigured<RB: Body>() -> Response<ResponseBody<RB>> {
    ours(Reply::failed())
}

/// One of our own answers.
pub(super) fn ours<RB: Body>(reply: Reply) -> Response<ResponseBody<RB>> {
    ours_by(reply, http::Version::HTTP_11)
}

/// The same for what may have to arrive.
pub(super) fn ours_by<RB: Body>(reply: Reply, http: http::Version) -> Response<ResponseBody<RB>> {
    let Reply {
        status,
        headers,
        body,
        handover,
    } = reply;
    let captured = Captured {
        data: body,
        trailers: None,
    };
    let ends_by_length = http < http::Version::HTTP_2;
    let mut response = Response::new(ResponseBody::whole(captured, handover, ends_by_length));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// The answer to a browser's question whether it may ask: what it says about that, and nothing that could be for sale.
/// Somebody inside may have answered who answers everything.
pub(super) fn preflighted<RB: Body>(response: Response<RB>) -> Response<ResponseBody<RB>> {
    let (parts, _) = response.into_parts();
    let mut response = Response::new(ResponseBody::nothing());
    *response.status_mut() = match parts.status {
        status if status.is_informational() || status.is_redirection() => StatusCode::NO_CONTENT,
        status => status,
    };
    *response.headers_mut() = dress::about_asking(&parts.headers);
    response
}
