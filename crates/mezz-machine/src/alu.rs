//! What each computing instruction gives, for values of registers.
//!
//! A signed division that is not by zero has no quotient in range only for `MIN / -1`: then the quotient is the
//! dividend and the remainder 0.

/// The low half.
#[inline(always)]
pub(crate) const fn low32(value: u64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// A word as a register holds it: sign-extended, for unsigned words too.
#[inline(always)]
pub(crate) fn sign_extend(word: u32) -> u64 {
    i64::from(word.cast_signed()).cast_unsigned()
}

#[inline(always)]
const fn high64(product: u128) -> u64 {
    let [_, _, _, _, _, _, _, _, a, b, c, d, e, f, g, h] = product.to_le_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

macro_rules! compute {
    ($($(#[$doc:meta])* $name:ident = |$a:ident, $b:ident| $body:expr;)*) => {
        $($(#[$doc])* #[inline(always)] pub(crate) fn $name($a: u64, $b: u64) -> u64 { $body })*
    };
}

compute! {
    add = |a, b| a.wrapping_add(b);
    sub = |a, b| a.wrapping_sub(b);
    sll = |a, b| a.wrapping_shl(low32(b));
    slt = |a, b| u64::from(a.cast_signed() < b.cast_signed());
    sltu = |a, b| u64::from(a < b);
    xor = |a, b| a ^ b;
    srl = |a, b| a.wrapping_shr(low32(b));
    sra = |a, b| a.cast_signed().wrapping_shr(low32(b)).cast_unsigned();
    or = |a, b| a | b;
    and = |a, b| a & b;

    addw = |a, b| sign_extend(low32(a).wrapping_add(low32(b)));
    subw = |a, b| sign_extend(low32(a).wrapping_sub(low32(b)));
    sllw = |a, b| sign_extend(low32(a).wrapping_shl(low32(b)));
    srlw = |a, b| sign_extend(low32(a).wrapping_shr(low32(b)));
    sraw = |a, b| sign_extend(low32(a).cast_signed().wrapping_shr(low32(b)).cast_unsigned());

    mul = |a, b| a.wrapping_mul(b);
    mulh = |a, b| {
        let product = i128::from(a.cast_signed()).wrapping_mul(i128::from(b.cast_signed()));
        high64(product.cast_unsigned())
    };
    mulhsu = |a, b| {
        high64(i128::from(a.cast_signed()).wrapping_mul(i128::from(b)).cast_unsigned())
    };
    mulhu = |a, b| high64(u128::from(a).wrapping_mul(u128::from(b)));
    div = |a, b| match b {
        0 => u64::MAX,
        _ => a.cast_signed().checked_div(b.cast_signed()).map_or(a, i64::cast_unsigned),
    };
    divu = |a, b| a.checked_div(b).unwrap_or(u64::MAX);
    rem = |a, b| match b {
        0 => a,
        _ => a.cast_signed().checked_rem(b.cast_signed()).map_or(0, i64::cast_unsigned),
    };
    remu = |a, b| a.checked_rem(b).unwrap_or(a);

    mulw = |a, b| sign_extend(low32(a).wrapping_mul(low32(b)));
    divw = |a, b| match low32(b) {
        0 => u64::MAX,
        b => {
            let quotient = low32(a).cast_signed().checked_div(b.cast_signed());
            sign_extend(quotient.map_or(low32(a), i32::cast_unsigned))
        }
    };
    divuw = |a, b| sign_extend(low32(a).checked_div(low32(b)).unwrap_or(u32::MAX));
    remw = |a, b| match low32(b) {
        0 => sign_extend(low32(a)),
        b => {
            let remainder = low32(a).cast_signed().checked_rem(b.cast_signed());
            sign_extend(remainder.map_or(0, i32::cast_unsigned))
        }
    };
    remuw = |a, b| sign_extend(low32(a).checked_rem(low32(b)).unwrap_or(low32(a)));
}
