"""Images that are larger than memory: chunk by chunk, on one machine or many."""
