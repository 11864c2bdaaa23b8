//! What the feature job, the approver and the host must agree on.
//!
//! Read in this order: the words ([`ids`], [`digest`], [`date`]), what a model reads ([`view`], [`record`]) and answers ([`prediction`]), what it is
//! ([`card`]), who said so ([`key`], [`trust`], [`approval`]), what clients show ([`token`]), and the file that carries it all ([`section`], [`seal`]).

pub mod approval;
pub mod canonical;
pub mod card;
pub mod date;
pub mod digest;
pub mod exact;
pub mod file;
pub mod ids;
pub mod key;
pub mod prediction;
pub mod record;
pub mod seal;
pub mod section;
pub mod token;
pub mod trust;
pub mod view;
