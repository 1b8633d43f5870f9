//! Boots a kernel under qemu with nothing but busybox and the modules, has it load them one after
//! the other, and hands back what it said to each.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::{Beside, Ready};
use crate::kernels::images::Image;
use crate::sh;

/// Without hardware support a boot takes a minute or two, and each module a second.
const PATIENCE: Duration = Duration::from_secs(900);
/// With hardware support the first word comes within seconds.
const SILENCE: Duration = Duration::from_secs(60);
/// How often to look whether it has ended.
const PAUSE: Duration = Duration::from_millis(200);
/// Begins the lines that are meant for us.
const MARK: &str = "@@";

/// What became of one module.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The module is in.
    pub loaded: bool,
    /// Its taints and those of the module before it, such as `F` (forced) or `E` (signature).
    pub taints: String,
    /// What the kernel said meanwhile.
    pub words: Vec<String>,
}

/// By name of the case.
pub fn boot(image: &Image, cases: &[Ready], folder: &Path) -> Result<BTreeMap<String, Told>> {
    let root = folder.join("root");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    for place in ["bin", "proc", "sys", "dev", "cases"] {
        fs::create_dir_all(root.join(place))?;
    }
    let busybox = sh::find_program("busybox").context("busybox is missing")?;
    fs::copy(busybox, root.join("bin/busybox"))?;
    write_init(&root, &script(&root, image, cases)?)?;
    let archive = folder.join("initramfs");
    let pack = format!(
        "cd '{}' && find . | cpio -o -H newc --quiet > '{}'",
        root.display(),
        archive.display()
    );
    sh::run(Command::new("sh").args(["-c", &pack]))?;
    let said = run(&kernel_of(image)?, &archive, &folder.join("console"))?;
    read(&said)
}

/// `boot/vmlinuz-RELEASE` beside `lib/modules/RELEASE`.
fn kernel_of(image: &Image) -> Result<std::path::PathBuf> {
    let name = format!("vmlinuz-{}", image.release);
    let mut folders = image
        .modules
        .ancestors()
        .map(|folder| folder.join("boot").join(&name));
    let found = folders.find(|file| file.is_file());
    found.with_context(|| format!("there is no {name} beside the modules of {}", image.release))
}

fn write_init(root: &Path, cases: &str) -> Result<()> {
    let init = format!(
        "#!/bin/busybox sh\n\
         /bin/busybox --install -s /bin\n\
         mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev\n\
         {cases}\
         echo '{MARK} end'\n\
         poweroff -f\n"
    );
    let file = root.join("init");
    fs::write(&file, init)?;
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::set_permissions(
        &file,
        fs::Permissions::from_mode(0o755),
    )?)
}

/// Lays each case's modules into a folder of its own, and says how to load and unload them.
fn script(root: &Path, image: &Image, cases: &[Ready]) -> Result<String> {
    let mut script = String::new();
    for case in cases {
        let folder = root.join("cases").join(&case.name);
        fs::create_dir_all(&folder)?;
        fs::copy(&case.file, folder.join("case.ko"))?;
        let module = name_of(&case.file)?;
        let inside = format!("/cases/{}", case.name);
        writeln!(
            script,
            "dmesg -c > /dev/null; echo '{MARK} case {}'",
            case.name
        )?;
        let mut unload = format!("rmmod {module} 2> /dev/null");
        if let Some(before) = &case.before {
            let file = folder.join("before.ko");
            match case.beside {
                Beside::Kernel => fs::write(&file, in_tree(image, before)?)?,
                _ => drop(fs::copy(before, &file)?),
            }
            writeln!(script, "insmod {inside}/before.ko || echo '{MARK} before'")?;
            let before = name_of(before)?;
            writeln!(
                script,
                "echo '{MARK} taint' $(cat /sys/module/{before}/taint)"
            )?;
            write!(unload, "; rmmod {before} 2> /dev/null")?;
        }
        writeln!(
            script,
            "insmod {inside}/case.ko 2> /dev/null && echo '{MARK} loaded'"
        )?;
        writeln!(
            script,
            "echo '{MARK} taint' $(cat /sys/module/{module}/taint 2> /dev/null)"
        )?;
        writeln!(
            script,
            "dmesg | sed 's/^\\[[^]]*\\] */{MARK} says /'; {unload}"
        )?;
    }
    Ok(script)
}

fn name_of(file: &Path) -> Result<String> {
    let name = file
        .file_name()
        .context("a module has a name")?
        .to_string_lossy();
    let stem = name.split(".ko").next().unwrap_or_default();
    Ok(stem.replace('-', "_"))
}

/// The kernel's own module, packed or not: busybox unpacks none, so we do.
fn in_tree(image: &Image, path: &Path) -> Result<Vec<u8>> {
    let plain = image.modules.join("kernel").join(path).with_extension("ko");
    let packed = plain.with_extension("ko.xz");
    if !packed.is_file() {
        return fs::read(&plain).with_context(|| format!("cannot read {}", plain.display()));
    }
    let unpacked = sh::attempt(
        Command::new("xz")
            .args(["--decompress", "--stdout"])
            .arg(&packed),
    )?;
    ensure!(
        unpacked.status.success(),
        "xz cannot unpack {}",
        packed.display()
    );
    Ok(unpacked.stdout)
}

/// With the processor's help if it is to be had; where that is there in name only, without.
fn run(kernel: &Path, archive: &Path, console: &Path) -> Result<String> {
    for (acceleration, may_be_silent) in [("kvm:tcg", SILENCE), ("tcg", PATIENCE)] {
        fs::write(console, "")?;
        let mut running = start(kernel, archive, console, acceleration)?;
        if wait(&mut running, console, may_be_silent)? {
            let said = fs::read(console);
            let said = said.with_context(|| format!("cannot read {}", console.display()))?;
            return Ok(String::from_utf8_lossy(&said).into_owned());
        }
        running.kill()?;
        running.wait()?;
        println!("  nothing comes of acceleration by {acceleration}");
    }
    bail!(
        "the kernel did not end within {} s; see {}",
        PATIENCE.as_secs(),
        console.display()
    )
}

fn start(kernel: &Path, archive: &Path, console: &Path, acceleration: &str) -> Result<Child> {
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(["-machine", &format!("accel={acceleration}"), "-m", "768"]);
    qemu.args(["-nodefaults", "-no-user-config", "-display", "none"]);
    qemu.args(["-no-reboot", "-serial"]);
    qemu.arg(format!("file:{}", console.display()));
    qemu.arg("-kernel").arg(kernel).arg("-initrd").arg(archive);
    qemu.args(["-append", "console=ttyS0 quiet loglevel=0 panic=-1"]);
    let qemu = qemu.stdin(Stdio::null()).stderr(Stdio::null());
    qemu.spawn().context("cannot start qemu-system-x86_64")
}

/// Until it has ended. False when it says nothing for so long, or takes too long altogether.
fn wait(running: &mut Child, console: &Path, may_be_silent: Duration) -> Result<bool> {
    let started = Instant::now();
    loop {
        if let Some(status) = running.try_wait()? {
            ensure!(status.success(), "qemu failed with {status}");
            return Ok(true);
        }
        let is_silent = fs::metadata(console).map_or(0, |about| about.len()) == 0;
        let passed = started.elapsed();
        if passed > PATIENCE || (is_silent && passed > may_be_silent) {
            return Ok(false);
        }
        std::thread::sleep(PAUSE);
    }
}

fn read(said: &str) -> Result<BTreeMap<String, Told>> {
    let mut told: BTreeMap<String, Told> = BTreeMap::new();
    let mut current = String::new();
    let mut ended = false;
    for line in said.lines() {
        let Some((_, line)) = line.split_once(&format!("{MARK} ")) else {
            continue;
        };
        let (word, rest) = line
            .trim_end()
            .split_once(' ')
            .unwrap_or((line.trim_end(), ""));
        if word == "case" {
            current = rest.to_owned();
        }
        ended |= word == "end";
        let case = told.entry(current.clone()).or_default();
        match word {
            "loaded" => case.loaded = true,
            "taint" => case.taints.push_str(rest),
            "says" => case.words.push(rest.to_owned()),
            "before" => bail!("{current}: the module that is loaded before does not load"),
            _ => {}
        }
    }
    ensure!(ended, "the kernel did not come to the end:\n{said}");
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_is_read_by_case() {
        let said = "boot\r\n@@ case one\r\n@@ loaded\r\n@@ taint OE\r\n@@ case two\r\n@@ taint\r\n\
                    @@ says two: Unknown symbol x (err -2)\r\n@@ end\r\n";
        let told = read(said).unwrap();
        assert!(told["one"].loaded && told["one"].taints == "OE");
        assert!(!told["two"].loaded && told["two"].taints.is_empty());
        assert_eq!(told["two"].words, ["two: Unknown symbol x (err -2)"]);
        assert!(read("@@ case one\n").is_err());
    }
}
