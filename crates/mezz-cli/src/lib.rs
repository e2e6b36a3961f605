//! The commands of mezz.
