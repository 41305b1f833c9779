use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use super::entry::Half;
use super::settled::Seconds;
use crate::lock::lock;

/// Which answers are kept, in the order in which they came, so that the oldest can go when there are too many bytes.
#[derive(Debug)]
pub(super) struct Shelf {
    most_bytes: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    order: VecDeque<Place>,
    bytes: usize,
}

#[derive(Debug)]
struct Place {
    of: Half,
    bytes: usize,
    until: Seconds,
}

impl Shelf {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self {
            most_bytes,
            kept: Mutex::default(),
        }
    }

    /// Puts an answer down and says whose have to go for it.
    pub(super) fn put(&self, of: Half, bytes: usize, until: Seconds, now: Duration) -> Vec<Half> {
        let mut kept = lock(&self.kept);
        kept.bytes += bytes;
        kept.order.push_back(Place { of, bytes, until });
        let mut gone = Vec::new();
        while let Some(oldest) = kept.order.front()
            && (oldest.until.is_over(now) || kept.bytes > self.most_bytes)
        {
            let Some(place) = kept.order.pop_front() else {
                break;
            };
            kept.bytes -= place.bytes;
            gone.push(place.of);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_is_put_away_however_small_it_is() {
        let shelf = Shelf::new(1000);
        for second in 0..10_000 {
            let now = Duration::from_secs(second);
            let until = Seconds::after(now + Duration::from_secs(60));
            shelf.put(Half::NONE, 0, until, now);
        }
        assert_eq!(lock(&shelf.kept).order.len(), 60);
    }
}
