//! The seal against its adversaries.
//!
//! [`structure`] holds whoever has no key: bytes changed, added and moved, and [`exhaustive`] tries that at every place.
//! [`trust`] holds whoever has one, and signs what the key may not, or signs a file of the wrong form; [`gates`] holds
//! approvers to setting failed gates aside in words. [`reference`] holds the format to another implementation's reading of
//! it. Every case names the stable code it must be refused with; [`named`] tries them all, and says how many there were.

mod bench;
mod exhaustive;
mod gates;
mod named;
mod reference;
mod structure;
mod trust;
