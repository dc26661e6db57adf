//! The token endpoint, and who a request comes from.
//!
//! Only the `client_credentials` grant, by a multipart form as OneTrust's OpenAPI says or an urlencoded
//! one as its recipe shows; HTTP Basic is not taken. There is no refresh token (OneTrust's OpenAPI,
//! GetOAuthToken). The scopes stand under `ot-scopes`, although the schema says `ot_scopes`.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::asked::Asked;
use super::form;
use super::options::{ALL_SCOPES, Credential, Options};
use super::reply::{Refusal, Reply};
use crate::sandbox::world::mixed;

/// Whoever holds a token that is still good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// The client id, or `api-key` with its number.
    pub name: String,
    pub scopes: Vec<String>,
}

/// Credentials, keys, and the tokens that were given out.
pub(super) struct Tokens {
    seed: u64,
    credentials: Vec<Credential>,
    keys: Vec<(String, Vec<String>)>,
    given: HashMap<String, (Caller, i64)>,
    count: u64,
}

impl Tokens {
    /// The credentials and keys of the options, or one of each.
    pub fn new(options: &Options) -> Tokens {
        let seed = options.seed;
        let mut credentials = options.credentials.clone();
        if credentials.is_empty() {
            let secret = format!("{:016x}{:016x}", mixed(seed, 11), mixed(seed, 12));
            credentials.push(Credential::new(&format!("{:016x}", mixed(seed, 10)), &secret, &ALL_SCOPES));
        }
        let mut keys = options.api_keys.clone();
        if keys.is_empty() {
            keys.push((format!("sandbox-{:016x}", mixed(seed, 13)), ALL_SCOPES.map(str::to_owned).to_vec()));
        }
        Tokens { seed, credentials, keys, given: HashMap::new(), count: 0 }
    }

    /// The first credential.
    pub fn credential(&self) -> Option<&Credential> {
        self.credentials.first()
    }

    /// The first key.
    pub fn key(&self) -> Option<&str> {
        self.keys.first().map(|(key, _)| key.as_str())
    }

    /// Takes every token back; the credentials stay good.
    pub fn revoke(&mut self) {
        self.given.clear();
    }

    /// Who sends this `Authorization` header.
    pub fn caller(&self, header: Option<&str>, now_ms: i64) -> Result<Caller, Refusal> {
        let refused = || Refusal::new(401, "Full authentication is required to access this resource");
        let (scheme, token) = header.and_then(|header| header.split_once(' ')).ok_or_else(refused)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(refused());
        }
        if let Some(number) = self.keys.iter().position(|(key, _)| key == token) {
            let scopes = self.keys.get(number).map(|(_, scopes)| scopes.clone()).unwrap_or_default();
            return Ok(Caller { name: format!("api-key-{number}"), scopes });
        }
        match self.given.get(token) {
            Some((caller, expires_ms)) if now_ms < *expires_ms => Ok(caller.clone()),
            Some(_) => Err(Refusal::new(401, "Access token expired")),
            None => Err(Refusal::new(401, "Invalid access token")),
        }
    }

    /// Answers one request for a token.
    pub fn grant(&mut self, asked: &Asked<'_>, now_ms: i64) -> Result<Reply, Refusal> {
        let fields = form::fields(asked.content_type(), asked.body())?;
        let field =
            |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        if field("grant_type") != Some("client_credentials") {
            return Ok(refusal(400, "unsupported_grant_type", "Unsupported grant type"));
        }
        let (Some(id), Some(secret)) = (field("client_id"), field("client_secret")) else {
            return Ok(refusal(400, "invalid_request", "client_id and client_secret are required"));
        };
        let is_it = |known: &&Credential| known.client_id == id && known.client_secret == secret;
        let Some(credential) = self.credentials.iter().find(is_it) else {
            return Ok(refusal(401, "invalid_client", "Bad client credentials"));
        };
        let caller = Caller { name: credential.client_id.clone(), scopes: credential.scopes.clone() };
        let lifetime_s = credential.lifetime.as_secs();
        self.count += 1;
        let body = self.answer(&caller, lifetime_s, now_ms);
        let expires_ms = now_ms.saturating_add_unsigned(lifetime_s.saturating_mul(1000));
        if let Some(token) = body["access_token"].as_str() {
            self.given.retain(|_, (_, expires_ms)| now_ms < *expires_ms);
            self.given.insert(token.to_owned(), (caller, expires_ms));
        }
        Ok(Reply::json(200, &body))
    }

    fn answer(&self, caller: &Caller, lifetime_s: u64, now_ms: i64) -> serde_json::Value {
        let id = |number| {
            let wide = (u128::from(mixed(self.seed, number)) << 64) | u128::from(mixed(!self.seed, number));
            uuid::Builder::from_random_bytes(wide.to_be_bytes()).into_uuid().to_string()
        };
        let (tenant, organization) = (id(20), id(21));
        let mail = format!("{}@api.onetrust.com", tenant.replace('-', ""));
        let jti = format!("{:016x}", mixed(self.seed, 1000 + self.count));
        let scopes = caller.scopes.join(",");
        let claims = json!({
            "role": "Api Key User", "user_name": mail, "tenantGuid": tenant, "client_id": caller.name,
            "ot-scopes": scopes, "scope": ["read"], "iat": now_ms / 1000, "jti": jti,
        });
        let part = |text: String| URL_SAFE_NO_PAD.encode(text);
        let head = part(json!({ "alg": "RS256", "typ": "JWT" }).to_string());
        let signature = part(format!("{:064x}", mixed(self.seed, 5000 + self.count)));
        json!({
            "access_token": format!("{head}.{}.{signature}", part(claims.to_string())),
            "token_type": "bearer",
            "expires_in": lifetime_s,
            "scope": "read",
            "role": "Api Key User",
            "user_name": mail,
            "languageId": 1,
            "sessionId": id(22),
            "tenantGuid": tenant,
            "orgGroupId": organization,
            "orgGroupGuid": organization,
            "ot-scopes": scopes,
            "tenantId": 36,
            "guid": id(23),
            "email": mail,
            "jti": jti,
        })
    }
}

fn refusal(status: u16, error: &str, description: &str) -> Reply {
    Reply::json(status, &json!({ "error": error, "error_description": description }))
}
