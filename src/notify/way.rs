//! The ways of the settings, ready to be used.

use super::error::NotifyError;
use super::http::{Form, Post};
use super::message::Message;
use super::smtp::Mail;
use crate::config::{Token, Way as Written};

/// How a channel is reached.
#[derive(Debug)]
pub(super) enum Way {
    Mail(Mail),
    Post(Box<Post>),
}

impl Way {
    pub fn of(written: &Written) -> Result<Way, NotifyError> {
        Ok(match written {
            Written::Smtp(smtp) => Way::Mail(Mail::new((**smtp).clone())),
            Written::Webhook(webhook) => Way::Post(Box::new(Post::new(webhook.clone(), Form::Facts)?)),
            Written::Slack(webhook) => Way::Post(Box::new(Post::new(webhook.clone(), Form::Text)?)),
        })
    }

    pub async fn check(&self) -> Result<(), NotifyError> {
        match self {
            Way::Mail(mail) => mail.check().await,
            Way::Post(post) => post.check().await,
        }
    }

    pub async fn send(&self, message: &Message) -> Result<(), NotifyError> {
        let sent = match self {
            Way::Mail(mail) => mail.send(message).await,
            Way::Post(post) => post.send(message).await,
        };
        if let Err(NotifyError::Refused { is_credential: true, .. }) = &sent {
            match self {
                Way::Mail(mail) => mail.renew().await,
                Way::Post(post) => post.renew().await,
            }
        }
        sent
    }
}

/// Reads a secret again; what is wrong with it shows when it is used next.
pub(super) async fn renew(token: &Token) {
    if let Ok((generation, _)) = token.read().await
        && let Err(error) = token.renew(generation).await
    {
        tracing::warn!(%error, "a secret of a channel could not be read again");
    }
}
