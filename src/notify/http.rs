//! A message as a POST: our own JSON, or the one line of text that Slack and others take.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use serde_json::json;

use super::error::NotifyError;
use super::message::Message;
use crate::config::{Address, Webhook};

/// How long the whole exchange may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// How the body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// All facts, and the text.
    Facts,
    /// `{"text": …}` (Slack's documents, "Sending messages using incoming webhooks").
    Text,
}

/// A way to post.
#[derive(Debug)]
pub(super) struct Post {
    client: reqwest::Client,
    webhook: Webhook,
    form: Form,
}

impl Post {
    pub fn new(webhook: Webhook, form: Form) -> Result<Post, NotifyError> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("privaflow/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .timeout(PATIENCE)
            .pool_max_idle_per_host(0)
            .no_proxy();
        // Plain HTTP on this machine trusts nobody, and must work where the system has no certificates.
        let client = match &webhook.url {
            Address::Plain(url) if url.scheme() == "http" => client.tls_certs_only([]),
            Address::Plain(_) | Address::Secret(_) => client,
        };
        let client = client.build().map_err(|_| NotifyError::Tls)?;
        Ok(Post { client, webhook, form })
    }

    /// Reads what is secret now, so that it is told before anything has to be sent.
    pub async fn check(&self) -> Result<(), NotifyError> {
        if let Address::Secret(token) = &self.webhook.url {
            Address::parse(token.read().await?.1.expose())?;
        }
        if let Some((_, _, token)) = &self.webhook.header {
            token.check().await?;
        }
        Ok(())
    }

    pub async fn send(&self, message: &Message) -> Result<(), NotifyError> {
        let secret;
        let url = match &self.webhook.url {
            Address::Plain(url) => url.clone(),
            Address::Secret(token) => {
                secret = token.read().await?.1;
                Address::parse(secret.expose())?
            }
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some((name, prefix, token)) = &self.webhook.header {
            let (_, secret) = token.read().await?;
            let value = zeroize::Zeroizing::new(format!("{prefix}{}", secret.expose()));
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| NotifyError::Message)?;
            let mut value = HeaderValue::from_str(&value).map_err(|_| NotifyError::Message)?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let text = format!("{}\n{}", message.subject, message.text);
        let body = match self.form {
            Form::Text => json!({ "text": text }),
            Form::Facts => {
                let mut body = message.json.clone();
                body["text"] = text.into();
                body
            }
        };
        let sent = self.client.post(url).headers(headers).body(body.to_string()).send().await;
        let response = sent.map_err(|error| match error.is_timeout() {
            true => NotifyError::TooSlow,
            false => NotifyError::Unreachable,
        })?;
        if response.status().is_success() {
            return Ok(());
        }
        let after = response.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
        let status = response.status().as_u16();
        let is_credential = matches!(status, 401 | 403 | 404);
        Err(NotifyError::Refused { status, is_credential, after: after.map(Duration::from_secs) })
    }

    /// Reads again what is secret, after it was refused.
    pub async fn renew(&self) {
        let header = self.webhook.header.as_ref().map(|(_, _, token)| token);
        let url = match &self.webhook.url {
            Address::Secret(token) => Some(token),
            Address::Plain(_) => None,
        };
        for token in header.into_iter().chain(url) {
            super::way::renew(token).await;
        }
    }
}
