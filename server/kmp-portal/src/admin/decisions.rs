//! `kmp-portal admin waiver …`, `… product policy …` and `… vendor policy …`.

use super::{Office, read};
use ::inspect::Demands;
use anyhow::{Context as _, ensure};
use clap::Subcommand;
use portal::policies;
use portal::waivers::{Wish, parse_end};
use serde_json::{Map, Value};
use std::path::PathBuf;

#[derive(Subcommand)]
pub enum Waiver {
    /// Let what a check finds pass, for a time
    Add {
        /// Id of the check, as `kmp-portal checks` lists it
        check: String,
        #[arg(long)]
        vendor: String,
        /// Name of the package [default: all packages of the vendor]
        #[arg(long)]
        package: Option<String>,
        /// VERSION-RELEASE.ARCH of one build [default: all builds]
        #[arg(long, requires = "package")]
        build: Option<String>,
        /// [default: all products]
        #[arg(long)]
        product: Option<String>,
        /// Why; vendors see it, and it stays in the audit trail
        #[arg(long)]
        reason: String,
        /// Last day on which it holds, at most a year ahead
        #[arg(long, value_name = "YYYY-MM-DD")]
        expires: String,
    },
    /// Print every waiver there ever was, newest first
    List,
    /// End a waiver before its time; packages that came in by it stay
    Revoke {
        id: i64,
        #[arg(long)]
        reason: String,
    },
}

#[derive(Subcommand)]
pub enum Policy {
    /// Print it
    Show { name: String },
    /// Replace it by a file in TOML or JSON, or change single settings
    Set {
        name: String,
        /// The whole policy; `-` reads standard input
        #[arg(required_unless_present = "set")]
        file: Option<PathBuf>,
        /// A setting as in a TOML file, such as `secure_boot=true`; may be repeated
        #[arg(long, value_name = "NAME=VALUE", conflicts_with = "file")]
        set: Vec<String>,
    },
}

/// Carries out a command about waivers.
pub async fn waiver(office: &Office, command: &Waiver) -> anyhow::Result<Value> {
    match command {
        Waiver::Add {
            check,
            vendor,
            package,
            build,
            product,
            reason,
            expires,
        } => {
            let wish = Wish {
                check: check.clone(),
                vendor: vendor.clone(),
                package: package.clone(),
                build: build.clone(),
                product: product.clone(),
                reason: reason.clone(),
                expires_at: parse_end(expires)?,
            };
            office.add_waiver(&wish).await
        }
        Waiver::List => office.list_waivers().await,
        Waiver::Revoke { id, reason } => office.revoke_waiver(*id, reason).await,
    }
}

/// Carries out a command about a product's policy.
pub async fn of_product(office: &Office, command: &Policy) -> anyhow::Result<Value> {
    match command {
        Policy::Show { name } => office.product_policy(name).await,
        Policy::Set { name, file, set } => {
            let before = office.product_policy(name).await?;
            let demands = demands(before, file.as_ref(), set)?;
            office.set_product_policy(name, &demands).await
        }
    }
}

/// Carries out a command about a vendor's policy.
pub async fn of_vendor(office: &Office, command: &Policy) -> anyhow::Result<Value> {
    match command {
        Policy::Show { name } => office.vendor_policy(name).await,
        Policy::Set { name, file, set } => {
            let before = office.vendor_policy(name).await?;
            let demands = demands(before, file.as_ref(), set)?;
            office.set_vendor_policy(name, &demands).await
        }
    }
}

/// The policy in the file, or the one before with single settings changed.
fn demands(before: Value, file: Option<&PathBuf>, set: &[String]) -> anyhow::Result<Demands> {
    if let Some(file) = file {
        let text = String::from_utf8(read(file)?).context("the policy is no text")?;
        return policies::parse(&text);
    }
    let mut policy = match before {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    for setting in set {
        ensure!(
            setting.contains('='),
            "`{setting}` is no setting: write it as NAME=VALUE, such as secure_boot=true"
        );
        // One at a time, so that trouble names the right one.
        let said = policies::parse(setting).with_context(|| format!("`{setting}`"))?;
        merge(&mut policy, serde_json::to_value(said)?);
    }
    Ok(serde_json::from_value(Value::Object(policy))?)
}

/// What is said replaces what was; severities are added to.
fn merge(policy: &mut Map<String, Value>, said: Value) {
    let Value::Object(said) = said else { return };
    for (name, value) in said {
        match (policy.get_mut(&name), value) {
            (Some(Value::Object(before)), Value::Object(value)) => before.extend(value),
            (_, value) => {
                policy.insert(name, value);
            }
        }
    }
}

/// In a form that `set` takes again.
pub fn print(policy: &Value) {
    println!("{policy:#}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn single_settings_are_changed() {
        let before = json!({"secure_boot": true, "severities": {"multiversion": "off"}});
        let set = ["secure_boot=false", "severities.intree-flag=\"reject\""].map(str::to_owned);
        let after = demands(before, None, &set).unwrap();
        let expected = json!({
            "secure_boot": false,
            "severities": {"multiversion": "off", "intree-flag": "reject"},
        });
        assert_eq!(serde_json::to_value(after).unwrap(), expected);
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for setting in [
            "secure_boot",
            "secure_bot=true",
            "severities.nothing=\"off\"",
        ] {
            let error = demands(json!({}), None, &[setting.to_owned()]).unwrap_err();
            assert!(format!("{error:#}").contains(setting), "{error:#}");
        }
    }
}
