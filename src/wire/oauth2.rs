//! How a service is told who we are: a key that is sent as it is, or a client that asks for tokens.

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use super::broken::Unknown;
use super::grant::{GrantError, Granted};
use super::http::Http;
use super::{Broken, grant};
use crate::config::{Headers, Token, TokenForm};
use crate::form::{Form, Part};
use crate::secret::Secret;

/// Largest answer of a token service: a signed token with long lists of scopes is a tenth of it.
const MOST_BYTES: usize = 256 * 1024;

/// How we prove who we are.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A key that goes into a header as it is.
    Token(Token),
    /// A client that asks for short-lived tokens.
    Client(ClientCredentials),
}

impl From<Token> for Credential {
    fn from(token: Token) -> Credential {
        Credential::Token(token)
    }
}

/// A client and where it asks for tokens (RFC 6749, section 4.4).
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    /// Its name.
    pub id: Token,
    /// Its password.
    pub secret: Token,
    /// Where it asks, on the host of the connection.
    pub path: &'static str,
    /// How it asks.
    pub form: TokenForm,
}

impl ClientCredentials {
    /// Asks for a token. A client that is refused is read again, and asked for once more if it changed.
    pub(super) async fn ask(&self, http: &Http, headers: &Headers) -> Result<Granted, GrantError> {
        let (id_was, id) = self.id.read().await?;
        let (secret_was, secret) = self.secret.read().await?;
        let refused = match self.once(http, headers, &id, &secret).await {
            Err(error @ GrantError::Refused { .. }) => error,
            other => return other,
        };
        let (id_is, id) = self.id.renew(id_was).await?;
        let (secret_is, secret) = self.secret.renew(secret_was).await?;
        if id_is == id_was && secret_is == secret_was {
            return Err(refused);
        }
        self.once(http, headers, &id, &secret).await
    }

    async fn once(
        &self,
        http: &Http,
        headers: &Headers,
        id: &Secret,
        secret: &Secret,
    ) -> Result<Granted, GrantError> {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", id.expose()),
            ("client_secret", secret.expose()),
        ];
        let (content_type, body) = match self.form {
            TokenForm::Multipart => {
                let form = Form::of(&fields.map(|(name, value)| Part::text(name, value)));
                (HeaderValue::try_from(form.content_type), form.body)
            }
            TokenForm::Urlencoded => {
                let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                (HeaderValue::try_from("application/x-www-form-urlencoded"), form.into())
            }
        };
        let mut all: HeaderMap = headers.without_token();
        all.insert(CONTENT_TYPE, content_type.map_err(|_| GrantError::Lost(Unknown::Garbled))?);
        let asked = tokio::time::Instant::now();
        let answer = http.send(reqwest::Method::POST, self.path, all, body, MOST_BYTES).await;
        match answer {
            Ok(answer) => grant::read(&answer, asked),
            Err(Broken::NotSent { why, .. }) => Err(GrantError::NotReached(why)),
            Err(Broken::Unknown { why, .. }) => Err(GrantError::Lost(why)),
        }
    }
}
