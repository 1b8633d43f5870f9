//! Who looks. Every query that shows kernels, verdicts or packages to somebody takes a [`Viewer`]
//! and leaves out what is not for them; what the portal needs for its own work, whoever may see
//! it, is in functions named `…_for_judging`.

/// On whose behalf a query is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Viewer {
    /// Sees packages that are or were published, and kernels that are not under embargo.
    #[default]
    Public,
    /// Sees that, all of its own packages, and the embargoed kernels it is named for.
    Vendor(i64),
    /// Sees everything.
    Distributor,
}

impl Viewer {
    /// As two query parameters: sees everything; own vendor. They are those of the SQL function
    /// `visible_kernels`.
    pub(crate) fn parameters(self) -> (bool, Option<i64>) {
        match self {
            Self::Public => (false, None),
            Self::Vendor(id) => (false, Some(id)),
            Self::Distributor => (true, None),
        }
    }
}
