//! Which operations the look-alike has, who may call each, and how an address leads to one.
//!
//! Paths and scopes are those of OneTrust's OpenAPI documents. What each takes in its query stands in
//! `parameters`; what it does stands in a file of its own.

/// The scopes that read requests and subtasks.
const DSAR_READS: &[&str] = &["DSAR", "DSAR_READ", "DSAR_WRITE"];
/// The scopes that change them.
const DSAR_WRITES: &[&str] = &["DSAR", "DSAR_WRITE"];
/// The scopes that read consents.
const CONSENT_READS: &[&str] = &["CONSENT", "CONSENT_READ"];

/// The scopes that read users by SCIM.
const SCIM_USERS: &[&str] = &["SCIM", "INTEGRATION", "USER"];
/// The scopes that read groups by SCIM.
const SCIM_GROUPS: &[&str] = &["SCIM", "INTEGRATION"];

macro_rules! routes {
    ($($(#[doc = $doc:literal])* $name:ident: $method:literal $path:literal, $scopes:expr;)*) => {
        /// One operation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Route { $($(#[doc = $doc])* $name,)* }

        impl Route {
            /// Every operation, in the order in which its calls are counted.
            pub const ALL: &[Route] = &[$(Route::$name,)*];

            /// Its method.
            pub fn method(self) -> &'static str {
                match self { $(Route::$name => $method,)* }
            }

            /// Its path, with `{name}` for what varies.
            pub fn path(self) -> &'static str {
                match self { $(Route::$name => $path,)* }
            }

            /// The scopes of which one is enough; none for the token itself.
            pub fn scopes(self) -> &'static [&'static str] {
                match self { $(Route::$name => $scopes,)* }
            }
        }
    };
}

routes! {
    Token: "POST" "/api/access/v1/oauth/token", &[];
    /// Plain `DSAR` is not among its scopes.
    SubtaskSearch: "POST" "/api/datasubject/v3/subtasks", &["DSAR_READ", "DSAR_WRITE"];
    RequestSubtasks: "GET" "/api/datasubject/v2/requestqueues/{requestQueueRefId}/subtasks", DSAR_READS;
    RequestGet: "GET" "/api/datasubject/v2/requestqueues/{requestQueueRefId}/language/{language}", DSAR_READS;
    RequestList: "GET" "/api/datasubject/v2/requestqueues/{language}", DSAR_READS;
    RequestMove: "PUT" "/api/datasubject/v2/requestqueues/{requestQueueRefId}/movestages/{language}", DSAR_WRITES;
    RequestFields: "PUT" "/api/datasubject/v2/requestqueues/{requestQueueRefId}/customfields/{language}", DSAR_WRITES;
    RequestComment: "PUT" "/api/datasubject/v2/requestqueues/{requestQueueRefId}/comments", DSAR_WRITES;
    RequestPause: "PUT" "/api/datasubject/v2/requestqueues/{requestQueueRefId}/pausedeadline", DSAR_WRITES;
    SubtaskGet: "GET" "/api/datasubject/v2/subtasks/{subtaskID}", DSAR_READS;
    SubtaskComplete: "PUT" "/api/datasubject/v2/subtasks/{subtaskID}/complete", DSAR_WRITES;
    SubtaskStatus: "PUT" "/api/datasubject/v2/subtasks/{subtaskId}/status", DSAR_WRITES;
    Resolutions: "GET" "/api/datasubject/v2/resolutions", DSAR_READS;
    ResultGroups: "GET" "/api/datasubject/v2/datadiscovery/requestqueues/{requestQueueRefId}", DSAR_READS;
    ResultsV2: "POST" "/api/datasubject/v2/datadiscovery/requestqueues/{requestQueueRefId}", DSAR_WRITES;
    ResultsV3: "POST" "/api/datasubject/v3/datadiscovery/requestqueues/{requestQueueRefId}", DSAR_WRITES;
    Upload: "POST" "/api/document/v2/attachments", &["ATTACHMENT"];
    ProfilesV1: "GET" "/api/consentmanager/v1/datasubjects/profiles", CONSENT_READS;
    ProfilesV4: "GET" "/rest/api/consent/v4/datasubjects/profiles", CONSENT_READS;
    ProfilesV4Unordered: "GET" "/rest/api/consent/v4/datasubjects/profiles/unordered", CONSENT_READS;
    SubjectV4: "GET" "/rest/api/consent/v4/datasubjects/basic-details", CONSENT_READS;
    SubjectProfilesV4: "GET" "/rest/api/consent/v4/datasubjects/ds-profiles", CONSENT_READS;
    Transactions: "POST" "/api/consent/v2/transactions", CONSENT_READS;
    Users: "GET" "/api/access/v2/users", &["USER"];
    User: "GET" "/api/access/v2/users/{userId}", &["USER"];
    UserGroups: "GET" "/api/access/v2/user-groups", &["USER"];
    UserGroupMembers: "GET" "/api/access/v2/user-groups/{groupId}/members", &["USER"];
    UserGroupRoles: "GET" "/api/access/v2/user-groups/{groupId}/access-levels", &["USER"];
    SignIns: "GET" "/api/access/v1/login-history", &["USER"];
    Activities: "GET" "/api/audit/v1/users/{userId}/activities", &["USER"];
    Organizations: "GET" "/api/access/v1/external/organizations", &["ORGANIZATION"];
    ScimUsersV2: "GET" "/api/scim/v2/Users", SCIM_USERS;
    ScimUserV2: "GET" "/api/scim/v2/Users/{id}", SCIM_USERS;
    ScimGroupsV2: "GET" "/api/scim/v2/Groups", SCIM_GROUPS;
    ScimGroupV2: "GET" "/api/scim/v2/Groups/{groupId}", SCIM_GROUPS;
    ScimUsersV3: "GET" "/api/scim/v3/Users", SCIM_USERS;
    ScimUserV3: "GET" "/api/scim/v3/Users/{id}", SCIM_USERS;
    ScimGroupsV3: "GET" "/api/scim/v3/Groups", SCIM_GROUPS;
    ScimGroupV3: "GET" "/api/scim/v3/Groups/{groupId}", SCIM_GROUPS;
    ExportOrder: "POST" "/api/ot-insights/v1/bulk-export-jobs", &["BULK_EXPORT"];
    ExportList: "GET" "/api/ot-insights/v1/bulk-export-jobs", &["BULK_EXPORT"];
    ExportCredits: "GET" "/api/ot-insights/v1/bulk-export-jobs/credits", &["BULK_EXPORT"];
    ExportGet: "GET" "/api/ot-insights/v1/bulk-export-jobs/{id}", &["BULK_EXPORT"];
    ExportFiles: "GET" "/api/ot-insights/v1/bulk-export-jobs/{id}/download/pages", &["BULK_EXPORT"];
    /// Where the files of exports are; each has a token of its own.
    ExportFile: "GET" "/api/document-gateway/{id}", &[];
}

/// Where an address leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// To an operation, with what stands for each `{name}` of its path, in order.
    Route(Route, Vec<&'a str>),
    /// To a path that has other methods only.
    OtherMethod,
    /// To nothing.
    Nothing,
}

impl Route {
    /// What a method and a path mean. Values are given as they stand, percent-encoding included.
    pub fn find<'a>(method: &str, path: &'a str) -> Found<'a> {
        let mut found = Found::Nothing;
        for route in Route::ALL {
            match values(route.path(), path) {
                Some(values) if route.method() == method => return Found::Route(*route, values),
                Some(_) => found = Found::OtherMethod,
                None => {}
            }
        }
        found
    }

    /// Whether OneTrust types the body of 401, 403 and 404 as a JSON string here.
    pub fn refuses_with_a_string(self) -> bool {
        self.path().starts_with("/rest/api/consent/") || self.path().starts_with("/api/consent/")
    }
}

fn values<'a>(template: &str, path: &'a str) -> Option<Vec<&'a str>> {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    let mut values = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(values),
            (Some(name), Some(value)) if name.starts_with('{') && !value.is_empty() => values.push(value),
            (Some(name), Some(value)) if name == value => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_to_its_operation_with_its_values() {
        let base = "/api/datasubject/v2";
        let found = |method, path: &str| format!("{:?}", Route::find(method, &format!("{base}{path}")));

        assert_eq!(found("GET", "/requestqueues/en-us"), "Route(RequestList, [\"en-us\"])");
        assert_eq!(found("GET", "/requestqueues/R/language/en-us"), "Route(RequestGet, [\"R\", \"en-us\"])");
        assert_eq!(found("PUT", "/subtasks/S/complete"), "Route(SubtaskComplete, [\"S\"])");
        assert_eq!(found("POST", "/subtasks/S/complete"), "OtherMethod");
        assert_eq!(found("GET", "/subtasks//x"), "Nothing");
    }
}
