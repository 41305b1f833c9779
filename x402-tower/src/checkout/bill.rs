//! What an answer costs in the end.

use super::admit::{Good, Paid, Sale};
use super::meter::Meter;
use crate::ledger::Receipt;
use crate::log::{self, Chain};
use crate::money::Amount;
use crate::proto::SettleResponse;

/// What becomes of a sale whose answer is worth its price.
#[derive(Debug)]
pub(crate) enum Bill {
    /// The money is to move: as much as its intent says.
    Charge,
    /// The handler has metered nothing. No money moves, and this says so.
    Nothing(Receipt),
    /// The facilitator cannot be asked for what was metered.
    Broken,
}

impl Sale {
    /// Reads the meter, if there is one. Who has one and says nothing means all of it.
    pub(crate) fn bill(&mut self) -> Bill {
        let metered = self.meter.as_ref().and_then(Meter::end);
        match metered {
            None => Bill::Charge,
            Some(amount) if amount.is_zero() => Bill::Nothing(self.receipt_of_nothing()),
            Some(amount) => match self.good.charge(amount) {
                Ok(()) => Bill::Charge,
                Err(error) => {
                    log::error!("a facilitator cannot be asked for what was metered"; error = Chain(&error));
                    Bill::Broken
                }
            },
        }
    }

    /// Nothing is charged for this answer, and the payment is given back.
    pub(crate) fn let_go(self) {
        self.end_meter();
        self.claim.let_go();
    }

    /// What is metered from now on is too late.
    pub(super) fn end_meter(&self) {
        if let Some(meter) = &self.meter {
            meter.end();
        }
    }

    /// What facilitators answer who are asked to settle nothing, so that nobody has to ask them.
    fn receipt_of_nothing(&self) -> Receipt {
        let identified = &self.good.identified;
        let network = identified.asset.network.to_string();
        let payer = identified.authorization.payer.to_string();
        let mut answer = SettleResponse::settled(network, payer, "");
        answer.amount = Some(Amount::ZERO);
        Receipt::new(answer)
    }
}

impl Paid {
    /// The handler has answered. What was charged stays so, and what is metered now is as late as it was the first time.
    pub(crate) fn end_meter(&self) {
        if let Some(meter) = self.payment.meter() {
            meter.end();
        }
    }
}

impl Good {
    /// So much is charged in the end, and nothing else is asked for from now on.
    fn charge(&mut self, amount: Amount) -> Result<(), serde_json::Error> {
        if amount != self.amount {
            self.call = self.call.with_amount(amount)?;
            self.amount = amount;
        }
        Ok(())
    }
}
