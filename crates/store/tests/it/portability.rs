//! What databases that are distributed and speak PostgreSQL's language do without, the store does without: advisory locks,
//! sequences, triggers, functions of its own.

use std::path::{Path, PathBuf};

use sqlx::{Connection as _, PgConnection, Row as _};
use store::testing::TestDatabase;
use store::{Options, PatientFilter, Store};
use zeroize::Zeroizing;

use crate::world::{self, World, facility_id, patient};

/// Words of SQL that have no place in a statement of ours.
const WITHOUT: [&str; 9] = [
    "pg_advisory",
    "pg_try_advisory",
    "nextval",
    "bigserial",
    "generated always",
    "lock table",
    "create trigger",
    "create function",
    "temporary table",
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn no_statement_needs_what_a_distributed_database_lacks() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let texts: Vec<_> = ["src", "migrations"].iter().flat_map(|folder| files(&home.join(folder))).collect();
    assert!(texts.len() > 40, "{texts:?}");
    for path in texts {
        let text = std::fs::read_to_string(&path).unwrap().to_lowercase();
        for word in WITHOUT {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}

#[tokio::test]
async fn the_schema_holds_nothing_but_tables_and_indexes() {
    let world = World::new(TestDatabase::postgres().await).await;
    let mut raw = PgConnection::connect(world.database.url()).await.unwrap();
    let sql = "SELECT DISTINCT c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname = current_schema() ORDER BY 1";
    let kinds = sqlx::query(sql).fetch_all(&mut raw).await.unwrap();
    let kinds: Vec<String> = kinds.iter().map(|row| row.get(0)).collect();
    // i: index, r: table.
    assert_eq!(kinds, ["i", "r"]);
    let sql = "SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid \
               JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND NOT tgisinternal";
    let triggers: i64 = sqlx::query_scalar(sql).fetch_one(&mut raw).await.unwrap();
    assert_eq!(triggers, 0);
}

#[tokio::test]
async fn a_server_whose_default_is_stricter_undoes_nothing_that_does_no_harm() {
    let world = World::new(TestDatabase::postgres().await).await;
    let strict = format!("{}&options[default_transaction_isolation]=serializable", world.database.url());
    let key = Zeroizing::new([7; 32]);
    let store = Store::open(Options::new(strict, key, world::shared(&world.clock))).await.unwrap();
    let everybody = PatientFilter::default();
    let (mut one, mut other) = (store.begin().await.unwrap(), store.begin().await.unwrap());
    // Each reads what the other changes.
    for tx in [&mut one, &mut other] {
        assert!(tx.patients(&facility_id(), &everybody, None, 10).await.unwrap().is_empty());
    }
    one.put_patient(&facility_id(), &patient("p1")).await.unwrap();
    other.put_patient(&facility_id(), &patient("p2")).await.unwrap();
    one.commit().await.unwrap();
    other.commit().await.unwrap();
    let mut tx = store.read().await.unwrap();
    assert_eq!(tx.patients(&facility_id(), &everybody, None, 10).await.unwrap().len(), 2);
}
