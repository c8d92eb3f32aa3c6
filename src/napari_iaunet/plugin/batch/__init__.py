"""The Batch tab: many images."""
