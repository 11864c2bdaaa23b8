//! The seal against its adversaries.
//!
//! [`structure`] holds whoever has no key: bytes flipped, cut, added and moved. [`trust`] holds whoever has one, and signs
//! what the key may not, or signs a file of the wrong form; [`gates`] holds approvers to setting failed gates aside in words.
//! [`reference`] holds the format to another implementation's reading of it. Every case names the stable code it must be
//! refused with.

mod bench;
mod gates;
mod reference;
mod structure;
mod trust;
