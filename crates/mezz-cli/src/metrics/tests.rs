//! The alerts, their pages and the board name metrics that exist.

use std::{collections::BTreeSet, fs, path::PathBuf};

use super::{Board, probe::low_disk};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    let path = repository().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Series that Prometheus sees: counters end in `_total`, histograms have three.
fn exported() -> BTreeSet<String> {
    let board = Board::new();
    // A family without a series is not shown.
    for family in [
        &board.block_number,
        &board.pool_transactions,
        &board.batches,
        &board.claims,
        &board.key_balance,
        &board.data_bytes,
        &board.state_buckets,
    ] {
        Board::set(family, "label", "value", 1.0);
    }
    for family in [&board.l1_gas_used, &board.rpc_requests] {
        family.get_or_create(&vec![("label", "value".to_owned())]).inc();
    }
    board.block_step.observe("execute", 0.1);
    let mut names = BTreeSet::new();
    for line in board.encode().lines() {
        let Some(rest) = line.strip_prefix("# TYPE ") else { continue };
        let (name, kind) = rest.split_once(' ').expect("a type line has a name and a kind");
        let endings: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        names.extend(endings.iter().map(|ending| format!("{name}{ending}")));
    }
    names
}

/// Every word that starts with `mezz_` and is no crate's name.
fn named(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("mezz_"))
        .map(str::to_owned)
        .collect()
}

fn alerts() -> Vec<String> {
    let rules = read("ops/alerts.yml");
    let names = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    names.map(str::to_owned).collect()
}

#[test]
fn every_metric_that_is_named_exists() {
    let exported = exported();
    assert!(exported.len() > 20, "{exported:?}");
    let mut texts = vec!["ops/alerts.yml".to_owned(), "ops/grafana.json".to_owned()];
    texts.extend(alerts().iter().map(|alert| format!("docs/runbook/{alert}.md")));
    for path in texts {
        let unknown: Vec<String> = named(&read(&path)).difference(&exported).cloned().collect();
        assert!(unknown.is_empty(), "{path} names {unknown:?}; there are {exported:?}");
    }
}

#[test]
fn every_alert_has_its_page_and_every_page_its_alert() {
    let alerts: BTreeSet<String> = alerts().into_iter().collect();
    assert!(alerts.len() >= 6, "{alerts:?}");
    let rules = read("ops/alerts.yml");
    for alert in &alerts {
        assert!(rules.contains(&format!("runbook: docs/runbook/{alert}.md")), "{alert}");
        let page = read(&format!("docs/runbook/{alert}.md"));
        for part in ["**Meaning.**", "**Look.**", "**Do.**"] {
            assert!(page.contains(part), "docs/runbook/{alert}.md lacks {part}");
        }
        assert!(read("docs/runbook/README.md").contains(&format!("({alert}.md)")), "{alert}");
    }
    let pages = fs::read_dir(repository().join("docs/runbook")).expect("the runbook is there");
    let pages: BTreeSet<String> = pages
        .map(|page| page.expect("it can be listed").path())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .filter(|name| name != "README")
        .collect();
    assert_eq!(pages, alerts);
}

#[test]
fn the_text_is_what_prometheus_reads() {
    let board = Board::new();
    Board::set(&board.block_number, "label", "latest", 7.0);
    board.batches_posted.inc();
    board.block_step.observe("commit", 0.1);
    let text = board.encode();
    for line in [
        "mezz_block_number{label=\"latest\"} 7.0",
        "mezz_batches_posted_total 1",
        "# TYPE mezz_block_step_seconds histogram",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in:\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn a_disk_below_its_reserve_is_why_a_node_is_not_ready() {
    let mib = f64::from(1 << 20);
    assert_eq!(low_disk(8.0 * mib, 8.0 * mib), None);
    assert_eq!(low_disk(0.0, 0.0), None, "a node that takes no transactions keeps no reserve");
    let low = low_disk(7.0 * mib, 8.0 * mib).expect("it is below");
    assert!(low.ends_with("7 MiB are free, 8 MiB are kept in reserve"), "{low}");
}
