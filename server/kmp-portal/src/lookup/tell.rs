//! The portal's answer for people.

use super::answer::{Alternative, Answer, Device, Source};

/// Prints what was found and what would be done.
pub fn print(answer: &Answer, devices: usize) {
    let kernel = match &answer.kernel {
        Some(release) => format!("kernel {release}"),
        None => "any kernel".to_owned(),
    };
    println!(
        "{devices} devices; {}, {}, {kernel}",
        answer.product, answer.arch
    );
    if answer.kernel_known == Some(false) {
        println!("The portal does not know this kernel, so nothing is known to load on it.");
    }
    for device in &answer.devices {
        print_device(device);
    }
    let plan = &answer.plan;
    if plan.packages.is_empty() {
        println!("\nThere is nothing to install.");
        return;
    }
    println!("\nTo be installed: {}", plan.packages.join(", "));
    for repository in &plan.repositories {
        let whose = match repository.external {
            true => "  (of somebody else, not inspected by the portal)",
            false => "",
        };
        println!("  from {}  {}{whose}", repository.alias, repository.url);
    }
    for key in &plan.keys {
        println!("  key  {}  {}", key.fingerprints.join(", "), key.url);
    }
}

/// What the machine's owner has to do now.
pub fn what_remains(answer: &Answer) {
    for certificate in &answer.plan.mok_certificates {
        println!(
            "Secure Boot: the certificate {} of {} has to be enrolled before the modules load: \
             mokutil --import {}, then restart and confirm.",
            certificate.path, certificate.package, certificate.path
        );
    }
}

fn print_device(device: &Device) {
    if device.drivers.is_empty() && device.alternatives.is_empty() {
        return;
    }
    match &device.name {
        Some(name) => println!("\n{name}  ({})", device.modalias),
        None => println!("\n{}", device.modalias),
    }
    if !device.in_kernel.is_empty() {
        let modules: Vec<&str> = device.in_kernel.iter().map(|it| &*it.module).collect();
        println!("  the kernel has its own driver: {}", modules.join(", "));
    }
    for driver in &device.drivers {
        let nevra = &driver.nevra;
        match (driver.source, driver.module.as_str()) {
            (Source::External, _) => println!("  {nevra}  (external, as far as its metadata tell)"),
            (Source::Portal, "") => println!("  {nevra}"),
            (Source::Portal, module) => println!("  {nevra}  (module {module})"),
        }
    }
    for alternative in &device.alternatives {
        println!("  not {}: {}", alternative.nevra, why(alternative));
    }
}

fn why(alternative: &Alternative) -> String {
    let reason = |reason: &String| match reason.as_str() {
        "other-kernel" => match alternative.kernels.as_slice() {
            [] => "it loads on no kernel that the portal knows".to_owned(),
            kernels => format!("it loads on {} only", kernels.join(", ")),
        },
        "other-channel" => {
            let channel = alternative.channel.as_deref().unwrap_or("of another name");
            format!("it is in the channel {channel}")
        }
        "not-free" => "its licence is not compatible with the kernel's".to_owned(),
        "not-certified" => "it is not certified".to_owned(),
        "not-signed" => "its modules are not signed, and Secure Boot refuses them".to_owned(),
        "external" => "it is in a repository of somebody else".to_owned(),
        "other-build" => "another build of it serves other devices".to_owned(),
        other => other.to_owned(),
    };
    let mut reasons: Vec<String> = alternative.reasons.iter().map(reason).collect();
    if let Some(day) = &alternative.expected {
        reasons.push(format!("its vendor plans a build for this kernel by {day}"));
    }
    reasons.join("; ")
}
