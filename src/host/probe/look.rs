//! Looks at one profile.

use std::sync::Arc;

use super::needs::Needs;
use super::report::{Report, Verdict};
use super::{braze, folder, onetrust};
use crate::clock::{Clock, SystemClock};
use crate::config::{Profile, System};
use crate::host::{Clients, HostError};
use crate::onetrust::Api;
use crate::wire::Client;

/// Looks at a profile through the clients of this process.
pub async fn look(clients: &Clients, profile: &Profile, needs: &Needs) -> Result<Report, HostError> {
    if let Err(error) = profile.check().await {
        let report = Report::of(&profile.name, profile.system.word(), &profile.place());
        return Ok(report.found(Verdict::NoCredential, error.to_string()));
    }
    if let Some(path) = profile.folder() {
        return Ok(folder::look(Report::of(&profile.name, System::Folder.word(), &profile.place()), path));
    }
    let api = match profile.system {
        System::OneTrust => Some(clients.api(profile, Arc::new(SystemClock))?),
        System::Braze | System::Folder => None,
    };
    Ok(look_with(&profile.name, &clients.client(profile)?, api.as_ref(), needs).await)
}

/// Looks at what a client reaches: OneTrust if there is an `api`, else Braze.
pub async fn look_with(name: &str, client: &Client, api: Option<&Api>, needs: &Needs) -> Report {
    let now_ms = SystemClock.now_ms();
    match api {
        Some(api) => {
            let report = Report::of(name, System::OneTrust.word(), &client.host());
            onetrust::look(report, api, &needs.onetrust, now_ms).await
        }
        None => {
            let report = Report::of(name, System::Braze.word(), &client.host());
            braze::look(report, client, &needs.braze, now_ms).await
        }
    }
}
