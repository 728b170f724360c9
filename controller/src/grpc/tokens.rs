//! Who may join.

use tonic::Status;
use wavegate_common::Millis;
use wavegate_common::view::{
    OperatorEnrolled, Role, TokenBinding, TokenList, TokenMade, TokenState, TokenView,
};
use wavegate_proto::Caller;
use wavegate_proto::operator::Who;
use wavegate_proto::operator::ask::{CreateToken, EnrollOperator, RevokeToken};

use super::api::{Api, actor};
use super::status::{of_store, of_trust};
use crate::audit::{Entry, Outcome};
use crate::clock;
use crate::driver::Refusal;
use crate::store::{Joins, StoreError, StoredOperator, StoredToken};
use crate::trust::{Claim, EnrolToken, Token, TokenRefused, check};

/// The life of a token that was made without one, and the longest.
const LIFE: Millis = Millis::mins(60);
const LONGEST: Millis = Millis::hours(30 * 24);
/// Tokens that are listed at most.
const LISTED: u32 = 1_000;

impl Api {
    pub(super) async fn make_token(&self, by: Who, ask: CreateToken) -> Result<TokenMade, Status> {
        let CreateToken { binding, life, reason } = ask;
        let life = if life.0 == 0 { LIFE } else { life };
        let target = binding.to_string();
        if life > LONGEST {
            let why = format!("a token lives at most {LONGEST}, not {life}");
            let outcome: Result<(), _> = Err(Refusal::Invalid(why));
            self.judged(&by, "token.create", &target, reason.as_str(), outcome).await?;
        }
        let now = clock::now();
        let token = Token::generate().map_err(|error| of_trust(&error))?;
        let stored = StoredToken {
            token: EnrolToken {
                digest: token.digest(),
                binding,
                made_by: by.name.clone(),
                made_at: now,
                expires: now.after(life),
                state: TokenState::Open,
            },
            reason: reason.as_str().to_owned(),
        };
        let named = format!("{}: {target}", stored.id());
        let entry = actor(&by).entry("token.create", named, reason.as_str());
        self.driver.store().add_token(stored.clone(), entry).await.map_err(|e| of_store(&e))?;
        Ok(TokenMade { secret: token.text().to_owned(), token: token_view(stored) })
    }

    pub(super) async fn tokens(&self) -> Result<TokenList, Status> {
        let tokens = self.driver.store().tokens(LISTED).await.map_err(|e| of_store(&e))?;
        Ok(TokenList { tokens: tokens.into_iter().map(token_view).collect() })
    }

    pub(super) async fn take_back(&self, by: Who, ask: RevokeToken) -> Result<TokenView, Status> {
        let RevokeToken { id, reason } = ask;
        let entry = actor(&by).entry("token.revoke", id.clone(), reason.as_str());
        let outcome = match self.driver.store().revoke_token(id.clone(), entry).await {
            Ok(stored) => match &stored.token.state {
                TokenState::Used { by, .. } => {
                    Err(Refusal::NotNow(format!("token {id} was used already, by {by}")))
                }
                TokenState::Open | TokenState::Revoked { .. } => Ok(token_view(stored)),
            },
            Err(StoreError::Refused(why)) => Err(Refusal::NotFound(why)),
            Err(error) => Err(error.into()),
        };
        self.judged(&by, "token.revoke", &id, reason.as_str(), outcome).await
    }

    pub(super) async fn admit_operator(
        &self,
        from: Caller,
        ask: EnrollOperator,
    ) -> Result<OperatorEnrolled, Status> {
        let admitted = self.try_admit(&from, ask).await;
        if let Err(why) = &admitted {
            self.refusals.note(&from, "operator.enroll", String::new(), why.message());
        }
        admitted
    }

    async fn try_admit(
        &self,
        from: &Caller,
        ask: EnrollOperator,
    ) -> Result<OperatorEnrolled, Status> {
        let now = clock::now();
        let unknown = || Status::permission_denied(TokenRefused::Unknown.to_string());
        let digest = Token::digest_of(&ask.token).ok_or_else(unknown)?;
        // Looked up first, because name and role stand in the token; taken below, once.
        let (name, role) = self.bound_operator(digest).await?.ok_or_else(unknown)?;
        let signed = self
            .authority
            .sign_operator(&ask.csr, &name, role, now)
            .map_err(|error| of_trust(&error))?;
        let entry = Entry {
            at: now,
            who: name.clone(),
            role: role.to_string(),
            from: from.addr.map(|addr| addr.to_string()).unwrap_or_default(),
            act: "operator.enroll".to_owned(),
            target: name.clone(),
            reason: format!("as {role}"),
            outcome: Outcome::Done,
        };
        let joins = name.clone();
        self.driver
            .store()
            .use_token(digest, entry, move |token| {
                check(token, now, Claim::Operator).map_err(|refused| refused.to_string())?;
                Ok(Joins::Operator(StoredOperator {
                    name: joins,
                    role,
                    added_at: now,
                    added_by: token.made_by.clone(),
                }))
            })
            .await
            .map_err(|error| of_store(&error))?;
        Ok(OperatorEnrolled {
            certificate_pem: signed.certificate_pem,
            ca_pem: self.authority.pem().to_owned(),
            name,
            role,
            not_after: signed.not_after,
        })
    }

    async fn bound_operator(
        &self,
        digest: wavegate_common::Digest,
    ) -> Result<Option<(String, Role)>, Status> {
        let found = self.driver.store().token(digest).await.map_err(|e| of_store(&e))?;
        Ok(match found.map(|stored| stored.token.binding) {
            Some(TokenBinding::Operator { name, role }) => Some((name, role)),
            Some(TokenBinding::Host { .. } | TokenBinding::Hosts { .. }) | None => None,
        })
    }
}

fn token_view(stored: StoredToken) -> TokenView {
    let id = stored.id();
    let StoredToken { token, reason } = stored;
    let EnrolToken { digest: _, binding, made_by, made_at, expires, state } = token;
    TokenView { id, binding, made_by, made_at, reason, expires, state }
}
