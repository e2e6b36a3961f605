//! What stands outside of the machine.

use alloc::vec::Vec;

use crate::PreimageKey;

/// Gives a machine what it asks for.
///
/// Obligations of an implementor: the same key is always answered with the same bytes. Answers for hashes
/// are checked by the machine; a [`Precompile`](crate::PreimageKind::Precompile)'s answer and a
/// [`Blob`](crate::PreimageKind::Blob) cannot be, so a host that gives them wrongly makes a run that no
/// dispute will confirm.
pub trait Host {
    /// The bytes behind a key; `None` if it does not have them (now), which stops the run.
    fn preimage(&mut self, key: &PreimageKey) -> Option<Vec<u8>>;

    /// The program announces what it will ask for. It changes nothing in the machine, and it may be anything:
    /// a host ignores what it does not understand.
    fn hint(&mut self, hint: &[u8]);
}
