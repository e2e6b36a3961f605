//! Whether the kernel allows what the state's I/O needs.

use crate::StoreError;

/// Asks the kernel for a ring such as the state's I/O needs.
///
/// # Errors
/// [`StoreError::IoUring`], which says what to allow.
#[cfg(target_os = "linux")]
pub fn check_io_uring() -> Result<(), StoreError> {
    use io_uring::{IoUring, cqueue, squeue};

    use crate::IoUringRefusal;

    // The entries and flags that NOMT's workers ask for; they stop the process when refused.
    let ring = IoUring::<squeue::Entry, cqueue::Entry>::builder().setup_single_issuer().build(1024);
    let Err(error) = ring else { return Ok(()) };
    // Linux error numbers: EPERM 1, ENOMEM 12, EACCES 13, EINVAL 22, ENOSYS 38.
    let refusal = match error.raw_os_error().unwrap_or_default() {
        1 | 13 => IoUringRefusal::Denied,
        12 => IoUringRefusal::LockedMemory,
        22 | 38 => IoUringRefusal::Unsupported,
        errno => IoUringRefusal::Errno { errno },
    };
    Err(StoreError::IoUring { refusal })
}

/// Other systems run the state's I/O on threads.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn check_io_uring() -> Result<(), StoreError> {
    Ok(())
}
