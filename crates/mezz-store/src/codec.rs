//! Byte layouts of values that are read in part: lists by position, sorted maps by key.
//!
//! Both put an index of fixed-size entries in front, so that one element of a large block is found
//! without reading the rest. Lengths come from disk and are checked before use.

use mezz_types::StateKey;

use crate::StoreError;

/// Bytes of one count or end offset.
const WORD: usize = 4;
/// Bytes of a key in a map's index.
const KEY: usize = 32;
/// Bit of a map entry's end offset that says that the value is there.
const PRESENT: u32 = 1 << 31;

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let end = at.checked_add(WORD)?;
    Some(u32::from_be_bytes(bytes.get(at..end)?.try_into().ok()?))
}

fn length_word(length: usize) -> u32 {
    u32::try_from(length).expect("a block's data stays below 2 GiB by the gas limit")
}

/// `count (4, BE) ‖ end (4, BE) × count ‖ items`; an end is counted from the first item's start.
pub(crate) fn encode_list<'a>(items: impl ExactSizeIterator<Item = &'a [u8]> + Clone) -> Vec<u8> {
    let count = items.len();
    let payload: usize = items.clone().map(<[u8]>::len).sum();
    let mut out = Vec::with_capacity(WORD * (count + 1) + payload);
    out.extend_from_slice(&length_word(count).to_be_bytes());
    let mut end = 0usize;
    for item in items.clone() {
        end += item.len();
        out.extend_from_slice(&length_word(end).to_be_bytes());
    }
    for item in items {
        out.extend_from_slice(item);
    }
    out
}

/// A list as [`encode_list`] wrote it.
#[derive(Clone, Copy)]
pub(crate) struct List<'a> {
    table: &'static str,
    count: usize,
    ends: &'a [u8],
    items: &'a [u8],
}

impl<'a> List<'a> {
    /// Reads the index; `table` names the origin in errors.
    pub(crate) fn parse(table: &'static str, bytes: &'a [u8]) -> Result<Self, StoreError> {
        let corrupt = || StoreError::Corrupt { table, reason: "list is cut short" };
        let count = word(bytes, 0).ok_or_else(corrupt)? as usize;
        let index = count.checked_mul(WORD).ok_or_else(corrupt)?;
        let rest = bytes.get(WORD..).ok_or_else(corrupt)?;
        let (ends, items) = rest.split_at_checked(index).ok_or_else(corrupt)?;
        Ok(Self { table, count, ends, items })
    }

    /// The item at `position`; `None` past the end.
    pub(crate) fn get(&self, position: usize) -> Result<Option<&'a [u8]>, StoreError> {
        if position >= self.count {
            return Ok(None);
        }
        let corrupt =
            || StoreError::Corrupt { table: self.table, reason: "list offsets are broken" };
        let start = match position {
            0 => 0,
            _ => word(self.ends, (position - 1) * WORD).ok_or_else(corrupt)?,
        };
        let end = word(self.ends, position * WORD).ok_or_else(corrupt)?;
        self.items.get(start as usize..end as usize).map(Some).ok_or_else(corrupt)
    }

    /// All items in order.
    pub(crate) fn iter(self) -> impl Iterator<Item = Result<&'a [u8], StoreError>> {
        (0..self.count).filter_map(move |position| self.get(position).transpose())
    }
}

/// `count (4, BE) ‖ (key (32) ‖ end (4, BE)) × count ‖ values`, keys ascending; the top bit of an end
/// says whether there is a value at all.
pub(crate) fn encode_map<'a>(
    entries: impl ExactSizeIterator<Item = (&'a StateKey, Option<&'a [u8]>)> + Clone,
) -> Vec<u8> {
    let count = entries.len();
    let payload: usize = entries.clone().map(|(_, value)| value.map_or(0, <[u8]>::len)).sum();
    let mut out = Vec::with_capacity(WORD + count * (KEY + WORD) + payload);
    out.extend_from_slice(&length_word(count).to_be_bytes());
    let mut end = 0usize;
    for (key, value) in entries.clone() {
        end += value.map_or(0, <[u8]>::len);
        let flag = if value.is_some() { PRESENT } else { 0 };
        out.extend_from_slice(key);
        out.extend_from_slice(&(length_word(end) | flag).to_be_bytes());
    }
    for value in entries.filter_map(|(_, value)| value) {
        out.extend_from_slice(value);
    }
    out
}

/// A map as [`encode_map`] wrote it.
#[derive(Clone, Copy)]
pub(crate) struct Map<'a> {
    table: &'static str,
    index: &'a [[u8; KEY + WORD]],
    values: &'a [u8],
}

/// A key and its value, if it has one.
pub(crate) type MapEntry<'a> = (StateKey, Option<&'a [u8]>);

impl<'a> Map<'a> {
    /// Reads the index; `table` names the origin in errors.
    pub(crate) fn parse(table: &'static str, bytes: &'a [u8]) -> Result<Self, StoreError> {
        let corrupt = || StoreError::Corrupt { table, reason: "map is cut short" };
        let count = word(bytes, 0).ok_or_else(corrupt)? as usize;
        let size = count.checked_mul(KEY + WORD).ok_or_else(corrupt)?;
        let rest = bytes.get(WORD..).ok_or_else(corrupt)?;
        let (index, values) = rest.split_at_checked(size).ok_or_else(corrupt)?;
        Ok(Self { table, index: index.as_chunks().0, values })
    }

    fn end(&self, position: usize) -> Option<(u32, bool)> {
        let raw = word(self.index.get(position)?, KEY)?;
        Some((raw & !PRESENT, raw & PRESENT != 0))
    }

    fn value(&self, position: usize) -> Result<Option<&'a [u8]>, StoreError> {
        let corrupt =
            || StoreError::Corrupt { table: self.table, reason: "map offsets are broken" };
        let start = match position {
            0 => 0,
            _ => self.end(position - 1).ok_or_else(corrupt)?.0,
        };
        let (end, present) = self.end(position).ok_or_else(corrupt)?;
        let value = self.values.get(start as usize..end as usize).ok_or_else(corrupt)?;
        Ok(present.then_some(value))
    }

    /// What the map says about `key`: nothing, that it has no value, or its value.
    pub(crate) fn get(&self, key: &StateKey) -> Result<Option<Option<&'a [u8]>>, StoreError> {
        match self.index.binary_search_by(|entry| entry[..KEY].cmp(key)) {
            Ok(position) => self.value(position).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// All entries, keys ascending.
    pub(crate) fn iter(self) -> impl Iterator<Item = Result<MapEntry<'a>, StoreError>> {
        self.index.iter().enumerate().map(move |(position, entry)| {
            let key = entry[..KEY].try_into().expect("an entry starts with a key of this length");
            Ok((key, self.value(position)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lists_survive(items in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20)) {
            let bytes = encode_list(items.iter().map(Vec::as_slice));
            let list = List::parse("t", &bytes).unwrap();
            let read: Vec<_> = list.iter().map(|item| item.unwrap().to_vec()).collect();
            prop_assert_eq!(&read, &items);
            prop_assert!(list.get(items.len()).unwrap().is_none());
        }

        #[test]
        fn maps_survive(map in prop::collection::btree_map(any::<[u8; 32]>(), prop::option::of(prop::collection::vec(any::<u8>(), 0..80)), 0..20)) {
            let bytes = encode_map(map.iter().map(|(key, value)| (key, value.as_deref())));
            let read = Map::parse("t", &bytes).unwrap();
            let all: BTreeMap<_, _> = read
                .iter()
                .map(|entry| entry.map(|(key, value)| (key, value.map(<[u8]>::to_vec))).unwrap())
                .collect();
            prop_assert_eq!(&all, &map);
            for (key, value) in &map {
                prop_assert_eq!(read.get(key).unwrap(), Some(value.as_deref()));
            }
            prop_assert_eq!(read.get(&[0x5a; 32]).unwrap(), map.get(&[0x5a; 32]).map(Option::as_deref));
        }

        #[test]
        fn hostile_bytes_are_errors_at_worst(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(list) = List::parse("t", &bytes) {
                for item in list.iter() { let _ = item; }
            }
            if let Ok(map) = Map::parse("t", &bytes) {
                for entry in map.iter() { let _ = entry; }
                let _ = map.get(&[7; 32]);
            }
        }

        #[test]
        fn hostile_counts_are_errors_at_worst(count in any::<u32>(), rest in prop::collection::vec(any::<u8>(), 0..100)) {
            let bytes = [count.to_be_bytes().as_slice(), &rest].concat();
            if let Ok(list) = List::parse("t", &bytes) {
                prop_assert!(list.iter().count() * 4 <= rest.len());
            }
            if let Ok(map) = Map::parse("t", &bytes) {
                prop_assert!(map.iter().count() * 36 <= rest.len());
            }
        }
    }
}
