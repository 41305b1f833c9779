//! How a receipt is written into a header.
//!
//! Every paid answer has one, so it is written out here: this takes a third of the instructions of `serde_json`, which
//! looks at every byte of a text by itself. The tests hold it against that.

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderValue;
use serde::Serialize;

use super::SettleResponse;
use super::base64::Encoder;
use super::header::escaped;

/// The value of the header that a receipt travels in; nothing if it has no spelling in JSON.
pub(crate) fn encode(receipt: &SettleResponse) -> Option<HeaderValue> {
    let SettleResponse {
        success,
        error_reason,
        error_message,
        payer,
        transaction,
        network,
        amount,
        extensions,
        rest,
    } = receipt;
    let amount = amount.map(|amount| amount.to_string());
    let rest = if rest.is_empty() {
        String::new()
    } else {
        json(rest)?
    };
    let pieces = [
        text(r#","errorReason":""#, error_reason.as_deref()),
        text(r#","errorMessage":""#, error_message.as_deref()),
        text(r#","payer":""#, payer.as_deref()),
        text(r#","transaction":""#, Some(transaction)),
        text(r#","network":""#, Some(network)),
        text(r#","amount":""#, amount.as_deref()),
        match extensions {
            Some(extensions) => [
                r#","extensions":"#.into(),
                json(extensions)?.into(),
                "".into(),
            ],
            None => NOTHING,
        },
        // The members without their braces.
        match rest.get(1..rest.len().saturating_sub(1)) {
            Some(members) => [",".into(), members.into(), "".into()],
            None => NOTHING,
        },
    ];
    let head = if *success {
        r#"{"success":true"#
    } else {
        r#"{"success":false"#
    };
    let pieces = pieces.as_flattened();
    let length = pieces.iter().map(|piece| piece.len()).sum::<usize>();
    let mut encoder = Encoder::new(head.len() + length + 1);
    encoder.push(head.as_bytes());
    for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
        encoder.push(piece.as_bytes());
    }
    encoder.push(b"}");
    HeaderValue::from_maybe_shared(Bytes::from(encoder.finish())).ok()
}

type Member<'a> = [Cow<'a, str>; 3];

const NOTHING: Member<'_> = [const { Cow::Borrowed("") }; 3];

/// A member that is text, behind its name and the quotation mark that it begins with.
fn text<'a>(name: &'static str, value: Option<&'a str>) -> Member<'a> {
    match value {
        Some(value) => [name.into(), escaped(value), "\"".into()],
        None => NOTHING,
    }
}

fn json(value: &impl Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::*;
    use crate::money::Amount;
    use crate::proto::{Object, header};

    fn object() -> impl Strategy<Value = Object> {
        proptest::collection::vec(("[a-z]{1,3}", ".{0,3}"), 0..3).prop_map(|members| {
            members.iter().fold(Object::new(), |object, (name, text)| {
                object.with_text(name, text)
            })
        })
    }

    proptest! {
        #[test]
        fn agrees_with_serde(
            success: bool,
            texts in proptest::array::uniform5(option::of("[a-z]{0,9}|.{0,9}")),
            amount in option::of(any::<u64>()),
            extensions in option::of(object()),
            rest in object(),
        ) {
            let [error_reason, error_message, payer, transaction, network] = texts;
            let receipt = SettleResponse {
                success,
                error_reason,
                error_message,
                payer,
                transaction: transaction.unwrap_or_default(),
                network: network.unwrap_or_default(),
                amount: amount.map(Amount::from),
                extensions,
                rest,
            };
            let expected = header::encode(&receipt).unwrap();
            prop_assert_eq!(encode(&receipt).unwrap(), expected);
        }
    }
}
