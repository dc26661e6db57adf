//! What each operation takes in its query, and nothing else: a parameter that is misspelt or of
//! another type is 400 here, although the real service may pass over it.
//!
//! Names, types and bounds are those of OneTrust's OpenAPI documents. One rule is not in them: a
//! `sort` that an operation does not know may be answered with 500.

use super::moment;
use super::reply::Refusal;
use super::route::Route;

/// What a value must be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Bool,
    Uuid,
    /// A whole number from 0.
    Page,
    /// A whole number from 1 to this.
    Size(u32),
    /// `yyyyMMdd`.
    Day,
    /// `yyyy-MM-dd` or `yyyy-MM-ddTHH:mm:ss`.
    Zoneless,
    /// The same, or RFC 3339.
    Either,
    /// RFC 3339 with `Z`.
    Zoned,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `property,asc` or `property,desc` for one of these properties.
    Sort(&'static [&'static str]),
}

/// A name and what its value must be.
pub(super) type Parameter = (&'static str, Kind);

/// Statuses that the feeds of version 4 can be asked for.
const STATUSES: &[&str] = &[
    "EXPIRED",
    "WITHDRAWN",
    "NO_CONSENT",
    "PENDING",
    "ACTIVE",
    "OPT_OUT",
    "ALWAYS_ACTIVE",
    "HARD_OPT_OUT",
    "EXTEND",
    "CHANGE_PREFERENCES",
    "NOT_OPT_OUT",
    "OPT_IN",
    "IMPLICIT",
];

/// Pages of requests, subtasks and resolutions.
const PAGED: [Parameter; 2] = [("page", Kind::Page), ("size", Kind::Size(500))];

/// Pages of consents.
const CONSENT_PAGED: [Parameter; 2] = [("page", Kind::Page), ("size", Kind::Size(50))];

/// The parameters of an operation.
pub(super) fn of(route: Route) -> Vec<Parameter> {
    use Kind::{Bool, Day, Either, Size, Sort, Text, Uuid, Word, Zoned, Zoneless};
    let (pages, own): (&[Parameter], Vec<Parameter>) = match route {
        Route::SubtaskSearch => (
            &PAGED,
            vec![
                ("includeClosedSubtasks", Bool),
                ("onlyActivatedSubtasks", Bool),
                (
                    "sort",
                    Sort(&[
                        "requestTypeName",
                        "subjectTypeName",
                        "taskName",
                        "subtaskDateCreated",
                        "subtaskDateUpdated",
                        "requestDeadline",
                        "requestDateCreated",
                    ]),
                ),
            ],
        ),
        Route::RequestList => (
            &PAGED,
            vec![
                ("modifieddate", Day),
                ("createddate", Day),
                ("status", Text),
                ("ignoreUserRequests", Bool),
                ("sort", Sort(&["createdDate", "modifiedDate", "deadline"])),
            ],
        ),
        Route::RequestSubtasks => (&PAGED, vec![]),
        Route::Resolutions => (
            &PAGED,
            vec![
                ("language", Text),
                ("includeSubTaskResolutions", Bool),
                ("sort", Sort(&["createdDate", "lastModifiedDate"])),
            ],
        ),
        Route::SubtaskGet => (&[], vec![("includeComments", Bool)]),
        Route::RequestFields => (&[], vec![("mapOptionKeyToNameKey", Bool)]),
        Route::ProfilesV1 => (
            &CONSENT_PAGED,
            vec![
                ("since", Zoneless),
                ("updatedSince", Zoneless),
                ("toDate", Zoneless),
                ("identifier", Text),
                ("purposeGuid", Uuid),
                ("collectionPointGuid", Uuid),
                ("collectionPointName", Text),
                ("properties", Text),
                ("includeEffectiveStatus", Bool),
                ("linkedIdentityGroupId", Uuid),
                ("includeConsentAttachments", Bool),
                ("isDNCInclude", Bool),
                ("includeDSWithNoOrg", Bool),
                ("includeGeolocation", Bool),
                (
                    "sort",
                    Sort(&[
                        "id",
                        "identifier",
                        "identifierType",
                        "createdDate",
                        "lastModifiedDate",
                        "lastTransactionDate",
                    ]),
                ),
            ],
        ),
        Route::ProfilesV4 | Route::ProfilesV4Unordered => {
            let mut own = vec![
                ("updatedSince", Either),
                ("updatedUntil", Either),
                ("collectionPointId", Uuid),
                ("purposeId", Uuid),
                ("status", Word(STATUSES)),
            ];
            if route == Route::ProfilesV4 {
                own.push(("sort", Sort(&["lastUpdatedDate"])));
            }
            (&CONSENT_PAGED, own)
        }
        Route::SubjectV4 => (&[], vec![("isDNCInclude", Bool)]),
        Route::SubjectProfilesV4 => (&CONSENT_PAGED, vec![("sort", Sort(&["lastUpdatedDate"]))]),
        Route::Transactions => (
            &CONSENT_PAGED,
            vec![
                ("fromDate", Zoneless),
                ("toDate", Zoneless),
                ("collectionPointGuid", Uuid),
                ("sort", Sort(&["consentCreationDate"])),
            ],
        ),
        Route::Users => (
            &[],
            vec![
                ("page", Kind::Page),
                ("size", Size(2000)),
                ("sort", Sort(&["name", "email", "organizationname"])),
            ],
        ),
        Route::UserGroups => (
            &[],
            vec![
                ("page", Kind::Page),
                ("size", Size(2000)),
                ("sort", Sort(&["name", "description", "createdDate", "lastModifiedDate"])),
                ("filters", Text),
            ],
        ),
        Route::UserGroupMembers => {
            (&[], vec![("page", Kind::Page), ("size", Size(2000)), ("sort", Sort(&["name"]))])
        }
        Route::SignIns => (
            &[],
            vec![
                ("userId", Uuid),
                ("startDate", Zoned),
                ("endDate", Zoned),
                ("page", Kind::Page),
                ("size", Size(2000)),
            ],
        ),
        Route::Activities => {
            (&[], vec![("includeChildObjects", Bool), ("page", Kind::Page), ("size", Size(2000))])
        }
        Route::ScimUsersV2 => (&[], vec![("startIndex", Size(u32::MAX)), ("count", Size(u32::MAX))]),
        Route::ScimUsersV3 => {
            (&[], vec![("startIndex", Size(u32::MAX)), ("count", Size(25)), ("filter", Text)])
        }
        Route::ScimGroupsV2 => (&[], vec![("startIndex", Size(u32::MAX)), ("count", Size(25))]),
        Route::ScimGroupsV3 => (
            &[],
            vec![
                ("startIndex", Size(u32::MAX)),
                ("count", Size(25)),
                ("excludedAttributes", Text),
                ("filter", Text),
            ],
        ),
        Route::ScimGroupV2 => (&[], vec![("excludedAttributes", Word(&["members"]))]),
        Route::ScimGroupV3 => (&[], vec![("excludedAttributes", Text)]),
        Route::ExportList => (
            &[],
            vec![
                ("page", Kind::Page),
                ("size", Size(2000)),
                ("sort", Sort(&["name", "status", "createdDate", "completedDate", "expiryDate"])),
            ],
        ),
        Route::ExportFiles => (&[], vec![("continuationToken", Text), ("size", Size(500))]),
        Route::Token
        | Route::ExportOrder
        | Route::ExportCredits
        | Route::ExportGet
        | Route::ExportFile
        | Route::RequestGet
        | Route::RequestMove
        | Route::RequestComment
        | Route::RequestPause
        | Route::SubtaskComplete
        | Route::SubtaskStatus
        | Route::ResultGroups
        | Route::ResultsV2
        | Route::ResultsV3
        | Route::Upload
        | Route::User
        | Route::UserGroupRoles
        | Route::ScimUserV2
        | Route::ScimUserV3
        | Route::Organizations => (&[], vec![]),
    };
    pages.iter().copied().chain(own).collect()
}

impl Kind {
    /// Whether a value is one; the refusal says what it must be.
    pub fn check(self, name: &str, value: &str) -> Result<(), Refusal> {
        let wrong = |wanted: &str| Err(Refusal::bad(format!("the query parameter {name} must be {wanted}")));
        match self {
            Kind::Text => Ok(()),
            Kind::Bool if matches!(value, "true" | "false") => Ok(()),
            Kind::Bool => wrong("true or false"),
            Kind::Uuid if is_uuid(value) => Ok(()),
            Kind::Uuid => wrong("a UUID"),
            Kind::Page if value.parse::<u32>().is_ok() => Ok(()),
            Kind::Page => wrong("a whole number from 0"),
            Kind::Size(most) if value.parse().is_ok_and(|size| (1..=most).contains(&size)) => Ok(()),
            Kind::Size(most) => wrong(&format!("a whole number from 1 to {most}")),
            Kind::Zoned if moment::zoned(value).is_some() => Ok(()),
            Kind::Zoned => wrong("YYYY-MM-DDTHH:MM:SSZ"),
            Kind::Day if moment::day(value).is_some() => Ok(()),
            Kind::Day => wrong("a day as yyyyMMdd"),
            Kind::Zoneless if moment::zoneless(value).is_some() => Ok(()),
            Kind::Zoneless => wrong("yyyy-MM-dd or yyyy-MM-ddTHH:mm:ss"),
            Kind::Either if moment::either(value).is_some() => Ok(()),
            Kind::Either => wrong("a date and time"),
            Kind::Word(words) if words.contains(&value) => Ok(()),
            Kind::Word(_) => wrong("one of the documented words"),
            Kind::Sort(properties) => {
                let (property, order) = value.split_once(',').unwrap_or((value, "asc"));
                if properties.contains(&property) && matches!(order, "asc" | "desc") {
                    return Ok(());
                }
                Err(Refusal::new(500, "Internal Server Error"))
            }
        }
    }
}

/// Whether a text is a UUID as OneTrust writes it.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}
