//! Pictures that were sent as examples, kept for the pages that follow.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use clip_search::image::RgbImage;

use crate::problem::Problem;

/// Pictures that are kept.
const MOST: usize = 32;
/// How long a picture is kept after it was last used.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// Pictures that were sent, by tokens that tell nothing.
pub(crate) struct Pictures {
    kept: Mutex<HashMap<String, Kept>>,
    /// Of the tokens: what somebody sent is not to be found by others that guess what it was.
    secret: [u8; 32],
}

struct Kept {
    picture: Arc<RgbImage>,
    used: Instant,
}

impl Pictures {
    /// None are kept yet.
    ///
    /// # Errors
    /// The system's, if it has no randomness to give.
    pub(crate) fn new() -> io::Result<Pictures> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(Pictures { kept: Mutex::default(), secret })
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        // No change is left half done by a panic.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a picture. The same bytes have the same token, so that a picture that is sent twice is searched for once.
    pub(crate) fn keep(&self, picture: RgbImage, bytes: &[u8]) -> String {
        let token = blake3::keyed_hash(&self.secret, bytes).to_hex()[..32].to_owned();
        let mut kept = self.kept();
        kept.retain(|_, kept| kept.used.elapsed() < LONGEST);
        while kept.len() >= MOST && !kept.contains_key(&token) {
            let Some(oldest) = kept.iter().min_by_key(|(_, kept)| kept.used).map(|(token, _)| token.clone()) else {
                break;
            };
            kept.remove(&oldest);
        }
        kept.insert(token.clone(), Kept { picture: Arc::new(picture), used: Instant::now() });
        token
    }

    /// The picture that was given this token.
    ///
    /// # Errors
    /// [`Problem`] if it is not kept any more.
    pub(crate) fn get(&self, token: &str) -> Result<Arc<RgbImage>, Problem> {
        let mut kept = self.kept();
        kept.retain(|_, kept| kept.used.elapsed() < LONGEST);
        let Some(found) = kept.get_mut(token) else {
            return Err(Problem::new(
                StatusCode::GONE,
                "picture-gone",
                "expected an image that was sent recently; send it again",
            ));
        };
        found.used = Instant::now();
        Ok(Arc::clone(&found.picture))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_kept_for_a_while() {
        let pictures = Pictures::new().unwrap();
        let first = pictures.keep(RgbImage::new(1, 1), b"first");
        assert_eq!(pictures.keep(RgbImage::new(1, 1), b"first"), first);
        assert_eq!(pictures.get(&first).unwrap().dimensions(), (1, 1));
        assert_eq!(pictures.get("other").unwrap_err().status, StatusCode::GONE);
        for number in 0..MOST {
            pictures.keep(RgbImage::new(2, 2), &number.to_le_bytes());
        }
        assert!(pictures.get(&first).is_err(), "there is no more room for it");
        assert_ne!(
            Pictures::new().unwrap().keep(RgbImage::new(1, 1), b"first"),
            first,
            "tokens cannot be computed by others"
        );
    }
}
