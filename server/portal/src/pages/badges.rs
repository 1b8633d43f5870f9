//! States as a reader meets them: a word, a symbol with a shape of its own, and a colour.
//!
//! Shape and word alone tell the state; colour only helps. Codes are those of the JSON API.

use super::Tone;

/// Makes an enum whose values are known by a code and shown as a badge.
macro_rules! badges {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident $code:literal $label:literal $tone:ident $icon:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// All values, in the order in which they are listed.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The value with this code, as the API spells it.
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }

            /// Its spelling in the API and in query strings.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The word shown.
            pub fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)* }
            }

            /// Picks the colour.
            pub fn tone(self) -> Tone {
                match self { $(Self::$variant => Tone::$tone,)* }
            }

            /// Id of its symbol in `static/icons.svg`.
            pub fn icon(self) -> &'static str {
                match self { $(Self::$variant => $icon,)* }
            }
        }
    };
}

badges! {
    /// Will it load on this kernel, from best to worst.
    Verdict {
        Compatible "compatible" "Loads" Good "i-check",
        CompatibleWithWarnings "compatible_with_warnings" "Loads, with warnings" Caution "i-triangle",
        NeedsOtherPackage "needs_other_package" "Needs another package" Info "i-link",
        Indeterminate "indeterminate" "Cannot be told" Quiet "i-question",
        UnloadableFlavor "unloadable_flavor" "Built for another flavor" Quiet "i-ring",
        Incompatible "incompatible" "Breaks" Bad "i-cross",
        /// Not judged yet: the package or the kernel is new.
        Pending "pending" "Being judged" Quiet "i-clock",
    }
}

badges! {
    /// Where a package is on its way.
    PackageState {
        Received "received" "Received" Quiet "i-clock",
        Inspecting "inspecting" "Being inspected" Info "i-clock",
        Accepted "accepted" "Accepted" Info "i-check",
        Rejected "rejected" "Rejected" Bad "i-cross",
        Published "published" "Published" Good "i-check",
        Withdrawn "withdrawn" "Withdrawn" Quiet "i-dash",
    }
}

badges! {
    /// How far a kernel is.
    KernelStatus {
        Preview "preview" "Preview" Info "i-clock",
        Released "released" "Released" Good "i-check",
        Retired "retired" "Retired" Quiet "i-dash",
    }
}

badges! {
    /// How much a finding weighs.
    Severity {
        Reject "reject" "Rejects" Bad "i-cross",
        Warning "warning" "Warning" Caution "i-triangle",
        Note "note" "Note" Info "i-info",
    }
}

badges! {
    /// Whether a waiver holds.
    WaiverState {
        Active "active" "Holds" Good "i-check",
        Expired "expired" "Expired" Caution "i-clock",
        Revoked "revoked" "Revoked" Quiet "i-dash",
    }
}

badges! {
    /// How the repository of somebody else fares.
    SourceState {
        New "new" "Not read yet" Quiet "i-clock",
        Good "good" "In order" Good "i-check",
        Failing "failing" "Not reached lately" Caution "i-triangle",
        Broken "broken" "Not reached for long" Caution "i-triangle",
        Stale "stale" "Too old to be offered" Bad "i-cross",
        Distrusted "distrusted" "Not trusted" Bad "i-cross",
    }
}

impl Verdict {
    /// Class of its part of the impact bar; unlike the tone, different for every verdict.
    pub fn bar_class(self) -> &'static str {
        match self {
            Self::Compatible => "bar-loads",
            Self::CompatibleWithWarnings => "bar-warns",
            Self::NeedsOtherPackage => "bar-needs",
            Self::Indeterminate => "bar-unknown",
            Self::UnloadableFlavor => "bar-flavor",
            Self::Incompatible => "bar-breaks",
            Self::Pending => "bar-pending",
        }
    }
}

impl Verdict {
    /// What a legend lists: verdicts as they are stored.
    pub fn shown() -> impl Iterator<Item = Self> {
        let all = Self::ALL.iter().copied();
        all.filter(|verdict| *verdict != Self::Pending)
    }

    /// One letter, for pictures in which there is no room for the word.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Compatible => "L",
            Self::CompatibleWithWarnings => "W",
            Self::NeedsOtherPackage => "N",
            Self::Indeterminate => "?",
            Self::UnloadableFlavor => "F",
            Self::Incompatible => "B",
            Self::Pending => "…",
        }
    }

    /// Class of its mark in the matrix.
    pub fn mark_class(self) -> &'static str {
        match self {
            Self::Compatible => "is-loads",
            Self::CompatibleWithWarnings => "is-warns",
            Self::NeedsOtherPackage => "is-needs",
            Self::Indeterminate => "is-unknown",
            Self::UnloadableFlavor => "is-flavor",
            Self::Incompatible => "is-breaks",
            Self::Pending => "is-pending",
        }
    }
}

impl Severity {
    /// Heading over findings of this weight.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Reject => "Must be fixed",
            Self::Warning => "Should be fixed",
            Self::Note => "Worth knowing",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_lead_back_to_their_value() {
        for verdict in Verdict::ALL {
            assert_eq!(Verdict::from_code(verdict.code()), Some(*verdict));
        }
        for state in PackageState::ALL {
            assert_eq!(PackageState::from_code(state.code()), Some(*state));
        }
        assert_eq!(Verdict::from_code("Compatible"), None);
    }

    #[test]
    fn verdicts_differ_without_colour() {
        for (at, one) in Verdict::ALL.iter().enumerate() {
            for other in &Verdict::ALL[at + 1..] {
                assert_ne!(one.label(), other.label());
                assert_ne!(
                    one.icon(),
                    other.icon(),
                    "{one:?} and {other:?} share a shape"
                );
                assert_ne!(one.bar_class(), other.bar_class());
                assert_ne!(one.letter(), other.letter());
                assert_ne!(one.mark_class(), other.mark_class());
            }
        }
    }

    #[test]
    fn waivers_stand_as_the_api_says() {
        for standing in store::waivers::Standing::ALL {
            let shown = WaiverState::from_code(standing.as_str());
            assert_eq!(shown.map(WaiverState::code), Some(standing.as_str()));
        }
    }

    #[test]
    fn every_symbol_is_in_the_icon_file() {
        let icons = include_str!("../../../../static/icons.svg");
        let verdicts = Verdict::ALL.iter().map(|it| it.icon());
        let states = PackageState::ALL.iter().map(|it| it.icon());
        let kernels = KernelStatus::ALL.iter().map(|it| it.icon());
        let severities = Severity::ALL.iter().map(|it| it.icon());
        for icon in verdicts.chain(states).chain(kernels).chain(severities) {
            assert!(
                icons.contains(&format!("id=\"{icon}\"")),
                "{icon} is missing"
            );
        }
    }
}
