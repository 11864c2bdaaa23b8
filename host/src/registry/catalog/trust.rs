//! Judging again when the trust policy changes, and warning ahead of what expires.

use std::sync::Arc;

use contract::ids::ModelName;
use contract::trust::{EXPIRY_WARNING_DAYS, TrustPolicy};

use super::{Catalog, Code, Subject};
use crate::registry::exposure;
use crate::registry::file;
use crate::registry::reason::Reason;

impl Catalog {
    /// Reads the trust policy again where it has changed, and judges all under it: what no longer meets it may not serve
    /// from this moment on, and files that were refused are tried again. A policy that cannot be read changes nothing, and
    /// is tried again at the next look.
    pub(super) fn reload_policy(&mut self) {
        if !self.listed {
            self.warn_of_exposure();
        }
        // Taken before the reading: a change that comes between the two is seen at the next look.
        let stamp = file::stamp(&self.config.trust_path).ok();
        if stamp == self.trust_stamp {
            self.settled(&Subject::Policy);
            return;
        }
        match TrustPolicy::load(&self.config.trust_path) {
            Ok(policy) => {
                tracing::info!(keys = policy.keys.len(), "the trust policy was read again");
                self.settled(&Subject::Policy);
                self.trust_stamp = stamp;
                self.policy = Arc::new(policy);
                self.files.retain(|_, judged| judged.module.is_some());
                self.judge_again();
                self.warn_of_exposure();
            }
            Err(error) => {
                let error = one_line(&error.to_string());
                let said = format!("the trust policy cannot be read; the one before stays in force: {error}");
                self.complain(Subject::Policy, error, said);
            }
        }
    }

    fn judge_again(&mut self) {
        for version in self.models.values_mut().flat_map(|model| model.versions.values_mut()) {
            if version.barred.as_ref().is_some_and(|reason| reason.code == super::work::VIEW_MISMATCH) {
                continue;
            }
            version.barred = version.standing.holds(&self.policy).err().map(Reason::from);
            // Nothing that must not run stays where it could.
            if version.barred.is_some() && !matches!(version.code, Code::InHand) {
                version.code = Code::Cold;
            }
        }
        self.changed = true;
    }

    /// Says ahead of time that what is live will not be admitted again after a restart.
    pub(super) fn warn_of_expiry(&mut self) {
        let today = (self.config.today)();
        let names: Vec<ModelName> = self.models.keys().cloned().collect();
        for name in names {
            let model = &self.models[&name];
            let live = model.live.and_then(|live| Some((live, model.versions.get(&live)?)));
            let expires = live.and_then(|(live, version)| Some((live, version.standing.expires(&self.policy)?)));
            match expires.filter(|(_, last)| last.days() - today.days() <= EXPIRY_WARNING_DAYS) {
                Some((live, last)) => {
                    let said = format!(
                        "version {live} of {name} is live, and a key or approval of it counts up to {last} only: it stays live, \
                         but a host that starts later refuses it; approve it anew"
                    );
                    self.complain(Subject::Expiry(name), format!("{live} {last}"), said);
                }
                None => self.settled(&Subject::Expiry(name)),
            }
        }
    }

    /// Says so where whoever may drop modules may also change whose signatures count.
    fn warn_of_exposure(&mut self) {
        match exposure::exposed(&self.config.trust_path, &self.config.approved_dir()) {
            Some(said) => self.complain(Subject::PolicyExposed, said.clone(), said),
            None => self.settled(&Subject::PolicyExposed),
        }
    }
}

/// Gives a text that may have many lines as one.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_policy_is_one_line() {
        assert_eq!(one_line("line 1\n  | keys = 3\n  | ^"), "line 1 | keys = 3 | ^");
    }
}
