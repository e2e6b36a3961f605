//! One type for each number that could be confused with another.

use core::fmt;

/// An increment left the range of the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {value} has no successor at distance {step}")]
pub struct NumberOverflow {
    /// Which number.
    pub kind: &'static str,
    /// Its value.
    pub value: u64,
    /// What was to be added.
    pub step: u64,
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
        pub struct $name(u64);

        impl $name {
            /// The first one.
            pub const ZERO: Self = Self(0);

            /// Names the number with this value.
            pub const fn new(value: u64) -> Self {
                Self(value)
            }

            /// Its value.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The number `step` further on.
            ///
            /// # Errors
            /// [`NumberOverflow`] past `u64::MAX`.
            pub const fn checked_add(self, step: u64) -> Result<Self, NumberOverflow> {
                match self.0.checked_add(step) {
                    Some(value) => Ok(Self(value)),
                    None => Err(NumberOverflow { kind: $kind, value: self.0, step }),
                }
            }

            /// The next one; stays at the end of the range.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }

            /// The one before; stays at zero.
            #[must_use]
            pub const fn prev(self) -> Self {
                Self(self.0.saturating_sub(1))
            }

            /// How far `self` lies past `earlier`; zero if it does not.
            pub const fn distance_from(self, earlier: Self) -> u64 {
                self.0.saturating_sub(earlier.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// Height of an L2 block; genesis is 0.
    BlockNumber,
    "L2 block"
);
number!(
    /// Height of an L1 block.
    L1BlockNumber,
    "L1 block"
);
number!(
    /// Position of a batch in the inbox; the first is 0.
    BatchIndex,
    "batch"
);
number!(
    /// Position of a message in the inbox; the first is 0.
    InboxIndex,
    "inbox message"
);
number!(
    /// Position of a withdrawal in the outbox; the first is 0.
    OutboxIndex,
    "outbox entry"
);
