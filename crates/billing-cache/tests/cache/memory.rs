//! Processes whose memory (L1) holds values, and looks into that memory.

use billing_cache::{Cache, Tier, TypeSettings};
use futures_util::FutureExt;

use crate::ledger::{InvoiceId, Invoices, Ledger};
use crate::world::{Options, World, read, seen, until};

/// So long that within a test only an announcement can make an entry dead.
const BOUND_MS: u64 = 60_000;

impl World {
    /// A process with L1 for every type.
    pub(crate) async fn l1_cache(&self) -> Cache<Ledger> {
        self.l1_cache_with(|_| {}).await
    }

    pub(crate) async fn l1_cache_with(&self, change: impl FnOnce(&mut Options)) -> Cache<Ledger> {
        self.cache_with(|options| {
            for name in ["invoices", "user_credit_notes", "active_discounts"] {
                let on = TypeSettings { l1: Some(true), ..TypeSettings::default() };
                options.cache.types.insert(name.to_owned(), on);
            }
            options.cache.l1_staleness_bound_ms = BOUND_MS;
            change(options);
        })
        .await
    }

    /// Ends the connections in whose line of `CLIENT LIST` one of these flags stands; says how many.
    pub(crate) fn kill_clients(&self, flags: &[char]) -> usize {
        let ids = self.clients(flags);
        for id in &ids {
            let _: redis::RedisResult<()> =
                redis::cmd("CLIENT").arg("KILL").arg("ID").arg(id).exec(&mut self.server.connection().unwrap());
        }
        ids.len()
    }

    /// The connections with one of these flags: `B` for those that hear of changed keys, `N` for no flag at all.
    pub(crate) fn clients(&self, flags: &[char]) -> Vec<String> {
        let list: String = self.server.command(&["CLIENT", "LIST"]).unwrap();
        let field = |line: &str, name: &str| {
            line.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('=')).unwrap().to_owned()
        };
        let lines = list.lines().filter(|line| field(line, "cmd") != "client|list");
        lines.filter(|line| field(line, "flags").contains(flags)).map(|line| field(line, "id")).collect()
    }
}

/// What the memory of this process answers for an invoice, if it answers: the version, or that there is no such
/// invoice. An answer from anywhere else would have to wait.
pub(crate) fn in_l1(cache: &Cache<Ledger>, id: i32) -> Option<Option<u64>> {
    let cached = cache.get::<Invoices>(&InvoiceId(id)).now_or_never()?.unwrap();
    let (version, tier) = seen(&cached);
    assert_eq!(tier, Tier::L1, "only memory answers at once");
    Some(version)
}

/// Reads the invoice, which must have this version, until it comes from memory.
pub(crate) async fn until_in_l1(cache: &Cache<Ledger>, id: i32, version: u64) {
    until(|| async {
        let (seen, tier) = read(cache, id).await;
        assert_eq!(seen, Some(version), "{tier:?}");
        tier == Tier::L1
    })
    .await;
}

/// Waits until memory does not answer for the invoice any more. It is asked, not read, so nothing gets in meanwhile.
pub(crate) async fn until_not_in_l1(cache: &Cache<Ledger>, id: i32) {
    until(|| async { in_l1(cache, id).is_none() }).await;
}
