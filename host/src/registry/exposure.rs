//! Whether whoever may drop modules may also change the trust policy: then the policy protects nothing.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use contract::file::folder;

/// Says, where that is so, who may do both, as far as owners and permissions tell; on a read-only mount nobody may.
pub(super) fn exposed(trust: &Path, approved: &Path) -> Option<String> {
    let droppers = writers(&approved.metadata().ok()?);
    let trust = trust.canonicalize().ok()?;
    if read_only(&trust) {
        return None;
    }
    // A file can also be replaced by whoever may write to its folder.
    let places = [trust.as_path(), folder(&trust)];
    let both = places.into_iter().filter_map(|place| writers(&place.metadata().ok()?).shared_with(&droppers)).next()?;
    Some(format!(
        "{both} may drop modules into {} and change the trust policy {} as well: keep the policy elsewhere with --trust, owned \
         by another user or mounted read-only",
        approved.display(),
        trust.display()
    ))
}

/// Who may write, by the permissions.
struct Writers {
    owner: Option<u32>,
    group: Option<u32>,
    everyone: bool,
}

fn writers(meta: &Metadata) -> Writers {
    let may = |bit: u32| meta.mode() & bit != 0;
    Writers {
        // An owner without the permission can give it to himself.
        owner: Some(meta.uid()),
        group: may(0o020).then(|| meta.gid()),
        everyone: may(0o002),
    }
}

impl Writers {
    fn shared_with(&self, other: &Self) -> Option<String> {
        if self.everyone || other.everyone && self.group.is_some() {
            return Some("every user".to_owned());
        }
        if let Some(owner) = self.owner.filter(|&owner| other.owner == Some(owner) || other.everyone) {
            return Some(format!("user {owner}"));
        }
        let group = self.group.filter(|_| self.group == other.group)?;
        Some(format!("group {group}"))
    }
}

fn read_only(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|about| about.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_may_do_both_is_named() {
        let who = |owner, group, everyone| Writers { owner: Some(owner), group, everyone };
        let check = |trust: Writers, drop: Writers, said: Option<&str>| {
            assert_eq!(trust.shared_with(&drop).as_deref(), said);
        };
        check(who(1000, None, false), who(1000, None, false), Some("user 1000"));
        check(who(0, None, false), who(1000, None, false), None);
        check(who(0, None, false), who(0, None, false), Some("user 0"));
        check(who(0, Some(50), false), who(1000, Some(50), false), Some("group 50"));
        check(who(0, Some(50), false), who(1000, Some(51), false), None);
        check(who(0, None, true), who(1000, None, false), Some("every user"));
        check(who(1000, None, false), who(0, None, true), Some("user 1000"));
    }

    #[test]
    fn only_an_existing_policy_is_judged() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(exposed(&folder.path().join("trust.toml"), folder.path()), None);
        assert!(!read_only(folder.path()));
    }
}
