use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use serde::Serialize;

use super::error::ConfigError;
use crate::checkout::{
    AnswerHead, Budgets, ChargeWhen, Dynamic, FreeWhen, Policy, Pricer, Pricing, Settle,
};
use crate::gate::GateLayer;
use crate::log;
use crate::money::Money;
use crate::price::{Accept, Head, IntoQuote, Listing, RequestHead, Terms};
use crate::proto::Object;
use crate::proto::v2::ResourceInfo;
use crate::till::{Origin, Till};

/// Everything that can be said about a route. Made by [`X402::route`](super::X402::route) and
/// [`X402::route_with`](super::X402::route_with).
///
/// Nothing is checked before [`RouteBuilder::build`], which reports everything that is wrong at once.
///
/// ```
/// use std::convert::Infallible;
///
/// use http::{Request, Response, StatusCode, header};
/// use tower::{ServiceBuilder, ServiceExt as _};
/// use x402_tower::X402;
/// use x402_tower::gate::RequestBody;
///
/// async fn translate(_: Request<RequestBody<String>>) -> Result<Response<String>, Infallible> {
///     Ok(Response::new("soleil".to_owned()))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let x402 = X402::local().build()?;
/// let price = x402
///     .route("$0.01")
///     .description("A translation")
///     .mime_type("text/plain")
///     .bind_body(64 * 1024) // a payment is for one text
///     .distinguish_by(header::ACCEPT_LANGUAGE) // other languages are other goods
///     .free_when(|head| head.header(&header::AUTHORIZATION) == Some(b"Bearer friend"))
///     .charge_when(|answer| answer.status() == StatusCode::OK)
///     .build()?;
/// let service = ServiceBuilder::new().layer(price).service_fn(translate);
///
/// let request = Request::post("/translate").body("sun".to_owned())?;
/// let status = service.clone().oneshot(request).await?.status();
/// assert_eq!(status, StatusCode::PAYMENT_REQUIRED);
///
/// let friend = Request::post("/translate").header(header::AUTHORIZATION, "Bearer friend");
/// let status = service.oneshot(friend.body("sun".to_owned())?).await?.status();
/// assert_eq!(status, StatusCode::OK);
/// # Ok(())
/// # }
/// ```
///
/// `L` is what a price is in the framework at hand: what [`RouteBuilder::build`] gives.
#[must_use]
pub struct RouteBuilder<L = GateLayer> {
    till: Arc<Till>,
    price: Price,
    resource: ResourceInfo,
    extensions: Object,
    settle: Settle,
    v1: Option<bool>,
    max_timeout: Duration,
    handler_budget: Duration,
    settlement_budget: Duration,
    quote_window: Duration,
    free_when: Option<Box<FreeWhen>>,
    charge_when: Option<Box<ChargeWhen>>,
    distinguishing: Vec<HeaderName>,
    alone: bool,
    bind_body: Option<u64>,
    owed: bool,
    strict_resource: bool,
    unconfirmed: Money,
    problems: Vec<String>,
    layer: PhantomData<fn() -> L>,
}

enum Price {
    Fixed(Vec<Accept>),
    Dynamic(Box<Pricer>),
}

impl<L: From<GateLayer>> RouteBuilder<L> {
    pub(super) fn fixed(till: Arc<Till>, price: Accept) -> Self {
        Self::new(till, Price::Fixed(vec![price]))
    }

    pub(super) fn dynamic<F, Fut>(till: Arc<Till>, price: F) -> Self
    where
        F: Fn(RequestHead) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoQuote> + Send + 'static,
    {
        let price = move |head| {
            let quote = price(head);
            Box::pin(async move { quote.await.into_quote() }) as _
        };
        Self::new(till, Price::Dynamic(Box::new(price)))
    }

    fn new(till: Arc<Till>, price: Price) -> Self {
        Self {
            till,
            price,
            resource: ResourceInfo::default(),
            extensions: Object::new(),
            settle: Settle::After,
            v1: None,
            max_timeout: Duration::from_secs(300),
            handler_budget: Duration::from_secs(30),
            settlement_budget: Duration::from_secs(30),
            quote_window: Duration::from_secs(300),
            free_when: None,
            charge_when: None,
            distinguishing: Vec::new(),
            alone: false,
            bind_body: None,
            owed: true,
            strict_resource: false,
            unconfirmed: Money::new(1, 0),
            problems: Vec::new(),
            layer: PhantomData,
        }
    }

    /// Accepts this as well. The buyer chooses; most take the first that they can pay.
    pub fn or(mut self, price: impl Into<Accept>) -> Self {
        match &mut self.price {
            Price::Fixed(accepts) => accepts.push(price.into()),
            Price::Dynamic(_) => self.problems.push(
                "the price function says all that is accepted; nothing can be added to it"
                    .to_owned(),
            ),
        }
        self
    }

    /// What is for sale, for people.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.resource.description = Some(description.into());
        self
    }

    /// The media type of what is for sale.
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.resource.mime_type = Some(mime_type.into());
        self
    }

    /// The seller's name: at most 32 printable ASCII characters.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.resource.service_name = Some(name.into());
        self
    }

    /// At most five tags, each like a service name.
    pub fn tags(mut self, tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.resource.tags = Some(tags.into_iter().map(Into::into).collect());
        self
    }

    /// A picture of the seller, by `http` or `https`.
    pub fn icon_url(mut self, url: impl Into<String>) -> Self {
        self.resource.icon_url = Some(url.into());
        self
    }

    /// What an extension of the protocol has to say in challenges.
    pub fn extension(mut self, name: impl Into<String>, value: &impl Serialize) -> Self {
        let name = name.into();
        if let Err(error) = self.extensions.set(name.as_str(), value) {
            self.problems
                .push(format!("the extension `{name}`: {error}"));
        }
        self
    }

    /// When the money moves: after the handler has answered, unless said otherwise.
    pub const fn settle(mut self, when: Settle) -> Self {
        self.settle = when;
        self
    }

    /// Whether clients of version 1 may pay. They may, unless the money moves before the handler runs: those clients
    /// are not told that.
    pub const fn v1(mut self, allowed: bool) -> Self {
        self.v1 = Some(allowed);
        self
    }

    /// For how long payments are to be signed: 300 seconds unless said otherwise.
    pub const fn max_timeout(mut self, timeout: Duration) -> Self {
        self.max_timeout = timeout;
        self
    }

    /// Nobody is behind this price but a handler, who answers no question of a browser's.
    pub(super) const fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// How long the handler may take: 30 seconds unless said otherwise. A payment that does not last that long, and for
    /// a settlement after, is not accepted.
    ///
    /// No handler is stopped for it: that is for a timeout within. One that works until its payment cannot be settled any
    /// more has worked for nothing, and is stopped then. Where the money moves before, it may take as long as it likes, but
    /// has no place among those on their way for longer than this.
    pub const fn handler_budget(mut self, budget: Duration) -> Self {
        self.handler_budget = budget;
        self
    }

    /// How long a settlement may take: 30 seconds unless said otherwise.
    pub const fn settlement_budget(mut self, budget: Duration) -> Self {
        self.settlement_budget = budget;
        self
    }

    /// How long a price that a function gave holds for whoever was told it, though the function would say another by
    /// now: 300 seconds unless said otherwise.
    ///
    /// It holds for the same method and URL, `Authorization`, `Range`, and headers of [`distinguish_by`](Self::distinguish_by).
    pub const fn quote_window(mut self, window: Duration) -> Self {
        self.quote_window = window;
        self
    }

    /// Which requests are free.
    pub fn free_when(mut self, free: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.free_when = Some(Box::new(free));
        self
    }

    /// Which answers are charged for: 101, 2xx, and 3xx but 304 unless said otherwise.
    ///
    /// Some services say in a 200 that they have failed. An error of gRPC that comes before any message is a `grpc-status`
    /// other than 0 in the head; one that comes behind is in the trailers, and is charged.
    pub fn charge_when(
        mut self,
        charge: impl Fn(&AnswerHead<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.charge_when = Some(Box::new(charge));
        self
    }

    /// A header that makes another request of one with the same URL, such as `Accept-Language`. `Authorization`,
    /// `Cookie` and `Range` always do. `Host` is the name of the server, wherever the client says it.
    ///
    /// Name every header that a price function looks at, and every one by which a router sends requests for one URL to
    /// several handlers. Of one that is not named, a buyer can say something else after the price was told, or when what was
    /// paid for is asked for once more. A price function that looks at cookies needs `Cookie` to be named: they may come with
    /// the challenge, so a price that was told does not depend on them otherwise.
    pub fn distinguish_by(mut self, header: HeaderName) -> Self {
        self.distinguishing.push(header);
        self
    }

    /// Binds each payment to the whole body of its request, of at most so many bytes, which is read before the handler
    /// runs. Otherwise the body is looked at only when a payment comes a second time.
    pub const fn bind_body(mut self, most: u64) -> Self {
        self.bind_body = Some(most);
        self
    }

    /// Whether a buyer who paid, got nothing, and signs anew for the same request is answered with what is owed instead
    /// of being charged again. So it is unless said otherwise.
    pub const fn owed(mut self, owed: bool) -> Self {
        self.owed = owed;
        self
    }

    /// Accepts only payments that name exactly this resource. They are not signed for it, and some honest clients name
    /// it as they see it, so this is off unless said otherwise.
    pub const fn strict_resource(mut self, strict: bool) -> Self {
        self.strict_resource = strict;
        self
    }

    /// Up to how much is served when it is only probable that the money has moved, once a day for each payer at each
    /// server: one dollar unless said otherwise. Only what dollars mean on a network is worth what is known; payments in
    /// other tokens are never served so.
    pub const fn unconfirmed_up_to(mut self, ceiling: Money) -> Self {
        self.unconfirmed = ceiling;
        self
    }

    /// The layer.
    ///
    /// # Errors
    ///
    /// If anything is wrong or missing, with all of it.
    pub fn build(mut self) -> Result<L, ConfigError> {
        let mut problems = std::mem::take(&mut self.problems);
        let budgets = Budgets {
            handler: self.handler_budget.as_secs(),
            settlement: self.settlement_budget.as_secs(),
        };
        self.check(budgets, &mut problems);
        let max_timeout_seconds = self.max_timeout.as_secs();
        let listing = Arc::new(Listing {
            origin: self.till.origin.name().cloned(),
            resource: self.resource,
            extensions: (!self.extensions.is_empty()).then_some(self.extensions),
            flow: match self.settle {
                Settle::After => None,
                Settle::Before => Some("upfront"),
            },
            v1: self.v1.unwrap_or(self.settle == Settle::After),
        });
        let pricing = match self.price {
            Price::Fixed(accepts) => {
                let terms = self.till.terms(&accepts, max_timeout_seconds, &listing);
                terms
                    .map_err(|more| problems.extend(more))
                    .map(Pricing::Fixed)
                    .ok()
            }
            Price::Dynamic(price) => Some(Pricing::Dynamic(Dynamic::new(price, self.quote_window))),
        };
        let (Some(pricing), true) = (pricing, problems.is_empty()) else {
            return Err(ConfigError::new(problems));
        };
        if let Pricing::Fixed(terms) = &pricing {
            warn_of_size(terms, &listing, &self.till.origin);
        }
        Ok(L::from(GateLayer::new(Arc::new(Policy {
            till: self.till,
            pricing,
            listing,
            settle: self.settle,
            max_timeout_seconds,
            budgets,
            free_when: self.free_when,
            charge_when: self.charge_when,
            distinguishing: self.distinguishing,
            alone: self.alone,
            bind_body: self.bind_body,
            owed: self.owed,
            strict_resource: self.strict_resource,
            unconfirmed: self.unconfirmed,
        }))))
    }

    fn check(&self, budgets: Budgets, problems: &mut Vec<String>) {
        let needed = budgets.total().saturating_add(SKEW);
        if self.max_timeout.as_secs() < needed {
            problems.push(format!(
                "payments are signed for {} seconds, but the handler ({}), the settlement ({}) and clocks that differ \
                 need {needed}: raise `max_timeout`",
                self.max_timeout.as_secs(),
                budgets.handler,
                budgets.settlement,
            ));
        }
        if self.max_timeout > LONGEST_TIMEOUT {
            problems.push(format!(
                "payments are signed for longer than {} seconds: lower `max_timeout`",
                LONGEST_TIMEOUT.as_secs()
            ));
        }
        if self.quote_window > LONGEST_TIMEOUT {
            problems.push(format!(
                "prices hold for longer than {} seconds: lower `quote_window`",
                LONGEST_TIMEOUT.as_secs()
            ));
        }
        let resource = &self.resource;
        let is_label = |text: &str| {
            (1..=32).contains(&text.len()) && text.bytes().all(|b| matches!(b, b' '..=b'~'))
        };
        if resource
            .service_name
            .as_deref()
            .is_some_and(|name| !is_label(name))
        {
            problems.push("the service name is not 1 to 32 printable ASCII characters".to_owned());
        }
        if resource
            .tags
            .as_ref()
            .is_some_and(|tags| tags.len() > 5 || !tags.iter().all(|tag| is_label(tag)))
        {
            problems.push(
                "the tags are not at most five, each of 1 to 32 printable ASCII characters"
                    .to_owned(),
            );
        }
        if resource.icon_url.as_deref().is_some_and(|url| {
            url.len() > 2048 || !(url.starts_with("https://") || url.starts_with("http://"))
        }) {
            problems.push(
                "the icon is not at an `http` or `https` URL of at most 2048 characters".to_owned(),
            );
        }
        // Longer ones make facilitators refuse payments.
        if resource
            .description
            .as_deref()
            .is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION)
        {
            problems.push(format!(
                "the description is longer than {LONGEST_DESCRIPTION} characters"
            ));
        }
    }
}

/// How far the clocks of buyers may be apart from ours, and how long a wallet may take to confirm.
const SKEW: u64 = 60;
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
const LONGEST_DESCRIPTION: usize = 500;
/// Many proxies take no more in one header, or in all of them.
const USUAL_CHALLENGE: usize = 4096;
const USUAL_PAYMENT: usize = 8000;

fn warn_of_size(terms: &Terms, listing: &Listing, origin: &Origin) {
    let origin = match origin {
        Origin::Fixed(origin) => origin,
        Origin::Host(_) => "https://host.example",
    };
    let (challenge, payment) = terms.now().sizes(listing, origin);
    if challenge > USUAL_CHALLENGE {
        log::warning!("challenges are longer than many proxies take in a header"; bytes = challenge, usual = USUAL_CHALLENGE);
    }
    if payment > USUAL_PAYMENT {
        log::warning!("payments are longer than many proxies take in a header"; bytes = payment, usual = USUAL_PAYMENT);
    }
}

impl<L> fmt::Debug for RouteBuilder<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteBuilder")
            .field("resource", &self.resource)
            .field("settle", &self.settle)
            .finish_non_exhaustive()
    }
}
