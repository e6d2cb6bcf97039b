"""Integrations: one module per framework, without policy. Import the one that you use."""
