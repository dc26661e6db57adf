//! What is kept of a tenant's staff, put together.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::capability::{Capability, Held};
use super::cursor::Told;
use super::error::DirectoryError;
use super::history::SignIns;
use super::pattern::is_same;
use super::person::Person;
use crate::config;
use crate::journal::{Reader, StaffKind, StaffRecord};
use crate::onetrust::staff::{Activity, Group, GroupKind, Organization, Role, User};

/// What a credential of ours is and may learn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// The profile.
    pub profile: String,
    /// It asks for tokens; else it is a key, and nobody says what it may do.
    pub is_client: bool,
    /// As whom the service knows it.
    pub who: Option<String>,
    /// With which role.
    pub role: Option<String>,
    /// Its scopes, if the service says.
    pub scopes: Option<Vec<String>>,
    /// What it may learn of the staff.
    pub held: Vec<(Capability, Held)>,
}

/// Everything that is known of a tenant's staff.
#[derive(Debug, Clone)]
pub struct Directory {
    /// The account.
    pub tenant: String,
    /// Everybody, by address.
    pub people: Vec<Person>,
    /// Groups that are there.
    pub groups: Vec<Group>,
    /// Organisations that are there, from the top down as far as is known.
    pub organizations: Vec<Organization>,
    /// Credentials of ours.
    pub own: Vec<Own>,
    /// What was changed of users' profiles, as far as it was kept, by id.
    pub(super) changes: HashMap<String, Vec<Activity>>,
    /// When the last sync ended.
    pub synced: Option<Timestamp>,
    /// What it came to.
    pub told: Option<Told>,
    /// A sync is not over.
    pub is_under_way: bool,
}

impl Directory {
    /// Reads it from the store. Without any sync nobody is in it.
    pub fn read(
        reader: &Reader,
        tenant: &str,
        rules: &config::Directory,
    ) -> Result<Directory, DirectoryError> {
        let sync = reader.staff_sync(tenant)?;
        let there = |kind| -> Result<Vec<StaffRecord>, DirectoryError> {
            Ok(reader.staff(tenant, kind)?.into_iter().filter(|row| row.gone_ms.is_none()).collect())
        };
        let mut groups: Vec<Group> = all(&there(StaffKind::Group)?)?;
        groups.sort_by(|one, other| one.name.cmp(&other.name));
        let organizations: Vec<Organization> = all(&there(StaffKind::Organization)?)?;
        let sign_ins = sign_ins(reader, tenant)?;
        let memberships = Memberships::of(&groups);
        let mut people = Vec::new();
        for row in reader.staff(tenant, StaffKind::User)? {
            let user: User = one(&row)?;
            let sign_ins = sign_ins.get(&user.id).cloned();
            people.push(memberships.person(user, &row, sign_ins).judged(rules));
        }
        people.sort_by(|one, other| one.user.email.cmp(&other.user.email));
        Ok(Directory {
            tenant: tenant.to_owned(),
            people,
            groups,
            organizations: from_the_top(organizations),
            own: all(&there(StaffKind::Credential)?)?,
            changes: changes(reader, tenant)?,
            synced: sync.as_ref().and_then(|sync| sync.finished_ms).map(moment),
            told: sync.as_ref().and_then(|sync| serde_json::from_str(&sync.told).ok()),
            is_under_way: sync.is_some_and(|sync| sync.cursor.is_some()),
        })
    }

    /// The ids of an organisation, by name or id, and of all below it; `None` when there is none.
    pub fn below(&self, name: &str) -> Option<HashSet<&str>> {
        let is_meant = |one: &&Organization| is_same(&one.name, name) || one.id == name;
        let mut ids: HashSet<&str> =
            self.organizations.iter().filter(is_meant).map(|one| one.id.as_str()).collect();
        if ids.is_empty() {
            return None;
        }
        // Every organisation comes after the one above it.
        for one in &self.organizations {
            if one.parent_id.as_deref().is_some_and(|parent| ids.contains(parent)) {
                ids.insert(&one.id);
            }
        }
        Some(ids)
    }

    /// What was changed of a user's profile, as far as syncs met it; the newest first.
    pub fn changes_of(&self, user: &str) -> Vec<Activity> {
        self.changes.get(user).cloned().unwrap_or_default()
    }

    /// Whoever is meant by an address, an id, or a name that only one of them has.
    pub fn find(&self, name: &str) -> Option<&Person> {
        let by_id = self.people.iter().find(|person| person.is_called(name));
        let has_name = |person: &&Person| person.user.name.as_deref().is_some_and(|own| is_same(own, name));
        let mut by_name = self.people.iter().filter(has_name);
        by_id.or_else(|| match (by_name.next(), by_name.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        })
    }
}

/// The groups of each user, by id.
struct Memberships<'g> {
    by_user: HashMap<&'g str, Vec<&'g Group>>,
    by_group: HashMap<&'g str, &'g Group>,
    /// Roles are told by groups (SCIM, version 2).
    tell_roles: bool,
}

impl<'g> Memberships<'g> {
    fn of(groups: &'g [Group]) -> Memberships<'g> {
        let mut by_user: HashMap<&str, Vec<&Group>> = HashMap::new();
        for group in groups {
            for member in &group.members {
                by_user.entry(member).or_default().push(group);
            }
        }
        let by_group = groups.iter().map(|group| (group.id.as_str(), group)).collect();
        let tell_roles = groups.iter().any(|group| group.kind == GroupKind::RoleInOrganization);
        Memberships { by_user, by_group, tell_roles }
    }

    fn person(&self, user: User, row: &StaffRecord, sign_ins: Option<SignIns>) -> Person {
        let mut groups: Vec<&Group> = self.by_user.get(user.id.as_str()).cloned().unwrap_or_default();
        for group in user.groups.iter().filter_map(|id| self.by_group.get(id.as_str())) {
            if !groups.iter().any(|known| known.id == group.id) {
                groups.push(group);
            }
        }
        let mut roles: Vec<Role> = user.roles.clone().unwrap_or_default();
        for group in &groups {
            match group.kind {
                GroupKind::UserGroup => roles.extend(group.roles.iter().flatten().cloned()),
                // How it is called is all that is told of the role and where it counts.
                GroupKind::RoleInOrganization => {
                    roles.push(Role { role: group.name.clone(), ..Role::default() });
                }
            }
        }
        roles.sort();
        roles.dedup();
        let of_people = groups.iter().filter(|group| group.kind == GroupKind::UserGroup);
        let mut groups: Vec<String> = of_people.map(|group| group.name.clone()).collect();
        groups.sort();
        Person {
            are_roles_known: user.roles.is_some() || self.tell_roles,
            groups,
            roles,
            sign_ins,
            gone: row.gone_ms.map(moment),
            first_seen: moment(row.first_ms),
            licence: None,
            is_admin: false,
            touches_requests: false,
            user,
        }
    }
}

/// Sign-ins by the id of the user.
fn sign_ins(reader: &Reader, tenant: &str) -> Result<HashMap<String, SignIns>, DirectoryError> {
    let rows: Vec<OfUser> = all(&reader.staff(tenant, StaffKind::SignIns)?)?;
    Ok(rows.into_iter().map(|row| (row.user, row.sign_ins)).collect())
}

fn changes(reader: &Reader, tenant: &str) -> Result<HashMap<String, Vec<Activity>>, DirectoryError> {
    let rows: Vec<ChangesOf> = all(&reader.staff(tenant, StaffKind::Activities)?)?;
    Ok(rows.into_iter().map(|row| (row.user, row.changes)).collect())
}

/// What was changed of a profile, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ChangesOf {
    pub user: String,
    pub changes: Vec<Activity>,
}

/// Sign-ins, and whose they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OfUser {
    pub user: String,
    pub sign_ins: SignIns,
}

fn all<T: DeserializeOwned>(rows: &[StaffRecord]) -> Result<Vec<T>, DirectoryError> {
    rows.iter().map(one).collect()
}

fn one<T: DeserializeOwned>(row: &StaffRecord) -> Result<T, DirectoryError> {
    serde_json::from_slice(&row.plain).map_err(|_| DirectoryError::Record)
}

/// Every organisation behind the one above it; those whose tree is broken come last.
fn from_the_top(mut rest: Vec<Organization>) -> Vec<Organization> {
    rest.sort_by(|one, other| one.name.cmp(&other.name));
    let mut ordered: Vec<Organization> = Vec::with_capacity(rest.len());
    let mut placed: HashSet<String> = HashSet::new();
    loop {
        let (now, later): (Vec<_>, Vec<_>) = rest
            .into_iter()
            .partition(|one| one.parent_id.as_ref().is_none_or(|parent| placed.contains(parent)));
        if now.is_empty() {
            ordered.extend(later);
            return ordered;
        }
        placed.extend(now.iter().map(|one| one.id.clone()));
        ordered.extend(now);
        rest = later;
    }
}

fn moment(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or_default()
}
