//! The matrix package × kernel: as JSON, as CSV and as a page, and who sees which cell.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use xtask::kernels::Role;

use crate::harness::browser::Browser;
use crate::harness::http::{Ask, Reply};
use crate::harness::portal::{DISTRIBUTOR, shared};
use crate::harness::{driver, kernel};

/// Package and kernel to verdict.
type Cells = BTreeMap<(String, String), String>;

fn ask(path: &str, whose: Option<&str>) -> Reply {
    let portal = &shared().portal;
    let ask = Ask::get(portal.url(path));
    let ask = match whose {
        Some(whose) => ask.token(portal.token(whose)),
        None => ask,
    };
    ask.send().expect(200)
}

fn cells(matrix: &Value) -> Cells {
    let mut cells = Cells::new();
    for package in matrix["packages"].as_array().unwrap() {
        for (kernel, verdict) in package["verdicts"].as_object().unwrap() {
            let pair = (package["id"].as_str().unwrap().to_owned(), kernel.clone());
            let twice = cells.insert(pair, verdict.as_str().unwrap().to_owned());
            assert_eq!(twice, None, "{package}");
        }
    }
    cells
}

fn csv_cells(text: &[u8]) -> Cells {
    let mut reader = csv::Reader::from_reader(text);
    let lines = reader.deserialize::<BTreeMap<String, String>>();
    let mut cells = Cells::new();
    for line in lines {
        let line = line.expect("every line has the columns of the first");
        let pair = (line["package_id"].clone(), line["kernel_id"].clone());
        assert_eq!(cells.insert(pair, line["verdict"].clone()), None);
    }
    cells
}

#[test]
fn its_cells_are_the_verdicts_of_the_packages() {
    let matrix = ask("/api/v1/matrix?per_page=500", Some(DISTRIBUTOR)).json();
    let cells = cells(&matrix);
    let mut expected = Cells::new();
    for package in shared().uploads.values() {
        let id = package["id"].as_str().unwrap();
        let answer = shared().portal.json(&format!("/api/v1/packages/{id}"));
        for verdict in answer["verdicts"].as_array().unwrap() {
            let kernel = verdict["kernel"]["id"].as_str().unwrap().to_owned();
            let word = verdict["verdict"].as_str().unwrap().to_owned();
            expected.insert((id.to_owned(), kernel), word);
        }
    }
    assert!(!expected.is_empty());
    assert_eq!(cells, expected);
    let breaking = shared().kernel_id(Role::Breaking);
    let columns = matrix["kernels"].as_array().unwrap();
    let column = columns.iter().find(|c| c["id"] == *breaking).unwrap();
    let broken = cells
        .iter()
        .filter(|((_, kernel), verdict)| kernel == breaking && *verdict == "incompatible");
    assert_eq!(column["verdicts"]["incompatible"], broken.count());
}

#[test]
fn paging_shows_every_row_and_column_once() {
    let whole = ask("/api/v1/matrix?per_page=500", Some(DISTRIBUTOR)).json();
    let mut together = Cells::new();
    let mut rows = Vec::new();
    for page in 1.. {
        let mut ids = Vec::new();
        for kernels_page in 1.. {
            let path = format!(
                "/api/v1/matrix?per_page=2&page={page}&kernels_per_page=1&kernels_page={kernels_page}"
            );
            let part = ask(&path, Some(DISTRIBUTOR)).json();
            if part["kernels"].as_array().unwrap().is_empty() {
                break;
            }
            let packages = part["packages"].as_array().unwrap().iter();
            ids = packages.map(|p| p["id"].clone()).collect();
            for (pair, verdict) in cells(&part) {
                assert_eq!(together.insert(pair, verdict), None);
            }
        }
        if ids.is_empty() {
            break;
        }
        rows.extend(ids);
    }
    assert_eq!(together, cells(&whole));
    let packages = whole["packages"].as_array().unwrap();
    let expected: Vec<Value> = packages.iter().map(|p| p["id"].clone()).collect();
    assert_eq!(rows, expected);
    assert_eq!(whole["total"], expected.len());
}

#[test]
fn csv_holds_the_whole_selection() {
    let expected = cells(&ask("/api/v1/matrix?per_page=500", Some(DISTRIBUTOR)).json());
    let csv = ask("/api/v1/matrix?format=csv&per_page=1", Some(DISTRIBUTOR));
    assert!(csv.header("content-type").starts_with("text/csv"));
    assert_eq!(csv_cells(&csv.body), expected);
    let portal = &shared().portal;
    let accepted = Ask::get(portal.url("/api/v1/matrix"))
        .token(portal.token(DISTRIBUTOR))
        .header("accept", "text/csv")
        .send();
    assert_eq!(csv_cells(&accepted.expect(200).body), expected);
}

#[test]
fn filters_choose_rows_and_columns() {
    let breaking = shared().kernel_id(Role::Breaking);
    let release = &kernel(Role::Breaking).release;
    let path = format!("/api/v1/matrix?verdict=incompatible&kernel={release}");
    let matrix = ask(&path, Some(DISTRIBUTOR)).json();
    let kernels = matrix["kernels"].as_array().unwrap();
    assert!(kernels.iter().any(|k| k["id"] == *breaking));
    let net = shared().package_id(driver("acme-net", Role::Base));
    let packages = matrix["packages"].as_array().unwrap();
    assert!(packages.iter().any(|p| p["id"] == *net), "{matrix}");
    for package in packages {
        let verdicts = package["verdicts"].as_object().unwrap();
        assert!(
            verdicts.values().any(|v| v == "incompatible"),
            "{package} does not break"
        );
    }
    let beta = ask("/api/v1/matrix?vendor=beta", Some(DISTRIBUTOR)).json();
    let vendors: BTreeSet<&str> = beta["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["vendor"].as_str().unwrap())
        .collect();
    assert_eq!(vendors, BTreeSet::from(["beta"]));
    let newest = ask("/api/v1/matrix?newest=true", Some(DISTRIBUTOR)).json();
    let mut names = BTreeSet::new();
    for package in newest["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        assert!(
            names.insert((name, package["arch"].as_str().unwrap())),
            "{name} twice"
        );
    }
    let portal = &shared().portal;
    for wrong in ["verdict=fine", "format=xml", "product=none", "colour=red"] {
        let reply = portal.get(&format!("/api/v1/matrix?{wrong}"));
        reply.problem(if wrong.starts_with("product") {
            404
        } else {
            400
        });
    }
}

/// Of a kernel under embargo the public learns nothing, a vendor what concerns its own packages.
#[test]
fn a_preview_is_a_column_for_those_it_is_for() {
    let breaking = shared().kernel_id(Role::Breaking);
    let release = &kernel(Role::Breaking).release;
    for path in ["/api/v1/matrix", "/api/v1/matrix?format=csv", "/matrix"] {
        let text = ask(path, None).text();
        assert!(
            !text.contains(breaking) && !text.contains(release.as_str()),
            "{path}"
        );
    }
    let beta = ask("/api/v1/matrix?per_page=500", Some("beta")).json();
    let seen = cells(&beta);
    let own: BTreeSet<&str> = beta["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|p| p["vendor"] == "beta")
        .map(|p| p["id"].as_str().unwrap())
        .collect();
    let on_breaking: BTreeSet<&str> = seen
        .keys()
        .filter(|(_, kernel)| kernel == breaking)
        .map(|(package, _)| package.as_str())
        .collect();
    assert!(!on_breaking.is_empty());
    assert!(on_breaking.is_subset(&own), "{on_breaking:?}");
    let csv = ask("/api/v1/matrix?format=csv", Some("beta"));
    assert_eq!(csv_cells(&csv.body), seen);
    // A filter tells no more than the cells.
    let path = format!("/api/v1/matrix?verdict=incompatible&kernel={release}");
    assert_eq!(ask(&path, Some("beta")).json()["total"], 0);
}

#[test]
fn the_page_is_a_table_that_scrolls_in_its_box() {
    let browser = Browser::open();
    let portal = &shared().portal;
    browser.go(&portal.url("/matrix"));
    assert!(!browser.scrolls_sideways());
    let table = browser.find("table.matrix").text();
    let net = driver("acme-net", Role::Base);
    assert!(table.contains(&net.name), "{table}");
    let mark = format!("a.mark[href^='/packages/{}#on-']", shared().package_id(net));
    browser.find(&mark).click();
    assert!(browser.url().contains("#on-"), "{}", browser.url());
    assert_eq!(browser.complaints(), [""; 0]);
    browser.go(&portal.url("/matrix"));
    browser.picture("matrix");
}
