//! A payment as it arrives: decoded once, read in place.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Version;
use super::header::HeaderError;

/// A payment header, decoded but not judged. Everything in it was written by the client.
#[derive(Debug)]
pub struct Presented<'a> {
    /// The version of the header that it came in.
    pub version: Version,
    /// The whole message.
    pub json: &'a str,
    /// What the client says it accepts: all of it in version 2, scheme and network in version 1.
    pub accepted: Accepted<'a>,
    /// What the scheme calls a payment.
    pub payload: &'a RawValue,
    /// What the client believes to pay for. It is not signed and proves nothing.
    pub resource: Option<&'a RawValue>,
    /// What the extensions have to say.
    pub extensions: Option<&'a RawValue>,
}

/// What a client says it accepts.
#[derive(Debug)]
pub struct Accepted<'a> {
    /// The scheme, such as `exact`.
    pub scheme: Cow<'a, str>,
    /// The network, in whatever spelling.
    pub network: Cow<'a, str>,
    /// What version 2 says beside.
    pub terms: Option<AcceptedTerms<'a>>,
}

/// The terms that only version 2 repeats.
#[derive(Debug)]
pub struct AcceptedTerms<'a> {
    /// How much.
    pub amount: Cow<'a, str>,
    /// Of which token.
    pub asset: Cow<'a, str>,
    /// To whom.
    pub pay_to: Cow<'a, str>,
    /// How long a payment should be valid.
    pub max_timeout_seconds: Option<u64>,
    /// What the scheme needs beside.
    pub extra: Option<&'a RawValue>,
}

impl<'a> Presented<'a> {
    /// Reads the JSON of a payment header of this version.
    pub fn read(version: Version, json: &'a [u8]) -> Result<Self, HeaderError> {
        // Checked once here, so that the raw pieces can be passed on as text.
        let json = std::str::from_utf8(json)
            .map_err(|error| HeaderError::json(serde::de::Error::custom(error)))?;
        match version {
            Version::V1 => {
                let wire: WireV1<'a> = serde_json::from_str(json).map_err(HeaderError::json)?;
                let accepted = Accepted {
                    scheme: wire.scheme,
                    network: wire.network,
                    terms: None,
                };
                Ok(Self {
                    version,
                    json,
                    accepted,
                    payload: wire.payload,
                    resource: None,
                    extensions: None,
                })
            }
            Version::V2 => {
                let wire: WireV2<'a> = serde_json::from_str(json).map_err(HeaderError::json)?;
                let WireAccepted {
                    scheme,
                    network,
                    amount,
                    asset,
                    pay_to,
                    max_timeout_seconds,
                    extra,
                } = wire.accepted;
                let terms = AcceptedTerms {
                    amount,
                    asset,
                    pay_to,
                    max_timeout_seconds,
                    extra,
                };
                let accepted = Accepted {
                    scheme,
                    network,
                    terms: Some(terms),
                };
                Ok(Self {
                    version,
                    json,
                    accepted,
                    payload: wire.payload,
                    resource: wire.resource,
                    extensions: wire.extensions,
                })
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireV1<'a> {
    #[allow(dead_code, reason = "read to be checked")]
    x402_version: Number<1>,
    #[serde(borrow)]
    scheme: Cow<'a, str>,
    #[serde(borrow)]
    network: Cow<'a, str>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireV2<'a> {
    #[allow(dead_code, reason = "read to be checked")]
    x402_version: Number<2>,
    #[serde(borrow)]
    accepted: WireAccepted<'a>,
    #[serde(borrow)]
    payload: &'a RawValue,
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
    #[serde(borrow, default)]
    extensions: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAccepted<'a> {
    #[serde(borrow)]
    scheme: Cow<'a, str>,
    #[serde(borrow)]
    network: Cow<'a, str>,
    #[serde(borrow)]
    amount: Cow<'a, str>,
    #[serde(borrow)]
    asset: Cow<'a, str>,
    #[serde(borrow)]
    pay_to: Cow<'a, str>,
    #[serde(default)]
    max_timeout_seconds: Option<u64>,
    #[serde(borrow, default)]
    extra: Option<&'a RawValue>,
}

/// Text that is borrowed where it can be. Inside of an `Option`, a bare `Cow` would always be copied.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// A number that has to be `N`.
struct Number<const N: u64>;

impl<'de, const N: u64> Deserialize<'de> for Number<N> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            number if number == N => Ok(Self),
            number => Err(serde::de::Error::custom(format_args!(
                "`x402Version` is {number} and not {N}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = r#"{"x402Version":2,"accepted":{"scheme":"exact","network":"eip155:84532","amount":"2500",
        "asset":"0x03","payTo":"0x11","extra":{"name":"USDC","n":1e400}},"payload":{"a":123456789012345678901},
        "extensions":null,"new":true}"#;

    #[test]
    fn unknown_members_and_numbers_of_any_size_are_left_alone() {
        let presented = Presented::read(Version::V2, V2.as_bytes()).unwrap();
        assert_eq!(presented.payload.get(), r#"{"a":123456789012345678901}"#);
        let terms = presented.accepted.terms.unwrap();
        assert_eq!(terms.extra.unwrap().get(), r#"{"name":"USDC","n":1e400}"#);
        assert!(matches!(terms.amount, Cow::Borrowed("2500")));
        assert_eq!(presented.json, V2);
    }

    #[test]
    fn a_payment_says_the_version_of_its_header() {
        assert!(Presented::read(Version::V1, V2.as_bytes()).is_err());
        let v1 = r#"{"x402Version":1,"scheme":"exact","network":"base","payload":{}}"#;
        assert!(Presented::read(Version::V1, v1.as_bytes()).is_ok());
        assert!(Presented::read(Version::V2, v1.as_bytes()).is_err());
        assert!(Presented::read(Version::V1, v1.replace('1', "\"1\"").as_bytes()).is_err());
    }

    #[test]
    fn two_members_of_one_name_are_refused() {
        let twice = V2.replace(r#""payload""#, r#""payload":{},"\u0070ayload""#);
        assert!(Presented::read(Version::V2, twice.as_bytes()).is_err());
        let twice = V2.replace(r#""amount""#, r#""amount":"1","amount""#);
        assert!(Presented::read(Version::V2, twice.as_bytes()).is_err());
    }

    #[test]
    fn what_is_not_a_payment_is_an_error_that_does_not_repeat_it() {
        for json in [
            &b""[..],
            b"null",
            b"[]",
            b"{}",
            b"\"\"",
            b"{\"x402Version\":2}",
            b"\xff",
            b"{}{}",
        ] {
            let error = Presented::read(Version::V2, json).unwrap_err();
            assert_eq!(
                error.to_string(),
                "the payment header does not hold the JSON of a payment"
            );
        }
    }
}
