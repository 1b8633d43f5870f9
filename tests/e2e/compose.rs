//! `docker-compose.yml`, as far as it can be looked at without containers.

use xtask::sh;

use crate::harness::succeed;

/// Compose reads the file and understands all of it. Where there is no compose, there is nobody to
/// ask; its package is installed with the others where the distribution has it.
#[test]
fn compose_accepts_the_file() {
    let project = xtask::project();
    let Some(program) = sh::find_program("docker-compose") else {
        eprintln!("there is no docker-compose here: nobody looks at docker-compose.yml");
        return;
    };
    let mut compose = sh::command(program);
    // Only what the file says, whatever is set here.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KMP_PORTAL_") {
            compose.env_remove(name);
        }
    }
    compose
        .current_dir(&project)
        .args(["-f", "docker-compose.yml", "config"]);
    let text = succeed(&mut compose);
    for service in ["postgres:", "portal:", "worker:", "nginx:"] {
        assert!(text.contains(service), "no service {service} in {text}");
    }
}
