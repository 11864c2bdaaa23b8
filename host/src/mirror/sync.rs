//! One look at the store: what is new is fetched, what has gone is removed.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use contract::digest::HashingWriter;
use contract::seal::refusal::printable;
use futures_util::TryStreamExt as _;
use object_store::{GetOptions, ObjectMeta};

use super::figures::MirrorFigures;
use super::index::{Copy, Index};
use super::{MirrorLimits, Place};

/// The longest name of a file on the usual file systems.
const NAME_BYTES_MAX: usize = 255;

/// What a look works on.
pub(super) struct Sync {
    place: Place,
    approved: PathBuf,
    index: Index,
    limits: MirrorLimits,
    figures: Arc<MirrorFigures>,
    /// What was last said in the log, by kind.
    said: Option<String>,
}

/// What the store holds.
struct Listing {
    /// The modules to be copied, by name.
    wanted: BTreeMap<String, ObjectMeta>,
    /// What was passed over, a sentence.
    passed_over: Option<String>,
    /// Whether all objects were seen.
    whole: bool,
}

/// Why a look, or one object of it, failed.
#[derive(Debug, thiserror::Error)]
enum SyncError {
    #[error("the object store {what}: {cause}")]
    Store { what: &'static str, cause: object_store::Error },
    #[error("object {name} is not as long as the store says: {got} bytes of {wanted}")]
    Torn { name: String, got: u64, wanted: u64 },
    #[error("a local copy cannot be written: {0}")]
    Disk(#[from] io::Error),
}

impl Sync {
    /// Opens the folder of the copies.
    pub(super) fn open(
        place: &Place,
        folder: PathBuf,
        limits: MirrorLimits,
        figures: Arc<MirrorFigures>,
    ) -> io::Result<Self> {
        let approved = folder.join("approved");
        fs::create_dir_all(&approved)?;
        let index = Index::open(folder.join("index.json"), &place.to_string(), &approved, limits.object_bytes_max)?;
        figures.hold(index.copies().len());
        Ok(Self { place: place.clone(), approved, index, limits, figures, said: None })
    }

    /// Looks once; tells whether the store was listed and all that was wanted of it is here.
    pub(super) async fn look(&mut self) -> bool {
        match self.synchronise().await {
            Ok(None) => {
                if self.said.take().is_some() {
                    tracing::info!(place = %self.place, "the object store is mirrored again");
                }
                self.figures.succeed(None);
                true
            }
            Ok(Some(passed_over)) => {
                self.say("passed over".to_owned(), &passed_over);
                self.figures.succeed(Some(passed_over));
                true
            }
            Err(error) => {
                let said = format!("{}: {error}; the local copies stay", self.place);
                self.say(error.kind(), &said);
                self.figures.fail(said);
                false
            }
        }
    }

    /// Says in the log what is wrong, once for each kind in a row.
    fn say(&mut self, kind: String, said: &str) {
        if self.said.as_ref() != Some(&kind) {
            tracing::warn!("{said}");
            self.said = Some(kind);
        }
    }

    /// Gives what was passed over, a sentence.
    async fn synchronise(&mut self) -> Result<Option<String>, SyncError> {
        let Listing { wanted, passed_over, whole } = self.listed().await?;
        let mut failed = None;
        for (name, object) in &wanted {
            if self.is_here(name, object) {
                continue;
            }
            match self.fetch(name, object).await {
                Ok(()) => {}
                // It changed or went since it was listed: the next look sees it as it is.
                Err(SyncError::Store {
                    cause: object_store::Error::NotFound { .. } | object_store::Error::Precondition { .. },
                    ..
                }) => {}
                // One object must not keep the others from being fetched.
                Err(error) => failed = Some(error),
            }
        }
        if whole {
            self.remove_all_but(&wanted)?;
        }
        self.index.save()?;
        self.figures.hold(self.index.copies().len());
        failed.map_or(Ok(passed_over), Err)
    }

    /// Lists the modules that are wanted.
    async fn listed(&self) -> Result<Listing, SyncError> {
        let unlisted = |cause| SyncError::Store { what: "cannot be listed", cause };
        let mut objects = self.place.store().list(Some(self.place.approved()));
        let (mut found, mut seen) = (Vec::new(), 0);
        while let Some(object) = objects.try_next().await.map_err(unlisted)? {
            seen += 1;
            if seen > self.limits.listed_max {
                break;
            }
            if let Some(name) = name_of(self.place.approved(), &object) {
                found.push((name, object));
            }
        }
        // Where there are too many, what is here stays: a flood of new objects pushes out nothing.
        found.sort_by_cached_key(|(name, _)| (!self.index.copies().contains_key(name), name.clone()));
        let (mut wanted, mut bytes, mut passed_over) = (BTreeMap::new(), 0, None);
        for (name, object) in found {
            let why = if object.size > self.limits.object_bytes_max {
                Some(format!("it has {} bytes, at most {} are fetched", object.size, self.limits.object_bytes_max))
            } else if wanted.len() >= self.limits.objects_max || bytes + object.size > self.limits.bytes_max {
                let MirrorLimits { objects_max, bytes_max, .. } = self.limits;
                Some(format!("the store holds more than {objects_max} modules or {bytes_max} bytes"))
            } else {
                None
            };
            match why {
                Some(why) => {
                    passed_over = passed_over
                        .or(Some(format!("{}: object {name} and maybe more are passed over: {why}", self.place)))
                }
                None => {
                    bytes += object.size;
                    wanted.insert(name, object);
                }
            }
        }
        let whole = seen <= self.limits.listed_max;
        if !whole {
            let listed_max = self.limits.listed_max;
            passed_over =
                Some(format!("{}: the store holds too many objects; only {listed_max} are looked at", self.place));
        }
        Ok(Listing { wanted, passed_over, whole })
    }

    /// Tells whether the copy of an object is here, as far as can be seen without reading it.
    fn is_here(&self, name: &str, object: &ObjectMeta) -> bool {
        let copy = self.index.copies().get(name).filter(|copy| copy.tag == tag(object));
        copy.is_some_and(|copy| fs::metadata(self.approved.join(name)).is_ok_and(|meta| meta.len() == copy.bytes))
    }

    /// Fetches an object as it was listed, and puts it in its place whole.
    async fn fetch(&mut self, name: &str, object: &ObjectMeta) -> Result<(), SyncError> {
        let unread = |cause| SyncError::Store { what: "does not give an object", cause };
        let options = GetOptions { if_match: object.e_tag.clone(), ..GetOptions::default() };
        let answer = self.place.store().get_opts(&object.location, options).await.map_err(unread)?;
        let mut pending = contract::file::temporary(&self.approved, 0o644)?;
        let (mut writer, mut got) = (HashingWriter::new(&mut pending), 0);
        let mut body = answer.into_stream();
        while let Some(bytes) = body.try_next().await.map_err(unread)? {
            got += bytes.len() as u64;
            if got > object.size {
                break;
            }
            writer.write_all(&bytes)?;
        }
        if got != object.size {
            return Err(SyncError::Torn { name: name.to_owned(), got, wanted: object.size });
        }
        let sha256 = writer.finish();
        pending.as_file().sync_all()?;
        let path = self.approved.join(name);
        pending.persist(&path).map_err(|failed| failed.error)?;
        fs::File::open(&self.approved)?.sync_all()?;
        tracing::info!(name, bytes = got, %sha256, "fetched from the object store");
        self.figures.fetch();
        self.index.note(name, Copy { tag: tag(object), bytes: got, sha256 });
        Ok(())
    }

    /// Removes what the store no longer has.
    fn remove_all_but(&mut self, wanted: &BTreeMap<String, ObjectMeta>) -> io::Result<()> {
        self.index.keep(|name| wanted.contains_key(name));
        for entry in fs::read_dir(&self.approved)? {
            let entry = entry?;
            let name = entry.file_name();
            let is_copy = Path::new(&name).extension().is_some_and(|extension| extension == "wasm");
            if is_copy && name.to_str().is_none_or(|name| !wanted.contains_key(name)) {
                tracing::info!(name = printable(&name.to_string_lossy()), "gone from the object store");
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

impl SyncError {
    /// Tells one kind of failure from another, whatever times and names its text has.
    fn kind(&self) -> String {
        match self {
            Self::Store { what, cause } => format!("{what}: {:?}", std::mem::discriminant(cause)),
            Self::Torn { .. } => "torn".to_owned(),
            Self::Disk(cause) => cause.kind().to_string(),
        }
    }
}

/// Gives the file name of an object that is a module directly in the folder.
fn name_of(approved: &object_store::path::Path, object: &ObjectMeta) -> Option<String> {
    let mut parts = object.location.prefix_match(approved)?;
    let name = parts.next()?.as_ref().to_owned();
    let fits = parts.next().is_none() && name.len() <= NAME_BYTES_MAX && !name.starts_with('.');
    let plain = name.ends_with(".wasm") && !name.chars().any(|c| c.is_control() || c == '/');
    (fits && plain).then_some(name)
}

/// Gives what tells an object's content from later ones.
fn tag(object: &ObjectMeta) -> String {
    format!("{} {} {}", object.e_tag.as_deref().unwrap_or("-"), object.size, object.last_modified.to_rfc3339())
}
