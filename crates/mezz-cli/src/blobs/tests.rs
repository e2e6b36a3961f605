use alloy_primitives::{Address, FixedBytes};
use mezz_l1::{BeaconClient, Blob, L1Error};
use mezz_types::{Batch, BatchIndex, DataKind, DataVerdict, InboxIndex, L1BlockNumber, L1Facts};
use url::Url;

use super::*;

fn batch() -> Batch {
    Batch {
        parent: B256::ZERO,
        index: BatchIndex::new(4),
        data_kind: DataKind::Blob,
        verdict: DataVerdict::Available,
        data_hash: B256::ZERO,
        facts: L1Facts {
            number: L1BlockNumber::new(9),
            timestamp: 0,
            base_fee: 0,
            blob_base_fee: 0,
        },
        inbox_start: InboxIndex::ZERO,
        inbox_end: InboxIndex::ZERO,
        inbox_accumulator: B256::ZERO,
        oldest_unconsumed_timestamp: 0,
        poster: Address::ZERO,
    }
}

fn blob(byte: u8) -> (B256, Blob) {
    let mut blob: Blob = Box::new(FixedBytes::ZERO);
    // The first byte of a field element is small enough for every second one.
    blob[1] = byte;
    (mezz_crypto::blob_versioned_hash(&blob).unwrap(), blob)
}

#[tokio::test]
async fn another_node_gets_what_is_kept_and_believes_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let archive = BlobArchive::open(dir.path()).unwrap();
    let kept = [1, 2].map(blob);
    for (hash, blob) in &kept {
        archive.put(BatchIndex::new(4), *hash, blob).unwrap();
    }
    let (false_hash, _) = blob(3);
    archive.put(BatchIndex::new(4), false_hash, &kept[0].1).unwrap();
    let server = serve("127.0.0.1:0".parse().unwrap(), archive).await.unwrap();

    let url = Url::parse(&format!("http://{}", server.addr)).unwrap();
    let other = tempfile::tempdir().unwrap();
    let other = BlobArchive::open(other.path()).unwrap();
    let client = BeaconClient::new(vec![url]).with_archive(other.clone());
    // In the order in which they are asked for.
    let hashes = [kept[1].0, kept[0].0];
    let got = client.blobs(&batch(), &hashes).await.unwrap();
    assert_eq!(got, [kept[1].1.clone(), kept[0].1.clone()]);
    let refused = client.blobs(&batch(), &[kept[0].0, false_hash]).await;
    assert!(matches!(refused, Err(L1Error::Data { .. })), "{refused:?}");

    // Now it has them itself, and not what was false.
    drop(server);
    assert_eq!(client.blobs(&batch(), &hashes).await.unwrap(), got);
    assert_eq!(other.get(false_hash).unwrap(), None);
}

#[test]
fn what_is_asked_for_is_read_and_bounded() {
    let [first, second] = [1, 2].map(B256::repeat_byte);
    let expected = Ok(vec![first, second]);
    assert_eq!(versioned_hashes(&format!("versioned_hashes={first},{second}")), expected);
    let twice = format!("versioned_hashes={first}&x=1&versioned_hashes={second}");
    assert_eq!(versioned_hashes(&twice), expected);
    let many = vec![first.to_string(); MAX_HASHES];
    assert!(versioned_hashes(&format!("versioned_hashes={}", many.join(","))).is_ok());
    for wrong in [
        String::new(),
        "versioned_hashes=".into(),
        "versioned_hashes=0x12".into(),
        format!("versioned_hashes={},{first}", many.join(",")),
    ] {
        assert!(versioned_hashes(&wrong).is_err(), "{wrong}");
    }
}
