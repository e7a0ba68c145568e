//! The store as a whole: copied while hosts use it, and put back.
//!
//! SQLite does both by itself; for PostgreSQL pg_dump and pg_restore do, which come with it.

use std::io;
use std::path::Path;
use std::process::Command;

use percent_encoding::percent_decode_str;
use sqlx::Connection;
use url::Url;

use super::StoreError;
use super::store::{Store, is_postgres};

/// What a dump has of a database, which may hold more than ours.
const TABLES: [&str; 3] = ["predictions", "labels", "_sqlx_migrations"];

/// Why the store was not copied, or not put back.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// SQLite would make a new store.
    #[error("there is no such file")]
    Missing,
    /// A program is not there or cannot be started.
    #[error("{program} cannot be started, which comes with PostgreSQL's client: {error}")]
    Program {
        /// Its name.
        program: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// A program has not done its work.
    #[error("{program}: {said}")]
    Failed {
        /// Its name.
        program: &'static str,
        /// What it printed.
        said: String,
    },
    /// A file beside the store cannot be written.
    #[error("beside the store: {0}")]
    File(io::Error),
    /// The store is not there, or refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CopyError {
    fn from(error: sqlx::Error) -> CopyError {
        CopyError::Store(error.into())
    }
}

/// Copies the store at `address` to a new file: all as it is at one moment, while others go on reading and writing.
///
/// # Errors
/// When the store is not there, or for PostgreSQL pg_dump is not.
pub async fn copy(address: &str, to: &Path) -> Result<(), CopyError> {
    if is_postgres(address) {
        let tables = TABLES.map(|table| format!("--table={table}"));
        let mut dump = client("pg_dump", address);
        dump.args(["--format=custom", "--no-owner", "--no-privileges"]).args(tables).arg("--file").arg(to);
        return done("pg_dump", &mut dump);
    }
    if !Path::new(address).is_file() {
        return Err(CopyError::Missing);
    }
    let store = Store::new(address)?;
    let to = to.to_string_lossy().into_owned();
    sqlx::query("VACUUM INTO $1").bind(to).execute(store.pool()).await?;
    store.close().await;
    Ok(())
}

/// Puts what [`copy`] has made in the place of what the store at `address` holds; all of it or, with an error, nothing.
///
/// # Errors
/// When the store is not there, the copy is of a newer version, or for PostgreSQL pg_restore is not there.
pub async fn put_back(from: &Path, address: &str) -> Result<(), CopyError> {
    if is_postgres(address) {
        let mut restore = client("pg_restore", address);
        restore.args(["--clean", "--if-exists", "--single-transaction", "--no-owner", "--no-privileges"]);
        return done("pg_restore", restore.arg(from));
    }
    // Brought up to date as a store of its own, so that both have the same columns.
    let beside = Path::new(address).parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = tempfile::tempdir_in(beside.unwrap_or(Path::new("."))).map_err(CopyError::File)?;
    let copied = folder.path().join("records.db").to_string_lossy().into_owned();
    std::fs::copy(from, &copied).map_err(CopyError::File)?;
    let copy = Store::new(&copied)?;
    copy.prepare().await?;
    copy.close().await;

    let store = Store::new(address)?;
    store.prepare().await?;
    let mut connection = store.pool().acquire().await?;
    sqlx::query("ATTACH $1 AS copied").bind(copied).execute(&mut *connection).await?;
    let mut transaction = connection.begin().await?;
    for statement in [
        "DELETE FROM predictions",
        "DELETE FROM labels",
        "INSERT INTO main.predictions SELECT * FROM copied.predictions",
        "INSERT INTO main.labels SELECT * FROM copied.labels",
    ] {
        sqlx::query(statement).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    drop(connection);
    store.close().await;
    Ok(())
}

/// A program of PostgreSQL's on the database at `address`. The password goes by the environment: everybody may read the
/// arguments of a process.
fn client(program: &str, address: &str) -> Command {
    let mut command = Command::new(program);
    match Url::parse(address) {
        Ok(mut url) => {
            if let Some(password) = url.password() {
                command.env("PGPASSWORD", &*percent_decode_str(password).decode_utf8_lossy());
                // It has a host, or it would have no password.
                let _ = url.set_password(None);
            }
            command.arg("--dbname").arg(url.as_str())
        }
        Err(_) => command.arg("--dbname").arg(address),
    };
    command
}

fn done(program: &'static str, command: &mut Command) -> Result<(), CopyError> {
    let output = command.output().map_err(|error| CopyError::Program { program, error })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(CopyError::Failed { program, said });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::client;

    #[test]
    fn a_password_is_no_argument() {
        let command = client("pg_dump", "postgres://ada:p%40ss@db.example.com/records?sslmode=require");
        let arguments = command.get_args().map(|text| text.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(arguments, ["--dbname", "postgres://ada@db.example.com/records?sslmode=require"]);
        let (name, value) = command.get_envs().next().unwrap();
        assert_eq!((name.to_str(), value.unwrap().to_str()), (Some("PGPASSWORD"), Some("p@ss")));
    }
}
