//! Repositories as clients see them: the current generation in memory, older ones within their
//! grace on disk. A reload swaps a whole repository at once.
//!
//! A client that got one of the small files (`repomd.xml`, `.asc`, `.key`) of a generation gets the
//! others of the same one for a while, whatever is published meanwhile: zypper asks for the
//! signature first, dnf for the document first, and neither knows of our generations.

use crate::holds::{Journal, Recovered};
use crate::storage::Storage;
use bytes::Bytes;
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use store::generations::{self, Generation};
use store::repositories::Repository;
use store::{PgConnection, PgPool};
use tokio::sync::MutexGuard;

/// A client that asked for nothing this long has ended its refresh.
const IDLE: Duration = Duration::from_secs(10);
/// A client that never pauses goes on to the current generation after this time, when it asks
/// again for the file that it began with.
const LONGEST_HOLD: Duration = Duration::from_secs(60);
/// Clients remembered per repository; beyond it those whose hold ended are forgotten.
const HELD_CLIENTS: usize = 10_000;

/// The small files of a generation.
#[derive(Clone, Debug)]
pub struct Small {
    pub number: i64,
    pub repomd: Bytes,
    pub signature: Bytes,
    /// Locations of its data files.
    files: Arc<[String]>,
}

impl From<Generation> for Small {
    fn from(generation: Generation) -> Self {
        Self {
            number: generation.number,
            repomd: generation.repomd.into(),
            signature: generation.signature.into(),
            files: generation.files.into(),
        }
    }
}

/// A metadata file named by its checksum.
#[derive(Clone, Debug)]
pub enum DataFile {
    Memory(Bytes),
    Disk(PathBuf),
}

/// Who asks, as far as one can tell: address and program.
pub type Client = (IpAddr, String);

/// One of the small files, and how it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    pub is_head: bool,
    pub is_signature: bool,
}

/// A client in the middle of a refresh.
#[derive(Clone, Copy, Debug)]
struct Hold {
    number: i64,
    began_with: Asked,
    began: Instant,
    last: Instant,
}

impl Hold {
    /// Whether the client, asking this now, is to see the current generation from here on.
    fn is_over(&self, asked: Asked, now: Instant) -> bool {
        now.duration_since(self.last) > IDLE
            || (now.duration_since(self.began) > LONGEST_HOLD && asked == self.began_with)
    }
}

/// One repository.
#[derive(Debug)]
pub struct ServedRepository {
    pub id: i64,
    /// Newest first; the first is the current one.
    generations: Vec<Small>,
    data: HashMap<String, DataFile>,
    /// Package file name to SHA-256, also of files that no kept generation lists any more.
    packages: HashMap<String, Vec<u8>>,
    held: Mutex<HashMap<Client, Hold>>,
    journal: Arc<Journal>,
}

impl ServedRepository {
    /// The small files for this client, which asks for one of them now.
    fn small(&self, client: Client, asked: Asked, now: Instant) -> Option<Small> {
        let current = self.generations.first()?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= HELD_CLIENTS {
            held.retain(|_, hold| now.duration_since(hold.last) <= IDLE);
        }
        let anew = Hold {
            number: current.number,
            began_with: asked,
            began: now,
            last: now,
        };
        let is_new = held
            .get(&client)
            .is_none_or(|hold| hold.is_over(asked, now) || !self.keeps(hold.number));
        if is_new {
            self.journal.note(self.id, current.number, &client);
            held.insert(client.clone(), anew);
        }
        let hold = held.entry(client).or_insert(anew);
        hold.last = now;
        let number = hold.number;
        drop(held);
        self.generations
            .iter()
            .find(|g| g.number == number)
            .cloned()
    }

    fn keeps(&self, number: i64) -> bool {
        self.generations.iter().any(|g| g.number == number)
    }

    /// Kept generations, newest first; the first is the current one.
    #[must_use]
    pub fn kept(&self) -> &[Small] {
        &self.generations
    }

    #[must_use]
    pub fn current(&self) -> Option<&Small> {
        self.generations.first()
    }

    /// A metadata file of any kept generation, by its location below the repository's root.
    #[must_use]
    pub fn data(&self, location: &str) -> Option<&DataFile> {
        self.data.get(location)
    }

    /// The content hash of a package file that the repository ever listed.
    #[must_use]
    pub fn package(&self, location: &str) -> Option<&[u8]> {
        self.packages.get(location).map(Vec::as_slice)
    }
}

type Key = (String, String, String);

/// All repositories, by product, [view](Repository::view) and arch.
pub struct Served {
    repositories: RwLock<HashMap<Key, Arc<ServedRepository>>>,
    journal: Arc<Journal>,
    /// Held while a repository is loaded: one at a time, so that none is ever replaced by older news.
    loading: tokio::sync::Mutex<()>,
    /// Holds of the server before this one, until their repository is loaded.
    recovered: Mutex<Recovered>,
}

impl Served {
    /// Nothing loaded yet; clients in the middle of a refresh are known.
    ///
    /// # Errors
    /// The note of them cannot be read or written.
    pub fn open(storage: &Storage) -> std::io::Result<Self> {
        let (journal, recovered) = Journal::open(&storage.holds())?;
        Ok(Self {
            repositories: RwLock::default(),
            journal: Arc::new(journal),
            loading: tokio::sync::Mutex::default(),
            recovered: Mutex::new(recovered),
        })
    }

    /// The holds that a killed server had on a repository, each as if it began now.
    fn take_recovered(&self, id: i64) -> HashMap<Client, Hold> {
        let mut recovered = self
            .recovered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let began_with = Asked {
            is_head: false,
            is_signature: true,
        };
        let hold = |number| Hold {
            number,
            began_with,
            began: now,
            last: now,
        };
        let clients = recovered.remove(&id).unwrap_or_default();
        clients
            .into_iter()
            .map(|(client, number)| (client, hold(number)))
            .collect()
    }

    #[must_use]
    pub fn get(&self, product: &str, view: &str, arch: &str) -> Option<Arc<ServedRepository>> {
        let key = (product.to_owned(), view.to_owned(), arch.to_owned());
        self.repositories
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned()
    }

    /// The small files of a repository for this client, which asks for one of them now. Nothing is
    /// swapped meanwhile: a hold on what is shown no longer would be lost, and the client's next
    /// file that of another generation.
    #[must_use]
    pub fn small(
        &self,
        (product, view, arch): (&str, &str, &str),
        client: Client,
        asked: Asked,
        now: Instant,
    ) -> Option<Small> {
        let key = (product.to_owned(), view.to_owned(), arch.to_owned());
        let repositories = self
            .repositories
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        repositories.get(&key)?.small(client, asked, now)
    }

    /// Loads every repository; gives those that cannot be shown, with the reasons. What was shown of
    /// them before stays.
    ///
    /// # Errors
    /// The database fails.
    pub async fn reload_all(
        &self,
        pool: &PgPool,
        storage: &Storage,
    ) -> sqlx::Result<Vec<(i64, anyhow::Error)>> {
        let mut conn = pool.acquire().await?;
        let mut faulty = Vec::new();
        for repository in store::repositories::list(&mut conn).await? {
            let id = repository.id;
            let _turn = self.turn().await;
            if let Err(error) = self.load(&mut conn, storage, id, HashMap::new()).await {
                faulty.push((id, error));
            }
        }
        Ok(faulty)
    }

    /// Loads one repository again, if there is news of it.
    ///
    /// # Errors
    /// The database or the disk fails; what is served stays as it was.
    pub async fn reload(&self, pool: &PgPool, storage: &Storage, id: i64) -> anyhow::Result<()> {
        let turn = self.turn().await;
        self.load_fresh(turn, pool, storage, id, HashMap::new())
            .await
    }

    /// Waits until nobody loads. A publisher takes its turn before it commits, so that nobody reads
    /// from the disk what it has in its hands.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.loading.lock().await
    }

    /// Loads one repository; `fresh` has data files that were read already.
    ///
    /// # Errors
    /// As [`Served::reload`].
    pub async fn load_fresh(
        &self,
        _turn: MutexGuard<'_, ()>,
        pool: &PgPool,
        storage: &Storage,
        id: i64,
        fresh: HashMap<String, Bytes>,
    ) -> anyhow::Result<()> {
        let mut conn = pool.acquire().await?;
        self.load(&mut conn, storage, id, fresh).await
    }

    /// Reads what came since the repository was loaded last.
    async fn load(
        &self,
        conn: &mut PgConnection,
        storage: &Storage,
        id: i64,
        fresh: HashMap<String, Bytes>,
    ) -> anyhow::Result<()> {
        let Some(repository) = store::repositories::by_id(conn, id).await? else {
            return Ok(());
        };
        let numbers = generations::numbers(conn, id).await?;
        if numbers.is_empty() {
            return Ok(());
        }
        let before = self.get(&repository.product, &repository.view(), &repository.arch);
        let shown = before.as_ref().map_or(&[][..], |b| &b.generations);
        if shown.iter().map(|g| g.number).eq(numbers.iter().copied()) {
            return Ok(());
        }
        let newest = shown.first().map_or(0, |g| g.number);
        let mut kept: Vec<Small> = generations::after(conn, id, newest)
            .await?
            .into_iter()
            .map(Small::from)
            .collect();
        kept.extend(
            shown
                .iter()
                .filter(|g| numbers.contains(&g.number))
                .cloned(),
        );
        let mut packages = before
            .as_ref()
            .map_or_else(HashMap::new, |b| b.packages.clone());
        for file in generations::package_files(conn, id, newest).await? {
            packages.insert(file.location, file.sha256);
        }
        let data = {
            let (kept, before, storage) = (kept.clone(), before.clone(), storage.clone());
            tokio::task::spawn_blocking(move || data(id, &kept, before.as_deref(), fresh, &storage))
                .await??
        };
        self.show(&repository, before.as_deref(), kept, data, packages);
        Ok(())
    }

    /// Swaps the whole repository.
    fn show(
        &self,
        repository: &Repository,
        before: Option<&ServedRepository>,
        generations: Vec<Small>,
        data: HashMap<String, DataFile>,
        packages: HashMap<String, Vec<u8>>,
    ) {
        let key = (
            repository.product.clone(),
            repository.view(),
            repository.arch.clone(),
        );
        let mut all = self
            .repositories
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let held = match before {
            Some(before) => {
                std::mem::take(&mut *before.held.lock().unwrap_or_else(PoisonError::into_inner))
            }
            None => self.take_recovered(repository.id),
        };
        let loaded = ServedRepository {
            id: repository.id,
            generations,
            data,
            packages,
            held: Mutex::new(held),
            journal: self.journal.clone(),
        };
        all.insert(key, Arc::new(loaded));
    }
}

/// The data files of kept generations, newest first: those of the current one in memory.
fn data(
    id: i64,
    kept: &[Small],
    before: Option<&ServedRepository>,
    mut fresh: HashMap<String, Bytes>,
    storage: &Storage,
) -> anyhow::Result<HashMap<String, DataFile>> {
    let mut data = HashMap::new();
    let current = kept.first().map(|g| g.number);
    for generation in kept {
        let folder = storage.generation(id, generation.number);
        if Some(generation.number) == current {
            for described in repomd::parse_repomd(&generation.repomd)?.data {
                let location = described.location.clone();
                let known = fresh.remove(&location);
                let known = known.or_else(|| in_memory(before?, &location));
                let bytes = match known {
                    Some(bytes) => bytes,
                    None => crate::publishing::data_file(&folder, &described)?,
                };
                data.insert(location, DataFile::Memory(bytes));
            }
        }
        for location in generation.files.iter() {
            // Newest first: what is in memory stays.
            data.entry(location.clone())
                .or_insert_with(|| DataFile::Disk(folder.join(location)));
        }
    }
    Ok(data)
}

fn in_memory(repository: &ServedRepository, location: &str) -> Option<Bytes> {
    match repository.data.get(location)? {
        DataFile::Memory(bytes) => Some(bytes.clone()),
        DataFile::Disk(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(numbers: &[i64]) -> ServedRepository {
        let small = |number: i64| Small {
            number,
            repomd: format!("repomd {number}").into(),
            signature: format!("signature {number}").into(),
            files: Arc::default(),
        };
        ServedRepository {
            id: 1,
            generations: numbers.iter().map(|n| small(*n)).collect(),
            data: HashMap::new(),
            packages: HashMap::new(),
            held: Mutex::default(),
            journal: Arc::default(),
        }
    }

    fn client(last: u8, program: &str) -> Client {
        (IpAddr::from([127, 0, 0, last]), program.to_owned())
    }

    const SIGNATURE: Asked = Asked {
        is_head: false,
        is_signature: true,
    };
    const DOCUMENT: Asked = Asked {
        is_head: false,
        is_signature: false,
    };

    #[test]
    fn a_client_stays_with_its_generation() {
        let now = Instant::now();
        let old = repository(&[1]);
        assert_eq!(
            old.small(client(1, "ZYpp"), SIGNATURE, now).unwrap().number,
            1
        );
        let new = ServedRepository {
            held: old.held,
            ..repository(&[2, 1])
        };
        let seen = |c| new.small(c, DOCUMENT, now).unwrap().number;
        assert_eq!(seen(client(1, "ZYpp")), 1, "began with 1");
        assert_eq!(seen(client(1, "libdnf")), 2, "another program");
        assert_eq!(seen(client(2, "ZYpp")), 2, "another machine");
        let later = now + IDLE + Duration::from_secs(1);
        assert_eq!(
            new.small(client(1, "ZYpp"), SIGNATURE, later)
                .unwrap()
                .number,
            2
        );
    }

    #[test]
    fn a_client_without_pause_goes_on_where_it_began() {
        let start = Instant::now();
        let old = repository(&[1]);
        assert_eq!(
            old.small(client(1, "ZYpp"), SIGNATURE, start)
                .unwrap()
                .number,
            1
        );
        let new = ServedRepository {
            held: old.held,
            ..repository(&[2, 1])
        };
        let mut now = start;
        while now < start + LONGEST_HOLD {
            now += IDLE / 2;
            assert_eq!(
                new.small(client(1, "ZYpp"), DOCUMENT, now).unwrap().number,
                1
            );
        }
        now += Duration::from_secs(1);
        assert_eq!(
            new.small(client(1, "ZYpp"), DOCUMENT, now).unwrap().number,
            1
        );
        assert_eq!(
            new.small(client(1, "ZYpp"), SIGNATURE, now).unwrap().number,
            2
        );
        assert_eq!(
            new.small(client(1, "ZYpp"), DOCUMENT, now).unwrap().number,
            2
        );
    }

    #[test]
    fn a_generation_that_is_gone_gives_the_current_one() {
        let now = Instant::now();
        let old = repository(&[1]);
        assert_eq!(
            old.small(client(1, "ZYpp"), SIGNATURE, now).unwrap().number,
            1
        );
        let new = ServedRepository {
            held: old.held,
            ..repository(&[3])
        };
        assert_eq!(
            new.small(client(1, "ZYpp"), DOCUMENT, now).unwrap().number,
            3
        );
        // And is held from then on.
        let newer = ServedRepository {
            held: new.held,
            ..repository(&[4, 3])
        };
        let signature = newer.small(client(1, "ZYpp"), SIGNATURE, now);
        assert_eq!(signature.unwrap().number, 3);
    }

    #[test]
    fn whoever_asks_while_generations_are_swapped_gets_both_files_of_one() {
        const SWAPS: i64 = 300;
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(folder.path()).unwrap();
        let served = Served::open(&storage).unwrap();
        let of = store_repository();
        served.show(
            &of,
            None,
            repository(&[1]).generations,
            HashMap::new(),
            HashMap::new(),
        );
        let is_over = std::sync::atomic::AtomicBool::new(false);
        let ask = |who: &Client, asked| {
            let small = served.small(
                ("sle", "stable", "x86_64"),
                who.clone(),
                asked,
                Instant::now(),
            );
            small.unwrap().number
        };
        let visits = std::thread::scope(|scope| {
            let visitor = scope.spawn(|| {
                let mut visits = 0_u32;
                while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    visits += 1;
                    let who = client(1, &visits.to_string());
                    assert_eq!(ask(&who, SIGNATURE), ask(&who, DOCUMENT), "visit {visits}");
                }
                visits
            });
            for number in 2..SWAPS {
                let before = served.get("sle", "stable", "x86_64");
                let numbers: Vec<i64> = (1..=number).rev().collect();
                let kept = repository(&numbers).generations;
                served.show(&of, before.as_deref(), kept, HashMap::new(), HashMap::new());
            }
            is_over.store(true, std::sync::atomic::Ordering::Relaxed);
            visitor.join().unwrap()
        });
        assert!(visits > 100, "{visits}");
    }

    fn store_repository() -> Repository {
        Repository {
            id: 1,
            product_id: 1,
            product: "sle".to_owned(),
            channel: "stable".to_owned(),
            arch: "x86_64".to_owned(),
            vendor_id: None,
            vendor: None,
            current: Some(1),
            compression: "gzip".to_owned(),
            whole_id: 1,
            pinned: None,
            pinned_reason: None,
            pinned_by: None,
            fault: None,
            fault_at: None,
        }
    }
}
