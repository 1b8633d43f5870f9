//! A thousand publications while clients refresh without a pause: zypper, dnf, and one that follows
//! every link. The server is killed and its disk filled in the midst. Nobody ever sees anything that
//! does not fit together.
//!
//! Clients come through [doors](crate::harness::door), which hold them while the server is away: a
//! refused connection is no inconsistency, and everything else that a client can complain of is.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xtask::kernels::Role;

use crate::harness::client::{Client, REPOSITORY};
use crate::harness::door::{Door, Lobby};
use crate::harness::http::{Ask, Reply};
use crate::harness::made::Maker;
use crate::harness::portal::{DISTRIBUTOR, PRODUCT, Portal};
use crate::harness::repository::{DOCUMENT_FIRST, REPOMD, Repository, SIGNATURE_FIRST, now};
use crate::harness::server::Server;
use crate::harness::{Ending, kernel, run, until, words};

/// Generations to be made while the clients look.
const PUBLICATIONS: usize = 1000;
/// Packages before the first look, and how many of them the smaller content has.
const PACKAGES: usize = 6;
const FEW: usize = 3;
/// Every so many publications a package is uploaded, and the one before it withdrawn.
const UPLOAD_EVERY: usize = 40;
/// Every so many the server is killed.
const KILL_EVERY: usize = 160;
/// Every so many the disk is full for a while.
const FULL_EVERY: usize = 450;
/// Room for generations within their grace.
const DISK: u64 = 48 << 20;
/// Seconds: longer than a client is held to a generation, and shorter than all of this takes.
const GRACE: &str = "90";

#[test]
fn no_client_ever_sees_half_a_publication() {
    let mut race = Race::open();
    let lobby = Lobby::before(race.portal.server.port());
    let visitors = Visitors::of(&race.portal, &lobby);
    let is_over = AtomicBool::new(false);
    let began = Instant::now();
    let visits = thread::scope(|scope| {
        // Whatever happens here: the visitors must end, too.
        let end = Ending(&is_over);
        let running = visitors.begin(scope, &is_over);
        race.run(&lobby);
        drop(end);
        running.map(|visitor| visitor.join().unwrap())
    });
    let took = began.elapsed();
    println!(
        "{} generations in {took:?}, {} answers held, {visits:#?}",
        race.made,
        lobby.held()
    );
    for visits in &visits {
        assert_eq!(
            visits.failed, [""; 0],
            "of {} by {}",
            visits.whole, visits.who
        );
        assert!(visits.whole >= 20, "{visits:?}");
    }
    assert_eq!(lobby.troubles(), [""; 0]);
    assert!(lobby.held() > 0, "nobody came while it was away");
    let contents = visitors.contents.into_inner().unwrap();
    assert!(contents.len() > 4, "hardly anything changed: {contents:?}");
    assert!(
        contents.is_subset(&race.contents),
        "{contents:?} of {:?}",
        race.contents
    );
    race.portal.finish();
}

/// What a repository lists, sorted.
type Content = Vec<String>;

/// The publishing side.
struct Race {
    portal: Portal,
    maker: Maker,
    /// `/api/v1/repositories/…`
    api: String,
    /// Number of the newest generation, and of the newest with the smaller content.
    newest: u64,
    newest_of_few: u64,
    /// Generations made since the clients came.
    made: usize,
    /// Id and location of what is published, oldest first.
    packages: Vec<(String, String)>,
    /// Everything that was ever to be seen.
    contents: BTreeSet<Content>,
}

impl Race {
    fn open() -> Race {
        let options = ["--generation-grace", GRACE];
        let server = Server::start_on_small_disk(&options, "repositories", DISK);
        let portal = Portal::of(server).and_base_kernel();
        let arch = &kernel(Role::Base).arch;
        let mut race = Race {
            maker: Maker::join(&portal),
            api: format!("/api/v1/repositories/{PRODUCT}/stable/{arch}"),
            portal,
            newest: 0,
            newest_of_few: 0,
            made: 0,
            packages: Vec::new(),
            contents: BTreeSet::new(),
        };
        for number in 0..PACKAGES {
            race.upload(number);
            if number + 1 == FEW {
                race.newest_of_few = race.newest;
            }
        }
        race.made = 0;
        race
    }

    fn run(&mut self, lobby: &Lobby) {
        while self.made < PUBLICATIONS {
            let before = self.made;
            self.change_four_times();
            let passed = |every: usize| before / every < self.made / every;
            let (is_upload, is_kill, is_full) =
                (passed(UPLOAD_EVERY), passed(KILL_EVERY), passed(FULL_EVERY));
            if is_upload {
                self.upload(PACKAGES + before);
                self.withdraw_one();
            }
            if is_kill {
                self.kill_while_publishing(lobby);
            }
            if is_full {
                self.publish_to_a_full_disk();
            }
        }
    }

    /// Each time other files; twice also other packages.
    fn change_four_times(&mut self) {
        self.publish(|race| race.pack("zstd"));
        let few = self.newest_of_few;
        self.publish(|race| race.roll_back(few));
        self.publish(|race| race.pack("gzip"));
        self.newest_of_few = self.newest;
        self.publish(Race::resume);
    }

    /// Asks for another content or form, and waits until it is published.
    fn publish(&mut self, ask: impl Fn(&Race) -> Reply) {
        ask(self).expect(200);
        self.settle();
    }

    /// Waits for the next generation.
    #[track_caller]
    fn settle(&mut self) {
        let before = self.newest;
        self.newest = until("the next generation", Duration::from_secs(60), || {
            let number = self.current();
            (number > before).then_some(number)
        });
        self.made += usize::try_from(self.newest - before).unwrap();
    }

    /// The generation that a client sees now who never came before.
    fn current(&self) -> u64 {
        static LOOKS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let arch = &kernel(Role::Base).arch;
        let url = self
            .portal
            .url(&format!("/repos/{PRODUCT}/stable/{arch}/{REPOMD}"));
        let program = format!("publisher/{}", LOOKS.fetch_add(1, Ordering::Relaxed));
        let reply = Ask::new("HEAD", url).header("user-agent", &program).send();
        // `"repository-generation"`, or 404 before the first.
        let tag = reply.header("etag").trim_matches('"').to_owned();
        tag.rsplit_once('-')
            .map_or(0, |(_, number)| number.parse().unwrap())
    }

    fn pack(&self, compression: &str) -> Reply {
        self.ask("PATCH", "", &json!({ "compression": compression }))
    }

    fn roll_back(&self, generation: u64) -> Reply {
        let wish = json!({ "generation": generation, "reason": "Race." });
        self.ask("POST", "/roll-back", &wish)
    }

    fn resume(&self) -> Reply {
        self.ask("POST", "/resume", &json!({}))
    }

    fn ask(&self, method: &'static str, path: &str, body: &Value) -> Reply {
        Ask::new(method, self.portal.url(&format!("{}{path}", self.api)))
            .token(self.portal.token(DISTRIBUTOR))
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
    }

    fn upload(&mut self, number: usize) {
        let made = self.maker.make(number);
        let path = format!(
            "/api/v1/packages/{}?product={PRODUCT}&wait=60",
            made.file_name
        );
        let upload = Ask::new("PUT", self.portal.url(&path)).token(&self.maker.token);
        let answer = upload.body(made.bytes).send().expect(201).json();
        assert_eq!(answer["state"], "published", "{answer}");
        let id = answer["id"].as_str().unwrap().to_owned();
        self.packages.push((id, made.file_name));
        self.settle();
        self.note_contents();
    }

    /// The newest but one, so that what is left has never been seen before.
    fn withdraw_one(&mut self) {
        let (id, _) = self.packages.remove(self.packages.len() - 2);
        let url = self.portal.url(&format!("/api/v1/packages/{id}/withdraw"));
        let reply = Ask::new("POST", url)
            .token(self.portal.token(DISTRIBUTOR))
            .header("content-type", "application/json")
            .body(json!({ "reason": "Race." }).to_string())
            .send();
        reply.expect(200);
        self.settle();
        self.note_contents();
    }

    /// What is published now, and what is when only the first few are.
    fn note_contents(&mut self) {
        for count in [FEW.min(self.packages.len()), self.packages.len()] {
            let packages = self.packages[..count].iter();
            let mut content: Content = packages.map(|(_, location)| location.clone()).collect();
            content.sort();
            self.contents.insert(content);
        }
    }

    /// A publication that was promised is made, whenever the server dies.
    fn kill_while_publishing(&mut self, lobby: &Lobby) {
        // Somewhere between the beginning of the publication and its end.
        let moment = Duration::from_millis(13 * (self.made / KILL_EVERY) as u64);
        self.pack("zstd").expect(200);
        thread::sleep(moment);
        lobby.without_portal(|| {
            self.portal.server.kill();
            self.portal.server.begin();
        });
        self.settle();
        self.publish(|race| race.pack("gzip"));
    }

    /// Nothing is published, everybody goes on seeing what was, and the fault is told.
    fn publish_to_a_full_disk(&mut self) {
        const LOOKING: Duration = Duration::from_secs(4);
        self.portal.server.disk().fill();
        self.pack("zstd").expect(200);
        until("the fault is told", Duration::from_secs(30), || {
            let state = self.portal.json(&self.api);
            let fault = state["fault"].as_str()?.to_owned();
            fault.contains("No space left on device").then_some(())
        });
        thread::sleep(LOOKING);
        assert_eq!(self.current(), self.newest, "published without room");
        self.portal.server.disk().make_room();
        self.publish(|race| race.pack("zstd"));
        assert_eq!(self.portal.json(&self.api)["fault"], Value::Null);
        self.publish(|race| race.pack("gzip"));
    }
}

/// Everybody who looks, each through a door of its own.
struct Visitors {
    zypper: (Client, Door),
    dnf: (Client, Door),
    careful: (Repository, Door),
    contents: Mutex<BTreeSet<Content>>,
}

/// What came of somebody's visits.
#[derive(Debug)]
struct Visits {
    who: &'static str,
    whole: usize,
    failed: Vec<String>,
}

/// Each so manyth time the same machine comes again at once, and may be held to what it saw.
const AGAIN_EVERY: usize = 4;

impl Visitors {
    fn of(portal: &Portal, lobby: &Arc<Lobby>) -> Visitors {
        let key = portal.get("/keys/repository.asc").expect(200).text();
        let url = |door: &Door| {
            let arch = &kernel(Role::Base).arch;
            format!("{}/repos/{PRODUCT}/stable/{arch}/", door.base)
        };
        let [zypper, dnf, careful] = [(); 3].map(|()| Door::open(lobby));
        let machines = [(); 2].map(|()| Client::trusting(&[&key]));
        let [for_zypper, for_dnf] = machines;
        for_zypper.add_for_zypper(&url(&zypper));
        // A download that fails is to be complained of, not silently tried again.
        fs::write(
            patience(&for_zypper),
            "[main]\ndownload.max_silent_tries = 1\n",
        )
        .unwrap();
        for_dnf.add_for_dnf(&url(&dnf));
        Visitors {
            careful: (Repository::at(&url(&careful), &key), careful),
            zypper: (for_zypper, zypper),
            dnf: (for_dnf, dnf),
            contents: Mutex::default(),
        }
    }

    fn begin<'a>(
        &'a self,
        scope: &'a thread::Scope<'a, '_>,
        is_over: &'a AtomicBool,
    ) -> [thread::ScopedJoinHandle<'a, Visits>; 3] {
        let refresh = ["refresh", "--force", REPOSITORY];
        let makecache = [
            "--setopt=retries=1",
            "--disablerepo=*",
            "--enablerepo",
            REPOSITORY,
            "makecache",
            "--refresh",
        ];
        let (zypper, dnf) = (&self.zypper, &self.dnf);
        [
            scope.spawn(move || {
                let look = |_| {
                    let mut command = zypper.0.root.zypper();
                    command.env("ZYPP_CONF", patience(&zypper.0)).args(refresh);
                    refreshed(&run(&mut command))
                };
                keep_visiting("zypper", &zypper.1, is_over, look)
            }),
            scope.spawn(move || {
                let look = |_| refreshed(&dnf.0.dnf(&makecache));
                keep_visiting("dnf", &dnf.1, is_over, look)
            }),
            scope.spawn(move || {
                let look = |number| self.look_carefully(number);
                keep_visiting("a careful client", &self.careful.1, is_over, look)
            }),
        ]
    }

    /// In zypper's order and dnf's by turns.
    fn look_carefully(&self, number: usize) -> Result<(), String> {
        let order = match number.is_multiple_of(2) {
            true => SIGNATURE_FIRST,
            false => DOCUMENT_FIRST,
        };
        let looked = self.careful.0.look_in_order(order, now());
        let mut content = looked.map_err(|trouble| format!("{trouble:?}"))?;
        content.sort();
        self.contents.lock().unwrap().insert(content);
        Ok(())
    }
}

/// zypper's settings.
fn patience(client: &Client) -> PathBuf {
    client.root.path().join("zypp.conf")
}

fn keep_visiting(
    who: &'static str,
    door: &Door,
    is_over: &AtomicBool,
    look: impl Fn(usize) -> Result<(), String>,
) -> Visits {
    let mut visits = Visits {
        who,
        whole: 0,
        failed: Vec::new(),
    };
    for number in 0_usize.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        if !number.is_multiple_of(AGAIN_EVERY) {
            door.next_visitor();
        }
        match look(number) {
            Ok(()) => visits.whole += 1,
            Err(what) => visits.failed.push(what),
        }
    }
    visits
}

/// A refresh that went well has nothing to complain of.
fn refreshed(output: &Output) -> Result<(), String> {
    let mut text = words(output);
    let complains = ["warning", "error", "skipping", "retry"];
    let is_quiet = !complains
        .iter()
        .any(|word| text.to_lowercase().contains(word));
    if output.status.success() && is_quiet {
        return Ok(());
    }
    let _ = write!(text, "({})", output.status);
    Err(text)
}
