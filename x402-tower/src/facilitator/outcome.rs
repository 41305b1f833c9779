use std::borrow::Cow;
use std::fmt;

use super::FacilitatorError;
use crate::money::{Address, Amount, Network};
use crate::proto::{Object, SettleResponse, VerifyResponse};
use crate::redacted::excerpt;
use crate::scheme::{Meaning, Scheme};

/// A reason of the protocol: a machine word, safe to show to anybody.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Reason(Cow<'static, str>);

impl Reason {
    /// A reason of our own.
    pub const fn new(reason: &'static str) -> Self {
        Self(Cow::Borrowed(reason))
    }

    /// The reason that somebody else gave, if it is a word of the protocol; else `otherwise`. Anything longer or freer
    /// may hold names, addresses and credentials of machines that are none of a client's business.
    pub fn given(reason: Option<&str>, otherwise: &'static str) -> Self {
        match reason {
            Some(reason) if is_word(reason) => Self(Cow::Owned(reason.to_owned())),
            _ => Self::new(otherwise),
        }
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_word(reason: &str) -> bool {
    (1..=80).contains(&reason.len())
        && reason.starts_with(|c: char| c.is_ascii_lowercase())
        && reason
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reason({self})")
    }
}

/// What a facilitator's answer is held against.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Expected<'a> {
    /// Knows what the reasons mean.
    pub scheme: &'a dyn Scheme,
    /// Where the money is to move.
    pub network: &'a Network,
    /// Who pays.
    pub payer: &'a Address,
    /// How much is charged.
    pub amount: Amount,
}

impl<'a> Expected<'a> {
    /// Expects this payment.
    pub const fn new(
        scheme: &'a dyn Scheme,
        network: &'a Network,
        payer: &'a Address,
        amount: Amount,
    ) -> Self {
        Self {
            scheme,
            network,
            payer,
            amount,
        }
    }

    fn is_payer(&self, payer: Option<&str>) -> bool {
        payer.is_none_or(|payer| self.payer.is_spelled(payer))
    }
}

/// What the answer to `/verify` proves.
#[derive(Debug)]
#[non_exhaustive]
pub enum Verification {
    /// The payment is good.
    Valid,
    /// The payment is no good.
    Invalid {
        /// Why.
        reason: Reason,
        /// Whether the signature was found to be the payer's.
        payer_proved: bool,
    },
    /// What may be used once is used up, not by us.
    AlreadyUsed,
    /// Nothing: there is no answer, or none that fits the question.
    Unavailable(FacilitatorError),
}

impl Verification {
    /// Judges an answer.
    pub fn judge(
        answer: Result<VerifyResponse, FacilitatorError>,
        expected: &Expected<'_>,
    ) -> Self {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Self::Unavailable(error),
        };
        if !expected.is_payer(answer.payer.as_deref()) {
            return Self::Unavailable(FacilitatorError::unreadable("it names another payer"));
        }
        let reason = answer.invalid_reason.as_deref();
        match (answer.is_valid, reason) {
            (true, _) => Self::Valid,
            // The facilitator's own trouble says nothing about the payment.
            (false, Some("unexpected_verify_error" | "unexpected_error")) => {
                let message = answer.invalid_message.unwrap_or_default();
                Self::Unavailable(FacilitatorError::unreadable(format!(
                    "{:?}",
                    excerpt(&message)
                )))
            }
            (false, Some(used)) if expected.scheme.meaning(used) == Meaning::AlreadyUsed => {
                Self::AlreadyUsed
            }
            (false, reason) => Self::Invalid {
                payer_proved: reason.is_some_and(|reason| expected.scheme.proves_payer(reason)),
                reason: Reason::given(reason, "invalid_payment"),
            },
        }
    }
}

/// What earlier attempts to settle the same payment have left open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Open {
    /// There was none, or none that can have reached the chain.
    Nothing,
    /// This transaction was sent, and is not included yet.
    Pending(String),
    /// The money may have moved.
    Unknown,
}

/// What the answer to `/settle` proves.
///
/// Facilitators report a broadcast that timed out, a charge that went through before, and an expired payment that was
/// charged, all as plain failures. So a failure counts only if it was decided before anything was sent, and only if no
/// earlier attempt of our own can have sent anything.
#[derive(Debug)]
#[non_exhaustive]
pub enum Settlement {
    /// The money has moved.
    Settled(SettleResponse),
    /// The money has not moved and will not.
    Refused(Reason),
    /// This transaction was sent and is not included yet.
    Pending(String),
    /// What may be used once is used up, and an earlier attempt of ours may have done it.
    ProbablySettled,
    /// What may be used once is used up, and not by us.
    AlreadyUsed,
    /// The money may have moved.
    Unknown(Option<FacilitatorError>),
    /// Nothing was sent, so another try is safe.
    NotSent(FacilitatorError),
}

impl Settlement {
    /// Judges an answer.
    pub fn judge(
        answer: Result<SettleResponse, FacilitatorError>,
        expected: &Expected<'_>,
        open: &Open,
    ) -> Self {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.is_not_sent() => return Self::NotSent(error),
            Err(error) => return Self::Unknown(Some(error)),
        };
        if answer.success {
            return Self::success(answer, expected);
        }
        let reason = answer.error_reason.as_deref().unwrap_or_default();
        let named = is_transaction(&answer.transaction);
        // A facilitator that could not note down a pending transaction says so in the message alone.
        let pending = reason == "settlement_pending"
            || answer
                .error_message
                .as_deref()
                .is_some_and(|text| text.contains("settlement_pending"));
        if pending {
            return if named {
                Self::Pending(answer.transaction)
            } else {
                Self::Unknown(None)
            };
        }
        let refused = || Self::Refused(Reason::given(Some(reason), "settlement_failed"));
        match (expected.scheme.meaning(reason), open) {
            (Meaning::NotSent, Open::Nothing) => refused(),
            (Meaning::Reverted, Open::Nothing) if named => refused(),
            (Meaning::Reverted, Open::Pending(ours)) if *ours == answer.transaction => refused(),
            (Meaning::AlreadyUsed, Open::Nothing) => Self::AlreadyUsed,
            (Meaning::AlreadyUsed, Open::Pending(_) | Open::Unknown) => Self::ProbablySettled,
            (Meaning::NotSent | Meaning::Reverted | Meaning::Nothing, _) => Self::Unknown(None),
        }
    }

    fn success(answer: SettleResponse, expected: &Expected<'_>) -> Self {
        let network = answer.network.is_empty()
            || answer
                .network
                .parse::<Network>()
                .is_ok_and(|network| network == *expected.network);
        let transaction = is_transaction(&answer.transaction)
            || answer.transaction.is_empty() && !expected.scheme.has_transaction();
        // Less than was asked for is no harm to the buyer, where the price is only a limit.
        let amount = answer.amount.is_none_or(|amount| {
            amount == expected.amount || amount < expected.amount && expected.scheme.is_metered()
        });
        let doubt = match (
            network,
            transaction,
            amount,
            expected.is_payer(answer.payer.as_deref()),
        ) {
            (true, true, true, true) => return Self::Settled(bounded(answer)),
            (false, ..) => "it settled on another network",
            (_, false, ..) => "it names no transaction",
            (_, _, false, _) => "it charged another amount",
            (_, _, _, false) => "it names another payer",
        };
        Self::Unknown(Some(FacilitatorError::unreadable(doubt)))
    }
}

/// Something that can be looked up, in whatever way its chain writes it.
fn is_transaction(text: &str) -> bool {
    // Without a way out before the end, compilers make vector instructions of this.
    let all_graphic = |text: &str| {
        text.bytes()
            .fold(true, |all, byte| all & byte.is_ascii_graphic())
    };
    (1..=256).contains(&text.len()) && all_graphic(text)
}

/// A success without what is none of it, and without more beside it than fits a header: it has moved money all the same.
fn bounded(mut answer: SettleResponse) -> SettleResponse {
    const MOST: usize = 2 << 10;
    let is_long =
        |object: &Object| serde_json::to_string(object).map_or(true, |json| json.len() > MOST);
    answer.error_reason = None;
    answer.error_message = None;
    if !answer.rest.is_empty() && is_long(&answer.rest) {
        answer.rest = Object::new();
    }
    if answer.extensions.as_ref().is_some_and(is_long) {
        answer.extensions = None;
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::{ExactEvm, UptoEvm};

    const PAYER: Address = Address::evm([0x22; 20]);
    const EXPECTED: Expected<'static> = Expected {
        scheme: &ExactEvm,
        network: &Network::BASE,
        payer: &PAYER,
        amount: Amount::ZERO,
    };

    fn judge(answer: &str, open: &Open) -> Settlement {
        Settlement::judge(Ok(serde_json::from_str(answer).unwrap()), &EXPECTED, open)
    }

    fn failed(reason: &str, transaction: &str, open: &Open) -> Settlement {
        judge(
            &format!(
                r#"{{"success":false,"errorReason":"{reason}","transaction":"{transaction}","network":"base"}}"#
            ),
            open,
        )
    }

    #[test]
    fn success_has_to_fit() {
        let payer = PAYER.to_string().to_lowercase();
        let good = format!(
            r#"{{"success":true,"transaction":"0x1","network":"base","payer":"{payer}","amount":"0"}}"#
        );
        assert!(matches!(
            judge(&good, &Open::Nothing),
            Settlement::Settled(_)
        ));
        assert!(matches!(
            judge(&good.replace("base", "eip155:8453"), &Open::Unknown),
            Settlement::Settled(_)
        ));
        for (from, to) in [
            ("base", "base-sepolia"),
            ("base", "nowhere"),
            ("0x1", ""),
            ("0x1", " "),
            ("0x1", "0x1\\r\\nset-cookie: a"),
            ("0x1", &"1".repeat(257)),
            (&payer[..6], "0x3333"),
            (r#""0""#, r#""1""#),
        ] {
            assert!(
                matches!(
                    judge(&good.replace(from, to), &Open::Nothing),
                    Settlement::Unknown(Some(_))
                ),
                "{to}"
            );
        }
        let long = "x".repeat(3000);
        let more = format!(
            r#"{{"errorReason":"none","errorMessage":"at 10.0.0.7","gas":"{long}","extensions":{{"a":"{long}"}},"#
        );
        for (more, kept) in [(more.clone(), 0), (more.replace(&long, "1"), 1)] {
            let answer = good.replacen('{', &more, 1);
            let Settlement::Settled(settled) = judge(&answer, &Open::Nothing) else {
                panic!("{answer}")
            };
            assert_eq!((settled.error_reason, settled.error_message), (None, None));
            assert_eq!(settled.rest.iter().count(), kept);
            assert_eq!(usize::from(settled.extensions.is_some()), kept);
        }
        let bare = r#"{"success":true,"transaction":"0x1","network":null,"payer":null}"#;
        assert!(matches!(
            judge(bare, &Open::Nothing),
            Settlement::Settled(_)
        ));
    }

    #[test]
    fn less_than_was_asked_for_fits_where_the_price_is_a_limit() {
        let charged = |scheme: &dyn Scheme, amount: u64| {
            let expected = Expected {
                scheme,
                amount: 10u64.into(),
                ..EXPECTED
            };
            let mut answer = SettleResponse::settled("base", PAYER.to_string(), "0x1");
            answer.amount = Some(amount.into());
            let settlement = Settlement::judge(Ok(answer), &expected, &Open::Nothing);
            matches!(settlement, Settlement::Settled(_))
        };
        assert_eq!(
            [9, 10, 11].map(|amount| charged(&ExactEvm, amount)),
            [false, true, false]
        );
        assert_eq!(
            [9, 10, 11].map(|amount| charged(&UptoEvm, amount)),
            [true, true, false]
        );
    }

    #[test]
    fn a_refusal_counts_only_while_nothing_of_ours_is_open() {
        let reason = "invalid_exact_evm_insufficient_balance";
        assert!(matches!(
            failed(reason, "", &Open::Nothing),
            Settlement::Refused(_)
        ));
        assert!(matches!(
            failed(reason, "", &Open::Unknown),
            Settlement::Unknown(None)
        ));
        assert!(matches!(
            failed(reason, "", &Open::Pending("0x1".into())),
            Settlement::Unknown(None)
        ));
    }

    #[test]
    fn a_failed_transaction_counts_only_if_it_is_the_one() {
        let reason = "invalid_exact_evm_transaction_failed";
        assert!(matches!(
            failed(reason, "0x1", &Open::Nothing),
            Settlement::Refused(_)
        ));
        assert!(matches!(
            failed(reason, "", &Open::Nothing),
            Settlement::Unknown(None)
        ));
        assert!(matches!(
            failed(reason, "0x1", &Open::Pending("0x1".into())),
            Settlement::Refused(_)
        ));
        assert!(matches!(
            failed(reason, "0x2", &Open::Pending("0x1".into())),
            Settlement::Unknown(None)
        ));
        assert!(matches!(
            failed(reason, "0x1", &Open::Unknown),
            Settlement::Unknown(None)
        ));
        let downgraded = r#"{"success":false,"errorReason":"invalid_exact_evm_transaction_failed",
            "errorMessage":"settlement_pending, but failed to persist for retry","transaction":"0x1","network":"base"}"#;
        assert!(matches!(
            judge(downgraded, &Open::Nothing),
            Settlement::Pending(_)
        ));
    }

    #[test]
    fn pending_needs_a_transaction() {
        assert!(matches!(
            failed("settlement_pending", "0x1", &Open::Nothing),
            Settlement::Pending(_)
        ));
        for none in ["", "not a word", &"1".repeat(257)] {
            assert!(matches!(
                failed("settlement_pending", none, &Open::Nothing),
                Settlement::Unknown(None)
            ));
        }
    }

    #[test]
    fn a_used_nonce_is_ours_only_if_we_tried() {
        let reason = "invalid_exact_evm_nonce_already_used";
        assert!(matches!(
            failed(reason, "", &Open::Nothing),
            Settlement::AlreadyUsed
        ));
        assert!(matches!(
            failed(reason, "", &Open::Unknown),
            Settlement::ProbablySettled
        ));
    }

    #[test]
    fn no_answer_is_safe_to_repeat_only_if_nothing_was_sent() {
        let lost = Settlement::judge(
            Err(FacilitatorError::lost("reset")),
            &EXPECTED,
            &Open::Nothing,
        );
        assert!(matches!(lost, Settlement::Unknown(Some(_))));
        let refused = Settlement::judge(
            Err(FacilitatorError::not_sent("refused")),
            &EXPECTED,
            &Open::Nothing,
        );
        assert!(matches!(refused, Settlement::NotSent(_)));
    }

    #[test]
    fn what_is_shown_is_a_word() {
        for reason in [
            None,
            Some(""),
            Some("connect to 10.0.0.7 failed"),
            Some("Payment_x"),
            Some("a\"b"),
        ] {
            assert_eq!(Reason::given(reason, "otherwise").as_str(), "otherwise");
        }
        assert_eq!(
            Reason::given(Some("insufficient_funds"), "otherwise").as_str(),
            "insufficient_funds"
        );
    }
}
