//! What every page has around its own content: name, navigation, who is signed in, one message.

/// Layout data of a page. Every page struct has it in the field `shell`.
#[derive(Clone, Debug, Default)]
pub struct Shell {
    /// Name of this portal, in the header and in the title of every page.
    pub site_name: String,
    /// Where the style sheet is; change it with its content (`/static/portal.css?v=…`).
    pub css_href: String,
    pub user: Option<SignedIn>,
    /// Which entry of the navigation is the current one.
    pub nav: Nav,
    /// Goes into the hidden field `csrf` of every form that changes something.
    pub csrf: String,
    pub flash: Option<Flash>,
    /// Version of the program, in the footer.
    pub version: String,
}

/// Who looks at the page.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub name: String,
    /// In words: `Acme Networks`, `distributor`, `administrator`.
    pub role: String,
    /// Shows the entry "Upload" in the navigation.
    pub may_upload: bool,
    /// Shows the entry "Audit".
    pub is_distributor: bool,
}

/// Entry of the navigation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Nav {
    #[default]
    None,
    Packages,
    Kernels,
    Matrix,
    Symbols,
    Hardware,
    Check,
    Upload,
    Repositories,
    Keys,
    Checks,
    Sources,
    Waivers,
    Audit,
    Status,
    Login,
}

impl Shell {
    /// For the attribute `aria-current`: whether this entry is the current one. Takes the
    /// entry's path without the slash, so that templates need no Rust path.
    pub fn is_nav(&self, entry: &str) -> bool {
        let current = match self.nav {
            Nav::None => return false,
            Nav::Packages => "packages",
            Nav::Kernels => "kernels",
            Nav::Matrix => "matrix",
            Nav::Symbols => "symbols",
            Nav::Hardware => "hardware",
            Nav::Check => "check",
            Nav::Upload => "upload",
            Nav::Repositories => "repos",
            Nav::Keys => "keys",
            Nav::Checks => "checks",
            Nav::Sources => "sources",
            Nav::Waivers => "waivers",
            Nav::Audit => "audit",
            Nav::Status => "status",
            Nav::Login => "login",
        };
        current == entry
    }

    /// Whether to offer the upload form: to vendors, and to visitors who may yet sign in.
    pub fn offers_upload(&self) -> bool {
        self.user.as_ref().is_none_or(|user| user.may_upload)
    }
}

/// One message at the top of the page, for example after a form was sent.
#[derive(Clone, Debug)]
pub struct Flash {
    pub tone: Tone,
    pub text: String,
}

/// Mood of a message or badge: picks colour and symbol together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    Good,
    Caution,
    Bad,
    Info,
    Quiet,
}

impl Tone {
    /// Suffix of the style sheet's classes: `badge-good`, `flash-bad` …
    pub fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Caution => "caution",
            Self::Bad => "bad",
            Self::Info => "info",
            Self::Quiet => "quiet",
        }
    }

    /// Id of its symbol in `static/icons.svg`.
    pub fn icon(self) -> &'static str {
        match self {
            Self::Good => "i-check",
            Self::Caution => "i-triangle",
            Self::Bad => "i-cross",
            Self::Info => "i-info",
            Self::Quiet => "i-dash",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_is_current() {
        let shell = Shell {
            nav: Nav::Kernels,
            ..Shell::default()
        };
        let current: Vec<_> = ["packages", "kernels", "upload", "keys", "checks", "login"]
            .into_iter()
            .filter(|entry| shell.is_nav(entry))
            .collect();
        assert_eq!(current, ["kernels"]);
        assert!(!Shell::default().is_nav("packages"));
    }

    #[test]
    fn upload_is_hidden_from_those_who_may_not() {
        let mut shell = Shell::default();
        assert!(shell.offers_upload(), "a visitor may sign in");
        shell.user = Some(SignedIn {
            name: "kim".into(),
            role: "distributor".into(),
            may_upload: false,
            is_distributor: true,
        });
        assert!(!shell.offers_upload());
    }
}
