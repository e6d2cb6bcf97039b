"""Seals: data ⇄ sealed text, by the Fe26.2 protocol. Independent of cookies."""

from iron_session._speedups import speedups
from iron_session.seals.iron import KeyOptions, SealOptions, Secret, seal, unseal
from iron_session.seals.passwords import PasswordInput, Passwords, generate_password
from iron_session.seals.sealing import seal_data, unseal_data

__all__ = [
    "KeyOptions",
    "PasswordInput",
    "Passwords",
    "SealOptions",
    "Secret",
    "generate_password",
    "seal",
    "seal_data",
    "speedups",
    "unseal",
    "unseal_data",
]
