//! The file of tokens: who may come in, by the digest of what they show.
//!
//! # Shape
//! ```toml
//! [[tokens]]
//! name = "scoring service"
//! role = "predict"
//! sha256 = "sha256:9f86d081..0a08"
//! expires = "2027-12-31"
//! ```
//! The last may be left out: the token then does not end. It counts to the end of that day in UTC.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use contract::date::Date;
use contract::digest::Digest;
use contract::file::{self, Links, ReadError};
use contract::trust::{HOLDER_CHARS_MAX, names_holder};
use serde::Deserialize;
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use super::{Denied, Role};

/// The most bytes of the file: thousands of tokens.
const LIST_BYTES_MAX: u64 = 1 << 20;
/// The most tokens: each is compared with what a caller shows.
const TOKENS_MAX: usize = 1_000;
/// What a new file says before its first token.
const NEW_LIST: &str = "\
# Who may ask this host for what. `countersign tokens add` writes here; a running host reads a change within a second.
# Only digests stand here: the tokens themselves are with their holders.
";

/// Whose token it is and what it is for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Principal {
    /// Who holds it, in words; each name stands once.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Its digest.
    pub sha256: Digest,
    /// The last day it counts, where there is one.
    #[serde(default)]
    pub expires: Option<Date>,
}

impl Principal {
    /// Tells whether the token still counts on a day.
    pub fn counts_on(&self, day: Date) -> bool {
        self.expires.is_none_or(|last_day| day <= last_day)
    }
}

/// All tokens that count.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TokenList(Vec<Arc<Principal>>);

/// Why a token file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read.
    #[error("token file {path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: ReadError,
    },
    /// It is of another shape.
    #[error("token file {path}: {cause}")]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: FormError,
    },
    /// It cannot be written.
    #[error("token file {path} was not changed: {cause}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

/// What is wrong with a text that should list tokens.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    /// It is no TOML of this shape.
    #[error("{}", .0.to_string().trim_end())]
    Toml(#[from] toml::de::Error),
    /// It is no TOML, or not of the shape that an edit needs.
    #[error("{}", .0.to_string().trim_end())]
    Edit(#[from] toml_edit::TomlError),
    /// The tokens are no tables.
    #[error("write each token as a table of its own, under [[tokens]]")]
    NoTables,
    /// It is no text.
    #[error("it is no UTF-8")]
    NoText,
    /// A name is empty, too long, or not printable.
    #[error("a name has 1 to {HOLDER_CHARS_MAX} printable characters")]
    Name,
    /// A name stands twice.
    #[error("there are two tokens called `{0}`: a name tells one from another")]
    NameTwice(String),
    /// A digest stands twice.
    #[error("`{0}` and `{1}` have the same token: each holder needs one of their own")]
    DigestTwice(String, String),
    /// There are too many.
    #[error("there are {0} tokens, at most {TOKENS_MAX} are compared")]
    TooMany(usize),
    /// No token has the name.
    #[error("no token is called `{0}`: `countersign tokens list` shows those there are")]
    NoSuchName(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    tokens: Vec<Principal>,
}

impl FromStr for TokenList {
    type Err = FormError;
    fn from_str(text: &str) -> Result<Self, FormError> {
        let Document { tokens } = toml::from_str(text)?;
        if tokens.len() > TOKENS_MAX {
            return Err(FormError::TooMany(tokens.len()));
        }
        for (place, token) in tokens.iter().enumerate() {
            check_name(&token.name)?;
            for earlier in &tokens[..place] {
                if earlier.name == token.name {
                    return Err(FormError::NameTwice(token.name.clone()));
                }
                if earlier.sha256 == token.sha256 {
                    return Err(FormError::DigestTwice(earlier.name.clone(), token.name.clone()));
                }
            }
        }
        Ok(Self(tokens.into_iter().map(Arc::new).collect()))
    }
}

impl TokenList {
    /// Reads a file.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn load(path: &Path) -> Result<Self, TokenError> {
        let text = text_of(path)?;
        text.parse().map_err(|cause| TokenError::Form { path: path.to_owned(), cause })
    }

    /// Gives the tokens in the file's order.
    pub fn principals(&self) -> &[Arc<Principal>] {
        &self.0
    }

    /// Finds whose token a caller shows. How long it takes says nothing of which tokens there are: every digest is compared
    /// whole.
    ///
    /// # Errors
    /// [`Denied`], where it is nobody's or has ended.
    pub fn find(&self, shown: &[u8]) -> Result<Arc<Principal>, Denied> {
        let digest = Digest::of(shown);
        let mut found = u32::MAX;
        for (place, principal) in (0..).zip(&self.0) {
            let same = principal.sha256.as_bytes().ct_eq(digest.as_bytes());
            found = u32::conditional_select(&found, &place, same);
        }
        let principal = self.0.get(found as usize).ok_or(Denied::Unknown)?;
        if principal.counts_on(Date::today()) { Ok(Arc::clone(principal)) } else { Err(Denied::Expired) }
    }
}

/// Adds a token to a file, which is made where it is absent; comments and order stay.
///
/// # Errors
/// [`TokenError`]; the file is then unchanged.
pub fn add(path: &Path, token: &Principal) -> Result<(), TokenError> {
    edit(path, |document| {
        check_name(&token.name)?;
        // What stands in a file without tables is said to follow them, and would move below the first.
        let heading = document.trailing().as_str().unwrap_or_default().to_owned();
        document.set_trailing("");
        let tokens = document.entry("tokens").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
        let tokens = tokens.as_array_of_tables_mut().ok_or(FormError::NoTables)?;
        let mut table = Table::new();
        table["name"] = value(&token.name);
        table["role"] = value(token.role.name());
        table["sha256"] = value(token.sha256.to_string());
        if let Some(last_day) = token.expires {
            table["expires"] = value(last_day.to_string());
        }
        table.decor_mut().set_prefix(format!("{heading}\n"));
        tokens.push(table);
        Ok(())
    })
}

/// Takes a token out of a file: a host that reads it lets the holder in no more.
///
/// # Errors
/// [`TokenError`]; the file is then unchanged.
pub fn remove(path: &Path, name: &str) -> Result<(), TokenError> {
    edit(path, |document| {
        let absent = || FormError::NoSuchName(name.escape_default().to_string());
        let tokens = document.get_mut("tokens").ok_or_else(absent)?;
        let tokens = tokens.as_array_of_tables_mut().ok_or(FormError::NoTables)?;
        let place = tokens.iter().position(|table| table.get("name").and_then(Item::as_str) == Some(name));
        let place = place.ok_or_else(absent)?;
        let above = tokens.get(place).and_then(|table| table.decor().prefix()?.as_str()).unwrap_or_default().to_owned();
        tokens.remove(place);
        // What stands above the first token is about the whole file.
        match tokens.get_mut(0) {
            _ if place > 0 => {}
            Some(next) => next.decor_mut().set_prefix(above),
            None => document.set_trailing(above),
        }
        Ok(())
    })
}

/// Reads, changes and writes a file as one, while no other change can come between; what comes of it can be read again.
fn edit(path: &Path, change: impl FnOnce(&mut DocumentMut) -> Result<(), FormError>) -> Result<(), TokenError> {
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let unchanged = |cause| TokenError::Write { path: path.to_owned(), cause };
    let _lock = file::lock(file::folder(path), ".tokens.lock").map_err(unchanged)?;
    let text = match text_of(path) {
        Err(TokenError::Read { cause: ReadError::System(cause), .. }) if cause.kind() == io::ErrorKind::NotFound => {
            NEW_LIST.to_owned()
        }
        other => other?,
    };
    let changed = || {
        // A file that is wrong already is not made to look right by what is added.
        text.parse::<TokenList>()?;
        let mut document: DocumentMut = text.parse()?;
        change(&mut document)?;
        let changed = document.to_string();
        changed.parse::<TokenList>().map(|_| changed)
    };
    let changed = changed().map_err(|cause| TokenError::Form { path: path.to_owned(), cause })?;
    file::replace(path, changed.as_bytes()).map_err(unchanged)
}

fn text_of(path: &Path) -> Result<String, TokenError> {
    let bytes = file::read(path, LIST_BYTES_MAX, Links::Follow);
    let bytes = bytes.map_err(|cause| TokenError::Read { path: path.to_owned(), cause })?;
    String::from_utf8(bytes).map_err(|_| TokenError::Form { path: path.to_owned(), cause: FormError::NoText })
}

fn check_name(name: &str) -> Result<(), FormError> {
    if names_holder(name) { Ok(()) } else { Err(FormError::Name) }
}
