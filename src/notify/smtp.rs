//! A message as mail, handed to the server of the settings.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls as Privacy, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::error::NotifyError;
use super::message::Message;
use crate::config::{Smtp, Tls};

/// How long each answer of the server may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the whole conversation may take.
const WHOLE: Duration = Duration::from_secs(60);

/// A way to send mail.
#[derive(Debug)]
pub(super) struct Mail {
    smtp: Smtp,
}

impl Mail {
    pub fn new(smtp: Smtp) -> Mail {
        Mail { smtp }
    }

    /// Reads the password now, so that a missing one is told before anything has to be sent.
    pub async fn check(&self) -> Result<(), NotifyError> {
        match &self.smtp.login {
            Some((_, password)) => Ok(password.check().await?),
            None => Ok(()),
        }
    }

    pub async fn send(&self, message: &Message) -> Result<(), NotifyError> {
        let mut mail = lettre::Message::builder()
            .from(self.smtp.from.clone())
            .subject(message.subject.clone())
            // Mail without one counts as spam in many places.
            .message_id(None)
            .header(ContentType::TEXT_PLAIN);
        for to in &self.smtp.to {
            mail = mail.to(to.clone());
        }
        let mail = mail.body(message.text.clone()).map_err(|_| NotifyError::Message)?;
        let transport = self.transport().await?;
        let sent = tokio::time::timeout(WHOLE, transport.send(mail)).await;
        match sent.map_err(|_| NotifyError::TooSlow)? {
            Ok(_) => Ok(()),
            Err(error) => Err(told(&error)),
        }
    }

    /// A connection of its own for each message: there are few.
    async fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, NotifyError> {
        let name = self.smtp.host.name();
        let tls = match self.smtp.tls {
            Tls::Never => Privacy::None,
            Tls::StartTls | Tls::Always => {
                let parameters = TlsParameters::new_rustls(name.clone()).map_err(|_| NotifyError::Tls)?;
                match self.smtp.tls {
                    Tls::Always => Privacy::Wrapper(parameters),
                    Tls::StartTls | Tls::Never => Privacy::Required(parameters),
                }
            }
        };
        let port = self.smtp.host.port().unwrap_or(self.smtp.tls.port());
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(name)
            .port(port)
            .tls(tls)
            .timeout(Some(PATIENCE));
        if let Some((username, password)) = &self.smtp.login {
            let (_, secret) = password.read().await?;
            builder = builder.credentials(Credentials::new(username.clone(), secret.expose().to_owned()));
        }
        Ok(builder.build())
    }

    /// Reads the password again, after it was refused.
    pub async fn renew(&self) {
        if let Some((_, password)) = &self.smtp.login {
            super::way::renew(password).await;
        }
    }
}

/// The server's own words may name the people who read the mail.
fn told(error: &lettre::transport::smtp::Error) -> NotifyError {
    if error.is_timeout() {
        return NotifyError::TooSlow;
    }
    match error.status() {
        Some(code) => {
            let status = u16::from(code);
            NotifyError::Refused { status, is_credential: matches!(status, 530 | 534 | 535), after: None }
        }
        None if error.is_tls() => NotifyError::Tls,
        None => NotifyError::Unreachable,
    }
}
