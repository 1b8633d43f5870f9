//! Would it load? Modules that somebody only asks about, on every kernel that they may see. Nothing
//! is stored: the modules are judged beside the packages of the index, without joining them.

pub mod lines;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::judging::{Facts, Index};
use crate::shown;
use kabi::{ModuleVerdict, PackageVerdict};
use kmod::{Btf, Crc, Import, Module, Versions};
use serde::Deserialize;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use store::PgConnection;
use store::judging::Group;
use store::kernels::{Filter, Kernel};
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

/// Kernels judged in one answer, the newest first.
const MOST_KERNELS: usize = 500;
/// Verdicts in one answer, of modules on kernels: of many modules, fewer kernels are judged.
const MOST_VERDICTS: usize = 20_000;
/// No further kernel is judged after so long.
const JUDGING: Duration = Duration::from_secs(10);
/// Files read at a time, each by a process of its own.
const READERS: usize = 4;
/// Seconds after which a reader is probably free.
const READER_IS_BUSY: u64 = 2;
/// Symbols in one question.
const MOST_SYMBOLS: usize = 50_000;

/// Bounds how many files are read at a time.
pub struct Readers(Semaphore);

impl Default for Readers {
    fn default() -> Self {
        Self(Semaphore::new(READERS))
    }
}

impl Readers {
    /// Takes a place, until what it gives is dropped.
    ///
    /// # Errors
    /// 503 while all are taken.
    pub fn enter(&self) -> Result<SemaphorePermit<'_>> {
        self.0.try_acquire().map_err(|_| {
            let detail = format!(
                "{READERS} files are being read just now; ask again in {READER_IS_BUSY} s."
            );
            Error::busy(READER_IS_BUSY, detail)
        })
    }
}

/// Which kernels are asked about; empty words do not restrict.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Restriction {
    /// Name of a product.
    pub product: String,
    pub arch: String,
    pub flavor: String,
    /// `uname -r`, or an id.
    pub kernel: String,
}

impl Restriction {
    /// With what this leaves open taken from another.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let first = |own: String, other: String| if own.is_empty() { other } else { own };
        Self {
            product: first(self.product, other.product),
            arch: first(self.arch, other.arch),
            flavor: first(self.flavor, other.flavor),
            kernel: first(self.kernel, other.kernel),
        }
    }
}

/// What is asked about.
#[derive(Debug)]
pub enum Question {
    /// The modules of a package, or one that came alone, with their paths.
    Modules(Vec<Module>),
    /// Only what a module needs.
    Symbols(SymbolList),
}

/// What a module needs, as somebody writes it down.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SymbolList {
    /// What answers call it.
    #[serde(default)]
    pub name: Option<String>,
    pub symbols: Vec<Wanted>,
    /// Of a product, as in the query, which wins.
    #[serde(default)]
    pub product: String,
    #[serde(default)]
    pub arch: String,
    #[serde(default)]
    pub flavor: String,
    /// `uname -r`, or an id.
    #[serde(default)]
    pub kernel: String,
    /// As `modinfo -F vermagic` prints it; left out, taken to fit every kernel.
    #[serde(default)]
    pub vermagic: Option<String>,
    /// As in `MODULE_LICENSE`; left out, `GPL`.
    #[serde(default)]
    pub license: Option<String>,
}

/// A symbol and its version.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    pub symbol: String,
    /// `0x92997ed8`.
    pub crc: Crc,
}

/// The answer for one kernel.
#[derive(Debug)]
pub struct OnKernel {
    pub kernel: Kernel,
    pub judged: PackageVerdict,
}

/// What came of it.
#[derive(Debug)]
pub struct Answer {
    /// Newest registration first.
    pub kernels: Vec<OnKernel>,
    /// Kernels that fit the question, judged or not.
    pub total: usize,
}

/// Judges what is asked about on the kernels that the caller may see.
///
/// # Errors
/// 400 and 404 for a question that cannot be answered.
pub async fn answer(
    app: &App,
    caller: &Caller,
    name: &str,
    question: Question,
    restriction: &Restriction,
) -> Result<Answer> {
    let mut conn = app.pool.acquire().await?;
    let mut kernels = kernels(app, &mut conn, caller, restriction).await?;
    if matches!(question, Question::Symbols(_)) {
        // Else one could ask for every symbol of a kernel under embargo.
        kernels.retain(|kernel| shown::wholly(caller, kernel));
    }
    let total = kernels.len();
    kernels.truncate(
        MOST_KERNELS
            .min(MOST_VERDICTS / question.modules().max(1))
            .max(1),
    );
    let deadline = Instant::now() + JUDGING;
    let mut groups: HashMap<Group, Vec<Uuid>> = HashMap::new();
    for kernel in &kernels {
        groups.entry(Group::of(kernel)).or_default().push(kernel.id);
    }
    let question = std::sync::Arc::new(question);
    let mut judged = HashMap::with_capacity(kernels.len());
    for (group, ids) in groups {
        let seen = app.judging.look(&mut conn, &group, &ids).await?;
        let (question, name) = (question.clone(), name.to_owned());
        let facts = ids.iter().filter_map(|id| Some((*id, seen.facts(*id)?)));
        let facts: Vec<_> = facts.collect();
        let in_time = facts
            .into_iter()
            .take_while(move |_| Instant::now() < deadline);
        let work = move |index: &Index| judge(index, &name, &question, in_time);
        judged.extend(seen.work(work).await?.1);
    }
    let on = |kernel: Kernel| {
        let mut whole = judged.remove(&kernel.id)?;
        if !shown::wholly(caller, &kernel) {
            hide(&mut whole);
        }
        Some(OnKernel {
            kernel,
            judged: whole,
        })
    };
    Ok(Answer {
        kernels: kernels.into_iter().filter_map(on).collect(),
        total,
    })
}

async fn kernels(
    app: &App,
    conn: &mut PgConnection,
    caller: &Caller,
    restriction: &Restriction,
) -> Result<Vec<Kernel>> {
    let given = |text: &String| (!text.is_empty()).then(|| text.clone());
    let product_id = match given(&restriction.product) {
        Some(name) => Some(crate::uploads::product_by_name(conn, &name).await?.id),
        None => None,
    };
    let id: Option<Uuid> = restriction.kernel.parse().ok();
    let filter = Filter {
        product_id,
        arch: given(&restriction.arch),
        flavor: given(&restriction.flavor),
        release: given(&restriction.kernel).filter(|_| id.is_none()),
        ..Filter::default()
    };
    let mut kernels = shown::kernels(app, conn, caller, &filter).await?;
    kernels.retain(|kernel| id.is_none_or(|id| kernel.id == id));
    if kernels.is_empty() {
        return Err(Error::not_found(
            "No kernel that you may see fits the question. `GET /api/v1/kernels` lists them.",
        ));
    }
    Ok(kernels)
}

/// Judges on these kernels, without asking who may see them.
pub fn judge(
    index: &Index,
    name: &str,
    question: &Question,
    kernels: impl Iterator<Item = (Uuid, Facts)>,
) -> Vec<(Uuid, PackageVerdict)> {
    match question {
        Question::Modules(modules) => {
            let ids = kernels.map(|(id, _)| id);
            let judged = index.what_if(name, modules, ids).into_iter();
            judged.map(|(id, whole)| (*id, whole)).collect()
        }
        Question::Symbols(list) => {
            let on = |(id, facts): (Uuid, Facts)| {
                let modules = [list.module(&facts)];
                let judged = index.what_if(name, &modules, [id]).into_iter().next();
                judged.map(|(id, whole)| (*id, whole))
            };
            kernels.filter_map(on).collect()
        }
    }
}

impl Question {
    /// How many modules it is about.
    fn modules(&self) -> usize {
        match self {
            Self::Modules(modules) => modules.len(),
            Self::Symbols(_) => 1,
        }
    }
}

impl SymbolList {
    /// Symbols and nothing else.
    #[must_use]
    pub fn of(symbols: Vec<Wanted>) -> Self {
        Self {
            name: None,
            symbols,
            product: String::new(),
            arch: String::new(),
            flavor: String::new(),
            kernel: String::new(),
            vermagic: None,
            license: None,
        }
    }

    /// Which kernels it asks about.
    #[must_use]
    pub fn restriction(&self) -> Restriction {
        Restriction {
            product: self.product.clone(),
            arch: self.arch.clone(),
            flavor: self.flavor.clone(),
            kernel: self.kernel.clone(),
        }
    }

    /// # Errors
    /// 400 for more than can be judged.
    pub fn check(&self) -> Result<()> {
        if self.symbols.is_empty() || self.symbols.len() > MOST_SYMBOLS {
            return Err(Error::bad_request(format!(
                "`symbols` lists 1 to {MOST_SYMBOLS} symbols, each as {{\"symbol\": \"printk\", \
                 \"crc\": \"0x92997ed8\"}}; here are {}.",
                self.symbols.len()
            )));
        }
        Ok(())
    }

    /// A module that needs this, and for the rest is as one for that kernel.
    fn module(&self, kernel: &Facts) -> Module {
        let tail = kernel.vermagic_tail.as_deref().unwrap_or(COMMON_TAIL);
        let vermagic = self.vermagic.clone();
        let vermagic = vermagic.unwrap_or_else(|| format!("{} {tail}", kernel.release));
        let import = |symbol: &str, crc, undefined| Import {
            symbol: symbol.to_owned(),
            crc: Some(crc),
            weak: false,
            undefined,
        };
        let is_layout = |wanted: &&Wanted| wanted.symbol == LAYOUT;
        let mut imports: Vec<Import> = self
            .symbols
            .iter()
            .filter(|w| !is_layout(w))
            .map(|w| import(&w.symbol, w.crc, true))
            .collect();
        let layout = self.symbols.iter().find(is_layout).map(|w| w.crc);
        if let Some(crc) = layout.or(kernel.layout) {
            imports.push(import(LAYOUT, crc, false));
        }
        imports.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        imports.dedup_by(|a, b| a.symbol == b.symbol);
        let license = self.license.clone().unwrap_or_else(|| "GPL".to_owned());
        Module {
            name: self.name.clone().unwrap_or_else(|| "symbols".to_owned()),
            machine: kernel.machine,
            vermagic: Some(vermagic),
            modinfo: vec![("license".to_owned(), license)],
            imports,
            exports: Vec::new(),
            versions: Versions::Basic,
            this_module_size: None,
            signature: None,
            livepatch: false,
            btf: Btf::None,
            oddities: Vec::new(),
        }
    }
}

/// Stands for `struct module` among the symbols.
const LAYOUT: &str = "module_layout";
/// What most kernels' vermagic ends in.
const COMMON_TAIL: &str = "SMP preempt mod_unload modversions ";

/// Of a kernel under embargo a vendor is told what loads and which symbols are why; versions and
/// providers only of packages that it uploads.
fn hide(whole: &mut PackageVerdict) {
    let reasons = |module: &mut ModuleVerdict| {
        for reason in &mut module.reasons {
            reason.found = None;
            reason.provider = None;
            reason.detail = None;
        }
    };
    whole.modules.iter_mut().for_each(reasons);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_few_at_a_time() {
        let readers = Readers::default();
        let places: Vec<_> = (0..READERS).map(|_| readers.enter().unwrap()).collect();
        let Err(Error::Problem(problem)) = readers.enter() else {
            panic!("there is no place left");
        };
        assert_eq!(problem.status, 503);
        assert_eq!(problem.more["retry_after"], READER_IS_BUSY);
        drop(places);
        assert!(readers.enter().is_ok());
    }

    #[test]
    fn the_query_wins_over_the_list() {
        let list: SymbolList = serde_json::from_str(
            r#"{"symbols":[{"symbol":"a","crc":"0x1"}],"arch":"x86_64","flavor":"rt"}"#,
        )
        .unwrap();
        let query = Restriction {
            flavor: "default".to_owned(),
            ..Restriction::default()
        };
        let both = query.or(list.restriction());
        assert_eq!(
            (both.arch.as_str(), both.flavor.as_str()),
            ("x86_64", "default")
        );
    }
}
