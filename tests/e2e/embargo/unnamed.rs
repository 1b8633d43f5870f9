//! A kernel for which no vendor is named.

use serde_json::json;
use xtask::kernels::Role;

use super::World;
use crate::harness::made::Maker;
use crate::harness::{fixtures, good};

#[test]
fn a_kernel_registered_without_names_is_the_distributors_alone() {
    let mut world = World::open();
    for package in good(Role::Base) {
        let status = world.portal.upload(package, "").status;
        assert!([200, 201].contains(&status));
    }
    let before = world.built_for_the_secret(7);
    let registered = world.register("");
    assert_eq!(registered["vendors"], json!([]));
    world.portal.finish();
    assert!(world.told().is_empty());
    // Who builds for a release that might be one learns nothing by uploading that.
    assert_eq!(before, world.built_for_the_secret(8));
    for who in ["anonymous", "beta", "acme", Maker::NAME] {
        let path = format!("/api/v1/kernels/{}", world.secret);
        world.send(who, "GET", &path, Vec::new()).problem(404);
    }
    let answer = world
        .change(&json!({ "vendors": ["all"] }))
        .expect(200)
        .json();
    assert_eq!(answer["vendors"], json!(["all"]));
    let emails = ["acme", "beta"].map(|vendor| fixtures().keys[vendor].email.as_str());
    world.until_told(&[emails[0], emails[1], "mill@mill.example"]);
    world.change(&json!({ "status": "released" })).expect(200);
    let kernel = world
        .portal
        .get(&format!("/api/v1/kernels/{}", world.secret))
        .expect(200);
    assert!(
        kernel.json()["released_at"].is_string(),
        "{}",
        kernel.text()
    );
    world.portal.finish();
    assert_eq!(world.told().len(), 3, "nobody is told twice");
}
