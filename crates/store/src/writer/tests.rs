//! The writer against a real file, looked at through another connection.

use std::pin::pin;
use std::task::Poll;

use futures_util::future::{join_all, poll_fn};
use sqlx::Row as _;
use tempfile::TempDir;

use super::*;

const PATIENCE: Duration = Duration::from_mins(1);

struct File {
    _folder: TempDir,
    options: SqliteConnectOptions,
    writer: Arc<Writer>,
}

impl File {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("file.db"))
            .create_if_missing(true)
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
        let writer = Writer::open(&options, PATIENCE).await.unwrap();
        let mut turn = writer.begin(Urgency::Ordinary).await.unwrap();
        run(&mut turn, "CREATE TABLE line (number INTEGER PRIMARY KEY, text TEXT)").await.unwrap();
        turn.commit().await.unwrap();
        Self { _folder: folder, options, writer }
    }

    /// What another connection sees: what is committed.
    async fn numbers(&self) -> Vec<i64> {
        let mut reader = self.options.clone().connect().await.unwrap();
        let rows =
            sqlx::query("SELECT number FROM line ORDER BY number").fetch_all(&mut reader).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn insert(&self, urgency: Urgency, number: i64) -> Result<()> {
        let mut turn = self.writer.begin(urgency).await?;
        insert(&mut turn, number, "").await?;
        turn.commit().await
    }
}

async fn run(turn: &mut Turn, sql: &'static str) -> Result<(), sqlx::Error> {
    let result = sqlx::query(sql).execute(turn.connection()?).await.map(drop);
    result.inspect_err(|error| turn.heed(error))
}

async fn insert(turn: &mut Turn, number: i64, text: &str) -> Result<(), sqlx::Error> {
    let insert = sqlx::query("INSERT INTO line VALUES ($1, $2)").bind(number).bind(text.to_owned());
    let result = insert.execute(turn.connection()?).await.map(drop);
    result.inspect_err(|error| turn.heed(error))
}

/// Polls a future a few times and lets go of it.
async fn give_up_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        let ready = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(output) = ready {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

#[tokio::test]
async fn each_of_many_at_once_is_durable_when_it_is_told() {
    let file = File::new().await;
    let file = &file;
    join_all((0..200).map(async |number| {
        file.insert(Urgency::Ordinary, number).await.unwrap();
        assert!(file.numbers().await.contains(&number));
    }))
    .await;
    assert_eq!(file.numbers().await.len(), 200);
}

#[tokio::test]
async fn transactions_that_wait_share_a_commit_and_a_lone_one_waits_for_nobody() {
    let file = File::new().await;
    let mut first = file.writer.begin(Urgency::Ordinary).await.unwrap();
    insert(&mut first, 1, "").await.unwrap();
    let (mut second, mut first) = (pin!(file.writer.begin(Urgency::Ordinary)), pin!(first.commit()));
    assert!(poll_fn(|context| Poll::Ready(second.as_mut().poll(context))).await.is_pending());
    // The second has come: the first is done, and not durable before the second.
    assert!(give_up_after(50, first.as_mut()).await.is_none());
    let mut second = second.await.unwrap();
    assert!(file.numbers().await.is_empty());
    insert(&mut second, 2, "").await.unwrap();
    second.commit().await.unwrap();
    assert_eq!(file.numbers().await, [1, 2]);
    first.await.unwrap();
}

#[tokio::test]
async fn one_that_is_dropped_leaves_no_trace_and_takes_no_other_with_it() {
    let file = File::new().await;
    let file = &file;
    let outcomes = join_all((0..100).map(async |number| {
        let mut turn = file.writer.begin(Urgency::Ordinary).await.unwrap();
        insert(&mut turn, number, "").await.unwrap();
        if number % 3 == 0 {
            return None;
        }
        Some(turn.commit().await)
    }))
    .await;
    assert!(outcomes.into_iter().flatten().all(|outcome| outcome.is_ok()));
    assert_eq!(file.numbers().await, (0..100).filter(|number| number % 3 != 0).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_refused_statement_concerns_its_own_transaction_alone() {
    let file = File::new().await;
    file.insert(Urgency::Ordinary, 50).await.unwrap();
    let outcomes = join_all((0..100).map(|number| file.insert(Urgency::Ordinary, number))).await;
    let failed = outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_err());
    assert_eq!(failed.map(|(number, _)| number).collect::<Vec<_>>(), [50]);
    assert_eq!(file.numbers().await, (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_urgent_one_goes_before_those_that_came_earlier() {
    let file = File::new().await;
    let order = std::sync::Mutex::new(Vec::new());
    let first = file.writer.begin(Urgency::Ordinary).await.unwrap();
    let one = async |urgency: Urgency, number| {
        file.insert(urgency, number).await.unwrap();
        order.lock().unwrap().push(number);
    };
    let ordinary = join_all((0..10).map(|number| one(Urgency::Ordinary, number)));
    let urgent = async {
        tokio::task::yield_now().await;
        one(Urgency::Urgent, 99).await;
    };
    let release = async {
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        drop(first);
    };
    tokio::join!(ordinary, urgent, release);
    let order = order.into_inner().unwrap();
    // The ordinary one that stood at the desk already may share its commit.
    assert!(order.iter().position(|number| *number == 99).unwrap() <= 1, "{order:?}");
}

#[tokio::test]
async fn whoever_goes_away_holds_nobody_up() {
    let file = File::new().await;
    let file = &file;
    let told = std::sync::Mutex::new(Vec::new());
    join_all((0..300_usize).map(async |number| {
        let place = i64::try_from(number).unwrap();
        // Some give up waiting for their turn, some while they write, some while it is being committed.
        if let Some(outcome) = give_up_after(number % 40, file.insert(Urgency::Ordinary, place)).await {
            outcome.unwrap();
            told.lock().unwrap().push(place);
        }
    }))
    .await;
    file.insert(Urgency::Ordinary, 1000).await.unwrap();
    let there = file.numbers().await;
    assert!(told.into_inner().unwrap().iter().all(|number| there.contains(number)));
    assert!(there.contains(&1000));
}

#[tokio::test]
async fn when_the_disk_is_full_nobody_is_told_that_he_is_durable_who_is_not() {
    let file = File::new().await;
    let mut turn = file.writer.begin(Urgency::Ordinary).await.unwrap();
    run(&mut turn, "PRAGMA max_page_count = 40").await.unwrap();
    turn.commit().await.unwrap();
    let text = "x".repeat(900);
    let write = async |number: i64| {
        let mut turn = file.writer.begin(Urgency::Ordinary).await?;
        insert(&mut turn, number, &text).await?;
        turn.commit().await
    };
    let outcomes = join_all((0..400).map(write)).await;
    let told = (0..400).zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).map(|(number, _)| number);
    let told: Vec<i64> = told.collect();
    assert!(told.len() < 400, "the file was never full");
    assert_eq!(file.numbers().await, told);
    // There is room again: it goes on without being opened anew.
    let mut turn = file.writer.begin(Urgency::Ordinary).await.unwrap();
    run(&mut turn, "PRAGMA max_page_count = 4000").await.unwrap();
    turn.commit().await.unwrap();
    write(1000).await.unwrap();
    assert!(file.numbers().await.contains(&1000));
}

#[tokio::test]
async fn a_closed_writer_refuses() {
    let file = File::new().await;
    file.writer.close().await;
    assert!(file.insert(Urgency::Ordinary, 1).await.is_err());
}
