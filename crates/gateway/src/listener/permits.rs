//! Counts open connections: all of them, and those of one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::request_id::network;

/// The counters of one listener.
pub(super) struct Permits {
    total: usize,
    per_address: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    total: usize,
    by_network: HashMap<IpAddr, usize>,
}

/// The right to one open connection; given back when dropped.
pub(super) struct Permit {
    permits: Arc<Permits>,
    network: IpAddr,
}

impl Permits {
    /// No more than `total` connections, and `per_address` of one address.
    pub(super) fn new(total: usize, per_address: usize) -> Arc<Self> {
        Arc::new(Self { total, per_address, open: Mutex::default() })
    }

    /// One more connection of `address`, where both caps allow it.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Permit> {
        let network = network(address);
        let mut open = self.lock();
        let of_network = open.by_network.get(&network).copied().unwrap_or(0);
        if open.total >= self.total || of_network >= self.per_address {
            return None;
        }
        open.total += 1;
        open.by_network.insert(network, of_network + 1);
        Some(Permit { permits: Arc::clone(self), network })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.permits.lock();
        open.total = open.total.saturating_sub(1);
        let left = open.by_network.get(&self.network).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            open.by_network.remove(&self.network);
        } else {
            open.by_network.insert(self.network, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Permits;

    #[test]
    fn both_caps_hold_and_permits_come_back() {
        let permits = Permits::new(3, 2);
        let one = "10.0.0.1".parse().unwrap();
        let first = permits.take(one).unwrap();
        let _second = permits.take("::ffff:10.0.0.1".parse().unwrap()).unwrap();
        assert!(permits.take(one).is_none(), "per address");
        let _third = permits.take("2001:db8::1".parse().unwrap()).unwrap();
        assert!(permits.take("2001:db8::2".parse().unwrap()).is_none(), "total");
        drop(first);
        let _fourth = permits.take("2001:db8::ffff".parse().unwrap()).unwrap();
        assert!(permits.take("10.9.9.9".parse().unwrap()).is_none(), "total again");
    }
}
