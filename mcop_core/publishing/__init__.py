"""Publishing: a folder of documents in, one checked `Change` of the catalog out, or every fault."""
