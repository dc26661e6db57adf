//! Which file answers which operation.

use super::asked::Asked;
use super::reply::{Answer, Refusal};
use super::route::Route;
use super::shared::Shared;
use super::{
    attachments, consent_v1, consent_v4, directory, exports, history, request_read, request_write, results,
    scim, subtask_search, subtask_write, subtasks, transactions,
};

/// Carries one checked request out; `by` is the moment and the caller.
pub(super) fn answer(shared: &Shared, asked: &Asked<'_>, by: (i64, &str)) -> Answer {
    match asked.route {
        Route::Token => Err(Refusal::new(500, "Internal Server Error")),
        Route::SubtaskSearch => subtask_search::answer(shared, asked),
        Route::RequestSubtasks => subtasks::of_request(shared, asked),
        Route::SubtaskGet => subtasks::one(shared, asked),
        Route::SubtaskComplete => subtask_write::complete(shared, asked, by),
        Route::SubtaskStatus => subtask_write::status(shared, asked, by),
        Route::RequestList => request_read::list(shared, asked, by.0),
        Route::RequestGet => request_read::one(shared, asked, by.0),
        Route::RequestMove => request_write::move_stage(shared, asked, by),
        Route::RequestFields => request_write::fields(shared, asked, by),
        Route::RequestComment => request_write::comment(shared, asked, by),
        Route::RequestPause => request_write::pause(shared, asked, by),
        Route::Resolutions => results::resolutions(shared, asked),
        Route::ResultGroups => results::groups(shared, asked),
        Route::ResultsV2 | Route::ResultsV3 => results::add(shared, asked, by),
        Route::Upload => attachments::upload(shared, asked, by),
        Route::ProfilesV1 => consent_v1::answer(shared, asked),
        Route::ProfilesV4 | Route::ProfilesV4Unordered => consent_v4::feed(shared, asked),
        Route::SubjectV4 => consent_v4::subject(shared, asked),
        Route::SubjectProfilesV4 => consent_v4::profiles_of(shared, asked),
        Route::Transactions => transactions::answer(shared, asked),
        Route::Users => directory::users(shared, asked),
        Route::User => directory::user(shared, asked),
        Route::UserGroups => directory::groups(shared, asked),
        Route::UserGroupMembers => directory::members(shared, asked),
        Route::UserGroupRoles => directory::group_roles(shared, asked),
        Route::SignIns => history::sign_ins(shared, asked, by.0),
        Route::Activities => history::activities(shared, asked),
        Route::ScimUsersV2 | Route::ScimUsersV3 => scim::users(shared, asked),
        Route::ScimUserV2 | Route::ScimUserV3 => scim::user(shared, asked),
        Route::ScimGroupsV2 | Route::ScimGroupsV3 => scim::groups(shared, asked),
        Route::ScimGroupV2 | Route::ScimGroupV3 => scim::group(shared, asked),
        Route::Organizations => directory::organizations(shared),
        Route::ExportOrder => exports::order(shared, asked, by.0),
        Route::ExportList => exports::list(shared, asked),
        Route::ExportCredits => exports::credits(shared, by.0),
        Route::ExportGet => exports::one(shared, asked),
        Route::ExportFiles => exports::files(shared, asked),
        Route::ExportFile => exports::file(shared, asked),
    }
}
