//! Recognising a request that is sent again.
//!
//! A client whose connection broke after the commit, but before the answer, sends the same
//! bytes again. Requests are therefore known by a hash of their decompressed body: one that is
//! being stored, or was stored recently, is answered with what became of it and not stored twice.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::sync::oneshot;

use super::{Acceptance, Day, Export, ExportId, Outcome, Refusal};

/// The requests of one signal that are being stored, and those that were stored last.
#[derive(Debug)]
pub struct Repeats {
    capacity: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    requests: HashMap<ExportId, Progress>,
    /// The committed ones, oldest first.
    committed: VecDeque<ExportId>,
    /// What an earlier process or an insert that failed has stored of others.
    recalled: HashMap<ExportId, Vec<Day>>,
}

#[derive(Debug)]
enum Progress {
    InFlight(Vec<oneshot::Sender<Outcome>>),
    Committed(Acceptance),
}

/// What is known of a request when it arrives.
#[derive(Debug)]
pub enum Arrival {
    /// Nothing: the holder of the claim stores it and settles it.
    First(Claim, oneshot::Receiver<Outcome>),
    /// It is being stored.
    InFlight(oneshot::Receiver<Outcome>),
    /// It was stored.
    Committed(Acceptance),
}

/// The duty to say what became of a request. Dropped unsettled, it tells those who wait to
/// try again.
#[derive(Debug)]
pub struct Claim {
    repeats: Arc<Repeats>,
    id: ExportId,
    settled: bool,
}

impl Repeats {
    /// Remembers up to `capacity` stored requests.
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            capacity,
            known: Mutex::default(),
        })
    }

    /// Makes known what is stored of requests that nobody was told are stored.
    pub fn recall(&self, requests: HashMap<ExportId, Vec<Day>>) {
        let mut known = self.known();
        for (id, days) in requests {
            let stored = known.recalled.entry(id).or_default();
            for day in days {
                if !stored.contains(&day) {
                    stored.push(day);
                }
            }
        }
    }

    /// Registers a request that has arrived.
    pub fn arrive(self: &Arc<Self>, id: ExportId) -> Arrival {
        let (sender, receiver) = oneshot::channel();
        match self.known().requests.entry(id) {
            Entry::Vacant(vacant) => {
                vacant.insert(Progress::InFlight(vec![sender]));
                let claim = Claim {
                    repeats: Arc::clone(self),
                    id,
                    settled: false,
                };
                Arrival::First(claim, receiver)
            }
            Entry::Occupied(mut occupied) => match occupied.get_mut() {
                Progress::InFlight(waiting) => {
                    waiting.push(sender);
                    Arrival::InFlight(receiver)
                }
                Progress::Committed(acceptance) => Arrival::Committed(acceptance.clone()),
            },
        }
    }

    /// Ends the flight of a request and returns those who wait for it.
    fn conclude(
        &self,
        id: ExportId,
        acceptance: Option<Acceptance>,
    ) -> Vec<oneshot::Sender<Outcome>> {
        let mut known = self.known();
        let before = match acceptance {
            Some(acceptance) => {
                let before = known.requests.insert(id, Progress::Committed(acceptance));
                if !matches!(before, Some(Progress::Committed(_))) {
                    known.committed.push_back(id);
                }
                before
            }
            None => known.requests.remove(&id),
        };
        while known.committed.len() > self.capacity {
            if let Some(oldest) = known.committed.pop_front() {
                known.requests.remove(&oldest);
            }
        }
        match before {
            Some(Progress::InFlight(waiting)) => waiting,
            Some(Progress::Committed(_)) | None => Vec::new(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Every change leaves the map whole, so a panic elsewhere does not spoil it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// The request this is about, as it is known now.
    pub fn export(&self) -> Export {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let received_at = since_1970.map_or(0, |time| time.as_secs());
        Export {
            id: self.id,
            received_at: u32::try_from(received_at).unwrap_or(u32::MAX),
            stored: self
                .repeats
                .known()
                .recalled
                .get(&self.id)
                .cloned()
                .unwrap_or_default(),
        }
    }

    /// Tells everyone who waits, and remembers the request if it was committed.
    pub fn settle(mut self, outcome: &Outcome) {
        self.conclude(outcome);
    }

    fn conclude(&mut self, outcome: &Outcome) {
        self.settled = true;
        let waiting = self
            .repeats
            .conclude(self.id, outcome.as_ref().ok().cloned());
        for sender in waiting {
            // Whoever hung up will ask again.
            let _ = sender.send(outcome.clone());
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.settled {
            let interrupted = Refusal::Unavailable("the request was interrupted".into());
            self.conclude(&Err(interrupted));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(repeats: &Arc<Repeats>, id: u64) -> (Claim, oneshot::Receiver<Outcome>) {
        match repeats.arrive(ExportId(id)) {
            Arrival::First(claim, outcome) => (claim, outcome),
            other => panic!("not the first: {other:?}"),
        }
    }

    #[test]
    fn a_repeated_request_shares_the_outcome_of_the_first() {
        let repeats = Repeats::new(4);
        let (claim, mut outcome) = first(&repeats, 1);
        let Arrival::InFlight(mut repeated) = repeats.arrive(ExportId(1)) else {
            panic!("the request is in flight");
        };
        let acceptance = Acceptance {
            rejected: 2,
            reason: Some("why".into()),
        };
        claim.settle(&Ok(acceptance.clone()));
        assert_eq!(outcome.try_recv().unwrap(), Ok(acceptance.clone()));
        assert_eq!(repeated.try_recv().unwrap(), Ok(acceptance.clone()));
        let Arrival::Committed(known) = repeats.arrive(ExportId(1)) else {
            panic!("the request is committed");
        };
        assert_eq!(known, acceptance);
    }

    #[test]
    fn a_refused_request_may_be_sent_again() {
        let repeats = Repeats::new(4);
        let (claim, mut outcome) = first(&repeats, 1);
        claim.settle(&Err(Refusal::Overloaded));
        assert_eq!(outcome.try_recv().unwrap(), Err(Refusal::Overloaded));
        first(&repeats, 1);
    }

    #[test]
    fn an_abandoned_claim_tells_those_who_wait_to_try_again() {
        let repeats = Repeats::new(4);
        let (claim, mut outcome) = first(&repeats, 1);
        drop(claim);
        assert!(outcome.try_recv().unwrap().unwrap_err().is_retryable());
        first(&repeats, 1);
    }

    #[test]
    fn what_is_recalled_of_a_request_adds_up() {
        let repeats = Repeats::new(4);
        let (claim, _outcome) = first(&repeats, 1);
        assert_eq!(claim.export().stored, []);
        repeats.recall(HashMap::from([(ExportId(1), vec![Day(20_000)])]));
        assert_eq!(claim.export().stored, [Day(20_000)]);
        let days = vec![Day(20_000), Day(20_001)];
        repeats.recall(HashMap::from([(ExportId(1), days.clone())]));
        assert_eq!(claim.export().stored, days);
        assert_eq!(first(&repeats, 2).0.export().stored, []);
    }

    #[test]
    fn the_oldest_commit_is_forgotten_first() {
        let repeats = Repeats::new(2);
        for id in 1..=3 {
            first(&repeats, id).0.settle(&Ok(Acceptance::default()));
        }
        assert!(matches!(repeats.arrive(ExportId(3)), Arrival::Committed(_)));
        first(&repeats, 1);
    }
}
