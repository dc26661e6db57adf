//! Who works in the tenant: users, their roles and groups, what they did.
//!
//! Everybody is made up from the seed, without drawing from the numbers that requests are made of, so that
//! a larger company changes nothing else. Most sign in now and then; some never did, some left long ago.

use indexmap::IndexSet;

use super::directory::Organization;
use crate::sandbox::onetrust::moment::DAY_MS;
use crate::sandbox::world::mixed;

/// Roles of the tenant, from who may do most.
const ROLES: [&str; 9] = [
    "Site Admin",
    "Privacy Officer",
    "Privacy Analyst",
    "Data Subject Request Approver",
    "Auditor",
    "Business Owner",
    "Vendor Manager",
    "Viewer",
    "Employee",
];
const GROUPS: [(&str, &str, Option<usize>); 6] = [
    ("Privacy Team", "Answers requests of data subjects", Some(2)),
    ("Request Approvers", "Lets erasures go on", Some(3)),
    ("Legal", "Lawyers of the company", None),
    ("Security", "Looks after access", Some(4)),
    ("External Counsel", "Lawyers of others", Some(7)),
    ("Data Stewards", "Knows where data is", Some(8)),
];
const FIRST: [&str; 12] =
    ["Ada", "Bilal", "Chloé", "Dmitri", "Elif", "Farah", "Goran", "Hana", "Ines", "Jürgen", "Kofi", "Lena"];
const LAST: [&str; 11] = [
    "Marchand",
    "Novák",
    "Okafor",
    "Petit",
    "Quist",
    "Richter",
    "Sørensen",
    "Tanaka",
    "Ueda",
    "Varga",
    "Weiß",
];
const DEPARTMENTS: [&str; 4] = ["Legal", "IT", "Marketing", "Sales"];

/// A name with its id.
pub(in crate::sandbox::onetrust) struct Named {
    pub id: String,
    pub name: String,
}

/// Somebody who works in OneTrust. Roles are places in `roles` and `organizations`.
pub(in crate::sandbox::onetrust) struct User {
    pub id: String,
    pub first_name: String,
    pub last_name: String,
    pub email: String,
    pub roles: Vec<(usize, usize)>,
    pub is_active: bool,
    pub is_internal: bool,
    pub department: &'static str,
    pub created_ms: i64,
    pub modified_ms: i64,
    pub disabled_ms: Option<i64>,
    pub disabled_by: Option<String>,
    pub expires_ms: Option<i64>,
    /// The newest last.
    pub sign_ins: Vec<(i64, bool)>,
    /// When, which field, what it was and is; the newest last.
    pub changes: Vec<(i64, &'static str, String, String)>,
}

/// Some of them together.
pub(in crate::sandbox::onetrust) struct UserGroup {
    pub id: String,
    pub name: String,
    pub description: String,
    /// What its members may do in the organisation at the top.
    pub role: Option<usize>,
    /// Ids of users.
    pub members: IndexSet<String>,
}

/// Everybody, and what they can be.
pub(in crate::sandbox::onetrust) struct Staff {
    seed: u64,
    made: u64,
    pub users: Vec<User>,
    pub roles: Vec<Named>,
    pub organizations: Vec<Named>,
    pub groups: Vec<UserGroup>,
}

impl Staff {
    /// The staff of a new tenant: the three who were always there, and as many as are wanted.
    pub fn founding(seed: u64, organization: &Organization, count: usize, now_ms: i64) -> Staff {
        let organizations = organization.all();
        let organizations = organizations
            .into_iter()
            .map(|organization| Named { id: organization.id.clone(), name: organization.name.clone() });
        let mut staff = Staff {
            seed: mixed(seed, 0x57af),
            made: 0,
            users: Vec::with_capacity(count),
            roles: Vec::new(),
            organizations: organizations.collect(),
            groups: Vec::new(),
        };
        staff.roles = ROLES.map(|name| Named { id: staff.new_id(), name: name.to_owned() }).into();
        let first =
            [("Robin", "Approver", 1, true), ("Kim", "Analyst", 2, true), ("Sam", "Former", 7, false)];
        for (first_name, last_name, role, is_active) in first {
            let email = format!("{}.{}@example.com", first_name.to_lowercase(), last_name.to_lowercase());
            let mut user = staff.user(first_name, last_name, email, now_ms);
            user.roles = vec![(role, 0)];
            user.is_active = is_active;
            user.disabled_ms = (!is_active).then_some(now_ms - 40 * DAY_MS);
            user.disabled_by = (!is_active).then(|| "Robin Approver".to_owned());
            staff.users.push(user);
        }
        for number in staff.users.len()..count.max(3) {
            let user = staff.made_up(number, now_ms);
            staff.users.push(user);
        }
        let groups = GROUPS.iter().enumerate();
        staff.groups = groups
            .map(|(place, (name, description, role))| UserGroup {
                id: staff.new_id(),
                name: (*name).to_owned(),
                description: (*description).to_owned(),
                role: *role,
                members: staff
                    .users
                    .iter()
                    .skip(place)
                    .step_by(7 + 5 * place)
                    .map(|user| user.id.clone())
                    .collect(),
            })
            .collect();
        staff
    }

    /// A new id.
    pub fn new_id(&mut self) -> String {
        self.made += 1;
        let wide = (u128::from(mixed(self.seed, self.made)) << 64) | u128::from(mixed(!self.seed, self.made));
        uuid::Builder::from_random_bytes(wide.to_be_bytes()).into_uuid().to_string()
    }

    /// Somebody without roles who may sign in and never did.
    pub fn user(&mut self, first_name: &str, last_name: &str, email: String, now_ms: i64) -> User {
        User {
            id: self.new_id(),
            first_name: first_name.to_owned(),
            last_name: last_name.to_owned(),
            email,
            roles: Vec::new(),
            is_active: true,
            is_internal: true,
            department: "Legal",
            created_ms: now_ms,
            modified_ms: now_ms,
            disabled_ms: None,
            disabled_by: None,
            expires_ms: None,
            sign_ins: Vec::new(),
            changes: Vec::new(),
        }
    }

    fn made_up(&mut self, number: usize, now_ms: i64) -> User {
        let drawn = mixed(self.seed, 1_000_000 + number as u64);
        let part = |shift: u32, of: usize| usize::try_from((drawn >> shift) & 0xff).unwrap_or(0) % of;
        let days = |shift: u32, of: usize| i64::try_from(part(shift, of)).unwrap_or(0) * DAY_MS;
        let (first, last) = (named(&FIRST, number), named(&LAST, number / FIRST.len()));
        let plain = |name: &str| -> String {
            name.to_lowercase().chars().filter(char::is_ascii_alphabetic).collect()
        };
        let email = format!("{}.{}.{number}@example.com", plain(first), plain(last));
        let mut user = self.user(first, last, email, now_ms - 900 * DAY_MS + days(0, 200));
        // Few may do much: the first roles are the rarest.
        let role =
            ROLES.len() - 1 - part(8, 3) - if part(16, 10) == 0 { part(24, ROLES.len() - 2) } else { 0 };
        user.roles.push((role, part(32, self.organizations.len())));
        if part(40, 20) == 0 {
            user.roles.push((2, part(48, self.organizations.len())));
        }
        user.department = named(&DEPARTMENTS, number);
        user.is_internal = part(16, 12) != 1;
        user.is_active = part(24, 9) != 1;
        user.modified_ms = now_ms - 300 * DAY_MS + days(40, 250);
        user.changes.push((user.modified_ms, "Role", "Employee".to_owned(), named(&ROLES, role).to_owned()));
        if part(48, 10) != 1 {
            let last_ms = now_ms - days(8, 230) - 3_600_000;
            user.sign_ins = vec![(last_ms - 60 * DAY_MS, true), (last_ms - 60_000, false), (last_ms, true)];
        }
        if !user.is_active {
            user.disabled_ms = Some(user.modified_ms);
            user.disabled_by = Some("Robin Approver".to_owned());
        } else if part(32, 30) == 0 {
            user.expires_ms = Some(now_ms + days(0, 60) - 30 * DAY_MS);
        }
        user
    }
}

fn named(list: &[&'static str], place: usize) -> &'static str {
    list.get(place % list.len().max(1)).copied().unwrap_or_default()
}
