//! A payment as it arrives: decoded once, read in place.

use std::borrow::Cow;
use std::fmt;

use super::Version;
use super::header::HeaderError;
use super::read::{RawJson, ReadError, Reader};

/// A payment header, decoded but not judged. Everything in it was written by the client.
pub struct Presented<'a> {
    /// The version of the header that it came in.
    pub version: Version,
    /// The whole message.
    pub json: &'a str,
    /// What the client says it accepts: all of it in version 2, scheme and network in version 1.
    pub accepted: Accepted<'a>,
    /// What the scheme calls a payment.
    pub payload: RawJson<'a>,
    /// What the client believes to pay for. It is not signed and proves nothing.
    pub resource: Option<RawJson<'a>>,
    /// What the extensions have to say.
    pub extensions: Option<RawJson<'a>>,
}

impl fmt::Debug for Presented<'_> {
    /// Shows no payment: until it is settled it can be spent by whoever reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("version", &self.version)
            .field("accepted", &self.accepted)
            .finish_non_exhaustive()
    }
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
    pub extra: Option<RawJson<'a>>,
}

impl<'a> Presented<'a> {
    /// Reads the JSON of a payment header of this version.
    pub fn read(version: Version, json: &'a [u8]) -> Result<Self, HeaderError> {
        Self::read_knowing(version, json, |_| None)
    }

    /// The same. If `know` recognizes what a client of version 2 accepts in what the text goes on with, and says how long
    /// that is, it is not read.
    pub(crate) fn read_knowing(
        version: Version,
        json: &'a [u8],
        know: impl FnOnce(&'a str) -> Option<(Accepted<'a>, usize)>,
    ) -> Result<Self, HeaderError> {
        // Checked once here, so that the raw pieces can be passed on as text.
        let json = std::str::from_utf8(json).map_err(HeaderError::text)?;
        Reader::all(json, |reader| Self::parse(version, json, reader, know))
            .map_err(HeaderError::unread)
    }

    fn parse(
        version: Version,
        json: &'a str,
        reader: &mut Reader<'a>,
        know: impl FnOnce(&'a str) -> Option<(Accepted<'a>, usize)>,
    ) -> Result<Self, ReadError> {
        let mut know = Some(know);
        let (mut number, mut payload, mut resource, mut extensions) = (None, None, None, None);
        let (mut scheme, mut network, mut accepted) = (None, None, None);
        reader.object(|reader, name| match (version, name) {
            (_, "x402Version") => reader.once(&mut number, Reader::number),
            (_, "payload") => reader.once(&mut payload, Reader::raw),
            (Version::V1, "scheme") => reader.once(&mut scheme, Reader::text),
            (Version::V1, "network") => reader.once(&mut network, Reader::text),
            (Version::V2, "accepted") => {
                let mut known = |reader: &mut Reader<'a>| reader.known(know.take()?);
                reader.once(&mut accepted, |reader| match known(reader) {
                    Some(accepted) => Ok(accepted),
                    None => Accepted::parse(reader),
                })
            }
            (Version::V2, "resource") => {
                reader.once(&mut resource, |reader| reader.optional(Reader::raw))
            }
            (Version::V2, "extensions") => {
                reader.once(&mut extensions, |reader| reader.optional(Reader::raw))
            }
            _ => reader.skip(),
        })?;
        if Reader::need(number, "x402Version")? != version.number() {
            return Err(ReadError::version());
        }
        let accepted = match version {
            Version::V1 => Accepted {
                scheme: Reader::need(scheme, "scheme")?,
                network: Reader::need(network, "network")?,
                terms: None,
            },
            Version::V2 => Reader::need(accepted, "accepted")?,
        };
        Ok(Self {
            version,
            json,
            accepted,
            payload: Reader::need(payload, "payload")?,
            resource: resource.flatten(),
            extensions: extensions.flatten(),
        })
    }
}

impl<'a> Accepted<'a> {
    fn parse(reader: &mut Reader<'a>) -> Result<Self, ReadError> {
        let (mut scheme, mut network, mut amount, mut asset) = (None, None, None, None);
        let (mut pay_to, mut max_timeout_seconds, mut extra) = (None, None, None);
        reader.object(|reader, name| match name {
            "scheme" => reader.once(&mut scheme, Reader::text),
            "network" => reader.once(&mut network, Reader::text),
            "amount" => reader.once(&mut amount, Reader::text),
            "asset" => reader.once(&mut asset, Reader::text),
            "payTo" => reader.once(&mut pay_to, Reader::text),
            "maxTimeoutSeconds" => reader.once(&mut max_timeout_seconds, |reader| {
                reader.optional(Reader::number)
            }),
            "extra" => reader.once(&mut extra, |reader| reader.optional(Reader::raw)),
            _ => reader.skip(),
        })?;
        Ok(Self {
            scheme: Reader::need(scheme, "scheme")?,
            network: Reader::need(network, "network")?,
            terms: Some(AcceptedTerms {
                amount: Reader::need(amount, "amount")?,
                asset: Reader::need(asset, "asset")?,
                pay_to: Reader::need(pay_to, "payTo")?,
                max_timeout_seconds: max_timeout_seconds.flatten(),
                extra: extra.flatten(),
            }),
        })
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
