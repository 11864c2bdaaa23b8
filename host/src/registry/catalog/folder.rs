//! Looking at the folder: which files are new or changed, and which have gone.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::time::{Duration, Instant};

use super::{Catalog, Code, Subject, shown};
use crate::registry::file::{self, Stamp};

/// How long a file that was refused is left alone when it changes at once; it doubles each time it is refused again. A file
/// that is copied in place changes for seconds, and reading it at each change would cost more than it is worth.
const PATIENCE_MIN: Duration = Duration::from_millis(100);
/// The longest that a changed file is left alone.
const PATIENCE_MAX: Duration = Duration::from_secs(2);

impl Catalog {
    /// Looks at the folder and at the trust policy once. What it costs is a look at each file's entry: nothing is read here.
    pub(in crate::registry) fn look(&mut self) {
        self.counters.scan();
        self.reload_policy();
        self.warn_of_expiry();
        let approved = self.config.approved_dir();
        let known = self.files.keys().chain(self.due.keys()).cloned().collect::<BTreeSet<_>>();
        let listing = match file::list(&approved, self.config.files_max, &known) {
            Ok(listing) => listing,
            Err(cause) => {
                // Nothing is known of the files then: all stays as it is.
                let said = format!("approved modules folder cannot be read: {cause}");
                self.complain(Subject::Folder, cause.kind().to_string(), said);
                self.listed = true;
                return;
            }
        };
        match listing.passed_over {
            0 => self.settled(&Subject::Folder),
            count => {
                let said = format!("{count} module files are passed over: the folder holds too many");
                self.complain(Subject::Folder, "too many", said);
            }
        }
        self.forget_all_but(&listing.files.iter().map(|(name, _)| name.clone()).collect());
        for (name, stamp) in listing.files {
            if self.files.get(&name).is_none_or(|judged| judged.stamp != Some(stamp)) {
                self.due.insert(name, stamp);
            } else {
                self.due.remove(&name);
            }
        }
        if !self.listed {
            self.starting = self.due.keys().cloned().collect();
        }
        self.listed = true;
    }

    /// Gives the file to judge next, and when it may be. A file that keeps being refused while it changes waits.
    pub(super) fn next_due(&self) -> Option<(&OsString, Stamp, Option<Instant>)> {
        let wait = |name: &OsString| self.files.get(name).and_then(|judged| judged.not_before);
        let files = self.due.iter().map(|(name, &stamp)| (name, stamp, wait(name)));
        files.min_by_key(|(_, _, wait)| *wait)
    }

    /// Gives how long a file is left alone that was refused so many times in a row.
    pub(super) fn patience(refused: u32) -> Duration {
        PATIENCE_MIN.saturating_mul(1 << refused.saturating_sub(1).min(16)).min(PATIENCE_MAX)
    }

    fn forget_all_but(&mut self, there: &BTreeSet<OsString>) {
        let before = self.files.len();
        self.files.retain(|name, _| there.contains(name));
        self.due.retain(|name, _| there.contains(name));
        self.starting.retain(|name| there.contains(name));
        // Nor does a refusal outlive its file: its name may be all that there ever was of a model.
        self.refusals.retain(|refused| there.contains(&refused.name));
        if self.files.len() == before {
            return;
        }
        self.changed = true;
        // A version that nothing but its file had is gone with it; what is compiled stays until the next restart.
        let files = &self.files;
        for model in self.models.values_mut() {
            model.versions.retain(|_, version| {
                let held = files.values().any(|judged| judged.module == Some(version.standing.digest));
                held || !matches!(version.code, Code::Cold)
            });
        }
        self.models.retain(|_, model| !model.versions.is_empty() || model.unavailable.is_some());
        for (name, model) in &self.models {
            let live = model.live.and_then(|live| model.versions.get(&live));
            if let Some(live) = live.filter(|live| !there.contains(&live.file)) {
                tracing::warn!(model = %name, file = shown(&live.file), "the live version's file is gone; it stays live until the next restart");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_doubles_up_to_its_bound() {
        let ms = |refused| Catalog::patience(refused).as_millis();
        assert_eq!([0, 1, 2, 3, 5, 6, 100, u32::MAX].map(ms), [100, 100, 200, 400, 1600, 2000, 2000, 2000]);
    }
}
