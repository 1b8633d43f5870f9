//! What goes wrong while publishing: clients go on seeing the current generation whole, the status
//! page and the log name the fault, and the next publication heals.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use keyring::{KeyAlgorithm, SigningKey};
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::kernels::Role;
use xtask::sh;

use crate::harness::http::{Ask, Reply};
use crate::harness::leash::Leash;
use crate::harness::made::{Made, Maker};
use crate::harness::portal::{DISTRIBUTOR, PRODUCT, Portal};
use crate::harness::repository::{Repository, Trouble, now};
use crate::harness::server::Server;
use crate::harness::{kernel, scratch, until};

/// Something that keeps the next generation from being published.
struct Fault {
    name: &'static str,
    /// What is said of it.
    told: &'static str,
    /// Whether clients get everything that is listed; else all but one package.
    is_whole: bool,
    begin: fn(&World),
    end: fn(&World),
}

const FAULTS: [Fault; 5] = [
    Fault {
        name: "the disk is full",
        told: "No space left on device",
        is_whole: true,
        begin: |world| world.portal.server.disk().fill(),
        end: |world| world.portal.server.disk().make_room(),
    },
    Fault {
        name: "the signer fails",
        told: "the token was pulled out",
        is_whole: true,
        begin: |world| world.signer.mood("fail"),
        end: |world| world.signer.mood("sign"),
    },
    Fault {
        name: "the signer hangs",
        told: "did not answer within 2s",
        is_whole: true,
        begin: |world| world.signer.mood("hang"),
        end: |world| world.signer.mood("sign"),
    },
    Fault {
        name: "a package's file is gone",
        told: "No such file or directory",
        is_whole: false,
        begin: |world| fs::rename(&world.package, world.aside()).unwrap(),
        end: |world| fs::rename(world.aside(), &world.package).unwrap(),
    },
    Fault {
        name: "a package's file lost a byte",
        told: "were received",
        is_whole: false,
        begin: |world| {
            fs::copy(&world.package, world.aside()).unwrap();
            lose_a_byte(&world.package);
        },
        end: |world| fs::rename(world.aside(), &world.package).unwrap(),
    },
];

#[test]
fn a_fault_leaves_what_clients_see_and_is_told_until_it_is_healed() {
    let world = World::open();
    for fault in &FAULTS {
        let before = world.look().unwrap();
        let generation = world.state()["generation"].clone();
        (fault.begin)(&world);
        world.pack_in_the_other_way();
        let told = until(fault.name, Duration::from_secs(30), || {
            world.state()["fault"].as_str().map(str::to_owned)
        });
        assert!(told.contains(fault.told), "{}: {told}", fault.name);
        world.assert_told(fault.told);
        assert_eq!(world.state()["generation"], generation, "{}", fault.name);
        let seen = world.look().ok();
        assert_eq!(
            seen,
            fault.is_whole.then(|| before.clone()),
            "{}",
            fault.name
        );
        (fault.end)(&world);
        world.publish_again();
        assert_eq!(world.look().unwrap(), before, "after: {}", fault.name);
        assert_ne!(world.state()["generation"], generation, "{}", fault.name);
    }
    world.portal.finish();
}

/// Nothing can be written any more, nor by the database.
#[test]
fn a_full_data_folder_takes_nothing_away_from_clients() {
    const DISK: u64 = 256 << 20;
    const WHILE: Duration = Duration::from_secs(5);
    let world = World::open_on("", DISK);
    let before = world.look().unwrap();
    let disk = world.portal.server.disk();
    disk.fill();
    let another = || world.maker.make(3);
    upload(&world.portal, &world.maker, another()).problem(507);
    let other = json!({ "compression": "zstd" });
    world.ask("PATCH", &world.api, &other).problem(507);
    std::thread::sleep(WHILE);
    assert_eq!(world.look().unwrap(), before);
    world.assert_logged("the data folder's disk is full");
    world.assert_logged("the database's disk is full");
    disk.make_room();
    upload(&world.portal, &world.maker, another()).expect(201);
    assert_eq!(world.look().unwrap().len(), before.len() + 1);
    world.portal.finish();
}

/// What lies on the disk is damaged behind the server's back.
#[test]
fn damaged_files_are_noticed_told_and_made_anew() {
    let mut world = World::open();
    let listed = world.look().unwrap();
    let state = world.state();
    let damaged = world.files(&format!("/{}/repodata/", state["generation"]));
    let primary = damaged
        .iter()
        .find(|file| file.to_string_lossy().contains("primary"));
    lose_a_byte(primary.unwrap());
    assert_eq!(
        world.look().unwrap(),
        listed,
        "clients are served from memory"
    );
    let found = world.check();
    assert!(
        found.contains("it was cut, extended or replaced"),
        "{found}"
    );
    world.wait_until_healed(&state["generation"]);
    world.assert_logged("the current generation was damaged; it is made anew");

    // The same to a server that starts over them: it shows what it can, and heals.
    let state = world.state();
    world.portal.server.kill();
    for file in world.files(&format!("/{}/repodata/", state["generation"])) {
        lose_a_byte(&file);
    }
    world.portal.server.begin();
    world.wait_until_healed(&state["generation"]);
    world.assert_logged("cannot load a published repository");
    assert_eq!(world.look().unwrap(), listed);

    // Packed parts that are kept for the next generation.
    let groups = world.files("/groups/");
    assert!(!groups.is_empty());
    for file in groups {
        lose_a_byte(&file);
    }
    world.withdraw();
    world.wait_until_healed(&world.state()["generation"]);
    assert_eq!(world.look().unwrap().len(), listed.len() - 1);
    world.portal.finish();
}

/// Workers beside the server publish the same repository: one after the other, each on top of what
/// the one before made.
#[test]
fn several_publishers_make_one_history() {
    const WORKERS: usize = 2;
    const PATIENCE: Duration = Duration::from_secs(60);
    let world = World::open();
    let listed = world.look().unwrap();
    let folder = scratch();
    let logs: Vec<PathBuf> = (0..WORKERS)
        .map(|number| folder.path().join(number.to_string()))
        .collect();
    let _workers: Vec<Leash> = logs.iter().map(|log| world.start_worker(log)).collect();
    let has_published = |log: &PathBuf| {
        let text = fs::read_to_string(log).unwrap_or_default();
        assert!(!text.contains("ERROR"), "{text}");
        text.contains("a new generation is current")
    };
    until("every worker has published", PATIENCE, || {
        world.pack_in_the_other_way();
        assert_eq!(world.look().unwrap(), listed);
        logs.iter().all(has_published).then_some(())
    });
    world.portal.finish();
    assert_eq!(world.look().unwrap(), listed);
    let state = world.state();
    assert_eq!(state["fault"], Value::Null);
    let generations = state["generations"].as_array().unwrap().iter();
    let numbers: Vec<u64> = generations
        .map(|it| it["generation"].as_u64().unwrap())
        .collect();
    let newest = numbers[0];
    assert_eq!(numbers, (1..=newest).rev().collect::<Vec<u64>>());
}

/// A portal with packages, whose repositories lie on a small disk.
struct World {
    portal: Portal,
    maker: Maker,
    signer: Signer,
    repository: Repository,
    /// `/api/v1/repositories/…`
    api: String,
    /// Where the bytes of a published package lie, and its id.
    package: PathBuf,
    id: String,
}

impl World {
    fn open() -> World {
        const DISK: u64 = 16 << 20;
        World::open_on("repositories", DISK)
    }

    /// With a disk of so many bytes for a folder of the data folder.
    fn open_on(folder: &str, disk: u64) -> World {
        let signer = Signer::new();
        let options = signer.options();
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let server = Server::start_on_small_disk(&options, folder, disk);
        let portal = Portal::of(server).and_base_kernel();
        let maker = Maker::join(&portal);
        let uploaded = [1, 2].map(|number| {
            upload(&portal, &maker, maker.make(number))
                .expect(201)
                .json()
        });
        let [first, _] = &uploaded;
        let sha256 = first["sha256"].as_str().unwrap();
        let place = portal.server.data().join("packages").join(&sha256[..2]);
        let place_in = format!("{PRODUCT}/stable/{}", kernel(Role::Base).arch);
        let key = portal.get("/keys/repository.asc").expect(200).text();
        World {
            repository: Repository::at(&portal.url(&format!("/repos/{place_in}/")), &key),
            api: format!("/api/v1/repositories/{place_in}"),
            package: place.join(format!("{sha256}.rpm")),
            id: first["id"].as_str().unwrap().to_owned(),
            portal,
            maker,
            signer,
        }
    }

    /// A worker on the server's own database.
    fn start_worker(&self, log: &Path) -> Leash {
        let server = &self.portal.server;
        let socket = server.data().join("socket").display().to_string();
        let url = format!("postgres:///kmp_portal?host={socket}&user=kmp_portal");
        let mut worker = server.subcommand("worker");
        worker
            .args(["--database-url", &url])
            .args(self.signer.options());
        Leash::start(&worker, log)
    }

    fn look(&self) -> Result<Vec<String>, Trouble> {
        self.repository.look(now())
    }

    fn aside(&self) -> PathBuf {
        self.package.with_extension("aside")
    }

    fn state(&self) -> Value {
        self.portal.json(&self.api)
    }

    /// Queues a publication that has something to do.
    fn pack_in_the_other_way(&self) {
        let other = match self.state()["compression"].as_str() {
            Some("gzip") => "zstd",
            _ => "gzip",
        };
        self.send("PATCH", &self.api, &json!({ "compression": other }));
    }

    /// As the button on the status page does, and waits until that went well.
    fn publish_again(&self) {
        let packed = json!({ "compression": self.state()["compression"] });
        self.send("PATCH", &self.api, &packed);
        until("it is published again", Duration::from_secs(30), || {
            self.state()["fault"].is_null().then_some(())
        });
    }

    /// What the operator's check finds.
    fn check(&self) -> String {
        let options = self.signer.options();
        let mut check: Vec<&str> = options.iter().map(String::as_str).collect();
        check.extend(["repository", "check"]);
        self.portal.server.admin(&check)
    }

    fn withdraw(&self) {
        let path = format!("/api/v1/packages/{}/withdraw", self.id);
        self.send("POST", &path, &json!({ "reason": "Loses packets." }));
    }

    fn send(&self, method: &'static str, path: &str, body: &Value) {
        self.ask(method, path, body).expect(200);
    }

    fn ask(&self, method: &'static str, path: &str, body: &Value) -> Reply {
        Ask::new(method, self.portal.url(path))
            .token(self.portal.token(DISTRIBUTOR))
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
    }

    #[track_caller]
    fn wait_until_healed(&self, damaged: &Value) {
        until("it is healed", Duration::from_secs(30), || {
            let state = self.state();
            (state["generation"] != *damaged && state["fault"].is_null()).then_some(())
        });
        assert!(self.look().is_ok());
    }

    /// On the status page, to machines that watch, and in the log.
    #[track_caller]
    fn assert_told(&self, words: &str) {
        let page = Ask::get(self.portal.url("/status"));
        let page = page.token(self.portal.token(DISTRIBUTOR)).send();
        let page = page.expect(200).text();
        assert!(page.contains("<b>Fault:</b>"), "{page}");
        assert!(page.contains(words), "no `{words}` in {page}");
        let metrics = self.portal.get("/metrics").expect(200).text();
        let name = self.api.trim_start_matches("/api/v1/repositories/");
        let gauge = format!("kmp_portal_repository_faulty{{repository=\"{name}\"}} 1");
        assert!(metrics.contains(&gauge), "{metrics}");
        self.assert_logged(words);
    }

    #[track_caller]
    fn assert_logged(&self, words: &str) {
        let log = fs::read_to_string(self.portal.server.log()).unwrap();
        let mut lines = log.lines().filter(|line| line.contains(words));
        assert!(
            lines.any(|it| it.contains("ERROR")),
            "no `{words}` in {log}"
        );
    }

    /// Files of published repositories with this in their paths.
    fn files(&self, part: &str) -> Vec<PathBuf> {
        let mut files = self.portal.server.files_in("repositories");
        files.retain(|file| file.to_string_lossy().contains(part));
        files
    }
}

fn upload(portal: &Portal, maker: &Maker, made: Made) -> Reply {
    let path = format!(
        "/api/v1/packages/{}?product={PRODUCT}&wait=60",
        made.file_name
    );
    let upload = Ask::new("PUT", portal.url(&path)).token(&maker.token);
    upload.body(made.bytes).send()
}

fn lose_a_byte(file: &Path) {
    let bytes = fs::read(file).unwrap();
    fs::write(file, &bytes[..bytes.len() - 1]).unwrap();
}

/// gpg behind a script that does as it is told.
struct Signer {
    folder: TempDir,
}

impl Signer {
    const SCRIPT: &str = r#"
case $(cat "$0.mood") in
fail) echo "the token was pulled out" >&2; exit 3 ;;
hang) exec sleep 60 ;;
esac
exec gpg --batch --homedir "$0.home" --armor --detach-sign
"#;

    fn new() -> Signer {
        use std::os::unix::fs::DirBuilderExt as _;
        let signer = Signer { folder: scratch() };
        let user = "Outside <signer@portal.example>";
        let key = SigningKey::generate(user, KeyAlgorithm::Rsa3072, now() - 60).unwrap();
        fs::write(signer.file(""), Signer::SCRIPT).unwrap();
        fs::write(signer.file(".pub"), key.certificate().to_armored()).unwrap();
        let secret = signer.file(".secret");
        fs::write(&secret, key.to_armored_secret(None).unwrap()).unwrap();
        let home = fs::DirBuilder::new()
            .mode(0o700)
            .create(signer.file(".home"));
        home.unwrap();
        sh::run(signer.gpg("gpg").args(["--batch", "--import"]).arg(&secret)).unwrap();
        signer.mood("sign");
        signer
    }

    fn file(&self, end: &str) -> PathBuf {
        self.folder.path().join(format!("sign{end}"))
    }

    fn gpg(&self, program: &str) -> std::process::Command {
        let mut command = sh::command(program);
        command.arg("--homedir").arg(self.file(".home"));
        command
    }

    fn mood(&self, mood: &str) {
        fs::write(self.file(".mood"), mood).unwrap();
    }

    fn options(&self) -> [String; 6] {
        let path = |end| self.file(end).display().to_string();
        [
            "--signer-command".into(),
            format!("sh {}", path("")),
            "--signer-key".into(),
            path(".pub"),
            "--signer-timeout".into(),
            "2".into(),
        ]
    }
}

impl Drop for Signer {
    /// gpg leaves an agent behind.
    fn drop(&mut self) {
        let _ = sh::run(self.gpg("gpgconf").args(["--kill", "gpg-agent"]));
    }
}
