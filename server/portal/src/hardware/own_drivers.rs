//! What kernels drive by themselves: the aliases of the modules in their own tree, kept with each
//! kernel that was registered from packages with modules, and an index of them for those kernels
//! that look-ups name.

use kernel_source::TreeModule;
use modalias::Index;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use store::PgPool;
use uuid::Uuid;

/// Kernels in memory at most; one takes some three megabytes.
const KEPT: usize = 32;
/// Bytes of a kernel's list, unpacked, at most; Debian's has less than two million.
pub const LIST_BYTES: usize = 16 << 20;
const PACKED_LEVEL: i32 = 9;

/// The modules of one kernel by what they drive.
pub type OwnIndex = Index<Arc<str>>;

/// Indexes of the kernels that were asked for; `None`: nothing is known of that kernel.
#[derive(Default)]
pub struct OwnDrivers(Mutex<HashMap<Uuid, Option<Arc<OwnIndex>>>>);

impl OwnDrivers {
    /// What a kernel drives. The caller was shown the kernel.
    ///
    /// # Errors
    /// The database fails.
    pub async fn of(&self, pool: &PgPool, kernel: Uuid) -> sqlx::Result<Option<Arc<OwnIndex>>> {
        if let Some(known) = self.lock().get(&kernel) {
            return Ok(known.clone());
        }
        let mut conn = pool.acquire().await?;
        let packed = store::lookup::kernel_aliases(&mut conn, kernel).await?;
        drop(conn);
        let index = match packed {
            None => None,
            // Tens of thousands of patterns: too long for a thread that serves others.
            Some(packed) => tokio::task::spawn_blocking(move || index(&packed).map(Arc::new))
                .await
                .unwrap_or_default(),
        };
        let mut kept = self.lock();
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(kernel, index.clone());
        Ok(index)
    }

    /// A kernel was registered, or grew by a part.
    pub fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Option<Arc<OwnIndex>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The modules' aliases as they are stored, joined with those that were stored before (another
/// package of the same kernel brought them). `None`: there is nothing to store.
#[must_use]
pub fn pack(before: Option<&[u8]>, modules: &[TreeModule]) -> Option<Vec<u8>> {
    let before = before.and_then(unpack).unwrap_or_default();
    let mut lines: BTreeSet<String> = before.lines().map(str::to_owned).collect();
    let known = lines.len();
    for module in modules.iter().filter(|it| is_word(&it.name)) {
        let named = module.aliases.iter().filter(|it| is_word(it));
        // Names of protocols and file systems have no colon; devices do.
        let devices = named.filter(|alias| alias.contains(':'));
        lines.extend(devices.map(|alias| format!("{} {alias}", module.name)));
    }
    if lines.len() == known {
        return None;
    }
    let mut text = String::new();
    for line in lines {
        if text.len() + line.len() >= LIST_BYTES {
            break;
        }
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}");
    }
    zstd::bulk::compress(text.as_bytes(), PACKED_LEVEL).ok()
}

/// Aliases come from files of strangers: line breaks would make two of one.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= modalias::PATTERN_MAX && !text.contains(['\n', '\r', '\0'])
}

fn unpack(packed: &[u8]) -> Option<String> {
    let bytes = zstd::bulk::decompress(packed, LIST_BYTES).ok()?;
    String::from_utf8(bytes).ok()
}

fn index(packed: &[u8]) -> Option<OwnIndex> {
    let text = unpack(packed)?;
    let mut last: Arc<str> = Arc::from("");
    let entries = text.lines().filter_map(|line| line.split_once(' '));
    let entries: Vec<(String, Arc<str>)> = entries
        .map(|(module, pattern)| {
            if *last != *module {
                last = Arc::from(module);
            }
            (pattern.to_owned(), last.clone())
        })
        .collect();
    Some(Index::build(entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(name: &str, aliases: &[&str]) -> TreeModule {
        TreeModule {
            path: format!("kernel/{name}"),
            name: name.to_owned(),
            aliases: aliases.iter().map(|&it| it.to_owned()).collect(),
        }
    }

    #[test]
    fn parts_of_a_kernel_add_up() {
        let first = [module("e1000e", &["pci:v00008086d00001502sv*sd*bc*sc*i*"])];
        let second = [module(
            "usbhid",
            &["usb:v*p*ic03isc*", "net-pf-16", "a:\nb"],
        )];
        let packed = pack(None, &first).unwrap();
        assert_eq!(pack(Some(&packed), &first), None, "nothing new");
        let packed = pack(Some(&packed), &second).unwrap();
        let index = index(&packed).unwrap();
        assert_eq!(index.len(), 2);
        let found = index.matches("usb:v1p2ic03isc01");
        assert_eq!(&**found[0].1, "usbhid");
        assert_eq!(pack(None, &[module("nothing", &[])]), None);
    }
}
