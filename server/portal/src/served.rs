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
use store::repositories::{Generation, Repository};
use store::{PgConnection, PgPool};

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
    /// Package file name to SHA-256.
    packages: HashMap<String, Vec<u8>>,
    held: Mutex<HashMap<Client, Hold>>,
    journal: Arc<Journal>,
}

impl ServedRepository {
    /// The small files for this client, which asks for one of them now.
    #[must_use]
    pub fn small(&self, client: Client, asked: Asked, now: Instant) -> Option<Small> {
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
            .is_none_or(|hold| hold.is_over(asked, now));
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
            .or(Some(current))
            .cloned()
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

    /// The content hash of a package file that some kept generation names.
    #[must_use]
    pub fn package(&self, location: &str) -> Option<&[u8]> {
        self.packages.get(location).map(Vec::as_slice)
    }
}

type Key = (String, String, String);

/// All repositories, by product, channel and arch.
pub struct Served {
    repositories: RwLock<HashMap<Key, Arc<ServedRepository>>>,
    journal: Arc<Journal>,
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
    pub fn get(&self, product: &str, channel: &str, arch: &str) -> Option<Arc<ServedRepository>> {
        let key = (product.to_owned(), channel.to_owned(), arch.to_owned());
        self.repositories
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned()
    }

    /// Loads every repository.
    ///
    /// # Errors
    /// The database or the disk fails.
    pub async fn reload_all(&self, pool: &PgPool, storage: &Storage) -> anyhow::Result<()> {
        let mut conn = pool.acquire().await?;
        for repository in store::repositories::list(&mut conn).await? {
            self.load(&mut conn, storage, repository).await?;
        }
        Ok(())
    }

    /// Loads one repository again.
    ///
    /// # Errors
    /// The database or the disk fails; what is served stays as it was.
    pub async fn reload(&self, pool: &PgPool, storage: &Storage, id: i64) -> anyhow::Result<()> {
        let mut conn = pool.acquire().await?;
        if let Some(repository) = store::repositories::by_id(&mut conn, id).await? {
            self.load(&mut conn, storage, repository).await?;
        }
        Ok(())
    }

    async fn load(
        &self,
        conn: &mut PgConnection,
        storage: &Storage,
        repository: Repository,
    ) -> anyhow::Result<()> {
        let Some(current) = repository.current else {
            return Ok(());
        };
        let generations = store::repositories::generations(conn, repository.id).await?;
        let files = store::repositories::package_files(conn, repository.id).await?;
        let key = (repository.product, repository.channel, repository.arch);
        let storage = storage.clone();
        let id = repository.id;
        let mut loaded =
            tokio::task::spawn_blocking(move || build(id, current, generations, &storage))
                .await??;
        loaded.packages = files.into_iter().map(|f| (f.location, f.sha256)).collect();
        let mut all = self
            .repositories
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = all.get(&key) {
            // Two reloads may finish in either order: never go back.
            if old.current().is_some_and(|o| o.number > current) {
                return Ok(());
            }
            let mut held = old.held.lock().unwrap_or_else(PoisonError::into_inner);
            loaded.held = Mutex::new(std::mem::take(&mut held));
        } else {
            loaded.held = Mutex::new(self.take_recovered(id));
        }
        loaded.journal = self.journal.clone();
        all.insert(key, Arc::new(loaded));
        Ok(())
    }
}

fn build(
    id: i64,
    current: i64,
    generations: Vec<Generation>,
    storage: &Storage,
) -> std::io::Result<ServedRepository> {
    let mut data = HashMap::new();
    let mut small = Vec::new();
    for generation in generations.into_iter().filter(|g| g.number <= current) {
        let folder = storage.generation(id, generation.number);
        for location in generation.files {
            let path = folder.join(&location);
            let file = if generation.number == current {
                DataFile::Memory(std::fs::read(path)?.into())
            } else {
                DataFile::Disk(path)
            };
            // Newest first: what is in memory stays.
            data.entry(location).or_insert(file);
        }
        small.push(Small {
            number: generation.number,
            repomd: generation.repomd.into(),
            signature: generation.signature.into(),
        });
    }
    Ok(ServedRepository {
        id,
        generations: small,
        data,
        packages: HashMap::new(),
        held: Mutex::default(),
        journal: Arc::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(numbers: &[i64]) -> ServedRepository {
        let small = |number: i64| Small {
            number,
            repomd: format!("repomd {number}").into(),
            signature: format!("signature {number}").into(),
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
    }
}
