//! Prices in OpenAPI documents, with [utoipa].
//!
//! [`Prices`] changes a document: every operation that a priced handler answers gets its price.

use serde_json::{Value, json};
use utoipa::Modify;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{ContentBuilder, OpenApi};

use crate::gate::GateLayer;
use crate::scheme::Offer;
use crate::{ConfigError, Priced, Seller, X402, log};

/// The name of the extension that has the ways to pay: `x-x402`.
pub const EXTENSION: &str = "x-x402";

/// The prices of handlers, for their operations in a document.
///
/// An operation is a handler's if its `operationId` is the handler's name, as `#[utoipa::path]` has it unless told
/// otherwise. It gets
///
/// * a response 402, unless it has one: what is asked for in words, the header `PAYMENT-REQUIRED`, and what kind of body
///   there is;
/// * the extension `x-x402`, for programs: `{"accepts": [{"scheme": …, "network": …, "amount": …, "asset": …,
///   "payTo": …, "price": …}]}`. It has no entries if the price depends on the request.
///
/// A handler that is in no operation is a warning in the log.
///
/// ```
/// use utoipa::Modify as _;
/// use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItem};
/// use utoipa::openapi::{OpenApi, PathsBuilder};
/// use x402_tower::openapi::Prices;
/// use x402_tower::{Declaration, Priced, X402};
///
/// // What `#[paid("$0.01")]` makes of a handler named `weather`, in short.
/// struct weather;
///
/// impl Priced for weather {
///     fn declaration(&self) -> &'static Declaration {
///         static WEATHER: Declaration = Declaration::new("weather", |x402| x402.route("$0.01"));
///         &WEATHER
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // What `#[derive(OpenApi)]` makes of `paths(weather)`, in short.
/// let operation = OperationBuilder::new().operation_id(Some("weather"));
/// let paths = PathsBuilder::new().path("/weather", PathItem::new(HttpMethod::Get, operation));
/// let mut document = OpenApi::new(Default::default(), paths);
///
/// let x402 = X402::local().build()?;
/// Prices::new(&x402, [&weather])?.modify(&mut document);
///
/// let document = serde_json::to_value(&document)?;
/// let operation = &document["paths"]["/weather"]["get"];
/// assert_eq!(
///     operation["responses"]["402"]["description"],
///     "Payment required: 0.01 USDC on eip155:84532"
/// );
/// assert_eq!(operation["x-x402"]["accepts"][0]["amount"], "10000");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Prices {
    handlers: Vec<(&'static str, GateLayer)>,
}

impl Prices {
    /// The prices that these handlers declare, to this seller.
    ///
    /// # Errors
    ///
    /// If any of them cannot be paid, with all that is wrong.
    pub fn new<L, const N: usize>(
        x402: &Seller<L>,
        handlers: [&dyn Priced; N],
    ) -> Result<Self, ConfigError> {
        let x402: X402 = x402.with_layer();
        x402.check(handlers)?;
        let handlers = handlers.iter().map(|handler| {
            let declaration = handler.declaration();
            Ok((declaration.name(), x402.declared(declaration)?))
        });
        let handlers = handlers.collect::<Result<_, ConfigError>>()?;
        Ok(Self { handlers })
    }
}

impl Modify for Prices {
    fn modify(&self, document: &mut OpenApi) {
        for (name, layer) in &self.handlers {
            let mut is_there = false;
            let items = document.paths.paths.values_mut();
            for operation in items.flat_map(operations) {
                if operation.operation_id.as_deref() == Some(*name) {
                    is_there = true;
                    describe(operation, layer);
                }
            }
            if !is_there {
                log::warning!("a priced handler is no operation of the OpenAPI document"; handler = name);
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let known = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.options,
        &mut item.head,
        &mut item.patch,
        &mut item.trace,
        &mut item.query,
    ];
    let others = item.additional_operations.values_mut();
    known.into_iter().flatten().chain(others)
}

fn describe(operation: &mut Operation, layer: &GateLayer) {
    let responses = &mut operation.responses.responses;
    responses
        .entry("402".to_owned())
        .or_insert_with(|| response(layer).into());
    let accepts: Vec<Value> = layer.offers().iter().map(|offer| entry(offer)).collect();
    let extension = Extensions::builder().add(EXTENSION, json!({ "accepts": accepts }));
    operation
        .extensions
        .get_or_insert_default()
        .merge(extension.build());
}

/// The challenge.
fn response(layer: &GateLayer) -> Response {
    let prices: Vec<String> = layer
        .offers()
        .iter()
        .map(|offer| offer.to_string())
        .collect();
    let description = if prices.is_empty() {
        "Payment required: how much depends on the request".to_owned()
    } else {
        format!("Payment required: {}", prices.join(", or "))
    };
    let media_type = if layer.is_sayable_in_v1() {
        "application/json"
    } else {
        "application/problem+json"
    };
    let body = ContentBuilder::new().schema(Some(Object::with_type(Type::Object)));
    ResponseBuilder::new()
        .description(description)
        .header("PAYMENT-REQUIRED", header())
        .content(media_type, body.build())
        .build()
}

fn header() -> Header {
    HeaderBuilder::new()
        .schema(Some(Object::with_type(Type::String)))
        .description(Some("The ways to pay: x402, version 2, JSON in base64"))
        .build()
}

/// A way to pay, for programs.
fn entry(offer: &Offer) -> Value {
    json!({
        "scheme": offer.scheme.name(),
        "network": offer.asset.network.to_string(),
        "amount": offer.amount.to_string(),
        "asset": offer.asset.address.to_string(),
        "payTo": offer.pay_to.to_string(),
        "price": offer.to_string(),
    })
}
