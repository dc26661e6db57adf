//! What one user did, asked now: all that OneTrust remembers, with where they signed in from. Nothing of it is kept.

use super::ask::{self, ACTIVITIES, SIGN_INS};
use super::error::DirectoryError;
use super::users::paged;
use crate::clock::SharedClock;
use crate::feeds::{FeedError, ask_patiently};
use crate::onetrust::staff::{Activity, SignIn};
use crate::onetrust::{Api, ApiError, Request};
use crate::workflow::Policy;

/// Pages that are read at most: a million sign-ins.
const MOST_PAGES: u64 = 500;

/// What one user did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// Sign-ins of the last 365 days, the newest first; `None`: the credential may not know.
    pub sign_ins: Option<Vec<SignIn>>,
    /// Changes of the profile, the newest first; `None`: the credential may not know.
    pub activities: Option<Vec<Activity>>,
}

/// Asks for both.
pub async fn live(
    api: &Api,
    clock: &SharedClock,
    policy: Policy,
    user: &str,
) -> Result<Life, DirectoryError> {
    let sign_ins = |page| ask::sign_ins_of(user, page);
    let mut sign_ins = all(api, clock, policy, SIGN_INS, sign_ins, SignIn::read).await?;
    let activities = |page| ask::activities(user, page, ask::MOST);
    let mut activities = all(api, clock, policy, ACTIVITIES, activities, Activity::read).await?;
    if let Some(sign_ins) = &mut sign_ins {
        sign_ins.sort_by_key(|sign_in| std::cmp::Reverse(sign_in.moment()));
    }
    if let Some(activities) = &mut activities {
        activities.sort_by_key(|activity| std::cmp::Reverse(crate::onetrust::moment(&activity.at)));
    }
    Ok(Life { sign_ins, activities })
}

async fn all<T>(
    api: &Api,
    clock: &SharedClock,
    policy: Policy,
    endpoint: &'static str,
    request: impl Fn(u64) -> Request,
    read: impl Fn(&serde_json::Value) -> Option<T>,
) -> Result<Option<Vec<T>>, DirectoryError> {
    let mut found = Vec::new();
    for page in 0..MOST_PAGES {
        let answer = match ask_patiently(api, &**clock, policy, &request(page)).await {
            Ok(answer) => answer,
            Err(FeedError::Api(ApiError::Forbidden { .. })) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let listed = paged(answer, page, endpoint)?;
        found.extend(listed.items.iter().filter_map(&read));
        if listed.next.is_none() {
            break;
        }
    }
    Ok(Some(found))
}
