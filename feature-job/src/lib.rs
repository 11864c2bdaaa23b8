//! The feature job: loans to features, features to a trained model, a trained model to a signed component.
//!
//! Read in this order: [`columns`] names what is read and written, [`loans`] reads and checks a loan file,
//! [`features`] computes, [`offline`] reads the result back. [`sample`] makes loan files, [`publish`] sends the latest
//! features of every user to a host, [`retrieve`] gives features as they were known at given times. [`train`] fits, judges and
//! proves a model, [`compile`] makes it a component, [`score`] runs one over a whole store. [`gates`], [`drift`] and [`report`]
//! are for whoever decides about a model; [`predictions`] reads back what a host logged; [`retrain`] decides whether a new one is due.

pub mod answer;
pub mod atomic;
mod builder;
pub mod columns;
pub mod compile;
pub mod days;
pub mod drift;
pub mod exit;
pub mod features;
pub mod gates;
pub mod html;
pub mod loans;
pub mod offline;
pub mod predictions;
pub mod publish;
pub mod quality;
pub mod report;
pub mod retrain;
pub mod retrieve;
pub mod sample;
pub mod score;
pub mod train;
