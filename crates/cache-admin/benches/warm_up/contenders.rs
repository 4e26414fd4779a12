//! The kinds of warm-up that are compared.

use std::collections::HashMap;

use anyhow::Result;
use billing_core::cached::CACHED_TYPES;
use billing_outbox::registry::Which;

use crate::LIMIT;
use crate::site::Site;
use crate::trace::Read;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Contender {
    Nothing,
    NewestFirst,
    ByUse,
    /// Knows what will be read, and loads what will be read most.
    Oracle,
}

impl Contender {
    pub(crate) const ALL: [Self; 4] = [Self::Nothing, Self::NewestFirst, Self::ByUse, Self::Oracle];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::NewestFirst => "newest first",
            Self::ByUse => "by use",
            Self::Oracle => "an oracle's",
        }
    }

    pub(crate) async fn warm_up(self, site: &Site, future: &[Read]) -> Result<()> {
        let limit = LIMIT.to_string();
        match self {
            Self::Nothing => Ok(()),
            Self::NewestFirst => site.tool(&["warmup", "--from", "newest", "--limit", &limit]),
            Self::ByUse => site.tool(&["warmup", "--from", "usage", "--limit", &limit]),
            Self::Oracle => foresee(site, future).await,
        }
    }
}

async fn foresee(site: &Site, future: &[Read]) -> Result<()> {
    for (place, cached) in CACHED_TYPES.iter().enumerate() {
        let mut reads: HashMap<usize, u32> = HashMap::new();
        for read in future.iter().filter(|read| read.cached_type == place) {
            *reads.entry(read.key).or_default() += 1;
        }
        let mut keys: Vec<(usize, u32)> = reads.into_iter().collect();
        keys.sort_by_key(|(key, reads)| (std::cmp::Reverse(*reads), *key));
        keys.truncate(usize::try_from(LIMIT)?);
        let texts: Vec<String> = keys.into_iter().map(|(key, _)| site.texts[place][key].clone()).collect();
        cached.load_texts(&site.cache, &texts, Which::Missing, &mut |_| {}).await?;
    }
    Ok(())
}
