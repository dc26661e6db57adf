//! What somebody who reviews access must look at.

use jiff::{SignedDuration, Timestamp};

use super::approvers::{Approvers, Named};
use super::person::{Person, Seen};
use super::read::Directory;

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// May do everything.
    Admin,
    /// May touch privacy requests.
    PrivacyRequests,
    /// May sign in, and did not for long.
    Dormant,
    /// Is named as an approver, and may not approve any more.
    FormerApprover,
    /// Stands for an API credential.
    ApiCredential,
}

impl Section {
    /// All, in the order in which people are told.
    pub const ALL: [Section; 5] = [
        Section::Admin,
        Section::PrivacyRequests,
        Section::Dormant,
        Section::FormerApprover,
        Section::ApiCredential,
    ];

    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Section::Admin => "admin",
            Section::PrivacyRequests => "privacy_requests",
            Section::Dormant => "dormant",
            Section::FormerApprover => "former_approver",
            Section::ApiCredential => "api_credential",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Section::Admin => "May do everything",
            Section::PrivacyRequests => "May touch privacy requests",
            Section::Dormant => "May sign in, and did not for long",
            Section::FormerApprover => "Named as approvers of workflows, and may not approve any more",
            Section::ApiCredential => "API credentials",
        }
    }
}

/// One thing to look at.
#[derive(Debug, Clone)]
pub struct Finding<'d> {
    /// What it is about.
    pub section: Section,
    /// Whom, if it is somebody in the directory.
    pub person: Option<&'d Person>,
    /// The name that stands in a workflow, or the credential, if it is nobody there.
    pub subject: Option<String>,
    /// Why it is here.
    pub why: String,
}

/// Everything to look at, by section; `approvers` are those of workflows, by the name of each.
pub fn review<'d>(
    directory: &'d Directory,
    approvers: &[(String, Approvers)],
    dormant: SignedDuration,
    now: Timestamp,
) -> Vec<Finding<'d>> {
    let mut findings = Vec::new();
    let mut add = |section, person: &'d Person, why: String| {
        findings.push(Finding { section, person: Some(person), subject: None, why });
    };
    let there = || directory.people.iter().filter(|person| person.gone.is_none());
    for person in there() {
        let roles = || person.roles.iter().map(|role| role.role.as_str()).collect::<Vec<_>>().join(", ");
        if person.is_active(now) && person.is_admin {
            add(Section::Admin, person, roles());
        } else if person.is_active(now) && person.touches_requests {
            add(Section::PrivacyRequests, person, roles());
        }
        if person.is_active(now) && person.is_unseen_for(dormant, now) {
            let why = match person.seen() {
                Seen::At(at) => format!("last seen {} days ago", now.duration_since(at).as_hours() / 24),
                Seen::Never | Seen::Unknown => "never signed in".to_owned(),
            };
            add(Section::Dormant, person, why);
        }
        if person.user.is_of_the_api() {
            add(Section::ApiCredential, person, format!("a user of the API, {}", person.state(now)));
        }
    }
    // That nothing is known of somebody is something to look at.
    let mut unknown = |section, is_unknown: &dyn Fn(&Person) -> bool, why: &str| {
        let many = there().filter(|person| person.is_active(now) && is_unknown(person)).count();
        if many > 0 {
            let subject = Some(format!("{many} active users"));
            findings.push(Finding { section, person: None, subject, why: why.to_owned() });
        }
    };
    let roles = "not known: OneTrust does not tell this credential their roles; the scope USER would";
    unknown(Section::Admin, &|person| person.is_known_admin().is_none(), roles);
    unknown(Section::PrivacyRequests, &|person| person.is_known_to_touch_requests().is_none(), roles);
    let sign_ins =
        "not known: OneTrust does not tell this credential when they signed in; the scope USER would";
    unknown(Section::Dormant, &|person| person.seen() == Seen::Unknown, sign_ins);
    for own in &directory.own {
        let scopes = match (&own.scopes, own.is_client) {
            (Some(scopes), _) => format!("scopes: {}", scopes.join(", ")),
            (None, true) => "OneTrust does not say its scopes".to_owned(),
            (None, false) => "a key: OneTrust does not say its scopes".to_owned(),
        };
        let subject = Some(format!("profile {}", own.profile));
        let why = match &own.role {
            Some(role) => format!("{role}, {scopes}"),
            None => scopes,
        };
        findings.push(Finding { section: Section::ApiCredential, person: None, subject, why });
    }
    for (workflow, approvers) in approvers {
        former(directory, workflow, approvers, now, &mut findings);
    }
    findings.sort_by_key(|finding| finding.section);
    findings
}

/// Who is named in a workflow and may not approve any more.
fn former<'d>(
    directory: &'d Directory,
    workflow: &str,
    approvers: &Approvers,
    now: Timestamp,
    findings: &mut Vec<Finding<'d>>,
) {
    let section = Section::FormerApprover;
    for meant in approvers.meant(directory, now) {
        // Who left a group or a role with many others in it takes nothing away; who is named does.
        for person in &meant.unable {
            let why = format!("{}, and named in {workflow} as {}", person.state(now), kind(&meant.named));
            findings.push(Finding { section, person: Some(*person), subject: None, why });
        }
        // A bare name may be that by which the system knows somebody.
        let is_of_onetrust = Approvers::is_of_onetrust(&meant.written);
        if meant.able.is_empty() && meant.unable.is_empty() && is_of_onetrust {
            let why = format!("named in {workflow}, and nobody in OneTrust is meant by it");
            findings.push(Finding { section, person: None, subject: Some(meant.written), why });
        }
    }
}

fn kind(named: &Named) -> String {
    match named {
        Named::User(_) => "a user".to_owned(),
        Named::Group(name) => format!("one of the group {name}"),
        Named::Role(name) | Named::Either(name) => format!("one with the role {name}"),
    }
}
