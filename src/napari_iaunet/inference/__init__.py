"""Where and how the network runs: devices, engines, tiles."""
