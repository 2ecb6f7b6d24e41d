use std::{collections::HashSet, time::Duration};

use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::*;
use crate::embedded::receiver::{
    Budget, Signal,
    fake::{FakeTable, Fate, Numbers, POISON, body},
};

struct Fixture {
    lane: Arc<Lane<Numbers>>,
    table: FakeTable,
    budget: Budget,
    metrics: Arc<Metrics>,
    stopped: CancellationToken,
}

impl Fixture {
    fn new(table: FakeTable) -> Self {
        Self::with_budget(table, Budget::new(1 << 20, Duration::from_mins(1)))
    }

    fn with_budget(table: FakeTable, budget: Budget) -> Self {
        let metrics = Arc::new(Metrics::new(budget.clone()));
        let stopped = CancellationToken::new();
        let lane = Lane::start(
            Pace {
                longest_rest: Duration::from_millis(1),
                ..Pace::default()
            },
            64,
            table.clone(),
            Arc::clone(&metrics),
            Arc::new(Semaphore::new(2)),
            stopped.clone(),
        )
        .unwrap();
        Self {
            lane,
            table,
            budget,
            metrics,
            stopped,
        }
    }

    async fn send(&self, body: Vec<u8>) -> Outcome {
        send(&self.lane, &self.budget, body).await
    }
}

async fn send(lane: &Arc<Lane<Numbers>>, budget: &Budget, body: Vec<u8>) -> Outcome {
    let received = Received {
        body: body.into(),
        encoding: Encoding::Protobuf,
        transport: Transport::Http,
        reservation: budget.open(),
    };
    lane.accept(received).await
}

#[tokio::test]
async fn an_answer_comes_after_the_commit() {
    let fixture = Fixture::new(FakeTable::default());
    fixture.table.hold();
    let (lane, budget) = (Arc::clone(&fixture.lane), fixture.budget.clone());
    let answer = tokio::spawn(async move { send(&lane, &budget, body(&[1])).await });
    let table = fixture.table.clone();
    tokio::task::spawn_blocking(move || table.wait_until_busy())
        .await
        .unwrap();
    assert!(!answer.is_finished());
    fixture.table.release();
    answer.await.unwrap().unwrap();
    assert_eq!(fixture.table.numbers(), [1]);
    assert_eq!(fixture.budget.used(), 0);
    assert_eq!(fixture.metrics.accepted(Signal::Traces), 1);
}

#[tokio::test]
async fn requests_that_arrive_during_an_insert_share_the_next() {
    let fixture = Fixture::new(FakeTable::default());
    fixture.table.hold();
    let send = |number| {
        let (lane, budget) = (Arc::clone(&fixture.lane), fixture.budget.clone());
        tokio::spawn(async move { send(&lane, &budget, body(&[number])).await })
    };
    let first = send(10);
    let table = fixture.table.clone();
    tokio::task::spawn_blocking(move || table.wait_until_busy())
        .await
        .unwrap();
    let others: Vec<_> = (1..10).map(send).collect();
    while fixture.lane.batcher.waiting() < 9 {
        tokio::task::yield_now().await;
    }
    fixture.table.release();
    first.await.unwrap().unwrap();
    for other in others {
        other.await.unwrap().unwrap();
    }
    assert_eq!(fixture.table.inserts().len(), 2);
    assert_eq!(fixture.table.numbers(), (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_bad_request_does_not_hurt_those_that_share_its_block() {
    let fixture = Fixture::new(FakeTable::default());
    let answers = tokio::join!(
        fixture.send(body(&[1])),
        fixture.send(body(&[2, POISON])),
        fixture.send(body(&[3])),
    );
    assert_eq!(answers.0, Ok(Acceptance::default()));
    assert_eq!(answers.1, Err(Refusal::Rejected("poison".into())));
    assert_eq!(answers.2, Ok(Acceptance::default()));
    assert_eq!(fixture.table.numbers(), [1, 3]);
}

#[tokio::test]
async fn a_repeated_request_is_answered_and_not_stored_again() {
    let fixture = Fixture::new(FakeTable::default());
    let (first, at_once) = tokio::join!(fixture.send(body(&[1])), fixture.send(body(&[1])));
    let later = fixture.send(body(&[1])).await;
    assert!(first.is_ok() && at_once.is_ok() && later.is_ok());
    assert_eq!(fixture.table.numbers(), [1]);
}

#[tokio::test]
async fn trouble_of_the_engine_is_retryable_and_the_retry_is_stored() {
    let fixture = Fixture::new(FakeTable::scripted([Fate::Trouble]));
    let refusal = fixture.send(body(&[1])).await.unwrap_err();
    assert!(refusal.is_retryable(), "{refusal}");
    fixture.send(body(&[1])).await.unwrap();
    assert_eq!(fixture.table.numbers(), [1]);
}

#[tokio::test]
async fn an_insert_that_fails_in_the_middle_is_completed_and_not_repeated() {
    let fixture = Fixture::new(FakeTable::scripted([Fate::Torn]));
    let refusal = fixture.send(body(&[1, 2, 3, 4])).await.unwrap_err();
    assert!(refusal.is_retryable(), "{refusal}");
    assert_eq!(fixture.table.numbers(), [2, 4]);
    fixture.send(body(&[1, 2, 3, 4])).await.unwrap();
    assert_eq!(fixture.table.numbers(), [1, 2, 3, 4]);
}

#[tokio::test]
async fn nothing_is_stored_until_it_is_known_what_a_failed_insert_has_stored() {
    let fixture = Fixture::new(FakeTable::scripted([Fate::Torn]));
    fixture.table.forget(2);
    for _ in 0..3 {
        let refusal = fixture.send(body(&[1, 2])).await.unwrap_err();
        assert!(refusal.is_retryable(), "{refusal}");
        assert_eq!(fixture.table.numbers(), [2]);
    }
    fixture.send(body(&[1, 2])).await.unwrap();
    assert_eq!(fixture.table.numbers(), [1, 2]);
}

#[tokio::test]
async fn the_next_process_completes_what_a_killed_one_began() {
    let killed = Fixture::new(FakeTable::scripted([Fate::Commit, Fate::Killed]));
    killed.send(body(&[5, 6])).await.unwrap();
    assert!(killed.send(body(&[1, 2])).await.is_err());
    let next = Fixture::new(killed.table.clone());
    next.send(body(&[5, 6])).await.unwrap();
    next.send(body(&[1, 2])).await.unwrap();
    assert_eq!(next.table.numbers(), [1, 2, 5, 6]);
}

#[tokio::test]
async fn a_malformed_request_is_refused_for_good() {
    let fixture = Fixture::new(FakeTable::default());
    let refusal = fixture.send(vec![1, 2, 3]).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Malformed(_)), "{refusal}");
    assert_eq!(fixture.budget.used(), 0);
}

#[tokio::test]
async fn an_empty_request_succeeds_without_an_insert() {
    let fixture = Fixture::new(FakeTable::default());
    assert_eq!(fixture.send(Vec::new()).await, Ok(Acceptance::default()));
    assert!(fixture.table.inserts().is_empty());
}

#[tokio::test]
async fn a_writer_that_panics_leaves_no_request_waiting() {
    let fixture = Fixture::new(FakeTable::scripted([Fate::Panic]));
    assert!(fixture.send(body(&[1])).await.unwrap_err().is_retryable());
    fixture.stopped.cancelled().await;
    assert!(fixture.send(body(&[2])).await.unwrap_err().is_retryable());
    assert_eq!(fixture.budget.used(), 0);
}

#[tokio::test]
async fn memory_is_bounded_while_the_table_stands_still() {
    let budget = Budget::new(1 << 16, Duration::from_millis(10));
    let fixture = Fixture::with_budget(FakeTable::default(), budget);
    fixture.table.hold();
    let requests: Vec<_> = (1..=64)
        .map(|n| {
            let (lane, budget) = (Arc::clone(&fixture.lane), fixture.budget.clone());
            tokio::spawn(async move { send(&lane, &budget, body(&[n; 512])).await })
        })
        .collect();
    while !requests.iter().any(tokio::task::JoinHandle::is_finished) {
        tokio::task::yield_now().await;
        assert!(fixture.budget.used() <= 1 << 16);
    }
    fixture.table.release();
    let mut refused = 0;
    for request in requests {
        match request.await.unwrap() {
            Ok(_) => {}
            Err(refusal) => {
                assert_eq!(refusal, Refusal::Overloaded);
                refused += 1;
            }
        }
    }
    assert!(refused > 0);
    assert_eq!(fixture.table.numbers().len(), (64 - refused) * 512);
}

#[tokio::test]
async fn closing_commits_what_was_accepted_and_refuses_the_rest() {
    let fixture = Fixture::new(FakeTable::default());
    fixture.table.hold();
    let (lane, budget) = (Arc::clone(&fixture.lane), fixture.budget.clone());
    let accepted = tokio::spawn(async move { send(&lane, &budget, body(&[1])).await });
    let table = fixture.table.clone();
    tokio::task::spawn_blocking(move || table.wait_until_busy())
        .await
        .unwrap();
    let lane = Arc::clone(&fixture.lane);
    let closed = tokio::task::spawn_blocking(move || lane.close());
    fixture.table.release();
    closed.await.unwrap();
    accepted.await.unwrap().unwrap();
    assert!(fixture.send(body(&[2])).await.unwrap_err().is_retryable());
    assert_eq!(fixture.table.numbers(), [1]);
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate =
        prop_oneof![8 => Just(Fate::Commit), 3 => Just(Fate::Trouble), 1 => Just(Fate::Panic)];
    prop::collection::vec(fate, 0..12)
}

/// Requests of distinct numbers; every so often one with poison in it.
fn requests() -> impl Strategy<Value = Vec<Vec<u32>>> {
    let shape = prop::collection::vec((1_usize..6, prop::bool::weighted(0.15)), 1..24);
    shape.prop_map(|shape| {
        let mut next = 0;
        let mut number = || {
            next += 1;
            next
        };
        shape
            .into_iter()
            .map(|(length, poisoned)| {
                let mut numbers: Vec<u32> = (0..length).map(|_| number()).collect();
                if poisoned {
                    numbers.push(POISON);
                }
                numbers
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_acknowledged_row_is_stored_once_and_nothing_is_acknowledged_without_a_commit(
        fates in fates(),
        requests in requests(),
        repeats in 1_usize..4,
    ) {
        let outcomes = Runtime::new().unwrap().block_on(async {
            let fixture = Fixture::new(FakeTable::scripted(fates));
            let mut sent = Vec::new();
            for _ in 0..repeats {
                for numbers in &requests {
                    let (lane, budget) = (Arc::clone(&fixture.lane), fixture.budget.clone());
                    let body = body(numbers);
                    let outcome = tokio::spawn(async move { send(&lane, &budget, body).await });
                    sent.push((numbers.clone(), outcome));
                }
            }
            let mut acknowledged = HashSet::new();
            for (numbers, outcome) in sent {
                match outcome.await.unwrap() {
                    Ok(_) => acknowledged.extend(numbers),
                    Err(refusal) => {
                        let poisoned = numbers.contains(&POISON);
                        prop_assert!(poisoned || refusal.is_retryable(), "{}", refusal);
                    }
                }
            }
            prop_assert_eq!(fixture.budget.used(), 0);
            Ok((acknowledged, fixture.table.numbers()))
        });
        let (acknowledged, stored) = outcomes?;
        let distinct: HashSet<u32> = stored.iter().copied().collect();
        prop_assert_eq!(distinct.len(), stored.len(), "stored twice");
        prop_assert_eq!(distinct, acknowledged);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_sent_until_it_is_acknowledged_is_stored_once_however_inserts_end(
        fates in prop::collection::vec(prop_oneof![
            4 => Just(Fate::Commit),
            2 => Just(Fate::Trouble),
            4 => Just(Fate::Torn),
            2 => Just(Fate::Killed),
            1 => Just(Fate::Panic),
        ], 0..24),
        forgetful in 0_usize..4,
        requests in requests(),
    ) {
        let table = FakeTable::scripted(fates);
        Runtime::new().unwrap().block_on(async {
            let mut fixture = Fixture::new(table.clone());
            table.forget(forgetful);
            let mut left = requests.clone();
            while !left.is_empty() {
                if fixture.stopped.is_cancelled() {
                    table.forget(0);
                    fixture = Fixture::new(table.clone());
                }
                let sent: Vec<_> = left
                    .drain(..)
                    .map(|numbers| {
                        let (lane, budget) = (Arc::clone(&fixture.lane), fixture.budget.clone());
                        let body = body(&numbers);
                        (numbers, tokio::spawn(async move { send(&lane, &budget, body).await }))
                    })
                    .collect();
                for (numbers, outcome) in sent {
                    match outcome.await.unwrap() {
                        Err(refusal) if refusal.is_retryable() => left.push(numbers),
                        Ok(_) | Err(_) => {}
                    }
                }
            }
        });
        let mut expected: Vec<u32> = requests
            .into_iter()
            .filter(|numbers| !numbers.contains(&POISON))
            .flatten()
            .collect();
        expected.sort_unstable();
        prop_assert_eq!(table.numbers(), expected);
    }
}
