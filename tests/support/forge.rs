//! Modules made to order: a component of any kind under the card of a real one, signed with the workshop's own keys.

use std::fs;

use contract::approval::{Approval, Decision};
use contract::card::ModelCard;
use contract::ids::ModelVersion;
use contract::key::PrivateKey;
use contract::seal;
use contract::section::{COMPONENT_PREAMBLE, sections};

use crate::workshop::Workshop;

/// The keys of a workshop's job and approver.
pub struct Forge {
    job: PrivateKey,
    approver: PrivateKey,
}

impl Forge {
    /// Takes the workshop's keys.
    pub fn of(workshop: &Workshop) -> Self {
        let key = |file| PrivateKey::load(&workshop.path(file)).expect("the workshop's key");
        Self { job: key("job.pem"), approver: key("ada.pem") }
    }

    /// Seals what a module holds again, as a candidate for another version of the same model.
    pub fn candidate(&self, module: &[u8], version: u64) -> Vec<u8> {
        let card = card_of(module, version);
        seal::seal_candidate(&component_of(module), &card, &self.job).expect("a card that fits")
    }

    /// Seals and approves a component under a card.
    pub fn approved(&self, component: &[u8], card: &ModelCard) -> Vec<u8> {
        let sealed = seal::seal_candidate(component, card, &self.job).expect("a card that fits");
        let approval = Approval {
            digest: seal::inspect(&sealed).expect("a module").digest,
            decision: Decision::Approve,
            key: self.approver.public().id(),
            by: "Ada".to_owned(),
            reason: "made to order".to_owned(),
            time: "2026-01-01T00:00:00Z".to_owned(),
            gates_override: None,
            without_report: true,
            expires: None,
        };
        seal::approve(&sealed, &approval, &self.approver).expect("an approval")
    }

    /// Seals and approves what a module holds again, as another version of the same model.
    pub fn reversioned(&self, module: &[u8], version: u64) -> Vec<u8> {
        self.approved(&component_of(module), &card_of(module, version))
    }
}

/// Gives the card of a module as another version's, without a report.
fn card_of(module: &[u8], version: u64) -> ModelCard {
    let card = seal::inspect(module).expect("a module").card;
    ModelCard { version: ModelVersion::try_from(version).expect("a version"), report: None, ..card }
}

/// Gives the bare component of a module.
fn component_of(module: &[u8]) -> Vec<u8> {
    let ours = ["signature", "model-card", "model-approval", "signature_delimiter"];
    let sections = sections(module).expect("a module");
    let bare = sections.iter().filter(|section| section.name().is_none_or(|name| !ours.contains(&name)));
    COMPONENT_PREAMBLE.into_iter().chain(bare.flat_map(|section| section.raw).copied()).collect()
}

impl Workshop {
    /// Puts a file into `approved/` as a copy should be made: under another name, then renamed.
    pub fn place(&self, name: &str, bytes: &[u8]) {
        let aside = self.path(&format!("modules/approved/.{name}.part"));
        fs::write(&aside, bytes).expect("a file");
        fs::rename(&aside, self.path(&format!("modules/approved/{name}"))).expect("a name");
    }
}
