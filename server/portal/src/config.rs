//! Configuration: flags, `KMP_PORTAL_*` environment variables and one TOML file, in this order of
//! precedence. The same names everywhere.

use crate::fetch::{Networks, NoNetwork};
use crate::hardware::names::USUAL_FOLDERS;
use crate::limits::{LimitSettings, Limits};
use crate::zone::Zone;
use ipnet::IpNet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What an operator may set. Every field is optional: [`Config::resolve`] knows the defaults.
#[expect(
    clippy::doc_markdown,
    reason = "the comments are the help text of the command line"
)]
#[derive(clap::Args, serde::Deserialize, Clone, Debug, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, global = true, env = "KMP_PORTAL_LISTEN", value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Address under which clients reach the portal [default: http://LISTEN]
    #[arg(long, global = true, env = "KMP_PORTAL_BASE_URL", value_name = "URL")]
    pub base_url: Option<String>,
    /// Folder for packages, repositories, keys and the private database [default: ./data]
    #[arg(long, global = true, env = "KMP_PORTAL_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// PostgreSQL 15 or later; left out, the portal keeps a private one in its data folder
    #[arg(
        long,
        global = true,
        env = "KMP_PORTAL_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub database_url: Option<String>,
    /// Name shown on pages and in mails [default: Driver portal]
    #[arg(long, global = true, env = "KMP_PORTAL_SITE_NAME", value_name = "TEXT")]
    pub site_name: Option<String>,
    /// Largest package accepted, in bytes [default: 1073741824]
    #[arg(
        long,
        global = true,
        env = "KMP_PORTAL_MAX_PACKAGE_BYTES",
        value_name = "BYTES"
    )]
    pub max_package_bytes: Option<u64>,
    /// Largest kernel package, image or archive accepted, in bytes [default: 1073741824]
    #[arg(
        long,
        global = true,
        env = "KMP_PORTAL_MAX_KERNEL_BYTES",
        value_name = "BYTES"
    )]
    pub max_kernel_bytes: Option<u64>,
    /// Largest symvers file accepted, in bytes [default: 67108864]
    #[arg(
        long,
        global = true,
        env = "KMP_PORTAL_MAX_SYMVERS_BYTES",
        value_name = "BYTES"
    )]
    pub max_symvers_bytes: Option<usize>,
    /// SMTP server for notifications, as smtp://, smtps:// or smtp://…?tls=required; left out,
    /// mails go into the mail folder
    #[arg(
        long,
        global = true,
        env = "KMP_PORTAL_SMTP_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub smtp_url: Option<String>,
    /// Sender of notifications [default: Driver portal <portal@localhost>]
    #[arg(
        long,
        global = true,
        env = "KMP_PORTAL_MAIL_FROM",
        value_name = "MAILBOX"
    )]
    pub mail_from: Option<String>,
    /// Folder for mails when no SMTP server is set [default: DATA_DIR/mail]
    #[arg(long, global = true, env = "KMP_PORTAL_MAIL_DIR", value_name = "DIR")]
    pub mail_dir: Option<PathBuf>,
    /// File with the passphrase of the repository key [default: the systemd credential
    /// key-passphrase, else one that is made and lies beside the key]
    #[arg(
        long,
        global = true,
        env = "KMP_PORTAL_KEY_PASSPHRASE_FILE",
        value_name = "FILE"
    )]
    pub key_passphrase_file: Option<PathBuf>,
    /// Command that signs repositories instead of the portal's own key: it reads the document from
    /// stdin and writes an armored detached signature; words separated by blanks, no shell
    #[arg(
        long,
        global = true,
        env = "KMP_PORTAL_SIGNER_COMMAND",
        value_name = "COMMAND"
    )]
    pub signer_command: Option<String>,
    /// Public key that belongs to signer-command
    #[arg(
        long,
        global = true,
        env = "KMP_PORTAL_SIGNER_KEY",
        value_name = "FILE"
    )]
    pub signer_key: Option<PathBuf>,
    /// How long signer-command may take, in seconds [default: 30]
    #[arg(
        long,
        global = true,
        env = "KMP_PORTAL_SIGNER_TIMEOUT",
        value_name = "SECONDS"
    )]
    pub signer_timeout: Option<u64>,
    /// Networks that kernel repositories may be fetched from though they are not public, separated by
    /// commas, as 10.1.0.0/16 [default: none]
    #[arg(
        long,
        global = true,
        env = "KMP_PORTAL_FETCH_ALLOW",
        value_name = "NETWORKS"
    )]
    pub fetch_allow: Option<String>,
    /// Jobs worked on at the same time by this process; 0 leaves them to `kmp-portal worker`
    /// [default: 2]
    #[arg(long, global = true, env = "KMP_PORTAL_WORKERS", value_name = "N")]
    pub workers: Option<usize>,
    /// How long replaced repository generations stay available, in seconds [default: 86400]
    #[arg(
        long,
        global = true,
        env = "KMP_PORTAL_GENERATION_GRACE",
        value_name = "SECONDS"
    )]
    pub generation_grace: Option<u64>,
    /// Networks of proxies whose X-Forwarded-For is believed, separated by commas
    /// [default: 127.0.0.0/8,::1/128]
    #[arg(
        long,
        global = true,
        env = "KMP_PORTAL_TRUSTED_PROXIES",
        value_name = "NETWORKS",
        value_delimiter = ','
    )]
    pub trusted_proxies: Option<Vec<IpNet>>,
    /// Folders with pci.ids and usb.ids, which name devices, separated by commas
    /// [default: /usr/share/hwdata,/usr/share/misc]
    #[arg(
        long,
        global = true,
        env = "KMP_PORTAL_HARDWARE_IDS",
        value_name = "FOLDERS",
        value_delimiter = ','
    )]
    pub hardware_ids: Option<Vec<PathBuf>>,
    /// Time zone of release dates and pages, as an IANA name [default: UTC]
    #[arg(long, global = true, env = "KMP_PORTAL_TIMEZONE", value_name = "ZONE")]
    pub timezone: Option<String>,
    /// Set the session cookie for https only [default: whether BASE_URL is https]
    #[arg(
        long,
        global = true,
        env = "KMP_PORTAL_SECURE_COOKIES",
        value_name = "BOOL"
    )]
    pub secure_cookies: Option<bool>,
    #[command(flatten)]
    pub limits: LimitSettings,
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration file {path}: {source}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the configuration file {path} is not valid: {source}")]
    Parse {
        path: PathBuf,
        source: Box<toml::de::Error>,
    },
    #[error("fetch-allow: {0}")]
    FetchAllow(#[from] NoNetwork),
    #[error("base-url `{0}` is not an http or https address")]
    BaseUrl(String),
    #[error("timezone `{0}` is no time zone; IANA names look like Europe/Berlin or UTC")]
    Timezone(String),
}

impl Settings {
    /// Fills what flags and environment left open from a TOML file.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, or holds a key that is not a setting.
    pub fn or_file(self, path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let file: Self = toml::from_str(&text).map_err(|e| ConfigError::Parse {
            path: path.to_owned(),
            source: Box::new(e),
        })?;
        Ok(self.or(file))
    }

    fn or(self, other: Self) -> Self {
        Self {
            listen: self.listen.or(other.listen),
            base_url: self.base_url.or(other.base_url),
            data_dir: self.data_dir.or(other.data_dir),
            database_url: self.database_url.or(other.database_url),
            site_name: self.site_name.or(other.site_name),
            max_package_bytes: self.max_package_bytes.or(other.max_package_bytes),
            max_kernel_bytes: self.max_kernel_bytes.or(other.max_kernel_bytes),
            max_symvers_bytes: self.max_symvers_bytes.or(other.max_symvers_bytes),
            smtp_url: self.smtp_url.or(other.smtp_url),
            mail_from: self.mail_from.or(other.mail_from),
            mail_dir: self.mail_dir.or(other.mail_dir),
            key_passphrase_file: self.key_passphrase_file.or(other.key_passphrase_file),
            signer_command: self.signer_command.or(other.signer_command),
            signer_key: self.signer_key.or(other.signer_key),
            signer_timeout: self.signer_timeout.or(other.signer_timeout),
            fetch_allow: self.fetch_allow.or(other.fetch_allow),
            workers: self.workers.or(other.workers),
            generation_grace: self.generation_grace.or(other.generation_grace),
            trusted_proxies: self.trusted_proxies.or(other.trusted_proxies),
            hardware_ids: self.hardware_ids.or(other.hardware_ids),
            timezone: self.timezone.or(other.timezone),
            secure_cookies: self.secure_cookies.or(other.secure_cookies),
            limits: self.limits.or(other.limits),
        }
    }
}

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    /// Without a slash at the end.
    pub base_url: String,
    pub data_dir: PathBuf,
    pub database_url: Option<String>,
    pub site_name: String,
    pub max_package_bytes: u64,
    pub max_kernel_bytes: u64,
    pub max_symvers_bytes: usize,
    pub smtp_url: Option<String>,
    pub mail_from: String,
    pub mail_dir: PathBuf,
    pub key_passphrase_file: Option<PathBuf>,
    /// Signs instead of the portal's own key.
    pub signer_command: Option<String>,
    /// The public part of its key.
    pub signer_key: Option<PathBuf>,
    pub signer_timeout: Duration,
    pub fetch_allow: Networks,
    pub workers: usize,
    pub generation_grace: Duration,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where the lists lie that name devices; the first that has one counts.
    pub hardware_ids: Vec<PathBuf>,
    /// Where a release date's day begins.
    pub timezone: Zone,
    pub secure_cookies: bool,
    /// Of the inspection of one package.
    pub limits: Limits,
}

const MIB: usize = 1024 * 1024;

impl Config {
    /// Fills in the defaults.
    ///
    /// # Errors
    /// `base-url` is not an http or https address, or `timezone` is none.
    pub fn resolve(settings: Settings) -> Result<Self, ConfigError> {
        let listen = settings
            .listen
            .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080)));
        let base_url = match settings.base_url {
            Some(text) => checked_base_url(&text)?,
            None => format!("http://{listen}"),
        };
        let data_dir = settings.data_dir.unwrap_or_else(|| PathBuf::from("data"));
        let timezone = match settings.timezone {
            Some(name) => Zone::named(&name).ok_or(ConfigError::Timezone(name))?,
            None => Zone::default(),
        };
        let site_name = settings
            .site_name
            .unwrap_or_else(|| "Driver portal".to_owned());
        let max_package_bytes = settings.max_package_bytes.unwrap_or(1024 * MIB as u64);
        Ok(Self {
            listen,
            database_url: settings.database_url,
            max_kernel_bytes: settings.max_kernel_bytes.unwrap_or(1024 * MIB as u64),
            max_package_bytes,
            limits: settings.limits.resolve(max_package_bytes),
            max_symvers_bytes: settings.max_symvers_bytes.unwrap_or(64 * MIB),
            smtp_url: settings.smtp_url,
            mail_from: settings.mail_from.unwrap_or_else(|| {
                format!("\"{}\" <portal@localhost>", site_name.replace('"', ""))
            }),
            mail_dir: settings.mail_dir.unwrap_or_else(|| data_dir.join("mail")),
            key_passphrase_file: settings.key_passphrase_file,
            signer_command: settings.signer_command,
            signer_key: settings.signer_key,
            signer_timeout: Duration::from_secs(settings.signer_timeout.unwrap_or(30)),
            fetch_allow: settings.fetch_allow.unwrap_or_default().parse()?,
            workers: settings.workers.unwrap_or(2),
            generation_grace: Duration::from_secs(settings.generation_grace.unwrap_or(86_400)),
            trusted_proxies: settings.trusted_proxies.unwrap_or_else(this_machine),
            hardware_ids: settings
                .hardware_ids
                .unwrap_or_else(|| USUAL_FOLDERS.map(PathBuf::from).to_vec()),
            timezone,
            secure_cookies: settings
                .secure_cookies
                .unwrap_or_else(|| base_url.starts_with("https://")),
            site_name,
            base_url,
            data_dir,
        })
    }
}

/// A proxy beside the portal.
fn this_machine() -> Vec<IpNet> {
    let networks = ["127.0.0.0/8", "::1/128"];
    networks
        .iter()
        .filter_map(|text| text.parse().ok())
        .collect()
}

fn checked_base_url(text: &str) -> Result<String, ConfigError> {
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err(ConfigError::BaseUrl(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("portal.toml");
        std::fs::write(
            &file,
            "listen = \"127.0.0.1:1\"\nsite-name = \"From file\"\n",
        )
        .unwrap();
        let flags = Settings {
            listen: Some("127.0.0.1:2".parse().unwrap()),
            ..Default::default()
        };
        let config = Config::resolve(flags.or_file(&file).unwrap()).unwrap();
        assert_eq!(config.listen.port(), 2);
        assert_eq!(config.site_name, "From file");
        assert_eq!(config.base_url, "http://127.0.0.1:2");
    }

    #[test]
    fn a_misspelt_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("portal.toml");
        std::fs::write(&file, "lisen = \"127.0.0.1:1\"\n").unwrap();
        let error = Settings::default().or_file(&file).unwrap_err();
        assert!(error.to_string().contains("lisen"), "{error}");
    }

    #[test]
    fn base_url_must_be_http() {
        for bad in ["ftp://x", "portal", "http://"] {
            let settings = Settings {
                base_url: Some(bad.to_owned()),
                ..Default::default()
            };
            assert!(Config::resolve(settings).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_time_zone_must_be_one() {
        let settings = |zone: &str| Settings {
            timezone: Some(zone.to_owned()),
            ..Default::default()
        };
        assert!(Config::resolve(settings("Europe/Berlin")).is_ok());
        let error = Config::resolve(settings("CEST")).unwrap_err();
        assert!(error.to_string().contains("CEST"), "{error}");
    }
}
