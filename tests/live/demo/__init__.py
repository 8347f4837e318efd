"""scripts/demo-live: commits under a running guest, shown and checked."""
