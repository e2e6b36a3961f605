//! A node of the simulated network, with its lines to L1 and to the sequencer.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, Mutex},
};

use mezz_l1::{Endpoint, SenderSettings};
use mezz_node::{
    BatcherRole, ChainView, FollowerSettings, NodeConfig, ProposerRole, Roles, SequencerSettings,
};

use super::{
    feed::{Feed, Heard, SIGNER},
    link::Link,
    timer::SimTimer,
};
use crate::{Liar, Lie, TestNode, World, key};

/// Folders of a store that hold the state; the database lies beside them.
const STATE: [&str; 2] = ["head", "final"];

/// Who a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// Builds blocks.
    Sequencer,
    /// Follows the sequencer and posts what it hears.
    Batcher,
    /// Knows L1 alone, and claims.
    Proposer,
    /// Follows the sequencer.
    Replica,
    /// Knows L1 alone.
    Derived,
}

impl Who {
    pub(super) const ALL: [Self; 5] =
        [Self::Sequencer, Self::Batcher, Self::Proposer, Self::Replica, Self::Derived];

    pub(super) const fn follows(self) -> bool {
        matches!(self, Self::Batcher | Self::Replica)
    }
}

pub(super) struct Member {
    pub(super) who: Who,
    pub(super) node: TestNode,
    pub(super) open: bool,
    pub(super) l1: Arc<Liar>,
    pub(super) link: Arc<Link>,
    pub(super) feed: Arc<Feed>,
    lives: u32,
    /// Highest block that was final to it.
    pub(super) finalized: u64,
}

/// What the roles of a world's own node are made of.
pub(super) struct Parts {
    pub(super) sequencer: SequencerSettings,
    pub(super) batcher: BatcherRole,
    pub(super) proposer: ProposerRole,
    pub(super) sender: SenderSettings,
    pub(super) timer: Arc<SimTimer>,
    pub(super) chain: Arc<Mutex<Option<ChainView>>>,
}

impl Member {
    pub(super) fn open(world: &mut World, who: Who, parts: &Parts) -> Self {
        let l1 = Liar::new(world.l1.handler(), Lie::Nothing);
        let link = Link::new(Arc::clone(&l1) as _);
        let heard = Mutex::new(Heard::Everything);
        let feed = Arc::new(Feed { chain: Arc::clone(&parts.chain), heard });
        let follower = FollowerSettings {
            sources: vec![Arc::clone(&feed) as _],
            sequencer: key(SIGNER).address(),
        };
        let roles = Roles {
            sequencer: (who == Who::Sequencer).then_some(parts.sequencer),
            batcher: (who == Who::Batcher).then(|| parts.batcher.clone()),
            proposer: (who == Who::Proposer).then(|| parts.proposer.clone()),
            follower: who.follows().then_some(follower),
        };
        let config = NodeConfig {
            l1: Endpoint::in_process(Arc::clone(&link) as _),
            sender: parts.sender,
            timer: Arc::clone(&parts.timer) as _,
            keep_witnesses: false,
            roles,
            ..world.replica_config()
        };
        let node = TestNode::open(config);
        let member = Self { who, node, open: true, l1, link, feed, lives: 0, finalized: 0 };
        member.announce();
        member
    }

    /// Lets followers see the sequencer.
    fn announce(&self) {
        if self.who == Who::Sequencer {
            let view = self.node.parts().view.clone();
            *self.feed.chain.lock().expect("no holder of the lock panics") = Some(view);
        }
    }

    fn hide(&self) {
        if self.who == Who::Sequencer {
            *self.feed.chain.lock().expect("no holder of the lock panics") = None;
        }
    }

    /// Ends it in order.
    pub(super) fn stop(&mut self) {
        self.hide();
        self.link.clear();
        self.node.close();
        self.open = false;
    }

    /// Starts it on what is on disk.
    pub(super) fn start(&mut self) {
        self.node.restart();
        self.open = true;
        self.announce();
    }

    /// The state as it is on disk at this instant, for [`Member::tear`].
    pub(super) fn keep_state(&self) -> io::Result<()> {
        let old = &self.node.config.data_dir;
        for instance in STATE {
            copy(&old.join(instance), &old.with_file_name("kept").join(instance))?;
        }
        Ok(())
    }

    /// The power fails between the store's steps: the database is as it is now, the state as it was kept.
    pub(super) fn tear(&mut self) -> io::Result<()> {
        let kept = self.node.config.data_dir.with_file_name("kept");
        self.kill_with(|new| {
            for instance in STATE {
                fs::remove_dir_all(new.join(instance))?;
                copy(&kept.join(instance), &new.join(instance))?;
            }
            fs::remove_dir_all(&kept)
        })
    }

    /// What the disk holds at this instant is what it comes back with: nothing that closing a store
    /// would write.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.kill_with(|_| Ok(()))
    }

    fn kill_with(&mut self, change: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
        self.lives += 1;
        let old = self.node.config.data_dir.clone();
        let name = format!("{:?}-{}", self.who, self.lives);
        let new = old.with_file_name(name);
        copy(&old, &new)?;
        change(&new)?;
        self.stop();
        fs::remove_dir_all(&old)?;
        self.node.config.data_dir = new;
        self.start();
        Ok(())
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
