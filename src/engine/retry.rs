//! Failures that pass by themselves are tried again: exponential backoff with jitter.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::Failure;

/// How often and after how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries without progress before it is given up, the first included; at least one.
    pub attempts: u32,
    /// Wait after the first failure; doubles with each further one.
    pub base: Duration,
    /// The longest wait.
    pub cap: Duration,
    /// How long after the first failure without progress it is still tried. Bounds what the
    /// number of tries does not: tries that only fail after a long wait of their own.
    pub within: Duration,
}

impl Default for RetryPolicy {
    /// Twelve tries within a minute: enough for a database server to be started again.
    fn default() -> Self {
        Self {
            attempts: 12,
            base: Duration::from_millis(200),
            cap: Duration::from_secs(10),
            within: Duration::from_mins(1),
        }
    }
}

impl RetryPolicy {
    /// No second try.
    pub fn never() -> Self {
        Self { attempts: 1, ..Self::default() }
    }

    /// Whether a failure after so many tries, the first of which failed so long ago, is given up.
    pub fn is_spent(&self, attempt: u32, since_first: Duration) -> bool {
        attempt >= self.attempts.max(1) || since_first >= self.within
    }

    /// What is left of it for the last words of a run that ended like this: where a whole policy
    /// was spent on a server that does not answer, the next call gets one try.
    pub(super) fn after<E: Failure>(self, error: Option<&E>) -> Self {
        if error.is_some_and(Failure::is_transient) { Self::never() } else { self }
    }

    /// The wait after the try of this number (from one). Half of it is random, so that many
    /// that failed together do not come back together.
    pub fn wait(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let full = self.base.saturating_mul(1_u32 << doublings).min(self.cap);
        let half = full / 2;
        half + half.mul_f64(fastrand::f64())
    }

    /// Calls until it goes through, fails for good, or the tries are spent. Only for calls that
    /// may be made twice.
    pub(super) async fn insist<T, E: Failure, F: Future<Output = Result<T, E>>>(
        &self,
        call: impl FnMut() -> F,
    ) -> Result<T, E> {
        self.insist_on(E::is_transient, call).await
    }

    /// The same for what the caller says passes by itself.
    pub async fn insist_on<T, E, F: Future<Output = Result<T, E>>>(
        &self,
        passes: impl Fn(&E) -> bool,
        mut call: impl FnMut() -> F,
    ) -> Result<T, E> {
        let mut attempt = 1;
        let mut failing_since = None;
        loop {
            let settled = call().await;
            let since_first = failing_since.get_or_insert_with(Instant::now).elapsed();
            match settled {
                Err(error) if passes(&error) && !self.is_spent(attempt, since_first) => {
                    tokio::time::sleep(self.wait(attempt)).await;
                    attempt += 1;
                }
                settled => return settled,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{FailureKind, LedgerError};

    #[test]
    fn waits_double_up_to_the_cap() {
        let (base, cap) = (Duration::from_millis(100), Duration::from_secs(2));
        let policy = RetryPolicy { attempts: 40, base, cap, ..RetryPolicy::default() };
        for (attempt, full) in [(1, 100), (2, 200), (3, 400), (5, 1600), (6, 2000), (40, 2000), (u32::MAX, 2000)] {
            for _ in 0..100 {
                let wait = policy.wait(attempt);
                assert!(wait >= Duration::from_millis(full / 2) && wait <= Duration::from_millis(full), "{wait:?}");
            }
        }
    }

    #[test]
    fn the_default_outlasts_a_server_restart() {
        let policy = RetryPolicy::default();
        let least: Duration = (1..policy.attempts).map(|n| policy.wait(n)).sum();
        assert!(least > Duration::from_secs(25), "{least:?}");
    }

    #[test]
    fn one_attempt_at_least() {
        let policy = RetryPolicy { attempts: 0, ..RetryPolicy::default() };
        assert!(policy.is_spent(1, Duration::ZERO));
        assert!(RetryPolicy::never().is_spent(1, Duration::ZERO));
        assert!(!RetryPolicy::default().is_spent(11, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn tries_that_each_take_long_are_bounded_together() {
        let began = Instant::now();
        let mut calls = 0;
        let answer: Result<(), _> = RetryPolicy::default()
            .insist(|| {
                calls += 1;
                async {
                    tokio::time::sleep(Duration::from_secs(10)).await;
                    Err(error(true))
                }
            })
            .await;
        assert!((2..12).contains(&calls), "{calls}");
        assert!(began.elapsed() < Duration::from_secs(100), "{:?}", began.elapsed());
        assert_eq!(RetryPolicy::default().after(answer.as_ref().err()), RetryPolicy::never());
        assert_eq!(RetryPolicy::default().after(Some(&error(false))), RetryPolicy::default());
    }

    fn error(transient: bool) -> LedgerError {
        LedgerError { message: "gone".into(), kind: FailureKind::Unreachable, transient }
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_passes_is_tried_again() {
        let mut calls = 0;
        let policy = RetryPolicy::default();
        let answer = policy.insist(|| {
            calls += 1;
            let answer = if calls < 3 { Err(error(true)) } else { Ok(calls) };
            async move { answer }
        });
        assert_eq!(answer.await.unwrap(), 3);

        let mut calls = 0;
        let answer: Result<(), _> = RetryPolicy::default()
            .insist(|| {
                calls += 1;
                async { Err(error(false)) }
            })
            .await;
        assert!(answer.is_err());
        assert_eq!(calls, 1);

        let mut calls = 0;
        let policy = RetryPolicy { attempts: 4, ..RetryPolicy::default() };
        let answer: Result<(), _> = policy
            .insist(|| {
                calls += 1;
                async { Err(error(true)) }
            })
            .await;
        assert!(answer.is_err());
        assert_eq!(calls, 4);
    }
}
