//! Publishing with a real database and disk: what clients are shown is whole, whatever goes wrong.

use super::*;
use crate::repository_key::Signer;
use anyhow::bail;
use keyring::{KeyAlgorithm, SigningKey};
use repomd::{Record, render};
use sha2::{Digest as _, Sha256};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use store::packages::{self, Inspected};
use store::{products, vendors};

const NOW: Time = time::macros::datetime!(2026-11-23 12:00 UTC);

/// A portal's publishing, and one repository.
struct World {
    publisher: Publisher,
    served: Served,
    id: i64,
    product_id: i64,
    vendor_id: i64,
    _folder: tempfile::TempDir,
}

/// Signs until it is told not to.
#[derive(Debug)]
struct Moody {
    key: SigningKey,
    refuses: Arc<AtomicBool>,
}

impl Signer for Moody {
    fn sign(&self, data: &[u8], now: u64) -> anyhow::Result<Vec<u8>> {
        if self.refuses.load(Ordering::Relaxed) {
            bail!("the token was pulled out");
        }
        self.key.sign(data, now)
    }
}

fn small_key() -> SigningKey {
    let created = (NOW - Duration::from_secs(86_400)).unix_timestamp();
    SigningKey::generate("Test", KeyAlgorithm::Ed25519, created.cast_unsigned()).unwrap()
}

impl World {
    async fn new(pool: &PgPool) -> Self {
        let key = small_key();
        Self::signed_by(pool, RepositoryKey::new(key.certificate(), Box::new(key))).await
    }

    async fn signed_by(pool: &PgPool, key: RepositoryKey) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(folder.path()).unwrap();
        let mut conn = pool.acquire().await.unwrap();
        let product = products::NewProduct {
            name: "sle",
            display_name: "SLE",
            family: "suse",
            arches: &["x86_64".to_owned()],
            flavors: &["default".to_owned()],
            channels: &["stable".to_owned()],
            default_channel: "stable",
        };
        let product = products::upsert(&mut conn, &product, NOW).await.unwrap();
        let product_id = product.id;
        let vendor = vendors::upsert(&mut conn, "acme", "ACME", "a@acme.example", NOW)
            .await
            .unwrap();
        let id =
            store::repositories::get_or_insert(&mut conn, product_id, "stable", "x86_64", None);
        Self {
            id: id.await.unwrap(),
            served: Served::open(&storage).unwrap(),
            publisher: Publisher {
                pool: pool.clone(),
                storage,
                key: Arc::new(key),
                grace: Duration::from_secs(3600),
            },
            product_id,
            vendor_id: vendor.id,
            _folder: folder,
        }
    }

    /// A package that was accepted.
    async fn add(&self, number: usize) -> Uuid {
        self.add_of(self.vendor_id, number).await
    }

    async fn add_of(&self, vendor_id: i64, number: usize) -> Uuid {
        let bytes = format!("package {number}");
        let sha256 = Sha256::digest(&bytes).to_vec();
        let path = self.publisher.storage.package(&sha256);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &bytes).unwrap();
        let size = i64::try_from(bytes.len()).unwrap();
        let mut tx = self.publisher.pool.begin().await.unwrap();
        let id = packages::insert_received(&mut tx, vendor_id, &sha256, size, "a.rpm", None, NOW);
        let id = id.await.unwrap();
        packages::place(&mut tx, id, self.product_id, "stable")
            .await
            .unwrap();
        packages::save_inspection(&mut tx, id, &facts(number, &sha256, size))
            .await
            .unwrap();
        packages::set_state(&mut tx, id, State::Accepted, "In order.", NOW)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn publish_at(&self, now: Time) -> anyhow::Result<()> {
        self.publisher.publish(&self.served, self.id, now).await
    }

    async fn publish(&self) {
        self.publish_at(NOW).await.unwrap();
    }

    async fn repository(&self) -> Repository {
        let mut conn = self.publisher.pool.acquire().await.unwrap();
        let found = store::repositories::by_id(&mut conn, self.id).await;
        found.unwrap().unwrap()
    }

    /// What is wrong with what clients see.
    async fn faults(&self) -> Vec<String> {
        let repository = self.repository().await;
        let found = check_current(&self.publisher, &repository, Depth::Packages, NOW);
        found.await.unwrap()
    }

    /// What a client lists that reads what is served.
    fn listed(&self) -> Vec<String> {
        let served = self.served.get("sle", "stable", "x86_64").unwrap();
        let current = served.current().unwrap();
        let checked = repomd::check(
            &current.repomd,
            &mut |location| match served.data(location) {
                Some(crate::served::DataFile::Memory(bytes)) => Ok(bytes.to_vec()),
                Some(crate::served::DataFile::Disk(path)) => fs::read(path),
                None => Err(std::io::ErrorKind::NotFound.into()),
            },
        );
        let packages = checked.unwrap().packages;
        for package in &packages {
            assert!(served.package(&package.location).is_some());
        }
        packages.into_iter().map(|p| p.location).collect()
    }

    fn number(&self) -> i64 {
        let served = self.served.get("sle", "stable", "x86_64");
        served.unwrap().current().unwrap().number
    }

    fn generation(&self) -> std::path::PathBuf {
        self.publisher.storage.generation(self.id, self.number())
    }

    fn groups(&self) -> Vec<std::path::PathBuf> {
        let entries = fs::read_dir(self.publisher.storage.groups(self.id)).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

fn facts(number: usize, sha256: &[u8], size: i64) -> Inspected {
    let name = format!("acme-{number:04}-kmp-default");
    let location = format!("{name}-1-1.x86_64.rpm");
    let rendered = render(&Record {
        name: name.clone(),
        version: "1".into(),
        release: "1".into(),
        arch: "x86_64".into(),
        // Long enough for several groups.
        description: "d".repeat(20_000),
        pkgid: hex::encode(sha256),
        size_package: size.cast_unsigned(),
        location: location.clone(),
        ..Record::default()
    });
    Inspected {
        name,
        epoch: None,
        version: "1".into(),
        release: "1".into(),
        arch: "x86_64".into(),
        flavor: Some("default".into()),
        kernel_release: None,
        location,
        summary: String::new(),
        license: None,
        rpm_vendor: None,
        signature: serde_json::Value::Null,
        repomd_primary: rendered.primary,
        repomd_filelists: rendered.filelists,
        repomd_other: rendered.other,
        excludes: Vec::new(),
        modules: Vec::new(),
        aliases: Vec::new(),
        certificates: Vec::new(),
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_package_more_changes_one_group(pool: PgPool) {
    let world = World::new(&pool).await;
    for number in 0..150 {
        world.add(number).await;
    }
    world.publish().await;
    let before: HashSet<_> = world.groups().into_iter().collect();
    assert!(before.len() > 2, "{before:?}");
    let id = world.add(1000).await;
    world.publish().await;
    let after: HashSet<_> = world.groups().into_iter().collect();
    assert_eq!(after.difference(&before).count(), 1);
    assert_eq!((world.listed().len(), world.number()), (151, 2));
    assert_eq!(world.faults().await, [""; 0]);
    let mut conn = pool.acquire().await.unwrap();
    let package = packages::by_id(&mut conn, id).await.unwrap().unwrap();
    assert_eq!(package.state, State::Published);
    // Nothing changed: nothing is made.
    world.publish().await;
    assert_eq!(world.number(), 2);
}

impl World {
    /// What clients read of support, by level and licence; `None`: nothing is said.
    async fn supported(&self) -> Vec<Option<repomd::Supported>> {
        self.publish().await;
        assert_eq!(self.faults().await, [""; 0]);
        let repomd = self.generation().join("repodata");
        let served = self.served.get("sle", "stable", "x86_64").unwrap();
        let checked = repomd::check(&served.current().unwrap().repomd, &mut |location| {
            fs::read(repomd.parent().unwrap().join(location))
        });
        let packages = checked.unwrap().packages;
        packages.into_iter().map(|it| it.support).collect()
    }

    async fn say(&self, said: Option<&str>) {
        let said = said.map(|text| serde_json::from_str(text).unwrap());
        let mut conn = self.publisher.pool.acquire().await.unwrap();
        let done = store::support::set(&mut conn, self.product_id, said.as_ref()).await;
        done.unwrap();
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_is_said_of_support_is_published(pool: PgPool) {
    let world = World::new(&pool).await;
    for number in 0..60 {
        world.add(number).await;
    }
    assert_eq!(world.supported().await, vec![None; 60]);
    world.say(Some(r#"{"level": "unsupported"}"#)).await;
    // It was decided, and is not published yet: that is no damage.
    assert_eq!(world.faults().await, [""; 0]);
    let said = |level: &str, eula: &str| {
        Some(repomd::Supported::of(&repomd::Support {
            keywords: vec![format!("support_{level}")],
            eula: eula.to_owned(),
        }))
    };
    assert_eq!(world.supported().await, vec![said("unsupported", ""); 60]);
    assert_eq!(world.number(), 2);
    // Nothing changed, or nothing that concerns these packages: nothing is made.
    world
        .say(Some(
            r#"{"level": "unsupported", "vendors": {"beta": {"level": "l1"}}}"#,
        ))
        .await;
    world.publish().await;
    assert_eq!(world.number(), 2);
    world
        .say(Some(
            r#"{"level": "l1", "vendors": {"acme": {"level": "l3", "eula": "Agree & <pay>."}}}"#,
        ))
        .await;
    assert_eq!(
        world.supported().await,
        vec![said("l3", "Agree & <pay>."); 60]
    );
    // One package more costs one group, also with what is said of it.
    let before: HashSet<_> = world.groups().into_iter().collect();
    world.add(1000).await;
    assert_eq!(world.supported().await.len(), 61);
    let after: HashSet<_> = world.groups().into_iter().collect();
    assert_eq!(after.difference(&before).count(), 1);

    world.say(None).await;
    assert_eq!(world.supported().await, vec![None; 61]);
    assert_eq!(world.number(), 5);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn the_same_packages_give_the_same_files(pool: PgPool) {
    let world = World::new(&pool).await;
    for number in 0..60 {
        world.add(number).await;
    }
    world.publish().await;
    let first = world.repository().await;
    let last = world.add(1000).await;
    world.publish().await;
    let mut conn = pool.acquire().await.unwrap();
    packages::set_state(&mut conn, last, State::Withdrawn, "Old.", NOW)
        .await
        .unwrap();
    world.publish().await;
    let by_number = |number| {
        let pool = pool.clone();
        async move {
            let mut conn = pool.acquire().await.unwrap();
            let found = generations::by_number(&mut conn, first.id, number).await;
            found.unwrap().unwrap().files
        }
    };
    assert_ne!(by_number(1).await, by_number(2).await);
    assert_eq!(by_number(1).await, by_number(3).await);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn damaged_groups_are_packed_anew(pool: PgPool) {
    let world = World::new(&pool).await;
    for number in 0..150 {
        world.add(number).await;
    }
    world.publish().await;
    for (index, path) in world.groups().into_iter().enumerate() {
        let mut bytes = fs::read(&path).unwrap();
        match index % 3 {
            0 => bytes.truncate(bytes.len() - 1),
            1 => bytes[200] ^= 1,
            _ => bytes.clear(),
        }
        fs::write(&path, bytes).unwrap();
    }
    world.add(1000).await;
    world.publish().await;
    assert_eq!(world.listed().len(), 151);
    assert_eq!(world.faults().await, [""; 0]);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_damaged_generation_is_made_anew(pool: PgPool) {
    let world = World::new(&pool).await;
    world.add(1).await;
    world.publish().await;
    let file = world.listed_file("primary");
    let mut bytes = fs::read(&file).unwrap();
    bytes.pop();
    fs::write(&file, bytes).unwrap();
    assert_eq!(world.faults().await.len(), 1);
    // Clients are served from memory, and see nothing of it.
    assert_eq!(world.listed().len(), 1);
    world.publish().await;
    assert_eq!((world.listed().len(), world.number()), (1, 2));
    assert_eq!(world.faults().await, [""; 0]);

    // A server that starts over damaged files says so, and the publication after it heals.
    fs::remove_file(world.listed_file("other")).unwrap();
    let restarted = Served::open(&world.publisher.storage).unwrap();
    let faulty = restarted
        .reload_all(&pool, &world.publisher.storage)
        .await
        .unwrap();
    assert_eq!(faulty.len(), 1);
    let publisher = &world.publisher;
    publisher.publish(&restarted, world.id, NOW).await.unwrap();
    let served = restarted.get("sle", "stable", "x86_64").unwrap();
    assert_eq!(served.current().unwrap().number, 3);
}

impl World {
    /// The current generation's data file of this kind.
    fn listed_file(&self, kind: &str) -> std::path::PathBuf {
        let entries = fs::read_dir(self.generation().join("repodata")).unwrap();
        let mut paths = entries.map(|entry| entry.unwrap().path());
        let file = paths.find(|path| path.to_str().unwrap().contains(&format!("-{kind}.xml")));
        file.context(kind.to_owned()).unwrap()
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_package_file_behind_our_back_is_noticed(pool: PgPool) {
    let world = World::new(&pool).await;
    world.add(1).await;
    world.publish().await;
    let path = world
        .publisher
        .storage
        .package(&Sha256::digest("package 1"));
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    world.add(2).await;
    let error = format!("{:#}", world.publish_at(NOW).await.unwrap_err());
    assert!(
        error.contains("acme-0001-kmp-default-1-1.x86_64.rpm"),
        "{error}"
    );
    assert_eq!((world.number(), world.listed().len()), (1, 1));
    assert_eq!(world.faults().await.len(), 1);
    fs::write(&path, "package x").unwrap();
    assert_eq!(world.faults().await.len(), 1, "the digest is another");
    fs::write(&path, bytes).unwrap();
    world.publish().await;
    assert_eq!((world.number(), world.listed().len()), (2, 2));

    // Nothing to publish does not mean that all is well.
    fs::rename(&path, path.with_extension("away")).unwrap();
    assert!(world.publish_at(NOW).await.is_err());
    fs::rename(path.with_extension("away"), &path).unwrap();
    world.publish().await;

    // One that is new is read as a whole before it is shown.
    world.add(3).await;
    let path = world
        .publisher
        .storage
        .package(&Sha256::digest("package 3"));
    fs::write(&path, "package ?").unwrap();
    let error = format!("{:#}", world.publish_at(NOW).await.unwrap_err());
    assert!(error.contains("was altered on the disk"), "{error}");
    assert_eq!(world.number(), 2);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_signer_that_fails_leaves_everything_as_it_was(pool: PgPool) {
    let key = small_key();
    let refuses = Arc::new(AtomicBool::new(false));
    let signer = Moody {
        key: key.clone(),
        refuses: refuses.clone(),
    };
    let key = RepositoryKey::new(key.certificate(), Box::new(signer));
    let world = World::signed_by(&pool, key).await;
    world.add(1).await;
    world.publish().await;
    world.add(2).await;
    refuses.store(true, Ordering::Relaxed);
    let error = format!("{:#}", world.publish_at(NOW).await.unwrap_err());
    assert!(error.contains("the token was pulled out"), "{error}");
    assert_eq!((world.number(), world.listed().len()), (1, 1));
    assert_eq!(world.faults().await, [""; 0]);
    refuses.store(false, Ordering::Relaxed);
    world.publish().await;
    assert_eq!((world.number(), world.listed().len()), (2, 2));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn another_key_is_not_believed(pool: PgPool) {
    let key = RepositoryKey::new(small_key().certificate(), Box::new(small_key()));
    let world = World::signed_by(&pool, key).await;
    world.add(1).await;
    let error = format!("{:#}", world.publish_at(NOW).await.unwrap_err());
    assert!(
        error.contains("not a signature by the repository key"),
        "{error}"
    );
    assert_eq!(world.repository().await.current, None);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn time_never_goes_back(pool: PgPool) {
    let world = World::new(&pool).await;
    let hour = Duration::from_secs(3600);
    let mut seen = Vec::new();
    for (number, now) in [NOW, NOW - hour, NOW + hour].into_iter().enumerate() {
        world.add(number).await;
        world.publish_at(now).await.unwrap();
        let served = world.served.get("sle", "stable", "x86_64").unwrap();
        let repomd = repomd::parse_repomd(&served.current().unwrap().repomd).unwrap();
        let data = repomd.data("primary").unwrap();
        assert_eq!(repomd.revision, data.timestamp.unwrap().to_string());
        seen.push(data.timestamp.unwrap());
        let fault = world.repository().await.fault;
        let is_behind = now < NOW;
        assert_eq!(fault.is_some(), is_behind, "{fault:?}");
    }
    assert!(seen.is_sorted(), "{seen:?}");
    // Before the key was made nothing can be signed that a client takes.
    world.add(9).await;
    assert!(world.publish_at(NOW - 100 * hour).await.is_err());
    assert_eq!(world.listed().len(), 3);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn two_publishers_take_turns(pool: PgPool) {
    let world = World::new(&pool).await;
    let other = Served::open(&world.publisher.storage).unwrap();
    for number in 0..6 {
        world.add(number).await;
        let (a, b) = tokio::join!(
            world.publisher.publish(&world.served, world.id, NOW),
            world.publisher.publish(&other, world.id, NOW),
        );
        a.unwrap();
        b.unwrap();
        assert_eq!(world.listed().len(), number + 1);
        assert_eq!(world.number(), i64::try_from(number + 1).unwrap());
    }
    let theirs = other.get("sle", "stable", "x86_64").unwrap();
    assert_eq!(theirs.current().unwrap().number, 6);
    assert_eq!(world.faults().await, [""; 0]);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_disk_that_refuses_leaves_everything_as_it_was(pool: PgPool) {
    let world = World::new(&pool).await;
    world.add(1).await;
    world.publish().await;
    world.add(2).await;
    let folder = world.publisher.storage.generations(world.id);
    // Where the next generation would lie there is a file: no folder can be made.
    fs::write(folder.join("2"), "in the way").unwrap();
    fs::set_permissions(folder.join("2"), fs::Permissions::from_mode(0o444)).unwrap();
    let error = format!("{:#}", world.publish_at(NOW).await.unwrap_err());
    assert!(error.contains("writing "), "{error}");
    assert_eq!((world.number(), world.listed().len()), (1, 1));
    assert_eq!(world.faults().await, [""; 0]);
    fs::remove_file(folder.join("2")).unwrap();
    // A publisher that died has left half a generation.
    fs::create_dir_all(folder.join("2/repodata")).unwrap();
    fs::write(folder.join("2/repodata/.new-primary"), "half").unwrap();
    world.publish().await;
    assert_eq!((world.number(), world.listed().len()), (2, 2));
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn going_back_shows_what_was_there_and_stays(pool: PgPool) {
    let world = World::new(&pool).await;
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(world.add(number).await);
        world.publish().await;
    }
    let mut conn = pool.acquire().await.unwrap();
    store::repositories::pin(&mut conn, world.id, 2, "3 is broken", "op")
        .await
        .unwrap();
    world.publish().await;
    assert_eq!((world.number(), world.listed().len()), (4, 2));
    // What comes meanwhile waits, what is withdrawn goes all the same.
    world.add(7).await;
    packages::set_state(&mut conn, ids[0], State::Withdrawn, "Old.", NOW)
        .await
        .unwrap();
    world.publish().await;
    assert_eq!((world.number(), world.listed().len()), (5, 1));
    store::repositories::unpin(&mut conn, world.id)
        .await
        .unwrap();
    world.publish().await;
    assert_eq!((world.number(), world.listed().len()), (6, 3));
    assert_eq!(world.faults().await, [""; 0]);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn old_generations_go_and_take_nothing_along(pool: PgPool) {
    let world = World::new(&pool).await;
    let first = world.add(0).await;
    let day = Duration::from_secs(86_400);
    let rounds = usize::try_from(KEPT).unwrap() + 3;
    for number in 1..=rounds {
        world.add(number).await;
        let now = NOW + day * u32::try_from(number).unwrap();
        if number == 2 {
            let mut conn = pool.acquire().await.unwrap();
            packages::set_state(&mut conn, first, State::Withdrawn, "Old.", now)
                .await
                .unwrap();
        }
        world.publish_at(now).await.unwrap();
        let served = world.served.get("sle", "stable", "x86_64").unwrap();
        let mut conn = pool.acquire().await.unwrap();
        let kept = generations::after(&mut conn, world.id, 0).await.unwrap();
        for generation in &kept {
            for file in &generation.files {
                assert!(served.data(file).is_some(), "{} {file}", generation.number);
                let folder = world
                    .publisher
                    .storage
                    .generation(world.id, generation.number);
                assert!(folder.join(file).exists());
            }
        }
        // The withdrawn one stays for those who name it, though no kept generation does.
        let location = "acme-0000-kmp-default-1-1.x86_64.rpm";
        assert!(served.package(location).is_some(), "{number}");
    }
    let mut conn = pool.acquire().await.unwrap();
    let kept = generations::numbers(&mut conn, world.id).await.unwrap();
    assert_eq!(kept.len(), usize::try_from(KEPT).unwrap());
    let folders = fs::read_dir(world.publisher.storage.generations(world.id)).unwrap();
    // And the groups.
    assert_eq!(folders.count(), kept.len() + 1);
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn a_vendors_repository_goes_back_with_the_whole_one(pool: PgPool) {
    let world = World::new(&pool).await;
    let mut conn = pool.acquire().await.unwrap();
    let beta = vendors::upsert(&mut conn, "beta", "Beta", "b@beta.example", NOW)
        .await
        .unwrap();
    let view = store::repositories::get_or_insert(
        &mut conn,
        world.product_id,
        "stable",
        "x86_64",
        Some(world.vendor_id),
    );
    let view = view.await.unwrap();
    let publish = async || {
        world.publish().await;
        let publisher = &world.publisher;
        publisher.publish(&world.served, view, NOW).await.unwrap();
    };
    let shown = |channel: &str| {
        let served = world.served.get("sle", channel, "x86_64").unwrap();
        served.current().unwrap().repomd.clone()
    };
    let held = async |id| {
        let mut conn = pool.acquire().await.unwrap();
        let members = generations::current_members(&mut conn, id).await.unwrap();
        members
            .into_iter()
            .map(|it| it.package_id)
            .collect::<Vec<_>>()
    };
    let first = world.add(1).await;
    publish().await;
    // Two generations of the view, but three of the whole: numbers differ.
    let theirs = world.add_of(beta.id, 2).await;
    publish().await;
    let bad = world.add(3).await;
    publish().await;
    assert_eq!(held(world.id).await, [first, theirs, bad]);
    assert_eq!(held(view).await, [first, bad]);
    let before = shown("vendors/acme/stable");

    let whole = world.repository().await;
    let by = crate::waivers::OPERATOR;
    let one = store::repositories::by_id(&mut conn, view)
        .await
        .unwrap()
        .unwrap();
    let refused = crate::repositories::roll_back(&mut conn, &one, 1, "Bad.", by, NOW).await;
    assert!(refused.is_err(), "alone it does not go back");
    crate::repositories::roll_back(&mut conn, &whole, 2, "Bad.", by, NOW)
        .await
        .unwrap();
    let queued = store::jobs::counts(&mut conn).await.unwrap();
    assert_eq!(queued.open, 2, "the view follows by itself");
    publish().await;
    assert_eq!(held(world.id).await, [first, theirs]);
    assert_eq!(held(view).await, [first]);
    let one = store::repositories::by_id(&mut conn, view)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (one.pinned, one.pinned_reason.as_deref()),
        (Some(2), Some("Bad."))
    );
    assert_ne!(shown("vendors/acme/stable"), before);
    // What is new waits, there as here.
    let new = world.add(4).await;
    publish().await;
    assert_eq!(held(view).await, [first]);

    crate::repositories::resume(&mut conn, &whole, by, NOW)
        .await
        .unwrap();
    publish().await;
    assert_eq!(held(world.id).await, [first, theirs, bad, new]);
    assert_eq!(held(view).await, [first, bad, new]);
}
