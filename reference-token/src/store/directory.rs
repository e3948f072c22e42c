//! A token in a directory: `token.toml` and one file an object under `objects/`, named by its
//! CKA_UNIQUE_ID. Every write is atomic: a new file is written, synchronised and renamed over the
//! old one, and then the directory is synchronised. A file that cannot be read is
//! CKR_DEVICE_ERROR, and standard error says which and why.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use cryptoki_sys::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::record::{ObjectRecord, TokenRecord};
use super::{Loaded, Store};
use crate::attributes::Attributes;
use crate::rv::{Refusal, Result, ensure, refusal};

const TOKEN_FILE: &str = "token.toml";
const OBJECTS: &str = "objects";
const SUFFIX: &str = "toml";

struct Directory {
    token_file: PathBuf,
    objects: PathBuf,
    next_serial: u64,
}

/// Opens a token directory, making it if need be.
pub(super) fn open(path: &Path) -> Result<(Box<dyn Store>, Option<Loaded>)> {
    let objects = path.join(OBJECTS);
    fs::create_dir_all(&objects).map_err(|error| complain(&objects, &error))?;
    let mut directory = Directory {
        token_file: path.join(TOKEN_FILE),
        objects,
        next_serial: 0,
    };
    if !directory.token_file.exists() {
        return Ok((Box::new(directory), None));
    }
    let token: TokenRecord = read(&directory.token_file)?;
    let objects = directory.load()?;
    Ok((Box::new(directory), Some(Loaded { token, objects })))
}

/// Tells a human what the return code cannot.
fn complain(path: &Path, problem: &dyn std::fmt::Display) -> Refusal {
    eprintln!("reference-token: {}: {problem}", path.display());
    refusal(CKR_DEVICE_ERROR)
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).map_err(|error| complain(path, &error))?;
    toml::from_str(&text).map_err(|error| complain(path, &error))
}

fn write(path: &Path, record: &impl Serialize) -> Result<()> {
    let text = toml::to_string(record).map_err(|error| complain(path, &error))?;
    replace(path, text.as_bytes()).map_err(|error| complain(path, &error))
}

/// Replaces a file so that a crash leaves either the old contents or the new.
fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    options.mode(0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    synchronise_parent(path)
}

fn synchronise_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

impl Directory {
    /// Objects in the order of their creation. Remains of interrupted writes are not objects.
    fn load(&mut self) -> Result<Vec<Attributes>> {
        let mut records = Vec::new();
        let entries = fs::read_dir(&self.objects);
        for entry in entries.map_err(|error| complain(&self.objects, &error))? {
            let path = entry
                .map_err(|error| complain(&self.objects, &error))?
                .path();
            if path
                .extension()
                .is_some_and(|extension| extension == SUFFIX)
            {
                records.push(self.load_object(&path)?);
            }
        }
        records.sort_by_key(|record| record.serial);
        self.next_serial = records
            .last()
            .map_or(0, |record| record.serial.saturating_add(1));
        Ok(records
            .into_iter()
            .map(ObjectRecord::into_attributes)
            .collect())
    }

    fn load_object(&self, path: &Path) -> Result<ObjectRecord> {
        let record: ObjectRecord = read(path)?;
        let attributes = record.clone().into_attributes();
        let named = self.file_of(&attributes).is_ok_and(|file| file == path);
        let complete = attributes.ulong(CKA_CLASS).is_some() && attributes.bool(CKA_TOKEN);
        if !named || !complete {
            return Err(complain(path, &"not the token object that its name says"));
        }
        Ok(record)
    }

    /// The file of an object. Its name is the token's own choice of letters and digits; anything
    /// else never becomes part of a path.
    fn file_of(&self, object: &Attributes) -> Result<PathBuf> {
        let unique = object.bytes(CKA_UNIQUE_ID);
        let plain = !unique.is_empty() && unique.iter().all(u8::is_ascii_alphanumeric);
        ensure(plain, CKR_DEVICE_ERROR)?;
        let name = String::from_utf8_lossy(unique);
        Ok(self.objects.join(format!("{name}.{SUFFIX}")))
    }
}

impl Store for Directory {
    fn save_token(&mut self, token: &TokenRecord) -> Result<()> {
        write(&self.token_file, token)
    }

    fn save_object(&mut self, object: &Attributes) -> Result<()> {
        let path = self.file_of(object)?;
        let serial = match path.exists() {
            true => read::<ObjectRecord>(&path)?.serial,
            false => {
                self.next_serial += 1;
                self.next_serial
            }
        };
        write(&path, &ObjectRecord::new(serial, object))
    }

    fn delete_object(&mut self, object: &Attributes) -> Result<()> {
        let path = self.file_of(object)?;
        let removed = fs::remove_file(&path).and_then(|()| synchronise_parent(&path));
        removed.map_err(|error| complain(&path, &error))
    }

    fn clear(&mut self) -> Result<()> {
        for object in self.load()? {
            self.delete_object(&object)?;
        }
        Ok(())
    }
}
