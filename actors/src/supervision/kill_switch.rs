//! A tree of switches: a parent's end ends its children, a child's end is its own.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::watch;

/// One switch in the tree. Clones are the same switch; a clone costs one reference count.
///
/// A switch keeps its ancestors in memory, not its descendants: one whose last clone is dropped leaves its parent at once.
/// Dropping a switch does not hit it; [`KillOnDrop`] does.
#[derive(Clone)]
pub struct KillSwitch {
    node: Arc<Node>,
}

struct Node {
    killed: watch::Sender<bool>,
    branches: Mutex<Branches>,
    parent: Option<(Arc<Node>, u64)>,
}

#[derive(Default)]
struct Branches {
    /// Set under the lock, so that a child is either seen by the kill or born killed.
    closed: bool,
    next: u64,
    children: HashMap<u64, Weak<Node>>,
}

impl KillSwitch {
    /// A root: a switch without a parent.
    #[must_use]
    pub fn new() -> Self {
        Self { node: Arc::new(Node::new(None, false)) }
    }

    /// A switch that is hit when this one is. A child of a killed switch is born killed.
    #[must_use]
    pub fn child(&self) -> Self {
        let mut branches = self.node.branches();
        let id = branches.next;
        branches.next += 1;
        let node = Arc::new(Node::new(Some((Arc::clone(&self.node), id)), branches.closed));
        if !branches.closed {
            branches.children.insert(id, Arc::downgrade(&node));
        }
        Self { node }
    }

    /// Hits this switch and all below it. A second hit changes nothing.
    pub fn kill(&self) {
        // A loop and not a recursion: the tree's depth must not be the stack's.
        let mut pending = vec![Arc::clone(&self.node)];
        while let Some(node) = pending.pop() {
            pending.extend(node.trip());
        }
    }

    /// Whether this switch, or one above it, was hit.
    #[must_use]
    pub fn is_killed(&self) -> bool {
        *self.node.killed.borrow()
    }

    /// Waits until this switch is hit; at once if it was. Safe to cancel.
    pub async fn killed(&self) {
        // The sender lives in `self`, so the channel cannot close while this waits.
        let _ = self.node.killed.subscribe().wait_for(|killed| *killed).await;
    }

    /// A guard that hits this switch when it is dropped.
    pub fn kill_on_drop(self) -> KillOnDrop {
        KillOnDrop { switch: Some(self) }
    }

    /// How many children are alive and not killed, for metrics and tests.
    #[must_use]
    pub fn children(&self) -> usize {
        self.node.branches().children.len()
    }
}

impl Default for KillSwitch {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for KillSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KillSwitch").field("killed", &self.is_killed()).field("children", &self.children()).finish()
    }
}

impl Node {
    fn new(parent: Option<(Arc<Node>, u64)>, killed: bool) -> Self {
        let branches = Mutex::new(Branches { closed: killed, ..Branches::default() });
        Self { killed: watch::Sender::new(killed), branches, parent }
    }

    fn branches(&self) -> MutexGuard<'_, Branches> {
        // No code under this lock can leave it half changed.
        self.branches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hits this node alone and gives the children that are still to be hit.
    fn trip(&self) -> Vec<Arc<Node>> {
        let children = {
            let mut branches = self.branches();
            branches.closed = true;
            std::mem::take(&mut branches.children)
        };
        // Outside the lock: a woken task, or the last reference to a child, may need it.
        self.killed.send_replace(true);
        children.into_values().filter_map(|child| child.upgrade()).collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A loop, because a long chain that is dropped from its end would otherwise recurse once per ancestor.
        let mut next = self.parent.take();
        while let Some((parent, id)) = next {
            parent.branches().children.remove(&id);
            next = Arc::into_inner(parent).and_then(|mut parent| parent.parent.take());
        }
    }
}

/// Hits a [`KillSwitch`] when it is dropped, unless it was disarmed: for work that must not outlive a scope.
#[derive(Debug)]
#[must_use = "a guard that is dropped at once kills at once"]
pub struct KillOnDrop {
    switch: Option<KillSwitch>,
}

impl KillOnDrop {
    /// Gives the switch back without hitting it.
    #[must_use]
    pub fn disarm(mut self) -> KillSwitch {
        self.switch.take().unwrap_or_default()
    }
}

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if let Some(switch) = &self.switch {
            switch.kill();
        }
    }
}
