//! How many files this process may have open; every connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files beside connections: the store's, logs, L1.
const OTHERS: u64 = 512;

/// Raises the limit as far as so many connections need, or as far as it goes. Returns what it is then.
fn raise_to(wanted: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let (current, most) = (current.unwrap_or(u64::MAX), maximum.unwrap_or(u64::MAX));
    if current >= wanted {
        return current;
    }
    let raised = wanted.min(most);
    match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }) {
        Ok(()) => raised,
        Err(_) => current,
    }
}

/// Makes room for so many connections of a server, and warns if there is none.
pub(crate) fn raise(connections: u32) {
    if let Err(reason) = require(u64::from(connections)) {
        tracing::warn!("{reason}");
    }
}

/// Makes room for so many connections.
///
/// # Errors
/// What to do if there is none.
pub(crate) fn require(connections: u64) -> eyre::Result<()> {
    let wanted = connections.saturating_add(OTHERS);
    let limit = raise_to(wanted);
    eyre::ensure!(
        limit >= wanted,
        "{connections} connections take {wanted} open files and this process may have {limit}: raise the \
         hard limit (`ulimit -Hn {wanted}` as root, or LimitNOFILE={wanted} in the service), or ask for fewer"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_hard_limit_does_not_allow_is_refused_with_what_to_do() {
        require(16).unwrap();
        let Some(most) = getrlimit(Resource::Nofile).maximum else { return };
        require(most.saturating_sub(OTHERS)).unwrap();
        assert_eq!(getrlimit(Resource::Nofile).current, Some(most));
        let refused = require(most).unwrap_err().to_string();
        assert!(refused.contains(&format!("LimitNOFILE={}", most + OTHERS)), "{refused}");
    }
}
