"""Files: reading images, writing what was found."""
