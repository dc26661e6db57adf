//! Which endpoints the look-alike has, and the pool of limits each uses.

use super::Pool;

/// One endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Track,
    Delete,
    AliasNew,
    Identify,
    Rename,
    ExportIds,
    EmailStatus,
    SubscriptionSet,
    SubscriptionSetV2,
    SubscriptionGet,
    SubscriptionUser,
}

impl Route {
    /// Every endpoint, in the order in which its requests are counted.
    pub const ALL: [Route; 11] = [
        Route::Track,
        Route::Delete,
        Route::AliasNew,
        Route::Identify,
        Route::Rename,
        Route::ExportIds,
        Route::EmailStatus,
        Route::SubscriptionSet,
        Route::SubscriptionSetV2,
        Route::SubscriptionGet,
        Route::SubscriptionUser,
    ];

    /// The endpoint of a method and a path.
    pub fn of(method: &str, path: &str) -> Option<Route> {
        Route::ALL.into_iter().find(|route| route.path() == path && route.method() == method)
    }

    /// Its path.
    pub fn path(self) -> &'static str {
        match self {
            Route::Track => "/users/track",
            Route::Delete => "/users/delete",
            Route::AliasNew => "/users/alias/new",
            Route::Identify => "/users/identify",
            Route::Rename => "/users/external_ids/rename",
            Route::ExportIds => "/users/export/ids",
            Route::EmailStatus => "/email/status",
            Route::SubscriptionSet => "/subscription/status/set",
            Route::SubscriptionSetV2 => "/v2/subscription/status/set",
            Route::SubscriptionGet => "/subscription/status/get",
            Route::SubscriptionUser => "/subscription/user/status",
        }
    }

    /// Its method.
    pub fn method(self) -> &'static str {
        match self {
            Route::SubscriptionGet | Route::SubscriptionUser => "GET",
            Route::Track
            | Route::Delete
            | Route::AliasNew
            | Route::Identify
            | Route::Rename
            | Route::ExportIds
            | Route::EmailStatus
            | Route::SubscriptionSet
            | Route::SubscriptionSetV2 => "POST",
        }
    }

    /// The pool of its limit. An export that asks for neither campaigns nor canvases has its own.
    pub fn pool(self, body: &[u8]) -> Pool {
        match self {
            Route::Track => Pool::Track,
            Route::Delete | Route::AliasNew | Route::Identify => Pool::Identity,
            Route::Rename => Pool::Rename,
            Route::ExportIds if super::export::is_light(body) => Pool::ExportFields,
            Route::ExportIds => Pool::Export,
            Route::SubscriptionSet | Route::SubscriptionSetV2 => Pool::Subscription,
            Route::EmailStatus | Route::SubscriptionGet | Route::SubscriptionUser => Pool::Hourly,
        }
    }
}
