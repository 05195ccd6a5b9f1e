//! Waiting for a state, by looking again until a deadline. The one place of the test bed that sleeps.

use std::time::{Duration, Instant};

use crate::error::Error;

/// Between two looks. Short against every wait of a test, long against the cost of a look.
const PAUSE: Duration = Duration::from_millis(50);

/// Looks until `look` answers `Ok`, and gives what it found; `Err` is what was seen instead.
///
/// # Errors
/// [`Error::NotInTime`] with `what` and the last thing seen, once `within` has passed. A look that hangs is cut off
/// at the same deadline.
pub async fn eventually<T, F>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, String>>,
{
    let deadline = Instant::now() + within;
    let mut last = String::from("nothing");
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, look()).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(seen)) => last = seen,
            Err(_elapsed) => {}
        }
        if Instant::now() >= deadline {
            return Err(Error::NotInTime {
                what: what.to_owned(),
                within,
                last,
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_thing_seen_is_in_the_error() {
        let error = eventually("a door", Duration::ZERO, async || {
            Err::<(), _>("a wall".to_owned())
        })
        .await
        .expect_err("there is no door");
        assert_eq!(
            error.to_string(),
            "a door: not seen within 0ns; last seen: a wall"
        );
    }

    #[tokio::test]
    async fn looks_again_until_it_is_there() {
        let mut looks = 0;
        let found = eventually("the third look", Duration::from_secs(10), || {
            looks += 1;
            let seen = looks;
            async move {
                if seen == 3 {
                    Ok(seen)
                } else {
                    Err(seen.to_string())
                }
            }
        })
        .await
        .expect("the third look finds it");
        assert_eq!(found, 3);
    }
}
