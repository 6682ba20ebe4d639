"""What the bytes of a recording say about its extent: where each stream begins and ends, how much a
header promises, and which headers are wrong. One file for each format; ``extent.examine`` asks
them. Nothing is decoded here, and nothing beside headers is read."""
