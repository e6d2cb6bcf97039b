"""Integrations: one file a framework. They hold no policy; import the one that you use."""
