//! How a receipt is written into a header.
//!
//! Every paid answer has one, so it is written out here: this takes a third of the instructions of `serde_json`, which
//! looks at every byte of a text by itself. The tests hold it against that.

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
    let mut encoder = Encoder::new();
    encoder.push(if *success {
        br#"{"success":true"#
    } else {
        br#"{"success":false"#
    });
    let amount = amount.map(|amount| amount.to_string());
    for (name, value) in [
        (r#","errorReason":""#, error_reason.as_deref()),
        (r#","errorMessage":""#, error_message.as_deref()),
        (r#","payer":""#, payer.as_deref()),
        (r#","transaction":""#, Some(&**transaction)),
        (r#","network":""#, Some(&**network)),
        (r#","amount":""#, amount.as_deref()),
    ] {
        if let Some(value) = value {
            encoder.push(name.as_bytes());
            encoder.push(escaped(value).as_bytes());
            encoder.push(b"\"");
        }
    }
    if let Some(extensions) = extensions {
        encoder.push(br#","extensions":"#);
        encoder.push(json(extensions)?.as_bytes());
    }
    if !rest.is_empty() {
        // The members without their braces.
        let rest = json(rest)?;
        encoder.push(b",");
        encoder.push(rest.get(1..rest.len() - 1)?.as_bytes());
    }
    encoder.push(b"}");
    HeaderValue::from_maybe_shared(Bytes::from(encoder.finish())).ok()
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
