//! How large a data directory is, when its disk will be full, and how full the state's hash tables are.

use std::path::Path;

use mezz_store::{Footprint, Growth, Holding, Usage, footprint, inspect};
use serde::{Deserialize, Serialize};

use super::Finding;
use crate::admin::ask_for_footprint;

/// Days until the disk is full at which something should be done, and at which it is late.
const SOON: u64 = 90;
const LATE: u64 = 14;

/// How large a store is, as a node says it of itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FootprintText {
    parts: Vec<(String, u64)>,
    growth: Option<GrowthText>,
    head: u64,
    history_from: u64,
    /// Used and available: of the head, then of the final instance.
    pub(crate) buckets: Option<[usize; 4]>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GrowthText {
    blocks: u64,
    secs: u64,
    history_bytes: u64,
    lasting_bytes: u64,
}

impl FootprintText {
    pub(crate) fn new(footprint: &Footprint, usage: Option<Usage>) -> Self {
        let parts = footprint.parts.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes));
        Self {
            parts: parts.collect(),
            growth: footprint.growth.map(|growth| GrowthText {
                blocks: growth.blocks,
                secs: growth.secs,
                history_bytes: growth.history_bytes,
                lasting_bytes: growth.lasting_bytes,
            }),
            head: footprint.head.get(),
            history_from: footprint.history_from.get(),
            buckets: usage.map(|usage| {
                [
                    usage.head_occupied,
                    usage.head_capacity,
                    usage.final_occupied,
                    usage.final_capacity,
                ]
            }),
        }
    }

    /// Bytes for each block and for each day, if that can be said.
    fn pace(&self) -> Option<(u64, u64)> {
        let it = self.growth?;
        let growth = Growth {
            blocks: it.blocks,
            secs: it.secs,
            history_bytes: it.history_bytes,
            lasting_bytes: it.lasting_bytes,
        };
        // Of a node that forgets old blocks, history has reached its size.
        let grows = self.history_from == 0;
        let history = if grows { it.history_bytes } else { 0 };
        Some((it.lasting_bytes.saturating_add(history), growth.bytes_per_day(grows)))
    }
}

/// Looks at the store of a node whose data is in `data`, or asks the node that uses it.
pub(super) async fn check(data: &Path) -> Vec<Finding> {
    let dir = data.join("chain");
    let footprint = match inspect(&dir) {
        Ok(Holding::Chain { .. }) => {
            footprint(&dir).map(|it| FootprintText::new(&it, None)).map_err(Into::into)
        }
        Ok(Holding::InUse) => ask_for_footprint(&dir).await,
        // What there is to say of it is said elsewhere.
        _ => return Vec::new(),
    };
    match footprint {
        Ok(footprint) => {
            let free = rustix::fs::statvfs(&dir).map_or(0, |it| it.f_bavail * it.f_frsize);
            std::iter::once(growth(&footprint, free)).chain(state(&footprint, free)).collect()
        }
        Err(error) => {
            let remedy = "run this as the node's user, or while the node is stopped";
            vec![Finding::warn("growth", error.to_string(), remedy)]
        }
    }
}

fn growth(footprint: &FootprintText, free: u64) -> Finding {
    let parts: Vec<_> =
        footprint.parts.iter().map(|(name, bytes)| format!("{name} {}", size(*bytes))).collect();
    let parts = parts.join(", ");
    let Some((block, day)) = footprint.pace() else {
        return Finding::ok("growth", format!("{parts}; the chain is too young to tell its pace"));
    };
    let days = free / day.max(1);
    let text = format!(
        "{parts}; about {} a block and {} a day, by the last {} blocks: the {} free last for about {}",
        size(block),
        size(day),
        footprint.growth.map_or(0, |growth| growth.blocks),
        size(free),
        if days > 3_650 { "ten years or more".to_owned() } else { format!("{days} days") }
    );
    let remedy =
        "enlarge the disk, move the data, or forget old blocks: `mezz node --history BLOCKS`";
    match days {
        0..LATE => Finding::fail("growth", text, remedy),
        LATE..SOON => Finding::warn("growth", text, remedy),
        _ => Finding::ok("growth", text),
    }
}

/// A table is replaced by one of twice the size when three quarters are used: both are there meanwhile.
fn state(footprint: &FootprintText, free: u64) -> Option<Finding> {
    let [head, head_all, last, last_all] = footprint.buckets?;
    let percent = |used: usize, all: usize| used * 100 / all.max(1);
    let text = format!(
        "hash tables: head {head} of {head_all} buckets ({} %), final {last} of {last_all} ({} %); \
         each grows by itself at 75 %",
        percent(head, head_all),
        percent(last, last_all),
    );
    // Four KiB each, once more for the larger table.
    let needed = (head.max(last) as u64).saturating_mul(2 * 4_096);
    Some(if needed < free {
        Finding::ok("state", text)
    } else {
        let remedy = format!("growing takes {} for a while: make room", size(needed));
        Finding::warn("state", text, remedy)
    })
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} kB", bytes / 1_000),
        10_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Level, *};

    fn footprint(history_from: u64) -> FootprintText {
        let growth =
            GrowthText { blocks: 43_200, secs: 43_200, history_bytes: 9_000, lasting_bytes: 1_000 };
        FootprintText {
            parts: vec![("chain.redb".into(), 5_000_000_000)],
            growth: Some(growth),
            head: 1_000_000,
            history_from,
            buckets: Some([3_000, 8_192, 10, 8_192]),
        }
    }

    #[test]
    fn a_disk_that_fills_soon_is_said_in_days() {
        // 864 MB a day.
        let cases = [(8_640_000_000, Level::Fail), (43_200_000_000, Level::Warn)];
        for (free, level) in cases.into_iter().chain([(864_000_000_000, Level::Ok)]) {
            let finding = growth(&footprint(0), free);
            assert_eq!(finding.level, level, "{finding:?}");
            assert!(finding.finding.contains("864 MB a day"), "{finding:?}");
        }
        assert!(growth(&footprint(0), 8_640_000_000).finding.ends_with("about 10 days"));
        // Who forgets old blocks grows by what lasts.
        let finding = growth(&footprint(900_000), 8_640_000_000);
        assert!(finding.finding.contains("86 MB a day"), "{finding:?}");
        assert_eq!(finding.level, Level::Ok);
        let young = FootprintText { growth: None, ..footprint(0) };
        assert_eq!(growth(&young, 0).level, Level::Ok);
    }

    #[test]
    fn a_table_needs_room_to_grow() {
        let finding = state(&footprint(0), 1_000_000_000).unwrap();
        assert_eq!(finding.level, Level::Ok);
        assert!(finding.finding.contains("3000 of 8192 buckets (36 %)"), "{finding:?}");
        assert_eq!(state(&footprint(0), 1_000_000).unwrap().level, Level::Warn);
    }

    #[tokio::test]
    async fn nothing_is_said_of_what_is_no_store() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(check(dir.path()).await, Vec::new());
    }
}
