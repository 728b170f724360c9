//! Whom a token admits.

use wavegate_common::view::{Role, TokenBinding, TokenState};
use wavegate_common::{Labels, Millis, Timestamp};

use crate::trust::{Claim, EnrolToken, Token, TokenRefused, check};

const MADE: Timestamp = Timestamp(1_000_000);
const SOON: Timestamp = Timestamp(1_001_000);

fn token(binding: TokenBinding) -> EnrolToken {
    EnrolToken {
        digest: Token::generate().unwrap().digest(),
        binding,
        made_by: "ada".to_owned(),
        made_at: MADE,
        expires: MADE.after(Millis::mins(15)),
        state: TokenState::Open,
    }
}

fn for_web1() -> EnrolToken {
    token(TokenBinding::Host { name: "web1".to_owned() })
}

fn as_host<'a>(name: &'a str, labels: &'a Labels) -> Claim<'a> {
    Claim::Host { name, labels }
}

#[test]
fn a_token_is_found_by_its_digest_and_shows_no_secret() {
    let token = Token::generate().unwrap();
    assert_eq!(Token::digest_of(&format!(" {}\n", token.text())), Some(token.digest()));
    assert_ne!(Token::generate().unwrap().digest(), token.digest());
    for bad in ["", "wg1-", "wg1-zz", &token.text()[4..], &token.text()[..60]] {
        assert_eq!(Token::digest_of(bad), None, "{bad}");
    }
    assert_eq!(format!("{token:?}"), "Token(…)");
    assert!(!token.text().contains(&token.digest().to_string()));
}

#[test]
fn it_admits_whom_it_is_for() {
    let none = Labels::new();
    let web = Labels::from([("role".to_owned(), "web".to_owned())]);
    assert_eq!(check(&for_web1(), SOON, as_host("web1", &none)), Ok(()));
    let any_web = token(TokenBinding::Hosts { selector: "role=web".parse().unwrap() });
    assert_eq!(check(&any_web, SOON, as_host("web2", &web)), Ok(()));
    let ada = token(TokenBinding::Operator { name: "ada".to_owned(), role: Role::Viewer });
    assert_eq!(check(&ada, SOON, Claim::Operator), Ok(()));

    for (token, claim) in [
        (&for_web1(), as_host("web2", &web)),
        (&for_web1(), as_host("WEB1", &web)),
        (&for_web1(), Claim::Operator),
        (&any_web, as_host("web2", &none)),
        (&any_web, Claim::Operator),
        (&ada, as_host("ada", &web)),
    ] {
        let refused = check(token, SOON, claim).unwrap_err();
        assert!(matches!(refused, TokenRefused::OtherHolder { .. }), "{refused}");
    }
}

#[test]
fn it_admits_once() {
    let none = Labels::new();
    let mut token = for_web1();
    token.state = TokenState::Used { at: MADE, by: "web1".to_owned() };
    let refused = check(&token, SOON, as_host("web1", &none)).unwrap_err();
    assert_eq!(refused, TokenRefused::Used { by: "web1".to_owned() });
    token.state = TokenState::Revoked { at: MADE, by: "ada".to_owned() };
    assert_eq!(check(&token, SOON, as_host("web1", &none)), Err(TokenRefused::Revoked));
}

#[test]
fn it_ends() {
    let none = Labels::new();
    let token = for_web1();
    let claim = as_host("web1", &none);
    assert_eq!(check(&token, MADE.after(Millis(15 * 60_000 - 1)), claim), Ok(()));
    assert_eq!(check(&token, MADE.after(Millis::mins(15)), claim), Err(TokenRefused::Expired));
    // A clock that went back does not give a token more life than it was given.
    assert_eq!(check(&token, Timestamp(MADE.0 - 1), claim), Err(TokenRefused::Expired));
}
