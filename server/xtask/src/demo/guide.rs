//! What to try while the demo runs.

use super::portal::Portal;
use super::story::{PRODUCT, Story, file_name, upload_path};
use crate::fixtures::manifest::{Kind, Manifest};
use crate::kernels::Role;

pub fn print(portal: &Portal, fixtures: &Manifest, story: &Story) {
    let base = portal.api.base();
    println!("\nThe portal is at {base}\n");
    println!("Log in:");
    for (name, password) in &story.users {
        println!("  {name:12} {password}");
    }
    println!("\nPages:");
    println!("  {base}/packages");
    if let Some(id) = fixtures
        .kernel(Role::Breaking)
        .and_then(|k| story.kernels.get(&k.release))
    {
        println!(
            "  {base}/kernels/{id}   the kernel that breaks a driver (log in: it is a preview)"
        );
    }
    println!("\nAdd the repository to a system:");
    println!("  sudo zypper addrepo --refresh {base}/repos/{PRODUCT}/stable.repo");
    println!("  sudo curl -o /etc/yum.repos.d/{PRODUCT}.repo {base}/repos/{PRODUCT}/stable.repo");
    println!("  sudo dnf makecache");
    println!("\nAsk for a driver as an installer does:");
    println!(
        "  curl -H 'Content-Type: application/json' -d '{{\"product\": \"{PRODUCT}\", \"arch\": \"{}\", \"modaliases\": \
         [\"pci:v0000ACE1d00001001sv0000ACE1sd00000001bc02sc00i00\"]}}' {base}/api/v1/lookup",
        std::env::consts::ARCH
    );
    print_cure(portal, fixtures, story);
    println!("\nMails: {}", portal.mail_folder().display());
    println!(
        "Administration: {} admin --data-dir {} list kernels",
        portal.program().display(),
        portal.data().display()
    );
    println!("\nCtrl-C stops it; `cargo xtask demo` continues where you left off.");
}

/// The upload that mends what the next kernel breaks.
fn print_cure(portal: &Portal, fixtures: &Manifest, story: &Story) {
    let Some(kernel) = fixtures.kernel(Role::Breaking) else {
        return;
    };
    let mut builds = fixtures.packages_for(&kernel.release, Kind::Good);
    let Some(cure) = builds.find(|package| package.name.starts_with("acme-net")) else {
        return;
    };
    let Some(token) = story.tokens.get(&cure.vendor) else {
        return;
    };
    println!("\nUpload the build that mends it, as its vendor:");
    println!(
        "  curl -T {} -H 'Authorization: Bearer {token}' '{}{}'",
        cure.path.display(),
        portal.api.base(),
        upload_path(&file_name(cure), PRODUCT)
    );
}
