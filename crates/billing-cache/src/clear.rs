//! Clear: an operator empties cached types. Exactly our keys of those types, with their leases, and nothing else.

use crate::cache::Cache;
use crate::cached_type::{Source, TypeInfo};
use crate::l2::admin::{self, ClearMode, Cleared};
use crate::l2::error::RedisUnreachable;
use crate::l2::history::History;
use crate::l2::store::unlink;

impl<S: Source> Cache<S> {
    /// Removes all values of these types and revokes the leases of loads in flight; answers in the order of `types`.
    ///
    /// `progress` hears how many names were found in each step. If it is dropped on the way, what was removed stays removed.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn clear(
        &self,
        types: &[TypeInfo],
        mode: ClearMode,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Vec<Cleared>, RedisUnreachable> {
        let shared = self.shared();
        let cleared = admin::walk_types(shared, types, mode, progress).await;
        shared.stamps.bump_all();
        cleared.map_err(|error| shared.link.unreachable(error))
    }

    /// Removes all values of these types for somebody who keeps a record of it: answers the history in which it was done.
    ///
    /// # Errors
    /// Redis cannot be used. What was removed stays removed.
    pub async fn clear_on_record(&self, types: &[TypeInfo]) -> Result<Option<History>, RedisUnreachable> {
        let shared = self.shared();
        let cleared = admin::clear_types_of_primary(shared, types).await;
        shared.stamps.bump_all();
        cleared.map_err(|error| shared.link.unreachable(error))
    }

    /// Removes the values with these texts and revokes their leases.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn clear_keys(&self, texts: &[String], mode: ClearMode) -> Result<Cleared, RedisUnreachable> {
        let shared = self.shared();
        let mut connection = shared.link.own_connection().await?;
        let mut cleared = Cleared::default();
        for batch in texts.chunks(shared.settings.scan_count) {
            let counted =
                count_and_remove(&mut connection, batch, mode).await.map_err(|error| shared.link.unreachable(error))?;
            cleared.keys += counted.keys;
            cleared.leases += counted.leases;
        }
        shared.stamps.bump_all();
        Ok(cleared)
    }

    /// The text of the key of `info` with this id, such as `42` or `GB:default`; `None` if it is no id of that type.
    #[must_use]
    pub fn text_of_id(&self, info: &TypeInfo, id: &str) -> Option<String> {
        let separator = if info.parts.is_empty() { "" } else { ":" };
        let text = format!("{}{}{separator}{id}", self.space().prefix(), info.prefix);
        info.owns(self.space(), &text).then_some(text)
    }
}

async fn count_and_remove(
    connection: &mut crate::l2::link::OwnConnection,
    texts: &[String],
    mode: ClearMode,
) -> Result<Cleared, crate::l2::error::L2Error> {
    let mut pipeline = redis::pipe();
    for text in texts {
        pipeline.cmd("EXISTS").arg(text).cmd("EXISTS").arg(crate::key::lease_of(text));
        if mode == ClearMode::Remove {
            pipeline.add_command(unlink(text)).ignore();
        }
    }
    let there: Vec<u64> = connection.pipeline(&pipeline).await?;
    let (keys, leases) = there.chunks(2).fold((0, 0), |(keys, leases), pair| (keys + pair[0], leases + pair[1]));
    Ok(Cleared { keys, leases })
}
