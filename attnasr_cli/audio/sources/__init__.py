"""Readers of recordings at their own rate; ``open.open_source`` chooses among them."""
