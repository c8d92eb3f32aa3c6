"""What all tabs share: settings, models in memory, jobs, the mouse."""
