//! Settled payments, folded small: a million of them are remembered at a time, and hardly any is ever asked for again.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::text;
use crate::hex::trimmed;
use crate::ledger::{ATTENDED_FOR, BodyDigest, Delivery, KeptAnswer, Receipt, Settled};
use crate::money::Amount;
use crate::proto::SettleResponse;

/// A settled payment as it is remembered.
#[derive(Debug)]
pub(super) struct Remembered {
    word: Word,
    /// What most payments have nothing of.
    more: Option<Box<More>>,
    keep_until: Seconds,
    owed_until: Seconds,
    /// Until when somebody is known to attend to it, if its answer is on its way.
    attended: Seconds,
    pub(super) delivery: Delivery,
    /// Whether it is given once more, though it was delivered.
    again: bool,
    answered: bool,
    body_is_empty: bool,
}

/// The facilitator's word, and how much was paid.
#[derive(Debug)]
enum Word {
    Packed(Box<[u8]>),
    /// It says more than usual.
    Whole(Arc<(Receipt, Amount)>),
}

#[derive(Debug, Default)]
struct More {
    answer: Option<KeptAnswer>,
    body: Option<BodyDigest>,
}

/// Whole seconds since 1970, until the year 2106. Something that ends, ends a little later so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seconds(u32);

impl Seconds {
    pub(super) const BEGINNING: Self = Self(0);

    pub(super) fn after(time: Duration) -> Self {
        let part = u64::from(time.subsec_nanos() > 0);
        let seconds = time.as_secs().saturating_add(part);
        Self(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    /// Until when somebody attends to something who was heard just now.
    pub(super) fn attended_from(now: Duration) -> Self {
        Self::after(now + ATTENDED_FOR)
    }

    /// Whether this is over.
    pub(super) fn is_over(self, now: Duration) -> bool {
        self.time() <= now
    }

    /// So much later as one time is after another.
    const fn later(self, from: Self, to: Self) -> Self {
        Self(self.0.saturating_add(to.0.saturating_sub(from.0)))
    }

    fn time(self) -> Duration {
        Duration::from_secs(self.0.into())
    }
}

impl Remembered {
    pub(super) fn new(settled: &Settled, now: Duration) -> Self {
        let mut remembered = Self {
            word: Word::new(&settled.receipt, settled.amount),
            more: None,
            keep_until: Seconds::after(settled.keep_until),
            owed_until: Seconds::after(settled.owed_until),
            attended: Seconds::attended_from(now),
            delivery: settled.delivery,
            again: false,
            answered: settled.answered,
            body_is_empty: false,
        };
        remembered.set_body(settled.body);
        remembered.set_answer(settled.answer.as_ref());
        remembered
    }

    /// Unfolds it.
    pub(super) fn settled(&self) -> Arc<Settled> {
        let (receipt, amount) = self.word.read();
        let mut settled = Settled::new(receipt, amount, self.keep_until.time());
        settled.owed_until = self.owed_until.time();
        settled.delivery = self.delivery;
        settled.answered = self.answered;
        settled.answer = self.answer().cloned();
        settled.body = self.body();
        Arc::new(settled)
    }

    /// What is known of the body of its request.
    pub(super) fn body(&self) -> BodyDigest {
        match self.more.as_deref().and_then(|more| more.body) {
            Some(body) => body,
            None if self.body_is_empty => EMPTY,
            None => BodyDigest::UNREAD,
        }
    }

    /// The answer, if it is kept.
    pub(super) fn answer(&self) -> Option<&KeptAnswer> {
        self.more.as_deref()?.answer.as_ref()
    }

    /// Keeps an answer, or none.
    pub(super) fn set_answer(&mut self, answer: Option<&KeptAnswer>) {
        if self.answer().is_some() || answer.is_some() {
            self.more.get_or_insert_default().answer = answer.cloned();
        }
    }

    pub(super) const fn answered(&mut self) {
        self.answered = true;
    }

    pub(super) fn set_body(&mut self, body: BodyDigest) {
        self.body_is_empty = body == EMPTY;
        let is_said = self.body_is_empty || body == BodyDigest::UNREAD;
        if self.more.is_some() || !is_said {
            self.more.get_or_insert_default().body = (!is_said).then_some(body);
        }
    }

    /// Whether somebody is giving its answer.
    pub(super) fn is_attended(&self, now: Duration) -> bool {
        self.is_on_its_way() && !self.attended.is_over(now)
    }

    fn is_on_its_way(&self) -> bool {
        self.delivery == Delivery::Running || self.again
    }

    /// Whether nothing about it has to be remembered any more.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        self.keep_until.is_over(now) && !self.is_attended(now)
    }

    /// Somebody gives its answer, or has done so until now. For so long as that the time stands still for which it is kept, and
    /// owed.
    pub(super) fn attend(&mut self, now: Duration) {
        if self.is_on_its_way() && !self.is_over(now) {
            let until = Seconds::attended_from(now);
            self.keep_until = self.keep_until.later(self.attended, until);
            self.owed_until = self.owed_until.later(self.attended, until);
            self.attended = until;
        }
    }

    /// Somebody begins to give its answer once more.
    pub(super) fn begin_again(&mut self, now: Duration) {
        self.attended = Seconds::attended_from(now);
        if self.delivery == Delivery::Delivered {
            self.again = true;
        } else {
            self.delivery = Delivery::Running;
        }
    }

    /// So it ended. What was delivered once stays so, whatever became of it now.
    pub(super) fn end(&mut self, delivery: Delivery, now: Duration) {
        self.attend(now);
        self.again = false;
        if self.delivery != Delivery::Delivered {
            self.delivery = delivery;
        }
    }

    /// Whether its buyer has a right to something that was not delivered.
    pub(super) fn is_owed(&self, now: Duration) -> bool {
        self.may_be_owed() && !self.owed_until.is_over(now) && !self.is_attended(now)
    }

    /// Whether that can still come to be so.
    pub(super) fn may_be_owed(&self) -> bool {
        self.delivery != Delivery::Delivered
    }
}

/// There is no body, and nobody has to look at it.
const EMPTY: BodyDigest = BodyDigest::new(0, true, None);

impl Word {
    fn new(receipt: &Receipt, amount: Amount) -> Self {
        pack(receipt.message(), amount).map_or_else(
            || Self::Whole(Arc::new((receipt.clone(), amount))),
            Self::Packed,
        )
    }

    fn read(&self) -> (Receipt, Amount) {
        match self {
            Self::Packed(packed) => unpack(packed),
            Self::Whole(whole) => (whole.0.clone(), whole.1),
        }
    }
}

/// A plain success, in one piece: who paid, how, where, and how much.
fn pack(answer: &SettleResponse, amount: Amount) -> Option<Box<[u8]>> {
    let SettleResponse {
        success: true,
        error_reason: None,
        error_message: None,
        payer: Some(payer),
        transaction,
        network,
        amount: None,
        extensions: None,
        rest,
    } = answer
    else {
        return None;
    };
    if !rest.is_empty() {
        return None;
    }
    // What is longer is not plain.
    let mut room = [0; 256];
    let mut left = &mut room[..];
    text::pack(&mut left, payer)?;
    text::pack(&mut left, transaction)?;
    text::pack(&mut left, network)?;
    let amount = amount.to_be_bytes();
    left.write_all(trimmed(&amount)).ok()?;
    let unused = left.len();
    Some(room[..room.len() - unused].into())
}

fn unpack(packed: &[u8]) -> (Receipt, Amount) {
    let mut rest = packed;
    let [payer, transaction, network] = [(); 3].map(|()| text::unpack(&mut rest));
    let mut amount = [0; 32];
    let zeros = amount.len().saturating_sub(rest.len());
    amount[zeros..].copy_from_slice(rest);
    let answer = SettleResponse::settled(network, payer, transaction);
    (Receipt::new(answer), Amount::from_be_bytes(amount))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;

    #[test]
    fn nothing_ends_before_its_time() {
        let second = Duration::from_secs(1);
        for time in [second, second / 2, second * 5 / 2] {
            let until = Seconds::after(time);
            assert!(!until.is_over(time - Duration::from_nanos(1)));
            assert!(until.is_over(time + second));
        }
        for far in [second * u32::MAX, second * u32::MAX * 2, Duration::MAX] {
            assert!(!Seconds::after(far).is_over(Duration::from_secs(1_790_000_000)));
        }
    }

    #[test]
    fn the_last_word_about_a_body_counts() {
        let receipt = Receipt::new(SettleResponse::settled("eip155:8453", "0x01", "0x02"));
        let settled = Settled::new(receipt, Amount::ZERO, Duration::ZERO);
        let mut remembered = Remembered::new(&settled, Duration::ZERO);
        let some = BodyDigest::new(3, true, Some(Digest::from_bytes([9; 32])));
        for body in [
            BodyDigest::UNREAD,
            EMPTY,
            some,
            EMPTY,
            some,
            BodyDigest::UNREAD,
        ] {
            remembered.set_body(body);
            assert_eq!(remembered.body(), body);
        }
    }
}
