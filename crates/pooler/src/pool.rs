//! Backends that can take each other's place.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    backend::Backend,
    cache::Cache,
    end::{End, TOO_MANY_CONNECTIONS},
    options::Options,
    startup::Startup,
};

/// How long a query waits for a backend; pgbouncer's `query_wait_timeout` in the stack is the same.
const WAIT_MAX: Duration = Duration::from_secs(5);

const POOLS_MAX: usize = 1_000;

/// A pool for each set of startup parameters.
pub(crate) struct Pools {
    options: Options,
    pools: Mutex<HashMap<Startup, Arc<Pool>>>,
}

pub(crate) struct Pool {
    options: Options,
    startup: Startup,
    /// A query takes a slot before a backend and returns the backend before the slot: so there are never more backends
    /// than slots, idle ones included.
    slots: Arc<Semaphore>,
    /// Used last, used first: the most recent one is the likeliest to be alive.
    idle: Mutex<Vec<Backend>>,
    /// Only of a caching pooler.
    pub(crate) cache: Option<Cache>,
}

/// A backend for the time of one query. One that is just dropped is closed without a word.
pub(crate) struct Lease {
    pub(crate) backend: Backend,
    _slot: OwnedSemaphorePermit,
}

impl Pools {
    pub(crate) fn new(options: Options) -> Self {
        Self { options, pools: Mutex::default() }
    }

    /// What a client must send.
    pub(crate) fn password(&self) -> Option<&str> {
        self.options.password.as_deref()
    }

    pub(crate) fn pool(&self, startup: Startup) -> Result<Arc<Pool>, End> {
        let mut pools = self.pools.lock();
        if let Some(pool) = pools.get(&startup) {
            return Ok(pool.clone());
        }
        if pools.len() == POOLS_MAX {
            let message =
                format!("the strict pooler has {POOLS_MAX} pools already, one for each set of startup parameters");
            return Err(End::failed(TOO_MANY_CONNECTIONS, message));
        }
        let pool = Arc::new(Pool::new(self.options.clone(), startup.clone()));
        pools.insert(startup, pool.clone());
        Ok(pool)
    }
}

impl Pool {
    fn new(options: Options, startup: Startup) -> Self {
        let slots = Arc::new(Semaphore::new(options.connections.into()));
        let cache = options.caching.then(Cache::default);
        Self { options, startup, slots, idle: Mutex::default(), cache }
    }

    /// A backend that was alive a moment ago. Dropping the future in between leaves nothing behind.
    pub(crate) async fn borrow(&self) -> Result<Lease, End> {
        let Ok(Ok(slot)) = timeout(WAIT_MAX, self.slots.clone().acquire_owned()).await else {
            let message = format!(
                "all {} backends of the strict pooler have been busy for {} s",
                self.options.connections,
                WAIT_MAX.as_secs()
            );
            return Err(End::failed(TOO_MANY_CONNECTIONS, message));
        };
        let backend = match self.idle() {
            Some(backend) => backend,
            None => Backend::connect(&self.options, &self.startup).await?,
        };
        Ok(Lease { backend, _slot: slot })
    }

    /// Throws away those that died since they were used: after a restart of the server that is all of them.
    fn idle(&self) -> Option<Backend> {
        let mut idle = self.idle.lock();
        while let Some(backend) = idle.pop() {
            if backend.is_usable() {
                return Some(backend);
            }
        }
        None
    }

    /// What the server says to a client with these parameters.
    pub(crate) async fn greeting(&self) -> Result<Vec<u8>, End> {
        let lease = self.borrow().await?;
        let greeting = lease.backend.greeting().to_vec();
        // Nothing ran on it.
        self.put_back(lease).await;
        Ok(greeting)
    }

    /// After a query that ended as it should.
    pub(crate) async fn give_back(&self, mut lease: Lease) {
        if self.options.fresh || lease.backend.reset().await {
            self.put_back(lease).await;
        }
    }

    async fn put_back(&self, lease: Lease) {
        let Lease { backend, _slot } = lease;
        if self.options.fresh {
            backend.close().await;
        } else {
            self.idle.lock().push(backend);
        }
    }

    /// After a query that did not end, or not as it should.
    pub(crate) async fn throw_away(&self, lease: Lease) {
        let Lease { backend, _slot } = lease;
        backend.close().await;
    }
}
