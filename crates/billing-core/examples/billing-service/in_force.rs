//! The settings in force and their origins: on stderr at the start, and at `/settings`. Secrets are hidden.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use billing_core::settings::{Loaded, Origin, Setting};
use serde::Serialize;

/// The answer of `/settings`.
#[derive(Debug, Serialize)]
pub(crate) struct InForce {
    settings: Vec<InForceSetting>,
    /// Settings that have no effect.
    remarks: Vec<String>,
}

#[derive(Debug, Serialize)]
struct InForceSetting {
    key: String,
    /// `(hidden)` for a secret that is set.
    value: String,
    /// `default`, the file, the variable or `flag`.
    source: String,
    #[serde(skip)]
    is_default: bool,
}

impl InForce {
    pub(crate) fn of(loaded: &Loaded) -> Self {
        Self {
            settings: loaded.explained.iter().map(InForceSetting::of).collect(),
            remarks: loaded.remarks.iter().map(ToString::to_string).collect(),
        }
    }

    /// The settings that differ from the defaults, and those without effect, one a line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let changed = self.settings.iter().filter(|setting| !setting.is_default);
        let changed =
            changed.map(|InForceSetting { key, value, source, .. }| format!("setting: {key} = {value} ({source})"));
        let remarks = self.remarks.iter().map(|remark| format!("warning: {remark}"));
        changed.chain(remarks).collect()
    }
}

impl InForceSetting {
    fn of(setting: &Setting) -> Self {
        Self {
            key: setting.key.clone(),
            value: setting.value.clone(),
            source: setting.origin.to_string(),
            is_default: setting.origin == Origin::Default,
        }
    }
}

pub(crate) async fn settings(State(in_force): State<Arc<InForce>>) -> Json<Arc<InForce>> {
    Json(in_force)
}
