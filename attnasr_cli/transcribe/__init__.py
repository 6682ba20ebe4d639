"""The batch around the recogniser: what to read, where to write, what is done already."""
