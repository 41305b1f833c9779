use std::convert::Infallible;
use std::error::Error as StdError;

use super::Accept;
use crate::money::{Money, Price};

/// What a price function answers: what this request costs, or that it is free.
#[derive(Clone, Debug)]
#[must_use]
pub struct Quote(pub(crate) Kind);

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Free,
    /// Any one of these. Empty is a mistake that is reported, and never free.
    Charge(Vec<Accept>),
}

impl Quote {
    /// This request is free. Nothing else is: not an empty list, and not an error.
    pub const fn free() -> Self {
        Self(Kind::Free)
    }

    /// This request costs any one of these.
    pub fn any(accepts: impl IntoIterator<Item = impl Into<Accept>>) -> Self {
        Self(Kind::Charge(accepts.into_iter().map(Into::into).collect()))
    }
}

impl From<Accept> for Quote {
    fn from(accept: Accept) -> Self {
        Self(Kind::Charge(vec![accept]))
    }
}

/// What a price function may return: a [`Quote`], one [`Accept`], a price in any form, or a `Result` with one of these.
#[diagnostic::on_unimplemented(
    message = "a price function cannot answer `{Self}`",
    label = "no price",
    note = "a price is a text like `\"$0.01\"`, an `Accept`, or a `Quote`, or a `Result` with one of them; \
            `Quote::free()` says that a request costs nothing"
)]
pub trait IntoQuote {
    /// The quote, or why there is none; the request is answered 500 then, and never served.
    fn into_quote(self) -> Result<Quote, Box<dyn StdError + Send + Sync>>;
}

impl IntoQuote for Quote {
    fn into_quote(self) -> Result<Quote, Box<dyn StdError + Send + Sync>> {
        Ok(self)
    }
}

macro_rules! into_quote {
    ($($ty:ty),*) => {$(
        impl IntoQuote for $ty {
            fn into_quote(self) -> Result<Quote, Box<dyn StdError + Send + Sync>> {
                Ok(Accept::new(self).into())
            }
        }
    )*};
}

into_quote!(&str, String, Price);

impl IntoQuote for Money {
    fn into_quote(self) -> Result<Quote, Box<dyn StdError + Send + Sync>> {
        Ok(Accept::new(Price::usd(self)).into())
    }
}

impl IntoQuote for Accept {
    fn into_quote(self) -> Result<Quote, Box<dyn StdError + Send + Sync>> {
        Ok(self.into())
    }
}

impl IntoQuote for Infallible {
    fn into_quote(self) -> Result<Quote, Box<dyn StdError + Send + Sync>> {
        match self {}
    }
}

impl<T: IntoQuote, E: Into<Box<dyn StdError + Send + Sync>>> IntoQuote for Result<T, E> {
    fn into_quote(self) -> Result<Quote, Box<dyn StdError + Send + Sync>> {
        self.map_err(Into::into)?.into_quote()
    }
}
