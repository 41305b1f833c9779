//! Saying that somebody is here. Who settles a payment or gives its answer attends to it; a process that dies cannot say
//! so any more, and whoever else has the ledger knows then that its buyers are owed something.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::clock::{Elapsed, timeout};
use crate::ledger::{ATTENDED_FOR, Ledger as _, Token};
use crate::lock::lock;
use crate::log::{self, Chain};
use crate::panics;
use crate::scheme::Key;
use crate::spread::SpreadMap;
use crate::till::Till;

/// What this process attends to. It knows better than any ledger.
#[derive(Debug, Default)]
pub(crate) struct Attendance(Mutex<SpreadMap<Key, Attended>>);

#[derive(Debug)]
struct Attended {
    token: Token,
    /// When somebody else may have taken it over, if that can be.
    until: Option<Duration>,
    /// Most are over before anybody has to be told.
    lasts: bool,
}

impl Attendance {
    /// This process settles a payment, and may lose it at that time.
    pub(super) fn begin_to_settle(&self, token: Token, until: Duration) {
        self.put(token, Some(until));
    }

    /// This process gives the answer to a payment, and knows best how that ends.
    pub(crate) fn begin_to_answer(&self, token: Token) {
        self.put(token, None);
    }

    /// What this process has settled it answers, unless nobody waits for that any more.
    pub(super) fn goes_on_to_answer(&self, token: &Token) {
        if let Some(attended) = self.lock().get_mut(token.key())
            && attended.token.fence() == token.fence()
        {
            attended.until = None;
        }
    }

    fn put(&self, token: Token, until: Option<Duration>) {
        let attended = Attended {
            token,
            until,
            lasts: false,
        };
        self.lock().insert(*token.key(), attended);
    }

    pub(crate) fn end(&self, token: &Token) {
        let mut all = self.lock();
        if all
            .get(token.key())
            .is_some_and(|attended| attended.token.fence() == token.fence())
        {
            all.remove(token.key());
        }
    }

    pub(crate) fn has(&self, key: &Key, now: Duration) -> bool {
        let all = self.lock();
        all.get(key).is_some_and(|attended| attended.is_ours(now))
    }

    /// What was here already when this was asked last. What somebody else may have by now is forgotten.
    fn lasting(&self, now: Duration) -> Vec<Token> {
        let mut all = self.lock();
        all.retain(|_, attended| attended.is_ours(now));
        let lasted = |attended: &mut Attended| {
            std::mem::replace(&mut attended.lasts, true).then_some(attended.token)
        };
        all.values_mut().filter_map(lasted).collect()
    }

    fn lock(&self) -> MutexGuard<'_, SpreadMap<Key, Attended>> {
        lock(&self.0)
    }
}

impl Attended {
    fn is_ours(&self, now: Duration) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Tells the ledger again and again, as long as the till exists.
pub(crate) fn start(till: &Arc<Till>) {
    let weak = Arc::downgrade(till);
    let clock = Arc::clone(&till.clock);
    till.home.spawn(async move {
        loop {
            clock.sleep(PAUSE).await;
            let Some(till) = weak.upgrade() else {
                return;
            };
            let tokens = till.attendance.lasting(till.now());
            if tokens.is_empty() {
                continue;
            }
            // A ledger that does not answer is told again: it may have forgotten whom it has heard.
            let attended = panics::heard(till.ledger.attend(&tokens));
            match timeout(&*clock, ATTENDED_FOR, attended).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    log::warning!("the ledger does not hear who attends to payments"; error = Chain(&error));
                }
                Err(Elapsed) => log::warning!("the ledger does not answer who attends to payments"),
            }
        }
    });
}

/// Three fit into the time for which a payment counts as attended. Unlike any other pause, so that tests can tell who sleeps.
const PAUSE: Duration = Duration::from_millis(1300);

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key::from_bytes([1; 32]);
    const NOW: Duration = Duration::from_secs(1_790_000_000);

    #[test]
    fn only_what_lasts_is_told() {
        let attendance = Attendance::default();
        attendance.begin_to_answer(Token::new(KEY, 1));
        assert!(attendance.has(&KEY, NOW) && attendance.lasting(NOW).is_empty());
        assert_eq!(attendance.lasting(NOW), [Token::new(KEY, 1)]);
        attendance.end(&Token::new(KEY, 1));
        assert!(!attendance.has(&KEY, NOW) && attendance.lasting(NOW).is_empty());
    }

    #[test]
    fn what_somebody_else_here_has_taken_over_goes_on() {
        let attendance = Attendance::default();
        attendance.begin_to_answer(Token::new(KEY, 1));
        attendance.begin_to_answer(Token::new(KEY, 2));
        attendance.end(&Token::new(KEY, 1));
        assert!(attendance.has(&KEY, NOW));
    }

    #[test]
    fn what_somebody_else_may_have_is_not_known_here() {
        let attendance = Attendance::default();
        attendance.begin_to_settle(Token::new(KEY, 1), NOW);
        let before = NOW - Duration::from_nanos(1);
        assert!(attendance.has(&KEY, before) && !attendance.has(&KEY, NOW));
        assert!(attendance.lasting(before).is_empty());
        assert_eq!(attendance.lasting(before).len(), 1);
        assert!(attendance.lasting(NOW).is_empty() && attendance.lock().is_empty());
    }
}
