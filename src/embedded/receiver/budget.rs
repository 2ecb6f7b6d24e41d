//! The bound on the memory that requests may hold, all signals and connections together.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Refusal;

/// Bytes that may be in use at once. Clones share one budget.
#[derive(Clone, Debug)]
pub struct Budget {
    free: Arc<Semaphore>,
    total: usize,
    patience: Duration,
}

/// Bytes taken from a [`Budget`], given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: Budget,
    permit: OwnedSemaphorePermit,
}

impl Budget {
    /// A budget of `total` bytes; `patience` is how long a request waits for its share
    /// before it is refused as [`Refusal::Overloaded`].
    pub fn new(total: usize, patience: Duration) -> Self {
        let total = total.min(u32::MAX as usize);
        Self {
            free: Arc::new(Semaphore::new(total)),
            total,
            patience,
        }
    }

    /// An empty reservation, to be grown.
    pub fn open(&self) -> Reservation {
        let permit = Arc::clone(&self.free)
            .try_acquire_many_owned(0)
            .expect("the semaphore is never closed and zero permits are always free");
        Reservation {
            budget: self.clone(),
            permit,
        }
    }

    /// All bytes of this budget.
    pub const fn total(&self) -> usize {
        self.total
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.total - self.free.available_permits()
    }
}

impl Reservation {
    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.permit.num_permits()
    }

    /// Holds at least `bytes`, waiting for a while if others have them.
    pub async fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        match self.try_grow_to(bytes) {
            Err(Refusal::Overloaded) => {}
            done => return done,
        }
        let missing = self.missing(bytes);
        let free = Arc::clone(&self.budget.free).acquire_many_owned(missing);
        match tokio::time::timeout(self.budget.patience, free).await {
            Ok(Ok(more)) => {
                self.permit.merge(more);
                Ok(())
            }
            Ok(Err(_)) | Err(_) => Err(Refusal::Overloaded),
        }
    }

    /// Holds at least `bytes`, or fails at once.
    pub fn try_grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        if bytes > self.budget.total {
            return Err(Refusal::TooComplex {
                needed: bytes,
                limit: self.budget.total,
            });
        }
        let missing = self.missing(bytes);
        if missing == 0 {
            return Ok(());
        }
        let more = Arc::clone(&self.budget.free)
            .try_acquire_many_owned(missing)
            .map_err(|_| Refusal::Overloaded)?;
        self.permit.merge(more);
        Ok(())
    }

    /// Gives back what is held beyond `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        let surplus = self.bytes().saturating_sub(bytes);
        drop(self.permit.split(surplus));
    }

    fn missing(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.saturating_sub(self.bytes()))
            .expect("no more than the total, which fits 32 bits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_when_a_reservation_shrinks_or_ends() {
        let budget = Budget::new(100, Duration::ZERO);
        let mut reservation = budget.open();
        reservation.try_grow_to(80).unwrap();
        assert_eq!(budget.used(), 80);
        reservation.shrink_to(30);
        assert_eq!(budget.used(), 30);
        drop(reservation);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn what_could_never_fit_is_not_told_to_come_back() {
        let mut reservation = Budget::new(100, Duration::ZERO).open();
        let refusal = reservation.try_grow_to(101).unwrap_err();
        assert!(!refusal.is_retryable());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reservation_waits_for_others_and_then_gives_up() {
        let budget = Budget::new(100, Duration::from_secs(1));
        let mut first = budget.open();
        first.grow_to(60).await.unwrap();
        let mut second = budget.open();
        assert_eq!(second.grow_to(50).await, Err(Refusal::Overloaded));
        let (waited, ()) = tokio::join!(second.grow_to(50), async { drop(first) });
        assert_eq!(waited, Ok(()));
    }
}
