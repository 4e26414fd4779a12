//! TLS over time: certificates are renewed under a process that runs.

use std::fs;

use billing_cache::Tier;
use test_support::{Authority, ClientCertificates, Identity, Lifetime, RedisServer, eventually};

use crate::world::{PATIENT, World, read};

fn replace(old: &Identity, new: &Identity) {
    fs::copy(&new.certificate, &old.certificate).unwrap();
    fs::copy(&new.key, &old.key).unwrap();
}

#[tokio::test]
async fn renewed_files_count_from_the_next_connection_on() {
    let (authority, successor) = (Authority::new().unwrap(), Authority::new().unwrap());
    let server = authority.server("127.0.0.1", Lifetime::Valid).unwrap();
    let client = authority.client("billing", Lifetime::Valid).unwrap();
    let options = RedisServer::options().tls(&authority, &server, ClientCertificates::Demanded);
    let world = World::on(options.start().unwrap());
    let cache = world.cache_with(|options| {
        options.redis.tls = true;
        options.redis.tls_ca_file = authority.file();
        options.redis.tls_client_cert_file = client.certificate.clone();
        options.redis.tls_client_key_file = client.key.clone();
    });
    let cache = cache.await;
    cache.check_redis().await.unwrap();

    world.server.stop().unwrap();
    fs::copy(successor.file(), authority.file()).unwrap();
    replace(&server, &successor.server("127.0.0.1", Lifetime::Valid).unwrap());
    replace(&client, &successor.client("billing", Lifetime::Valid).unwrap());
    world.server.restart().unwrap();
    let from_redis = async || read(&cache, 1).await.1 == Tier::L2;
    eventually(PATIENT, from_redis).await.unwrap();
    cache.check_redis().await.unwrap();
}
