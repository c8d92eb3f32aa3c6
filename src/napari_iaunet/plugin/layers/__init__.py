"""All that reads or writes the viewer's layers for more than one tab."""
