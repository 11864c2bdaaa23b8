//! Changes to a trust policy's file. Each keeps the rest of the file as it is, comments too, and is whole or not at all.

use std::fs;
use std::io;
use std::path::Path;

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, Value, value};

use super::{NEW_POLICY, PolicyError, Role, TrustError, TrustPolicy, check_holder, read};
use crate::date::Date;
use crate::digest::Digest;
use crate::file;
use crate::ids::{KeyId, ModelName};
use crate::key::PublicKey;

/// A key to be enrolled.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Whose it is, in words.
    pub name: String,
    /// What it may sign.
    pub role: Role,
    /// The key.
    pub public_key: PublicKey,
    /// The last day it may be used, where there is one.
    pub expires: Option<Date>,
    /// The models whose modules it may sign; any, where this is empty.
    pub models: Vec<ModelName>,
}

impl NewKey {
    /// A key without an end, for any model.
    pub fn new(name: &str, role: Role, public_key: PublicKey) -> Self {
        Self { name: name.to_owned(), role, public_key, expires: None, models: Vec::new() }
    }
}

/// Whether a change was one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// The file says now what it did not before.
    Now,
    /// The file said so before, and was not touched.
    Before,
}

/// Enrols a key in a policy file, which is made where it is absent.
///
/// # Errors
/// [`TrustError`]; the file is then unchanged.
pub fn enrol(path: &Path, key: &NewKey) -> Result<(), TrustError> {
    edit(path, Absent::Make, |document, _| with_key(document, key))
}

/// Sets the last day a key may be used, earlier or later than before; `wanted` is its id, the start of it, or its name.
///
/// # Errors
/// [`TrustError`]; the file is then unchanged.
pub fn expire(path: &Path, wanted: &str, last_day: Date) -> Result<KeyId, TrustError> {
    edit(path, Absent::Refuse, |document, policy| {
        let id = policy.find(wanted)?.public_key.id();
        table_of(document, policy, id)?["expires"] = value(last_day.to_string());
        Ok(id)
    })
}

/// Revokes a key; `wanted` is its id, the start of it, or its name. The reason stands as a comment beside it.
///
/// # Errors
/// [`TrustError`]; the file is then unchanged.
pub fn revoke(path: &Path, wanted: &str, reason: Option<&str>) -> Result<(KeyId, Changed), TrustError> {
    edit(path, Absent::Refuse, |document, policy| {
        let key = policy.find(wanted)?;
        let id = key.public_key.id();
        if key.revoked {
            return Ok((id, Changed::Before));
        }
        let mut revoked = Value::from(true);
        if let Some(reason) = reason {
            revoked.decor_mut().set_suffix(format!(" # {}", comment(reason)?));
        }
        table_of(document, policy, id)?["revoked"] = Item::Value(revoked);
        Ok((id, Changed::Now))
    })
}

/// Revokes a module by its digest, whoever signed it. The reason stands as a comment above it.
///
/// # Errors
/// [`TrustError`]; the file is then unchanged.
pub fn revoke_digest(path: &Path, digest: Digest, reason: Option<&str>) -> Result<Changed, TrustError> {
    edit(path, Absent::Refuse, |document, policy| {
        if policy.revoked_digests.contains(&digest) {
            return Ok(Changed::Before);
        }
        let digests = document.entry("revoked_digests").or_insert(Item::Value(Array::new().into()));
        let digests = digests.as_array_mut().ok_or(PolicyError::Form("revoked_digests"))?;
        let mut entry = Value::from(digest.to_string());
        entry.decor_mut().set_prefix(match reason {
            Some(reason) => format!("\n    # {}\n    ", comment(reason)?),
            None => "\n    ".to_owned(),
        });
        digests.push_formatted(entry);
        digests.set_trailing_comma(true);
        digests.set_trailing("\n");
        Ok(Changed::Now)
    })
}

/// What to do where there is no file.
#[derive(PartialEq)]
enum Absent {
    Make,
    Refuse,
}

/// Reads, changes and writes a policy as one, while no other change can come between.
fn edit<T>(
    path: &Path,
    absent: Absent,
    change: impl FnOnce(&mut DocumentMut, &TrustPolicy) -> Result<T, PolicyError>,
) -> Result<T, TrustError> {
    // The file itself, so that a link to it stays one.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let unchanged = |cause| TrustError::Write { path: path.to_owned(), cause };
    // Two changes at once must not overwrite each other.
    let _lock = file::lock(file::folder(path), ".trust.lock").map_err(unchanged)?;
    let text = match read(path) {
        Err(TrustError::Read { cause, .. }) if cause.kind() == io::ErrorKind::NotFound && absent == Absent::Make => {
            NEW_POLICY.to_owned()
        }
        other => other?,
    };
    let (done, changed) =
        changed(&text, change).map_err(|cause| TrustError::Policy { path: path.to_owned(), cause })?;
    if changed != text {
        file::replace(path, changed.as_bytes()).map_err(unchanged)?;
    }
    Ok(done)
}

/// Changes a policy's text; what comes of it is a policy again.
fn changed<T>(
    text: &str,
    change: impl FnOnce(&mut DocumentMut, &TrustPolicy) -> Result<T, PolicyError>,
) -> Result<(T, String), PolicyError> {
    let policy = text.parse::<TrustPolicy>()?;
    let mut document: DocumentMut = text.parse()?;
    let done = change(&mut document, &policy)?;
    let changed = document.to_string();
    changed.parse::<TrustPolicy>()?;
    Ok((done, changed))
}

fn with_key(document: &mut DocumentMut, key: &NewKey) -> Result<(), PolicyError> {
    check_holder(&key.name)?;
    let keys = document.entry("keys").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    let keys = keys.as_array_of_tables_mut().ok_or(PolicyError::Form("keys"))?;
    let mut table = Table::new();
    table["name"] = value(&key.name);
    table["role"] = value(key.role.to_string());
    table["public_key"] = value(String::from(key.public_key));
    if let Some(last_day) = key.expires {
        table["expires"] = value(last_day.to_string());
    }
    if !key.models.is_empty() {
        table["models"] = value(key.models.iter().map(ToString::to_string).collect::<Array>());
    }
    table.decor_mut().set_prefix(format!("\n# {}\n", key.public_key.id()));
    keys.push(table);
    Ok(())
}

/// Gives the table of an enrolled key; keys stand in the document in the order of the policy.
fn table_of<'d>(document: &'d mut DocumentMut, policy: &TrustPolicy, id: KeyId) -> Result<&'d mut Table, PolicyError> {
    let place = policy.keys.iter().position(|key| key.public_key.id() == id);
    let tables = document.get_mut("keys").and_then(Item::as_array_of_tables_mut);
    tables.zip(place).and_then(|(tables, place)| tables.get_mut(place)).ok_or(PolicyError::Form("keys"))
}

/// Gives a reason as a comment may hold it, on one line.
fn comment(reason: &str) -> Result<&str, PolicyError> {
    check_holder(reason).map_err(|_| PolicyError::Reason)?;
    Ok(reason)
}

#[cfg(test)]
mod tests;
