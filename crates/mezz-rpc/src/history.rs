//! A short history that any number of readers follow, each at its own pace.
//!
//! Overflow policy: the oldest goes, by count and by bytes, whoever has not read it. A reader to whom that
//! happens is told so, and gets nothing more.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

/// How much a history holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Items at most.
    pub(crate) items: usize,
    /// Bytes at most; the newest item stays however large it is.
    pub(crate) bytes: usize,
}

/// The reader has not read what is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Behind;

/// What happened last.
pub(crate) struct History<T> {
    kept: Mutex<Kept<T>>,
    /// How many items there were in all.
    end: watch::Sender<u64>,
    room: Room,
}

struct Kept<T> {
    /// With their bytes, oldest first.
    items: VecDeque<(usize, Arc<T>)>,
    bytes: usize,
    end: u64,
}

impl<T> Kept<T> {
    fn first(&self) -> u64 {
        self.end.saturating_sub(self.items.len() as u64)
    }

    fn drop_oldest(&mut self) {
        if let Some((bytes, _)) = self.items.pop_front() {
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }
}

impl<T> History<T> {
    pub(crate) fn new(room: Room) -> Arc<Self> {
        let kept = Mutex::new(Kept { items: VecDeque::new(), bytes: 0, end: 0 });
        Arc::new(Self { kept, end: watch::Sender::new(0), room })
    }

    fn lock(&self) -> MutexGuard<'_, Kept<T>> {
        // Every change is whole before anything can panic.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item of so many bytes.
    pub(crate) fn push(&self, item: T, bytes: usize) {
        let mut kept = self.lock();
        kept.items.push_back((bytes, Arc::new(item)));
        kept.bytes = kept.bytes.saturating_add(bytes);
        kept.end = kept.end.saturating_add(1);
        while kept.items.len() > self.room.items.max(1)
            || kept.bytes > self.room.bytes && kept.items.len() > 1
        {
            kept.drop_oldest();
        }
        self.end.send_replace(kept.end);
    }

    /// Something is missing here: all readers are behind.
    pub(crate) fn skip(&self) {
        let mut kept = self.lock();
        kept.items.clear();
        kept.bytes = 0;
        kept.end = kept.end.saturating_add(1);
        self.end.send_replace(kept.end);
    }

    /// Reads what comes from now on.
    pub(crate) fn reader(self: &Arc<Self>) -> Reader<T> {
        let ends = self.end.subscribe();
        let next = self.lock().end;
        Reader { history: Arc::clone(self), ends, next }
    }
}

/// Follows a history.
pub(crate) struct Reader<T> {
    history: Arc<History<T>>,
    ends: watch::Receiver<u64>,
    /// Items before the one that is read next.
    next: u64,
}

impl<T> Reader<T> {
    /// The next item, waiting for it.
    ///
    /// # Errors
    /// [`Behind`] if it is gone already.
    pub(crate) async fn next(&mut self) -> Result<Arc<T>, Behind> {
        loop {
            let end = *self.ends.borrow_and_update();
            if end > self.next {
                return self.take();
            }
            // The history, and its sender with it, is kept by this reader.
            let _ = self.ends.changed().await;
        }
    }

    fn take(&mut self) -> Result<Arc<T>, Behind> {
        let kept = self.history.lock();
        let at = self.next.checked_sub(kept.first()).ok_or(Behind)?;
        let found = usize::try_from(at).ok().and_then(|at| kept.items.get(at));
        let (_, item) = found.ok_or(Behind)?;
        self.next = self.next.saturating_add(1);
        Ok(Arc::clone(item))
    }

    /// Returns when what would be read next is gone.
    pub(crate) async fn behind(&mut self) -> Behind {
        while self.next >= self.history.lock().first() {
            // As above.
            let _ = self.ends.changed().await;
        }
        Behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { items: 3, bytes: 100 };

    #[tokio::test]
    async fn every_reader_gets_everything_in_order_at_its_own_pace() {
        let history = History::new(ROOM);
        history.push(0, 1);
        let mut readers = [history.reader(), history.reader()];
        for item in 1..4 {
            history.push(item, 1);
            assert_eq!(*readers[0].next().await.unwrap(), item);
        }
        for item in 1..4 {
            assert_eq!(*readers[1].next().await.unwrap(), item);
        }
    }

    #[tokio::test]
    async fn the_oldest_goes_by_count_and_by_bytes_and_its_reader_is_told() {
        let history = History::new(ROOM);
        let mut slow = history.reader();
        for item in 0..4 {
            history.push(item, 1);
        }
        assert_eq!((slow.behind().await, slow.next().await), (Behind, Err(Behind)));
        let mut slow = history.reader();
        history.push(4, 60);
        history.push(5, 41);
        assert_eq!(slow.next().await, Err(Behind));
        let mut fast = history.reader();
        history.push(6, 1_000);
        assert_eq!(*fast.next().await.unwrap(), 6);
        assert_eq!(history.lock().bytes, 1_000);
    }

    #[tokio::test]
    async fn who_waits_is_behind_once_something_is_missing() {
        let history = History::<u8>::new(ROOM);
        let mut reader = history.reader();
        let waiting = tokio::spawn(async move { reader.next().await });
        history.skip();
        assert_eq!(waiting.await.unwrap(), Err(Behind));
    }
}
