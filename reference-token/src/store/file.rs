//! A token in a file. `redb` makes commits atomic and durable, locks the file against a second
//! process, and checks every page when a file is opened. What cannot be read is told on standard
//! error, because return codes cannot say it: a file that is no token of ours is refused as a whole
//! and left as it is; an object that is damaged by itself is left out and left alone.

use std::fmt::Display;
use std::fs::OpenOptions;
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use cryptoki_sys::*;
use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};

use super::record::{PLATFORM, TokenRecord, decode, encode};
use super::{Change, Loaded, MasterKey, Serial};
use crate::attributes::Attributes;
use crate::rv::{Refusal, Result, refusal, refuse};

/// What the whole is: format, platform, and the token's record.
const TOKEN: TableDefinition<&str, &[u8]> = TableDefinition::new("token");
/// Objects that anybody may see.
const PUBLIC: TableDefinition<Serial, &[u8]> = TableDefinition::new("public");
/// Objects sealed with the master key.
const PRIVATE: TableDefinition<Serial, &[u8]> = TableDefinition::new("private");

/// Raised with every change that older programs would misread.
const FORMAT: &[u8] = b"1";
const FORMAT_KEY: &str = "format";
const PLATFORM_KEY: &str = "platform";
const RECORD_KEY: &str = "record";

/// Memory for pages: everything is read once, when the file is opened or the user logs in.
const CACHE: usize = 4 << 20;

/// Anything that goes wrong inside `redb`, in its words.
struct Problem(String);

impl<E: Display> From<E> for Problem {
    fn from(error: E) -> Problem {
        Problem(error.to_string())
    }
}

/// The file of a token, open and locked.
pub(crate) struct File {
    path: PathBuf,
    database: Database,
}

impl File {
    /// Opens a file, making it if need be, and reads what does not need a PIN; None if it is new.
    pub(crate) fn open(path: &Path) -> Result<(File, Option<Loaded>)> {
        let database = open_database(path).map_err(|problem| complain(path, &problem))?;
        let file = File {
            path: path.to_owned(),
            database,
        };
        let loaded = file.guarded(File::load)?;
        Ok((file, loaded))
    }

    /// Makes all of the changes, or none of them.
    pub(crate) fn commit(&self, changes: &[Change]) -> Result<()> {
        let mut sealed = Vec::new();
        for change in changes {
            sealed.push(match change {
                Change::Put(serial, object, Some(key)) if object.bool(CKA_PRIVATE) => {
                    Some(key.seal(*serial, object)?)
                }
                // Nobody but the user makes private objects, and the user brought the key.
                Change::Put(_, object, None) if object.bool(CKA_PRIVATE) => {
                    return refuse(CKR_GENERAL_ERROR);
                }
                _ => None,
            });
        }
        self.guarded(|file| file.write(changes, &sealed))
    }

    fn write(
        &self,
        changes: &[Change],
        sealed: &[Option<Vec<u8>>],
    ) -> core::result::Result<(), Problem> {
        let transaction = self.database.begin_write()?;
        {
            let mut token = transaction.open_table(TOKEN)?;
            let mut public = transaction.open_table(PUBLIC)?;
            let mut private = transaction.open_table(PRIVATE)?;
            for (change, sealed) in changes.iter().zip(sealed) {
                match change {
                    Change::Token(record) => {
                        let text = toml::to_string(record)?;
                        token.insert(FORMAT_KEY, FORMAT)?;
                        token.insert(PLATFORM_KEY, PLATFORM)?;
                        token.insert(RECORD_KEY, text.as_bytes())?;
                    }
                    Change::Put(serial, object, _) => {
                        match sealed {
                            Some(sealed) => private.insert(serial, sealed.as_slice())?,
                            None => public.insert(serial, encode(object).as_slice())?,
                        };
                    }
                    Change::Delete(serial) => {
                        public.remove(serial)?;
                        private.remove(serial)?;
                    }
                    Change::Clear => {
                        public.retain(|_, _| false)?;
                        private.retain(|_, _| false)?;
                    }
                }
            }
        }
        Ok(transaction.commit()?)
    }

    fn load(&self) -> core::result::Result<Option<Loaded>, Problem> {
        let transaction = self.database.begin_read()?;
        let table = match transaction.open_table(TOKEN) {
            Ok(table) => table,
            // A file made and never written: the process ended in between.
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        for (key, expected) in [(FORMAT_KEY, FORMAT), (PLATFORM_KEY, PLATFORM)] {
            let found = table.get(key)?.ok_or(format!("it has no {key}"))?;
            if found.value() != expected {
                let (found, expected) = (printable(found.value()), printable(expected));
                return Err(format!("its {key} is {found}, and not {expected}").into());
            }
        }
        let record = table.get(RECORD_KEY)?.ok_or("it describes no token")?;
        let token: TokenRecord = toml::from_str(&printable(record.value()))?;
        let mut objects = Vec::new();
        let mut last = 0;
        let public = transaction.open_table(PUBLIC)?;
        for entry in public.iter()? {
            let (serial, bytes) = entry?;
            let serial = serial.value();
            last = last.max(serial);
            match decode(bytes.value()) {
                Some(object) => objects.push((serial, object)),
                None => self.left_out(serial),
            }
        }
        let private = transaction.open_table(PRIVATE)?;
        if let Some((serial, _)) = private.last()? {
            last = last.max(serial.value());
        }
        Ok(Some(Loaded {
            token,
            objects,
            last,
        }))
    }

    /// The private objects, in the order of their creation.
    pub(crate) fn private(&self, key: &MasterKey) -> Result<Vec<(Serial, Attributes)>> {
        self.guarded(|file| {
            let transaction = file.database.begin_read()?;
            let mut objects = Vec::new();
            for entry in transaction.open_table(PRIVATE)?.iter()? {
                let (serial, sealed) = entry?;
                let serial = serial.value();
                match key.open(serial, sealed.value()) {
                    Some(object) => objects.push((serial, object)),
                    None => file.left_out(serial),
                }
            }
            Ok(objects)
        })
    }

    fn left_out(&self, serial: Serial) {
        complain(
            &self.path,
            &format!("object {serial} is damaged and left out"),
        );
    }

    /// Runs `call` on the database, turning problems, and panics over damaged pages, into a
    /// refusal.
    fn guarded<T>(
        &self,
        call: impl FnOnce(&File) -> core::result::Result<T, Problem>,
    ) -> Result<T> {
        match catch_unwind(AssertUnwindSafe(|| call(self))) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(Problem(problem))) => Err(complain(&self.path, &problem)),
            Err(_) => Err(complain(&self.path, &"it is damaged")),
        }
    }
}

fn open_database(path: &Path) -> core::result::Result<Database, String> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    options.mode(0o600);
    let file = options.open(path).map_err(|error| error.to_string())?;
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE);
    // Without the check a damaged page may be believed.
    builder.set_check_integrity_on_open(true);
    let backend = FileBackend::new(file).map_err(|error| error.to_string())?;
    let opened = catch_unwind(AssertUnwindSafe(|| builder.create_with_backend(backend)));
    match opened {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(DatabaseError::DatabaseAlreadyOpen)) => {
            Err("another process has it open, and one at a time may".to_owned())
        }
        Ok(Err(error)) => Err(format!("it is damaged or no token: {error}")),
        Err(_) => Err("it is damaged".to_owned()),
    }
}

fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Tells a human what the return code cannot.
fn complain(path: &Path, problem: &dyn Display) -> Refusal {
    eprintln!("reference-token: {}: {problem}", path.display());
    refusal(CKR_DEVICE_ERROR)
}
