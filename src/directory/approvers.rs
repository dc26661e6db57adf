//! Who may approve: users, groups or roles of OneTrust, as workflows name them.
//!
//! ```text
//! ada@example.com · user:ada@example.com · group:Privacy Team · role:Privacy Officer · Privacy Team
//! ```
//!
//! A bare name with `@` is a user; another one is a group, and a role when no group is called so. Asked when a
//! workflow is put into force, and again whenever somebody approves: whoever is disabled, expired or gone by then
//! may not, and neither may anybody when nobody knows any more how they stand.

use jiff::{SignedDuration, Timestamp};

use super::pattern::is_same;
use super::person::Person;
use super::read::Directory;

/// One name of a list of approvers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// A user, by address or id.
    User(String),
    /// Everybody in a group.
    Group(String),
    /// Everybody with a role; `*` stands for anything.
    Role(String),
    /// A group or, when none is called so, a role.
    Either(String),
}

impl Named {
    /// Reads one name; `None` when nothing is in it.
    pub fn read(text: &str) -> Option<Named> {
        let text = text.trim();
        let (kind, rest) = text.split_once(':').unwrap_or(("", text));
        let name = rest.trim().to_owned();
        let named = match kind.trim().to_ascii_lowercase().as_str() {
            "user" => Named::User(name),
            "group" => Named::Group(name),
            "role" => Named::Role(name),
            _ if text.contains('@') => Named::User(text.to_owned()),
            _ => Named::Either(text.to_owned()),
        };
        let (Named::User(name) | Named::Group(name) | Named::Role(name) | Named::Either(name)) = &named;
        (!name.is_empty()).then_some(named)
    }

    /// With what it stands for where that can be told.
    fn resolved(&self, directory: &Directory) -> Named {
        match self {
            Named::Either(name) => {
                let is_group = directory.groups.iter().any(|group| is_same(&group.name, name));
                if is_group { Named::Group(name.clone()) } else { Named::Role(name.clone()) }
            }
            named => named.clone(),
        }
    }

    fn means(&self, person: &Person) -> bool {
        match self {
            Named::User(name) => person.is_called(name),
            Named::Group(name) => person.is_in(name),
            Named::Role(name) => person.has_role(name),
            Named::Either(name) => person.is_in(name) || person.has_role(name),
        }
    }
}

/// What a name of a list comes to.
#[derive(Debug, Clone)]
pub struct Meant<'d> {
    /// As it was written.
    pub written: String,
    /// What it stands for.
    pub named: Named,
    /// Who is meant and may approve.
    pub able: Vec<&'d Person>,
    /// Who is meant and may not: disabled, expired or gone.
    pub unable: Vec<&'d Person>,
}

/// Why somebody may not approve. Nothing of a person is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The directory was never read.
    #[error("OneTrust's directory was never read: run `privaflow directory sync`")]
    NotSynced,
    /// It was read too long ago to know.
    #[error(
        "OneTrust's directory was last read too long ago to know who may approve: run `privaflow directory sync`"
    )]
    Stale,
    /// Nobody there is called so.
    #[error("nobody in OneTrust's directory has this address")]
    Unknown,
    /// They are no longer there.
    #[error("this user is no longer in OneTrust")]
    Gone,
    /// They may not sign in.
    #[error("this user of OneTrust is disabled, or their access has ended")]
    Inactive,
    /// They are not among the approvers.
    #[error("this user is not among the approvers: neither named, nor in a group or with a role that is")]
    NotNamed,
}

/// A list of approvers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approvers {
    named: Vec<(String, Named)>,
}

impl Approvers {
    /// Reads a list; a name with nothing in it is passed over.
    pub fn of<T: AsRef<str>>(list: &[T]) -> Approvers {
        let named = list.iter().filter_map(|text| {
            let text = text.as_ref();
            Some((text.to_owned(), Named::read(text)?))
        });
        Approvers { named: named.collect() }
    }

    /// These and others.
    #[must_use]
    pub fn and(mut self, others: Approvers) -> Approvers {
        self.named.extend(others.named);
        self
    }

    /// Whether a name can only be one of OneTrust, wherever it stands.
    pub fn is_of_onetrust(name: &str) -> bool {
        !matches!(Named::read(name), Some(Named::Either(_)) | None)
    }

    /// Whether nobody is named.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// What each name comes to now: one whose `able` is empty lets nobody approve.
    pub fn meant<'d>(&self, directory: &'d Directory, now: Timestamp) -> Vec<Meant<'d>> {
        let of = |(written, named): &(String, Named)| {
            let named = named.resolved(directory);
            let all = directory.people.iter().filter(|person| named.means(person));
            let (able, unable) = all.partition(|person| person.is_active(now));
            Meant { written: written.clone(), named, able, unable }
        };
        self.named.iter().map(of).collect()
    }

    /// Whether somebody may approve by this list.
    pub fn allow(&self, directory: &Directory, person: &Person, now: Timestamp) -> bool {
        person.is_active(now) && self.named.iter().any(|(_, named)| named.resolved(directory).means(person))
    }

    /// Whether whoever has this address may approve now; `fresh` is how old what is known may be.
    pub fn check(
        &self,
        directory: &Directory,
        who: &str,
        fresh: SignedDuration,
        now: Timestamp,
    ) -> Result<(), Denied> {
        let synced = directory.synced.ok_or(Denied::NotSynced)?;
        if now.duration_since(synced) > fresh {
            return Err(Denied::Stale);
        }
        // One address may stand for somebody who left and somebody who came.
        let called: Vec<&Person> = directory.people.iter().filter(|person| person.is_called(who)).collect();
        if called.is_empty() {
            return Err(Denied::Unknown);
        }
        if called.iter().any(|person| self.allow(directory, person, now)) {
            return Ok(());
        }
        match called.iter().find(|person| person.gone.is_none()) {
            None => Err(Denied::Gone),
            Some(person) if !person.is_active(now) => Err(Denied::Inactive),
            Some(_) => Err(Denied::NotNamed),
        }
    }
}
