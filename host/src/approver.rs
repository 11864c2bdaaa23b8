//! The approver's verbs: making keys, reviewing candidates, countersigning them or turning them down.
//!
//! They run on the approver's own machine. A private key is never needed where the host serves.

mod approve;
mod compare;
mod export_oms;
mod gates;
mod inspect;
mod keygen;
mod keys;
mod registry;
mod reject;
mod report;
mod review;
mod verify;

pub use approve::ApproveArgs;
pub use export_oms::ExportOmsArgs;
pub use inspect::InspectArgs;
pub use keygen::KeygenArgs;
pub use keys::KeysArgs;
pub(crate) use registry::RegistryArgs;
pub use reject::RejectArgs;
pub use review::ReviewArgs;
pub use verify::VerifyArgs;
