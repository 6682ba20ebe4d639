"""A complete plugin for attnasr: ``net.py`` has the net, ``family.py`` the family of its models."""
