//! The wasmtime engine, its settings, and the clock of its deadlines.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, Module, PoolingAllocationConfig};

use super::Error;

/// How often the epoch advances; the resolution of deadlines.
pub(super) const TICK: Duration = Duration::from_millis(5);

/// What an engine is sized for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineConfig {
    /// Sandboxes that may exist at the same time, over all models. Zero: no pool, every sandbox
    /// maps its own memory, which suits one-off commands.
    pub pool: u32,
    /// The largest linear memory of a sandbox, in bytes; the pool cannot give more.
    pub max_memory: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        EngineConfig { pool: 0, max_memory: 1 << 30 }
    }
}

/// A wasmtime engine whose epoch advances while the engine lives.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    /// Modules that many programs have in common, by their keys in the compile cache.
    shared: Arc<Mutex<HashMap<String, Module>>>,
}

impl Engine {
    /// Starts an engine and the thread that advances its epoch; the thread ends with the engine.
    ///
    /// # Errors
    /// When the machine cannot provide the pool's address space.
    pub fn new(config: &EngineConfig) -> Result<Engine, Error> {
        let inner = wasmtime::Engine::new(&settings(config)).map_err(Error::engine)?;
        let weak = inner.weak();
        std::thread::Builder::new()
            .name("epoch".into())
            .spawn(move || {
                while let Some(engine) = weak.upgrade() {
                    engine.increment_epoch();
                    drop(engine);
                    std::thread::sleep(TICK);
                }
            })
            .map_err(|error| Error::Engine(error.to_string()))?;
        Ok(Engine { inner, shared: Arc::default() })
    }

    pub(super) fn inner(&self) -> &wasmtime::Engine {
        &self.inner
    }

    /// The shared module of `key`; `read` where it is asked for the first time.
    pub(super) fn shared(&self, key: &str, read: impl FnOnce() -> Option<Module>) -> Option<Module> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = shared.get(key) {
            return Some(module.clone());
        }
        let module = read()?;
        shared.insert(key.to_owned(), module.clone());
        Some(module)
    }

    /// Whether this kernel resets a used sandbox by looking up its touched pages (`PAGEMAP_SCAN`,
    /// Linux 6.7 or later), which makes a fresh sandbox several times cheaper.
    pub fn pagemap_scan() -> bool {
        PoolingAllocationConfig::is_pagemap_scan_available()
    }
}

/// Pages of a used memory and table that stay mapped for the next sandbox of the same model.
const KEEP_RESIDENT: usize = 4 << 20;

fn settings(config: &EngineConfig) -> Config {
    let mut settings = Config::new();
    settings.epoch_interruption(true);
    // The memory of a trapped sandbox holds the message of its panic.
    settings.coredump_on_trap(true);
    if config.pool > 0 {
        let mut pool = PoolingAllocationConfig::default();
        pool.total_component_instances(config.pool)
            // A sandbox is two: the model's memory, and the code that imports it.
            .total_core_instances(config.pool.saturating_mul(2))
            .total_memories(config.pool)
            .total_tables(config.pool)
            .max_memory_size(config.max_memory)
            .table_elements(100_000)
            .pagemap_scan(Enabled::Auto)
            .linear_memory_keep_resident(if Engine::pagemap_scan() {
                KEEP_RESIDENT
            } else {
                KEEP_RESIDENT / 4
            })
            .table_keep_resident(1 << 20);
        settings.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    settings
}
