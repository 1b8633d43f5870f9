//! What is demanded of a package: the family's conventions, then what its product says, then what
//! its vendor's kit says. And which of several products' demands count, before and after it is
//! known for which product a package is.

use crate::waivers::Actor;
use anyhow::{Context as _, ensure};
use inspect::{Demands, Family, Inspection, Policy};
use store::audit::NewEvent;
use store::products::Product;
use store::vendors::Vendor;
use store::{PgConnection, Time};

/// Reads what somebody demands, from TOML or JSON.
///
/// # Errors
/// It is neither, a name in it is not known, or it makes no sense; the text says where and how to
/// mend it.
pub fn parse(text: &str) -> anyhow::Result<Demands> {
    let demands: Demands = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).context("this is no policy in JSON")?
    } else {
        toml::from_str(text).context("this is no policy in TOML")?
    };
    check(&demands)?;
    Ok(demands)
}

/// # Errors
/// It makes no sense; the text says where and how to mend it.
fn check(demands: &Demands) -> anyhow::Result<()> {
    let problems = demands.problems();
    ensure!(problems.is_empty(), "{}", problems.join(" "));
    Ok(())
}

/// Whose policy it is.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    Product(&'a Product),
    Vendor(&'a Vendor),
}

impl Subject<'_> {
    /// # Errors
    /// Something makes no sense, or not here.
    pub fn check(self, demands: &Demands) -> anyhow::Result<()> {
        match self {
            Subject::Product(_) => check_product(demands),
            Subject::Vendor(_) => check_vendor(demands),
        }
    }
}

/// Replaces a policy that was checked, and writes it into the audit trail.
///
/// # Errors
/// The database fails.
pub async fn set(
    conn: &mut PgConnection,
    subject: Subject<'_>,
    demands: &Demands,
    by: Actor<'_>,
    now: Time,
) -> sqlx::Result<()> {
    let (name, vendor_id) = match subject {
        Subject::Product(product) => {
            store::policies::set_product(conn, product.id, demands).await?;
            (format!("product {}", product.name), None)
        }
        Subject::Vendor(vendor) => {
            store::policies::set_vendor(conn, vendor.id, demands).await?;
            (format!("vendor {}", vendor.name), Some(vendor.id))
        }
    };
    let event = NewEvent {
        actor: by.name,
        role: by.role,
        action: "policy.changed",
        subject: &name,
        vendor_id,
        detail: &serde_json::to_string(demands).unwrap_or_default(),
    };
    store::audit::record(conn, &event, now).await
}

/// What may be said of a product: its family, architectures and flavors are part of it anyway, and
/// prefixes and the `Vendor` tag are each vendor's own.
///
/// # Errors
/// Something else is said, too.
fn check_product(demands: &Demands) -> anyhow::Result<()> {
    check(demands)?;
    let said = [
        ("family", demands.family.is_some()),
        ("arches", demands.arches.is_some()),
        ("flavors", demands.flavors.is_some()),
    ];
    refuse(
        &said,
        "is set by `kmp-portal admin product add`, not by the policy",
    )?;
    let said = [
        ("provider_prefixes", demands.provider_prefixes.is_some()),
        ("vendor_string", demands.vendor_string.is_some()),
    ];
    refuse(&said, "belongs to the policy of a vendor")
}

/// What may be said of a vendor.
///
/// # Errors
/// Something is said that only a product can.
fn check_vendor(demands: &Demands) -> anyhow::Result<()> {
    check(demands)?;
    let said = [
        ("family", demands.family.is_some()),
        ("arches", demands.arches.is_some()),
        ("flavors", demands.flavors.is_some()),
        ("module_roots", demands.module_roots.is_some()),
        ("version_form", demands.version_form.is_some()),
    ];
    refuse(&said, "belongs to a product, not to a vendor")
}

fn refuse(said: &[(&str, bool)], why: &str) -> anyhow::Result<()> {
    match said.iter().find(|(_, is_said)| *is_said) {
        Some((name, _)) => anyhow::bail!("`{name}` {why}."),
        None => Ok(()),
    }
}

/// The family of a product's packages.
#[must_use]
pub fn family(product: &Product) -> Family {
    match product.family.as_str() {
        "redhat" => Family::RedHat,
        _ => Family::Suse,
    }
}

/// All that is demanded of a vendor's packages for a product; without a vendor, of anybody's.
///
/// # Errors
/// The database fails.
pub async fn effective(
    conn: &mut PgConnection,
    product: &Product,
    vendor: Option<&Vendor>,
) -> sqlx::Result<Policy> {
    let demands = store::policies::of_product(conn, product.id).await?;
    let policy = Policy {
        arches: product.arches.clone(),
        flavors: product.flavors.clone(),
        ..Policy::for_family(family(product))
    };
    of_vendor(conn, policy.with(&demands), vendor).await
}

async fn of_vendor(
    conn: &mut PgConnection,
    policy: Policy,
    vendor: Option<&Vendor>,
) -> sqlx::Result<Policy> {
    let Some(vendor) = vendor else {
        return Ok(policy);
    };
    let demands = store::policies::of_vendor(conn, vendor.id).await?;
    Ok(Policy {
        vendor_name: Some(vendor.display_name.clone()),
        module_certificates: store::policies::module_certificates(conn, vendor.id).await?,
        ..policy.with(&demands)
    })
}

/// The policies of all products that an upload may turn out to be for.
///
/// A package is read once and looked at under each of them, equal ones once. When its product is
/// known, the inspection that counts is chosen.
#[derive(Clone, Debug)]
pub struct Candidates {
    /// The first is for packages of no product.
    pub policies: Vec<Policy>,
    /// Product, and the place of its policy.
    of_products: Vec<(Product, usize)>,
}

impl Candidates {
    /// The policies of these products for packages of a vendor.
    ///
    /// # Errors
    /// The database fails.
    pub async fn load(
        conn: &mut PgConnection,
        products: Vec<Product>,
        vendor: &Vendor,
    ) -> sqlx::Result<Self> {
        let none = Policy::for_family(Family::Suse);
        let mut policies = vec![of_vendor(conn, none, Some(vendor)).await?];
        let mut of_products = Vec::with_capacity(products.len());
        for product in products {
            let policy = Policy {
                // Placing sees to these, for waivers must not get around them.
                arches: Vec::new(),
                flavors: Vec::new(),
                ..effective(conn, &product, Some(vendor)).await?
            };
            let known = policies.iter().position(|it| *it == policy);
            let at = known.unwrap_or_else(|| {
                policies.push(policy);
                policies.len() - 1
            });
            of_products.push((product, at));
        }
        Ok(Self {
            policies,
            of_products,
        })
    }

    /// The products whose kit has a companion package of this name.
    pub fn with_companion<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Product> {
        let policy = |at: usize| self.policies.get(at);
        self.of_products
            .iter()
            .filter(move |(_, at)| policy(*at).is_some_and(|it| it.is_companion(name)))
            .map(|(product, _)| product)
    }

    /// Are all these products among the candidates?
    #[must_use]
    pub fn cover(&self, products: &[i64]) -> bool {
        products.iter().all(|id| self.place(*id).is_some())
    }

    /// Does a product demand what one of the others does?
    #[must_use]
    pub fn demand_the_same(&self, product: i64, others: &[i64]) -> bool {
        let place = self.place(product);
        place.is_some() && others.iter().any(|other| self.place(*other) == place)
    }

    fn place(&self, product: i64) -> Option<usize> {
        let found = self.of_products.iter().find(|(it, _)| it.id == product);
        found.map(|(_, at)| *at)
    }

    /// Of the inspections under [`Candidates::policies`] the one that counts for a package of these
    /// products: all of them must take it, so the first that rejects, else the first.
    #[must_use]
    pub fn choose(&self, inspections: &[Inspection], products: &[i64]) -> Option<Inspection> {
        let places = self.of_products.iter();
        let mut at: Vec<usize> = places
            .filter(|(product, _)| products.contains(&product.id))
            .map(|(_, at)| *at)
            .collect();
        if at.is_empty() {
            at.push(0);
        }
        let chosen: Vec<&Inspection> = at.iter().filter_map(|at| inspections.get(*at)).collect();
        let rejects = |it: &&&Inspection| it.decision == inspect::Decision::Reject;
        let worst = chosen.iter().find(rejects).or(chosen.first());
        worst.map(|it| (*it).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inspect::Decision;

    #[test]
    fn both_forms_are_read_and_nonsense_is_told() {
        let toml = parse("secure_boot = true\n[severities]\nmultiversion = 'off'\n").unwrap();
        let json =
            parse(r#"{"secure_boot": true, "severities": {"multiversion": "off"}}"#).unwrap();
        assert_eq!(toml, json);
        for (text, word) in [
            ("secure-boot = true", "unknown field"),
            ("{\"secure_boot\": 1}", "invalid type"),
            ("[severities]\nsignature = 'off'", "cannot be waived"),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn products_and_vendors_have_settings_of_their_own() {
        let product = |text| check_product(&parse(text).unwrap()).is_ok();
        let vendor = |text| check_vendor(&parse(text).unwrap()).is_ok();
        for (text, of_product, of_vendor) in [
            ("secure_boot = true", true, true),
            ("companions = ['acme-*']", true, true),
            ("family = 'suse'", false, false),
            ("provider_prefixes = ['acme']", false, true),
            ("vendor_string = 'Acme'", false, true),
            ("module_roots = ['/usr/lib/modules']", true, false),
        ] {
            assert_eq!(
                (product(text), vendor(text)),
                (of_product, of_vendor),
                "{text}"
            );
        }
    }

    fn product(id: i64) -> Product {
        Product {
            id,
            name: format!("product-{id}"),
            display_name: String::new(),
            family: "suse".to_owned(),
            arches: Vec::new(),
            flavors: Vec::new(),
            channels: vec!["stable".to_owned()],
            default_channel: "stable".to_owned(),
            entry_channel: None,
            two_person: false,
        }
    }

    #[test]
    fn every_product_must_take_the_package() {
        let inspection = |decision| Inspection {
            findings: Vec::new(),
            passed: Vec::new(),
            decision,
        };
        let candidates = Candidates {
            policies: vec![Policy::for_family(Family::Suse); 3],
            of_products: vec![(product(1), 1), (product(2), 2)],
        };
        let inspections = [Decision::Reject, Decision::Accept, Decision::Reject].map(inspection);
        for (products, decision) in [
            (&[1][..], Decision::Accept),
            (&[2], Decision::Reject),
            (&[1, 2], Decision::Reject),
            (&[], Decision::Reject),
        ] {
            let chosen = candidates.choose(&inspections, products).unwrap();
            assert_eq!(chosen.decision, decision, "{products:?}");
        }
        assert!(candidates.cover(&[1, 2]) && !candidates.cover(&[1, 3]));
        assert!(
            !candidates.demand_the_same(2, &[1, 3]),
            "another policy, an unknown product"
        );
        assert!(candidates.demand_the_same(2, &[1, 2]));
    }
}
