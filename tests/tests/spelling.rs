//! Headers that hold anything, and payments in any words.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use x402_tower::money::{Address, Network};
use x402_tower::proto::{Presented, SettleResponse, Version, header, v1, v2};
use x402_tower::scheme::{Authorization, ExactEvm, Scheme as _};

const TOKEN: [u8; 20] = [0x77; 20];

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    /// Nothing that a client sends is more than an error.
    #[test]
    fn any_header_is_read_or_refused(
        value in prop_oneof![vec(any::<u8>(), 0..200), "[A-Za-z0-9+/=_-]{0,200}".prop_map(String::into_bytes)],
        limit in 0..300usize,
    ) {
        let read = header::decode::<Value>(&value, limit);
        if value.len() > limit {
            prop_assert!(read.unwrap_err().is_too_large());
        }
        let _ = header::decode::<v2::PaymentPayload>(&value, limit);
        let _ = header::decode::<v1::PaymentPayload>(&value, limit);
        let _ = header::decode::<v2::PaymentRequired>(&value, limit);
        let _ = header::decode::<SettleResponse>(&value, limit);
    }

    /// Neither is anything that it says in JSON.
    #[test]
    fn any_json_is_read_or_refused(json in any_json(4)) {
        let text = json.to_string();
        for version in [Version::V1, Version::V2] {
            if let Ok(presented) = Presented::read(version, text.as_bytes()) {
                let _ = ExactEvm.read(&presented, &Network::BASE, &Address::evm(TOKEN));
            }
        }
    }

    /// What is encoded comes back, in either alphabet, with or without padding.
    #[test]
    fn a_message_comes_back_in_every_spelling(json in any_json(3), url_safe: bool, padded: bool) {
        let encoded = header::encode(&json).unwrap();
        let mut spelled = encoded.clone();
        if url_safe {
            spelled = spelled.replace('+', "-").replace('/', "_");
        }
        if !padded {
            spelled = spelled.trim_end_matches('=').to_owned();
        }
        prop_assert_eq!(&header::decode::<Value>(spelled.as_bytes(), encoded.len()).unwrap(), &json);
        let mut cut = encoded;
        cut.truncate(cut.trim_end_matches('=').len() - 1);
        prop_assert!(header::decode::<Value>(cut.as_bytes(), 1 << 20).ok() != Some(json) || cut.is_empty());
    }

    /// However it is spelled, a payment is one payment.
    #[test]
    fn a_payment_is_the_same_in_all_words(signed in signed(), mut words in words(), v1: bool) {
        let usual = signed.read(&mut Words::usual(), false);
        let other = signed.read(&mut words, v1);
        prop_assert_eq!(other.key, usual.key);
        prop_assert_eq!(other.proof, usual.proof);
        prop_assert_eq!(
            (other.payer, other.pay_to, other.amount, other.asset, other.valid_after, other.valid_before),
            (usual.payer, usual.pay_to, usual.amount, usual.asset, usual.valid_after, usual.valid_before)
        );
    }

    /// Whatever is changed of what was signed, it is another payment or another proof.
    #[test]
    fn a_change_is_never_overlooked(signed in signed(), mut words in words(), field in 0..7usize, flip in any::<prop::sample::Index>()) {
        let usual = signed.read(&mut Words::usual(), false);
        let mut changed = signed.clone();
        changed.flip(field, flip);
        let other = changed.read(&mut words, false);
        prop_assert_ne!((other.key, other.proof), (usual.key, usual.proof));
        // What a contract burns is what makes it another payment.
        prop_assert_eq!(other.key != usual.key, matches!(field, 0 | 1), "field {}", field);
    }

    /// On another chain, and with another token if that burns the nonce, it is another payment.
    #[test]
    fn a_payment_is_of_one_place(signed in signed()) {
        let usual = signed.read_at(&mut Words::usual(), false, &Network::BASE_SEPOLIA, TOKEN);
        let elsewhere = signed.read_at(&mut Words::usual(), false, &Network::BASE, TOKEN);
        prop_assert_ne!(usual.key, elsewhere.key);
        let with_other = signed.read_at(&mut Words::usual(), false, &Network::BASE_SEPOLIA, [0x78; 20]);
        prop_assert_eq!(usual.key == with_other.key, signed.over_permit2);
    }
}

/// What a buyer signs, whatever for.
#[derive(Clone, Debug)]
struct Signed {
    over_permit2: bool,
    from: [u8; 20],
    nonce: [u8; 16],
    to: [u8; 20],
    value: u64,
    valid_after: u32,
    valid_before: u32,
    signature: [u8; 65],
}

fn signed() -> impl Strategy<Value = Signed> {
    let numbers = (any::<u64>(), any::<u32>(), any::<u32>());
    let bytes = (any::<[u8; 20]>(), any::<[u8; 16]>(), any::<[u8; 20]>());
    let signature = (any::<[u8; 32]>(), any::<[u8; 32]>(), any::<u8>());
    (any::<bool>(), bytes, numbers, signature).prop_map(
        |(over_permit2, bytes, numbers, signature)| {
            let (from, nonce, to) = bytes;
            let (value, valid_after, valid_before) = numbers;
            let mut all = [0; 65];
            all[..32].copy_from_slice(&signature.0);
            all[32..64].copy_from_slice(&signature.1);
            all[64] = signature.2;
            Signed {
                over_permit2,
                from,
                nonce,
                to,
                value,
                valid_after,
                valid_before,
                signature: all,
            }
        },
    )
}

impl Signed {
    /// Changes one bit.
    fn flip(&mut self, field: usize, at: prop::sample::Index) {
        fn bit(bytes: &mut [u8], at: prop::sample::Index) {
            let bit = at.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        match field {
            0 => bit(&mut self.from, at),
            1 => bit(&mut self.nonce, at),
            2 => bit(&mut self.to, at),
            3 => self.value ^= 1 << at.index(64),
            4 => self.valid_after ^= 1 << at.index(32),
            5 => self.valid_before ^= 1 << at.index(32),
            _ => bit(&mut self.signature, at),
        }
    }

    fn read(&self, words: &mut Words, v1: bool) -> Authorization {
        self.read_at(words, v1, &Network::BASE_SEPOLIA, TOKEN)
    }

    fn read_at(
        &self,
        words: &mut Words,
        v1: bool,
        network: &Network,
        token: [u8; 20],
    ) -> Authorization {
        let payload = self.payload(words);
        let message = if v1 {
            format!(
                r#"{{"x402Version":1,"scheme":"exact","network":"base-sepolia","payload":{payload}}}"#
            )
        } else {
            format!(
                r#"{{"x402Version":2,"payload":{payload},"accepted":{{"scheme":"exact","network":"eip155:84532",
                "amount":"1","asset":"0x","payTo":"0x","maxTimeoutSeconds":300}}}}"#
            )
        };
        let version = if v1 { Version::V1 } else { Version::V2 };
        let presented = Presented::read(version, message.as_bytes()).unwrap();
        ExactEvm
            .read(&presented, network, &Address::evm(token))
            .unwrap_or_else(|error| panic!("{error}: {message}"))
    }

    fn payload(&self, words: &mut Words) -> Box<RawValue> {
        let Self {
            from,
            to,
            value,
            valid_after,
            valid_before,
            ..
        } = self;
        let nonce = u128::from_be_bytes(self.nonce);
        let (from, to) = (words.hex(from), words.hex(to));
        let value = words.number(u128::from(*value));
        let valid_after = words.number(u128::from(*valid_after));
        let valid_before = words.number(u128::from(*valid_before));
        let signature = words.hex(&self.signature);
        let payload = if self.over_permit2 {
            let proxy = x402_tower::scheme::PERMIT2_EXACT_PROXY
                .to_evm_bytes()
                .unwrap();
            json!({
                "signature": signature,
                "permit2Authorization": {
                    "from": from,
                    "permitted": { "token": words.hex(&TOKEN), "amount": value },
                    "spender": words.hex(&proxy),
                    "nonce": words.number(nonce),
                    "deadline": valid_before,
                    "witness": { "to": to, "validAfter": valid_after },
                },
            })
        } else {
            let mut bytes = [0; 32];
            bytes[16..].copy_from_slice(&self.nonce);
            json!({
                "signature": signature,
                "authorization": {
                    "from": from, "to": to, "value": value, "validAfter": valid_after,
                    "validBefore": valid_before, "nonce": words.hex(&bytes),
                },
            })
        };
        RawValue::from_string(words.say(&payload, true)).unwrap()
    }
}

/// How something is said that can be said in many ways. Choices come from a list, and are the usual ones when that is empty.
#[derive(Clone, Debug)]
struct Words(Vec<u8>);

fn words() -> impl Strategy<Value = Words> {
    vec(any::<u8>(), 0..600).prop_map(Words)
}

impl Words {
    const fn usual() -> Self {
        Self(Vec::new())
    }

    fn choose(&mut self, of: u8) -> u8 {
        self.0.pop().map_or(0, |choice| choice % of)
    }

    fn hex(&mut self, bytes: &[u8]) -> String {
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let digits = digits.map(|digit| {
            let digit = char::from_digit(digit.into(), 16).unwrap();
            if self.choose(2) == 0 {
                digit
            } else {
                digit.to_ascii_uppercase()
            }
        });
        let digits: String = digits.collect();
        format!("0x{digits}")
    }

    fn number(&mut self, number: u128) -> String {
        format!("{}{number}", "0".repeat(self.choose(3).into()))
    }

    fn space(&mut self) -> &'static str {
        ["", " ", "\n", "\t ", "\r\n"][usize::from(self.choose(5))]
    }

    fn text(&mut self, text: &str) -> String {
        let mut out = String::from('"');
        for letter in text.chars() {
            match self.choose(6) {
                5 => out.push_str(&format!("\\u{:04X}", u32::from(letter))),
                4 => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
                _ => out.push(letter),
            }
        }
        out.push('"');
        out
    }

    /// JSON with any spaces, any order, any escapes, and members that nobody knows.
    fn say(&mut self, value: &Value, is_open: bool) -> String {
        let Value::Object(members) = value else {
            return self.text(value.as_str().unwrap());
        };
        let mut said = Vec::new();
        for (name, value) in members {
            let value = self.say(value, is_open);
            let (name, before, after) = (self.text(name), self.space(), self.space());
            let at = usize::from(self.choose(8)) % (said.len() + 1);
            said.insert(
                said.len() - at,
                format!("{before}{name}{after}:{before}{value}{after}"),
            );
        }
        if is_open && self.choose(3) == 1 {
            said.push(r#""note":[{"of":null},"nobody"]"#.to_owned());
        }
        format!("{{{}}}", said.join(","))
    }
}

fn any_json(depth: u32) -> impl Strategy<Value = Value> {
    const NAMES: &[&str] = &[
        "x402Version",
        "scheme",
        "network",
        "payload",
        "accepted",
        "resource",
        "extensions",
        "amount",
        "asset",
        "payTo",
        "maxTimeoutSeconds",
        "extra",
        "ref",
        "signature",
        "authorization",
        "permit2Authorization",
        "from",
        "to",
        "value",
        "validAfter",
        "validBefore",
        "nonce",
        "success",
        "transaction",
        "errorReason",
        "url",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!(1)),
        Just(json!(2)),
        Just(json!("exact")),
        Just(json!("eip155:8453")),
        Just(json!("base")),
        "[0-9a-fx]{0,70}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(depth, 40, 8, |inner| {
        let name = prop_oneof![9 => prop::sample::select(NAMES).prop_map(str::to_owned), 1 => any::<String>()];
        prop_oneof![
            1 => vec(inner.clone(), 0..4).prop_map(Value::from),
            4 => prop::collection::btree_map(name, inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
