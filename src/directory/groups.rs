//! Groups with their members, and organisations.
//!
//! A group is written with all its members or not at all, so a sync that goes on passes over those it has.

use std::collections::HashSet;

use serde_json::Value;

use super::ask::{self, MEMBERS, MOST, Version};
use super::capability::Capability;
use super::cursor::Phase;
use super::error::DirectoryError;
use super::sync::{UnderWay, record};
use super::users::{is_not_found, paged, placed, version};
use crate::feeds::FeedError;
use crate::journal::{StaffKind, StaffSync};
use crate::onetrust::staff::{Group, GroupKind, Organization, organizations};

/// Pages of members that a group has at most: two million people are a mistake.
const MOST_PAGES: u64 = 1000;

impl UnderWay<'_> {
    /// Reads one page of groups, each with its members.
    pub async fn groups(&mut self, at: u64) -> Result<(), DirectoryError> {
        let (sync, way) = (self.sync, version(self.cursor.users));
        let page = match way {
            None => paged(sync.ask(ask::groups(at, MOST)).await?, at, ask::GROUPS)?,
            Some(version) => placed(sync.ask(ask::scim_groups(version, at)).await?, at, version.groups())?,
        };
        let done: HashSet<String> = self
            .known_groups()?
            .into_iter()
            .filter_map(|(group, seen)| (seen == self.number).then_some(group.id))
            .collect();
        let read = |value: &Value| match way {
            None => Group::of_access(value),
            Some(version) => Group::of_scim(value, kind(version)),
        };
        for group in page.items.iter().filter_map(read).filter(|group| !done.contains(&group.id)) {
            match self.whole(group).await {
                Ok(group) => {
                    self.put(vec![record(StaffKind::Group, &group.id, &group)?]).await?;
                }
                // It went while the page was read.
                Err(error) if is_not_found(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let met = sync.store.seen_staff(&sync.tenant, StaffKind::Group, self.number)?;
        (sync.say)(&format!("{met} groups"));
        let next = page.next.map_or(Phase::UnseenGroups, |at| Phase::Groups { at });
        self.turn_to(next).await
    }

    /// Looks up every group that was known and not met.
    pub async fn unseen_groups(&mut self) -> Result<(), DirectoryError> {
        let number = self.number;
        let unseen = self.known_groups()?.into_iter().filter(|(_, seen)| *seen < number);
        for (group, _) in unseen {
            let id = group.id.clone();
            match self.whole(group).await {
                Ok(group) => {
                    self.put(vec![record(StaffKind::Group, &group.id, &group)?]).await?;
                }
                Err(error) if is_not_found(&error) => self.is_gone(StaffKind::Group, id).await?,
                Err(error) => return Err(error),
            }
        }
        self.turn_to(Phase::Organizations).await
    }

    /// A group with its members, and with its roles where they are told.
    async fn whole(&self, group: Group) -> Result<Group, DirectoryError> {
        let sync = self.sync;
        let Some(version) = version(self.cursor.users) else {
            let mut members = Vec::new();
            for page in 0..MOST_PAGES {
                let answer = sync.ask(ask::members(&group.id, page)).await?;
                let listed = paged(answer, page, MEMBERS)?;
                members.extend(Group::members(&listed.items));
                if listed.next.is_none() {
                    break;
                }
                if page + 1 == MOST_PAGES {
                    return Err(FeedError::SamePage { endpoint: MEMBERS }.into());
                }
            }
            members.sort();
            members.dedup();
            let roles = sync.ask(ask::group_roles(&group.id)).await?;
            let roles = roles.as_array().or_else(|| roles.get("content")?.as_array());
            let roles = roles.map(|list| Group::roles(list));
            return Ok(Group { members, roles, ..group });
        };
        let answer = sync.ask(ask::scim_group(version, &group.id)).await?;
        Ok(Group::of_scim(&answer, kind(version)).filter(|read| read.id == group.id).unwrap_or(group))
    }

    /// The groups that are not known to be gone, with the sync that saw each last.
    fn known_groups(&self) -> Result<Vec<(Group, i64)>, DirectoryError> {
        let rows = self.sync.store.staff(&self.sync.tenant, StaffKind::Group)?;
        let there = rows.into_iter().filter(|row| row.gone_ms.is_none());
        there
            .map(|row| {
                let group = serde_json::from_slice(&row.plain).map_err(|_| DirectoryError::Record)?;
                Ok((group, row.seen))
            })
            .collect()
    }

    /// Reads all organisations; then sign-ins come, from where the last sync read them.
    pub async fn organizations(&mut self, before: &StaffSync) -> Result<(), DirectoryError> {
        let sync = self.sync;
        if self.may(Capability::Organizations) {
            let all: Vec<Organization> = organizations(&sync.ask(ask::organizations()).await?);
            let mut rows = Vec::with_capacity(all.len());
            for organization in &all {
                rows.push(record(StaffKind::Organization, &organization.id, organization)?);
            }
            self.cursor.counts.organizations = all.len() as u64;
            self.put(rows).await?;
            for row in sync.store.unseen_staff(&sync.tenant, StaffKind::Organization, self.number)? {
                let gone: Organization =
                    serde_json::from_slice(&row.plain).map_err(|_| DirectoryError::Record)?;
                self.is_gone(StaffKind::Organization, gone.id).await?;
            }
        }
        let next = self.first_sign_ins(&before.told);
        self.turn_to(next).await
    }
}

fn kind(version: Version) -> GroupKind {
    match version {
        Version::Two => GroupKind::RoleInOrganization,
        Version::Three => GroupKind::UserGroup,
    }
}
