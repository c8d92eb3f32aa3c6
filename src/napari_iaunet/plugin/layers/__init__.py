"""What several tabs read or write of the viewer's layers.

What a single tab does with layers lies in its own room, in a file named for it.
"""
