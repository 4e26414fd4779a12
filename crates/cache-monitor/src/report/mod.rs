//! The report of a measurement: its data ([`model`]), the steps that make it, and its renderings.

mod advice;
mod baseline;
mod build;
mod charts;
mod conditions;
mod gate;
mod html;
mod markdown;
mod model;
mod notes;
mod tables;
mod text;

#[cfg(test)]
mod sample;

pub(crate) use baseline::{Baseline, Expected};
pub(crate) use build::{TypeOutcome, build};
pub(crate) use conditions::Conditions;
pub(crate) use gate::judge;
pub(crate) use model::{Gate, MonitorReport, Outcome, WorkloadReport};
