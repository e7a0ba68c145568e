//! The store: one set of statements for SQLite and PostgreSQL.

use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Once};
use std::time::Duration;

use futures_util::TryStreamExt;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, AnyRow};
use sqlx::{AnyPool, AssertSqlSafe, ConnectOptions, Executor, Row};
use tokio::sync::OnceCell;

use super::record::{Record, storable};

/// Rows of one statement.
const ROWS: [usize; 3] = [128, 16, 1];
const COLUMNS: usize = 12;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What names the store is no address.
    #[error("expected a file's path, or postgres:// and so on: {0}")]
    Address(sqlx::Error),
    /// The tables could not be made.
    #[error("the tables cannot be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The store is not there, or refuses.
    #[error(transparent)]
    Store(#[from] sqlx::Error),
}

/// Where records and labels are kept. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
    /// Whether the tables are up to date: whoever comes first sees to it.
    prepared: Arc<OnceCell<()>>,
}

/// The truth about a prediction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The request's id.
    pub request_id: String,
    /// The row.
    pub row: i64,
    /// The true class or value.
    pub label: String,
}

/// What is kept of a version of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    /// The version.
    pub version: String,
    /// How many predictions.
    pub predictions: i64,
    /// When the first was made, in microseconds since 1970.
    pub first: i64,
    /// When the last was.
    pub last: i64,
}

impl Store {
    /// Whether this is an address of a store.
    ///
    /// # Errors
    /// [`StoreError::Address`].
    pub fn check(address: &str) -> Result<(), StoreError> {
        AnyConnectOptions::from_str(&url(address)).map(drop).map_err(StoreError::Address)
    }

    /// A store at a file's path, for SQLite, or at an address of PostgreSQL. Nothing is asked of it yet, but it wants an
    /// asynchronous runtime around it.
    ///
    /// # Errors
    /// [`StoreError::Address`].
    pub fn new(address: &str) -> Result<Store, StoreError> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let options = AnyConnectOptions::from_str(&url(address)).map_err(StoreError::Address)?;
        let options = options.disable_statement_logging();
        let pool = AnyPoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(5))
            .after_connect(|connection, _| {
                Box::pin(async move {
                    if connection.backend_name() == "SQLite" {
                        // With a write-ahead log readers do not wait for writers; every commit is on disk.
                        connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL").await?;
                    }
                    Ok(())
                })
            })
            .connect_lazy_with(options);
        Ok(Store { pool, prepared: Arc::default() })
    }

    /// Brings the tables up to date, once.
    ///
    /// # Errors
    /// When the store is not there, or was made by a newer version.
    pub async fn prepare(&self) -> Result<(), StoreError> {
        self.ready().await.map(drop)
    }

    /// The connections, to tables that are up to date.
    async fn ready(&self) -> Result<&AnyPool, StoreError> {
        static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
        self.prepared.get_or_try_init(|| MIGRATIONS.run(&self.pool)).await?;
        Ok(&self.pool)
    }

    /// The connections, to tables as they may be.
    pub(super) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// How many predictions and labels there are.
    ///
    /// # Errors
    /// When the store is not there.
    pub async fn counts(&self) -> Result<(i64, i64), StoreError> {
        let counts = "SELECT (SELECT count(*) FROM predictions), (SELECT count(*) FROM labels)";
        let row = sqlx::query(counts).fetch_one(self.ready().await?).await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }

    /// Writes records; all or, with an error, none. What is there already stays.
    ///
    /// # Errors
    /// When the store is not there or refuses.
    pub async fn insert(&self, records: &[Record]) -> Result<(), StoreError> {
        let mut transaction = self.ready().await?.begin().await?;
        let mut rest = records;
        for size in ROWS {
            while let Some((chunk, others)) = rest.split_at_checked(size) {
                rest = others;
                let mut query = sqlx::query(AssertSqlSafe(insert_statement(size)));
                for record in chunk {
                    query = query
                        .bind(record.request_id.to_string())
                        .bind(record.row)
                        .bind(record.made_at)
                        .bind(record.model.clone())
                        .bind(record.version.clone())
                        .bind(record.task.clone())
                        .bind(record.business_key.clone())
                        .bind(record.features.clone())
                        .bind(record.passthrough.clone())
                        .bind(record.prediction.clone())
                        .bind(record.probability.clone())
                        .bind(record.latency_us);
                }
                query.execute(&mut *transaction).await?;
            }
        }
        Ok(transaction.commit().await?)
    }

    /// Writes labels of a model; all or, with an error, none. A later label goes over an earlier one.
    ///
    /// # Errors
    /// When the store is not there or refuses.
    pub async fn label(&self, model: &str, labels: &[Label], now: i64) -> Result<(), StoreError> {
        let mut transaction = self.ready().await?.begin().await?;
        for label in labels {
            sqlx::query(
                "INSERT INTO labels (model, request_id, row_index, label, labelled_at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (model, request_id, row_index) \
                 DO UPDATE SET label = excluded.label, labelled_at = excluded.labelled_at",
            )
            .bind(model.to_owned())
            .bind(label.request_id.clone())
            .bind(label.row)
            .bind(storable(&label.label))
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// The request and row of the last prediction of this business key.
    ///
    /// # Errors
    /// When the store is not there.
    pub async fn last_of_key(&self, model: &str, key: &str) -> Result<Option<(String, i64)>, StoreError> {
        let found = sqlx::query(
            "SELECT request_id, row_index FROM predictions WHERE model = $1 AND business_key = $2 \
             ORDER BY made_at DESC LIMIT 1",
        )
        .bind(model.to_owned())
        .bind(key.to_owned())
        .fetch_optional(self.ready().await?)
        .await?;
        Ok(found.map(|row| Ok::<_, sqlx::Error>((row.try_get(0)?, row.try_get(1)?))).transpose()?)
    }

    /// What is kept of each version of a model since then, the earliest first.
    ///
    /// # Errors
    /// When the store is not there.
    pub async fn versions(&self, model: &str, since: i64) -> Result<Vec<Versions>, StoreError> {
        let rows = sqlx::query(
            "SELECT version, count(*), min(made_at), max(made_at) FROM predictions \
             WHERE model = $1 AND made_at >= $2 GROUP BY version ORDER BY min(made_at)",
        )
        .bind(model.to_owned())
        .bind(since)
        .fetch_all(self.ready().await?)
        .await?;
        let span = |row: AnyRow| {
            let (version, predictions) = (row.try_get(0)?, row.try_get(1)?);
            Ok(Versions { version, predictions, first: row.try_get(2)?, last: row.try_get(3)? })
        };
        rows.into_iter().map(span).collect()
    }

    /// Hands each record since then to `each` with its label, the latest first and at most `most`; of all versions
    /// where none is named.
    ///
    /// # Errors
    /// When the store is not there, or what `each` fails with.
    pub async fn each<E: From<StoreError>>(
        &self,
        select: &Selection<'_>,
        mut each: impl FnMut(Record, Option<String>) -> Result<(), E>,
    ) -> Result<(), E> {
        let statement = select.statement();
        let mut query =
            sqlx::query(AssertSqlSafe(statement)).bind(select.since).bind(select.until).bind(select.most);
        for text in [select.model, select.version].into_iter().flatten() {
            query = query.bind(text.to_owned());
        }
        let mut rows = query.fetch(self.ready().await?);
        let failed = |error| E::from(StoreError::Store(error));
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            let label = row.try_get(COLUMNS).map_err(failed)?;
            each(record(&row).map_err(failed)?, label)?;
        }
        Ok(())
    }

    /// Deletes what was written before then.
    ///
    /// # Errors
    /// When the store is not there.
    pub async fn forget(&self, before: i64) -> Result<u64, StoreError> {
        let predictions = sqlx::query("DELETE FROM predictions WHERE made_at < $1").bind(before);
        let gone = predictions.execute(self.ready().await?).await?.rows_affected();
        sqlx::query("DELETE FROM labels WHERE labelled_at < $1")
            .bind(before)
            .execute(self.ready().await?)
            .await?;
        Ok(gone)
    }

    /// Closes the connections, so that SQLite folds its log into its file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Which records.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// Of this model; of all where there is none.
    pub model: Option<&'a str>,
    /// Of this version, where a model is named.
    pub version: Option<&'a str>,
    /// Made then or later, in microseconds since 1970.
    pub since: i64,
    /// Made before then.
    pub until: i64,
    /// Only those whose truth is known.
    pub labelled: bool,
    /// So many at most.
    pub most: i64,
}

impl Selection<'_> {
    fn statement(&self) -> String {
        let join = if self.labelled { "JOIN" } else { "LEFT JOIN" };
        let model = self.model.map(|_| " AND p.model = $4").unwrap_or_default();
        let version = self.version.map(|_| " AND p.version = $5").unwrap_or_default();
        format!(
            "SELECT p.request_id, p.row_index, p.made_at, p.model, p.version, p.task, p.business_key, p.features, \
             p.passthrough, p.prediction, p.probability, p.latency_us, l.label FROM predictions p {join} labels l \
             ON l.model = p.model AND l.request_id = p.request_id AND l.row_index = p.row_index \
             WHERE p.made_at >= $1 AND p.made_at < $2{model}{version} ORDER BY p.made_at DESC LIMIT $3"
        )
    }
}

fn record(row: &AnyRow) -> Result<Record, sqlx::Error> {
    Ok(Record {
        request_id: row.try_get::<String, _>(0)?.into(),
        row: row.try_get(1)?,
        made_at: row.try_get(2)?,
        model: row.try_get(3)?,
        version: row.try_get(4)?,
        task: row.try_get(5)?,
        business_key: row.try_get(6)?,
        features: row.try_get(7)?,
        passthrough: row.try_get(8)?,
        prediction: row.try_get(9)?,
        probability: row.try_get(10)?,
        latency_us: row.try_get(11)?,
    })
}

/// Whether this is an address of PostgreSQL; else it is a file's path, for SQLite.
pub fn is_postgres(address: &str) -> bool {
    address.starts_with("postgres://") || address.starts_with("postgresql://")
}

/// The address as sqlx has it.
fn url(address: &str) -> String {
    if is_postgres(address) {
        return address.to_owned();
    }
    let path = std::path::absolute(Path::new(address)).unwrap_or_else(|_| address.into());
    let path = path.to_string_lossy();
    let parts = path.split('/').map(|part| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string());
    format!("sqlite://{}?mode=rwc", parts.collect::<Vec<_>>().join("/"))
}

fn insert_statement(rows: usize) -> String {
    let row = |row: usize| {
        let places = (1..=COLUMNS).map(|column| format!("${}", row * COLUMNS + column));
        format!("({})", places.collect::<Vec<_>>().join(", "))
    };
    let values = (0..rows).map(row).collect::<Vec<_>>().join(", ");
    format!(
        "INSERT INTO predictions (request_id, row_index, made_at, model, version, task, business_key, features, \
         passthrough, prediction, probability, latency_us) VALUES {values} ON CONFLICT DO NOTHING"
    )
}
